//! Spools an upload into a temporary file, and counts and hashes its bytes.

use std::{
    ffi::OsStr,
    fs::{self, OpenOptions, TryLockError},
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::Path,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use rustix::fs::statvfs;
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};
use tokio::{
    fs::{File, read_dir},
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
};
use uuid::Uuid;

use super::{Pipeline, submit_error::SubmitError};
use crate::{
    fault::{Doing, Fault},
    regular_file::open_regular,
    render::hex,
};

/// An upload that is being received. Dropping it removes the file.
pub struct Spool {
    file: File,
    path: TempPath,
    hash: Sha256,
    bytes: u64,
    max_bytes: u64,
    /// Bytes that the disk must have left.
    free_bytes: u64,
    /// Bytes until the free space is checked again.
    until_check: u64,
}

/// A received upload in a file. Dropping it removes the file.
pub struct Spooled {
    path: TempPath,
    /// Locked as long as this process lives.
    _file: File,
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// Length in bytes.
    pub bytes: u64,
}

/// Bytes of an upload between two checks of the free space.
const CHECK_EVERY: u64 = 1 << 20;
/// The name of a spool file is this prefix, a UUID in its form with hyphens, and the suffix.
const PREFIX: &str = "planet-upload-";
const SUFFIX: &str = ".spool";

impl Pipeline {
    /// Creates the file of an upload.
    ///
    /// # Errors
    /// The spool folder cannot be written.
    pub fn spool(&self) -> BoxFuture<'_, Result<Spool, Fault>> {
        Box::pin(async move {
            let (file, path) =
                locked_file(&self.config().spool).doing("create a spool file")?.into_parts();
            Ok(Spool {
                file: File::from_std(file),
                path,
                hash: Sha256::new(),
                bytes: 0,
                max_bytes: self.config().max_upload_bytes,
                free_bytes: self.config().spool_free_bytes,
                until_check: 0,
            })
        })
    }

    /// Bytes that the disk of the spool folder has left, before those of `SPOOL_FREE_BYTES`; `None`
    /// if the folder is away.
    pub fn spool_room(&self) -> Option<u64> {
        let disk = statvfs(&self.config().spool).ok()?;
        Some((disk.f_bavail * disk.f_frsize).saturating_sub(self.config().spool_free_bytes))
    }

    /// Removes the files that crashed processes left in the spool folder. It may have files of other
    /// programs. A file that cannot be removed stays, and is logged.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub async fn clean_spool(&self) -> Result<(), Fault> {
        let mut files = read_dir(&self.config().spool).await.doing("list the spool folder")?;
        while let Some(file) = files.next_entry().await.doing("list the spool folder")? {
            let path = file.path();
            if is_spool_file(&file.file_name())
                && let Err(err) = remove_if_stale(&path)
            {
                tracing::warn!("could not remove the spool file {}: {err}", path.display());
            }
        }
        Ok(())
    }
}

fn is_spool_file(name: &OsStr) -> bool {
    let id = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
    id.is_some_and(|id| Uuid::try_parse(id).is_ok_and(|uuid| uuid.to_string() == id))
}

/// A new file, locked as long as it is open, which marks it as in use.
fn locked_file(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let name = format!("{PREFIX}{}{SUFFIX}", Uuid::now_v7());
        let file = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempfile_in(folder)?;
        file.as_file().lock()?;
        // another process may have removed it as stale before it was locked
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

fn remove_if_stale(path: &Path) -> io::Result<()> {
    let gone = |err: &io::Error| err.kind() == ErrorKind::NotFound;
    let file = match open_regular(path, OpenOptions::new().read(true)) {
        Err(err) if gone(&err) => return Ok(()),
        opened => opened?,
    };
    match file.try_lock() {
        Ok(()) => fs::remove_file(path).or_else(|err| if gone(&err) { Ok(()) } else { Err(err) }),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(err)) => Err(err),
    }
}

/// # Errors
/// [`SubmitError::NoRoom`] when less than `free_bytes` are free where the file is.
fn check_free_space(file: &Path, free_bytes: u64) -> Result<(), SubmitError> {
    let disk = statvfs(file).doing("get the free space of the spool folder")?;
    match disk.f_bavail.saturating_mul(disk.f_frsize) < free_bytes {
        true => Err(SubmitError::NoRoom),
        false => Ok(()),
    }
}

impl Spool {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`SubmitError::TooLarge`] as soon as the limit is exceeded; [`SubmitError::NoRoom`] when less
    /// than `SPOOL_FREE_BYTES` would stay free; a fault of the disk.
    pub fn write(&mut self, chunk: Bytes) -> BoxFuture<'_, Result<(), SubmitError>> {
        Box::pin(async move {
            self.bytes += chunk.len() as u64;
            if self.bytes > self.max_bytes {
                return Err(SubmitError::TooLarge { max: self.max_bytes });
            }
            if self.until_check < chunk.len() as u64 {
                check_free_space(&self.path, self.free_bytes)?;
                self.until_check = CHECK_EVERY + chunk.len() as u64;
            }
            self.until_check -= chunk.len() as u64;
            self.hash.update(&chunk);
            match self.file.write_all(&chunk).await {
                Err(err) if err.kind() == ErrorKind::StorageFull => Err(SubmitError::NoRoom),
                written => Ok(written.doing("spool an upload")?),
            }
        })
    }

    /// Ends the upload.
    ///
    /// # Errors
    /// [`SubmitError::Empty`] when there are no bytes; [`SubmitError::NoRoom`]; a fault of the disk.
    pub fn finish(mut self) -> BoxFuture<'static, Result<Spooled, SubmitError>> {
        Box::pin(async move {
            if self.bytes == 0 {
                return Err(SubmitError::Empty);
            }
            match self.file.flush().await {
                Err(err) if err.kind() == ErrorKind::StorageFull => {
                    return Err(SubmitError::NoRoom);
                }
                flushed => flushed.doing("spool an upload")?,
            }
            Ok(Spooled {
                path: self.path,
                _file: self.file,
                sha256: hex(&self.hash.finalize()),
                bytes: self.bytes,
            })
        })
    }
}

/// The bytes of a part of an upload that is being received. Dropping it removes the file.
pub(super) struct PartFile {
    file: File,
    path: TempPath,
    bytes: u64,
    free_bytes: u64,
}

impl Pipeline {
    /// An empty file for a part.
    ///
    /// # Errors
    /// The spool folder cannot be written.
    pub(super) fn part_file(&self) -> Result<PartFile, Fault> {
        let config = self.config();
        let (file, path) = locked_file(&config.spool).doing("create a spool file")?.into_parts();
        let free_bytes = config.spool_free_bytes;
        Ok(PartFile { file: File::from_std(file), path, bytes: 0, free_bytes })
    }
}

impl PartFile {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`SubmitError::NoRoom`] when less than `SPOOL_FREE_BYTES` would stay free; a fault of the disk.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), SubmitError> {
        if self.bytes / CHECK_EVERY != (self.bytes + bytes.len() as u64) / CHECK_EVERY
            || self.bytes == 0
        {
            check_free_space(&self.path, self.free_bytes)?;
        }
        self.bytes += bytes.len() as u64;
        let written = async {
            self.file.write_all(bytes).await?;
            self.file.flush().await
        };
        match written.await {
            Err(err) if err.kind() == ErrorKind::StorageFull => Err(SubmitError::NoRoom),
            written => Ok(written.doing("spool a part of an upload")?),
        }
    }

    /// Its first bytes, at most `max`.
    pub async fn head(&self, max: u64) -> Result<Vec<u8>, Fault> {
        let mut head = Vec::new();
        let file = File::open(&self.path).await.doing("open a spool file")?;
        file.take(max).read_to_end(&mut head).await.doing("read a spool file")?;
        Ok(head)
    }

    /// Removes all bytes.
    pub async fn clear(&mut self) -> Result<(), Fault> {
        self.bytes = 0;
        self.file.set_len(0).await.doing("clear a spool file")?;
        self.file.rewind().await.doing("clear a spool file").map(drop)
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Spooled {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
