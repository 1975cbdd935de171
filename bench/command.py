"""Runs one command of a subject and says what it cost. Everything that is timed goes through here.

The processor time is what wait4(2) reports: the command and all processes that it waited for, user and system. The wall time is from
before the spawn to after the wait, so it holds the start of a process, which every subject pays alike.
"""

import os
import signal
import time
from dataclasses import dataclass

TIME_LIMIT_S = 60


class Failed(Exception):
    """A command that did not end with 0; the text holds its last words."""


@dataclass(frozen=True)
class Cost:
    cpu_us: float
    wall_us: float


def _too_long(*_):
    raise TimeoutError


class Runner:
    """Spawns with /dev/null and a file for stderr. One command at a time, except for `parallel`."""

    def __init__(self, scratch):
        self.stderr_path = scratch / "stderr"
        self.output_path = scratch / "stdout"
        signal.signal(signal.SIGALRM, _too_long)
        append = os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC
        self._null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self._stderr = os.open(self.stderr_path, append)
        self._stdout = os.open(self.output_path, append)
        self._quiet = self._actions(self._null)
        self._kept = self._actions(self._stdout)

    def _actions(self, stdout):
        return [(os.POSIX_SPAWN_DUP2, self._null, 0), (os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, self._stderr, 2)]

    def spawn(self, words):
        return os.posix_spawn(words[0], words, os.environ, file_actions=self._quiet)

    def wait_any(self):
        """The next of what `spawn` has started; TimeoutError if none ends in time."""
        signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT_S)
        ended = os.wait4(-1, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        return ended

    def cost(self, words):
        return self._run(words, self._quiet)

    def output(self, words):
        os.ftruncate(self._stdout, 0)
        self._run(words, self._kept)
        return self.output_path.read_text()

    def _run(self, words, actions):
        os.ftruncate(self._stderr, 0)
        signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT_S)
        before = time.perf_counter_ns()
        pid = os.posix_spawn(words[0], words, os.environ, file_actions=actions)
        try:
            _, status, usage = os.wait4(pid, 0)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise Failed(f"no end after {TIME_LIMIT_S} s: {self.name_of(words)}") from None
        wall_ns = time.perf_counter_ns() - before
        signal.setitimer(signal.ITIMER_REAL, 0)
        if status:
            raise Failed(f"{self.name_of(words)}: {describe(status)}: {self.last_words()}")
        return Cost((usage.ru_utime + usage.ru_stime) * 1e6, wall_ns / 1e3)

    def last_words(self):
        lines = self.stderr_path.read_text(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else "it says nothing"

    @staticmethod
    def name_of(words):
        plain = [word for word in words[1:] if word.isalnum() and not word.isdigit()]
        return f"{os.path.basename(words[0])} {' '.join(plain)}"


def describe(status):
    if os.WIFSIGNALED(status):
        return f"killed by signal {os.WTERMSIG(status)}"
    return f"exit code {os.WEXITSTATUS(status)}"
