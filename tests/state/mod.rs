//! src/state: on real folders below a temporary root.

mod id;
mod known;
mod record;
mod root;
mod status;
mod store;

use std::path::{Path, PathBuf};

/// A folder of our own, removed at the end.
pub struct Folder(PathBuf);

impl Folder {
    #[track_caller]
    pub fn new() -> Folder {
        use std::os::unix::fs::DirBuilderExt;
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tare-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path).expect("a temporary folder");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        #[allow(clippy::disallowed_methods, reason = "a folder that the test made")]
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[allow(clippy::disallowed_methods, reason = "a file of a test")]
pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("write");
}
