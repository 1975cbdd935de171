//! What the runtime and its last stage say to each other: message and payload layouts, as plain numbers.
//!
//! Compiled twice: into the runtime and, by build.rs, into the freestanding stage. So it uses `core` only, every
//! type has a C layout, and it holds no code but conversions.

/// A step of a birth that runs after the clone, in the order in which the steps are taken.
/// The child sends the number, the parent has the words (`launch::steps`).
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Step {
    Go = 1,
    Cgroup,
    JoinNamespace,
    CloneInUserNamespace,
    BecomeRoot,
    CgroupNamespace,
    TimeNamespace,
    Keyring,
    Loopback,
    Hostname,
    Domainname,
    Propagation,
    BindRoot,
    Mount,
    Device,
    DeviceLink,
    AtHooks,
    CreateContainerHook,
    SwitchRoot,
    RootPropagation,
    Console,
    Cwd,
    ReadonlyRoot,
    Sysctl,
    ReadonlyPath,
    MaskedPath,
    OomScore,
    Affinity,
    Scheduler,
    IoPriority,
    MemoryPolicy,
    Personality,
    NoNewPrivileges,
    Descriptors,
    Stage,
    ApparmorProfile,
    SelinuxLabel,
    CloseDescriptors,
    JoinContainer,
    Session,
    Groups,
    Gid,
    BoundingSet,
    Uid,
    Capabilities,
    Chdir,
    Lookup,
    Ready,
    Gate,
    StartContainerHook,
    Limits,
    Seccomp,
    Exec,
    Panic,
}

/// Every step, in order: the n-th has the number n + 1.
pub const STEPS: [Step; 53] = [
    Step::Go,
    Step::Cgroup,
    Step::JoinNamespace,
    Step::CloneInUserNamespace,
    Step::BecomeRoot,
    Step::CgroupNamespace,
    Step::TimeNamespace,
    Step::Keyring,
    Step::Loopback,
    Step::Hostname,
    Step::Domainname,
    Step::Propagation,
    Step::BindRoot,
    Step::Mount,
    Step::Device,
    Step::DeviceLink,
    Step::AtHooks,
    Step::CreateContainerHook,
    Step::SwitchRoot,
    Step::RootPropagation,
    Step::Console,
    Step::Cwd,
    Step::ReadonlyRoot,
    Step::Sysctl,
    Step::ReadonlyPath,
    Step::MaskedPath,
    Step::OomScore,
    Step::Affinity,
    Step::Scheduler,
    Step::IoPriority,
    Step::MemoryPolicy,
    Step::Personality,
    Step::NoNewPrivileges,
    Step::Descriptors,
    Step::Stage,
    Step::ApparmorProfile,
    Step::SelinuxLabel,
    Step::CloseDescriptors,
    Step::JoinContainer,
    Step::Session,
    Step::Groups,
    Step::Gid,
    Step::BoundingSet,
    Step::Uid,
    Step::Capabilities,
    Step::Chdir,
    Step::Lookup,
    Step::Ready,
    Step::Gate,
    Step::StartContainerHook,
    Step::Limits,
    Step::Seccomp,
    Step::Exec,
];

/// What a message means. Child to parent below 16, parent to child from 16 on.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The mounts are made: time for prestart and createRuntime hooks. Answered by `Done`.
    AtHooks = 1,
    /// Everything that can fail before the program's own execve is done. Answered by `Stand` or `Start`.
    Ready = 2,
    /// A step failed; the sender is gone after this.
    Failed = 3,
    /// A step fell back to something weaker that is still right: worth a line in the log.
    Note = 4,
    /// The real child has been cloned, inside of joined namespaces; `value` is its pid. Answered by `Go`.
    Born = 5,
    /// The seccomp listener is open; `value` is its number in the sender. Answered by `Done`, or by `Send` and then `Done`.
    Listener = 6,
    /// What is left is the filter and the execve: an end of file after this is success.
    Executing = 7,

    /// Maps, cgroup and limits are in place, the pid is recorded: begin.
    Go = 16,
    /// The question is settled; `value` is the child's pid outside.
    Done = 17,
    /// Stand at the gate until `start` comes.
    Stand = 18,
    /// Execute the program.
    Start = 19,
    /// Send the descriptor of which you have told: it cannot be taken out of you.
    Send = 20,
}

/// Bytes of the object that travel with a failure.
pub const OBJECT_BYTES: usize = 160;
/// Bytes of a message on the wire.
pub const MESSAGE_BYTES: usize = 12 + OBJECT_BYTES;

/// One datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// A [`Kind`].
    pub kind: u8,
    /// A [`Step`], for `Failed` and `Note`.
    pub step: u8,
    /// A [`Detail`], for `Failed`.
    pub detail: u8,
    /// Bytes of `object` in use.
    pub object_len: u8,
    /// Which one of several: the position in the plan's list; u16::MAX: none.
    pub index: u16,
    /// An errno, a pid or a descriptor number, by kind.
    pub value: i32,
    /// What the step was done to, if the plan does not know: bytes, cut at [`OBJECT_BYTES`].
    pub object: [u8; OBJECT_BYTES],
}

impl Message {
    /// A message with nothing but its kind.
    pub const fn new(kind: Kind) -> Message {
        Message {
            kind: kind as u8,
            step: 0,
            detail: 0,
            object_len: 0,
            index: u16::MAX,
            value: 0,
            object: [0; OBJECT_BYTES],
        }
    }

    /// The message as it is sent.
    pub fn to_bytes(&self) -> [u8; MESSAGE_BYTES] {
        let mut bytes = [0; MESSAGE_BYTES];
        let (head, object) = bytes.split_at_mut(12);
        head[0] = self.kind;
        head[1] = self.step;
        head[2] = self.detail;
        head[3] = self.object_len;
        head[4..6].copy_from_slice(&self.index.to_le_bytes());
        head[8..12].copy_from_slice(&self.value.to_le_bytes());
        object.copy_from_slice(&self.object);
        bytes
    }

    /// The message that was sent so.
    pub fn from_bytes(bytes: &[u8; MESSAGE_BYTES]) -> Message {
        let mut object = [0; OBJECT_BYTES];
        object.copy_from_slice(&bytes[12..]);
        Message {
            kind: bytes[0],
            step: bytes[1],
            detail: bytes[2],
            object_len: bytes[3],
            index: u16::from_le_bytes([bytes[4], bytes[5]]),
            value: i32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
            object,
        }
    }
}

/// Why a program could not be executed or a hook failed, where the errno alone does not say.
#[repr(u8)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The errno says it all.
    None = 0,
    /// No such name in any folder of PATH.
    NotInPath = 1,
    /// The file is there but has no execute permission for this user.
    NotExecutable = 2,
    /// It is a directory.
    IsDirectory = 3,
    /// The ELF interpreter (dynamic loader) named in `object` does not exist.
    MissingElfInterpreter = 4,
    /// The script interpreter named in `object` does not exist.
    MissingScriptInterpreter = 5,
    /// An ELF program for another machine; `object` holds its e_machine in decimal.
    WrongArchitecture = 6,
    /// The mount it lies on is noexec.
    NoexecMount = 7,
    /// Neither ELF nor a script.
    UnknownFormat = 8,
    /// The working directory is outside the root filesystem (CVE-2024-21626).
    OutsideRoot = 9,
    /// A hook ended with the exit status in `value`.
    HookStatus = 10,
    /// A hook was killed by the signal in `value`.
    HookSignal = 11,
    /// A hook ran past its timeout of `value` seconds.
    HookTimeout = 12,
    /// The configuration has no process.
    NoProcess = 13,
}

/// Every detail but `None`, in order: the n-th has the number n + 1.
pub const DETAILS: [Detail; 13] = [
    Detail::NotInPath,
    Detail::NotExecutable,
    Detail::IsDirectory,
    Detail::MissingElfInterpreter,
    Detail::MissingScriptInterpreter,
    Detail::WrongArchitecture,
    Detail::NoexecMount,
    Detail::UnknownFormat,
    Detail::OutsideRoot,
    Detail::HookStatus,
    Detail::HookSignal,
    Detail::HookTimeout,
    Detail::NoProcess,
];

/// Where the payload begins in the stage's file: after the program, at a page boundary that leaves it room.
pub const PAYLOAD_OFFSET: usize = 0x10000;

/// First word of a payload: tells a real one from a stage that somebody executed by hand.
pub const PAYLOAD_MAGIC: u64 = 0x7461_7265_7374_6731;

/// The stage's descriptors, counted from its own file, which lies at 3 + preserve_fds (AT_EXECFN tells it).
pub mod slot {
    /// The stage's own file: program and payload.
    pub const FILE: i32 = 0;
    /// The wire to the parent.
    pub const WIRE: i32 = 1;
    /// The listening gate socket, if `flag::GATE`.
    pub const GATE: i32 = 2;
    /// A private procfs, if `flag::PROC`.
    pub const PROC: i32 = 3;
    /// The state for startContainer hooks, if there are any.
    pub const STATE: i32 = 4;
    /// A pidfd of the container's first process, if `flag::JOIN`.
    pub const TARGET: i32 = 5;
    /// The file for startContainer hooks' standard output, if `flag::HOOK_STDOUT`.
    pub const HOOK_STDOUT: i32 = 6;
    /// The file for their standard error, if `flag::HOOK_STDERR`.
    pub const HOOK_STDERR: i32 = 7;
    /// The container's root directory, if `flag::CHROOT`.
    pub const ROOT: i32 = 8;
    /// How many there are.
    pub const COUNT: i32 = 9;
}

/// Bits of [`Payload::flags`].
pub mod flag {
    /// A gate socket is there.
    pub const GATE: u32 = 1;
    /// A private procfs is there (an LSM label must be written).
    pub const PROC: u32 = 2;
    /// The supplementary groups stay as they are: it was asked for, or setgroups(2) is denied in this user namespace.
    pub const KEEP_GROUPS: u32 = 4;
    /// The filter has a listener: tell its number before the execve.
    pub const LISTENER: u32 = 8;
    /// A seccomp filter is there.
    pub const SECCOMP: u32 = 16;
    /// The namespaces of an existing container are joined first (`exec`).
    pub const JOIN: u32 = 32;
    /// Standard input is the terminal that becomes the controlling one (`exec`; `create` has it already).
    pub const TERMINAL: u32 = 64;
    /// A file for the standard output of hooks is there.
    pub const HOOK_STDOUT: u32 = 128;
    /// A file for their standard error is there.
    pub const HOOK_STDERR: u32 = 256;
    /// The container has no mount namespace of its own: its root must be entered by hand (`exec`).
    pub const CHROOT: u32 = 512;
    /// The filter is loaded, and the right to load it given up, before the process has a pid inside (`exec`).
    pub const EARLY_FILTER: u32 = 1024;
}

/// A run of bytes or items in the payload.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slice {
    /// Bytes from the payload's start; a multiple of 8.
    pub offset: u32,
    /// Number of items (bytes, for strings without their NUL).
    pub len: u32,
}

/// What the stage is told, at [`PAYLOAD_OFFSET`] of its file. Offsets count from here.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Payload {
    /// [`PAYLOAD_MAGIC`].
    pub magic: u64,
    /// The whole payload's size.
    pub size_bytes: u32,
    /// Bits of [`flag`].
    pub flags: u32,
    /// The container's user.
    pub uid: u32,
    /// The container's group.
    pub gid: u32,
    /// Bounding, effective, inheritable, permitted, ambient: bit N is capability N.
    pub capabilities: [u64; 5],
    /// Number of the last capability the kernel knows.
    pub last_capability: u32,
    /// SECCOMP_FILTER_FLAG_*.
    pub seccomp_flags: u32,
    /// How many descriptors from 3 on are the container's.
    pub preserve_fds: u32,
    /// CLONE_NEW* of the namespaces to join, with `flag::JOIN`.
    pub namespaces: u32,
    /// u32 items: the supplementary groups.
    pub groups: Slice,
    /// struct sock_filter items.
    pub seccomp: Slice,
    /// NUL-terminated: the working directory.
    pub cwd: Slice,
    /// Bytes for attr/apparmor/exec, with the `exec ` prefix; empty: none.
    pub apparmor: Slice,
    /// Bytes for attr/exec; empty: none.
    pub selinux: Slice,
    /// [`Hook`] items: startContainer hooks.
    pub hooks: Slice,
    /// [`Rlimit`] items.
    pub rlimits: Slice,
    /// NUL-terminated: the session keyring to join, with `flag::JOIN`; empty: none.
    pub keyring: Slice,
}

/// A resource limit, for prlimit(2).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Rlimit {
    /// RLIMIT_*.
    pub resource: u32,
    /// Zero.
    pub reserved: u32,
    /// u64::MAX: none.
    pub soft: u64,
    /// u64::MAX: none.
    pub hard: u64,
}

/// A startContainer hook.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub struct Hook {
    /// NUL-terminated path.
    pub path: Slice,
    /// u64 items: offsets of NUL-terminated strings. A zero follows them. The stage turns them into pointers in place.
    pub argv: Slice,
    /// The same; offset 0: the process's own environment.
    pub envp: Slice,
    /// Seconds; 0: no limit.
    pub timeout_s: u32,
    /// Zero.
    pub reserved: u32,
}
