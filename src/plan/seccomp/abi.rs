//! The architectures a profile can name, as the kernel's filter sees them: struct seccomp_data's `arch` and `nr`,
//! the width and byte order of `args`.
//!
//! Called by `profile` and `tree`. Plain data; the system call numbers are in `bundle::syscalls`.

use crate::bundle::syscalls::{COLUMNS, Call};
use oci_spec::runtime::Arch;

/// One calling convention. x32 and x86_64 are two of them behind one value of `arch`.
#[derive(Debug)]
pub(super) struct Abi {
    pub(super) arch: Arch,
    /// As config.json writes it.
    pub(super) name: &'static str,
    /// seccomp_data.arch: AUDIT_ARCH_* (linux/audit.h).
    pub(super) audit: u32,
    /// Its column in the table.
    pub(super) column: usize,
    /// What the ABI adds to the table's numbers.
    pub(super) base: u32,
    pub(super) width: Width,
    pub(super) order: ByteOrder,
}

/// How much of an argument is compared. A 32-bit program's registers say nothing about the upper half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    Bits32,
    Bits64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

/// __X32_SYSCALL_BIT.
pub(super) const X32_BIT: u32 = 0x4000_0000;
pub(super) const AUDIT_X86_64: u32 = 0xc000_003e;

const fn abi(arch: Arch, name: &'static str, column: usize, audit: u32, base: u32, width: Width) -> Abi {
    assert!(column < COLUMNS);
    // AUDIT_ARCH_*: bit 30 is __AUDIT_ARCH_LE.
    let order = if audit & 0x4000_0000 == 0 { ByteOrder::Big } else { ByteOrder::Little };
    Abi { arch, name, audit, column, base, width, order }
}

use Width::{Bits32, Bits64};

/// Every architecture of the spec, with its name there.
#[rustfmt::skip]
pub(super) static ABIS: [Abi; 23] = [
    abi(Arch::ScmpArchX86_64,      "SCMP_ARCH_X86_64",      0,  AUDIT_X86_64, 0,       Bits64),
    abi(Arch::ScmpArchX86,         "SCMP_ARCH_X86",         1,  0x4000_0003, 0,       Bits32),
    abi(Arch::ScmpArchX32,         "SCMP_ARCH_X32",         2,  AUDIT_X86_64, X32_BIT, Bits32),
    abi(Arch::ScmpArchAarch64,     "SCMP_ARCH_AARCH64",     3,  0xc000_00b7, 0,       Bits64),
    abi(Arch::ScmpArchArm,         "SCMP_ARCH_ARM",         4,  0x4000_0028, 0,       Bits32),
    abi(Arch::ScmpArchRiscv64,     "SCMP_ARCH_RISCV64",     5,  0xc000_00f3, 0,       Bits64),
    abi(Arch::ScmpArchLoongarch64, "SCMP_ARCH_LOONGARCH64", 6,  0xc000_0102, 0,       Bits64),
    abi(Arch::ScmpArchPpc64le,     "SCMP_ARCH_PPC64LE",     7,  0xc000_0015, 0,       Bits64),
    abi(Arch::ScmpArchPpc64,       "SCMP_ARCH_PPC64",       7,  0x8000_0015, 0,       Bits64),
    abi(Arch::ScmpArchPpc,         "SCMP_ARCH_PPC",         8,  0x0000_0014, 0,       Bits32),
    abi(Arch::ScmpArchS390x,       "SCMP_ARCH_S390X",       9,  0x8000_0016, 0,       Bits64),
    abi(Arch::ScmpArchS390,        "SCMP_ARCH_S390",        10, 0x0000_0016, 0,       Bits32),
    abi(Arch::ScmpArchMipsel64,    "SCMP_ARCH_MIPSEL64",    11, 0xc000_0008, 5000,    Bits64),
    abi(Arch::ScmpArchMips64,      "SCMP_ARCH_MIPS64",      11, 0x8000_0008, 5000,    Bits64),
    abi(Arch::ScmpArchMipsel64n32, "SCMP_ARCH_MIPSEL64N32", 12, 0xe000_0008, 6000,    Bits32),
    abi(Arch::ScmpArchMips64n32,   "SCMP_ARCH_MIPS64N32",   12, 0xa000_0008, 6000,    Bits32),
    abi(Arch::ScmpArchMipsel,      "SCMP_ARCH_MIPSEL",      13, 0x4000_0008, 4000,    Bits32),
    abi(Arch::ScmpArchMips,        "SCMP_ARCH_MIPS",        13, 0x0000_0008, 4000,    Bits32),
    abi(Arch::ScmpArchParisc64,    "SCMP_ARCH_PARISC64",    14, 0x8000_000f, 0,       Bits64),
    abi(Arch::ScmpArchParisc,      "SCMP_ARCH_PARISC",      15, 0x0000_000f, 0,       Bits32),
    abi(Arch::ScmpArchM68k,        "SCMP_ARCH_M68K",        16, 0x0000_0004, 0,       Bits32),
    abi(Arch::ScmpArchSh,          "SCMP_ARCH_SH",          17, 0x4000_002a, 0,       Bits32),
    abi(Arch::ScmpArchSheb,        "SCMP_ARCH_SHEB",        17, 0x0000_002a, 0,       Bits32),
];

impl Abi {
    /// The ABI of an architecture of the spec; None for SCMP_ARCH_NATIVE, which only a host can resolve.
    pub(super) fn of(arch: Arch) -> Option<&'static Abi> {
        ABIS.iter().find(|abi| abi.arch == arch)
    }

    /// The ABI of a host's architecture (`Host::architecture`).
    pub(super) fn named(name: &str) -> Option<&'static Abi> {
        ABIS.iter().find(|abi| abi.name == name)
    }

    /// The `nr` of a system call, if this ABI has it.
    pub(super) fn number(&self, call: Call) -> Option<u32> {
        call.number(self.column).map(|number| number + self.base)
    }

    /// Offset in struct seccomp_data of the lower half of argument `index`.
    pub(super) fn low_half(&self, index: u32) -> u32 {
        16 + 8 * index + if self.order == ByteOrder::Big { 4 } else { 0 }
    }

    /// Offset in struct seccomp_data of the upper half of argument `index`.
    pub(super) fn high_half(&self, index: u32) -> u32 {
        16 + 8 * index + if self.order == ByteOrder::Big { 0 } else { 4 }
    }
}

/// A system call that carries others, chosen by its first argument (socketcall(2), ipc(2)).
#[derive(Debug)]
pub(super) struct Multiplexer {
    pub(super) name: &'static str,
    /// The bits of its first argument that the kernel looks at to choose.
    pub(super) selector_mask: u64,
    /// The calls it carries and their numbers in that argument (linux/net.h, linux/ipc.h).
    pub(super) calls: &'static [(u8, &'static str)],
}

/// The two multiplexers; an ABI has one if its column says so.
pub(super) static MULTIPLEXERS: [Multiplexer; 2] = [
    Multiplexer {
        name: "socketcall",
        selector_mask: 0xffff_ffff,
        calls: &[
            (1, "socket"),
            (2, "bind"),
            (3, "connect"),
            (4, "listen"),
            (5, "accept"),
            (6, "getsockname"),
            (7, "getpeername"),
            (8, "socketpair"),
            (9, "send"),
            (10, "recv"),
            (11, "sendto"),
            (12, "recvfrom"),
            (13, "shutdown"),
            (14, "setsockopt"),
            (15, "getsockopt"),
            (16, "sendmsg"),
            (17, "recvmsg"),
            (18, "accept4"),
            (19, "recvmmsg"),
            (20, "sendmmsg"),
        ],
    },
    Multiplexer {
        name: "ipc",
        // The upper 16 bits are a version (ipc/syscall.c).
        selector_mask: 0xffff,
        calls: &[
            (1, "semop"),
            (2, "semget"),
            (3, "semctl"),
            (4, "semtimedop"),
            (11, "msgsnd"),
            (12, "msgrcv"),
            (13, "msgget"),
            (14, "msgctl"),
            (21, "shmat"),
            (22, "shmdt"),
            (23, "shmget"),
            (24, "shmctl"),
        ],
    },
];
