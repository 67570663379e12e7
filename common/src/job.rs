//! A job: renders one image with one engine version, in every preset.

use std::fmt;

use uuid::Uuid;

use crate::{
    image::{ImageId, Millis, Status},
    trace::TraceContext,
};

/// The id of a job (UUID version 7, RFC 9562).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobId(pub Uuid);

impl JobId {
    /// A new id.
    pub fn generate() -> Self {
        JobId(Uuid::now_v7())
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which jobs are claimed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Jobs of images that no engine has rendered or given up: uploads and their retries.
    Fresh,
    /// Jobs of other images, after a change of the engine or the presets. They get what fresh jobs
    /// leave.
    Backfill,
}

/// A job that is to be recorded.
#[derive(Debug, Clone, Copy)]
pub struct NewJob {
    /// The job.
    pub id: JobId,
    /// The image to render.
    pub image: ImageId,
    /// Its lane.
    pub lane: Lane,
    /// The span that publishes the job.
    pub trace: Option<TraceContext>,
}

/// A claim on a job. It is valid while the job's row has this `attempt`, which is the fencing token
/// that every later write carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The job.
    pub job: JobId,
    /// The image to render.
    pub image: ImageId,
    /// How often the job was claimed, including this claim.
    pub attempt: i32,
    /// How many claims count against the job, including this one, which counts once its render
    /// begins. A claim that fails because of the service is refunded. With `MAX_STRIKES`, the job is
    /// discarded.
    pub strikes: i32,
    /// How often in a row the job was postponed because the service failed, before this claim.
    pub faults: i32,
    /// Its lane.
    pub lane: Lane,
    /// The span that published the job.
    pub trace: Option<TraceContext>,
}

/// The state of a job. A running job is pending, with a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Due, running or scheduled for later.
    Pending,
    /// Every preset that was configured at its time is stored.
    Done,
    /// Discarded; an operator may retry it.
    Dead,
}

/// A job, as its row describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The job.
    pub id: JobId,
    /// The image.
    pub image: ImageId,
    /// The engine version.
    pub engine: u32,
    /// Its state.
    pub state: JobState,
    /// How often it was claimed.
    pub attempts: i32,
    /// Why the last attempt failed.
    pub error: Option<JobError>,
    /// When it was last done. It may be pending again since then, for new presets.
    pub done_at: Option<Millis>,
}

/// Why an attempt at a job failed. Its `Display` is the text for operators, which the job's row
/// keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobError {
    /// The image cannot be rendered.
    Image(String),
    /// The service failed. Readers do not see the reason.
    Service(String),
}

/// The start of the row's text for [`JobError::Service`].
pub(crate) const SERVICE_FAILURE: &str = "service failure: ";

impl JobError {
    /// The text for the readers of the image.
    pub fn for_readers(&self) -> &str {
        match self {
            JobError::Image(reason) => reason,
            JobError::Service(_) => {
                "the service could not read or store what belongs to this image; rendering is \
                 tried again"
            }
        }
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JobError::Image(reason) => f.write_str(reason),
            JobError::Service(reason) => write!(f, "{SERVICE_FAILURE}{reason}"),
        }
    }
}

impl From<String> for JobError {
    /// From the text of the job's row.
    fn from(text: String) -> Self {
        match text.strip_prefix(SERVICE_FAILURE) {
            Some(reason) => JobError::Service(reason.to_owned()),
            None => JobError::Image(text),
        }
    }
}

/// The status of an image, from its jobs, newest engine version first. It is ready once any engine
/// version has rendered it, since stored renders are served until newer ones exist.
pub fn status(jobs: &[Job]) -> Status {
    if jobs.iter().any(|job| job.done_at.is_some()) {
        return Status::Ready;
    }
    match jobs.first() {
        Some(job) if job.state == JobState::Dead => {
            let reason = job.error.as_ref().map_or("no reason was recorded", JobError::for_readers);
            Status::Failed(reason.to_owned())
        }
        _ => Status::Pending,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_see_reasons_about_the_image_only() {
        for (error, is_shown) in [
            (JobError::Image("the decoder crashed on this image".into()), true),
            (JobError::Service("could not read: Is a directory (os error 21)".into()), false),
        ] {
            let row = error.to_string();
            let reason = row.strip_prefix(SERVICE_FAILURE).unwrap_or(&row);
            assert_eq!(error.for_readers() == reason, is_shown, "{row}");
            assert_eq!(JobError::from(row.clone()), error);
            let job = Job {
                id: JobId::generate(),
                image: ImageId::generate(Millis(0)),
                engine: 1,
                state: JobState::Dead,
                attempts: 1,
                error: Some(error.clone()),
                done_at: None,
            };
            assert_eq!(status(&[job]), Status::Failed(error.for_readers().to_owned()));
        }
    }
}
