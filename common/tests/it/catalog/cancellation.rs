//! A call that is dropped before it ends: its caller went away, or has waited too long.

use std::{future::poll_fn, task::Poll};

use common::{catalog::NewUpload, resumable::HashState};
use testkit::wait::eventually;

use super::*;

/// Polls `call` at most so many times, and drops it.
async fn drop_after(polls: u32, call: impl Future) {
    let (mut call, mut left) = (Box::pin(call), polls);
    poll_fn(|context| {
        left -= 1;
        match call.as_mut().poll(context) {
            Poll::Pending if left > 0 => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_no_transaction_open() {
    on_postgres(async |catalog| {
        let name: String = query(catalog.connection(), "SELECT current_database()::text").await;
        // a connection of its own: one in a transaction would see what it has not committed
        let observer = catalog_at(&url_of(&name)).await;
        let is_open = "SELECT COUNT(*)::text FROM pg_stat_activity \
                       WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        let begin = || {
            let hash = HashState("0".into());
            let new = NewUpload { owner: None, length: 1, name: None, hash };
            catalog.create_upload(new, 100, LONG)
        };
        // a connection has prepared its statements
        begin().await.unwrap();
        // how often it waits for the database differs
        for polls in [1, 2, 3, 4, 5, 6].repeat(4) {
            drop_after(polls, begin()).await;
            eventually("no transaction is open", async || {
                (query(observer.connection(), is_open).await == "0").then_some(())
            })
            .await;
        }
    })
    .await;
}
