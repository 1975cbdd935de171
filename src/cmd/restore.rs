//! `restore`: brings a saved container back with CRIU.
//!
//! The container is new: its record, its control groups with the limits of config.json, its network. Its processes,
//! their memory and their mounts are CRIU's to bring. CRIU is born in the container's control groups and in a
//! mount namespace of its own, so that its children, who become ours, are there from their first moment, and nothing
//! that is mounted for the restore is ever seen on the host.
//!
//! The journal: while CRIU works it stands in the record as the container's process, with no pid namespace of its own. So
//! whoever deletes the container then ends CRIU, and everybody else in the control group.

use super::birth::{self, Planned, Stays};
use super::checkpoint::{config_file, find_criu, needs_root, no_delegated_group, require, usage};
use super::run::{Afterwards, go_on, watch};
use super::{Session, notify, pid_file};
use crate::cgroup::Keeper;
use crate::cgroup::detect::Layout;
use crate::cli;
use crate::criu::client::{Binary, Criu};
use crate::criu::images::Images;
use crate::criu::messages::{InheritFd, Kind, Notify, Options};
use crate::criu::{Failed, UNFIT, external, log::Log, mountpoints, namespaces, options, stdio};
use crate::error;
use crate::hook;
use crate::launch::console::Relay;
use crate::launch::foreground::Watch;
use crate::launch::{self, Child};
use crate::plan::Plan;
use crate::state::{Container, Phase, identify};
use crate::sys::acl::Searchable;
use crate::sys::dir::Dir;
use crate::sys::mount::{self, Depth, LastLink};
use crate::sys::spawn::Place;
use crate::sys::walk::c_path;
use crate::sys::{mountinfo, proc, socket};
use anyhow::{Context, Result};
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Restores a container. In the foreground its exit code is ours; with --detach it is left running.
pub(super) fn restore(session: &Session, args: &cli::Restore) -> Result<u8> {
    options::check_restore(args).map_err(usage)?;
    needs_root()?;
    pid_file::check(args.pid_file.as_deref())?;
    let birth = birth_of(args);
    let planned = birth::plan(session, &birth)?;
    namespaces::check(&planned.plan.namespaces)?;
    no_delegated_group(planned.plan)?;
    let criu = find_criu(session)?;
    options::check_version(criu.version()?, &options::needs_to_restore(args))?;
    require(&criu, false, args.criu.lazy_pages)?;
    let images = Images::find(&args.criu.image_path, args.criu.work_path.as_deref())?;
    if !images.has_inventory()? {
        let problem = format!("{} has no images of a checkpoint", images.dir.path().display());
        return Err(Failed::new(UNFIT, problem, Some("name their folder with --image-path")).into());
    }
    if args.parent_path.is_some() && !images.has_parent()? {
        let problem = "--parent-path: the images do not go on from a pre-dump";
        return Err(error::coded(error::USAGE, problem, Some("leave it out")));
    }
    if args.no_pivot {
        session.log.warn("restore: --no-pivot has no effect: CRIU switches roots itself");
    }
    let stays = if args.detach { Stays::No } else { Stays::Yes };
    let (console, relay_socket) =
        birth::console(planned.plan, args.console_socket.as_deref(), stays)?.split();
    let watch = watch(stays, args.no_subreaper)?;
    let hook_files = birth::hook_files(planned.plan)?;
    let pidfd_sockets = birth::pidfd_sockets(planned.plan, None)?;
    let (mut container, layout) = birth::register(session, &planned)?;
    let mut revival = Revival {
        session,
        args,
        birth: &birth,
        planned: &planned,
        criu: &criu,
        images: &images,
        hook_files: &hook_files,
        watch: watch.as_ref(),
        pidfd_sockets,
        console,
        terminal: false,
        moved: None,
        child: None,
    };
    let revived = revival.all(&mut container, &layout, relay_socket.as_ref());
    match revived.and_then(|(child, relay)| Ok((child, relay, notify::proxy(session, &container)?))) {
        Ok((child, relay, notify)) => {
            go_on(session, container, child, Afterwards { watch, relay, notify, keep: args.keep })
        }
        Err(error) => {
            revival.take_back();
            pid_file::take_back(args.pid_file.as_deref(), container.record.pid());
            Err(birth::undo(container, session, error))
        }
    }
}

/// What a restore shares with `run`: the bundle, its checks, the console, the pid file.
fn birth_of(args: &cli::Restore) -> cli::Birth {
    cli::Birth {
        id: args.id.clone(),
        bundle: args.bundle.clone(),
        pid_file: args.pid_file.clone(),
        console_socket: args.console_socket.clone(),
        no_new_keyring: args.no_new_keyring,
        ..cli::Birth::default()
    }
}

/// A restore at work.
struct Revival<'a> {
    session: &'a Session,
    args: &'a cli::Restore,
    birth: &'a cli::Birth,
    planned: &'a Planned,
    criu: &'a Binary,
    images: &'a Images,
    hook_files: &'a hook::Files,
    watch: Option<&'a Watch>,
    /// Whoever waits for the process's pidfd (annotation `run.oci.pidfd_receiver`).
    pidfd_sockets: Vec<OwnedFd>,
    /// Takes the terminal's master.
    console: Option<OwnedFd>,
    /// Whether the image had a terminal.
    terminal: bool,
    moved: Option<launch::net::Moved>,
    child: Option<Child>,
}

/// A CRIU that waits for its request, and the descriptors that it was born with.
struct Started {
    criu: Criu,
    inherits: Vec<InheritFd>,
}

impl Revival<'_> {
    fn all(
        &mut self,
        container: &mut Container,
        layout: &Layout,
        relay_socket: Option<&OwnedFd>,
    ) -> Result<(Child, Option<Relay>)> {
        let plan = self.planned.plan;
        if plan.notify {
            container.make_notify()?;
        }
        let masks = place_of_masks(container, plan)?;
        let criu = self.start(container, layout, &masks)?;
        // As long as CRIU works: it opens them by our numbers.
        let images = self.images.seen_by(criu.criu.pid())?;
        // CRIU's children in a user namespace read the images as its root.
        let reader = plan.id_maps.as_ref().map(|_| launch::host_uid(plan, 0));
        let _searchable = reader.map(|uid| Searchable::by(&images.dir, uid)).transpose()?.flatten();
        let options = self.options(container, &masks, &images, &criu)?;
        let criu = criu.criu;
        let log = Log { dir: &self.images.work, name: options::RESTORE_LOG };
        self.session.log.debug(&format!("{}: {options:?}", self.args.id));
        let answer =
            criu.work(Kind::Restore, &options, &log, &mut |notify, fd| self.notified(container, notify, fd))?;
        let child = self.child.take().context("CRIU tells of no restored process")?;
        if answer.restore.is_some_and(|restored| restored.pid != child.pid()) {
            self.child = Some(child);
            anyhow::bail!("CRIU tells of two restored processes");
        }
        // Or a terminal that nobody sends would be waited for.
        self.console = None;
        if plan.process.terminal.is_some() && !self.terminal {
            self.child = Some(child);
            let problem = "process.terminal is true, but the image has no terminal";
            return Err(Failed::new(UNFIT, problem, Some("restore it from the bundle it was made of")).into());
        }
        let relay = relay_socket.map(Relay::receive).transpose()?;
        Ok((child, relay))
    }

    /// The groups, what is mounted, and CRIU in the midst of it.
    fn start(&self, container: &mut Container, layout: &Layout, masks: &Path) -> Result<Started> {
        let plan = self.planned.plan;
        let entry = birth::make_groups(container, layout, self.planned, &|text| self.session.log.warn(text))?;
        mountpoints::make(&plan.rootfs)?;
        let root = c_path(&plan.rootfs.path)?;
        let trees = [
            (mount::clone_tree(&root, Depth::Tree, LastLink::Follow)?, root),
            (launch::masks(plan).context("make the masks")?, c_path(masks)?),
        ];
        let trees: Vec<_> = trees.iter().map(|(tree, target)| (tree.as_fd(), target.as_c_str())).collect();
        let tasks: Vec<_> = entry.tasks.iter().map(|file| (file.fd.as_fd(), file.path.as_str())).collect();
        let keyring = plan.new_keyring.then(|| CString::new(plan.session_keyring())).transpose()?;
        let outside = namespaces::open_external(&plan.namespaces)?;
        let (told, given) = inherited(&self.images.streams()?, &outside);
        let criu = self.criu.start(&Place {
            descriptors: &given,
            cgroup: entry.born_into.as_ref().map(AsFd::as_fd),
            tasks: &tasks,
            mounts: Some(&trees),
            keyring: keyring.as_deref(),
            ..Place::default()
        })?;
        container.record.init = Some(identify(criu.pid()).context("CRIU")?);
        container.record.private_pids = false;
        container.save()?;
        entry.keeper.map_or(Ok(()), Keeper::leave).context("end the process that held the scope")?;
        Ok(Started { criu, inherits: told })
    }

    fn options(
        &self,
        container: &Container,
        masks: &Path,
        images: &Images,
        started: &Started,
    ) -> Result<Options> {
        let plan = self.planned.plan;
        let cgroup = container.record.cgroup.clone().unwrap_or_default();
        let mounts = self.images.mounts()?.unwrap_or_else(|| external::by_config(plan));
        let given = options::Given {
            images,
            root: &plan.rootfs.path,
            namespaces: &plan.namespaces,
            has_cgroups: cgroup.exists(),
            config_file: config_file(plan)?,
            mounts: external::bound(&mounts, plan, &cgroup, masks)?,
        };
        let mut options = options::for_restore(self.args, given);
        options.inherit_fd = started.inherits.clone();
        options.join_ns = namespaces::joined(&plan.namespaces);
        if options.manage_cgroups == Some(true) {
            let places = proc::read_of_process(started.criu.pid(), "cgroup")?;
            options.cg_root = options::cgroup_roots(&mountinfo::parse_cgroups(places.as_bytes()));
        }
        Ok(options)
    }

    /// The points of CRIU's work at which we have something to do.
    fn notified(
        &mut self,
        container: &mut Container,
        notify: &Notify,
        descriptor: Option<OwnedFd>,
    ) -> Result<()> {
        let plan = self.planned.plan;
        let pid = notify.pid.unwrap_or(0);
        match notify.script.as_deref() {
            // The first process is in its namespaces, and not in its root yet: the moment of these hooks.
            Some("setup-namespaces") => {
                self.moved = launch::furnish_network(plan, pid)?;
                launch::runtime_hooks(plan, pid, self.hook_files, self.watch)
            }
            Some("orphan-pts-master") => {
                let master = descriptor.context("CRIU sent no terminal")?;
                self.terminal = true;
                match &self.console {
                    Some(console) => {
                        Ok(socket::send_descriptor(console.as_fd(), b"/dev/console", master.as_fd())?)
                    }
                    None => Err(no_terminal()),
                }
            }
            // All are there, and stand still.
            Some("post-restore") => {
                let mounts = self.images.mounts()?.unwrap_or_else(|| external::by_config(plan));
                launch::flags::enforce(pid, &external::attributes(&mounts, plan))?;
                self.settle(container, pid)
            }
            _ => Ok(()),
        }
    }

    fn settle(&mut self, container: &mut Container, pid: i32) -> Result<()> {
        let child = Child::adopt(pid).context("the restored process")?;
        let child = self.child.insert(child);
        container.record.init = Some(identify(pid).context("the restored process")?);
        container.record.private_pids = self.planned.plan.namespaces.pid.is_new();
        if let Some(group) = &container.record.rdt {
            group.attach(pid)?;
        }
        let sockets = std::mem::take(&mut self.pidfd_sockets);
        birth::settle(self.session, container, Phase::Running, self.birth, sockets, child)
    }

    /// Ends what came to nothing, before its groups are removed.
    fn take_back(&mut self) {
        self.child = None;
        if let Some(moved) = self.moved.take() {
            moved.take_back();
        }
    }
}

/// Where CRIU's mount namespace has the masks: the container's own folder, for nobody else sees them there. The root of a
/// user namespace may not search that: then the first folder above that is closed to it.
fn place_of_masks(container: &Container, plan: &Plan) -> Result<PathBuf> {
    let here =
        std::env::current_dir().map_err(|e| crate::sys::SysError::io("getcwd", "current folder", &e))?;
    let folder = here.join(container.path());
    if plan.id_maps.is_none() {
        return Ok(folder);
    }
    let mut above: Vec<&Path> = folder.ancestors().collect();
    above.reverse();
    for path in above {
        let stat = Dir::open(path)?.stat(".")?;
        if stat.is_some_and(|stat| stat.st_mode & 0o001 == 0) {
            return Ok(path.to_path_buf());
        }
    }
    Ok(folder)
}

/// The streams, then the namespaces, as descriptors 3 and so on.
fn inherited<'a>(
    streams: &[String],
    outside: &'a [(&'static str, OwnedFd)],
) -> (Vec<InheritFd>, Vec<BorrowedFd<'a>>) {
    let (mut told, streams) = stdio::inherited(streams, 3);
    let mut given: Vec<BorrowedFd<'a>> = streams;
    for (name, fd) in outside {
        told.push(InheritFd { key: (*name).to_string(), fd: 3 + given.len() as i32 });
        given.push(fd.as_fd());
    }
    (told, given)
}

fn no_terminal() -> anyhow::Error {
    let problem = "the image has a terminal, but process.terminal is false";
    Failed::new(UNFIT, problem, Some("restore it from the bundle it was made of")).into()
}
