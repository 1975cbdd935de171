"""Results as a run would leave them, for the tests of report and chart."""

from bench.command import Cost
from bench.results import Results

MACHINE = {"processors": 2, "processor": "A & B", "kernel": "6.18", "date": "2026-01-01"}
QUIET = {"before": 0.1, "highest": 1.0, "others": 0.02, "steal": 0.0, "is_quiet": True}
LOUD = dict(QUIET, before=6.0, is_quiet=False)
ORDER = {"pairs": 60, "is_quick": False, "layout": "v1", "commit": "abc", "floor_compiler": "gcc", "floor_filter": "no filter"}
VERSIONS = {"tare": "tare 1", "crun": "crun 1.28", "runc": "runc 1.3"}


def results(pairs=60, tare_us=30.0, operation="run"):
    made = Results()
    for pair in range(pairs):
        made.add(operation, "crun", pair, Cost(100.0, 200.0))
        made.add(operation, "tare", pair, Cost(tare_us, 2 * tare_us))
        made.add(operation, "floor", pair, Cost(20.0, 40.0))
        if pair % 3 == 0:
            made.add(operation, "runc", pair, Cost(700.0, 1400.0))
    return made
