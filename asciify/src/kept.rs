//! What later draws of a file need again: which values of the whole picture are black and white. To find
//! them, all of it may have to be decoded.

use std::cell::RefCell;

use crate::cancellation::Cancellation;
use crate::spec::Spec;

/// How many answers are kept.
const MOST: usize = 32;

/// Black and white of each band; `None` for those of the type.
pub(crate) type Ranges = Option<Vec<(f64, f64)>>;

/// Statistics of one file, which must not change meanwhile: see [`render_keeping`](crate::render_keeping).
#[derive(Debug, Default)]
pub struct KeptStatistics(RefCell<Vec<((Question, Spec), Ranges)>>);

/// What is asked about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Which values are black and white.
    Ranges,
    /// Whether a small range is used.
    UsedRange,
}

/// The answers that a draw may use.
#[derive(Clone, Copy)]
pub(crate) struct Answers<'a> {
    /// `None` for a file that is drawn once.
    pub(crate) kept: Option<&'a KeptStatistics>,
    pub(crate) cancellation: &'a Cancellation<'a>,
}

impl Answers<'_> {
    /// The answer for the whole picture, as a spec shows it, which `find` finds the first time. One that is
    /// found while the caller cancels is not kept: it may be of a part of the picture.
    ///
    /// # Errors
    /// What `find` returns.
    pub(crate) fn get<E>(
        self,
        question: Question,
        spec: &Spec,
        find: impl FnOnce() -> Result<Ranges, E>,
    ) -> Result<Ranges, E> {
        let Some(KeptStatistics(all)) = self.kept else { return find() };
        let question = (question, spec.for_percentiles());
        if let Some((_, known)) = all.borrow().iter().find(|(asked, _)| *asked == question) {
            return Ok(known.clone());
        }
        let found = find()?;
        if !self.cancellation.is_cancelled() {
            let mut all = all.borrow_mut();
            if all.len() == MOST {
                all.remove(0);
            }
            all.push((question, found.clone()));
        }
        Ok(found)
    }
}
