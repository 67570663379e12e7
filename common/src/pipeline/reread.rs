//! Reads a row again after the answer to a commit was lost.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::fault::Fault;

const TIMEOUT: Duration = Duration::from_secs(3);
const INTERVAL: Duration = Duration::from_millis(300);

/// What `read` returns once the database answers; `None` when it does not answer in time. Pauses
/// before the first read, so that a commit that is still under way can end.
pub(super) async fn reread<T, R>(read: impl Fn() -> R) -> Option<T>
where
    R: Future<Output = Result<T, Fault>>,
{
    let read = async {
        loop {
            sleep(INTERVAL).await;
            if let Ok(row) = read().await {
                return row;
            }
        }
    };
    timeout(TIMEOUT, read).await.ok()
}
