"""What must be there before anything can be measured, kept below the target folder: packages, the peers' root, tare, the floor.

Called by `outside`. Each step is done once and says what is missing if it cannot be done.
"""

import os
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ["gcc", "libc6-dev", "mmdebstrap", "util-linux"]
PEER_PACKAGES = ["crun", "runc", "python3", "busybox-static"]


class Missing(Exception):
    """Something that the benchmark needs and cannot get; the text says what to do."""


def work_folder():
    target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
    if not target.is_absolute():
        target = REPOSITORY / target
    folder = target / "bench"
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    (folder / "out").mkdir(exist_ok=True)
    return folder


def packages():
    if subprocess.run([REPOSITORY / "scripts/deps", *PACKAGES], stdin=subprocess.DEVNULL).returncode:
        raise Missing(f"these packages are needed and could not be installed: {' '.join(PACKAGES)}; install them, or make the"
                      " package registry reachable")


def peers_root(work):
    """A Debian testing root with crun and runc: their newest versions, with the libraries that they were built for."""
    suite = os.environ.get("BENCH_SUITE", "forky")
    root, stamp = work / "root", work / "root.stamp"
    wanted = f"{suite} {','.join(PEER_PACKAGES)}"
    if stamp.exists() and stamp.read_text() == wanted:
        return root
    print(f"bench: making a Debian {suite} root with crun and runc (once; half a minute)", flush=True)
    stamp.unlink(missing_ok=True)
    shutil.rmtree(root, ignore_errors=True)
    log = work / "mmdebstrap.log"
    with log.open("wb") as out:
        made = subprocess.run(
            # The mirror may be an old snapshot: then its lists are past their date, and still signed.
            ["mmdebstrap", "--variant=minbase", "--aptopt=Acquire::Check-Valid-Until \"false\"",
             f"--include={','.join(PEER_PACKAGES)}", suite, root],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    if made.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        shutil.rmtree(root, ignore_errors=True)
        raise Missing(f"crun and runc of Debian {suite} are missing: mmdebstrap could not get them from the package registry;\n{tail}\n"
                      f"(all of it in {log}). If the registry is reachable and has another name for the suite: BENCH_SUITE=testing")
    stamp.write_text(wanted)
    return root


def tare_binary(work):
    """The binary under test, copied to where the peers' root sees it."""
    given = os.environ.get("TARE")
    if given:
        found = shutil.which(given)
        if not found:
            raise Missing(f"TARE={given} is no program")
        path = Path(found).resolve()
    else:
        path = build_tare()
    copy_program(path, work / "bin" / "tare")
    return path


def build_tare(own=None):
    print("bench: building tare's release binary", flush=True)
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:{Path.home()}/.cargo/bin", **(own or {})}
    built = subprocess.run([REPOSITORY / "scripts/build-release"], env=environment, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, text=True, check=False)
    lines = built.stdout.split("\n") if built.returncode == 0 else []
    last = [line for line in lines if line][-1:]
    if not last or not Path(last[0]).is_file():
        raise Missing("tare's release binary is missing: scripts/build-release failed (above); or give one: TARE=PATH")
    return Path(last[0])


def build_with_symbols(work, folder, environment):
    """The release binary with its symbols, in a folder beside the binary that is measured."""
    own = {"SYMBOLS": "kept", "CARGO_TARGET_DIR": str(work / folder), **environment}
    return build_tare(own)


def copy_program(source, target):
    new = target.with_name(target.name + ".new")
    shutil.copyfile(source, new)
    new.chmod(0o755)
    new.replace(target)


def floor_binary(work):
    """Static, and with musl where it is: glibc's start alone would cost more than `state`."""
    source = REPOSITORY / "bench/floor.c"
    compiler = "musl-gcc" if shutil.which("musl-gcc") else "gcc"
    built = subprocess.run([compiler, "-O2", "-static", "-s", "-Wall", "-Wno-unused-result", "-o", work / "bin/floor", source])
    if built.returncode:
        raise Missing(f"the floor is missing: {compiler} does not compile {source} (above)")
    return compiler
