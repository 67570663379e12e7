//! Waiting with a timeout.

use std::{future::Future, time::Duration};

use tokio::time::{sleep, timeout};

/// Timeout of all waits: longer than anything takes, even on a busy machine.
pub const TIMEOUT: Duration = Duration::from_secs(60);

/// Polling interval of all waits.
pub const INTERVAL: Duration = Duration::from_millis(20);

/// The result of `future`.
///
/// # Panics
/// With `what`, after [`TIMEOUT`].
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = timeout(TIMEOUT, future).await;
    result.unwrap_or_else(|_| panic!("not within {TIMEOUT:?}: {what}"))
}

/// Calls `look` until it returns something.
///
/// # Panics
/// With `what`, after [`TIMEOUT`].
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    soon(what, async {
        loop {
            match look().await {
                Some(seen) => return seen,
                None => sleep(INTERVAL).await,
            }
        }
    })
    .await
}

/// Runs `futures` as concurrent tasks; returns their results in the same order.
///
/// # Panics
/// If a task panics, or does not end within [`TIMEOUT`].
pub async fn at_once<T: Send + 'static>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(soon("the end of a task", task).await.expect("a task that does not panic"));
    }
    results
}
