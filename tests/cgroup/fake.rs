//! A tree of files in the place of cgroupfs, procfs or resctrl. What it cannot do: make files when a folder is made.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for one test, removed at the end.
pub struct Fake(PathBuf);

impl Fake {
    pub fn new() -> Fake {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tare-test-cgroup-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Fake(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.0.clone() } else { self.0.join(name) }
    }

    #[allow(clippy::disallowed_methods, reason = "a folder that the test made")]
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Makes a file and the folders above it.
    #[allow(clippy::disallowed_methods, reason = "a folder that the test made")]
    pub fn file(&self, name: &str, text: &str) -> &Fake {
        self.folder(Path::new(name).parent().unwrap().to_str().unwrap());
        fs::write(self.path(name), text).unwrap();
        self
    }

    /// Makes a group with these files beside cgroup.procs.
    pub fn group(&self, name: &str, files: &[&str]) -> &Fake {
        self.file(&format!("{name}/cgroup.procs"), "");
        for file in files {
            self.file(&format!("{name}/{file}"), "");
        }
        self
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    #[allow(clippy::disallowed_methods, reason = "a folder that the test made")]
    pub fn remove(&self, name: &str) {
        fs::remove_dir_all(self.path(name)).unwrap();
    }

    pub fn has(&self, name: &str) -> bool {
        self.path(name).exists()
    }
}

impl Drop for Fake {
    #[allow(clippy::disallowed_methods, reason = "a folder that the test made")]
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
