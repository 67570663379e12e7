//! The handlers, one file per group of endpoints.

pub(crate) mod account;
pub(crate) mod admin;
pub(crate) mod assets;
pub(crate) mod auth;
pub(crate) mod docs;
pub(crate) mod events;
pub(crate) mod home;
pub(crate) mod images;
pub(crate) mod ops;
pub(crate) mod play;
pub(crate) mod presets;
pub(crate) mod renders;
pub(crate) mod shares;
pub(crate) mod thumbnails;
pub(crate) mod tokens;
pub(crate) mod uploads;
pub(crate) mod values;

use std::time::{Duration, SystemTime};

use axum::http::HeaderValue;
use common::image::Millis;

/// A timestamp of the database as a `SystemTime`.
fn system_time(at: Millis) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
}

/// An HTTP date (RFC 9110, 5.6.7).
fn http_date(at: SystemTime) -> HeaderValue {
    HeaderValue::from_str(&httpdate::fmt_http_date(at)).expect("an HTTP date is ASCII")
}
