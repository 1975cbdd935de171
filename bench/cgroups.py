"""The cgroups that the benchmark works in: one group of its own in every hierarchy, and its removal.

`outside` removes what is left, also of runs that were killed; `inside` makes the group. Nothing else of the host's groups is touched.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

PREFIX = "tare-bench-"


@dataclass(frozen=True)
class Hierarchy:
    controllers: str  # as in the mount: `memory`, `cpu,cpuacct`, `name=systemd`; `unified` for cgroup v2
    path: Path


def parse_mounts(text):
    """The hierarchies that /proc/self/mounts lists, without second mounts of the same one."""
    found = {}
    for line in text.splitlines():
        _, path, kind, options = line.split()[:4]
        if kind == "cgroup2":
            found.setdefault("unified", Hierarchy("unified", Path(path)))
        elif kind == "cgroup":
            controllers = v1_controllers(options, path)
            found.setdefault(controllers, Hierarchy(controllers, Path(path)))
    return list(found.values())


def v1_controllers(options, path):
    """The controllers among the mount options. The folder's name tells them: other options are words of their own."""
    words = options.split(",")
    named = [word for word in words if word.startswith("name=")]
    if named:
        return named[0]
    known = set(Path(path).name.split(","))
    return ",".join(word for word in words if word in known) or Path(path).name


def hierarchies():
    return parse_mounts(Path("/proc/self/mounts").read_text())


def is_hybrid(found):
    kinds = {one.controllers == "unified" for one in found}
    return len(kinds) == 2


def layout_name(found):
    if is_hybrid(found):
        return "v1 (of a hybrid host)"
    return "v2" if found and found[0].controllers == "unified" else "v1"


def make_parent(name):
    """The group that all containers are made below, as Docker has /docker: the runtimes find it there."""
    for hierarchy in hierarchies():
        group = hierarchy.path / name
        group.mkdir()
        if "cpuset" in hierarchy.controllers.split(","):
            for file in ("cpuset.cpus", "cpuset.mems"):
                (group / file).write_text((hierarchy.path / file).read_text())
        if hierarchy.controllers == "unified":
            offered = (group / "cgroup.controllers").read_text().split()
            wanted = " ".join(f"+{one}" for one in ("cpu", "memory", "pids") if one in offered)
            (group / "cgroup.subtree_control").write_text(wanted)


def remove_tree(top):
    """Removes a group and all below it; the last processes in it may still be ending."""
    for folder, _, _ in os.walk(top, topdown=False):
        for _ in range(100):
            try:
                os.rmdir(folder)
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.02)


def remove_parent(name):
    for hierarchy in hierarchies():
        if (hierarchy.path / name).is_dir():
            remove_tree(hierarchy.path / name)


def remove_abandoned():
    """Groups of a run that was killed before it could clean up: their name holds a pid that is no more."""
    for hierarchy in hierarchies():
        for group in hierarchy.path.glob(f"{PREFIX}*"):
            pid = group.name[len(PREFIX):]
            if pid.isdigit() and not Path(f"/proc/{pid}").exists():
                remove_tree(group)
