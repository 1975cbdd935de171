//! The commands, one file for each operation of the runtime specification (runtime.md, "Operations").
//!
//! [`main`] reads the command line, opens the log, runs one command and prints its error, if any, exactly once.
//! A command returns the exit code: 0, or for `run` the container's own.

mod birth;
mod checkpoint;
mod create;
mod delete;
mod events;
mod exec;
mod features;
mod input;
mod interfaces;
mod kill;
mod list;
mod lock;
mod mounts;
mod notify;
mod pause;
mod pid_file;
mod ps;
mod restore;
mod run;
mod spec;
mod start;
mod state;
mod update;
mod version;
mod wait;

pub use delete::{dismantle, retire};
pub use features::features_json;
pub use interfaces::{Interface, parse_interfaces};
pub use kill::parse_signal;
pub use ps::{lines_of, without_group};
pub use state::oci_state;
pub use version::version_text;
pub use wait::Outcome;

use crate::cli::{self, Command, CommandLine, Globals, LogLevel, Parsed};
use crate::error::{self, exit_code};
use crate::launch::foreground::Interrupted;
use crate::log::Log;
use crate::plan::{Listen, Plan};
use crate::state::{Container, DefaultRoot, Refused, Store, default_root};
use crate::sys::error::errno;
use crate::sys::{self, fd, probe, process};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::path::PathBuf;

pub use crate::hook::OCI_VERSION;

/// Runs this process's command line, and ends it.
pub fn main(argv: Vec<OsString>) -> ! {
    // All is written and nothing is buffered: what would be undone behind main() goes with the process.
    process::exit_now(i32::from(read_and_run(argv)))
}

fn read_and_run(argv: Vec<OsString>) -> u8 {
    std::panic::set_hook(Box::new(|panic| {
        sys::pty::leave_raw();
        // One line instead of a backtrace, and an exit code instead of a core file.
        Log::stderr().error(&error::Report::bug(&panic.to_string()));
        process::exit_now(i32::from(exit_code("")));
    }));
    let called = argv.first().cloned().unwrap_or_default();
    let (log_file, log_format) = cli::log_options(&argv);
    match cli::parse(argv) {
        Ok(Parsed::Print(text)) => finish(&Log::stderr(), "", None, print(&text).map(|()| 0)),
        Ok(Parsed::Run(line)) => run_line(*line, called),
        Err(usage) => {
            let log = Log::open(log_file.as_deref(), log_format, None).unwrap_or_else(|_| Log::stderr());
            let operation = usage.command.clone().unwrap_or_default();
            finish(&log, &operation, None, Err(usage.into()))
        }
    }
}

fn run_line(line: CommandLine, called: OsString) -> u8 {
    let CommandLine { globals, command } = line;
    let operation = command.as_ref().map_or("", Command::name);
    let id = command.as_ref().and_then(Command::id).map(str::to_string);
    // Before we open anything: what is open now is the caller's.
    let listening = listening().map_or(0, |listen| listen.count);
    let wanted = command.as_ref().map_or(0, |command| command.preserved(listening));
    let inherited = fd::take_inherited(wanted).context("keep the caller's descriptors");
    let level = if globals.debug { Some(LogLevel::Debug) } else { globals.log_level };
    match Log::open(globals.log.as_deref(), globals.log_format, level) {
        Ok(log) => {
            let (preserved, refused) = match inherited {
                Ok(preserved) => (preserved, None),
                Err(error) => (Vec::new(), Some(error)),
            };
            let session = Session { called, globals, log, preserved };
            let done = refused.map_or_else(|| dispatch(&session, command), Err);
            finish(&session.log, operation, id.as_deref(), done)
        }
        Err(error) => finish(&Log::stderr(), operation, id.as_deref(), Err(error)),
    }
}

/// A frame of its own for a command. Together those of all would be larger than that of any, and a program that begins has to
/// touch every page of a frame.
#[inline(never)]
fn apart<T>(command: impl FnOnce() -> T) -> T {
    command()
}

fn dispatch(session: &Session, command: Option<Command>) -> Result<u8> {
    match command {
        _ if session.globals.version => version::print_version(&session.called),
        None => version::print_version(&session.called),
        Some(Command::Create(args)) => apart(|| create::create(session, &args)),
        Some(Command::Start(args)) => apart(|| start::start(session, &args)),
        Some(Command::Run(args)) => apart(|| run::run(session, &args)),
        Some(Command::State(args)) => apart(|| state::state(session, &args)),
        Some(Command::Kill(args)) => apart(|| kill::kill(session, &args)),
        Some(Command::Delete(args)) => apart(|| delete::delete(session, &args)),
        Some(Command::List(args)) => apart(|| list::list(session, &args)),
        Some(Command::Spec(args)) => apart(|| spec::spec(&args)),
        Some(Command::Features(_)) => apart(features::features),
        Some(Command::Exec(args)) => apart(|| exec::exec(session, &args)),
        Some(Command::Ps(args)) => apart(|| ps::ps(session, &args)),
        Some(Command::Wait(args)) => apart(|| wait::wait(session, &args)),
        Some(Command::Pause(args)) => apart(|| pause::pause(session, &args)),
        Some(Command::Resume(args)) => apart(|| pause::resume(session, &args)),
        Some(Command::Update(args)) => apart(|| update::update(session, &args)),
        Some(Command::Events(args)) => apart(|| events::events(session, &args)),
        Some(Command::Mounts(args)) => apart(|| mounts::mounts(session, &args)),
        Some(Command::Checkpoint(args)) => apart(|| checkpoint::checkpoint(session, &args)),
        Some(Command::Restore(args)) => apart(|| restore::restore(session, &args)),
    }
}

/// The end of every command.
fn finish(log: &Log, operation: &str, id: Option<&str>, done: Result<u8>) -> u8 {
    match done {
        Ok(code) => {
            log.settle();
            code
        }
        Err(error) => {
            log.error(&error::report(operation, id, &error));
            // Asked to end, and so it did: the code is that of a process that a signal has ended.
            let interrupted = error.downcast_ref::<Interrupted>().map(|interrupted| interrupted.exit_code());
            interrupted.unwrap_or_else(|| exit_code(operation))
        }
    }
}

/// What all commands share: the options before the command, and the log.
#[derive(Debug)]
pub struct Session {
    /// The word that we were called by.
    pub called: OsString,
    /// The options before the command.
    pub globals: Globals,
    /// Where warnings go. Errors are returned, not logged.
    pub log: Log,
    /// The caller's descriptors that a container gets.
    pub preserved: Vec<i32>,
}

impl Session {
    /// For who wonders where groups of config.json are.
    fn tell_left_out_groups(&self, plan: &Plan) {
        if let Some(left_out) = plan.asked.left_out_groups(&plan.process.user) {
            self.log.debug(&format!("{}: {left_out}", plan.id));
        }
    }

    /// The folder of all containers: `--root`, or the default.
    pub fn root(&self) -> Result<PathBuf> {
        if let Some(root) = &self.globals.root {
            return Ok(root.clone());
        }
        let variable = |name| std::env::var(name).ok();
        let (xdg_runtime_dir, user) = (variable("XDG_RUNTIME_DIR"), variable("USER"));
        default_root(DefaultRoot {
            euid: probe::euid(),
            in_user_namespace: &|| Ok(probe::in_user_namespace()?),
            xdg_runtime_dir: xdg_runtime_dir.as_deref(),
            user: user.as_deref(),
        })
    }

    /// The store, its root made if need be: for `create` and `run`.
    pub fn new_store(&self) -> Result<Store> {
        Store::create_root(&self.root()?)
    }

    /// The store; `None`: its root is not there.
    pub fn store(&self) -> Result<Option<Store>> {
        Store::open_root(&self.root()?)
    }

    /// An existing container.
    pub fn container(&self, id: &str) -> Result<Container> {
        self.store_of(id)?.load(id)
    }

    /// An existing container that is about to be changed.
    pub fn container_to_change(&self, id: &str) -> Result<Container> {
        self.store_of(id)?.load_to_change(id)
    }

    fn store_of(&self, id: &str) -> Result<Store> {
        crate::state::check_id(id)?;
        Ok(self.store()?.ok_or_else(|| Refused::NotFound { id: id.to_string() })?)
    }
}

/// The sockets that we were activated with, if they are meant for us (sd_listen_fds(3)): LISTEN_PID says so, or nobody.
fn listening() -> Option<Listen> {
    let variable = |name| std::env::var(name).ok();
    let count = variable("LISTEN_FDS")?;
    cli::listen_fds(Some(count), variable("LISTEN_PID"), process::own_pid())
        .map(|count| Listen { count, names: variable("LISTEN_FDNAMES") })
}

/// Writes to stdout. Nothing else in the program does.
fn print(text: &str) -> Result<()> {
    let mut text = text.as_bytes();
    while !text.is_empty() {
        match fd::write_some(fd::stdout(), text) {
            Ok(written) => text = text.get(written..).unwrap_or_default(),
            // The caller has made it nonblocking, and reads slowly.
            Err(error) if error.is(errno::EAGAIN) => {
                fd::poll_some(&[Some((fd::stdout(), fd::Wanted::Write))])?;
            }
            Err(error) => return Err(anyhow::Error::new(error).context("print")),
        }
    }
    Ok(())
}

/// The ids that a pattern matches anywhere in them, as crun's `--regex`.
fn matching_ids(store: &Store, pattern: &str) -> Result<Vec<String>> {
    let bad = |e: regex_lite::Error| {
        let last = e.to_string().lines().last().unwrap_or_default().to_string();
        error::coded(error::PATTERN, format!("regular expression {pattern:?}: {last}"), None)
    };
    if pattern.is_empty() {
        // It would match all of them, and is more often a variable that is not set.
        let advice = "give `.` for all containers";
        return Err(error::coded(error::PATTERN, "the regular expression is empty", Some(advice)));
    }
    let regex = regex_lite::Regex::new(pattern).map_err(bad)?;
    Ok(store.ids()?.into_iter().filter(|id| regex.is_match(id)).collect())
}
