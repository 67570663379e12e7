//! Uploads, as forms and as bare bodies.
#![no_main]

use fuzz::service::with_service;
use fuzz::write_seeds;
use libfuzzer_sys::fuzz_target;
use testkit::attacks::form;
use testkit::pictures::{one_pixel, png};

fuzz_target!(init: write_seeds("form", form::seeds(&png(&one_pixel()))), |bytes: &[u8]| {
    with_service(async |app, _| {
        form::attack(app, bytes).await;
    });
});
