"""ptrace(2), as far as the benchmark needs it. Constants and calls only; `trace`, `follow` and `seccomp_filter` say what for."""

import ctypes
import os
import struct

TRACEME, PEEKTEXT, POKETEXT, CONT, ATTACH, DETACH, SYSCALL = 0, 1, 4, 7, 16, 17, 24
SETOPTIONS, GETREGSET, SETREGSET, SECCOMP_GET_FILTER, GET_SYSCALL_INFO = 0x4200, 0x4204, 0x4205, 0x420C, 0x420E
NT_PRSTATUS = 1  # the general registers (linux/elf.h)
OPTION_SYSGOOD, OPTION_FORK, OPTION_VFORK, OPTION_CLONE, OPTION_EXEC, OPTION_EXIT = 1, 2, 4, 8, 16, 64
EVENT_FORK, EVENT_VFORK, EVENT_CLONE, EVENT_EXEC, EVENT_EXIT = 1, 2, 3, 4, 6
WAIT_ALL = 0x40000000  # __WALL
INFO_ENTRY = 1
INFO_BYTES = 88

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]


def call(request, pid, address=0, data=0):
    ctypes.set_errno(0)
    result = _libc.ptrace(request, pid, address, data)
    if result == -1 and ctypes.get_errno():
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace {request}: {os.strerror(number)}")
    return result


class _Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def registers(pid, size):
    """The general registers, as the machine's struct user_regs_struct."""
    buffer = ctypes.create_string_buffer(size)
    vector = _Vector(ctypes.addressof(buffer), size)
    call(GETREGSET, pid, NT_PRSTATUS, ctypes.addressof(vector))
    return buffer.raw


def set_registers(pid, values):
    buffer = ctypes.create_string_buffer(bytes(values), len(values))
    vector = _Vector(ctypes.addressof(buffer), len(values))
    call(SETREGSET, pid, NT_PRSTATUS, ctypes.addressof(vector))


def entered_call(pid):
    """The number of the system call at whose entry a process stands, or None at its exit."""
    buffer = ctypes.create_string_buffer(INFO_BYTES)
    call(GET_SYSCALL_INFO, pid, INFO_BYTES, ctypes.addressof(buffer))
    kind, number = struct.unpack_from("=B23xQ", buffer)
    return number if kind == INFO_ENTRY else None
