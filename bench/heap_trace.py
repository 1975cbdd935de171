"""Every block of the heap that a command takes, gives back or resizes, with the calls that led there, under ptrace(2).

Called by `inside` for scripts/allocations; `allocations` makes sense of it. The program must have frame pointers, so that each allocating
function begins with `push rbp`: the breakpoint in its place is never taken out, as the tracer does what the instruction does. Adds
nothing up.
"""

import os
from pathlib import Path

from bench import follow, ptrace
from bench.follow import BREAKPOINT, RAX, RBP, RCX, RDI, RIP, RSI, RSP, WORD_BYTES, peek, put_byte

PUSH_RBP = 0x55
PAGE_BYTES = 4096
DEPTH_MOST = 64
TAKES, FREES, RESIZES = "takes", "frees", "resizes"


def of_commands(runtime, maker, functions):
    """What `HeapTrace` finds of each command. `functions`: address of an allocating function -> what it does."""
    functions = {int(address): what for address, what in functions.items()}
    return follow.of_commands(runtime, maker, lambda words: HeapTrace(words, functions))


class HeapTrace(follow.Follower):
    def __init__(self, words, functions):
        super().__init__(words)
        self.functions = functions
        self.stacks = {}  # addresses of calls, innermost first -> number
        self.events = {}  # process -> [what, block, bytes, former block, former bytes, number of the stack]
        self.pending = {}  # process -> (where it returns to, the byte there, event without its block)
        self.pages = {}

    def begin(self):
        for address in self.functions:
            if put_byte(self.main, address, BREAKPOINT) != PUSH_RBP:
                raise OSError(f"the function at {address:#x} does not begin with `push rbp`")

    def ends(self):
        process = Path(f"/proc/{self.main}")
        self.pages = touched_pages((process / "smaps").read_text(), os.readlink(process / "exe"))

    def found(self):
        return {"command": self.events.pop(self.main, []), "clones": list(self.events.values()),
                "stacks": list(self.stacks), "pages": self.pages}

    def hit(self, pid, registers):
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
