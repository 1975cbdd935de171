//! Facts about this machine that a plan may depend on. `sys::probe` fills it, tests write it by hand.
//! Plain data, but for a [`Fact`], which a plan may ask for while it decides.

/// What `plan` may know of the machine it plans for.
#[derive(Debug, Clone)]
pub struct Host {
    /// Effective user id of the caller.
    pub euid: u32,
    /// Effective group id of the caller.
    pub egid: u32,
    /// Whether the caller lacks real root: an unprivileged user, or root inside a user namespace
    /// (/proc/self/uid_map is not the identity of all 2^32 - 1 ids).
    pub rootless: bool,
    /// The ids that the host lends to a caller who is not root. Looked up for who needs them (`Plan::needs_lent_ids`).
    pub lent: Lent,
    /// Number of the last capability the kernel knows (/proc/sys/kernel/cap_last_cap).
    pub last_capability: u8,
    /// Whether AppArmor is active (/sys/module/apparmor/parameters/enabled is Y).
    pub apparmor: Fact,
    /// Whether SELinux is active (/sys/fs/selinux is mounted).
    pub selinux: Fact,
    /// The machine's architecture as OCI names it, for example `SCMP_ARCH_X86_64`.
    pub architecture: &'static str,
}

/// What takes system calls to learn, and few configurations depend on.
#[derive(Debug, Clone, Copy)]
pub enum Fact {
    /// It is known.
    Known(bool),
    /// Whoever needs it asks.
    Asked(fn() -> bool),
}

impl Fact {
    /// Whether it is so.
    pub fn holds(self) -> bool {
        match self {
            Fact::Known(answer) => answer,
            Fact::Asked(question) => question(),
        }
    }
}

/// Subordinate ids (subuid(5), subgid(5)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lent {
    /// User ids, in the order of the table.
    pub uids: Vec<IdRange>,
    /// Group ids.
    pub gids: Vec<IdRange>,
}

/// Neighbouring ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first.
    pub first: u32,
    /// How many.
    pub count: u32,
}
