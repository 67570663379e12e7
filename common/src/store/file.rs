//! Blobs as files in a folder: written beside, synced, renamed, folder synced.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tokio::{io::AsyncReadExt, task::spawn_blocking};

use super::{Body, Content};
use crate::fault::{Doing, Fault, at};

/// How often a put begins again because deletions take its folders away.
const MAX_TRIES: u32 = 1_000;

/// A folder of blobs.
#[derive(Clone)]
pub struct Files {
    root: Arc<Path>,
}

impl Files {
    pub(super) async fn open(root: PathBuf) -> Result<Self, Fault> {
        let files = Files { root: root.into() };
        let root = files.root.clone();
        blocking(move || at(&root, make_folder(&root)))
            .await
            .doing("make the blob folder (STORE_URL)")?;
        Ok(files)
    }

    pub(super) async fn check(&self) -> Result<(), Fault> {
        has_room(&self.root).await.doing("write to the blob folder")
    }

    pub(super) async fn put(&self, key: &str, content: Content) -> Result<(), Fault> {
        let path = self.path(key);
        let root = self.root.clone();
        blocking(move || {
            // A crash leaves this file behind under a name that belongs to the key: whoever deletes
            // the key deletes it too.
            let beside = partial(&path);
            let mut file = create(&beside)?;
            match content {
                Content::Bytes(bytes) => file.write_all(&bytes)?,
                Content::File(from) => drop(io::copy(&mut File::open(from)?, &mut file)?),
            }
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            // All the way up: a folder may be another writer's, who has not synced it yet.
            path.ancestors()
                .skip(1)
                .take_while(|up| up.starts_with(&root))
                .try_for_each(sync_folder)
        })
        .await
        .doing("write a blob")
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        found(tokio::fs::read(self.path(key)).await.map(Bytes::from)).doing("read a blob")
    }

    pub(super) async fn length(&self, key: &str) -> Result<Option<u64>, Fault> {
        let file = tokio::fs::metadata(self.path(key)).await;
        found(file.map(|file| file.len())).doing("look at a blob")
    }

    pub(super) async fn stream(&self, key: &str, range: Range<u64>) -> Result<Option<Body>, Fault> {
        let path = self.path(key);
        let opened = blocking(move || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(range.start))?;
            Ok((file, range.end - range.start))
        });
        let opened = found(opened.await).doing("open a blob")?;
        Ok(opened
            .map(|(file, len)| -> Body { Box::pin(tokio::fs::File::from_std(file).take(len)) }))
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), Fault> {
        let path = self.path(key);
        let root = self.root.clone();
        blocking(move || {
            for file in [partial(&path), path.clone()] {
                found(fs::remove_file(file))?;
            }
            // Empty folders go with their last blob; the first that is not empty ends the walk.
            for folder in path.ancestors().skip(1).take_while(|folder| **folder != *root) {
                if fs::remove_dir(folder).is_err() {
                    break;
                }
            }
            Ok(())
        })
        .await
        .doing("delete a blob")
    }

    /// Keys are made by the store alone: segments of ids, digits and hex, never `..`.
    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }
}

fn partial(path: &Path) -> PathBuf {
    path.with_extension("partial")
}

/// Writes a little, and takes it away again.
///
/// # Errors
/// The folder is away, may not be written, or its disk is full.
pub(crate) async fn has_room(folder: &Path) -> io::Result<()> {
    let folder = folder.to_owned();
    blocking(move || tempfile::tempfile_in(&folder)?.write_all(&[0; 4096])).await
}

/// Makes a file, and its folders where they are missing.
fn create(path: &Path) -> io::Result<File> {
    let mut tries = 0;
    loop {
        let made =
            path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| File::create(path));
        match made {
            // Another blob's deletion took an empty folder away between the steps.
            Err(err)
                if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
                    && tries < MAX_TRIES =>
            {
                tries += 1;
            }
            made => return made,
        }
    }
}

/// Makes `folder` with its parents, each synced into the one above it.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    make_folder(parent)?;
    match fs::create_dir(folder) {
        Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
        made => made?,
    }
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
