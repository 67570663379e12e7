//! Blobs as files in a folder.
//!
//! The blob `originals/ID/ATTEMPT` is the file `originals/F/ID.ATTEMPT`, where F is the last digit of
//! the id. These folders are created and synced when the store is opened. So a put syncs two things:
//! the file, before it gets its name, and the folder with that name. Files at `originals/ID/ATTEMPT`
//! and `renders/JOB/ATTEMPT/HASH`, where earlier versions put them, are read and deleted as well.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, SeekFrom, Write},
    ops::Range,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use tokio::{
    io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt},
    task::spawn_blocking,
};

use super::{Body, Content, ForeignBlob};
use crate::{
    fault::{Doing, Fault, at},
    regular_file::open_regular,
};

/// The first part of a key.
pub(super) const KINDS: [&str; 3] = ["originals", "renders", "uploads"];
/// Folders of each kind: one for each hexadecimal digit.
const FAN_OUT: u8 = 16;

/// A folder of blobs.
#[derive(Clone)]
pub struct Files {
    root: Arc<Path>,
}

impl Files {
    pub(super) async fn open(root: PathBuf) -> Result<Self, Fault> {
        let files = Files::find(root);
        let root = files.root.clone();
        blocking(move || at(&root, create_folder(&root).and_then(|()| create_layout(&root))))
            .await
            .doing("create the blob folder (STORE_URL)")?;
        Ok(files)
    }

    /// A folder that exists, for reading.
    pub(super) fn find(root: PathBuf) -> Self {
        Files { root: root.into() }
    }

    pub(super) async fn check(&self) -> Result<(), Fault> {
        check_writable(&self.root).await.doing("write to the blob folder")
    }

    pub(super) async fn put(&self, key: &str, content: Content) -> Result<(), Fault> {
        let path = self.path(key);
        let root = self.root.clone();
        blocking(move || {
            // A crash leaves the temporary file, whose name is derived from the key: deleting the
            // key deletes it, too.
            let temporary = partial(&path);
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            let mut file = match open_regular(&temporary, &mut options) {
                Err(err) if err.kind() == ErrorKind::NotFound => {
                    create_layout(&root)?;
                    open_regular(&temporary, &mut options)?
                }
                opened => opened?,
            };
            match content {
                Content::Bytes(bytes) => file.write_all(&bytes)?,
                Content::File(from) => drop(io::copy(&mut File::open(from)?, &mut file)?),
            }
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            path.parent().map_or(Ok(()), sync_folder)
        })
        .await
        .doing("write a blob")
    }

    /// Writes parts, one after the other; `false` when one is missing.
    pub(super) async fn put_parts(
        &self,
        key: &str,
        parts: impl Stream<Item = Result<Option<Bytes>, Fault>>,
    ) -> Result<bool, Fault> {
        const DOING: &str = "write a blob";
        let path = self.path(key);
        let temporary = partial(&path);
        let created = blocking({
            let temporary = temporary.clone();
            move || {
                let mut options = OpenOptions::new();
                open_regular(&temporary, options.write(true).create(true).truncate(true))
            }
        });
        let mut file = tokio::fs::File::from_std(created.await.doing(DOING)?);
        let mut parts = pin!(parts);
        while let Some(part) = parts.try_next().await? {
            let Some(part) = part else {
                blocking(move || fs::remove_file(temporary)).await.doing(DOING)?;
                return Ok(false);
            };
            file.write_all(&part).await.doing(DOING)?;
        }
        file.flush().await.doing(DOING)?;
        file.sync_all().await.doing(DOING)?;
        let rename = move || {
            fs::rename(&temporary, &path)?;
            path.parent().map_or(Ok(()), sync_folder)
        };
        blocking(rename).await.doing(DOING)?;
        Ok(true)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        let paths = self.paths(key);
        let read = blocking(move || {
            let Some(mut file) = open(&paths)? else { return Ok(None) };
            let mut bytes = Vec::with_capacity(file.metadata()?.len() as usize);
            file.read_to_end(&mut bytes)?;
            Ok(Some(bytes.into()))
        });
        read.await.doing("read a blob")
    }

    pub(super) async fn length(&self, key: &str) -> Result<Option<u64>, Fault> {
        Ok(self.file(key).await?.map(|(_, length)| length))
    }

    /// The blob's file and its length in bytes; `None` when it does not exist.
    pub(super) async fn file(&self, key: &str) -> Result<Option<(File, u64)>, Fault> {
        let paths = self.paths(key);
        let opened = blocking(move || {
            let Some(file) = open(&paths)? else { return Ok(None) };
            let length = file.metadata()?.len();
            Ok(Some((file, length)))
        });
        opened.await.doing("open a blob")
    }

    pub(super) async fn stream(&self, key: &str, range: Range<u64>) -> Result<Option<Body>, Fault> {
        let Some((file, _)) = self.file(key).await? else { return Ok(None) };
        let mut file = tokio::fs::File::from_std(file);
        file.seek(SeekFrom::Start(range.start)).await.doing("open a blob")?;
        Ok(Some(Box::pin(file.take(range.end - range.start))))
    }

    /// The file at `name`, which may be relative to the root.
    pub(super) async fn foreign(&self, name: &str) -> Result<Option<ForeignBlob>, Fault> {
        const DOING: &str = "look at a file";
        let (root, path) = (self.root.clone(), self.root.join(name));
        let real = move || Ok((root.canonicalize()?, path.canonicalize()?));
        let real = blocking(move || found(real()));
        let Some((root, path)) = real.await.doing(DOING)? else { return Ok(None) };
        if KINDS.iter().any(|kind| path.starts_with(root.join(kind))) {
            return Err(Fault::new(DOING, "it belongs to an image already"));
        }
        let Some(name) = path.to_str().map(str::to_owned) else {
            return Err(Fault::new(DOING, "its path is not UTF-8"));
        };
        let look = move || {
            let opened = found(open_regular(&path, OpenOptions::new().read(true)))?;
            let Some(file) = opened.map(|file| file.metadata()).transpose()? else {
                return Ok(None);
            };
            let changed = (file.ino(), file.mtime(), file.mtime_nsec(), file.ctime(), file.len());
            Ok(Some(ForeignBlob { name, length: file.len(), version: format!("{changed:?}") }))
        };
        blocking(look).await.doing(DOING)
    }

    pub(super) async fn adopt(&self, from: &ForeignBlob, key: &str) -> Result<bool, Fault> {
        self.put(key, Content::File(self.root.join(&from.name))).await?;
        Ok(self.foreign(&from.name).await?.as_ref() == Some(from))
    }

    /// Makes a file of the first bytes of others, one after the other; `false` when one is missing.
    pub(super) async fn join(&self, parts: Vec<(String, u64)>, key: &str) -> Result<bool, Fault> {
        let parts: Vec<_> = parts.iter().map(|(part, bytes)| (self.path(part), *bytes)).collect();
        let path = self.path(key);
        blocking(move || {
            let temporary = partial(&path);
            let mut options = OpenOptions::new();
            let mut file =
                open_regular(&temporary, options.write(true).create(true).truncate(true))?;
            for (part, bytes) in parts {
                let part = found(open_regular(&part, OpenOptions::new().read(true)))?;
                let Some(part) = part else { return Ok(false) };
                if io::copy(&mut part.take(bytes), &mut file)? != bytes {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
            }
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            path.parent().map_or(Ok(()), sync_folder)?;
            Ok(true)
        })
        .await
        .doing("join the parts of a blob")
    }

    /// Gives a file, which is never changed, another name, or copies it where that cannot be.
    pub(super) async fn copy(&self, from: &str, key: &str) -> Result<(), Fault> {
        let (from, path) = (self.path(from), self.path(key));
        let link = {
            let from = from.clone();
            move || {
                fs::hard_link(from, &path)?;
                path.parent().map_or(Ok(()), sync_folder)
            }
        };
        match blocking(link).await {
            Ok(()) => Ok(()),
            Err(_) => self.put(key, Content::File(from)).await,
        }
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), Fault> {
        let (paths, root) = (self.paths(key), self.root.clone());
        blocking(move || {
            let [path, earlier] = &paths;
            found(fs::remove_file(partial(path)))?;
            found(fs::remove_file(path))?;
            found(fs::remove_file(earlier.with_extension("partial")))?;
            found(fs::remove_file(earlier))?;
            // removes its folders that are empty now; stops at the first that is not
            let is_own = |folder: &&Path| folder.parent().is_some_and(|parent| parent != &*root);
            for folder in earlier.ancestors().skip(1).take_while(is_own) {
                if fs::remove_dir(folder).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await
        .doing("delete a blob")
    }

    /// Keys come from [`super::original_key`] and [`super::render_key`]: never `..`.
    fn path(&self, key: &str) -> PathBuf {
        let mut parts = key.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(kind), Some(id), Some(attempt), None) if KINDS.contains(&kind) => {
                let digit = &id[id.floor_char_boundary(id.len().saturating_sub(1))..];
                self.root.join(kind).join(digit).join(format!("{id}.{attempt}"))
            }
            _ => self.root.join(key),
        }
    }

    /// Where the blob is, or else where an earlier version put it.
    fn paths(&self, key: &str) -> [PathBuf; 2] {
        [self.path(key), self.root.join(key)]
    }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Opens the first of the files that exists.
fn open(paths: &[PathBuf]) -> io::Result<Option<File>> {
    for path in paths {
        if let Some(file) = found(open_regular(path, OpenOptions::new().read(true)))? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Creates the folders in `root` that are missing, and syncs all of them: a crash may have come
/// before an earlier sync.
fn create_layout(root: &Path) -> io::Result<()> {
    for kind in KINDS.map(|kind| root.join(kind)) {
        create_if_missing(&kind)?;
        for digit in 0..FAN_OUT {
            create_if_missing(&kind.join(format!("{digit:x}")))?;
        }
        sync_folder(&kind)?;
    }
    sync_folder(root)
}

fn create_if_missing(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(err) if err.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => created,
    }
}

/// Checks that a file can be written in `folder`, with a temporary one.
///
/// # Errors
/// The folder does not exist or cannot be written, or its disk is full.
pub(crate) async fn check_writable(folder: &Path) -> io::Result<()> {
    let folder = folder.to_owned();
    blocking(move || tempfile::tempfile_in(&folder)?.write_all(&[0; 4096])).await
}

/// Creates `folder` with its parents, and syncs each new folder into its parent.
fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_folder(parent)?;
    create_if_missing(folder)?;
    sync_folder(parent)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}
