//! The verdict on a job, from how its render ended.

use common::pipeline::{DrawError, RenderError, Rendered};

/// What to do with the job's row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The render ended it already.
    Done,
    /// It is not ours any more: leave it alone.
    Gone,
    /// Put it off. `refund`: the strike is taken back, since the image is not to blame.
    Retry { refund: bool, why: String },
    /// Give it up.
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

    /// The label of the outcome in the metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Verdict::Done => "done",
            Verdict::Gone => "gone",
            Verdict::Retry { .. } => "retry",
            Verdict::Dead { .. } => "dead",
        }
    }
}
