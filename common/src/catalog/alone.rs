//! SQLite's file for one process alone: a lock beside it, which ends with its process.

use std::{
    fs::{self, File, TryLockError},
    path::PathBuf,
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::{Config, Place};
use crate::fault::{Doing, Fault, at};

/// How long one that was killed may hold its lock while it is taken down.
const LAST_BREATH: Duration = Duration::from_secs(5);
const TRY_AGAIN: Duration = Duration::from_millis(50);

/// A database that one process has to itself, until this is dropped or the process ends.
pub struct Alone(#[expect(dead_code, reason = "it holds the lock")] File);

impl Config {
    /// Takes SQLite's file for this process alone, by a lock on a file beside it. `None` of a
    /// server, which others use as well.
    ///
    /// # Errors
    /// Another process has it, or its folder cannot be written.
    pub async fn alone(&self) -> Result<Option<Alone>, Fault> {
        let Place::File(file) = &self.place else { return Ok(None) };
        let folder = file.parent().unwrap_or(file);
        at(folder, fs::create_dir_all(folder))
            .doing("make the database's folder (DATABASE_URL)")?;
        let mut name = file.clone().into_os_string();
        name.push(".lock");
        let path = PathBuf::from(name);
        let lock = at(&path, File::create(&path)).doing("lock the database (DATABASE_URL)")?;
        let deadline = Instant::now() + LAST_BREATH;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Some(Alone(lock))),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    sleep(TRY_AGAIN).await;
                }
                Err(TryLockError::WouldBlock) => {
                    let why = format!(
                        "another planet runs on {}: start this one in another folder",
                        self.place()
                    );
                    return Err(Fault::new("start", why));
                }
                Err(TryLockError::Error(err)) => {
                    return at(&path, Err(err)).doing("lock the database (DATABASE_URL)");
                }
            }
        }
    }
}
