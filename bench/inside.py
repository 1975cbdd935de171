"""The measuring half: pid 1 of its namespaces in the peers' root. Makes the bundle, runs the sections, writes bench.json and the chart.

Executed by `entering`, with one JSON object as its argument. Pid 1 only reaps what containers leave; its child measures.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

from bench import bundle as bundles
from bench import cgroups, chart, first_use, heap_trace, machine, report, seccomp_filter, subjects
from bench.command import Failed, Runner
from bench.footprint import Footprint
from bench.results import Results
from bench.scale import Scale
from bench.times import IDLE_S, JOBS, JOBS_WITH_TARGET, Timer

PLACE = Path("/run/bench")
OUT = Path("/bench/out")
PROFILE = Path("/repository/tests/fixtures/seccomp/podman.json")
PEERS = ("crun", "runc")


class NothingToCompare(Exception):
    """One of the two that a ratio needs does not run the container."""


def main(order):
    child = os.fork()
    if child == 0:
        os._exit(guarded(order))
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def guarded(order):
    try:
        follow(order) if order.get("follows") else measure(order)
        return 0
    except NothingToCompare as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def follow(order):
    """For scripts/function-order and scripts/allocations: functions of tare's commands are followed, nothing is measured."""
    PLACE.mkdir()
    cgroups.make_parent(order["parent"])
    maker = bundles.Maker(PLACE, order["parent"], json.loads(PROFILE.read_text()))
    tare = subjects.Runtime("tare", "/bench/bin/tare", str(PLACE / "state"))
    follower = {"first use": first_use, "heap": heap_trace}[order["follows"]]
    found = follower.of_commands(tare, maker, json.loads((OUT / "functions.json").read_text()))
    (OUT / "followed.json").write_text(json.dumps(found))


def measure(order):
    if not order["is_quick"]:
        machine.wait_for_quiet()
    watch = machine.Watch()
    PLACE.mkdir()
    cgroups.make_parent(order["parent"])
    maker = bundles.Maker(PLACE, order["parent"], json.loads(PROFILE.read_text()))
    runner, results = Runner(PLACE), Results()
    filter_file, order["floor_filter"] = take_filter(runner, maker, results)
    all_subjects = subjects.all_of(str(PLACE / "state"), filter_file)
    all_subjects = [one for one in all_subjects if works(one, runner, maker, results)]
    names = [one.name for one in all_subjects]
    if "tare" not in names or "crun" not in names:
        print(report.failures_list({"failures": failures(results)}))
        raise NothingToCompare("tare and crun must both run the container, or there is nothing to compare")
    sections(order, runner, all_subjects, maker, results, watch)
    finish(order, results, watch, {one.name: one.version() for one in all_subjects})


def failures(results):
    return [{"operation": operation, "subject": subject, "count": len(texts), "first": texts[0]}
            for (operation, subject), texts in results.failures.items() if texts]


def take_filter(runner, maker, results):
    """The filter that tare makes of the profile, into a file for the floor."""
    tare = subjects.Runtime("tare", "/bench/bin/tare", str(PLACE / "filter"))
    bundle = maker.make("filter")
    try:
        runner.cost(tare.create("filter", bundle))
        runner.cost(tare.start("filter"))
        pid = json.loads(runner.output(tare.state("filter")))["pid"]
        code = seccomp_filter.of_process(pid)
        runner.cost(tare.delete("filter"))
    except (Failed, OSError, ValueError) as error:
        results.fail("seccomp filter for the floor", "floor", error)
        return "-", "without a seccomp filter"
    path = PLACE / "filter.bpf"
    path.write_bytes(code)
    return str(path), f"tare's seccomp filter ({len(code) // 8} instructions)"


def works(subject, runner, maker, results):
    """One run before anything counts; who fails here is named and left out."""
    bundle = maker.make("first", program=bundles.ENDS)
    try:
        runner.cost(subject.run("first", bundle))
        return True
    except (Failed, OSError) as error:
        results.fail("the first run", subject.name, error)
        subjects.remove_groups(bundle)
        return False


def sections(order, runner, all_subjects, maker, results, watch):
    pairs, is_quick = order["pairs"], order["is_quick"]
    timer = Timer(runner, all_subjects, maker, results)
    footprint = Footprint(runner, all_subjects, maker, results)
    work = {
        "times": lambda: timer.pairs(pairs, 0),
        "idle": lambda: timer.pairs(pairs, IDLE_S),
        "parallel": lambda: parallel(timer, pairs, is_quick),
        "footprint": lambda: memory(footprint, is_quick),
        "calls": lambda: None if "footprint" in order["sections"] else footprint.commands(1),
        "scale": lambda: Scale(runner, all_subjects, maker, results, max(pairs // 3, 5)).all(is_quick),
    }
    for name in order["sections"]:
        before = time.monotonic()
        print(f"bench: {name} ...", end=" ", flush=True)
        watch.watched(name, work[name])
        print(f"{time.monotonic() - before:.0f} s", flush=True)


def parallel(timer, pairs, is_quick):
    """Only what has a target gets all the pairs."""
    if is_quick:
        return timer.parallel(1, JOBS_WITH_TARGET)
    for jobs in JOBS:
        timer.parallel(pairs if jobs == JOBS_WITH_TARGET else max(pairs // 6, 3), jobs)


def memory(footprint, is_quick):
    footprint.sizes()
    footprint.commands(1 if is_quick else 3)
    footprint.waiting()
    footprint.smallest_limits(1 if is_quick else 3)


def finish(order, results, watch, versions):
    found = report.summary(results, order, machine.describe(), watch.summary(), versions)
    (OUT / "bench.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    (OUT / "bench.svg").write_text(chart.draw(found))
    (OUT / "profile.md").write_text(report.profile(found))
    print()
    print(report.text(found))
    print("\nbench.json, bench.svg and profile.md are in the folder bench/out below the target folder")


if __name__ == "__main__":
    sys.exit(main(json.loads(sys.argv[1])))
