//! Cancellation: whether the caller still wants the result. Every long loop asks.
//!
//! Libraries that decode a picture at one go cannot ask. Before such a decoder begins long work,
//! [`begin_long_work`](Cancellation::begin_long_work) ends decoding as if it was cancelled, and the
//! file is decoded in a process of its own instead, which can be killed.

use std::cell::Cell;

/// Items of a loop between two questions. The slowest take about 10 µs each.
const CHUNK: usize = 256;

/// Pixels that a library may decode at one go in the caller's process. They take 20 to 80 ms; to
/// start a process takes about 10 ms.
const LONG_WORK_PX: u64 = 1 << 22;

/// Where decoders run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the process of the caller. `can_isolate` says whether it can start others.
    Caller { can_isolate: bool },
    /// In a process that only decodes one file: see [`isolation`](crate::isolation).
    #[cfg(feature = "isolation")]
    OwnProcess,
}

/// Asks the caller.
pub(crate) struct Cancellation<'a> {
    ask: &'a dyn Fn() -> bool,
    /// Whether the answer was yes once. It stays so.
    is_cancelled: Cell<bool>,
    place: Place,
    /// Whether decoding ended because it needs a process of its own.
    needs_process: Cell<bool>,
}

/// The caller has cancelled, or decoding goes on in a process of its own.
#[derive(Debug)]
pub(crate) struct Cancelled;

impl<'a> Cancellation<'a> {
    /// `ask` returns whether the caller has cancelled.
    pub(crate) fn new(ask: &'a dyn Fn() -> bool) -> Self {
        Self {
            ask,
            is_cancelled: Cell::new(false),
            place: Place::Caller { can_isolate: false },
            needs_process: Cell::new(false),
        }
    }

    /// The same, for decoders that run at that place.
    #[cfg(feature = "isolation")]
    pub(crate) fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// For work that runs to its end.
    pub(crate) fn never() -> Self {
        Self::new(&|| false)
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        if !self.is_cancelled.get() {
            self.is_cancelled.set((self.ask)());
        }
        self.is_cancelled.get()
    }

    /// # Errors
    /// The caller has cancelled.
    pub(crate) fn check(&self) -> Result<(), Cancelled> {
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Called before a library decodes `pixels` at one go.
    ///
    /// # Errors
    /// The caller has cancelled; or it is long work, which needs a process of its own.
    pub(crate) fn begin_long_work(&self, pixels: u64) -> Result<(), Cancelled> {
        if self.place == (Place::Caller { can_isolate: true }) && is_long_work(pixels) {
            self.needs_process.set(true);
            self.is_cancelled.set(true);
        }
        self.check()
    }

    /// Called by decoders that may abort, or take memory that no header announces.
    ///
    /// # Errors
    /// The caller has cancelled, or this is not a process of its own.
    #[cfg(any(feature = "avif", feature = "jxl"))]
    pub(crate) fn require_own_process(&self) -> Result<(), Cancelled> {
        if self.place != Place::OwnProcess {
            self.needs_process.set(true);
            self.is_cancelled.set(true);
        }
        self.check()
    }

    /// Whether decoding ended because it needs a process of its own. Then the caller is asked again
    /// whether it has cancelled.
    #[cfg(feature = "isolation")]
    pub(crate) fn take_need_of_process(&self) -> bool {
        let needs_process = self.needs_process.take();
        if needs_process {
            self.is_cancelled.set(false);
        }
        needs_process
    }

    /// The same, where other work stays in the process of the caller.
    #[cfg(feature = "isolation")]
    pub(crate) fn take_need_of_process_only(&self) -> bool {
        self.place == (Place::Caller { can_isolate: false }) && self.take_need_of_process()
    }

    /// Calls `each` with every item, in their order.
    ///
    /// # Errors
    /// The caller has cancelled.
    pub(crate) fn for_each<T>(
        &self,
        mut items: impl ExactSizeIterator<Item = T>,
        mut each: impl FnMut(T),
    ) -> Result<(), Cancelled> {
        while items.len() > 0 {
            self.check()?;
            items.by_ref().take(CHUNK).for_each(&mut each);
        }
        Ok(())
    }

    /// All items, in their order.
    ///
    /// # Errors
    /// The caller has cancelled.
    pub(crate) fn collect<T>(
        &self,
        items: impl ExactSizeIterator<Item = T>,
    ) -> Result<Vec<T>, Cancelled> {
        let mut all = Vec::with_capacity(items.len());
        self.for_each(items, |item| all.push(item))?;
        Ok(all)
    }
}

/// Whether a library takes long for so many pixels that it decodes at one go.
pub(crate) fn is_long_work(pixels: u64) -> bool {
    pixels >= LONG_WORK_PX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancelled_loop_ends_with_its_chunk() {
        let (asked, done) = (Cell::new(0), Cell::new(0));
        let ask = || {
            asked.set(asked.get() + 1);
            asked.get() > 2
        };
        let cancellation = Cancellation::new(&ask);
        let items = (0..10 * CHUNK).inspect(|_| done.set(done.get() + 1));
        assert!(cancellation.collect(items).is_err());
        assert_eq!(done.get(), 2 * CHUNK);
        assert!(cancellation.is_cancelled());
        assert_eq!(asked.get(), 3, "it does not ask again");
    }

    #[test]
    fn without_a_cancellation_all_items_come_in_their_order() {
        let all = Cancellation::never().collect(0..2 * CHUNK + 1).expect("nothing cancels");
        assert!(all.into_iter().eq(0..2 * CHUNK + 1));
    }

    #[test]
    #[cfg(any(feature = "avif", feature = "jxl"))]
    fn long_work_is_left_to_a_process_where_one_can_be_started() {
        let ends = |place, pixels| {
            let cancellation = Cancellation::never().at(place);
            let ended = cancellation.begin_long_work(pixels).is_err();
            assert_eq!(cancellation.take_need_of_process(), ended);
            assert!(!cancellation.is_cancelled(), "the caller did not cancel");
            ended
        };
        let caller = |can_isolate| Place::Caller { can_isolate };
        assert!(ends(caller(true), LONG_WORK_PX));
        assert!(!ends(caller(true), LONG_WORK_PX - 1));
        assert!(!ends(caller(false), u64::MAX));
        assert!(!ends(Place::OwnProcess, u64::MAX));
        let required = |place| Cancellation::never().at(place).require_own_process().is_err();
        assert!(required(caller(false)) && required(caller(true)) && !required(Place::OwnProcess));
    }
}
