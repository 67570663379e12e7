//! How the model prints what is in its world.

use std::fmt;

use super::world::{Blob, JobId, Request};

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}e{}", self.image, self.engine)?;
        if self.made > 0 { write!(f, " (made again)") } else { Ok(()) }
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blob::Original { image, attempt } => write!(f, "originals/{image}/{attempt}"),
            Blob::Render { job, attempt } => write!(f, "renders/{job}/{attempt}"),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Request as R;
        match self {
            R::InsertIntent => write!(f, "insert the intent"),
            R::TakeOver => write!(f, "take over the upload"),
            R::FindKey => write!(f, "find the key"),
            R::RereadUpload { image, attempt } => write!(f, "re-read upload {image}.{attempt}"),
            R::CommitUpload { image, attempt } => write!(f, "commit upload {image}.{attempt}"),
            R::AbandonUpload { image, attempt } => write!(f, "abandon upload {image}.{attempt}"),
            R::ReserveBlob(blob) => write!(f, "reserve {blob}"),
            R::ReleaseBlob(blob) => write!(f, "release {blob}"),
            R::Put { blob, writer } => write!(f, "put {blob} (writer {writer})"),
            R::Delete(blob) => write!(f, "delete {blob}"),
            R::NoteSwept { blob, .. } => write!(f, "note that {blob} was swept"),
            R::Claim(job) => write!(f, "claim job {job}"),
            R::ClaimDue(engine) => write!(f, "claim a due job of engine {engine}"),
            R::ReadJob(job) => write!(f, "read the image of job {job}"),
            R::Load { image, .. } => write!(f, "load the original of image {image}"),
            R::Finish { job, claim, .. } => write!(f, "finish job {job} as {}", claim.attempt),
            R::DoneBy { job, claim } => write!(f, "re-read job {job} as {}", claim.attempt),
            R::RetryJob { job, claim } => write!(f, "reschedule job {job} as {}", claim.attempt),
            R::ReleaseJob { job, claim } => write!(f, "release job {job} as {}", claim.attempt),
            R::RemoveImage(image) => write!(f, "remove image {image}"),
            R::StepBackfill { token, .. } => write!(f, "step the backfill as leader {token}"),
        }
    }
}
