//! bpf(2), as far as a device program on a cgroup needs it: load, attach, see what is attached, detach.
//!
//! Used by `cgroup` only. What the program does is `cgroup::devices_bpf`'s affair; the kernel's verifier has the last
//! word on it. Needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, in the initial user namespace.

use super::{Result, SysError};
use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

const BPF_PROG_LOAD: libc::c_int = 5;
const BPF_OBJ_PIN: libc::c_int = 6;
const BPF_PROG_ATTACH: libc::c_int = 8;
const BPF_PROG_DETACH: libc::c_int = 9;
const BPF_PROG_GET_FD_BY_ID: libc::c_int = 13;
const BPF_OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const BPF_PROG_QUERY: libc::c_int = 16;

const BPF_PROG_TYPE_CGROUP_DEVICE: u32 = 15;
const BPF_CGROUP_DEVICE: u32 = 6;
const BPF_F_ALLOW_MULTI: u32 = 1 << 1;
const BPF_F_REPLACE: u32 = 1 << 2;

/// The most programs that the kernel runs for one group (BPF_CGROUP_MAX_PROGS).
const MOST_PROGRAMS: usize = 64;

/// The part of union bpf_attr for BPF_PROG_LOAD. Shorter than the kernel's: what is missing counts as zero.
#[repr(C, align(8))]
#[derive(Default)]
struct LoadAttr {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
}

/// The part for BPF_PROG_ATTACH and BPF_PROG_DETACH.
#[repr(C, align(8))]
#[derive(Default)]
struct AttachAttr {
    target_fd: u32,
    attach_bpf_fd: u32,
    attach_type: u32,
    attach_flags: u32,
    replace_bpf_fd: u32,
    /// Named, like the two below, so that no padding is left with chance contents that a newer kernel would read.
    relative_fd: u32,
}

/// The part for BPF_PROG_QUERY.
#[repr(C, align(8))]
#[derive(Default)]
struct QueryAttr {
    target_fd: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    prog_cnt: u32,
    reserved: u32,
}

/// The part for BPF_PROG_GET_FD_BY_ID.
#[repr(C, align(8))]
#[derive(Default)]
struct IdAttr {
    id: u32,
    next_id: u32,
    open_flags: u32,
    token_fd: u32,
}

/// The part for BPF_OBJ_GET_INFO_BY_FD.
#[repr(C, align(8))]
#[derive(Default)]
struct InfoAttr {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// The first fields of struct bpf_prog_info: the kernel fills as much as there is room for.
#[repr(C, align(8))]
#[derive(Default)]
struct ProgramInfo {
    kind: u32,
    id: u32,
}

/// The part for BPF_OBJ_PIN.
#[repr(C, align(8))]
#[derive(Default)]
struct PinAttr {
    pathname: u64,
    bpf_fd: u32,
    file_flags: u32,
}

/// # Safety
/// `attr` must be the kernel's layout for `command`, and every pointer in it valid for what the command does.
unsafe fn bpf<T>(command: libc::c_int, attr: &mut T) -> i64 {
    // SAFETY: the caller vouches for the contents; the pointer and the size describe one value that lives through
    // the call.
    unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(attr), size_of::<T>()) }
}

/// Loads a device program (BPF_PROG_TYPE_CGROUP_DEVICE, Linux 4.15) of struct bpf_insn values; close-on-exec.
/// `EPERM`: not privileged. `EINVAL`, `EACCES`: the verifier does not take it, or the kernel has no CONFIG_CGROUP_BPF.
pub fn load_device_program(program: &[u64]) -> Result<OwnedFd> {
    // The licence says which helper functions may be called: this program calls none, and any string does.
    let license = c"Apache-2.0";
    let mut attr = LoadAttr {
        prog_type: BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt: u32::try_from(program.len()).unwrap_or(u32::MAX),
        insns: program.as_ptr() as u64,
        license: license.as_ptr() as u64,
        prog_name: *b"tare_devices\0\0\0\0",
        ..LoadAttr::default()
    };
    // SAFETY: LoadAttr is the layout of BPF_PROG_LOAD; `insns` points to `insn_cnt` instructions of 8 bytes and
    // `license` to a NUL-terminated string; the kernel copies both and keeps neither.
    let fd = unsafe { bpf(BPF_PROG_LOAD, &mut attr) };
    if fd < 0 {
        return Err(SysError::last("bpf BPF_PROG_LOAD", "device program"));
    }
    // SAFETY: the kernel has just given us this descriptor (always close-on-exec); nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// Attaches `program` to the group `cgroup`, beside other programs (all of them must allow an access), or in one step in
/// the place of `replace` (BPF_F_REPLACE, Linux 5.6): there is no moment with none.
pub fn attach_device_program(
    cgroup: BorrowedFd<'_>,
    program: BorrowedFd<'_>,
    replace: Option<BorrowedFd<'_>>,
    object: &str,
) -> Result<()> {
    let mut attr = AttachAttr {
        target_fd: cgroup.as_raw_fd() as u32,
        attach_bpf_fd: program.as_raw_fd() as u32,
        attach_type: BPF_CGROUP_DEVICE,
        attach_flags: BPF_F_ALLOW_MULTI | if replace.is_some() { BPF_F_REPLACE } else { 0 },
        replace_bpf_fd: replace.map_or(0, |fd| fd.as_raw_fd() as u32),
        ..AttachAttr::default()
    };
    // SAFETY: AttachAttr is the layout of BPF_PROG_ATTACH; it holds descriptors that the caller has open, no pointers.
    match unsafe { bpf(BPF_PROG_ATTACH, &mut attr) } {
        0 => Ok(()),
        _ => Err(SysError::last("bpf BPF_PROG_ATTACH", object)),
    }
}

/// Gives `program` a name in a mounted BPF file system, by which another process can have it, also when ours has ended.
pub fn pin(program: BorrowedFd<'_>, path: &CStr) -> Result<()> {
    let mut attr =
        PinAttr { pathname: path.as_ptr() as u64, bpf_fd: program.as_raw_fd() as u32, ..PinAttr::default() };
    // SAFETY: PinAttr is the layout of BPF_OBJ_PIN; `pathname` points to a NUL-terminated string that outlives the call.
    match unsafe { bpf(BPF_OBJ_PIN, &mut attr) } {
        0 => Ok(()),
        _ => Err(SysError::last("bpf BPF_OBJ_PIN", path.to_string_lossy())),
    }
}

/// Takes `program` off the group `cgroup`.
pub fn detach_device_program(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>, object: &str) -> Result<()> {
    let mut attr = AttachAttr {
        target_fd: cgroup.as_raw_fd() as u32,
        attach_bpf_fd: program.as_raw_fd() as u32,
        attach_type: BPF_CGROUP_DEVICE,
        ..AttachAttr::default()
    };
    // SAFETY: AttachAttr is the layout of BPF_PROG_DETACH; it holds descriptors that the caller has open, no pointers.
    match unsafe { bpf(BPF_PROG_DETACH, &mut attr) } {
        0 => Ok(()),
        _ => Err(SysError::last("bpf BPF_PROG_DETACH", object)),
    }
}

/// The kernel's numbers of the device programs attached to the group `cgroup` itself, not to its parents.
pub fn device_programs(cgroup: BorrowedFd<'_>, object: &str) -> Result<Vec<u32>> {
    let mut ids = [0u32; MOST_PROGRAMS];
    let mut attr = QueryAttr {
        target_fd: cgroup.as_raw_fd() as u32,
        attach_type: BPF_CGROUP_DEVICE,
        prog_ids: ids.as_mut_ptr() as u64,
        prog_cnt: MOST_PROGRAMS as u32,
        ..QueryAttr::default()
    };
    // SAFETY: QueryAttr is the layout of BPF_PROG_QUERY; `prog_ids` points to `prog_cnt` words that we alone use.
    if unsafe { bpf(BPF_PROG_QUERY, &mut attr) } != 0 {
        return Err(SysError::last("bpf BPF_PROG_QUERY", object));
    }
    Ok(ids.into_iter().take(attr.prog_cnt as usize).collect())
}

/// The number of a program that is loaded, unlike any other's.
pub fn id_of(program: BorrowedFd<'_>) -> Result<u32> {
    let mut info = ProgramInfo::default();
    let mut attr = InfoAttr {
        bpf_fd: program.as_raw_fd() as u32,
        info_len: size_of::<ProgramInfo>() as u32,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    // SAFETY: InfoAttr is the layout of BPF_OBJ_GET_INFO_BY_FD; `info` points to `info_len` bytes that we alone use.
    match unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attr) } {
        0 => Ok(info.id),
        _ => Err(SysError::last("bpf BPF_OBJ_GET_INFO_BY_FD", "device program")),
    }
}

/// The program of this number.
pub fn program_by_id(id: u32) -> Result<OwnedFd> {
    let mut attr = IdAttr { id, ..IdAttr::default() };
    // SAFETY: IdAttr is the layout of BPF_PROG_GET_FD_BY_ID; it holds a number, no pointers.
    let fd = unsafe { bpf(BPF_PROG_GET_FD_BY_ID, &mut attr) };
    if fd < 0 {
        return Err(SysError::last("bpf BPF_PROG_GET_FD_BY_ID", format!("program {id}")));
    }
    // SAFETY: the kernel has just given us this descriptor (always close-on-exec); nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}
