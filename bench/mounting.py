"""mount(2), umount2(2) and pivot_root(2). Called by `entering` and `scale`, always in a mount namespace of the benchmark's own."""

import ctypes
import os

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC = 1, 32, 4096, 16384
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result, path):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)


def mount(source, target, kind, flags, data=None):
    words = [word and word.encode() for word in (source, target, kind)]
    _checked(_libc.mount(*words, ctypes.c_ulong(flags), data and data.encode()), target)


def detach(target):
    """Takes a mount away, with all that are mounted in it."""
    _checked(_libc.umount2(target.encode(), MNT_DETACH), target)


def pivot_root(new, old):
    _checked(_libc.pivot_root(new.encode(), old.encode()), new)
