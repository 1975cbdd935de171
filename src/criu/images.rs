//! The folder of the images and that of CRIU's work, and the two files that we put beside CRIU's images: `tare.json`
//! (what is outside of the image) and `descriptors.json` (the standard streams, in runc's form).
//!
//! Called by `cmd::checkpoint` and `cmd::restore`. The images hold the container's memory: a folder made here is for its owner only.

use super::external::External;
use crate::sys::dir::Dir;
use crate::sys::error::errno;
use crate::sys::path::Root;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;

const OUTSIDE: &str = "tare.json";
const DESCRIPTORS: &str = "descriptors.json";
const FILE_LIMIT_BYTES: usize = 1 << 20;

/// Both folders, held open.
#[derive(Debug)]
pub struct Images {
    /// The images.
    pub dir: Dir,
    /// CRIU's log and statistics.
    pub work: Dir,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Outside {
    version: u32,
    mounts: Vec<External>,
}

impl Images {
    /// For a dump: the folders are made if they are missing.
    pub fn make(images: &Path, work: Option<&Path>) -> Result<Images> {
        Dir::make_all(images, 0o700).context("the folder of the images")?;
        work.map_or(Ok(()), |work| Dir::make_all(work, 0o700)).context("the work folder")?;
        Images::open(images, work)
    }

    /// For a restore: the images are there; the work folder is made if it is missing.
    pub fn find(images: &Path, work: Option<&Path>) -> Result<Images> {
        work.map_or(Ok(()), |work| Dir::make_all(work, 0o700)).context("the work folder")?;
        Images::open(images, work)
    }

    /// The same folders as process `pid` sees them: CRIU in a mount namespace of its own could not mount anything in ours.
    pub fn seen_by(&self, pid: i32) -> Result<Images> {
        let here =
            std::env::current_dir().map_err(|e| crate::sys::SysError::io("getcwd", "current folder", &e))?;
        // A link may be absolute, as that of containerd's work folder is: below /proc/PID/root it would lead out, into our mounts.
        // The links of /proc/PID/fd are refused (ELOOP): they lead out of any root.
        let root = Root::new(Dir::open(Path::new(&format!("/proc/{pid}/root")))?.into_fd());
        let seen = |dir: &Dir| -> Result<Dir> {
            let path = here.join(dir.path());
            Ok(Dir::from_fd(root.open_dir(&path)?, path))
        };
        let dir = seen(&self.dir).context("the folder of the images, as CRIU sees it")?;
        let work = seen(&self.work).context("the work folder, as CRIU sees it")?;
        Ok(Images { dir, work })
    }

    fn open(images: &Path, work: Option<&Path>) -> Result<Images> {
        let dir = Dir::open(images).context("the folder of the images")?;
        let work = Dir::open(work.unwrap_or(images)).context("the work folder")?;
        Ok(Images { dir, work })
    }

    /// Whether the images of a dump are there.
    pub fn has_inventory(&self) -> Result<bool> {
        Ok(self.dir.stat("inventory.img")?.is_some())
    }

    /// Whether they go on from those of a pre-dump: CRIU has made a link to them.
    pub fn has_parent(&self) -> Result<bool> {
        Ok(self.dir.stat("parent")?.is_some())
    }

    /// The number of our descriptor of the images.
    pub fn dir_fd(&self) -> i32 {
        self.dir.as_fd().as_raw_fd()
    }

    /// The number of our descriptor of the work folder.
    pub fn work_fd(&self) -> i32 {
        self.work.as_fd().as_raw_fd()
    }

    /// Writes down what is outside.
    pub fn save(&self, mounts: Vec<External>, streams: &[String]) -> Result<()> {
        let outside = serde_json::to_vec(&Outside { version: 1, mounts })?;
        self.dir.replace(OUTSIDE, &outside, 0o600).map(drop).context("write what is outside of the image")?;
        let streams = serde_json::to_vec(streams)?;
        self.dir.replace(DESCRIPTORS, &streams, 0o600).map(drop).context("write the standard streams' names")
    }

    /// The external mounts; None: another runtime has made the images.
    pub fn mounts(&self) -> Result<Option<Vec<External>>> {
        let Some(data) = self.read(OUTSIDE)? else { return Ok(None) };
        let outside: Outside = serde_json::from_str(&data).context(OUTSIDE)?;
        Ok(Some(outside.mounts))
    }

    /// The names of the standard streams; none: the images say nothing of them.
    pub fn streams(&self) -> Result<Vec<String>> {
        let Some(data) = self.read(DESCRIPTORS)? else { return Ok(Vec::new()) };
        serde_json::from_str(&data).context(DESCRIPTORS)
    }

    fn read(&self, name: &str) -> Result<Option<String>> {
        match self.dir.read(name, FILE_LIMIT_BYTES) {
            Err(e) if e.is(errno::ENOENT) => Ok(None),
            other => Ok(Some(String::from_utf8(other.context("the images")?).context("the images")?)),
        }
    }
}
