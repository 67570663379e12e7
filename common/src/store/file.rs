//! Blobs as files in a folder. A file is written under a temporary name, synced and renamed, then
//! its folders are synced.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use tokio::{io::AsyncReadExt, task::spawn_blocking};

use super::{Body, Content};
use crate::{
    fault::{Doing, Fault, at},
    regular_file::open_regular,
};

/// How often a put is retried because a deletion removed its folders.
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
        blocking(move || at(&root, create_folder(&root)))
            .await
            .doing("create the blob folder (STORE_URL)")?;
        Ok(files)
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
            let mut file = create(&temporary)?;
            match content {
                Content::Bytes(bytes) => file.write_all(&bytes)?,
                Content::File(from) => drop(io::copy(&mut File::open(from)?, &mut file)?),
            }
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            // Up to the root: another writer may have created a folder and not synced it yet.
            path.ancestors()
                .skip(1)
                .take_while(|up| up.starts_with(&root))
                .try_for_each(sync_folder)
        })
        .await
        .doing("write a blob")
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        let path = self.path(key);
        let read = blocking(move || {
            let mut bytes = Vec::new();
            open(&path)?.read_to_end(&mut bytes)?;
            Ok(bytes.into())
        });
        found(read.await).doing("read a blob")
    }

    pub(super) async fn length(&self, key: &str) -> Result<Option<u64>, Fault> {
        let path = self.path(key);
        let length = blocking(move || Ok(open(&path)?.metadata()?.len()));
        found(length.await).doing("get the length of a blob")
    }

    pub(super) async fn stream(&self, key: &str, range: Range<u64>) -> Result<Option<Body>, Fault> {
        let path = self.path(key);
        let opened = blocking(move || {
            let mut file = open(&path)?;
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
            // removes the folders that are empty now; stops at the first that is not
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

    /// Keys come from [`super::original_key`] and [`super::render_key`]: never `..`.
    fn path(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }
}

fn partial(path: &Path) -> PathBuf {
    path.with_extension("partial")
}

/// Checks that a file can be written in `folder`, with a temporary one.
///
/// # Errors
/// The folder does not exist or cannot be written, or its disk is full.
pub(crate) async fn check_writable(folder: &Path) -> io::Result<()> {
    let folder = folder.to_owned();
    blocking(move || tempfile::tempfile_in(&folder)?.write_all(&[0; 4096])).await
}

/// Opens a blob for reading.
fn open(path: &Path) -> io::Result<File> {
    open_regular(path, OpenOptions::new().read(true))
}

/// Creates a file, and its missing folders.
fn create(path: &Path) -> io::Result<File> {
    let mut tries = 0;
    loop {
        let options = &mut OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let created = folder.and_then(|()| open_regular(path, options));
        match created {
            // a deletion of another blob removed an empty folder between the two steps
            Err(err)
                if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
                    && tries < MAX_TRIES =>
            {
                tries += 1;
            }
            created => return created,
        }
    }
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
    match fs::create_dir(folder) {
        Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
        created => created?,
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
