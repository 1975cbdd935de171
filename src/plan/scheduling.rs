//! `process.scheduler`, `ioPriority`, `execCPUAffinity` and `linux.memoryPolicy` -> the numbers of sched_setattr(2),
//! ioprio_set(2), sched_setaffinity(2) and set_mempolicy(2), with the rules of each that the kernel would only
//! answer with EINVAL.

use super::process::{CpuAffinity, MemoryPolicy, Scheduler};
use crate::bundle::Invalid;
use crate::bundle::config;

/// The highest CPU or memory node number that a list may hold: beyond what any kernel is built for.
const LIST_MAX: u64 = 65535;

/// The longest list that is read: every number up to [`LIST_MAX`] by itself fits.
const LIST_BYTES_MAX: usize = 512 << 10;

const OTHER: u32 = 0;
const FIFO: u32 = 1;
const RR: u32 = 2;
const BATCH: u32 = 3;
const ISO: u32 = 4;
const IDLE: u32 = 5;
const DEADLINE: u32 = 6;

const POLICIES: [(&str, u32); 7] = [
    ("SCHED_OTHER", OTHER),
    ("SCHED_FIFO", FIFO),
    ("SCHED_RR", RR),
    ("SCHED_BATCH", BATCH),
    ("SCHED_ISO", ISO),
    ("SCHED_IDLE", IDLE),
    ("SCHED_DEADLINE", DEADLINE),
];

const SCHEDULER_FLAGS: [(&str, u64); 7] = [
    ("SCHED_FLAG_RESET_ON_FORK", 0x01),
    ("SCHED_FLAG_RECLAIM", 0x02),
    ("SCHED_FLAG_DL_OVERRUN", 0x04),
    ("SCHED_FLAG_KEEP_POLICY", 0x08),
    ("SCHED_FLAG_KEEP_PARAMS", 0x10),
    ("SCHED_FLAG_UTIL_CLAMP_MIN", 0x20),
    ("SCHED_FLAG_UTIL_CLAMP_MAX", 0x40),
];

const IO_CLASSES: [(&str, u16); 3] =
    [("IOPRIO_CLASS_RT", 1), ("IOPRIO_CLASS_BE", 2), ("IOPRIO_CLASS_IDLE", 3)];

/// Modes of set_mempolicy(2), and whether each needs nodes.
const MEMORY_MODES: [(&str, (u32, Nodes)); 7] = [
    ("MPOL_DEFAULT", (0, Nodes::None)),
    ("MPOL_PREFERRED", (1, Nodes::Any)),
    ("MPOL_BIND", (2, Nodes::Some)),
    ("MPOL_INTERLEAVE", (3, Nodes::Some)),
    ("MPOL_LOCAL", (4, Nodes::None)),
    ("MPOL_PREFERRED_MANY", (5, Nodes::Some)),
    ("MPOL_WEIGHTED_INTERLEAVE", (6, Nodes::Some)),
];

const MEMORY_FLAGS: [(&str, u32); 3] = [
    ("MPOL_F_NUMA_BALANCING", 1 << 13),
    ("MPOL_F_RELATIVE_NODES", 1 << 14),
    ("MPOL_F_STATIC_NODES", 1 << 15),
];

#[derive(Clone, Copy)]
enum Nodes {
    None,
    Some,
    Any,
}

/// The modes that `linux.memoryPolicy` may name, for `tare features`.
pub fn memory_policy_modes() -> impl Iterator<Item = &'static str> {
    MEMORY_MODES.iter().map(|(name, _)| *name)
}

/// The flags that `linux.memoryPolicy` may name, for `tare features`.
pub fn memory_policy_flags() -> impl Iterator<Item = &'static str> {
    MEMORY_FLAGS.iter().map(|(name, _)| *name)
}

fn lookup<T: Copy>(table: &[(&str, T)], name: &str, pointer: &str) -> Result<T, Invalid> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = table.iter().map(|(name, _)| *name).collect();
        Invalid::value(pointer, format!("unknown value {name:?}; expected one of {}", names.join(", ")))
    })
}

/// `process.scheduler`.
pub(super) fn scheduler(given: &config::Scheduler) -> Result<Scheduler, Invalid> {
    let at = |field: &str| format!("/process/scheduler/{field}");
    let name = &given.policy;
    if name.is_empty() {
        return Err(Invalid::value(at("policy"), "scheduler policy is required, is empty"));
    }
    let policy = lookup(&POLICIES, name, &at("policy"))?;
    if policy == ISO {
        return Err(
            Invalid::unsupported(at("policy"), "SCHED_ISO is in no Linux kernel").advise("use SCHED_RR")
        );
    }
    let nice = given.nice.unwrap_or_default();
    if nice != 0 && !(matches!(policy, OTHER | BATCH) && (-20..=19).contains(&nice)) {
        let problem = format!("invalid scheduler.nice: {nice} when scheduler.policy is {name}");
        return Err(Invalid::conflict(at("nice"), problem)
            .advise("nice is -20 to 19, for SCHED_OTHER and SCHED_BATCH"));
    }
    let priority = priority(given.priority.unwrap_or_default(), policy, name)?;
    let mut flags = 0;
    for (index, flag) in given.flags.iter().enumerate() {
        flags |= lookup(&SCHEDULER_FLAGS, flag, &at(&format!("flags/{index}")))?;
    }
    let (runtime_ns, deadline_ns, period_ns) = deadline(given, policy)?;
    Ok(Scheduler { policy, flags, nice, priority, runtime_ns, deadline_ns, period_ns })
}

fn priority(priority: i32, policy: u32, policy_name: &str) -> Result<u32, Invalid> {
    let pointer = "/process/scheduler/priority";
    match (policy, u32::try_from(priority)) {
        (FIFO | RR, Ok(fitting @ 1..=99)) => Ok(fitting),
        (FIFO | RR, _) => {
            let problem = format!("must be 1 to 99 when scheduler.policy is {policy_name}, is {priority}");
            Err(Invalid::value(pointer, problem))
        }
        (_, Ok(0)) => Ok(0),
        _ => {
            let problem = "scheduler.priority can only be specified for SchedFIFO or SchedRR policy";
            Err(Invalid::conflict(pointer, problem).advise(format!("remove it, the policy is {policy_name}")))
        }
    }
}

/// The three times of SCHED_DEADLINE, under the rules of sched(7): 1024 ns <= runtime <= deadline <= period.
fn deadline(given: &config::Scheduler, policy: u32) -> Result<(u64, u64, u64), Invalid> {
    let times = [("runtime", given.runtime), ("deadline", given.deadline), ("period", given.period)];
    let [runtime, deadline, period] = times.map(|(_, time)| time.unwrap_or_default());
    if policy != DEADLINE {
        return match times.iter().find(|(_, time)| time.is_some_and(|time| time != 0)) {
            None => Ok((0, 0, 0)),
            Some((name, _)) => {
                let problem =
                    "scheduler runtime/deadline/period can only be specified for SchedDeadline policy";
                Err(Invalid::conflict(format!("/process/scheduler/{name}"), problem))
            }
        };
    }
    if runtime < 1024 {
        let problem = format!("must be at least 1024 ns, is {runtime}");
        return Err(Invalid::value("/process/scheduler/runtime", problem));
    }
    if deadline < runtime || (period != 0 && period < deadline) {
        let problem = format!(
            "runtime <= deadline <= period does not hold: runtime {runtime}, deadline {deadline}, period {period}"
        );
        return Err(Invalid::conflict("/process/scheduler/deadline", problem));
    }
    Ok((runtime, deadline, period))
}

/// `process.ioPriority`, as ioprio_set(2) takes it.
pub(super) fn io_priority(given: &config::IoPriority) -> Result<u16, Invalid> {
    let class = lookup(&IO_CLASSES, &given.class, "/process/ioPriority/class")?;
    match u16::try_from(given.priority) {
        Ok(level @ 0..=7) => Ok(class << 13 | level),
        _ => {
            let problem = format!("invalid ioPriority.Priority: {}", given.priority);
            Err(Invalid::value("/process/ioPriority/priority", problem)
                .advise("it is 0 (highest) to 7 (lowest)"))
        }
    }
}

/// `process.execCPUAffinity`. An empty list means the same as none (config.md).
pub(super) fn cpu_affinity(given: &config::ExecCpuAffinity) -> Result<CpuAffinity, Invalid> {
    let mask = |list: &Option<String>, field: &str| {
        let list = list.as_deref().filter(|list| !list.is_empty());
        list.map(|list| bit_mask(list, &format!("/process/execCPUAffinity/{field}"))).transpose()
    };
    Ok(CpuAffinity { initial: mask(&given.initial, "initial")?, r#final: mask(&given.r#final, "final")? })
}

/// `linux.memoryPolicy`.
pub(super) fn memory_policy(given: &config::MemoryPolicy) -> Result<MemoryPolicy, Invalid> {
    let at = |field: &str| format!("/linux/memoryPolicy/{field}");
    let (mode, wanted) = lookup(&MEMORY_MODES, &given.mode, &at("mode"))?;
    let nodes = match given.nodes.as_deref() {
        None | Some("") => Vec::new(),
        Some(list) => bit_mask(list, &at("nodes"))?,
    };
    let count: u32 = nodes.iter().map(|word| word.count_ones()).sum();
    match (wanted, count) {
        (Nodes::None, 1..) => {
            let problem = format!("memory policy mode requires 0 nodes but got {count}");
            return Err(Invalid::conflict(at("nodes"), problem).advise(format!("{} takes none", given.mode)));
        }
        (Nodes::Some, 0) => {
            let problem = "memory policy mode requires at least one node but got 0";
            return Err(
                Invalid::conflict(at("nodes"), problem).advise(format!("{} needs a list", given.mode))
            );
        }
        _ => {}
    }
    let mut flags = 0;
    for (index, flag) in given.flags.iter().enumerate() {
        flags |= lookup(&MEMORY_FLAGS, flag, &at(&format!("flags/{index}")))?;
    }
    // set_mempolicy(2), "EINVAL".
    if flags != 0 && count == 0 {
        let problem = format!("{} without nodes takes no flags", given.mode);
        return Err(Invalid::conflict(at("flags"), problem));
    }
    let both = (1 << 14) | (1 << 15);
    if flags & both == both {
        let problem = "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other";
        return Err(Invalid::conflict(at("flags"), problem));
    }
    Ok(MemoryPolicy { mode: mode | flags, nodes })
}

/// A list as the kernel writes them, `0-3,7`, as a bit mask.
fn bit_mask(list: &str, pointer: &str) -> Result<Vec<u64>, Invalid> {
    let unreadable = || {
        Invalid::value(pointer, format!("cannot read {list:?} as a list of numbers"))
            .advise("write for example 0-3,7")
    };
    if list.len() > LIST_BYTES_MAX {
        return Err(Invalid::value(pointer, format!("is longer than {LIST_BYTES_MAX} bytes")));
    }
    let mut mask: Vec<u64> = Vec::new();
    for range in list.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u64>().ok().filter(|_| digits)
        };
        let (first, last) = number(first).zip(number(last)).ok_or_else(unreadable)?;
        if first > last || last > LIST_MAX {
            let problem = format!("{range:?} is not a range of numbers up to {LIST_MAX}");
            return Err(Invalid::value(pointer, problem));
        }
        set_bits(&mut mask, first, last);
    }
    Ok(mask)
}

/// Sets the bits `first` to `last`, a word at a time: a hostile list may name every number many times over.
fn set_bits(mask: &mut Vec<u64>, first: u64, last: u64) {
    let words = usize::try_from(last / 64 + 1).unwrap_or_default();
    if mask.len() < words {
        mask.resize(words, 0);
    }
    for (word, base) in mask.iter_mut().zip((0u64..).step_by(64)) {
        if base + 63 >= first && base <= last {
            let low = u64::MAX << first.saturating_sub(base);
            let high = u64::MAX >> (63 - (last - base).min(63));
            *word |= low & high;
        }
    }
}
