//! Cancellation: whether the caller still wants the result. Every long loop asks.

use std::cell::Cell;

/// Items of a loop between two questions. The slowest take about 10 µs each.
const CHUNK: usize = 256;

/// Asks the caller.
pub(crate) struct Cancellation<'a> {
    ask: &'a dyn Fn() -> bool,
    /// Whether the answer was yes once. It stays so.
    is_cancelled: Cell<bool>,
}

/// The caller has cancelled.
#[derive(Debug)]
pub(crate) struct Cancelled;

impl<'a> Cancellation<'a> {
    /// `ask` returns whether the caller has cancelled.
    pub(crate) fn new(ask: &'a dyn Fn() -> bool) -> Self {
        Self { ask, is_cancelled: Cell::new(false) }
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
}
