"""From the host into the peers' root: mounts and pivot_root(2), then that root's python3 with `inside`.

Started by `outside` through unshare(1), as pid 1 of its own pid, mount and ipc namespaces. So when it ends, however it ends, all
processes in it end and all mounts are gone. Of the host only procfs, sysfs, cgroups and /dev are seen.
"""

import os
import sys

from bench import cgroups, mounting

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": "/repository", "PYTHONDONTWRITEBYTECODE": "1"}


def command(root, work, repository, order):
    """What `outside` starts. It ends with its caller, and everything in it with itself."""
    return ["setpriv", "--pdeathsig", "KILL",
            "unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--propagation", "private",
            "python3", "-m", "bench.entering", str(root), str(work), str(repository), order]


def hide_unified():
    """crun refuses a host with both layouts, so it is hidden from all subjects alike that there is a second one."""
    found = cgroups.hierarchies()
    if cgroups.is_hybrid(found):
        for hierarchy in found:
            if hierarchy.controllers == "unified":
                mounting.detach(str(hierarchy.path))


def fill(root, work, repository):
    bind = mounting.MS_BIND
    mounting.mount(root, root, None, bind)
    os.chdir(root)
    for folder in ("bench", "repository", "old"):
        os.makedirs(folder, exist_ok=True)
    mounting.mount(work, "bench", None, bind)
    mounting.mount(repository, "repository", None, bind)
    mounting.mount(None, "repository", None, bind | mounting.MS_REMOUNT | mounting.MS_RDONLY)
    mounting.mount("/sys", "sys", None, bind | mounting.MS_REC)
    mounting.mount("/dev", "dev", None, bind | mounting.MS_REC)
    mounting.mount("proc", "proc", "proc", 0)
    mounting.mount("tmpfs", "run", "tmpfs", 0, "mode=755")
    mounting.mount("tmpfs", "tmp", "tmpfs", 0, "mode=1777")


def main(root, work, repository, order):
    hide_unified()
    fill(root, work, repository)
    mounting.pivot_root(".", "old")
    os.chdir("/repository")
    mounting.detach("/old")
    os.execve("/usr/bin/python3", ["python3", "-m", "bench.inside", order], ENVIRONMENT)


if __name__ == "__main__":
    main(*sys.argv[1:])
