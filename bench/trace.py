"""One command under ptrace(2): its system calls by name, and its peak memory. Runs no timed command: a traced one is slow.

ru_maxrss is no use for small programs: since Linux 6.2 it is read from per-processor counters whose rest is not added up. A process
loses pages only by a few system calls and by its end, so smaps_rollup, which counts pages, is read at the entry of each of these: the
largest value is the peak: of the largest process, and of all that live at one time together (what a process shares with its child
is in there twice). What is counted: every process of the command up to where it executes the container's program; of the
container's program only the system calls, separately.
"""

import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

from bench import ptrace, syscall_names

QUIET_S = 0.2
TIME_LIMIT_S = 60
PAYLOAD = "busybox"
SHRINKING = {"munmap", "mremap", "brk", "madvise", "execve", "execveat", "exit", "exit_group"}
OPTIONS = (ptrace.OPTION_SYSGOOD | ptrace.OPTION_FORK | ptrace.OPTION_VFORK | ptrace.OPTION_CLONE | ptrace.OPTION_EXEC
           | ptrace.OPTION_EXIT)


def traced(words):
    """Traces in a process of its own: when that ends, a container that goes on waiting is let go."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        with os.fdopen(writer, "w") as out:
            out.write(json.dumps(_safely(words)))
            out.flush()
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        text = said.read()
    os.waitpid(pid, 0)
    return json.loads(text) if text else {"error": "the tracer died"}


def _safely(words):
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(TIME_LIMIT_S)
    try:
        return Tracer(words).follow()
    except OSError as error:
        return {"error": str(error)}


class Tracer:
    def __init__(self, words):
        self.words = words
        self.names = syscall_names.of_this_machine()
        self.calls, self.payload_calls = Counter(), Counter()
        self.living = {}  # thread -> process
        self.payloads = set()
        self.has_started = False
        self.peak_process_kib = self.peak_tree_kib = 0
        self.exit_code = None

    def follow(self):
        self.main = os.fork()
        if self.main == 0:
            self._become()
        os.waitpid(self.main, ptrace.WAIT_ALL)
        ptrace.call(ptrace.SETOPTIONS, self.main, 0, OPTIONS)
        self.living[self.main] = self.main
        ptrace.call(ptrace.SYSCALL, self.main)
        last = time.monotonic()
        while self.living:
            has_ended = self.exit_code is not None
            pid, status = os.waitpid(-1, ptrace.WAIT_ALL | (os.WNOHANG if has_ended else 0))
            if pid:
                last = time.monotonic()
                self._event(pid, status)
            elif time.monotonic() - last > QUIET_S:
                break  # what is left waits for somebody
            else:
                time.sleep(0.001)
        return {"calls": dict(self.calls), "payload_calls": dict(self.payload_calls), "exit_code": self.exit_code,
                "peak_process_kib": self.peak_process_kib, "peak_tree_kib": self.peak_tree_kib}

    def _become(self):
        null = os.open("/dev/null", os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        ptrace.call(ptrace.TRACEME, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        os.execv(self.words[0], self.words)

    def _event(self, pid, status):
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            self.living.pop(pid, None)
            if pid == self.main:
                self.exit_code = os.waitstatus_to_exitcode(status)
            return
        is_new = pid not in self.living
        if is_new:
            self.living[pid] = process_of(pid)
        deliver = 0
        stop, event = os.WSTOPSIG(status), status >> 16
        if stop == signal.SIGTRAP | 0x80:
            self._system_call(pid)
        elif event:
            self._ptrace_event(pid, event)
        elif not (is_new and stop == signal.SIGSTOP):
            deliver = stop
        try:
            ptrace.call(ptrace.SYSCALL, pid, 0, deliver)
        except ProcessLookupError:
            pass  # killed meanwhile; its end will be reported

    def _system_call(self, pid):
        try:
            number = ptrace.entered_call(pid)
        except ProcessLookupError:
            return
        if number is None or not self.has_started:
            return
        name = self.names.get(number, str(number))
        (self.payload_calls if pid in self.payloads else self.calls)[name] += 1
        if name in SHRINKING:
            self._look_at_memory()

    def _ptrace_event(self, pid, event):
        if event == ptrace.EVENT_EXEC:
            if not self.has_started:
                self.has_started = True
                self.calls["execve"] += 1
            if os.path.basename(os.readlink(f"/proc/{pid}/exe")) == PAYLOAD:
                self.payloads.add(pid)
        elif event in (ptrace.EVENT_EXIT, ptrace.EVENT_FORK, ptrace.EVENT_VFORK, ptrace.EVENT_CLONE):
            self._look_at_memory()

    def _look_at_memory(self):
        if not self.has_started:
            return
        processes = set(self.living.values()) - self.payloads
        resident_kib = [resident_kib_of(process) for process in processes]
        self.peak_process_kib = max([self.peak_process_kib, *resident_kib])
        self.peak_tree_kib = max(self.peak_tree_kib, sum(resident_kib))


def process_of(thread):
    for line in Path(f"/proc/{thread}/status").read_text().splitlines():
        if line.startswith("Tgid:"):
            return int(line.split()[1])
    return thread


def resident_kib_of(process):
    try:
        return smaps_rollup(process).get("Rss", 0)
    except OSError:
        return 0  # it has given its memory back already


def smaps_rollup(process):
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}
