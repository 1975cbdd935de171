"""Every block of the heap that a command takes, gives back or resizes, with the calls that led there, under ptrace(2).

Called by `inside` for scripts/allocations; `allocations` makes sense of it. The program must have frame pointers, so that each allocating
function begins with `push rbp`: the breakpoint in its place is never taken out, as the tracer does what the instruction does. A process
is followed until it executes another program; what it has cloned is followed too. Reads no symbols and adds nothing up.
"""

import os
import signal
from pathlib import Path

from bench import bundle as bundles
from bench import ptrace

BREAKPOINT, PUSH_RBP = 0xCC, 0x55
WORD_BYTES = 8
PAGE_BYTES = 4096
# struct user_regs_struct of x86-64 (sys/user.h): 27 registers.
REGISTERS_BYTES = 27 * WORD_BYTES
RBP, RAX, RCX, RDX, RSI, RDI, RIP, RSP = 4, 10, 11, 12, 13, 14, 16, 19
OPTIONS = ptrace.OPTION_FORK | ptrace.OPTION_VFORK | ptrace.OPTION_CLONE | ptrace.OPTION_EXEC | ptrace.OPTION_EXIT
DEPTH_MOST = 64
TAKES, FREES, RESIZES = "takes", "frees", "resizes"


def of_commands(runtime, maker, functions):
    """What `HeapTrace` finds of each command. `functions`: address of an allocating function -> what it does."""
    functions = {int(address): what for address, what in functions.items()}
    ends, stays = maker.make("ends", program=bundles.ENDS), maker.make("stays")
    commands = {"run": runtime.run("heap-run", ends), "create": runtime.create("heap", stays)}
    commands |= {name: getattr(runtime, name)("heap") for name in ("start", "state", "exec", "kill", "delete")}
    return {name: HeapTrace(words, functions).follow() for name, words in commands.items()}


class HeapTrace:
    def __init__(self, words, functions):
        self.words, self.functions = words, functions
        self.stacks = {}  # addresses of calls, innermost first -> number
        self.events = {}  # process -> [what, block, bytes, former block, former bytes, number of the stack]
        self.pending = {}  # process -> (where it returns to, the byte there, event without its block)
        self.pages = {}

    def follow(self):
        self.main = os.fork()
        if self.main == 0:
            self._become()
        os.waitpid(self.main, ptrace.WAIT_ALL)
        for address in self.functions:
            if put_byte(self.main, address, BREAKPOINT) != PUSH_RBP:
                raise OSError(f"the function at {address:#x} does not begin with `push rbp`")
        ptrace.call(ptrace.SETOPTIONS, self.main, 0, OPTIONS)
        ptrace.call(ptrace.CONT, self.main)
        while True:
            pid, status = os.waitpid(-1, ptrace.WAIT_ALL)
            if os.WIFSTOPPED(status):
                self._stopped(pid, status)
            elif pid == self.main:
                break
        if os.waitstatus_to_exitcode(status) != 0:
            raise OSError(f"{' '.join(self.words)}: {status}")
        return {"command": self.events.pop(self.main, []), "clones": list(self.events.values()),
                "stacks": list(self.stacks), "pages": self.pages}

    def _become(self):
        null = os.open("/dev/null", os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        ptrace.call(ptrace.TRACEME, 0)
        os.execv(self.words[0], self.words)

    def _stopped(self, pid, status):
        stop, event = os.WSTOPSIG(status), status >> 16
        if event == ptrace.EVENT_EXEC:
            ptrace.call(ptrace.DETACH, pid)
            return
        is_ours = event or stop == signal.SIGSTOP
        try:
            if event == ptrace.EVENT_EXIT and pid == self.main:
                self.pages = touched_pages(Path(f"/proc/{pid}/smaps").read_text(), os.readlink(f"/proc/{pid}/exe"))
            if stop == signal.SIGTRAP and not event:
                is_ours = self._hit(pid)
            ptrace.call(ptrace.CONT, pid, 0, 0 if is_ours else stop)
        except ProcessLookupError:
            pass  # killed meanwhile; its end will be reported

    def _hit(self, pid):
        registers = Registers(pid)
        address = registers[RIP] - 1
        if address in self.functions:
            self._enter(pid, registers, self.functions[address])
            # What `push rbp` does.
            registers[RSP] -= WORD_BYTES
            ptrace.call(ptrace.POKETEXT, pid, registers[RSP], registers[RBP])
        elif address == self.pending.get(pid, (None,))[0]:
            self._leave(pid, registers)
            registers[RIP] = address
        else:
            return False
        registers.set()
        return True

    def _enter(self, pid, registers, what):
        """The arguments of Rust's __rust_alloc, __rust_dealloc and __rust_realloc."""
        if what == FREES:
            self._note(pid, [what, registers[RDI], registers[RSI], 0, 0, 0])
            return
        callers = tuple(walk(pid, registers))
        number = self.stacks.setdefault(callers, len(self.stacks))
        if what == TAKES:
            event = [what, None, registers[RDI], 0, 0, number]
        else:
            event = [what, None, registers[RCX], registers[RDI], registers[RSI], number]
        self.pending[pid] = (callers[0], put_byte(pid, callers[0], BREAKPOINT), event)

    def _leave(self, pid, registers):
        back, byte, event = self.pending.pop(pid)
        put_byte(pid, back, byte)
        event[1] = registers[RAX]
        self._note(pid, event)

    def _note(self, pid, event):
        self.events.setdefault(pid, []).append(event)


class Registers:
    """The general registers of a stopped process, by number."""

    def __init__(self, pid):
        self.pid, self.values = pid, bytearray(ptrace.registers(pid, REGISTERS_BYTES))

    def __getitem__(self, number):
        return int.from_bytes(self.values[number * WORD_BYTES:(number + 1) * WORD_BYTES], "little")

    def __setitem__(self, number, value):
        self.values[number * WORD_BYTES:(number + 1) * WORD_BYTES] = value.to_bytes(WORD_BYTES, "little")

    def set(self):
        ptrace.set_registers(self.pid, self.values)


def walk(pid, registers):
    """Where a function that has just been entered returns to, and its callers, by their frame pointers."""
    yield peek(pid, registers[RSP])
    frame, above = registers[RBP], registers[RSP]
    for _ in range(DEPTH_MOST):
        if frame <= above or frame % WORD_BYTES:
            return
        try:
            back, frame, above = peek(pid, frame + WORD_BYTES), peek(pid, frame), frame
        except OSError:
            return  # the C library begins a program, and does not keep to it
        if not back:
            return
        yield back


def peek(pid, address):
    return ptrace.call(ptrace.PEEKTEXT, pid, address) & (1 << 64) - 1


def put_byte(pid, address, byte):
    """The byte that was there."""
    start = address & -WORD_BYTES
    word = bytearray(peek(pid, start).to_bytes(WORD_BYTES, "little"))
    before, word[address - start] = word[address - start], byte
    ptrace.call(ptrace.POKETEXT, pid, start, int.from_bytes(word, "little"))
    return before


def touched_pages(smaps, program):
    """Pages with memory of their own: of the heap, of the stack, and of the program's data. Its code holds breakpoints: not counted."""
    pages = {"heap": 0, "stack": 0, "data": 0}
    kind = data_end = None
    for line in smaps.splitlines():
        words = line.split()
        if not words[0].endswith(":"):
            start, end = words[0].split("-")
            name = words[5] if len(words) > 5 else ""
            # The zeroed part of the program's data has no name and follows the named one.
            is_data = name == program or (not name and start == data_end)
            data_end = end if is_data else None
            kind = "stack" if name == "[stack]" else "data" if is_data else "heap" if name in ("", "[heap]") else None
            kind = None if "x" in words[1] else kind
        elif words[0] == "Anonymous:" and kind:
            pages[kind] += int(words[1]) * 1024 // PAGE_BYTES
    return pages
