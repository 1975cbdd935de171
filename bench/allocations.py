"""What each command takes from the heap, and which module takes it: from what `heap_trace` has seen to tables.

Called by scripts/allocations, as root. Builds the release binary with frame pointers and line tables, and without optimization across
crates, which would copy the heap's functions into their callers: who asks for what is the same. Measures no time: a traced command is slow.
"""

import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field

from bench import outside, prepare, report
from bench.heap_trace import FREES, RESIZES, TAKES

PAGE = prepare.REPOSITORY / "docs/performance.md"
BUILD = {"CARGO_PROFILE_RELEASE_DEBUG": "line-tables-only", "CARGO_PROFILE_RELEASE_LTO": "off",
         "RUSTFLAGS": "-C force-frame-pointers=yes"}
# What the compiler calls for every allocation, by the end of its mangled name.
FUNCTIONS = {"rust_alloc": TAKES, "rust_alloc_zeroed": TAKES, "rust_realloc": RESIZES, "rust_dealloc": FREES}
COMMANDS = report.COMMANDS
MODULES_MOST, CALLERS_MOST = 14, 12
OUTSIDE = "before main"


def main(words):
    return outside.alone(lambda work: find(work, "--publish" in words))


def find(work, publishes):
    program = prepare.build_with_symbols(work, "allocations", BUILD)
    code, found = outside.follow(work, program, "heap", allocating(symbols(program)))
    if code:
        return code
    places = Places(program, {address for command in found.values() for stack in command["stacks"] for address in stack})
    profiles = {name: Profile.of(command["command"], command["stacks"], places) for name, command in found.items()}
    clones = {name: [Profile.of(events, command["stacks"], places) for events in command["clones"]] for name, command in found.items()}
    pages = {name: command["pages"] for name, command in found.items()}
    tables = markdown(profiles, clones, pages)
    print(tables)
    print(callers_text(profiles))
    if publishes:
        PAGE.write_text(report.filled(PAGE.read_text(), "allocations", tables))
        print(f"allocations: published in {PAGE.relative_to(prepare.REPOSITORY)}")
    return 0


def symbols(program):
    said = subprocess.run(["nm", "--defined-only", str(program)], stdout=subprocess.PIPE, text=True, check=True).stdout
    lines = (line.split() for line in said.splitlines())
    return {words[2]: int(words[0], 16) for words in lines if len(words) == 3}


def allocating(addresses):
    found = {}
    for name, address in addresses.items():
        ending = re.search(r"_{0,2}(rust_(?:alloc_zeroed|alloc|realloc|dealloc))$", name)
        if ending and ending[1] in FUNCTIONS:
            found[address] = FUNCTIONS[ending[1]]
    if set(found.values()) != set(FUNCTIONS.values()):
        raise prepare.Missing(f"the program has no functions of its own for {', '.join(FUNCTIONS)}: found {found}")
    return found


class Places:
    """For the address that a call returns to: the functions it is in, the innermost first; several where some were inlined."""

    def __init__(self, program, addresses):
        ordered = sorted(addresses)
        # The call is before it.
        asked = "".join(f"{address - 1:#x}\n" for address in ordered)
        said = subprocess.run(["addr2line", "-a", "-f", "-i", "-C", "-e", str(program)], input=asked, stdout=subprocess.PIPE, text=True,
                              check=True).stdout
        self.of = dict(zip(ordered, parse_places(said)))

    def frames(self, stack):
        return [frame for address in stack for frame in self.of[address]]


def parse_places(text):
    """addr2line's answers: an address, then a function and its place in turn."""
    answers = []
    for line in text.splitlines():
        if re.match(r"0x[0-9a-f]+$", line):
            answers.append([])
        else:
            answers[-1].append(line)
    return [[Frame(*pair) for pair in zip(lines[::2], lines[1::2])] for lines in answers]


@dataclass(frozen=True)
class Frame:
    function: str
    place: str

    @property
    def module(self):
        """Of tare, as `plan::seccomp`, or None: two levels, and not the heap itself."""
        path = re.match(r"(?:\./)?src/(.*)\.rs:", self.place)
        if not path or path[1] == "sys/heap":
            return None
        return "::".join([part for part in path[1].split("/") if part != "mod"][:2])

    @property
    def name(self):
        """The function without its crates' hashes and generic arguments, and where in it."""
        line = re.sub(r" \(discriminator \d+\)", "", self.place).removeprefix("./")
        return f"{plain(self.function)} ({line})"


def plain(function):
    without_hashes = re.sub(r"\[[0-9a-f]{8,}\]", "", function)
    name, before = without_hashes, None
    while name != before:
        name, before = re.sub(r"::<[^<>]*>", "", name), name
    return name


@dataclass
class Profile:
    """What one process has done with its heap."""

    count: int = 0
    resized: int = 0
    freed: int = 0
    bytes: int = 0
    peak_bytes: int = 0
    by_module: dict = field(default_factory=dict)  # module -> Share
    by_caller: dict = field(default_factory=dict)

    @staticmethod
    def of(events, stacks, places):
        """`places.frames` of a stack: its functions. What is resized counts as one more allocation of what it grows by."""
        profile = Profile()
        live, live_bytes = {}, 0
        for what, block, size, former, former_size, stack in events:
            if what == FREES:
                profile.freed += 1
                # A clone frees what it has of its parent, too.
                live_bytes -= live.pop(block, (0, 0))[0]
                continue
            grown = max(size - former_size, 0)
            profile.count += what == TAKES
            profile.resized += what == RESIZES
            profile.bytes += grown
            for table, key in ((profile.by_module, "module"), (profile.by_caller, "name")):
                share = table.setdefault(owner(places.frames(stacks[stack]), key), Share())
                share.count += 1
                share.bytes += grown
            live_bytes += size - live.pop(former, (0, 0))[0]
            live[block] = (size, stack)
            profile.peak_bytes = max(profile.peak_bytes, live_bytes)
        profile._hold_at_peak(events, stacks, places)
        return profile

    def _hold_at_peak(self, events, stacks, places):
        """Who has what at the moment of the peak."""
        live, live_bytes = {}, 0
        for what, block, size, former, _, stack in events:
            if what == FREES:
                live_bytes -= live.pop(block, (0, 0))[0]
                continue
            live_bytes += size - live.pop(former, (0, 0))[0]
            live[block] = (size, stack)
            if live_bytes == self.peak_bytes:
                break
        for size, stack in live.values():
            for table, key in ((self.by_module, "module"), (self.by_caller, "name")):
                table[owner(places.frames(stacks[stack]), key)].peak_bytes += size


@dataclass
class Share:
    count: int = 0
    bytes: int = 0
    peak_bytes: int = 0


def owner(frames, key):
    """The innermost function of tare."""
    return next((getattr(frame, key) for frame in frames if frame.module), OUTSIDE)


def kib(size):
    return f"{size / 1024:.1f}"


def markdown(profiles, clones, pages):
    lines = ["| heap | allocations | resized | freed | KiB asked for | KiB at most | pages of heap | of stack | of data | allocations of the clone |",
             "| --- " * 10 + "|"]
    for command in COMMANDS:
        one, touched = profiles[command], pages[command]
        cloned = sum(clone.count + clone.resized for clone in clones[command])
        lines.append(f"| {command} | {one.count:,} | {one.resized:,} | {one.freed:,} | {kib(one.bytes)} | {kib(one.peak_bytes)} |"
                     f" {touched['heap']} | {touched['stack']} | {touched['data']} | {cloned or ''} |")
    totals = Counter()
    for one in profiles.values():
        for module, share in one.by_module.items():
            totals[module] += share.bytes
    lines += ["", "| allocations, KiB at the peak | " + " | ".join(COMMANDS) + " |", "| --- " * (len(COMMANDS) + 1) + "|"]
    for module, _ in totals.most_common(MODULES_MOST):
        shares = (profiles[command].by_module.get(module) for command in COMMANDS)
        lines.append(f"| {module} | " + " | ".join(f"{share.count:,}, {kib(share.peak_bytes)}" if share else "" for share in shares) + " |")
    return "\n".join(lines) + "\n"


def callers_text(profiles):
    parts = []
    for command in COMMANDS:
        callers = sorted(profiles[command].by_caller.items(), key=lambda one: -one[1].bytes)
        rows = [[command, "KiB", "at the peak", "allocations", "function of tare"]]
        rows += [["", kib(share.bytes), kib(share.peak_bytes), f"{share.count:,}", name] for name, share in callers[:CALLERS_MOST]]
        parts.append(report.aligned(rows))
    return "\n\n".join(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
