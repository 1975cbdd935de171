"""The host's half: prepares, starts the measuring half in the peers' root, cleans up after it, and publishes.

Called by scripts/bench. Whatever is made for the measurements lives in namespaces that die with `entering`; only cgroups are left, and
they are removed here, on every way out.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys

from bench import cgroups, entering, options, prepare, report


def main(words):
    chosen = options.parse(words)
    return alone(lambda work: measure(chosen, work))


def alone(work_with):
    """Does something with the work folder that nobody else uses meanwhile, and cleans up however it ends."""
    if os.geteuid() != 0:
        return complain("needs root: it makes containers, cgroups and mounts")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    # A shell has what it runs in the background ignore these, and a runtime resets what its caller ignores: two calls more.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    work = prepare.work_folder()
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return complain(f"another run works in {work}")
        try:
            return work_with(work)
        except prepare.Missing as error:
            return complain(str(error))
        except KeyboardInterrupt:
            return complain("interrupted", code=130)


def complain(text, code=1):
    print(f"bench: {text}", file=sys.stderr)
    return code


def measure(chosen, work):
    prepare.packages()
    root = prepare.peers_root(work)
    tare = prepare.tare_binary(work)
    compiler = prepare.floor_binary(work)
    cgroups.remove_abandoned()
    parent = f"{cgroups.PREFIX}{os.getpid()}"
    found = cgroups.hierarchies()
    if cgroups.is_hybrid(found):
        print("bench: this host has both cgroup layouts; crun refuses that, so v2 is hidden from all subjects alike")
    order = {"pairs": chosen.pairs, "is_quick": chosen.is_quick, "sections": chosen.sections, "parent": parent,
             "layout": cgroups.layout_name(found), "floor_compiler": compiler, "tare": tare.name,
             "suite": os.environ.get("BENCH_SUITE", "forky"), "commit": commit()}
    code = enter(root, work, order, parent)
    if code == 0 and chosen.publishes:
        publish(work / "out")
    return code


def follow(work, program, what, functions):
    """Lets `inside` follow functions of this program through every command: its exit code, and what it has found."""
    prepare.packages()
    root = prepare.peers_root(work)
    prepare.copy_program(program, work / "bin/tare")
    (work / "out/functions.json").write_text(json.dumps(functions))
    cgroups.remove_abandoned()
    parent = f"{cgroups.PREFIX}{os.getpid()}"
    code = enter(root, work, {"follows": what, "parent": parent}, parent)
    return code, json.loads((work / "out/followed.json").read_text()) if code == 0 else None


def commit():
    if not shutil.which("git"):
        return "unknown"
    said = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=prepare.REPOSITORY,
                          capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def enter(root, work, order, parent):
    """Runs `inside` and waits for its end, or brings it about."""
    command = entering.command(root, work, prepare.REPOSITORY, json.dumps(order))
    # A session of its own: Ctrl-C reaches this process only, which then ends the other.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return child.wait()
    finally:
        if child.poll() is None:
            child.kill()  # unshare --kill-child: its pid 1 goes with it, and with that every process below
            child.wait()
        cgroups.remove_parent(parent)


def publish(out):
    docs = prepare.REPOSITORY / "docs"
    for name in ("bench.json", "bench.svg"):
        shutil.copyfile(out / name, docs / name)
    page = docs / "performance.md"
    page.write_text(report.filled(page.read_text(), "profile", (out / "profile.md").read_text()))
    print("bench: published docs/bench.json, docs/bench.svg, and the tables of docs/performance.md")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
