//! Writes the man pages and the shell completions into a folder: `cargo run --example manuals -- DIR`. Called by
//! scripts/install and scripts/check-manuals. An example, so that nothing of it is in the release binary.
//!
//! Commands, options and their one-line help come from the definitions in src/cli; what a page says beyond them
//! stands in docs/man/COMMAND.md.

#![allow(clippy::disallowed_methods, reason = "it writes files for the build, not in a container")]

mod completion;
mod page;
mod prose;

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tare::cli::CommandLine;
use tare::log::{Fraction, rfc3339};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(out), None) = (arguments.next(), arguments.next()) else {
        return Err("usage: manuals DIR".into());
    };
    write_pages(&Path::new(&out).join("man"))?;
    write_completions(Path::new(&out))
}

/// DIR/man/tare.1 and one tare-COMMAND.1 for each command.
fn write_pages(folder: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let mut root = CommandLine::definition();
    root.build();
    let prose_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man");
    let commands = root.get_subcommands().filter(|command| command.get_name() != "help");
    for command in std::iter::once(&root).chain(commands) {
        let file = prose_folder.join(format!("{}.md", command.get_name()));
        let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        let sections = prose::sections(&text);
        let page = if command.get_name() == root.get_name() {
            page::of_program(&root, &sections)?
        } else {
            page::of_command(command, &sections)?
        };
        fs::write(folder.join(format!("{}.1", page::name_of(command))), page)?;
    }
    Ok(())
}

/// The date of the pages: SOURCE_DATE_EPOCH for whoever builds reproducibly, else today.
fn today() -> Result<String, Box<dyn Error>> {
    let now = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => UNIX_EPOCH + Duration::from_secs(seconds.parse()?),
        Err(_) => SystemTime::now(),
    };
    Ok(rfc3339(now, Fraction::Micros).chars().take_while(|letter| *letter != 'T').collect())
}

/// DIR/bash/tare, DIR/zsh/_tare and DIR/fish/tare.fish, each under the name by which its shell looks for it.
fn write_completions(out: &Path) -> Result<(), Box<dyn Error>> {
    for (shell, file, text) in [
        ("bash", "tare", completion::bash()?),
        ("zsh", "_tare", completion::zsh()?),
        ("fish", "tare.fish", completion::fish()?),
    ] {
        fs::create_dir_all(out.join(shell))?;
        fs::write(out.join(shell).join(file), text)?;
    }
    Ok(())
}
