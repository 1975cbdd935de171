//! The commands by name: what each does, its options, and its place in [`Command`].
//!
//! Read by the two readers, [`plain`](super::plain) and [`for_clap`](super::for_clap).

use super::argument::{Argument, flat};
use super::found::Found;
use super::{
    Checkpoint, Create, Delete, Events, Exec, Features, Globals, Kill, List, Mounts, Pause, Ps, Restore,
    Resume, Run, Spec, Start, State, Update, Wait, mounts, process,
};

/// One command, or one action of a command.
pub(super) struct Definition {
    /// The word that is typed.
    pub word: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What follows the word.
    pub content: Content,
    /// What the help says at its end; empty if nothing.
    pub note: &'static str,
    /// Words such as -1 are values, not options.
    pub has_negative_numbers: bool,
}

/// What follows the word of a command.
pub(super) enum Content {
    /// Options and operands.
    Arguments {
        table: &'static [Argument],
        /// The command, of what was found for them.
        read: fn(&mut Found<'_>) -> Command,
    },
    /// One of these.
    Actions(&'static [Definition]),
}

impl Definition {
    pub const fn new(word: &'static str, about: &'static str, content: Content) -> Definition {
        Definition { word, about, content, note: "", has_negative_numbers: false }
    }

    const fn note(self, note: &'static str) -> Definition {
        Definition { note, ..self }
    }

    const fn negative_numbers(self) -> Definition {
        Definition { has_negative_numbers: true, ..self }
    }
}

/// Makes [`Command`] and its table from one line for each command, so that neither lacks one.
macro_rules! commands {
    ($(#[doc = $about:literal] $variant:ident($args:ty $(, $actions:expr)?) = $word:literal $(.$more:ident($($value:expr)?))*,)+) => {
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
        }

        /// All commands.
        pub(super) const COMMANDS: &[Definition] = &[
            $(Definition::new($word, $about, commands!(@content $variant $args $(, $actions)?))$(.$more($($value)?))*,)+
        ];
    };
    (@content $variant:ident $args:ty, $actions:expr) => {
        Content::Actions($actions)
    };
    (@content $variant:ident $args:ty) => {
        Content::Arguments {
            table: <$args>::TABLE,
            read: |found| Command::$variant(<$args>::of_found(found)),
        }
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
    Wait(Wait) = "wait".note(process::WAIT_NOTE),
    /// Stop all processes of a container for a while
    Pause(Pause) = "pause",
    /// Let the processes of a paused container go on
    Resume(Resume) = "resume",
    /// Change the limits of a container
    Update(Update) = "update".negative_numbers(),
    /// Print statistics and out-of-memory events of a container as JSON
    Events(Events) = "events",
    /// Change the mounts of a running container
    Mounts(Mounts, mounts::ACTIONS) = "mounts",
    /// Save a running container to disk
    Checkpoint(Checkpoint) = "checkpoint",
    /// Bring a saved container back
    Restore(Restore) = "restore",
    /// Write a config.json to start from
    Spec(Spec) = "spec",
    /// Print what this runtime can do as JSON
    Features(Features) = "features",
}

/// Whether the program or any command has a long option of this name.
pub(super) fn any_has_option(name: &str) -> bool {
    let tables = COMMANDS.iter().filter_map(|command| match command.content {
        Content::Arguments { table, .. } => Some(table),
        Content::Actions(_) => None,
    });
    let mut arguments = tables.chain([Globals::TABLE]).flat_map(flat);
    arguments.any(|argument| argument.is_option() && argument.name == name)
}

impl Command {
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
