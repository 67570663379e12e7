//! Spools an upload: bytes into a temporary file, counted and hashed as they come.

use std::{
    fs::{self, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::Path,
};

use bytes::Bytes;
use rustix::fs::statvfs;
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};
use tokio::{
    fs::{File, read_dir},
    io::AsyncWriteExt,
};

use super::{Pipeline, SubmitError};
use crate::{
    fault::{Doing, Fault},
    render::hex,
};

/// An upload on its way in. Dropping it removes the file.
pub struct Spool {
    file: File,
    path: TempPath,
    hash: Sha256,
    bytes: u64,
    max_bytes: u64,
    /// Bytes that the disk must have left.
    free_bytes: u64,
    /// Bytes until it is asked again.
    unasked: u64,
}

/// A complete upload that waits in a file. Dropping it removes the file.
pub struct Spooled {
    path: TempPath,
    /// Locked, which says that we are alive.
    _file: File,
    /// Of the bytes, in lower-case hex.
    pub sha256: String,
    /// Length.
    pub bytes: u64,
}

/// Bytes of an upload after which the disk is asked again.
const ASK_EVERY: u64 = 1 << 20;
/// How the names of spool files begin.
const PREFIX: &str = "upload-";

impl Pipeline {
    /// Makes room for an upload.
    ///
    /// # Errors
    /// The spool folder cannot be written.
    pub async fn spool(&self) -> Result<Spool, Fault> {
        let (file, path) =
            locked_file(&self.config().spool).doing("make a spool file")?.into_parts();
        Ok(Spool {
            file: File::from_std(file),
            path,
            hash: Sha256::new(),
            bytes: 0,
            max_bytes: self.config().max_upload_bytes,
            free_bytes: self.config().spool_free_bytes,
            unasked: 0,
        })
    }
}

impl Pipeline {
    /// Removes files that crashed processes left in the spool folder.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub async fn clean_spool(&self) -> Result<(), Fault> {
        let mut files = read_dir(&self.config().spool).await.doing("list the spool folder")?;
        while let Some(file) = files.next_entry().await.doing("list the spool folder")? {
            // the folder may hold what is not ours
            if file.file_name().to_string_lossy().starts_with(PREFIX) {
                remove_if_left(&file.path()).doing("remove a spool file")?;
            }
        }
        Ok(())
    }
}

/// A new file, locked for as long as it is open: its process is alive.
fn locked_file(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = tempfile::Builder::new().prefix(PREFIX).tempfile_in(folder)?;
        file.as_file().lock()?;
        // it may have been taken for a left one before it was locked
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

fn remove_if_left(path: &Path) -> io::Result<()> {
    let gone = |err: &io::Error| err.kind() == ErrorKind::NotFound;
    let file = match fs::File::open(path) {
        Err(err) if gone(&err) => return Ok(()),
        opened => opened?,
    };
    match file.try_lock() {
        Ok(()) => fs::remove_file(path).or_else(|err| if gone(&err) { Ok(()) } else { Err(err) }),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(err)) => Err(err),
    }
}

impl Spool {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`SubmitError::TooLarge`] as soon as the limit is passed; [`SubmitError::NoRoom`] before the
    /// disk is full, since others need it too.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), SubmitError> {
        self.bytes += chunk.len() as u64;
        if self.bytes > self.max_bytes {
            return Err(SubmitError::TooLarge { max: self.max_bytes });
        }
        if self.unasked < chunk.len() as u64 {
            self.leave_room()?;
            self.unasked = ASK_EVERY + chunk.len() as u64;
        }
        self.unasked -= chunk.len() as u64;
        self.hash.update(&chunk);
        match self.file.write_all(&chunk).await {
            Err(err) if err.kind() == ErrorKind::StorageFull => Err(SubmitError::NoRoom),
            written => Ok(written.doing("spool an upload")?),
        }
    }

    fn leave_room(&self) -> Result<(), SubmitError> {
        let disk = statvfs(&*self.path).doing("ask the spool folder's disk")?;
        match disk.f_bavail.saturating_mul(disk.f_frsize) < self.free_bytes {
            true => Err(SubmitError::NoRoom),
            false => Ok(()),
        }
    }

    /// No more bytes come.
    ///
    /// # Errors
    /// [`SubmitError::Empty`] when none came at all.
    pub async fn finish(mut self) -> Result<Spooled, SubmitError> {
        if self.bytes == 0 {
            return Err(SubmitError::Empty);
        }
        self.file.flush().await.doing("spool an upload")?;
        Ok(Spooled {
            path: self.path,
            _file: self.file,
            sha256: hex(&self.hash.finalize()),
            bytes: self.bytes,
        })
    }
}

impl Spooled {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
