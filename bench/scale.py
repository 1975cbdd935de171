"""Does the cost of a command grow with what is on the host? The same commands beside many containers, mounts and cgroups.

The kernel's own part grows too (a new mount namespace copies all mounts), so the floor is measured beside tare. For containers tare is
also measured with an empty --root, in the same pairs: the difference between the two is what it does about the others.
"""

import dataclasses
from pathlib import Path

from bench import cgroups, figures, mounting
from bench.command import Failed
from bench.times import Timer

CONTAINERS = (10, 100, 1000)
MOUNTS = 5000
GROUPS = 2000
OPERATIONS = ("run", "create", "create with init", "state", "exec", "delete")


class Scale:
    def __init__(self, runner, subjects, maker, results, pairs):
        self.runner, self.maker, self.results, self.pairs = runner, maker, results, pairs
        self.tare = next(one for one in subjects if one.name == "tare")
        self.floor = next(one for one in subjects if one.name == "floor")
        empty = Path(f"{self.tare.state_root}-empty")
        empty.mkdir()
        self.empty = dataclasses.replace(self.tare, name="tare, empty root", state_root=str(empty))

    def all(self, is_quick):
        self.level("nothing else")
        self.containers(CONTAINERS[:2] if is_quick else CONTAINERS)
        self.mounts()
        self.groups()

    def level(self, name):
        """Medians of each operation beside what there is now."""
        results = type(self.results)()
        Timer(self.runner, [self.tare, self.empty, self.floor], self.maker, results).pairs(self.pairs, 0)
        for (operation, subject), texts in results.failures.items():
            for text in texts:
                self.results.fail(f"{operation}, beside {name}", subject, text)
        medians = {}
        for operation in OPERATIONS:
            by_subject = {}
            for subject, samples in results.samples[operation].items():
                by_subject[subject] = {measure: figures.median([getattr(cost, measure) for cost in samples.values()])
                                       for measure in ("cpu_us", "wall_us")}
            ours, theirs = results.paired(operation, "tare", "tare, empty root", "cpu_us")
            against_empty = dataclasses.asdict(figures.ratio_of_medians(ours, theirs)) if ours else None
            medians[operation] = {"medians": by_subject, "cpu_ratio_to_empty_root": against_empty}
        self.results.scale.append({"beside": name, "operations": medians})

    def containers(self, levels):
        there = 0
        try:
            for level in levels:
                while there < level:
                    self.add_container(there)
                    there += 1
                self.level(f"{level:,} containers")
        except Failed as error:
            self.results.fail(f"scale: container {there}", "tare", error)
        for number in range(there):
            self.runner.cost(self.tare.delete(f"beside{number}"))

    def add_container(self, number):
        bundle = self.maker.make("beside", group=f"beside{number}")
        self.runner.cost(self.tare.create(f"beside{number}", bundle))

    def mounts(self):
        top = Path("/run/bench/mounts")
        top.mkdir()
        mounting.mount("tmpfs", str(top), "tmpfs", 0)
        try:
            for number in range(MOUNTS):
                place = top / str(number)
                place.mkdir()
                mounting.mount(str(self.maker.rootfs / "tmp"), str(place), None, mounting.MS_BIND)
            self.level(f"{MOUNTS:,} mounts")
        finally:
            mounting.detach(str(top))

    def groups(self):
        made = [Path(f"{one.path}/{self.maker.parent_group}/others") for one in cgroups.hierarchies()]
        try:
            for top in made:
                top.mkdir()
                for number in range(GROUPS):
                    (top / str(number)).mkdir()
            self.level(f"{GROUPS:,} cgroups in each hierarchy")
        finally:
            for top in made:
                cgroups.remove_tree(top)
