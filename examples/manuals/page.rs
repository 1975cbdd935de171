//! One man page: what the definitions know (name, synopsis, options), then the prose. clap_mangen lays out the options.

use crate::prose::Section;
use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};
use std::error::Error;
use tare::cli::GROUPS;

type Page = Result<Vec<u8>, Box<dyn Error>>;

/// `tare` or `tare-create`: the name of the page.
pub fn name_of(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_string()
}

pub fn of_program(root: &Command, prose: &[Section]) -> Page {
    let mut synopsis = Roff::new();
    synopsis.text([
        bold("tare"),
        roman(" ["),
        italic("OPTION"),
        roman("...] "),
        italic("COMMAND"),
        roman(" ["),
        italic("ARGUMENT"),
        roman("...]"),
    ]);
    let mut page = Vec::new();
    open_page(&mut page, root, synopsis, prose)?;
    add(&mut page, &commands(root))?;
    add_options(&mut page, root.get_arguments().filter(|arg| !arg.is_hide_set()).collect())?;
    close_page(page, prose)
}

pub fn of_command(command: &Command, prose: &[Section]) -> Page {
    let mut synopsis = Roff::new();
    let below: Vec<&Command> = command.get_subcommands().collect();
    let forms = if below.is_empty() { vec![command] } else { below.clone() };
    for (at, form) in forms.iter().enumerate() {
        if at > 0 {
            synopsis.control("br", []);
        }
        synopsis.text(synopsis_of(form));
    }
    let mut page = Vec::new();
    open_page(&mut page, command, synopsis, prose)?;
    let mut arguments: Vec<&Arg> = Vec::new();
    for arg in forms.iter().flat_map(|form| form.get_arguments()) {
        let is_known = arguments.iter().any(|known| known.get_id() == arg.get_id());
        if !arg.is_hide_set() && !arg.is_global_set() && !is_known {
            arguments.push(arg);
        }
    }
    let mut rest = Roff::new();
    if !arguments.is_empty() {
        rest.control("PP", []);
    }
    add_options(&mut page, arguments)?;
    rest.text([
        roman("The options of every command, as "),
        bold("--root"),
        roman(" and "),
        bold("--log"),
        roman(", are described in "),
        bold("tare"),
        roman("(1)."),
    ]);
    add(&mut page, &rest)?;
    close_page(page, prose)
}

/// Title, NAME, SYNOPSIS and DESCRIPTION.
fn open_page(
    page: &mut Vec<u8>,
    command: &Command,
    synopsis: Roff,
    prose: &[Section],
) -> Result<(), Box<dyn Error>> {
    let version = env!("CARGO_PKG_VERSION");
    let man = Man::new(command.clone())
        .title(name_of(command).to_uppercase())
        .date(crate::today()?)
        .source(format!("tare {version}"))
        .manual("tare manual");
    man.render_title(page)?;
    let mut name = Vec::new();
    man.render_name_section(&mut name)?;
    page.extend(without_preamble(&name)?.bytes());
    let mut head = Roff::new();
    head.control("SH", ["SYNOPSIS"]);
    add(page, &head)?;
    add(page, &synopsis)?;
    let description = prose.first().filter(|section| section.heading == "DESCRIPTION");
    add_section(page, description.ok_or("the first section of a page is DESCRIPTION")?)
}

/// The rest of the prose.
fn close_page(mut page: Vec<u8>, prose: &[Section]) -> Page {
    for section in prose.iter().skip(1) {
        add_section(&mut page, section)?;
    }
    Ok(page)
}

fn add_section(page: &mut Vec<u8>, section: &Section) -> Result<(), Box<dyn Error>> {
    let mut head = Roff::new();
    head.control("SH", [section.heading.as_str()]);
    add(page, &head)?;
    add(page, &section.body)
}

/// `tare exec [OPTION...] ID [COMMAND...]`.
fn synopsis_of(command: &Command) -> Vec<Inline> {
    let mut line = vec![bold(command.get_bin_name().unwrap_or_default())];
    let is_option = |arg: &Arg| !arg.is_positional() && !arg.is_hide_set() && !arg.is_global_set();
    if command.get_arguments().any(is_option) {
        line.extend([roman(" ["), italic("OPTION"), roman("...]")]);
    }
    for arg in command.get_positionals() {
        let name = arg.get_value_names().and_then(|names| names.first()).map_or("", |name| name.as_str());
        let is_many = arg.get_num_args().is_some_and(|range| range.max_values() > 1);
        let dots = if is_many { "..." } else { "" };
        if arg.is_required_set() {
            line.extend([roman(" "), italic(name)]);
        } else {
            line.extend([roman(" ["), italic(name), roman(format!("{dots}]"))]);
        }
    }
    line
}

/// COMMANDS of tare(1), by group.
fn commands(root: &Command) -> Roff {
    let mut section = Roff::new();
    section.control("SH", ["COMMANDS"]);
    for (group, names) in GROUPS {
        section.control("SS", [*group]);
        for name in *names {
            let about = root.find_subcommand(name).and_then(Command::get_about);
            section.control("TP", []);
            if *name == "help" {
                section.text([bold("tare help "), italic("COMMAND")]);
                section.text([roman("Print the help of a command")]);
            } else {
                section.text([bold(format!("tare-{name}")), roman("(1)")]);
                section.text([roman(about.map(ToString::to_string).unwrap_or_default())]);
            }
        }
    }
    section
}

/// OPTIONS: what has no heading first, then a part for each heading.
fn add_options(page: &mut Vec<u8>, arguments: Vec<&Arg>) -> Result<(), Box<dyn Error>> {
    let mut headings: Vec<Option<&str>> = vec![None];
    for arg in &arguments {
        if !headings.contains(&arg.get_help_heading()) {
            headings.push(arg.get_help_heading());
        }
    }
    let mut head = Roff::new();
    head.control("SH", ["OPTIONS"]);
    add(page, &head)?;
    for heading in headings {
        let part: Vec<&Arg> =
            arguments.iter().copied().filter(|arg| arg.get_help_heading() == heading).collect();
        if let Some(heading) = heading {
            let mut head = Roff::new();
            head.control("SS", [heading]);
            add(page, &head)?;
        }
        if !part.is_empty() {
            page.extend(options(&part)?.bytes());
        }
    }
    Ok(())
}

/// The list of these options as clap_mangen lays it out, without its heading.
fn options(part: &[&Arg]) -> Result<String, Box<dyn Error>> {
    let bare = Command::new("part").disable_help_flag(true).disable_version_flag(true);
    let command = bare.args(part.iter().map(|arg| (*arg).clone().help_heading(None::<&str>).global(false)));
    let mut text = Vec::new();
    Man::new(command).render_options_section(&mut text)?;
    let text = without_preamble(&text)?;
    Ok(text.strip_prefix(".SH OPTIONS\n").unwrap_or(&text).to_string())
}

fn add(page: &mut Vec<u8>, part: &Roff) -> Result<(), Box<dyn Error>> {
    let mut text = Vec::new();
    part.to_writer(&mut text)?;
    page.extend(without_preamble(&text)?.bytes());
    Ok(())
}

/// The two lines that define an apostrophe stand once, above the title.
fn without_preamble(text: &[u8]) -> Result<String, Box<dyn Error>> {
    let text = std::str::from_utf8(text)?;
    let lines =
        text.lines().filter(|line| !line.starts_with(".ie \\n(.g ") && !line.starts_with(".el .ds Aq"));
    Ok(lines.map(|line| format!("{line}\n")).collect())
}
