//! HTML pages, from templates in the binary. They load nothing from other hosts.

mod account;
mod account_link;
mod commands;
mod controls;
mod gallery;
pub(crate) mod plain;
pub(crate) mod plain_values;
mod problems;
mod prose;
mod reference;
mod schema;
mod sign_in;
mod users;
mod viewer;

pub(crate) use account::account;
pub(crate) use account_link::AccountLink;
pub(crate) use commands::{CommandContext, curl};
pub(crate) use gallery::{GalleryRange, default_preset, gallery, tile_aspect};
pub(crate) use problems::{kind, kinds, problem};
pub(crate) use reference::reference;
pub(crate) use sign_in::sign_in;
pub(crate) use users::users;
pub(crate) use viewer::{MAX_PNG_CELLS, Reader, viewer};

use askama::Template;
use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use common::{
    image::{Millis, Status},
    pipeline::ImageSummary,
    preset::{Preset, Presets},
};
use time::{OffsetDateTime, macros::format_description};

use crate::problem::Problem;

/// Scripts, styles and images come from this host only; no inline code, no embedding in frames.
const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
                   connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Width and height of a cell of [`asciify::write::Output::Svg`], in its user units.
const SVG_CELL: (u32, u32) = (10, 20);
/// Width of a cell of [`asciify::write::Output::Png`], in pixels, for renders of up to [`MAX_PNG_CELLS`].
const PNG_CELL_WIDTH: u32 = 8;

/// The response with a page.
pub(crate) fn page(template: &impl Template) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(err) => {
            tracing::error!("could not render a page: {err}");
            return Problem::bug().into_response();
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::REFERRER_POLICY, "same-origin"),
        (header::VARY, "accept"),
    ];
    (headers, html).into_response()
}

/// A link that applies a preset.
struct PresetLink {
    name: String,
    spec: String,
    is_chosen: bool,
}

fn preset_links(presets: &Presets, is_chosen: impl Fn(&Preset) -> bool) -> Vec<PresetLink> {
    let links = presets.iter().map(|preset| PresetLink {
        name: preset.name.clone(),
        spec: preset.spec.to_string(),
        is_chosen: is_chosen(preset),
    });
    links.collect()
}

/// The name of an image as pages show it.
fn display_name(summary: &ImageSummary) -> String {
    summary.image.metadata.name.clone().unwrap_or_else(|| "unnamed".into())
}

/// `pending`, `ready` or `failed`, with the reason of a failure.
fn status(summary: &ImageSummary) -> (&'static str, Option<String>) {
    match &summary.status {
        Status::Pending => ("pending", None),
        Status::Ready => ("ready", None),
        Status::Failed(why) => ("failed", Some(why.clone())),
    }
}

/// A day (UTC), such as `9 Nov 2026`.
fn day(at: Millis) -> String {
    let format = format_description!(version = 2, "[day padding:none] [month repr:short] [year]");
    let time = OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)).ok();
    time.and_then(|time| time.format(&format).ok()).unwrap_or_default()
}

/// A number of bytes in SI units with at most three digits, such as `112 kB`.
fn format_bytes(bytes: u64) -> String {
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
    use super::*;

    #[test]
    fn sizes_are_short() {
        let sizes = [0, 999, 1000, 9_940, 112_621, 999_600, 33_554_432, 5_000_000_000_000];
        let expected = ["0 B", "999 B", "1.0 kB", "9.9 kB", "113 kB", "1.0 MB", "34 MB", "5000 GB"];
        assert_eq!(sizes.map(format_bytes), expected);
    }
}
