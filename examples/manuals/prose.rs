//! From the prose of docs/man to roff: a few forms of Markdown, and nothing that a man page cannot show.
//!
//! `# SECTION` and `## Part` head what follows. A paragraph whose second line begins with `: ` is a term and its
//! explanation. Lines with four blanks are shown as they are. `- ` begins an item of a list. Within a line, backticks
//! make bold what is typed as it stands, asterisks what stands for something else.

use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

/// One section: its heading, and its lines of roff.
pub struct Section {
    pub heading: String,
    pub body: Roff,
}

pub fn sections(text: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    // man(7): no .PP after a heading, it has its own distance.
    let mut after_heading = true;
    for block in text.split("\n\n").map(|block| block.trim_matches('\n')).filter(|block| !block.is_empty()) {
        if let Some(heading) = block.strip_prefix("# ") {
            sections.push(Section { heading: heading.to_string(), body: Roff::new() });
            after_heading = true;
        } else if let Some(section) = sections.last_mut() {
            after_heading = add_block(&mut section.body, block, after_heading);
        }
    }
    sections
}

/// Adds one block; says whether it was a heading.
fn add_block(body: &mut Roff, block: &str, after_heading: bool) -> bool {
    if let Some(heading) = block.strip_prefix("## ") {
        body.control("SS", [heading]);
        return true;
    }
    if block.lines().all(|line| line.starts_with("    ")) {
        add_example(body, block, after_heading);
    } else if block.starts_with("- ") {
        add_items(body, block);
    } else if let Some((term, explanation)) = block.split_once("\n: ") {
        body.control("TP", []);
        body.text(inlines(term));
        add_lines(body, explanation);
    } else {
        if !after_heading {
            body.control("PP", []);
        }
        add_lines(body, block);
    }
    false
}

fn add_lines(body: &mut Roff, text: &str) {
    for line in text.lines() {
        body.text(inlines(line.trim()));
    }
}

fn add_example(body: &mut Roff, block: &str, after_heading: bool) {
    if !after_heading {
        body.control("PP", []);
    }
    body.control("RS", ["4"]);
    body.control("EX", []);
    for line in block.lines() {
        body.text([roman(line.strip_prefix("    ").unwrap_or(line))]);
    }
    body.control("EE", []);
    body.control("RE", []);
}

fn add_items(body: &mut Roff, block: &str) {
    for line in block.lines() {
        let text = line.strip_prefix("- ");
        if text.is_some() {
            body.control("IP", ["\\(bu", "2"]);
        }
        body.text(inlines(text.unwrap_or(line).trim()));
    }
}

/// Text with `bold` and *italic* parts.
fn inlines(text: &str) -> Vec<Inline> {
    let mut parts = Vec::new();
    for (at, part) in text.split('`').enumerate() {
        if at % 2 == 1 {
            parts.push(bold(part));
            continue;
        }
        for (at, part) in part.split('*').enumerate().filter(|(_, part)| !part.is_empty()) {
            parts.push(if at % 2 == 1 { italic(part) } else { roman(part) });
        }
    }
    parts
}
