//! Addresses with their queries, and the headers of a reader.
#![no_main]

use fuzz::house::with_house;
use fuzz::{plant, query};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: plant("query", query::seeds()), |bytes: &[u8]| {
    with_house(async |app, image| {
        query::attack(app, image, bytes).await;
    });
});
