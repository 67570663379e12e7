//! Pages for browsers: templates that come out of the binary and fetch nothing from elsewhere.

mod commands;
mod controls;
mod gallery;
pub(crate) mod plain;
mod problems;
mod prose;
mod reference;
mod schema;
mod viewer;

pub(crate) use commands::Guide;
pub(crate) use gallery::{favourite, gallery};
pub(crate) use problems::{kind, kinds, problem};
pub(crate) use reference::reference;
pub(crate) use viewer::{MAX_PICTURE_CELLS, viewer};

use askama::Template;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use common::{image::Status, pipeline::ImageSummary};

use crate::problem::{INTERNAL, Problem};

/// Everything from here, no script or style in a page itself, no frame around it.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
                   connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Answers with a page.
pub(crate) fn page(template: &impl Template) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(err) => {
            tracing::error!("a page cannot be written: {err}");
            return Problem::new(INTERNAL, "a bug: tell the operator the request_id")
                .into_response();
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "accept"),
    ];
    (headers, html).into_response()
}

/// How an image is called where people read it.
fn name(shown: &ImageSummary) -> String {
    shown.image.metadata.name.clone().unwrap_or_else(|| "unnamed".into())
}

/// `pending`, `ready` or `failed`, and why it failed.
fn standing(shown: &ImageSummary) -> (&'static str, Option<String>) {
    match &shown.status {
        Status::Pending => ("pending", None),
        Status::Ready => ("ready", None),
        Status::Failed(why) => ("failed", Some(why.clone())),
    }
}

/// `112 kB`: SI units, at most three digits.
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 || unit == "GB" {
            let decimals = usize::from(value < 9.95 && unit != "B");
            return format!("{value:.decimals$} {unit}");
        }
        value /= 1000.0;
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 999, 1000, 9_940, 112_621, 999_600, 33_554_432, 5_000_000_000_000];
        let expected = ["0 B", "999 B", "1.0 kB", "9.9 kB", "113 kB", "1.0 MB", "34 MB", "5000 GB"];
        assert_eq!(sizes.map(size), expected);
    }
}
