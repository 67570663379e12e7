//! The verdict on a job, from how its render ended.

use std::time::Duration;

use common::{
    jitter::jitter,
    job::{Claim, JobError},
    pipeline::{Conclusion, DrawError, RenderError, Rendered},
};

/// How long the job of a large image is not due after others came first; so much longer for each
/// [`POSTPONED_TOGETHER`] that were postponed before it. So few of them are claimed in a second, in
/// their order.
const POSTPONEMENT: Duration = Duration::from_millis(500);
const POSTPONED_TOGETHER: u32 = 8;
const MAX_POSTPONEMENT: Duration = Duration::from_secs(30);

/// Whether the service failed, as it would with other jobs too. A missing original is a failure of
/// its job alone.
pub(crate) fn is_fault(outcome: &Result<Rendered, RenderError>) -> bool {
    matches!(outcome, Err(RenderError::Fault(_) | RenderError::Draw(DrawError::Fault(_))))
}

/// What to do with the job's row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The render is stored and the job is done.
    Done,
    /// The claim was lost, or the image deleted: nothing to do.
    Gone,
    /// Try again later. `refund`: the strike is taken back, since the image did not cause the
    /// failure.
    Retry { refund: bool, why: String },
    /// Other large images come first: try again soon.
    Postponed { before: u32 },
    /// Discard it.
    Dead { why: String },
}

impl Verdict {
    pub(crate) fn on(outcome: &Result<Rendered, RenderError>) -> Self {
        let err = match outcome {
            Ok(_) => return Verdict::Done,
            Err(err) => err,
        };
        let why = err.to_string();
        match err {
            RenderError::Fenced => Verdict::Gone,
            RenderError::Postponed { before } => Verdict::Postponed { before: *before },
            RenderError::Fault(_) => Verdict::Retry { refund: true, why },
            RenderError::Draw(draw) => match draw {
                DrawError::Busy | DrawError::OriginalMissing | DrawError::Fault(_) => {
                    Verdict::Retry { refund: true, why }
                }
                DrawError::TooSlow { .. } | DrawError::Crashed => {
                    Verdict::Retry { refund: false, why }
                }
                DrawError::Image(_) => Verdict::Dead { why },
                DrawError::Deleted => Verdict::Gone,
            },
        }
    }

    /// What to record on the job. `backoff` returns the time before a retry, from the number of
    /// failures so far: of the service, or of the image.
    pub(crate) fn conclusion(
        &self,
        claim: &Claim,
        backoff: impl Fn(i32) -> Duration,
    ) -> Option<Conclusion> {
        match self {
            Verdict::Done | Verdict::Gone => None,
            Verdict::Retry { refund, why } => {
                let (refund, why) = (*refund, why.clone());
                let failures = if refund { claim.faults + 1 } else { claim.strikes };
                let reason = if refund { JobError::Service(why) } else { JobError::Image(why) };
                Some(Conclusion::Retry { wait: backoff(failures), refund, reason: Some(reason) })
            }
            Verdict::Postponed { before } => {
                let turns = 1 + before / POSTPONED_TOGETHER;
                let wait = jitter((POSTPONEMENT * turns).min(MAX_POSTPONEMENT));
                Some(Conclusion::Retry { wait, refund: true, reason: None })
            }
            Verdict::Dead { why } => Some(Conclusion::Discard { reason: why.clone() }),
        }
    }

    /// The label of the outcome in the metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Verdict::Done => "done",
            Verdict::Gone => "gone",
            Verdict::Retry { .. } => "retry",
            Verdict::Postponed { .. } => "postponed",
            Verdict::Dead { .. } => "dead",
        }
    }
}
