"""Which functions of a program its commands use, and in which order for the first time: a breakpoint at each, taken out when it is hit.

Called by `inside` for scripts/function-order. What a command has cloned is asked on its own: it maps the program's pages once more.
"""

from bench import follow
from bench.follow import BREAKPOINT, RIP, put_byte


def of_commands(runtime, maker, functions):
    """The addresses of the functions that each command uses, in order: {"main": itself, "clone": what it has cloned}."""
    return follow.of_commands(runtime, maker, lambda words: FirstUse(words, functions))


class FirstUse(follow.Follower):
    def __init__(self, words, functions):
        super().__init__(words)
        self.functions = functions
        self.original = {}  # address -> byte
        self.used = {"main": {}, "clone": {}}  # address -> None, in order

    def begin(self):
        self.original = {address: put_byte(self.main, address, BREAKPOINT) for address in self.functions}

    def cloned(self, pid):
        """Sets those again that its parent has met."""
        for address in self.used["main"]:
            put_byte(pid, address, BREAKPOINT)

    def hit(self, pid, registers):
        """Takes the breakpoint out of this process; another one that was cloned before has its own."""
        address = registers[RIP] - 1
        if address not in self.original:
            return False
        self.used["main" if pid == self.main else "clone"].setdefault(address)
        put_byte(pid, address, self.original[address])
        registers[RIP] = address
        return True

    def found(self):
        return {process: list(addresses) for process, addresses in self.used.items()}
