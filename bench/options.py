"""The command line of scripts/bench. Called by `outside`, which hands the words on to `inside`."""

import argparse
from dataclasses import dataclass

SECTIONS = ("times", "idle", "footprint", "calls", "scale", "parallel")

ABOUT = """Measures tare beside crun, runc and a floor of bare system calls, and compares with the targets.
Needs root. The first run installs packages, makes a Debian testing root with the peers and builds tare's release binary; all of it
is kept below the target folder. With nothing else said, everything is measured with 60 pairs; that takes about ten minutes."""

SECTION_HELP = """sections for --only:
  times      run, create, start, state, exec, kill, delete, back to back
  idle       the same, each after 50 ms in which nothing happens
  footprint  memory of each command and of the waiting container, the smallest memory limit, sizes on disk
  calls      system calls of each command
  scale      the cost with many containers, mounts and cgroups on the host
  parallel   100 runs at 1, 2, 4 and 8 at a time

environment:
  TARE=PATH         measure this binary instead of building one
  BENCH_SUITE=NAME  the Debian suite that crun and runc come from (default: forky)
  CARGO_TARGET_DIR  where builds, the root and the results are kept (default: target)"""


@dataclass(frozen=True)
class Options:
    pairs: int
    is_quick: bool
    sections: tuple
    publishes: bool


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number of pairs")
    return number


def section_list(text):
    names = text.split(",")
    for name in names:
        if name not in SECTIONS:
            raise argparse.ArgumentTypeError(f"no section {name}; there are: {', '.join(SECTIONS)}")
    return tuple(names)


def parser():
    made = argparse.ArgumentParser(
        prog="scripts/bench", description=ABOUT, epilog=SECTION_HELP, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--pairs", type=positive, metavar="N", help="interleaved pairs for each operation (default: 60)")
    made.add_argument("--quick", action="store_true", help="a smoke test: few pairs, nothing that takes long, and never a verdict")
    made.add_argument("--scale", action="store_true", help="only the section `scale`")
    made.add_argument("--only", type=section_list, metavar="SECTION,...", help="only these sections")
    made.add_argument("--publish", action="store_true", help="put the results into docs/ (only of a whole run)")
    return made


def parse(words):
    made = parser()
    given = made.parse_args(words)
    if given.publish and (given.quick or given.scale or given.only):
        made.error("--publish takes the results of a whole run only: not with --quick, --scale or --only")
    if given.scale and given.only:
        made.error("--scale is --only scale: give one of the two")
    sections = given.only or (("scale",) if given.scale else SECTIONS)
    if given.quick and not given.only and not given.scale:
        sections = tuple(name for name in SECTIONS if name != "scale")
    pairs = given.pairs or (5 if given.quick else 60)
    return Options(pairs=pairs, is_quick=given.quick, sections=sections, publishes=given.publish)
