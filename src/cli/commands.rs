//! The commands by name: what each does, its options, and its place in [`Command`].
//!
//! Read by [`parse`](super::parse), which defines only the command that was typed: clap builds every option of every
//! command that it is given, and that would be most of what a short command costs.

use super::{
    Checkpoint, Create, Delete, Events, Exec, Features, Kill, List, Mounts, Pause, Ps, Restore, Resume, Run,
    Spec, Start, State, Update, Wait,
};
use clap::{ArgMatches, Args, FromArgMatches};

/// Makes [`Command`] and its table from one line for each command, so that neither lacks one.
macro_rules! commands {
    ($(#[doc = $about:literal] $variant:ident($args:ty) = $word:literal,)+) => {
        /// The operation.
        #[derive(Debug)]
        pub enum Command {
            $(#[doc = $about] $variant($args),)+
        }

        impl Command {
            /// The word that was typed.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Command::$variant(_) => $word,)+
                }
            }

            /// What was typed behind the word of a command.
            fn from_matches(word: &str, matches: &mut ArgMatches) -> Result<Command, clap::Error> {
                match word {
                    $($word => <$args>::from_arg_matches_mut(matches).map(Command::$variant),)+
                    _ => Err(clap::Error::new(clap::error::ErrorKind::InvalidSubcommand)),
                }
            }
        }

        const DEFINITIONS: &[Definition] = &[
            $(Definition { word: $word, about: $about, with_options: <$args>::augment_args },)+
        ];
    };
}

commands! {
    /// Create a container from a bundle; its program waits for start
    Create(Create) = "create",
    /// Run the program of a created container
    Start(Start) = "start",
    /// Create and start a container, and wait for its end
    Run(Run) = "run",
    /// Print the state of a container as JSON
    State(State) = "state",
    /// Send a signal to a container
    Kill(Kill) = "kill",
    /// Delete a container and all that was made for it
    Delete(Delete) = "delete",
    /// List the containers
    List(List) = "list",
    /// Run one more program in a container
    Exec(Exec) = "exec",
    /// List the processes of a container
    Ps(Ps) = "ps",
    /// Wait for the end of a container, and print how it ended
    Wait(Wait) = "wait",
    /// Stop all processes of a container for a while
    Pause(Pause) = "pause",
    /// Let the processes of a paused container go on
    Resume(Resume) = "resume",
    /// Change the limits of a container
    Update(Update) = "update",
    /// Print statistics and out-of-memory events of a container as JSON
    Events(Events) = "events",
    /// Change the mounts of a running container
    Mounts(Mounts) = "mounts",
    /// Save a running container to disk
    Checkpoint(Checkpoint) = "checkpoint",
    /// Bring a saved container back
    Restore(Restore) = "restore",
    /// Write a config.json to start from
    Spec(Spec) = "spec",
    /// Print what this runtime can do as JSON
    Features(Features) = "features",
}

/// One command, as clap is told of it.
struct Definition {
    word: &'static str,
    about: &'static str,
    with_options: fn(clap::Command) -> clap::Command,
}

impl Definition {
    fn command(&self) -> clap::Command {
        (self.with_options)(clap::Command::new(self.word)).about(self.about.trim_start())
    }
}

/// All commands with all their options.
pub(super) fn all() -> impl Iterator<Item = clap::Command> {
    DEFINITIONS.iter().map(Definition::command)
}

/// The command of this name.
pub(super) fn one(word: &str) -> Option<clap::Command> {
    DEFINITIONS.iter().find(|definition| definition.word == word).map(Definition::command)
}

impl Command {
    /// The command in what clap found, if there is one.
    pub(super) fn from_arg_matches(matches: &mut ArgMatches) -> Result<Option<Command>, clap::Error> {
        let found = matches.remove_subcommand();
        found.map(|(word, mut below)| Command::from_matches(&word, &mut below)).transpose()
    }

    /// The container that it is about, if it is about one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Command::Create(args) => Some(&args.birth.id),
            Command::Start(args) => Some(&args.id),
            Command::Run(args) => Some(&args.birth.id),
            Command::State(args) => Some(&args.id),
            Command::Kill(args) => Some(&args.id),
            Command::Delete(args) => Some(&args.id),
            Command::Exec(args) => Some(&args.id),
            Command::Ps(args) => Some(&args.id),
            Command::Wait(args) => Some(&args.id),
            Command::Pause(args) => Some(&args.id),
            Command::Resume(args) => Some(&args.id),
            Command::Update(args) => Some(&args.id),
            Command::Events(args) => Some(&args.id),
            Command::Mounts(args) => Some(args.change.id()),
            Command::Checkpoint(args) => Some(&args.id),
            Command::Restore(args) => Some(&args.id),
            Command::List(_) | Command::Spec(_) | Command::Features(_) => None,
        }
    }

    /// How many descriptors from 3 on are the container's: --preserve-fds, or LISTEN_FDS if that is more
    /// (sd_listen_fds(3)): the two are not added.
    pub fn preserved(&self, listen_fds: u32) -> u32 {
        let asked = match self {
            Command::Create(args) => args.birth.preserve_fds,
            Command::Run(args) => args.birth.preserve_fds,
            // Not LISTEN_FDS: they come with a LISTEN_PID, which a program of exec cannot be.
            Command::Exec(args) => return args.preserve_fds,
            _ => return 0,
        };
        asked.max(listen_fds)
    }
}
