//! `ps`: the processes of a container, as ps(1) shows them or as a JSON list of pids.
//!
//! Who belongs to the container is told by its cgroup, with all groups below; never by what a process says of itself.
//! Nothing is entered, and ps(1), which looks at files that a container can hold up, has a time limit.

use super::state::status_of;
use super::{Session, print};
use crate::capture::{Captured, Invocation, capture, find};
use crate::cli::{self, PsFormat};
use crate::error::{self, PS, coded};
use crate::state::{Container, Status};
use crate::sys::process::Ended;
use crate::sys::processes::{self, Process};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

/// How long ps(1) may take: a machine with ten thousand processes needs less than a second.
const LIMIT: Duration = Duration::from_secs(5);
/// How much it may print.
const LIMIT_BYTES: usize = 64 << 20;

pub(super) fn ps(session: &Session, args: &cli::Ps) -> Result<u8> {
    let mut container = session.container(&args.id)?;
    container.forget_other_boots()?;
    let pids = pids_of(&mut container)?;
    match args.format {
        PsFormat::Json if !args.options.is_empty() => {
            let advice = "leave them out, or use --format table";
            return Err(coded(error::USAGE, "options of ps(1) do not apply to the JSON list", Some(advice)));
        }
        PsFormat::Json => print(&format!("{}\n", serde_json::to_string(&pids).context("the list")?))?,
        PsFormat::Table => print(&table(&mut container, &args.options, &pids)?)?,
    }
    Ok(0)
}

/// The container's processes, sorted. One that has ended may have some left, if it shares a pid namespace.
fn pids_of(container: &mut Container) -> Result<Vec<i32>> {
    if let Some(cgroup) = container.groups()? {
        return cgroup.pids().context("read the processes of the cgroup");
    }
    let alive = !matches!(status_of(container)?, Status::Stopped | Status::Creating);
    let record = &container.record;
    let Some(init) = record.init.as_ref().filter(|_| alive) else { return Ok(Vec::new()) };
    let all = processes::all().context("read the processes of this machine")?;
    let namespace = processes::pid_namespace(init.pid).filter(|_| record.private_pids);
    let shares = |pid| namespace.is_some() && processes::pid_namespace(pid) == namespace;
    Ok(without_group(&all, init.pid, shares))
}

/// The processes of a container that has no cgroup: its first one, those that `shares` its private pid namespace, and
/// the descendants of all of these. A process of another pid namespace whose parent has ended is not found.
pub fn without_group(all: &[Process], init: i32, shares: impl Fn(i32) -> bool) -> Vec<i32> {
    let mut found = BTreeSet::new();
    found.extend(all.iter().map(|process| process.pid).filter(|pid| *pid == init || shares(*pid)));
    loop {
        let before = found.len();
        let children =
            all.iter().filter(|process| found.contains(&process.parent)).map(|process| process.pid);
        let children: Vec<i32> = children.collect();
        found.extend(children);
        if found.len() == before {
            return found.into_iter().collect();
        }
    }
}

fn table(container: &mut Container, options: &[String], pids: &[i32]) -> Result<String> {
    let Some(path) = find("ps") else {
        if options.is_empty() {
            return own_table(pids);
        }
        let advice = "install it, or leave the options out: then tare prints a table of its own";
        return Err(coded(PS, "ps(1) is not in $PATH, and the options are its own", Some(advice)));
    };
    let output = run_ps(&path, options)?;
    // A pid can pass to a stranger between the reading of the list and ps(1)'s: whoever is in the container before
    // and after was so meanwhile.
    let mut both = BTreeSet::new();
    both.extend(pids_of(container)?.into_iter().filter(|pid| pids.binary_search(pid).is_ok()));
    lines_of(&output, &both).ok_or_else(|| {
        let title = output.lines().next().unwrap_or_default().trim();
        let advice = "ask ps(1) for it, as -o pid,args does, and for a line of titles";
        coded(PS, format!("ps(1) printed no column PID, but {title:?}"), Some(advice))
    })
}

fn run_ps(path: &std::path::Path, options: &[String]) -> Result<String> {
    let usual = ["-ef".to_string()];
    let args = if options.is_empty() { usual.as_slice() } else { options };
    let command = Invocation { path, args, limit: LIMIT, limit_bytes: LIMIT_BYTES, interrupt: None };
    let what = format!("ps(1), {}", path.display());
    match capture(&command).with_context(|| what.clone())? {
        Captured::Ended { ended: Ended::Exited(0), output, .. } => Ok(output),
        // Its options select nobody (ps(1), "EXIT STATUS"): there is a title all the same.
        Captured::Ended { ended: Ended::Exited(1), output, errors }
            if errors.is_empty() && !output.is_empty() =>
        {
            Ok(output)
        }
        Captured::Ended { ended, errors, .. } => {
            let how = match ended {
                Ended::Exited(status) => format!("exit status {status}"),
                Ended::Signalled(signal) => format!("it was ended by signal {signal}"),
            };
            let errors = errors.trim().replace('\n', " | ");
            let problem = if errors.is_empty() { how } else { format!("{how}: {errors}") };
            let advice = "what follows ID is given to ps(1) as it is: see `man ps`";
            Err(coded(PS, format!("{what}: {problem}"), Some(advice)))
        }
        // Nobody was named who could interrupt it.
        Captured::TooLong | Captured::Interrupted(_) => {
            let problem = format!("{what}: it did not end within {} s and was killed", LIMIT.as_secs());
            Err(coded(PS, problem, Some("use --format json, which needs no ps(1)")))
        }
        Captured::TooMuch => {
            let problem = format!("{what}: it printed more than {} MiB and was killed", LIMIT_BYTES >> 20);
            Err(coded(PS, problem, None))
        }
    }
}

/// The title and the lines of ps(1)'s output that are about these processes. None: it has no column `PID`.
pub fn lines_of(output: &str, pids: &BTreeSet<i32>) -> Option<String> {
    let mut lines = output.lines();
    let title = lines.next()?;
    let column = Column::find(title)?;
    let wanted = lines.filter(|line| column.pid(line).is_some_and(|pid| pids.contains(&pid)));
    let mut text = String::new();
    for line in std::iter::once(title).chain(wanted) {
        text.push_str(line);
        text.push('\n');
    }
    Some(text)
}

/// Where the pid is in a line.
struct Column {
    /// How many words stand before it.
    words: usize,
    /// Where its title ends.
    end: usize,
}

impl Column {
    fn find(title: &str) -> Option<Column> {
        let mut from = 0;
        for (words, word) in title.split_ascii_whitespace().enumerate() {
            let start = from + title.get(from..)?.find(word)?;
            from = start + word.len();
            if word == "PID" {
                return Some(Column { words, end: from });
            }
        }
        None
    }

    /// The column is aligned to the right, so that a number that ends where the title does is the one: words cannot be
    /// counted after a column with spaces in it (lstart, args). They are where a long word has moved the rest.
    fn pid(&self, line: &str) -> Option<i32> {
        let ends_here = line.get(self.end..).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
        let aligned = line.get(..self.end).and_then(|start| start.split(' ').next_back()?.parse().ok());
        aligned.filter(|_| ends_here).or_else(|| line.split_ascii_whitespace().nth(self.words)?.parse().ok())
    }
}

/// The table of a machine without ps(1): names of programs, as the processes chose them, instead of command lines.
fn own_table(pids: &[i32]) -> Result<String> {
    let all = processes::all().context("read the processes of this machine")?;
    let mut text = format!("{:>10} {:>7} {:>7} CMD\n", "UID", "PID", "PPID");
    for process in all.iter().filter(|process| pids.contains(&process.pid)) {
        let Process { pid, parent, uid, name } = process;
        // A string takes whatever is written to it.
        let _ = writeln!(text, "{uid:>10} {pid:>7} {parent:>7} {}", error::one_line(name));
    }
    Ok(text)
}
