"""The seccomp filter of the bundle as the kernel has it, taken from a container of tare that runs, for the floor to load.

So the floor loads the same instructions as tare, and the difference between the two is not one of filters. The kernel gives a
filter to a tracer with CAP_SYS_ADMIN if it has CONFIG_CHECKPOINT_RESTORE, as those of distributions do.
"""

import ctypes
import os

from bench import ptrace

INSTRUCTION_BYTES = 8


def of_process(pid):
    """The bytes of the filter that was loaded last: an array of struct sock_filter."""
    ptrace.call(ptrace.ATTACH, pid)
    try:
        os.waitpid(pid, ptrace.WAIT_ALL)
        count = ptrace.call(ptrace.SECCOMP_GET_FILTER, pid, 0, 0)
        buffer = ctypes.create_string_buffer(count * INSTRUCTION_BYTES)
        ptrace.call(ptrace.SECCOMP_GET_FILTER, pid, 0, ctypes.addressof(buffer))
        return buffer.raw
    finally:
        ptrace.call(ptrace.DETACH, pid)
