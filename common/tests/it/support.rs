//! Shared by the tests: conformance suites, waiting with a limit, servers.

use std::{future::Future, io::Write, time::Duration};

/// Makes each behaviour a test on each backend, such as `catalog::sqlite::a_claim_is_exclusive`,
/// which is `on_sqlite(a_claim_is_exclusive)`.
macro_rules! conformance {
    ([$($backend:ident = $on:ident),+] $behaviours:tt) => {
        $(conformance! { $backend, $on, $behaviours })+
    };
    ($backend:ident, $on:ident, [$($behaviour:ident)+]) => {
        mod $backend {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    super::$on(super::$behaviour).await;
                }
            )+
        }
    };
}

/// Longer than anything takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Interval of polling.
const INTERVAL: Duration = Duration::from_millis(20);

/// The outcome of something that happens soon.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it never happened")
}

/// Waits until `look` sees something.
pub(crate) async fn eventually<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    soon(async {
        loop {
            match look().await {
                Some(seen) => return seen,
                None => tokio::time::sleep(INTERVAL).await,
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
        outcomes.push(soon(task).await.unwrap());
    }
    outcomes
}

/// The server that the environment names; `None`, with a message on stderr, when there is none.
#[expect(clippy::disallowed_methods, reason = "the one place of these tests that reads variables")]
pub(crate) fn server(variable: &str) -> Option<String> {
    let server = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if server.is_none() {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        // past the test harness, which shows only what failed tests print
        let line = format!("left out: common::{test} (scripts/test runs it)\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    server
}
