//! Test support: servers, processes, fault injection, clients, and waiting for conditions.

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

/// Timeout of all waits: longer than anything takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Polling interval of all waits.
const LOOK_AGAIN: Duration = Duration::from_millis(25);

/// The result of a future, with a timeout; `what` describes it in the failure.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("{what}: it never happened"))
}

/// Waits until `look` returns something.
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

/// Runs `futures` as concurrent tasks; returns their results in the same order.
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
