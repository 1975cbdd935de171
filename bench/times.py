"""The timed sections: every operation in interleaved pairs, back to back or after an idle gap; and runs in parallel.

In each pair every subject has its turn, in an order that is turned round from pair to pair: what a subject leaves behind in the
kernel (namespaces and cgroups that are freed later) then falls on the others alike.
"""

import json
import os
import signal
import time
from pathlib import Path

from bench import bundle as bundles
from bench.command import Cost, Failed, describe

IDLE_S = 0.050
RUNS_IN_PARALLEL = 100
JOBS = (1, 2, 4, 8)
JOBS_WITH_TARGET = 4
SETTLE_S = 0.2
STEPS = ("start", "state", "exec", "kill", "delete")


class Timer:
    def __init__(self, runner, subjects, maker, results):
        self.runner, self.subjects, self.results = runner, subjects, results
        self.maker = maker
        self.ends = maker.make("ends", program=bundles.ENDS)
        self.stays = maker.make("stays")
        self.count = 0

    def turns(self, pair, slow_every):
        """The subjects of a pair. runc takes ten times as long as the others, so it is not in every pair."""
        present = [one for one in self.subjects if one.name != "runc" or pair % slow_every == 0]
        return reversed(present) if pair % 2 else present

    def pairs(self, count, idle_s, slow_every=3):
        for pair in range(count):
            for subject in self.turns(pair, slow_every):
                self.run(subject, pair, idle_s)
            for subject in self.turns(pair, slow_every):
                self.lifecycle(subject, pair, idle_s)

    def new_name(self):
        self.count += 1
        return f"c{self.count}"

    def run(self, subject, pair, idle_s):
        """Back to back means: after a run of the same subject, which is not counted."""
        operation = named("run", idle_s)
        if self.results.is_out(operation, subject.name):
            return
        try:
            if not idle_s:
                self.runner.cost(subject.run(self.new_name(), self.ends))
            time.sleep(idle_s)
            cost = self.runner.cost(subject.run(self.new_name(), self.ends))
            self.results.add(operation, subject.name, pair, cost)
        except Failed as error:
            self.results.fail(operation, subject.name, error)
            self.clean_up(subject, f"c{self.count}")

    def lifecycle(self, subject, pair, idle_s):
        name = self.new_name()
        step = "create"
        if self.results.is_out(named(step, idle_s), subject.name):
            return
        try:
            time.sleep(idle_s)
            created = self.runner.cost(subject.create(name, self.stays))
            pid = json.loads(self.runner.output(subject.state(name)))["pid"]
            init = settled_cpu_us(pid)
            self.results.add(named("create", idle_s), subject.name, pair, created)
            self.results.add(named("create with init", idle_s), subject.name, pair, Cost(created.cpu_us + init, created.wall_us))
            for step in STEPS:
                if self.results.is_out(named(step, idle_s), subject.name) and step not in ("start", "delete"):
                    continue
                self.step(subject, step, name, pair, idle_s)
        except (Failed, ValueError, OSError) as error:
            self.results.fail(named(step, idle_s), subject.name, error)
            self.clean_up(subject, name)

    def step(self, subject, step, name, pair, idle_s):
        words = getattr(subject, step)(name)
        time.sleep(idle_s)
        try:
            self.results.add(named(step, idle_s), subject.name, pair, self.runner.cost(words))
        except Failed as error:
            if step in ("start", "delete"):
                raise
            self.results.fail(named(step, idle_s), subject.name, error)

    def clean_up(self, subject, name):
        try:
            self.runner.cost(subject.delete(name))
        except Failed:
            pass  # the failure that led here is reported; cgroups and processes go with the namespaces

    def parallel(self, rounds, jobs):
        """Many containers at the same time, as when a host starts up. One sample is 100 runs."""
        bundles_of_jobs = [self.maker.make(f"job{job}", program=bundles.ENDS) for job in range(jobs)]
        operation = f"{RUNS_IN_PARALLEL} runs, {jobs} at a time"
        for pair in range(rounds):
            for subject in self.turns(pair, slow_every=6):
                if self.results.is_out(operation, subject.name):
                    continue
                try:
                    self.results.add(operation, subject.name, pair, self.crowd(subject, bundles_of_jobs))
                except Failed as error:
                    self.results.fail(operation, subject.name, error)

    def crowd(self, subject, bundles_of_jobs):
        """Keeps as many runs going as there are bundles, until all are done. The first failure ends it."""
        cpu_us, running, free = 0.0, {}, list(bundles_of_jobs)
        before = time.perf_counter_ns()
        for _ in range(RUNS_IN_PARALLEL):
            if not free:
                cpu_us += self.reap(subject, running, free)
            bundle = free.pop()
            running[self.runner.spawn(subject.run(self.new_name(), bundle))] = bundle
        while running:
            cpu_us += self.reap(subject, running, free)
        return Cost(cpu_us, (time.perf_counter_ns() - before) / 1e3)

    def reap(self, subject, running, free):
        try:
            pid, status, usage = self.runner.wait_any()
        except TimeoutError:
            end_all(running)
            raise Failed(f"{subject.name} run, several at a time: no end") from None
        free.append(running.pop(pid))
        if status:
            while running:
                running.pop(self.runner.wait_any()[0])
            raise Failed(f"{subject.name} run, several at a time: {describe(status)}: {self.runner.last_words()}")
        return (usage.ru_utime + usage.ru_stime) * 1e6


def end_all(pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def named(operation, idle_s):
    return f"{operation}, idle" if idle_s else operation


def settled_cpu_us(pid):
    """What the waiting process has used so far, all its threads together, once it waits."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state == "S":
            break
        time.sleep(0.0005)
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e3
