//! What the stories need: servers, processes, a bucket to tamper with, customers, and patience.

use std::{future::Future, time::Duration};

use tokio::time::sleep;

pub(crate) mod bombs;
pub(crate) mod broker;
pub(crate) mod bucket;
pub(crate) mod crowd;
pub(crate) mod customer;
pub(crate) mod database;
pub(crate) mod events;
pub(crate) mod invariants;
pub(crate) mod link;
pub(crate) mod pictures;
pub(crate) mod process;
pub(crate) mod reader;
pub(crate) mod servers;
pub(crate) mod site;

/// Longer than anything takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far apart one looks for something that happens soon.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// The outcome of something that happens soon; `what` tells what was awaited in vain.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("{what}: it never happened"))
}

/// Waits until `look` sees something.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    soon(what, async {
        loop {
            match look().await {
                Some(seen) => return seen,
                None => sleep(LOOK_AGAIN).await,
            }
        }
    })
    .await
}

/// Runs `futures` as tasks at the same time; their outcomes, in the order of the futures.
pub(crate) async fn at_once<T: Send + 'static>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(soon("a task", task).await.unwrap());
    }
    outcomes
}
