//! `update`: changes the limits of a container that exists.
//!
//! What is not named keeps its value: only the files of what is named are written. It is all or nothing: if the kernel
//! refuses one value, the others are put back. A container that is paused stays so; devices are never touched. What was
//! asked for is kept beside the configuration, for the next update and for whoever makes the container again.

use super::lock::alone_once_made;
use super::pause::cgroup_of;
use super::{Session, input, print};
use crate::bundle::config::IntelRdt;
use crate::bundle::merge::{is_not_given, merged};
use crate::bundle::{self, Invalid};
use crate::cgroup::{Refusal, Undo, fs};
use crate::cli;
use crate::error;
use crate::plan::limits::{Limits, POINTER};
use crate::plan::rdt;
use crate::state::{Container, Refused, Status};
use crate::sys::signal::Held;
use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::path::Path;

pub(super) fn update(session: &Session, args: &cli::Update) -> Result<u8> {
    // Before the container's lock: standard input may take its time.
    let change = Change::asked_for(args)?;
    let mut container = session.container_to_change(&args.id)?;
    change.warnings(args).iter().for_each(|warning| session.log.warn(warning));
    match alone_once_made(&mut container)? {
        Status::Created | Status::Running | Status::Paused => {}
        Status::Stopped | Status::Creating => return Err(Refused::NotRunning.into()),
    }
    let plan = Planned::for_change(&container, &change).map_err(|error| change.in_its_words(error))?;
    plan.warnings.iter().for_each(|warning| session.log.warn(warning));
    carry_out(&container, &plan).map_err(|error| change.in_its_words(error))?;
    if args.json {
        let effective = cgroup_of(&container).effective().context("read the limits back")?;
        print(&format!("{}\n", serde_json::to_string_pretty(&effective).context("the limits")?))?;
    }
    Ok(0)
}

/// Writes everything, or nothing. A signal that asks us to end is obeyed afterwards.
fn carry_out(container: &Container, plan: &Planned) -> Result<()> {
    let _held = Held::ending()?;
    let mut undo = Undo::default();
    let done = carry_out_noting(container, plan, &mut undo);
    done.map_err(|error| {
        let lost = undo.restore();
        if lost.is_empty() { error } else { with_lost(error, &lost) }
    })
}

fn carry_out_noting(container: &Container, plan: &Planned, undo: &mut Undo) -> Result<()> {
    if !plan.schemata.is_empty() {
        let group = container.record.rdt.as_ref().ok_or_else(no_rdt)?;
        group.update(&plan.schemata, undo)?;
    }
    cgroup_of(container).update(&plan.wanted, &plan.merged, undo)?;
    match &plan.remember {
        Some(text) => container.save_updated_resources(text),
        None => Ok(()),
    }
}

fn no_rdt() -> Refusal {
    let problem = "the container was created without intelRdt, so it has no resctrl group to change";
    Refusal::new(fs::code::RDT, "", problem).advise("create it with linux.intelRdt in config.json")
}

fn with_lost(error: anyhow::Error, lost: &[String]) -> anyhow::Error {
    let also = format!("could not be put back as they were: {}", lost.join(", "));
    match error.downcast::<Refusal>() {
        Ok(refusal) => {
            let advice = if refusal.advice.is_empty() { also } else { format!("{}; {also}", refusal.advice) };
            refusal.advise(advice).into()
        }
        Err(error) => error.context(format!("these {also}")),
    }
}

/// What is to be done to one container.
struct Planned {
    /// The limits to write.
    wanted: Limits,
    /// All limits of the container, these on top.
    merged: Limits,
    /// Lines for the schemata of its resctrl group.
    schemata: Vec<String>,
    /// What is remembered afterwards; None: nothing new.
    remember: Option<String>,
    warnings: Vec<String>,
}

impl Planned {
    /// Decides everything; writes nothing.
    fn for_change(container: &Container, change: &Change) -> Result<Planned> {
        let (mut wanted, _) = limits(&change.resources)?;
        let before = asked_before(container)?;
        let after = merged(&before, &change.resources);
        // Checked as a whole: a quota must not fall below a burst that was set before, nor swap be passed by memory.
        let (merged, warnings) = limits(&after).map_err(|error| change.beside_the_containers_own(error))?;
        wanted.memory.check_before_update = merged.memory.check_before_update;
        let remember = if after == before { None } else { Some(after.to_string()) };
        let warnings = warnings.iter().filter_map(|warning| change.own_warning(warning)).collect();
        Ok(Planned { wanted, merged, schemata: rdt::schemata(&change.rdt)?, remember, warnings })
    }
}

/// The limits of a `linux.resources` object, without its devices.
fn limits(resources: &Value) -> Result<(Limits, Vec<String>)> {
    let mut parsed = bundle::resources_from_json(&resources.to_string())?;
    parsed.set_devices(None);
    Ok(Limits::from_spec(Some(&parsed))?)
}

/// All limits that were asked for until now: by the configuration, or by it and the updates since.
fn asked_before(container: &Container) -> Result<Value> {
    if let Some(text) = container.updated_resources()? {
        return serde_json::from_str(&text).context("the kept limits");
    }
    let config = container.config().context("the limits until now")?;
    let config: Value = serde_json::from_str(&config).context("the kept configuration")?;
    let resources = config.pointer("/linux/resources").filter(|resources| resources.is_object());
    Ok(resources.cloned().unwrap_or_else(|| json!({})))
}

/// What the caller asks for.
struct Change {
    /// In the form of `linux.resources`: a file's, with the options on top.
    resources: Value,
    /// The file, as it is called in messages.
    file: Option<String>,
    /// Each option that was given, and the field that it stands for, below `linux.resources`.
    options: Vec<(&'static str, &'static str)>,
    rdt: IntelRdt,
}

impl Change {
    fn asked_for(args: &cli::Update) -> Result<Change> {
        let mut change = Change {
            resources: json!({}),
            file: None,
            options: Vec::new(),
            rdt: IntelRdt {
                l3_cache_schema: args.l3_cache_schema.clone(),
                mem_bw_schema: args.mem_bw_schema.clone(),
                ..IntelRdt::default()
            },
        };
        if let Some(path) = &args.resources {
            change.read(path).map_err(|error| change.in_its_words(error))?;
        }
        for (option, pointer, value) in options(args) {
            change.set(option, pointer, value);
        }
        Ok(change)
    }

    /// Takes over a file: an object, or null, which Go's programs write for one without content.
    fn read(&mut self, path: &Path) -> Result<()> {
        self.file = Some(input::name(path));
        let text = input::text(path)?;
        if text.trim() != "null" {
            // First by the types: they know the place of a mistake.
            bundle::resources_from_json(&text)?;
            self.resources = serde_json::from_str(&text).context("the limits")?;
            if self.resources.get("linux").is_some() {
                let problem = format!("{}: has the form of config.json", input::name(path));
                let advice = "give what stands at linux.resources there, and nothing around it";
                return Err(error::coded(bundle::code::VALUE, problem, Some(advice)));
            }
        }
        Ok(())
    }

    fn set(&mut self, option: &'static str, pointer: &'static str, value: Value) {
        self.options.push((option, pointer));
        let Some((section, field)) = pointer.trim_start_matches('/').split_once('/') else { return };
        let Some(sections) = self.resources.as_object_mut() else { return };
        let section = sections.entry(section).or_insert(Value::Null);
        if !section.is_object() {
            *section = Value::Object(Map::new());
        }
        section.as_object_mut().and_then(|section| section.insert(field.to_owned(), value));
    }

    /// What is accepted and has no effect.
    fn warnings(&self, args: &cli::Update) -> Vec<String> {
        let mut warnings = Vec::new();
        for (option, given) in [
            ("--kernel-memory", args.kernel_memory.is_some()),
            ("--kernel-memory-tcp", args.kernel_memory_tcp.is_some()),
        ] {
            if given {
                warnings.push(format!("{option} has no effect: kernels since 5.16 have no such limit"));
            }
        }
        for (option, pointer) in &self.options {
            if self.resources.pointer(pointer).is_some_and(|value| is_not_given(pointer, value)) {
                warnings.push(format!("{option} changes nothing: its value counts as not given"));
            }
        }
        let has_rdt = self.rdt.l3_cache_schema.is_some() || self.rdt.mem_bw_schema.is_some();
        if self.file.is_none() && self.options.is_empty() && !has_rdt && !args.json && warnings.is_empty() {
            warnings.push("nothing was named that could be changed: see `tare update --help`".to_owned());
        }
        warnings
    }

    /// Says of an error about a field where the caller has set that field: not in config.json.
    fn in_its_words(&self, error: anyhow::Error) -> anyhow::Error {
        let error = match error.downcast::<Invalid>() {
            Ok(invalid) => return self.invalid(invalid),
            Err(error) => error,
        };
        match error.downcast::<Refusal>() {
            Ok(mut refusal) => {
                if !refusal.pointer.is_empty() {
                    refusal.problem = format!("{} ({})", refusal.problem, self.place(&refusal.pointer));
                    refusal.pointer.clear();
                }
                refusal.into()
            }
            Err(error) => error,
        }
    }

    fn invalid(&self, invalid: Invalid) -> anyhow::Error {
        let text = format!("{}: {}", self.place(&invalid.pointer), invalid.problem);
        let advice = invalid.advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default();
        error::coded(invalid.code, format!("{text}{advice}"), None)
    }

    /// The same of a contradiction that may lie in a limit that the container has had before.
    fn beside_the_containers_own(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast::<Invalid>() {
            Ok(invalid) if self.named_at(&invalid.pointer).is_none() => {
                let field = below_resources(&invalid.pointer).trim_start_matches('/').replace('/', ".");
                let advice = invalid.advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default();
                let text = format!("the container's {field}: {}{advice}", invalid.problem);
                error::coded(invalid.code, text, None)
            }
            Ok(invalid) => invalid.into(),
            Err(error) => error,
        }
    }

    /// A warning about a field that this change names; those about others have been heard before.
    fn own_warning(&self, warning: &str) -> Option<String> {
        let (pointer, rest) = warning.strip_prefix("config.json#")?.split_once(": ")?;
        Some(format!("{}: {rest}", self.named_at(pointer)?))
    }

    /// Where the caller has set the field at `pointer` (of config.json, or of a file of resources).
    fn place(&self, pointer: &str) -> String {
        match (self.named_at(pointer), &self.file) {
            (Some(place), _) => place,
            (None, Some(file)) if pointer.is_empty() => file.clone(),
            (None, Some(file)) => format!("{file}#{}", below_resources(pointer)),
            (None, None) => below_resources(pointer).trim_start_matches('/').replace('/', "."),
        }
    }

    /// The same; None: no option, and nothing in the file, has that very field.
    fn named_at(&self, pointer: &str) -> Option<String> {
        if pointer.starts_with("/linux/intelRdt") {
            let given = [
                ("l3CacheSchema", "--l3-cache-schema", &self.rdt.l3_cache_schema),
                ("memBwSchema", "--mem-bw-schema", &self.rdt.mem_bw_schema),
            ];
            let exact = given.iter().find(|(field, _, _)| pointer.ends_with(field));
            let first = given.iter().find(|(_, _, schema)| schema.is_some());
            return exact.or(first).map(|(_, option, _)| (*option).to_owned());
        }
        let pointer = below_resources(pointer);
        if let Some((option, _)) = self.options.iter().find(|(_, of)| *of == pointer) {
            return Some((*option).to_owned());
        }
        let in_file = !pointer.is_empty() && self.resources.pointer(pointer).is_some();
        self.file.as_ref().filter(|_| in_file).map(|file| format!("{file}#{pointer}"))
    }
}

fn below_resources(pointer: &str) -> &str {
    pointer.strip_prefix(POINTER).unwrap_or(pointer)
}

/// The options that were given: name, field below `linux.resources`, value.
fn options(args: &cli::Update) -> impl Iterator<Item = (&'static str, &'static str, Value)> {
    let bytes = |given: &Option<cli::Bytes>| given.map(|bytes| Value::from(bytes.0));
    let text = |given: &Option<String>| given.clone().map(Value::from);
    let all = [
        ("--memory", "/memory/limit", bytes(&args.memory)),
        ("--memory-reservation", "/memory/reservation", bytes(&args.memory_reservation)),
        ("--memory-swap", "/memory/swap", bytes(&args.memory_swap)),
        ("--cpu-quota", "/cpu/quota", args.cpu_quota.map(Value::from)),
        ("--cpu-period", "/cpu/period", args.cpu_period.map(Value::from)),
        ("--cpu-burst", "/cpu/burst", args.cpu_burst.map(Value::from)),
        ("--cpu-share", "/cpu/shares", args.cpu_share.map(Value::from)),
        ("--cpu-idle", "/cpu/idle", args.cpu_idle.map(Value::from)),
        ("--cpu-rt-runtime", "/cpu/realtimeRuntime", args.cpu_rt_runtime.map(Value::from)),
        ("--cpu-rt-period", "/cpu/realtimePeriod", args.cpu_rt_period.map(Value::from)),
        ("--cpuset-cpus", "/cpu/cpus", text(&args.cpuset_cpus)),
        ("--cpuset-mems", "/cpu/mems", text(&args.cpuset_mems)),
        ("--pids-limit", "/pids/limit", args.pids_limit.map(Value::from)),
        ("--blkio-weight", "/blockIO/weight", args.blkio_weight.map(Value::from)),
    ];
    all.into_iter().filter_map(|(option, pointer, value)| Some((option, pointer, value?)))
}
