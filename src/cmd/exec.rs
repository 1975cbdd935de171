//! `exec`: one more process in a container that exists.
//!
//! What it gets is the container's own, from the configuration that was kept at its creation, but for what is named.

use super::birth::{self, Stays};
use super::state::status_and_init;
use super::{Session, apart, input, pid_file};
use crate::bundle::{self, Bundle, Invalid, config};
use crate::cgroup::Below;
use crate::cli;
use crate::error;
use crate::launch::console::Relay;
use crate::launch::{self, Ready, foreground};
use crate::plan::Plan;
use crate::plan::exec::{ExecOptions, OF_NO_USE, Overrides, capability, merged};
use crate::state::{Container, Refused, Status};
use anyhow::{Context, Result};
use std::os::fd::{AsFd, OwnedFd};

/// Runs a process. In the foreground its exit code is ours; with --detach it is left running.
pub(super) fn exec(session: &Session, args: &cli::Exec) -> Result<u8> {
    let mut container = session.container(&args.id)?;
    let (status, init) = may_exec(&mut container, args)?;
    let status = status.to_string();
    pid_file::check(args.pid_file.as_deref())?;
    let init_pid = container.record.pid();
    let host = birth::host(session)?;
    let plan = apart(|| plan(session, &container, args, &host))?;
    let stays = if args.detach { Stays::No } else { Stays::Yes };
    let (console, relay_socket) = birth::console(&plan, args.console_socket.as_deref(), stays)?.split();
    let pidfd_socket = args.pidfd_socket.as_deref().map(launch::pidfd_socket).transpose()?;
    let watch = if stays == Stays::Yes { Some(foreground::watch()?) } else { None };
    let cgroup = container.record.cgroup.clone().unwrap_or_default();
    let entry = cgroup.join(init_pid, &below(args)?);
    let entry = entry.map_err(|error| launch::or_ended(error, (init_pid, init.as_fd())))?;
    let warn = |message: &str| session.log.warn(message);
    let ready = launch::exec::enter(launch::exec::Given {
        plan: &plan,
        init: (init_pid, init.as_fd()),
        status: &status,
        entry,
        console,
        preserved: session.preserved.clone(),
        last_capability: host.last_capability,
        rootless: host.rootless,
        watch: watch.as_ref(),
        warn: &warn,
    })
    .map_err(|error| with_its_place(error, args))?;
    let relay = relay_socket.map(|socket: OwnedFd| Relay::receive(&socket)).transpose()?;
    let pid = ready.child().pid();
    let child = match tell(args, pidfd_socket, &ready).and_then(|()| ready.start()) {
        Ok(child) => child,
        Err(error) => {
            pid_file::take_back(args.pid_file.as_deref(), pid);
            return Err(with_its_place(error, args));
        }
    };
    session.log.settle();
    match watch {
        None => {
            child.release();
            Ok(0)
        }
        Some(watch) => Ok(watch.until_end(child, relay)?.exit_code()),
    }
}

/// The container's status and a descriptor of its first process, if a process may join it.
fn may_exec(container: &mut Container, args: &cli::Exec) -> Result<(Status, OwnedFd)> {
    let (status, init) = status_and_init(container)?;
    match status {
        Status::Paused if !args.ignore_paused => return Err(Refused::Paused.into()),
        Status::Stopped | Status::Creating => return Err(Refused::NotRunning.into()),
        Status::Created | Status::Running | Status::Paused => {}
    }
    Ok((status, init.ok_or(Refused::NotRunning)?))
}

/// Reads what was kept of the container and what is asked for, and decides everything.
fn plan(
    session: &Session,
    container: &Container,
    args: &cli::Exec,
    host: &crate::host::Host,
) -> Result<Box<Plan>> {
    let mut config = container.config()?;
    let kept_filter = container.filter()?;
    bundle::pass_over(&mut config, &OF_NO_USE);
    if kept_filter.is_some() {
        bundle::pass_over(&mut config, &["seccomp"]);
    }
    let kept = Bundle::from_json(config).context("the configuration kept at creation")?;
    let file = args.process.as_deref().map(read_process).transpose()?;
    let process = merged(kept.config.process.as_ref(), file, overrides(args)?);
    if process.args.first().is_none_or(|program| program.is_empty()) {
        let advice = "name a program behind the id, or in args of the --process file";
        return Err(error::coded(error::USAGE, "there is no program to run", Some(advice)));
    }
    let record = &container.record;
    let options = ExecOptions {
        id: record.id.clone(),
        bundle: record.bundle.clone(),
        preserve_fds: args.preserve_fds,
        seccomp_receiver: birth::seccomp_receiver()?,
        kept_filter,
        keyring: record.new_keyring,
    };
    let plan = apart(|| Plan::for_exec(&kept, &process, options, host).map(Box::new));
    let plan = plan.map_err(|invalid| with_its_place(invalid.into(), args))?;
    plan.warnings.iter().for_each(|warning| session.log.warn(warning));
    session.tell_left_out_groups(&plan);
    Ok(plan)
}

fn read_process(path: &std::path::Path) -> Result<config::Process, Invalid> {
    let process = bundle::process_from_json(&input::text(path)?);
    process.map_err(|invalid| invalid.in_file(&input::name(path), ""))
}

fn overrides(args: &cli::Exec) -> Result<Overrides> {
    let (uid, gid) = args.user.as_deref().map(user).transpose()?.unwrap_or_default();
    let groups = args.additional_gids.iter().map(|word| id(word, "--additional-gids"));
    for entry in &args.env {
        if entry.split_once('=').is_none_or(|(name, _)| name.is_empty()) {
            return Err(usage(format!("invalid --env {entry:?}"), "write NAME=value"));
        }
    }
    let capabilities = args.cap.iter().map(|word| {
        let unknown = || usage(format!("unknown capability {word:?} in --cap"), "see capabilities(7)");
        capability(word).ok_or_else(unknown)
    });
    if let Some(cwd) = args.cwd.as_deref().filter(|cwd| !cwd.starts_with('/')) {
        return Err(usage(format!("invalid --cwd {cwd:?}"), "give an absolute path in the container"));
    }
    Ok(Overrides {
        args: args.command.clone(),
        cwd: args.cwd.clone(),
        env: args.env.clone(),
        uid,
        gid,
        additional_gids: groups.collect::<Result<_>>()?,
        capabilities: capabilities.collect::<Result<_>>()?,
        terminal: args.tty,
        no_new_privileges: args.no_new_privs,
        apparmor_profile: args.apparmor.clone(),
        selinux_label: args.process_label.clone(),
    })
}

/// `UID[:GID]`.
fn user(word: &str) -> Result<(Option<u32>, Option<u32>)> {
    match word.split_once(':') {
        None => Ok((Some(id(word, "--user")?), None)),
        Some((uid, gid)) => Ok((Some(id(uid, "--user")?), Some(id(gid, "--user")?))),
    }
}

/// A number of 32 bits and nothing else: never cut, wrapped or looked up. A name would be looked up in a file of the
/// container, which can say 0 for anybody (CVE-2016-3697, CVE-2026-30892).
fn id(word: &str, option: &str) -> Result<u32> {
    let number = word.parse::<u32>().ok().filter(|_| word.bytes().all(|byte| byte.is_ascii_digit()));
    number.filter(|number| *number != u32::MAX).ok_or_else(|| {
        usage(
            format!("invalid {option}: {word:?} is no id"),
            "give a number up to 4294967294; names are not looked up",
        )
    })
}

fn below(args: &cli::Exec) -> Result<Vec<Below>> {
    let parse = |word: &String| {
        let bad = || {
            usage(
                format!("invalid --cgroup {word:?}"),
                "give a path below the container's cgroup, without ..",
            )
        };
        Below::parse(word).ok_or_else(bad)
    };
    args.cgroup.iter().map(parse).collect()
}

fn usage(problem: String, advice: &'static str) -> anyhow::Error {
    error::coded(error::USAGE, problem, Some(advice))
}

/// The process is there: tells whoever wants to know.
fn tell(args: &cli::Exec, pidfd_socket: Option<OwnedFd>, ready: &Ready<'_>) -> Result<()> {
    if let Some(socket) = pidfd_socket {
        launch::send_pidfd(&socket, ready.child())?;
    }
    if let Some(path) = &args.pid_file {
        pid_file::write(path, ready.child().pid())?;
    }
    Ok(())
}

/// Puts the place of an error in `process` where it was said: in the file of --process, on the command line, which needs
/// no pointer, or else in config.json.
fn with_its_place(error: anyhow::Error, args: &cli::Exec) -> anyhow::Error {
    let pointer = match (error.downcast_ref::<Invalid>(), error.downcast_ref::<launch::Failed>()) {
        (Some(invalid), _) => invalid.pointer.clone(),
        (_, Some(failed)) => failed.pointer.clone(),
        _ => return error,
    };
    let on_the_line = named_on_the_line(&pointer, args);
    let error = match error.downcast::<Invalid>() {
        Ok(invalid) if on_the_line => return error::coded(invalid.code, invalid.problem.as_str(), None),
        Ok(invalid) => {
            let file = args.process.as_deref().map(input::name);
            return file.map_or(invalid.clone(), |file| invalid.in_file(&file, "/process")).into();
        }
        Err(error) => error,
    };
    match (error.downcast::<launch::Failed>(), &args.process) {
        (Ok(failed), _) if on_the_line => launch::Failed { pointer: String::new(), ..failed }.into(),
        (Ok(failed), Some(file)) => failed.in_file(&input::name(file), "/process").into(),
        (Ok(failed), None) => failed.into(),
        (Err(error), _) => error,
    }
}

/// Whether an option, or the words behind the id, say what stands at `pointer`.
fn named_on_the_line(pointer: &str, args: &cli::Exec) -> bool {
    let named = [
        ("/process/args", !args.command.is_empty()),
        ("/process/cwd", args.cwd.is_some()),
        ("/process/user/additionalGids", !args.additional_gids.is_empty()),
        ("/process/user", args.user.is_some()),
        ("/process/capabilities", !args.cap.is_empty()),
        ("/process/apparmorProfile", args.apparmor.is_some()),
        ("/process/selinuxLabel", args.process_label.is_some()),
        ("/process/terminal", args.tty),
    ];
    named.iter().any(|(place, given)| *given && pointer.starts_with(place))
}
