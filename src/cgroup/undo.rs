//! What was in the files of a group before they were written, and how to put it back.
//!
//! Noted by `fs` and `rdt` during an `update`; restored by `cmd` if a later part of it is refused. Knows the forms in which
//! the kernel shows what it was given (Documentation/admin-guide/cgroup-v1, cgroup-v2.rst); decides nothing about limits.

use super::fs::FILE_LIMIT_BYTES;
use super::properties::Bandwidth;
use super::{Unit, systemd};
use crate::sys::dir::Dir;
use std::path::PathBuf;

/// The files that have been written, in order.
#[derive(Debug, Default)]
pub struct Undo {
    steps: Vec<Step>,
    /// Who has been told of the change as well.
    told: Option<(Unit, Bandwidth)>,
}

#[derive(Debug)]
struct Step {
    dir: PathBuf,
    file: String,
    /// None: nobody knows what to write.
    value: Option<String>,
}

/// What is to be written into which file to have it as it was; see [`Former`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before(Vec<(String, Former)>);

/// How a file comes back to what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Former {
    /// By writing this.
    Value(String),
    /// It holds nothing: a trigger.
    Nothing,
    /// It cannot be read, or not in a form that could be written.
    Unknown,
}

impl Undo {
    /// Notes what there was in a file of `dir` that has been written now.
    pub fn note(&mut self, dir: &Dir, before: Before) {
        for (file, former) in before.0 {
            let value = match former {
                Former::Nothing => continue,
                Former::Value(value) => Some(value),
                Former::Unknown => None,
            };
            self.steps.push(Step { dir: dir.path().to_path_buf(), file, value });
        }
    }

    /// From now on systemd knows the change, too.
    pub(super) fn tell_as_well(&mut self, unit: &Unit, former: Bandwidth) {
        self.told = Some((unit.clone(), former));
    }

    /// Puts everything back, the last written first: each step on this way was taken before, in the other direction.
    /// Returns the files with which it did not succeed.
    pub fn restore(self) -> Vec<String> {
        let mut lost = Vec::new();
        if let Some((unit, bandwidth)) = &self.told {
            // First: systemd writes what it is told, rounded.
            let former = self.steps.iter().rev();
            let former = former.filter_map(|step| Some((step.file.clone(), step.value.clone()?)));
            if systemd::tell_former(unit, former.collect(), *bandwidth).is_err() {
                lost.push(format!("the properties of {}", unit.name));
            }
        }
        for step in self.steps.into_iter().rev() {
            let put_back = |value: String| {
                let value = if value.is_empty() { "\n".to_owned() } else { value };
                Dir::open(&step.dir)?.write_existing(&step.file, value.as_bytes())
            };
            if step.value.is_none_or(|value| put_back(value).is_err()) {
                lost.push(step.dir.join(&step.file).display().to_string());
            }
        }
        lost
    }
}

impl Before {
    /// A file whose former value is known.
    pub fn value(file: &str, value: impl Into<String>) -> Before {
        Before(vec![(file.to_owned(), Former::Value(value.into()))])
    }
}

/// Looks at a file of a group into which `written` is about to be written.
pub fn before(dir: &Dir, file: &str, written: &str) -> Before {
    let read = |file: &str| {
        let text = dir.read(file, FILE_LIMIT_BYTES).ok()?;
        Some(String::from_utf8_lossy(&text).into_owned())
    };
    let Some(text) = read(file) else {
        return Before(vec![(file.to_owned(), Former::Unknown)]);
    };
    let mut steps = vec![(file.to_owned(), former(file, written, &text))];
    if file == "cpu.idle" && text.trim() == "0" {
        // With the end of SCHED_IDLE the kernel sets the weight to its default (sched_group_set_idle): put back after it,
        // which is to say noted before it.
        let weights = ["cpu.weight", "cpu.shares"].into_iter();
        let found = weights.filter_map(|name| Some((name.to_owned(), former(name, "1", &read(name)?))));
        steps.splice(0..0, found);
    }
    Before(steps)
}

/// What to write into `file`, which holds `text`, to have it as it is now after `written` was written.
pub fn former(file: &str, written: &str, text: &str) -> Former {
    // A trigger of pressure stall information lives as long as its descriptor; cgroup.pressure is a switch.
    if file.ends_with(".pressure") && file != "cgroup.pressure" {
        return Former::Nothing;
    }
    if let Some(key) = key_of(written) {
        let is_of_key = |line: &&str| line.split_whitespace().next() == Some(key);
        return match (text.lines().find(is_of_key), without_limit(file)) {
            (Some(line), _) => Former::Value(line.trim().to_owned()),
            (None, Some(none)) => Former::Value(format!("{key} {none}")),
            (None, None) => Former::Unknown,
        };
    }
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default().trim();
    // `oom_kill_disable 0`, then what the group is doing.
    if file == "memory.oom_control" {
        return first.split_whitespace().nth(1).map_or(Former::Unknown, |on| Former::Value(on.to_owned()));
    }
    // `default 100`, then a line for each device.
    if lines.next().is_some() && !first.starts_with("default ") {
        return Former::Unknown;
    }
    Former::Value(first.to_owned())
}

/// The device or resource that a value is for: `8:0 rbps=1`, `mlx5_0 hca_handle=2`; None: it is for the group.
fn key_of(written: &str) -> Option<&str> {
    let mut words = written.split_whitespace();
    let key = words.next()?;
    words.next()?;
    let is_value = key == "max" || key.parse::<i64>().is_ok();
    (!is_value).then_some(key)
}

/// How a device that has no line in the file gets rid of the line that it has got.
fn without_limit(file: &str) -> Option<&'static str> {
    Some(match file {
        "io.max" => "rbps=max wbps=max riops=max wiops=max",
        "io.latency" => "target=max",
        "io.weight" | "io.bfq.weight" | "blkio.bfq.weight_device" => "default",
        "blkio.weight_device" | "blkio.leaf_weight_device" => "0",
        _ if file.starts_with("blkio.throttle.") => "0",
        _ => return None,
    })
}
