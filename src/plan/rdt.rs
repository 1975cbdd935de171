//! `linux.intelRdt` -> a resctrl group and the lines for its `schemata` (config-linux.md, "IntelRdt").

use super::Rdt;
use super::text::kernel_string;
use crate::bundle::Invalid;
use crate::bundle::config::IntelRdt;

/// `linux.intelRdt` of the container `id`.
pub(super) fn rdt(given: &IntelRdt, id: &str, warnings: &mut Vec<String>) -> Result<Rdt, Invalid> {
    let clos_id = given.clos_id.as_deref().filter(|name| !name.is_empty());
    if let Some(name) = clos_id {
        clos_id_names_a_folder(name)?;
    }
    if given.enable_cmt.is_some() || given.enable_mbm.is_some() {
        warnings
            .push("intelRdt: enableCMT and enableMBM are deprecated, read as enableMonitoring".to_owned());
    }
    let monitoring = [given.enable_monitoring, given.enable_cmt, given.enable_mbm].contains(&Some(true));
    Ok(Rdt {
        clos_id: clos_id.unwrap_or(id).to_owned(),
        named: clos_id.is_some(),
        schemata: schemata(given)?,
        monitoring,
    })
}

fn clos_id_names_a_folder(name: &str) -> Result<(), Invalid> {
    let pointer = "/linux/intelRdt/closID";
    kernel_string(name, pointer)?;
    // "/" is the root group (1.3).
    if name != "/" && (name.contains('/') || name == "." || name == "..") {
        return Err(Invalid::value(pointer, format!("invalid intelRdt.ClosID {name:?}"))
            .advise("it names one folder, or is / for the root group"));
    }
    Ok(())
}

/// The lines in the order of the specification: L3 (without its MB lines, if memBwSchema has one), MB, schemata. Also for
/// `update`, of a group that exists.
///
/// # Errors
/// A schema that no kernel could take.
pub fn schemata(given: &IntelRdt) -> Result<Vec<String>, Invalid> {
    let mem_bw = given.mem_bw_schema.as_deref().filter(|schema| !schema.is_empty());
    let mut lines = Vec::new();
    for line in given.l3_cache_schema.as_deref().unwrap_or_default().lines() {
        let replaced = mem_bw.is_some() && line.trim_start().starts_with("MB:");
        if !line.trim().is_empty() && !replaced {
            lines.push(checked(line, "/linux/intelRdt/l3CacheSchema")?);
        }
    }
    if let Some(schema) = mem_bw {
        let pointer = "/linux/intelRdt/memBwSchema";
        if !schema.starts_with("MB:") || schema.contains('\n') {
            let problem = format!("must be one line that starts with \"MB:\", is {schema:?}");
            return Err(Invalid::value(pointer, problem));
        }
        lines.push(checked(schema, pointer)?);
    }
    for (index, schema) in given.schemata.iter().enumerate() {
        for line in schema.lines().filter(|line| !line.trim().is_empty()) {
            lines.push(checked(line, &format!("/linux/intelRdt/schemata/{index}"))?);
        }
    }
    Ok(lines)
}

fn checked(line: &str, pointer: &str) -> Result<String, Invalid> {
    kernel_string(line, pointer)?;
    Ok(line.to_owned())
}
