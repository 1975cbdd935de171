"""Which functions of a program its commands use, and in which order for the first time: a breakpoint at each, taken out when it is hit.

Called by `inside` for scripts/function-order.
"""

from bench import follow
from bench.follow import BREAKPOINT, RIP, put_byte


def of_commands(runtime, maker, functions):
    """The addresses of the functions that each command uses, in order."""
    return follow.of_commands(runtime, maker, lambda words: FirstUse(words, functions))


class FirstUse(follow.Follower):
    def __init__(self, words, functions):
        super().__init__(words)
        self.functions = functions
        self.original = {}  # address -> byte
        self.used = {}  # address -> None, in order

    def begin(self):
        self.original = {address: put_byte(self.main, address, BREAKPOINT) for address in self.functions}

    def hit(self, pid, registers):
        """Takes the breakpoint out of this process; another one that was cloned before has its own."""
        address = registers[RIP] - 1
        if address not in self.original:
            return False
        self.used.setdefault(address)
        put_byte(pid, address, self.original[address])
        registers[RIP] = address
        return True

    def found(self):
        return list(self.used)
