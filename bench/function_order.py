"""Writes scripts/function-order.ld: the functions that the commands use, those of a container's process first, then those of the short commands.

Called by scripts/function-order, as root. A process that uses a page of the program has all sixteen around it mapped, for the price of one
fault. In the order in which the compiler writes functions, a short command uses some of nearly every sixteen pages. So does a container's
process, and it begins with none of them: clone(2) does not copy the page tables of a file.
"""

import os
import re
import subprocess
import sys

from bench import outside, prepare

TARGET = prepare.REPOSITORY / "scripts/function-order.ld"
SHORT = ("state", "start", "kill", "delete")
# Where a clone begins to live, by the end of the mangled name: it returns into them, so that no breakpoint at their start is hit.
RETURNED_INTO = ("4tare3sys7process6clone3", "4tare6launch5spawn10clone_into", "4tare6launch5spawn5spawn", "4tare6launch4exec5clone")
ABOUT = """/* Written by scripts/function-order, read by scripts/build-release: the functions that the commands use stand together, so that few
 * pages of the program are mapped. A name that is no longer there does no harm, a new one stands with the rest.
 * `*` is in place of what depends on the compiler: the hash of a crate, and references back into the name. */
"""


def main():
    if os.uname().machine != "x86_64":
        return outside.complain("function-order knows breakpoints and registers of x86_64 only")
    return outside.alone(find)


def find(work):
    program = prepare.build_with_symbols(work, "with-symbols", {})
    names = functions_of(program)
    code, used = outside.follow(work, program, "first use", list(names))
    if code == 0:
        used["run"]["clone"] += returned_into(names)
        order = ordered(used)
        TARGET.write_text(script([names[address] for address in order]))
        print(f"function-order: {len(order)} of {len(names)} functions, in scripts/function-order.ld")
    return code


def returned_into(names):
    found = {end: address for address, name in names.items() for end in RETURNED_INTO if without_number(name).endswith(end)}
    for end in RETURNED_INTO:
        if end not in found:
            print(f"function-order: there is no function {end} any more, into which a clone returns: see RETURNED_INTO")
    return list(found.values())


def functions_of(program):
    """The program's functions by address."""
    said = subprocess.run(["nm", "--defined-only", str(program)], stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = (line.split() for line in said.splitlines())
    return {int(words[0], 16): words[2] for words in lines if len(words) == 3 and words[1] in "tTwW"}


def ordered(used):
    """First what a clone uses, beginning with what it shares with the short commands; then theirs, by the number of those that use it; then
    what exec uses, then the rest; each as first used, by whomever."""
    lists = {(name, process): addresses for name, processes in used.items() for process, addresses in processes.items()}
    positions = {user: {address: position for position, address in enumerate(addresses)} for user, addresses in lists.items()}

    def place(address):
        users = [user for user in positions if address in positions[user]]
        short = sum(name in SHORT for name, _ in users)
        if any(process == "clone" for _, process in users):
            group = 0 if short else 1
        elif short:
            group = 2
        else:
            group = 3 if ("exec", "main") in users else 4
        return group, -short if group == 2 else 0, min(positions[user][address] for user in users), address

    return sorted(set().union(*lists.values()), key=place)


# What every command uses and no name of Rust's says: the start of a C program, the C library, src/sys/memory.rs.
BEFORE = [f"    *{section}\n" for section in (
    "crt1.o(.text .text.*)", "crtbegin*.o(.text .text.*)", "(.text.main)", "libc.a:*(.text .text.*)",
    "(.text.memcpy .text.memmove .text.memcmp .text.bcmp)")]


def script(names):
    """C functions are left to their library, which is small and all in one place."""
    patterns = dict.fromkeys(pattern(name) for name in names if name.startswith("_R"))
    # What is marked as cold has a section of another name.
    lines = [f"    *(.text.{one}* .text.unlikely.{one}*)\n" for one in patterns]
    body = "".join([*BEFORE, *lines])
    return f"{ABOUT}SECTIONS\n{{\n  .text.first_use :\n  {{\n{body}  }}\n}}\nINSERT BEFORE .text;\n"


def without_number(name):
    """Without the one that the optimizer may have appended."""
    return re.sub(r"\.\d+$", "", name)


def pattern(name):
    """A mangled name (RFC 2603) for whatever compiler and folder."""
    without_hashes = re.sub(r"Cs[0-9A-Za-z]+_", "Cs*_", without_number(name))
    return re.sub(r"B[0-9A-Za-z]{1,2}_", "B*_", without_hashes)


if __name__ == "__main__":
    sys.exit(main())
