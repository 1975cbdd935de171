"""Where the figures come from: machine, kernel, date, load, and how far the wall clock can be trusted."""

import datetime
import os
import resource
import time
from pathlib import Path

LOAD_QUIET = 0.5  # load average before anything is measured
WAIT_MOST_S = 180
# Processor time that is not ours, of all there is, while something is timed. Freeing namespaces and cgroups is done by the kernel's own
# threads, so of many containers at once there is more of it.
OTHERS_MOST = {"times": 0.10, "idle": 0.10, "scale": 0.15, "parallel": 0.25}
STEAL_MOST = 0.02
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def describe():
    return {
        "processor": cpu_model(Path("/proc/cpuinfo").read_text()),
        "processors": os.cpu_count(),
        "memory_kib": int(Path("/proc/meminfo").read_text().split()[1]),
        "kernel": os.uname().release,
        "architecture": os.uname().machine,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
    }


def cpu_model(text):
    for line in text.splitlines():
        if line.startswith(("model name", "Model")):
            return line.split(":", 1)[1].strip()
    return "unknown"


def wait_for_quiet():
    """Our own preparations may be what is loud: a build, a root filesystem. The load average forgets them slowly."""
    deadline = time.monotonic() + WAIT_MOST_S
    if os.getloadavg()[0] > LOAD_QUIET:
        print(f"bench: the load is {os.getloadavg()[0]:.1f}; waiting up to {WAIT_MOST_S} s for a quiet machine", flush=True)
    while os.getloadavg()[0] > LOAD_QUIET and time.monotonic() < deadline:
        time.sleep(5)


def processor_times():
    """(all, busy, stolen) seconds since boot, of all processors."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) / TICKS_A_SECOND, (sum(ticks) - idle) / TICKS_A_SECOND, ticks[7] / TICKS_A_SECOND


def own_s():
    """The processor time of this process, of what it has waited for, and of the containers that pid 1 has reaped."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    reaped = Path("/proc/1/stat").read_text().rsplit(")", 1)[1].split()[13:15]
    return sum(one.ru_utime + one.ru_stime for one in used) + sum(int(word) for word in reaped) / TICKS_A_SECOND


class Watch:
    """Who else uses the machine: the load before, and in every section the processor time that is neither ours nor idle."""

    def __init__(self):
        self.before = os.getloadavg()[0]
        self.sections = {}

    def watched(self, name, work):
        times, own = processor_times(), own_s()
        work()
        every, busy, stolen = (now - then for now, then in zip(processor_times(), times))
        every = every or 1
        self.sections[name] = {
            "load_after": round(os.getloadavg()[0], 2),
            "others": round(max(busy - stolen - (own_s() - own), 0) / every, 3),
            "steal": round(stolen / every, 4),
        }

    def summary(self):
        timed = {name: found for name, found in self.sections.items() if name in OTHERS_MOST}
        others = max([found["others"] for found in timed.values()], default=0)
        steal = max([found["steal"] for found in timed.values()], default=0)
        is_alone = all(found["others"] <= OTHERS_MOST[name] for name, found in timed.items())
        is_quiet = self.before <= LOAD_QUIET and is_alone and steal <= STEAL_MOST
        highest = max([self.before] + [found["load_after"] for found in self.sections.values()])
        return {"before": round(self.before, 2), "highest": round(highest, 2), "others": others, "steal": steal,
                "is_quiet": is_quiet, "sections": self.sections}
