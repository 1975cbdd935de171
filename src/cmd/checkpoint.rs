//! `checkpoint`: saves a container to disk with CRIU.
//!
//! A container that is not left running is gone afterwards, exactly as after `delete`. Whatever fails, it runs on as it did.

use super::delete::retire;
use super::lock::alone;
use super::state::status_of;
use super::{Session, birth};
use crate::bundle::Bundle;
use crate::cli;
use crate::criu::client::Binary;
use crate::criu::images::Images;
use crate::criu::messages::{Features, Kind};
use crate::criu::options::{self, Conflict};
use crate::criu::{Failed, UNABLE, UNFIT, external, log::Log, namespaces, stdio};
use crate::error;
use crate::plan::annotations::{CRIU_CONFIG, CriuConfig, DELEGATE_CGROUP};
use crate::plan::{Options, Plan};
use crate::state::{Container, Refused, Status, identify};
use crate::sys::dir::Dir;
use crate::sys::{fd, mountinfo, probe};
use anyhow::{Context, Result};
use std::path::Path;

/// Where CRIU and its tools are, if $PATH does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Configuration files of CRIU that are used if they are there: ours, then those of the two runtimes before us.
const CONFIG_FILES: [&str; 3] = ["/etc/criu/tare.conf", "/etc/criu/crun.conf", "/etc/criu/runc.conf"];

pub(super) fn checkpoint(session: &Session, args: &cli::Checkpoint) -> Result<u8> {
    options::check_dump(args).map_err(usage)?;
    needs_root()?;
    let mut container = session.container_to_change(&args.id)?;
    alone(&mut container)?;
    let status = status_of(&mut container)?;
    if !matches!(status, Status::Running | Status::Paused) {
        return Err(Refused::CannotCheckpoint { status }.into());
    }
    let criu = find_criu(session)?;
    options::check_version(criu.version()?, &options::needs_to_dump(args))?;
    check_features(&criu, args)?;
    let done = dump(session, args, &mut container, &criu);
    if let Some(cgroup) = container.record.cgroup.as_ref().filter(|_| status != Status::Paused)
        && done.is_err()
        && cgroup.is_frozen()?
    {
        // A CRIU that died has left it so.
        cgroup.thaw().context("let the container run on")?;
    }
    done?;
    session.log.debug(&format!("{}: saved to {}", args.id, args.criu.image_path.display()));
    if !args.leave_running && !args.pre_dump {
        retire(container, &session.log)?;
    }
    Ok(0)
}

fn dump(session: &Session, args: &cli::Checkpoint, container: &mut Container, criu: &Binary) -> Result<()> {
    let plan = plan_of(session, container)?;
    namespaces::check(&plan.namespaces)?;
    no_delegated_group(&plan)?;
    let pid = container.record.pid();
    let images = Images::make(&args.criu.image_path, args.criu.work_path.as_deref())?;
    if let Some(parent) = &args.parent_path {
        check_parent(&args.criu.image_path, parent)?;
    }
    if plan.namespaces.network.joined().is_some() && !args.criu.empty_ns.is_empty() {
        let problem =
            "--empty-ns network: the container's network namespace is joined by path, and stays outside";
        return Err(error::coded(error::USAGE, problem, Some("leave out --empty-ns")));
    }
    let mounts = external::of_container(pid, &plan)?;
    let names = stdio::names(pid, &container.record.streams, &mountinfo::of_process(pid)?);
    let mut outside = namespaces::external(&plan.namespaces, pid)?;
    outside.extend(stdio::external(&names));
    let cgroup = container.record.cgroup.as_ref().filter(|cgroup| cgroup.exists());
    let given = options::Given {
        images: &images,
        root: &container.record.rootfs,
        namespaces: &plan.namespaces,
        has_cgroups: cgroup.is_some(),
        config_file: config_file(&plan)?,
        mounts: external::keys(&mounts),
    };
    let freezer = cgroup.and_then(|cgroup| cgroup.freezer());
    let options = options::for_dump(args, given, pid, freezer, outside);
    images.save(mounts, &names)?;
    let kind = if args.pre_dump { Kind::PreDump } else { Kind::Dump };
    let log = Log { dir: &images.work, name: options::DUMP_LOG };
    session.log.debug(&format!("{}: {options:?}", args.id));
    let criu = criu.start(&Default::default())?;
    // Whoever deletes the container meanwhile must end it first, also if we are gone.
    container.record.criu = Some(identify(criu.pid()).context("CRIU")?);
    container.save()?;
    let done = criu.work(kind, &options, &log, &mut |_, _| Ok(()));
    container.record.criu = None;
    container.save()?;
    done.map(|_| ())
}

/// The plan that the container was made by, from the configuration that was kept.
fn plan_of(session: &Session, container: &Container) -> Result<Plan> {
    let bundle = Bundle::from_json(container.config()?)?;
    let options = Options {
        id: container.id().to_string(),
        bundle: container.record.bundle.clone(),
        ..Options::default()
    };
    Ok(Plan::for_create(&bundle, &options, &birth::host(session)?)?)
}

/// CRIU in its unprivileged mode can save single processes, but no container.
pub(super) fn needs_root() -> Result<()> {
    if probe::euid() == 0 && !probe::in_user_namespace()? {
        return Ok(());
    }
    let problem = "CRIU needs the privileges of real root to save or restore a container";
    Err(Failed::new(UNABLE, problem, Some("run it as root, outside of user namespaces")).into())
}

/// `--criu`, or what $PATH and the usual folders have.
pub(super) fn find_criu(session: &Session) -> Result<Binary> {
    let path = std::env::var("PATH").unwrap_or_default();
    let search = if path.is_empty() { DEFAULT_PATH.to_string() } else { format!("{path}:{DEFAULT_PATH}") };
    Binary::find(session.globals.criu.as_deref(), &search)
}

/// `org.criu.config`: its file, or none if it is empty; without it the first default file that is there.
pub(super) fn config_file(plan: &Plan) -> Result<Option<String>> {
    let is_file = |path: &str| Path::new(path).is_file();
    match &plan.asked.criu_config {
        CriuConfig::None => Ok(None),
        CriuConfig::File(path) if path.is_file() => Ok(Some(path.display().to_string())),
        CriuConfig::File(path) => {
            let problem = format!("annotation {CRIU_CONFIG}: {} is no file", path.display());
            Err(Failed::new(UNFIT, problem, Some("correct it, or leave it empty for no file")).into())
        }
        CriuConfig::Unset => Ok(CONFIG_FILES.into_iter().find(|path| is_file(path)).map(str::to_string)),
    }
}

/// The group below the container's would come back without its owner.
pub(super) fn no_delegated_group(plan: &Plan) -> Result<()> {
    if plan.asked.delegate_cgroup.is_none() {
        return Ok(());
    }
    let problem = format!("a container with annotation {DELEGATE_CGROUP} can be neither saved nor restored");
    Err(Failed::new(UNFIT, problem, Some("create it without the annotation")).into())
}

/// Flags that do not go together are a matter of the command line.
pub(super) fn usage(conflict: Conflict) -> anyhow::Error {
    error::coded(error::USAGE, conflict.problem, Some(conflict.advice))
}

/// What depends on the kernel, too: CRIU is asked.
fn check_features(criu: &Binary, args: &cli::Checkpoint) -> Result<()> {
    let track = args.pre_dump || args.parent_path.is_some();
    require(criu, track, args.criu.lazy_pages)?;
    match args.status_fd.filter(|number| !fd::is_writable(*number)) {
        Some(number) => {
            let problem = format!("--status-fd {number}: this descriptor is not open for writing");
            Err(error::coded(error::USAGE, problem, Some("open it before the call")))
        }
        None => Ok(()),
    }
}

/// Asks only for what is needed: an old CRIU may not know the question.
pub(super) fn require(criu: &Binary, track: bool, lazy: bool) -> Result<()> {
    if !track && !lazy {
        return Ok(());
    }
    let asked = Features { mem_track: track.then_some(true), lazy_pages: lazy.then_some(true) };
    let there = criu.features(asked)?;
    let missing = match (track && there.mem_track != Some(true), lazy && there.lazy_pages != Some(true)) {
        (true, _) => "--pre-dump and --parent-path need memory tracking (CONFIG_MEM_SOFT_DIRTY)",
        (_, true) => "--lazy-pages needs userfaultfd(2) with non-cooperative events",
        (false, false) => return Ok(()),
    };
    let problem = format!("{missing}, which this kernel or CRIU does not have");
    Err(Failed::new(UNABLE, problem, Some("leave the flag out")).into())
}

fn check_parent(images: &Path, parent: &Path) -> Result<()> {
    let folder = Dir::open(&images.join(parent)).context("--parent-path")?;
    if folder.stat("inventory.img")?.is_none() {
        let problem = format!("--parent-path: {} has no images of a pre-dump", folder.path().display());
        return Err(error::coded(error::USAGE, problem, Some("name the folder of a pre-dump")));
    }
    Ok(())
}
