//! The instance lock: `planet` has a SQLite file to itself. Processes that share one take the lock
//! together, and keep `planet` away. The lock ends with its process.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::PathBuf,
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::{Config, Location};
use crate::{
    fault::{Doing, Fault, at},
    regular_file::open_regular,
};

/// How long a process that was killed may hold its lock until the kernel has cleaned up.
const TIMEOUT: Duration = Duration::from_secs(5);
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Use of a SQLite file, until this is dropped or the process ends.
pub struct InstanceLock {
    sharing: Sharing,
    _file: File,
}

/// Who else may use a SQLite file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// No other service process.
    Exclusive,
    /// Processes that share it as well.
    Shared,
}

impl InstanceLock {
    /// Whether no other service process uses the file.
    pub fn is_exclusive(&self) -> bool {
        self.sharing == Sharing::Exclusive
    }
}

impl Config {
    /// Takes use of the SQLite file, by a lock on a file beside it. `None` for a database server,
    /// which other processes may use.
    ///
    /// # Errors
    /// Another process holds the lock, or its folder cannot be written.
    pub fn instance_lock(
        &self,
        sharing: Sharing,
    ) -> BoxFuture<'_, Result<Option<InstanceLock>, Fault>> {
        Box::pin(async move {
            let Location::File(file) = &self.location else { return Ok(None) };
            let folder = file.parent().unwrap_or(file);
            at(folder, fs::create_dir_all(folder))
                .doing("create the database's folder (DATABASE_URL)")?;
            let mut name = file.clone().into_os_string();
            name.push(".lock");
            let path = PathBuf::from(name);
            let mut options = OpenOptions::new();
            let opened = open_regular(&path, options.read(true).write(true).create(true));
            let lock = at(&path, opened).doing("lock the database (DATABASE_URL)")?;
            let deadline = Instant::now() + TIMEOUT;
            loop {
                let locked = match sharing {
                    Sharing::Exclusive => lock.try_lock(),
                    Sharing::Shared => lock.try_lock_shared(),
                };
                match locked {
                    Ok(()) => return Ok(Some(InstanceLock { sharing, _file: lock })),
                    Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                        sleep(RETRY_INTERVAL).await;
                    }
                    Err(TryLockError::WouldBlock) => {
                        let why = format!(
                            "another process uses {}: start this one in another folder",
                            self.location()
                        );
                        return Err(Fault::new("start", why));
                    }
                    Err(TryLockError::Error(err)) => {
                        return at(&path, Err(err)).doing("lock the database (DATABASE_URL)");
                    }
                }
            }
        })
    }
}
