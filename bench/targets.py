"""What tare is held to: ratios to crun of the same run, and figures of its own. Read by `report`."""

# operation -> (processor time, wall time), as parts of crun's; None: no target
RATIOS = {
    "run": (0.40, 0.45),
    "run, idle": (0.40, 0.30),
    "create": (0.35, 0.25),
    "create with init": (0.40, None),
    "start": (0.12, 0.12),
    "state": (0.12, 0.12),
    "kill": (0.12, 0.12),
    "exec": (0.28, 0.28),
    "delete": (0.25, 0.25),
    "100 runs, 4 at a time": (0.45, 0.45),
}

# figure -> (at most, unit)
SINGLE = {
    "peak memory of run": (1229, "KiB"),
    "waiting container: resident": (200, "KiB"),
    "smallest memory limit": (188, "KiB"),
    "system calls of run": (350, ""),
    "binary": (1536, "KiB"),
}
