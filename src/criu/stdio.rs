//! The standard streams: they lead out of the container, to a pipe or a file of whoever made it. At a restore ours take
//! their place.
//!
//! Called by `cmd::checkpoint` and `cmd::restore`. Only streams that the container was born with count, by the record: a
//! pipe that its program made itself and put there is its own affair.

use super::messages::InheritFd;
use crate::sys::mountinfo::Mounted;
use crate::sys::{fd, proc};
use std::os::fd::BorrowedFd;

/// The names of the streams for CRIU, in order: `pipe:[INODE]`, `file[MOUNT:INODE]` for a file of the host, or whatever the
/// link says of one that needs nothing. `born` are their links at birth, `mounted` what the container sees.
pub fn names(pid: i32, born: &[String], mounted: &[Mounted]) -> Vec<String> {
    let name = |(number, link): (usize, &String)| {
        let file = || proc::file_of_process(pid, number).ok().flatten();
        match link.starts_with('/').then(file).flatten() {
            Some(file) if file.link == *link && mounted.iter().all(|m| m.id != file.mount_id) => {
                format!("file[{:x}:{:x}]", file.mount_id, file.inode)
            }
            _ => link.clone(),
        }
    };
    born.iter().enumerate().map(name).collect()
}

/// Those that CRIU must be told of at a dump: files of the host.
pub fn external(names: &[String]) -> Vec<String> {
    let mut files: Vec<String> = names.iter().filter(|name| name.starts_with("file[")).cloned().collect();
    files.dedup();
    files
}

/// Our streams in the place of the image's: what CRIU is told, and the descriptors that it gets, from `first` on.
pub fn inherited(names: &[String], first: i32) -> (Vec<InheritFd>, Vec<BorrowedFd<'static>>) {
    let (mut told, mut given): (Vec<InheritFd>, Vec<BorrowedFd<'static>>) = (Vec::new(), Vec::new());
    for (name, number) in names.iter().zip(0..3) {
        let outside = name.starts_with("pipe:[") || name.starts_with("file[");
        let Some(stream) = fd::of_caller(number).filter(|_| outside) else { continue };
        if told.iter().all(|known| known.key != *name) {
            told.push(InheritFd { key: name.clone(), fd: first + given.len() as i32 });
            given.push(stream);
        }
    }
    (told, given)
}
