//! The help texts: the program's with its commands by group, and each command's without the options of every command.
//! [`parse`](super::parse) prints them; the man pages take their groups from here. Words only: clap lays them out.

use super::CommandLine;
use clap::Arg;

/// The commands by group, in the order in which they are shown.
pub const GROUPS: &[(&str, &[&str])] = &[
    ("Lifecycle", &["create", "start", "run", "state", "list", "kill", "wait", "delete"]),
    ("Processes in a container", &["exec", "ps", "pause", "resume"]),
    ("Limits, events and mounts", &["update", "events", "mounts"]),
    ("Saving and restoring", &["checkpoint", "restore"]),
    ("The runtime itself", &["spec", "features", "help"]),
];

/// The help of the command that `path` names (`mounts`, `add`), or of the program if it names none.
pub(super) fn text(path: &[String]) -> String {
    if path.is_empty() { of_program() } else { of_command(path) }
}

fn of_program() -> String {
    let command = CommandLine::definition();
    let template = format!(
        "{{about-with-newline}}\nUsage: tare [OPTIONS] COMMAND [ARGUMENTS]\n\n{}{{all-args}}{{after-help}}",
        groups(&command)
    );
    let mut shown = command
        .disable_help_subcommand(true)
        .mut_subcommands(|below| below.hide(true))
        .help_template(template)
        .after_help("See `tare COMMAND --help` for the options of a command, and tare(1) for more.");
    shown.render_help().to_string()
}

fn groups(command: &clap::Command) -> String {
    let mut text = String::new();
    for (group, names) in GROUPS {
        text.push_str(&format!("{group}:\n"));
        for name in *names {
            // `help` is clap's own, and made only when the command line is read.
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map_or("Print the help of a command".to_string(), ToString::to_string);
            text.push_str(&format!("  {name:<12}{about}\n"));
        }
        text.push('\n');
    }
    text
}

/// The options of every command are left out: they would be most of what a short command has to say.
fn of_command(path: &[String]) -> String {
    let mut command = CommandLine::definition().mut_args(|arg| {
        let hidden = arg.is_hide_set() || arg.is_global_set();
        arg.hide(hidden)
    });
    command.build();
    let found = path.iter().try_fold(&mut command, |command, name| command.find_subcommand_mut(name));
    let shown = found.map(|command| {
        let is_bare = command.get_arguments().all(Arg::is_hide_set) && !command.has_subcommands();
        let rest = if is_bare { "" } else { "\n\n{all-args}" };
        let template = format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}{rest}{{after-help}}");
        let own = command.get_after_help().map(|text| format!("{text}\n\n")).unwrap_or_default();
        let globals = "Options of every command, as --root and --log: see `tare --help`.";
        std::mem::take(command).help_template(template).after_help(format!("{own}{globals}"))
    });
    shown.map(|mut command| command.render_help().to_string()).unwrap_or_default()
}
