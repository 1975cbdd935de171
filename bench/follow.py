"""A command of tare that is followed with breakpoints (ptrace(2)), until it executes another program; what it has cloned is followed too.

`first_use` and `heap_trace` say where to stop and what to make of it. The program must not be stripped. Reads no symbols.
"""

import os
import signal

from bench import bundle as bundles
from bench import ptrace

BREAKPOINT = 0xCC
WORD_BYTES = 8
# struct user_regs_struct of x86-64 (sys/user.h): 27 registers.
REGISTERS_BYTES = 27 * WORD_BYTES
RBP, RAX, RCX, RSI, RDI, RIP, RSP = 4, 10, 11, 13, 14, 16, 19
OPTIONS = ptrace.OPTION_FORK | ptrace.OPTION_VFORK | ptrace.OPTION_CLONE | ptrace.OPTION_EXEC | ptrace.OPTION_EXIT


def of_commands(runtime, maker, follower):
    """What `follower(words).follow()` finds of each command, in a life of a container."""
    ends, stays = maker.make("ends", program=bundles.ENDS), maker.make("stays")
    commands = {"run": runtime.run("followed-run", ends), "create": runtime.create("followed", stays)}
    commands |= {name: getattr(runtime, name)("followed") for name in ("start", "state", "exec", "kill", "delete")}
    return {name: follower(words).follow() for name, words in commands.items()}


class Follower:
    """`begin` sets breakpoints in the process self.main, `cloned` is called for a new process, with a copy of its
    parent's memory, before it runs, `hit` where a process has stopped at one, `ends` before self.main is gone, and `found` makes the result."""

    def __init__(self, words):
        self.words = words

    def begin(self):
        raise NotImplementedError

    def cloned(self, pid):
        pass

    def hit(self, pid, registers):
        """Whether the trap was ours; then the registers are set to what they are now."""
        raise NotImplementedError

    def ends(self):
        pass

    def found(self):
        raise NotImplementedError

    def follow(self):
        self.main = os.fork()
        if self.main == 0:
            self._become()
        os.waitpid(self.main, ptrace.WAIT_ALL)
        self.begin()
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
        return self.found()

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
            if stop == signal.SIGSTOP and not event:
                self.cloned(pid)
            if event == ptrace.EVENT_EXIT and pid == self.main:
                self.ends()
            if stop == signal.SIGTRAP and not event:
                is_ours = self._trapped(pid)
            ptrace.call(ptrace.CONT, pid, 0, 0 if is_ours else stop)
        except ProcessLookupError:
            pass  # killed meanwhile; its end will be reported

    def _trapped(self, pid):
        registers = Registers(pid)
        is_ours = self.hit(pid, registers)
        if is_ours:
            registers.set()
        return is_ours


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


def peek(pid, address):
    return ptrace.call(ptrace.PEEKTEXT, pid, address) & (1 << 64) - 1


def put_byte(pid, address, byte):
    """The byte that was there."""
    start = address & -WORD_BYTES
    word = bytearray(peek(pid, start).to_bytes(WORD_BYTES, "little"))
    before, word[address - start] = word[address - start], byte
    ptrace.call(ptrace.POKETEXT, pid, start, int.from_bytes(word, "little"))
    return before
