//! Adopts an object that is in the bucket already, or a file of this machine: it becomes an image, as
//! if it had been uploaded. What is adopted stays where it is.

use asciify::Limits;
use futures_util::future::BoxFuture;

use super::{
    probe::{hash, probe},
    submit::{Submitted, commit, metadata},
    submit_error::SubmitError,
};
use crate::{
    catalog::{Catalog, Intent},
    fault::Fault,
    job::JobId,
    periods::Periods,
    render::sha256_hex,
    store::{Readers, Store, original_key},
};

/// Memory for the parts of an object that are read, in bytes.
const READERS_BYTES: u64 = 32 << 20;

/// What is adopted, and into which installation.
pub struct Adoption<'a> {
    /// Its catalog.
    pub catalog: &'a Catalog,
    /// Its store.
    pub store: &'a Store,
    /// What it decodes at most.
    pub limits: &'a Limits,
    /// Its periods.
    pub periods: &'a Periods,
    /// The name of the object, or the path of the file, from the store's folder if it is relative.
    pub object: &'a str,
    /// The name of the image.
    pub name: Option<String>,
}

/// Why an object is not adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// There is none of that name.
    #[error(
        "there is no {0}: expected the name of an object as the bucket has it, without s3:// and \
         the bucket, or the path of a file, if the store is a folder"
    )]
    Missing(String),
    /// It was written meanwhile.
    #[error("it changed while it was copied: repeat the command once it is complete")]
    Changed,
    /// It is no image, or one beyond a limit.
    #[error(transparent)]
    Refused(SubmitError),
    /// The service failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<SubmitError> for AdoptError {
    fn from(err: SubmitError) -> Self {
        match err {
            SubmitError::Fault(fault) => AdoptError::Fault(fault),
            refusal => AdoptError::Refused(refusal),
        }
    }
}

/// Makes an image of an object. It has no owner. If it was adopted before, with the same bytes, and
/// the image exists, this is the image.
///
/// # Errors
/// See [`AdoptError`]. What was copied is swept later.
pub fn adopt_object(adoption: Adoption<'_>) -> BoxFuture<'_, Result<Submitted, AdoptError>> {
    Box::pin(async move {
        let Adoption { catalog, store, limits, periods, object, name } = adoption;
        let missing = || AdoptError::Missing(object.to_owned());
        let from = store.foreign(object).await?.ok_or_else(missing)?;
        if from.length == 0 {
            return Err(AdoptError::Refused(SubmitError::Empty));
        }
        let readers = Readers::new(store.clone(), READERS_BYTES);
        let header = probe(&readers, &from.name, from.length, limits).await?.ok_or_else(missing)?;
        let sha256 = hash(store, &from.name, 0..from.length).await?.ok_or_else(missing)?;
        let key = sha256_hex(format!("adopt-object {object} {sha256}").as_bytes());
        let metadata = metadata(header, name, from.length, sha256);
        let begun = catalog.begin_upload(None, &metadata, Some(&key), periods.upload()).await?;
        let begun = match begun {
            Intent::Acquired(begun) => begun,
            Intent::InProgress => return Err(AdoptError::Refused(SubmitError::KeyBusy)),
            Intent::NoOwner => return Err(AdoptError::Refused(SubmitError::NoOwner)),
            Intent::Stored(image) => return Ok(Submitted { image, created: false }),
        };
        let blob = original_key(begun.image, begun.attempt);
        catalog.reserve_blobs(std::slice::from_ref(&blob), periods.reservation()).await?;
        let copied = store.adopt(&from, &blob).await;
        if !matches!(copied, Ok(true)) {
            // if this fails too, the janitor cleans up later
            let _ = catalog.abandon_upload(&begun, &blob).await;
        }
        if !copied? {
            return Err(AdoptError::Changed);
        }
        let engine = asciify::ENGINE_VERSION;
        let image = commit(catalog, &begun, &blob, JobId::generate(), None, engine).await?;
        Ok(Submitted { image, created: true })
    })
}
