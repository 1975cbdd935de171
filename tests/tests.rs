//! The tests, one binary. Each module mirrors a folder of src.
#![allow(
    clippy::disallowed_methods,
    clippy::module_inception,
    reason = "tests make files and processes of their own"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests, too, end a test this way

mod capture; // a program beside us, within bounds
mod cli; // the forms that engines type, and what is refused
mod cmd; // signals' names, the state's JSON, features, version
mod error; // the one line, the codes
mod hook; // one run of a hook: state, environment, timeout, output
mod layering; // ARCHITECTURE.md against the code
mod log; // records, time
mod state; // the store, the record, the status, the root

mod fixture; // a configuration that works, and ways to change it

mod bundle {
    mod check; // the rules between values
    mod config; // the types of config.json
    mod example; // what `tare spec` writes
    mod merge; // a change of limits over those before
    mod names; // names of system calls, looked up while they are parsed
    mod profile; // a profile that is known by its text
    mod read; // the file and its JSON
}

mod cgroup {
    mod choose; // where the groups go; what is stored
    mod detect; // v1, v2, hybrid; our own place
    mod devices; // device rules, by BPF and by v1's files
    mod fake; // a tree of files in the place of cgroupfs
    mod join; // the ways into groups that exist, for exec
    mod prepare; // groups that exist, what is refused, what is undone; delegation
    mod processes; // pids, freezing, removal
    mod properties; // files -> properties of a systemd unit
    mod rdt; // resctrl groups
    mod stats; // files -> statistics; out-of-memory events
    mod translate; // limits -> files of v1 and v2
    mod unit; // cgroupsPath -> the name of a systemd unit
    mod update; // limits of groups that exist, and back again
    mod write; // the writer, and how it explains the kernel
}

mod criu {
    mod external; // mounts, namespaces and streams from outside
    mod log; // errors of CRIU's log
    mod messages; // bytes on the wire
    mod options; // flags -> options; what is refused
}

mod plan {
    mod annotations; // those that change what is done
    mod caps; // five sets as bit masks
    mod devices; // nodes and links
    mod exec; // the container's process, completed and changed
    mod gvariant; // text -> values
    mod hooks; // six moments
    mod idmap; // uid_map, gid_map, id-mapped mounts
    mod limits; // linux.resources
    mod mount_options; // the option table
    mod mounts; // one operation each
    mod namespaces; // new, joined, shared; time offsets
    mod net_devices; // interfaces that move
    mod notify; // the container's NOTIFY_SOCKET
    mod plan; // the parts that stand alone
    mod process; // program, environment, user, limits
    mod rdt; // resctrl groups
    mod rootfs; // root, propagation, hidden paths
    mod seccomp {
        mod interpreter; // the kernel's BPF machine
        mod libseccomp; // the same profiles through libseccomp
        mod property; // the program against the plain reading of the profile
        mod reference; // that plain reading
        mod rules; // what a profile may say
    }
    mod running; // mounts of a container that lives
    mod scheduling; // scheduler, priorities, affinity, memory policy
    mod sysctls; // kernel parameters by namespace
    mod unit_properties; // what a container may set of its unit
}

mod launch {
    mod notify; // what a container may say to the service manager
}

mod sys {
    mod mountinfo; // /proc/self/mountinfo and /proc/self/cgroup
    mod outlet; // writing that never waits
    mod path; // paths inside a root, by the kernel and by the walk; races
    mod pidfd; // /proc/PID/stat, and how a process ended
    mod pty; // raw mode, and its end
    mod socket; // connecting to a listener that is busy
    mod subordinate; // /etc/subuid -> the ids lent to a user
}

mod systemd {
    mod address; // where it listens
    mod fake; // a systemd that answers as a test wants
    mod manager; // units started and stopped
}

mod child {
    mod rootfs; // the root filesystem, for real; ignored by default: needs root and namespaces
}

mod docs {
    mod compat; // each option has its row
    mod conformance; // each requirement and each attack has a test that exists
}
