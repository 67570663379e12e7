//! A job: one image to be rendered by one engine version, in every preset.

use std::fmt;

use uuid::Uuid;

use crate::image::{ImageId, Millis, Status};

/// The name of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobId(pub Uuid);

impl JobId {
    /// A new id.
    pub fn fresh() -> Self {
        JobId(Uuid::now_v7())
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job that was claimed. The claim is good as long as `attempt` is the row's: it is the fencing
/// token that every later write carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The job.
    pub job: JobId,
    /// The image to render.
    pub image: ImageId,
    /// How often the job was claimed, this time included.
    pub attempt: i32,
    /// How often it was claimed without an end that was not its fault, this time included.
    pub strikes: i32,
}

/// The states that a job row knows; "running" is pending with a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// To be done.
    Pending,
    /// Every preset of its time is stored.
    Done,
    /// Given up; an operator may retry it.
    Dead,
}

/// A job as readers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The job.
    pub id: JobId,
    /// The image.
    pub image: ImageId,
    /// The engine version that it renders with.
    pub engine: u32,
    /// Where it stands.
    pub state: JobState,
    /// How often it was claimed.
    pub attempts: i32,
    /// Why the last attempt failed.
    pub error: Option<String>,
    /// When it was last done, also while it is pending again for new presets.
    pub done_at: Option<Millis>,
}

/// Where an image stands, from its jobs, newest engine first: ready once any engine rendered it,
/// since the stored renders are served until newer ones are there.
pub fn status(jobs: &[Job]) -> Status {
    if jobs.iter().any(|job| job.done_at.is_some()) {
        return Status::Ready;
    }
    match jobs.first() {
        Some(job) if job.state == JobState::Dead => {
            Status::Failed(job.error.clone().unwrap_or_else(|| "no reason was recorded".into()))
        }
        _ => Status::Pending,
    }
}
