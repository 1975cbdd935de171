//! `list`: all containers below the root, as a table or as JSON. What cannot be read is left out.

use super::{Session, oci_state, print};
use crate::cli::{self, ListFormat};
use crate::error;
use crate::state::{Container, Status, Store};
use anyhow::{Context, Result};

pub(super) fn list(session: &Session, args: &cli::List) -> Result<u8> {
    let store = session.store()?;
    if let (None, Some(root)) = (&store, &session.globals.root) {
        let problem = format!("the state root {} does not exist", root.display());
        return Err(error::coded(
            error::OTHER,
            problem,
            Some("give the --root that the containers were created with"),
        ));
    }
    let ids = store.as_ref().map_or(Ok(Vec::new()), Store::ids)?;
    let mut names = Names::default();
    let rows: Vec<Row> = ids.iter().filter_map(|id| row(store.as_ref()?, id, session, &mut names)).collect();
    let text = match (args.quiet, args.format) {
        (true, _) => rows.iter().map(|row| format!("{}\n", row.container.id())).collect(),
        (false, ListFormat::Table) => table(&rows),
        (false, ListFormat::Json) => json(&rows)?,
    };
    print(&text)?;
    Ok(0)
}

struct Row {
    container: Container,
    status: Status,
    owner: String,
}

/// One container; `None`: it is gone meanwhile, it is another runtime's, or it cannot be read.
fn row(store: &Store, id: &str, session: &Session, names: &mut Names) -> Option<Row> {
    let mut read = || -> Result<Row> {
        let mut container = store.load(id)?;
        let status = container.status()?;
        let owner = names.of(container.owner()?);
        Ok(Row { container, status, owner })
    };
    read().map_err(|e| session.log.debug(&format!("list: {id} is left out: {e:#}"))).ok()
}

/// runc's columns: at least 12 wide, three spaces between.
fn table(rows: &[Row]) -> String {
    let title = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_string);
    let mut lines = vec![title];
    for Row { container, status, owner } in rows {
        let record = &container.record;
        let pid = record.init.as_ref().filter(|_| *status != Status::Stopped).map_or(0, |init| init.pid);
        let bundle = record.bundle.display().to_string();
        lines.push([
            record.id.clone(),
            pid.to_string(),
            status.to_string(),
            bundle,
            record.created.clone(),
            owner.clone(),
        ]);
    }
    let mut widths = [12usize; 6];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count() + 3);
        }
    }
    let mut text = String::new();
    for line in &lines {
        let cells: String = widths.iter().zip(line).map(|(width, cell)| format!("{cell:width$}")).collect();
        text.push_str(cells.trim_end());
        text.push('\n');
    }
    text
}

fn json(rows: &[Row]) -> Result<String> {
    let states: Vec<_> =
        rows.iter().map(|row| oci_state(&row.container.record, row.status, row.owner.clone())).collect();
    Ok(format!("{}\n", serde_json::to_string(&states).context("the list")?))
}

/// Names of users, from /etc/passwd (at most 1 MiB of it), which is read once. No NSS: it would load foreign code.
#[derive(Default)]
struct Names {
    passwd: Option<String>,
}

impl Names {
    /// The name of a user, or `#UID`.
    fn of(&mut self, uid: u32) -> String {
        let passwd = self.passwd.get_or_insert_with(read_passwd);
        let mut entries = passwd.lines().map(|line| line.split(':'));
        let found = entries.find_map(|mut fields| {
            let name = fields.next()?;
            (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_string())
        });
        found.unwrap_or_else(|| format!("#{uid}"))
    }
}

fn read_passwd() -> String {
    use std::io::Read;
    let mut text = Vec::with_capacity(8 << 10);
    if let Ok(file) = std::fs::File::open("/etc/passwd") {
        drop(file.take(1 << 20).read_to_end(&mut text));
    }
    String::from_utf8_lossy(&text).into_owned()
}
