"""The sections without a clock: memory, system calls, the smallest memory limit, sizes on disk."""

import json
from collections import Counter

from bench import bundle as bundles
from bench import subjects, trace
from bench.command import Failed

STEP_BYTES = 4096
LIMIT_MOST_BYTES = 64 * 1024 * 1024
SUCCESSES = 3


class Footprint:
    def __init__(self, runner, all_subjects, maker, results):
        self.runner, self.subjects, self.maker, self.results = runner, all_subjects, maker, results
        self.ends = maker.make("ends", program=bundles.ENDS)
        self.stays = maker.make("stays")
        self.count = 0

    def new_name(self):
        self.count += 1
        return f"f{self.count}"

    def commands(self, repeats):
        """Every command under the tracer: calls are of the first time, memory is the most of all."""
        for subject in self.subjects:
            self.runner_warms(subject)
            for _ in range(repeats):
                name = self.new_name()
                self.traced(subject, "run", subject.run(self.new_name(), self.ends))
                self.traced(subject, "create", subject.create(name, self.stays))
                for step in ("start", "state", "exec", "kill", "delete"):
                    self.traced(subject, step, getattr(subject, step)(name))

    def runner_warms(self, subject):
        try:
            self.runner.cost(subject.run(self.new_name(), self.ends))
        except Failed as error:
            self.results.fail("run", subject.name, error)

    def traced(self, subject, command, words):
        found = trace.traced(words)
        if found.get("error") or found.get("exit_code") != 0:
            why = found.get("error") or f"exit code {found.get('exit_code')}"
            self.results.fail(f"{command}, traced", subject.name, why)
            return
        calls, payload = Counter(found["calls"]), Counter(found["payload_calls"])
        self.put_once(f"system calls of {command}", subject.name, sum(calls.values()) + sum(payload.values()))
        self.put_once(f"calls by name of {command}", subject.name, dict(calls.most_common()))
        self.put_most(f"peak memory of {command}", subject.name, found["peak_process_kib"])
        self.put_most(f"peak memory of {command}, all processes", subject.name, found["peak_tree_kib"])

    def put_once(self, figure, subject, value):
        if subject not in self.results.single.get(figure, {}):
            self.results.put(figure, subject, value)

    def put_most(self, figure, subject, value):
        before = self.results.single.get(figure, {}).get(subject, 0)
        self.results.put(figure, subject, max(before, value))

    def waiting(self):
        """What a created container holds while it waits for `start`: the memory of its first process."""
        for subject in self.subjects:
            name = self.new_name()
            try:
                self.runner.cost(subject.create(name, self.stays))
                pid = json.loads(self.runner.output(subject.state(name)))["pid"]
                fields = trace.smaps_rollup(pid)
                self.results.put("waiting container: resident", subject.name, fields["Rss"])
                self.results.put("waiting container: anonymous", subject.name, fields["Anonymous"])
                self.runner.cost(subject.delete(name))
            except (Failed, ValueError, OSError) as error:
                self.results.fail("waiting container", subject.name, error)

    def smallest_limits(self, repeats):
        """It moves by some pages from time to time, so the search is repeated, and the median counts."""
        for subject in self.subjects:
            found = [smallest(lambda limit, subject=subject: self.starts_within(subject, limit)) for _ in range(repeats)]
            if None in found:
                self.results.fail("smallest memory limit", subject.name, "it does not start within 64 MiB")
            else:
                self.results.put("smallest memory limit", subject.name, sorted(found)[repeats // 2] // 1024)

    def starts_within(self, subject, limit_bytes):
        bundle = self.maker.make("limited", program=bundles.ENDS, memory_bytes=limit_bytes)
        for _ in range(SUCCESSES):
            name = self.new_name()
            try:
                self.runner.cost(subject.run(name, bundle))
            except Failed:
                self.clean_up(subject, name, bundle)
                return False
        return True

    def clean_up(self, subject, name, bundle):
        """Whatever a run has left that was killed for its memory; the next one wants the same group."""
        try:
            if subject.name != "floor":
                self.runner.cost(subject.delete(name))
        except Failed:
            pass
        subjects.remove_groups(bundle)

    def sizes(self):
        for subject in self.subjects:
            program, libraries = subjects.on_disk(subject.path)
            self.results.put("binary", subject.name, round(program / 1024))
            self.results.put("binary and shared libraries", subject.name, round((program + libraries) / 1024))


def smallest(works):
    """The least multiple of 4 KiB for which `works` holds, or None; if it holds for one, it is taken to hold for all above."""
    low, high = 0, LIMIT_MOST_BYTES // STEP_BYTES
    if not works(high * STEP_BYTES):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if works(middle * STEP_BYTES) else (middle, high)
    return high * STEP_BYTES
