//! Takes an image in: header check, intent, blob, then one commit that makes image and job.

use std::{fs::File, io::BufReader, time::Duration};

use tokio::task::spawn_blocking;

use super::{Pipeline, Spooled};
use crate::{
    catalog::{Intent, Upload},
    crash,
    fault::{Doing, Fault},
    image::{Facts, Image, Layout},
    job::JobId,
    store::{Content, original_key},
};

/// How long, and how far apart, the row is read again when the answer to a commit was lost.
const LOOK_FOR: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Why an upload was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// No bytes at all.
    #[error("the upload is empty: send the image's bytes")]
    Empty,
    /// More bytes than `MAX_UPLOAD_BYTES`.
    #[error("the upload is larger than {max} bytes, the most that this service takes")]
    TooLarge {
        /// The limit.
        max: u64,
    },
    /// The disk has less than `SPOOL_FREE_BYTES` left.
    #[error("there is no room for uploads at the moment: try again later, or tell the operator")]
    NoRoom,
    /// The engine does not know, or does not want, what came.
    #[error(transparent)]
    Image(asciify::Error),
    /// The idempotency key belongs to an image with other bytes.
    #[error("this Idempotency-Key was used for another upload: a new upload needs a new key")]
    KeyReused,
    /// The idempotency key belongs to an upload that is still running.
    #[error("an upload with this Idempotency-Key is still running: try again in a moment")]
    KeyBusy,
    /// Ours.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// An upload that is an image now.
#[derive(Debug)]
pub struct Submitted {
    /// The image.
    pub image: Image,
    /// `false` when an earlier upload with the same idempotency key made it.
    pub created: bool,
}

impl Pipeline {
    /// Stores an upload and has it rendered. When this returns `Ok`, the original is in the store
    /// and image and job are committed; a failed upload leaves nothing that is not swept later.
    ///
    /// Goes on to the end even when the caller is dropped, so that nothing stays half done.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub async fn submit(
        &self,
        upload: Spooled,
        name: Option<String>,
        key: Option<String>,
        trace: Option<String>,
    ) -> Result<Submitted, SubmitError> {
        let (upload, header) = self.look_at(upload).await?;
        let facts = Facts {
            name,
            media_type: header.format.media_type().to_owned(),
            bytes: upload.bytes,
            width: header.width,
            height: header.height,
            frames: header.frames,
            layout: Some(Layout {
                bands: header.bands,
                bit_depth: header.bit_depth,
                orientation: header.orientation,
            }),
            sha256: upload.sha256.clone(),
        };
        let pipeline = self.clone();
        let to_the_end = async move { pipeline.take(upload, facts, key, trace).await };
        tokio::spawn(to_the_end).await.doing("store an upload")?
    }

    async fn look_at(&self, upload: Spooled) -> Result<(Spooled, asciify::Header), SubmitError> {
        let limits = self.config().limits.clone();
        let look = move || {
            let file = File::open(upload.path()).doing("open a spooled upload")?;
            let header = asciify::probe(BufReader::new(file), &limits);
            match header.and_then(|header| header.check_whole().map(|()| header)) {
                Err(asciify::Error::Read(err)) => {
                    Err(Fault::new("read a spooled upload", err).into())
                }
                Err(verdict) => Err(SubmitError::Image(verdict)),
                Ok(header) => Ok((upload, header)),
            }
        };
        match spawn_blocking(look).await {
            Ok(looked) => looked,
            // the header alone made a decoder panic
            Err(_) => Err(SubmitError::Image(asciify::Error::Malformed("broken header".into()))),
        }
    }

    async fn take(
        &self,
        upload: Spooled,
        facts: Facts,
        key: Option<String>,
        trace: Option<String>,
    ) -> Result<Submitted, SubmitError> {
        let lease = self.config().upload_lease;
        let ours = match self.catalog().begin_upload(&facts, key.as_deref(), lease).await? {
            Intent::Ours(ours) => ours,
            Intent::Running => return Err(SubmitError::KeyBusy),
            Intent::Stored(image) if image.facts.sha256 == facts.sha256 => {
                return Ok(Submitted { image, created: false });
            }
            Intent::Stored(_) => return Err(SubmitError::KeyReused),
        };
        crash::point("upload: intent");
        let blob = original_key(ours.image, ours.attempt);
        if let Err(fault) = self.put_original(&upload, &blob).await {
            // if this fails too, the janitor comes later
            let _ = self.catalog().abandon_upload(&ours, &blob).await;
            return Err(fault.into());
        }
        crash::point("upload: put");
        let job = JobId::fresh();
        let image = self.commit(&ours, &blob, job).await?;
        crash::point("upload: commit");
        self.queue().ring(job, trace);
        self.queue().tell();
        Ok(Submitted { image, created: true })
    }

    async fn put_original(&self, upload: &Spooled, blob: &str) -> Result<(), Fault> {
        self.catalog().promise(&[blob.to_owned()], self.config().blob_grace).await?;
        let put = self.store().put(blob, Content::File(upload.path().to_owned()));
        tokio::time::timeout(self.config().upload_lease, put).await.doing("store in time")?
    }

    async fn commit(&self, ours: &Upload, blob: &str, job: JobId) -> Result<Image, Fault> {
        match self.catalog().commit_upload(ours, blob, job, self.config().engine).await {
            Ok(Some(image)) => Ok(image),
            Ok(None) => {
                self.catalog().break_promise(&[blob.to_owned()]).await?;
                Err(Fault::new("commit an upload", "it took so long that it was given up"))
            }
            Err(lost) => self.look_again(ours, lost).await,
        }
    }

    /// The answer to the commit was lost: the row knows. Where it cannot be read either, nothing is
    /// deleted, since the commit may have happened.
    async fn look_again(&self, ours: &Upload, lost: Fault) -> Result<Image, Fault> {
        let look = async {
            loop {
                tokio::time::sleep(LOOK_AGAIN).await;
                match self.catalog().image(ours.image).await {
                    Ok(Some(image)) if image.attempt == ours.attempt => return Some(image),
                    Ok(_) => return None,
                    Err(_) => {}
                }
            }
        };
        let found = tokio::time::timeout(LOOK_FOR, look).await.unwrap_or(None);
        found.ok_or(lost)
    }
}
