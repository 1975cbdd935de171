"""Numbers of system calls -> their names on this machine, from the table that tare's seccomp compiler is built with."""

import os
from pathlib import Path

TABLE = Path(__file__).resolve().parent.parent / "src/bundle/syscalls.txt"


def parse(text, machine):
    lines = text.splitlines()
    header = next(line for line in lines if line.startswith("# name "))
    column = header[2:].split().index(machine)
    rows = (line.split() for line in lines if line and not line.startswith("#"))
    return {int(row[column]): row[0] for row in rows if row[column] != "-"}


def of_this_machine():
    return parse(TABLE.read_text(), os.uname().machine)
