//! A memory limit for all responses together, since clients may read slowly.
//!
//! Responses reserve the memory that they take while they are written and sent, pages and JSON
//! once they are complete, and return it as their bytes are sent. Half of the budget only serves
//! small responses: large ones that clients read slowly cannot use it up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::{
    body::{HttpBody, to_bytes},
    response::{IntoResponse, Response},
};
use bytes::Bytes;

use crate::problem::{BUSY, OVER_LIMIT, Problem};

const MIB: usize = 1024 * 1024;
/// Responses that take more memory share half of the budget.
const SMALL_BYTES: usize = 512 * 1024;
/// Complete bodies up to this length are not reserved: the response to a completed upload is never
/// replaced by 503. A connection sends one at a time.
pub(crate) const UNRESERVED_BYTES: usize = 32 * 1024;

/// Memory for responses. Clones share it.
#[derive(Clone)]
pub(crate) struct ResponseBudget(Arc<Shared>);

struct Shared {
    max_bytes: usize,
    used: Mutex<Used>,
}

/// Bytes that are reserved.
#[derive(Default)]
struct Used {
    all: usize,
    /// The part of large responses.
    large: usize,
}

/// Memory of one response; dropping it returns the memory to the budget.
pub(crate) struct Reservation {
    budget: ResponseBudget,
    bytes: usize,
    is_large: bool,
    /// Above this it is large.
    max_small_bytes: usize,
}

/// Marks a response whose body is reserved, in its extensions.
#[derive(Clone)]
pub(crate) struct Reserved;

impl ResponseBudget {
    /// A budget of `mib` MiB.
    pub fn new(mib: u32) -> Self {
        let max_bytes = (mib as usize).saturating_mul(MIB);
        ResponseBudget(Arc::new(Shared { max_bytes, used: Mutex::default() }))
    }

    /// Reserves `bytes` bytes.
    ///
    /// # Errors
    /// See [`Reservation::resize`].
    pub fn reserve(&self, bytes: usize) -> Result<Reservation, Problem> {
        let mut reservation = self.empty();
        reservation.resize(bytes)?;
        Ok(reservation)
    }

    /// A reservation of nothing, to be resized.
    pub fn empty(&self) -> Reservation {
        Reservation {
            budget: self.clone(),
            bytes: 0,
            is_large: false,
            max_small_bytes: SMALL_BYTES,
        }
    }

    /// Checks that one response may take `bytes` bytes.
    ///
    /// # Errors
    /// 422 when it never fits into the budget.
    pub fn check_size(&self, bytes: usize) -> Result<(), Problem> {
        let max = self.max_large_bytes();
        if bytes <= max {
            return Ok(());
        }
        let detail = format!(
            "this response takes more than {:.1} MiB of memory, half of ANSWER_MEMORY_MIB: request \
             fewer columns and rows, or another format",
            max as f64 / MIB as f64
        );
        Err(Problem::new(OVER_LIMIT, detail))
    }

    fn max_large_bytes(&self) -> usize {
        self.0.max_bytes / 2
    }

    #[cfg(test)]
    pub fn used_bytes(&self) -> usize {
        self.used().all
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reservation {
    /// How many bytes are reserved.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Changes the reservation to `bytes` bytes.
    ///
    /// # Errors
    /// Only when it grows: 503 when the budget is used up, 422 when a response of that size never
    /// fits. The reservation stays as it is then.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Problem> {
        self.budget.check_size(bytes)?;
        let is_large = bytes > self.max_small_bytes;
        let large = |bytes, is_large| if is_large { bytes } else { 0 };
        let mut used = self.budget.used();
        let all_now = used.all - self.bytes + bytes;
        let large_now = used.large - large(self.bytes, self.is_large) + large(bytes, is_large);
        let is_full = all_now > self.budget.0.max_bytes
            || (is_large && large_now > self.budget.max_large_bytes());
        if bytes > self.bytes && is_full {
            let detail = "too many large responses are being sent: try again in a moment";
            return Err(Problem::new(BUSY, detail));
        }
        *used = Used { all: all_now, large: large_now };
        drop(used);
        (self.bytes, self.is_large) = (bytes, is_large);
        Ok(())
    }

    /// Makes it count as small, whatever its size: for working memory, of which permits limit how
    /// much there is at a time.
    pub fn keep_small(&mut self) {
        self.max_small_bytes = usize::MAX;
    }

    /// Moves up to `bytes` bytes into a reservation of their own, which belongs to the same
    /// response: it is large if this one is.
    pub fn split(&mut self, bytes: usize) -> Reservation {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        let Reservation { is_large, max_small_bytes, .. } = *self;
        Reservation { budget: self.budget.clone(), bytes, is_large, max_small_bytes }
    }

    /// `body` as bytes that hold this reservation.
    pub fn attach(self, body: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(ReservedBytes { bytes: body, _reservation: self })
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut used = self.budget.used();
        used.all -= self.bytes;
        used.large -= if self.is_large { self.bytes } else { 0 };
    }
}

struct ReservedBytes<B> {
    bytes: B,
    _reservation: Reservation,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for ReservedBytes<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// Reserves a complete body that no handler has reserved. Streams keep little in memory.
pub(crate) async fn reserve_body(budget: &ResponseBudget, response: Response) -> Response {
    let length = response.body().size_hint().exact().and_then(|bytes| usize::try_from(bytes).ok());
    let is_reserved = response.extensions().get::<Reserved>().is_some();
    let Some(length) = length.filter(|length| *length > UNRESERVED_BYTES && !is_reserved) else {
        return response;
    };
    let reservation = match budget.reserve(length) {
        Ok(reservation) => reservation,
        Err(problem) => return problem.into_response(),
    };
    let (mut head, body) = response.into_parts();
    head.extensions.insert(Reserved);
    match to_bytes(body, length).await {
        // a copy has no spare capacity
        Ok(body) => {
            let body = reservation.attach(Box::<[u8]>::from(body.as_ref()));
            Response::from_parts(head, body.into())
        }
        Err(err) => {
            tracing::error!("could not read a response: {err}");
            Problem::bug().into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1024;

    /// Bytes of all responses, and of large ones.
    fn used(budget: &ResponseBudget) -> (usize, usize) {
        let used = budget.used();
        (used.all, used.large)
    }

    #[test]
    fn large_responses_leave_half_of_the_budget_to_small_ones() {
        let budget = ResponseBudget::new(4);
        let large: Vec<_> = (0..2).map(|_| budget.reserve(MIB).ok()).collect();
        assert!(large.iter().all(Option::is_some));
        assert!(budget.reserve(SMALL_BYTES + 1).is_err());
        let mut small: Vec<_> = (0..4).map_while(|_| budget.reserve(SMALL_BYTES).ok()).collect();
        assert_eq!(small.len(), 4);
        assert!(budget.reserve(1).is_err());
        // it would become a large one
        assert!(small[0].resize(SMALL_BYTES + KIB).is_err());
        drop(large);
        assert!(small[0].resize(SMALL_BYTES + KIB).is_ok());
        drop(small);
        assert_eq!(used(&budget), (0, 0));
    }

    #[test]
    fn the_rest_of_a_large_response_stays_large() {
        let budget = ResponseBudget::new(4);
        let mut whole = budget.reserve(2 * MIB).ok().unwrap();
        let part = whole.split(100 * KIB);
        drop(whole);
        assert_eq!(used(&budget), (100 * KIB, 100 * KIB));
        drop(part);
        assert_eq!(used(&budget), (0, 0));
    }

    #[test]
    fn working_memory_that_permits_bound_takes_nothing_from_large_responses() {
        let budget = ResponseBudget::new(4);
        let _large = budget.reserve(2 * MIB);
        let mut working = budget.empty();
        working.keep_small();
        assert!(working.resize(MIB).is_ok());
        assert_eq!(used(&budget), (3 * MIB, 2 * MIB));
    }

    #[test]
    fn a_response_that_never_fits_is_told_from_a_busy_moment() {
        let budget = ResponseBudget::new(2);
        let detail = |result: Result<Reservation, Problem>| result.err().map(|it| it.to_string());
        let never = detail(budget.reserve(MIB + 1)).unwrap();
        assert!(never.contains("1.0 MiB") && never.contains("ANSWER_MEMORY_MIB"), "{never}");
        let _all = budget.reserve(MIB);
        assert!(detail(budget.reserve(MIB)).unwrap().contains("try again"));
    }
}
