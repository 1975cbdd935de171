"""The container that is measured: a root filesystem of busybox and a config.json as an engine would write it. Made by `inside`.

Docker's capabilities, masks, read-only paths and device rules; podman's default seccomp profile; five namespaces; limits of memory,
CPU and pids. bench/floor.c makes the same container from constants of its own: what changes here changes there.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

CAPABILITIES = ["CAP_" + name for name in (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID"
    " SYS_CHROOT").split()]
MASKED = ["/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
NAMESPACES = ["pid", "network", "ipc", "uts", "mount"]
CLOSED = ["nosuid", "noexec", "nodev"]
MOUNTS = [
    ("/proc", "proc", "proc", CLOSED),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/shm", "tmpfs", "shm", CLOSED + ["mode=1777", "size=65536k"]),
    ("/dev/mqueue", "mqueue", "mqueue", CLOSED),
    ("/sys", "sysfs", "sysfs", CLOSED + ["ro"]),
    ("/sys/fs/cgroup", "cgroup", "cgroup", CLOSED + ["relatime", "ro"]),
]
MEMORY_BYTES = 256 * 1024 * 1024
ENDS = ["/bin/true"]
STAYS = ["/bin/sleep", "100000"]


@dataclass(frozen=True)
class Bundle:
    folder: Path
    cgroup: str  # below every hierarchy's root, as in cgroupsPath
    rootfs: Path
    program: tuple
    memory_bytes: int


def make_rootfs(folder, busybox="/bin/busybox"):
    for name in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(busybox, folder / "bin/busybox")
    (folder / "bin/busybox").chmod(0o755)
    for applet in ("true", "sleep", "sh"):
        os.symlink("busybox", folder / "bin" / applet)


def devices():
    """Docker's rules. The nodes that every container has are allowed by the runtimes themselves."""
    allowed = [(1, 5), (1, 3), (1, 9), (1, 8), (5, 0)]
    rules = [{"allow": False, "access": "rwm"}]
    return rules + [{"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"} for major, minor in allowed]


def configuration(rootfs, cgroup, program, memory_bytes, seccomp):
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},
            "args": list(program),
            "env": ["PATH=/usr/bin:/bin", "TERM=xterm", "HOME=/"],
            "cwd": "/",
            "capabilities": {"bounding": CAPABILITIES, "effective": CAPABILITIES, "permitted": CAPABILITIES},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
            "noNewPrivileges": False,
        },
        "root": {"path": str(rootfs), "readonly": False},
        "hostname": "bench",
        "mounts": [{"destination": where, "type": kind, "source": source, "options": words}
                   for where, kind, source, words in MOUNTS],
        "linux": {
            "cgroupsPath": cgroup,
            "namespaces": [{"type": name} for name in NAMESPACES],
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
            "resources": {
                "devices": devices(),
                "memory": {"limit": memory_bytes},
                "cpu": {"shares": 1024, "quota": 100000, "period": 100000},
                "pids": {"limit": 100},
            },
            "seccomp": seccomp,
        },
    }


class Maker:
    """Writes bundles below one folder; all of them share one root filesystem."""

    def __init__(self, folder, parent_group, seccomp):
        self.folder, self.parent_group, self.seccomp = folder, parent_group, seccomp
        self.rootfs = folder / "rootfs"
        make_rootfs(self.rootfs)

    def make(self, name, program=tuple(STAYS), memory_bytes=MEMORY_BYTES, group=None):
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        cgroup = f"/{self.parent_group}/{group or name}"
        # Without blanks, as podman writes it.
        text = json.dumps(configuration(self.rootfs, cgroup, program, memory_bytes, self.seccomp), separators=(",", ":"))
        (folder / "config.json").write_text(text)
        return Bundle(folder, cgroup, self.rootfs, tuple(program), memory_bytes)
