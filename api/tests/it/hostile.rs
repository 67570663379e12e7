//! Requests with random mutations: the same checks that `scripts/fuzz` runs with a fuzzer.

use std::collections::BTreeSet;

use testkit::{
    app::TestApp,
    attacks::{form, query},
    mutator::with_mutations,
};
use tokio::{runtime::Handle, task::block_in_place};

use crate::pictures::png;

#[tokio::test(flavor = "multi_thread")]
async fn damaged_uploads_are_taken_as_they_were_sent_or_refused() {
    let app = TestApp::spawn().await;
    let mut seen = BTreeSet::new();
    block_in_place(|| {
        with_mutations(form::seeds(&png(4, 4)), 40, |bytes| {
            seen.extend(Handle::current().block_on(form::attack(&app, bytes)));
        });
    });
    assert!([201, 400, 404, 415, 422].iter().all(|status| seen.contains(status)), "{seen:?}");
    app.nothing_is_left().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_addresses_and_headers_are_answered_or_refused() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    let mut seen = BTreeSet::new();
    block_in_place(|| {
        with_mutations(query::seeds(), 200, |bytes| {
            seen.extend(Handle::current().block_on(query::attack(&app, &image, bytes)));
        });
    });
    assert!([200, 206, 400, 404, 406].iter().all(|status| seen.contains(status)), "{seen:?}");
}
