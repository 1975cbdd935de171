"""Which functions of a program its commands use, and in which order for the first time: a breakpoint at each, taken out when it is hit.

Called by `inside` for scripts/function-order. The program must not be stripped. A process is followed until it executes another
program; what it has cloned is followed too.
"""

import os
import signal

from bench import ptrace
from bench import bundle as bundles

BREAKPOINT = 0xCC
WORD_BYTES = 8
# struct user_regs_struct of x86-64 (sys/user.h): 27 registers, rip is number 16.
REGISTERS_BYTES = 27 * WORD_BYTES
RIP_OFFSET = 16 * WORD_BYTES
OPTIONS = ptrace.OPTION_FORK | ptrace.OPTION_VFORK | ptrace.OPTION_CLONE | ptrace.OPTION_EXEC


def of_commands(runtime, maker, functions):
    """The addresses of the functions that each command uses, in order."""
    ends, stays = maker.make("ends", program=bundles.ENDS), maker.make("stays")
    commands = {"run": runtime.run("order-run", ends), "create": runtime.create("order", stays)}
    commands |= {name: getattr(runtime, name)("order") for name in ("start", "state", "exec", "kill", "delete")}
    return {name: FirstUse(words, functions).follow() for name, words in commands.items()}


class FirstUse:
    def __init__(self, words, functions):
        self.words = words
        self.functions = set(functions)
        self.original = {}  # address -> byte
        self.used = {}  # address -> None, in order

    def follow(self):
        self.main = os.fork()
        if self.main == 0:
            self._become()
        os.waitpid(self.main, ptrace.WAIT_ALL)
        self._break_everywhere()
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
        return list(self.used)

    def _become(self):
        null = os.open("/dev/null", os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        ptrace.call(ptrace.TRACEME, 0)
        os.execv(self.words[0], self.words)

    def _break_everywhere(self):
        for start in sorted({address & -WORD_BYTES for address in self.functions}):
            word = bytearray(peek(self.main, start))
            for address in range(start, start + WORD_BYTES):
                if address in self.functions:
                    self.original[address] = word[address - start]
                    word[address - start] = BREAKPOINT
            poke(self.main, start, word)

    def _stopped(self, pid, status):
        stop, event = os.WSTOPSIG(status), status >> 16
        if event == ptrace.EVENT_EXEC:
            ptrace.call(ptrace.DETACH, pid)
            return
        is_ours = event or stop == signal.SIGSTOP
        try:
            if stop == signal.SIGTRAP and not event:
                is_ours = self._hit(pid)
            ptrace.call(ptrace.CONT, pid, 0, 0 if is_ours else stop)
        except ProcessLookupError:
            pass  # killed meanwhile; its end will be reported

    def _hit(self, pid):
        """Takes the breakpoint out of this process; another one that was cloned before has its own."""
        registers = bytearray(ptrace.registers(pid, REGISTERS_BYTES))
        address = int.from_bytes(registers[RIP_OFFSET:RIP_OFFSET + WORD_BYTES], "little") - 1
        if address not in self.original:
            return False
        self.used.setdefault(address)
        start = address & -WORD_BYTES
        word = bytearray(peek(pid, start))
        word[address - start] = self.original[address]
        poke(pid, start, word)
        registers[RIP_OFFSET:RIP_OFFSET + WORD_BYTES] = address.to_bytes(WORD_BYTES, "little")
        ptrace.set_registers(pid, registers)
        return True


def peek(pid, address):
    return (ptrace.call(ptrace.PEEKTEXT, pid, address) & (1 << 64) - 1).to_bytes(WORD_BYTES, "little")


def poke(pid, address, word):
    ptrace.call(ptrace.POKETEXT, pid, address, int.from_bytes(word, "little"))
