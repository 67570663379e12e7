//! GET requests: addresses with queries, and headers.
#![no_main]

use fuzz::service::with_service;
use fuzz::write_seeds;
use libfuzzer_sys::fuzz_target;
use testkit::attacks::query;

fuzz_target!(init: write_seeds("query", query::seeds()), |bytes: &[u8]| {
    with_service(async |app, image| {
        query::attack(app, image, bytes).await;
    });
});
