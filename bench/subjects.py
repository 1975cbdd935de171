"""What is measured: three runtimes with one command line, and the floor with its own. Words only; `command` runs them."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench import bundle as bundles
from bench import cgroups

SIGWINCH = 28  # a signal that a program without a handler does not notice: the container goes on


@dataclass(frozen=True)
class Runtime:
    """A program with the command line that runc has made the usual one."""

    name: str
    path: str
    state_root: str

    def _words(self, *words):
        return [self.path, "--root", self.state_root, *words]

    def run(self, container, bundle):
        return self._words("run", "--bundle", str(bundle.folder), container)

    def create(self, container, bundle):
        return self._words("create", "--bundle", str(bundle.folder), container)

    def start(self, container):
        return self._words("start", container)

    def state(self, container):
        return self._words("state", container)

    def exec(self, container):
        return self._words("exec", container, *bundles.ENDS)

    def kill(self, container):
        return self._words("kill", container, "WINCH")

    def delete(self, container):
        return self._words("delete", "--force", container)

    def version(self):
        said = subprocess.run([self.path, "--version"], capture_output=True, text=True, check=False).stdout
        return said.splitlines()[0] if said else "unknown"


@dataclass(frozen=True)
class Floor:
    """bench/floor.c: it is told all that a runtime reads from config.json."""

    name: str
    path: str
    state_root: str
    filter_file: str
    hierarchies: tuple

    def _state(self, container):
        return f"{self.state_root}/{container}"

    def _groups(self, bundle):
        return ":".join(f"{one.controllers}={one.path}{bundle.cgroup}" for one in self.hierarchies)

    def run(self, container, bundle):
        return [self.path, "run", self._groups(bundle), str(bundle.rootfs), self.filter_file, str(bundle.memory_bytes), *bundle.program]

    def create(self, container, bundle):
        return [self.path, "create", self._groups(bundle), str(bundle.rootfs), self.filter_file, str(bundle.memory_bytes),
                self._state(container), *bundle.program]

    def start(self, container):
        return [self.path, "start", self._state(container)]

    def state(self, container):
        return [self.path, "state", self._state(container)]

    def exec(self, container):
        return [self.path, "exec", self._state(container), self.filter_file, *bundles.ENDS]

    def kill(self, container):
        return [self.path, "kill", self._state(container), str(SIGWINCH)]

    def delete(self, container):
        return [self.path, "delete", self._state(container)]

    def version(self):
        return "bench/floor.c"


def all_of(state_root, filter_file):
    for name in ("tare", "crun", "runc", "floor"):
        Path(state_root, name).mkdir(parents=True)
    return [
        Runtime("tare", "/bench/bin/tare", f"{state_root}/tare"),
        Runtime("crun", "/usr/bin/crun", f"{state_root}/crun"),
        Runtime("runc", "/usr/bin/runc", f"{state_root}/runc"),
        Floor("floor", "/bench/bin/floor", f"{state_root}/floor", filter_file, tuple(cgroups.hierarchies())),
    ]


def on_disk(path):
    """Bytes of a program, and of the shared libraries that it is loaded with."""
    said = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    libraries = set(re.findall(r"(/\S+) \(0x", said))
    return Path(path).stat().st_size, sum(Path(library).stat().st_size for library in libraries)


def remove_groups(bundle):
    """The cgroups of a container that its runtime has not removed."""
    for hierarchy in cgroups.hierarchies():
        group = Path(f"{hierarchy.path}{bundle.cgroup}")
        if group.is_dir():
            cgroups.remove_tree(group)
