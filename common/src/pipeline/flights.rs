//! Flights: work in progress that several callers wait for. It is done once for all of them, and it
//! is dropped, unfinished, with the last one that waits.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};

/// What is in progress, by key.
pub(super) struct Flights<K, T>(Mutex<HashMap<K, WeakShared<BoxFuture<'static, T>>>>);

impl<K: Eq + Hash, T: Clone> Flights<K, T> {
    pub(super) fn new() -> Self {
        Flights(Mutex::new(HashMap::new()))
    }

    /// The work of that key in progress, or else `begin`; and whether it begins now.
    pub(super) fn join(
        &self,
        key: K,
        begin: impl FnOnce() -> BoxFuture<'static, T>,
    ) -> (Shared<BoxFuture<'static, T>>, bool) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // those that ended, or that nothing waits for
        flights.retain(|_, flight| flight.upgrade().is_some_and(|flight| flight.peek().is_none()));
        if let Some(flight) = flights.get(&key).and_then(WeakShared::upgrade) {
            return (flight, false);
        }
        let flight = begin().shared();
        flights.extend(flight.downgrade().map(|weak| (key, weak)));
        (flight, true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::sync::oneshot;

    use super::*;

    /// Work that ends when it gets a number, and that counts its drops.
    fn work(dropped: &Arc<AtomicUsize>) -> (oneshot::Sender<u32>, BoxFuture<'static, u32>) {
        struct CountDrop(Arc<AtomicUsize>);
        impl Drop for CountDrop {
            fn drop(&mut self) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let (sender, receiver) = oneshot::channel();
        let count = CountDrop(dropped.clone());
        let work = async move {
            let _count = count;
            receiver.await.unwrap()
        };
        (sender, work.boxed())
    }

    #[tokio::test]
    async fn work_is_done_once_for_all_and_goes_on_until_the_last_one_leaves() {
        let (flights, dropped) = (Flights::new(), Arc::<AtomicUsize>::default());
        let (end, begun) = work(&dropped);
        let (first, is_first) = flights.join("key", || begun);
        let (mut second, is_second_first) = flights.join("key", || unreachable!("it is begun"));
        assert!(is_first && !is_second_first);
        let mut first = Box::pin(first);
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());

        // the one that has driven the work leaves
        drop(first);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        end.send(7).unwrap();
        assert_eq!(second.await, 7);
    }

    #[tokio::test]
    async fn work_is_dropped_with_the_last_one_that_waits_and_begins_again() {
        let (flights, dropped) = (Flights::new(), Arc::<AtomicUsize>::default());
        let (_end, begun) = work(&dropped);
        let (mut first, _) = flights.join("key", || begun);
        let (mut second, _) = flights.join("key", || unreachable!("it is begun"));
        assert!(futures_util::poll!(&mut first).is_pending());
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop(second);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        let (end, begun) = work(&dropped);
        let (again, is_first) = flights.join("key", || begun);
        end.send(8).unwrap();
        assert_eq!((again.await, is_first), (8, true));
    }
}
