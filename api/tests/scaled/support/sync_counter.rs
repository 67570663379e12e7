//! Counts how often a process makes the disk write, by a library that it loads before the others.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Writes a line with the file's path for each call.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void count(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) length = 0;
    path[length] = '\n';
    int log = open(getenv("SYNC_LOG"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (log < 0 || write(log, path, length + 1) < 0) abort();
    close(log);
}

int fsync(int fd) { count(fd); return syscall(SYS_fsync, fd); }
int fdatasync(int fd) { count(fd); return syscall(SYS_fdatasync, fd); }
int syncfs(int fd) { count(fd); return syscall(SYS_syncfs, fd); }
"#;

/// The library, and the file in which it counts.
pub(crate) struct SyncCounter {
    library: String,
    log: PathBuf,
}

impl SyncCounter {
    /// Compiles the library into `folder`.
    pub(crate) fn build(folder: &Path) -> Self {
        let (source, library) = (folder.join("syncs.c"), folder.join("syncs.so"));
        fs::write(&source, SOURCE).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
        assert!(compiler.status().unwrap().success(), "the C compiler failed");
        let library = library.to_str().unwrap().to_owned();
        SyncCounter { library, log: folder.join("syncs.log") }
    }

    /// The environment of a process whose calls are counted.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 2] {
        [("LD_PRELOAD", &self.library), ("SYNC_LOG", self.log.to_str().unwrap())]
    }

    /// The path of each file or folder that was synced so far.
    pub(crate) fn synced(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}
