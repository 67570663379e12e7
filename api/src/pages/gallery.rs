//! The gallery: all images as text, newest first.

use asciify::{Format, Palette, Spec};
use askama::Template;
use axum::response::Response;
use common::{
    pipeline::ImageSummary,
    preset::{Preset, Presets},
};

use super::{PresetLink, SVG_CELL, display_name, format_bytes, page, preset_links, status};

#[derive(Template)]
#[template(path = "gallery.html")]
struct Gallery<'a> {
    /// Scheme and host, as the client sees them.
    origin: &'a str,
    /// What the file picker offers: systems do not know the media types of all formats.
    accept: String,
    presets: Vec<PresetLink>,
    /// The options of all tiles.
    spec: &'a Spec,
    tiles: Vec<Tile>,
    /// For the `<template>` that the script fills.
    blank: Tile,
    /// Address of the next images as JSON, for the script.
    next: Option<String>,
    /// Address of the next images as a page.
    older: Option<String>,
    is_first: bool,
}

/// An image of the gallery.
#[derive(Default)]
struct Tile {
    id: String,
    name: String,
    /// Its size in pixels and bytes.
    details: String,
    /// Address of the render.
    source: String,
    /// Size of the render in its own units: the page does not move when it is loaded.
    width: u32,
    height: u32,
    status: &'static str,
    error: Option<String>,
}

impl Tile {
    fn new(summary: &ImageSummary, spec: &Spec) -> Self {
        let metadata = &summary.image.metadata;
        let (columns, rows) = spec.size(metadata.width, metadata.height);
        let (status, error) = status(summary);
        Tile {
            id: summary.image.id.to_string(),
            name: display_name(summary),
            details: format!(
                "{} × {} · {}",
                metadata.width,
                metadata.height,
                format_bytes(metadata.bytes)
            ),
            source: format!("/images/{}?{spec}&format=svg", summary.image.id),
            width: columns * SVG_CELL.0,
            height: rows * SVG_CELL.1,
            status,
            error,
        }
    }
}

/// The default preset of the gallery: the first one with colors, if any.
pub(crate) fn default_preset(presets: &Presets) -> &Preset {
    let mut all = presets.iter();
    all.find(|preset| preset.spec.color() != Palette::None).unwrap_or(presets.main())
}

/// The page with `images`, rendered with `preset`. `next` is the address of the images after them.
pub(crate) fn gallery(
    origin: &str,
    presets: &Presets,
    preset: &Preset,
    images: &[ImageSummary],
    next: Option<String>,
    is_first: bool,
) -> Response {
    let last = images.last().filter(|_| next.is_some());
    page(&Gallery {
        origin,
        accept: accept(),
        presets: preset_links(presets, |other| other.name == preset.name),
        spec: &preset.spec,
        tiles: images.iter().map(|summary| Tile::new(summary, &preset.spec)).collect(),
        blank: Tile { status: "pending", ..Tile::default() },
        older: last.map(|last| format!("/?preset={}&cursor={}", preset.name, last.image.id)),
        next,
        is_first,
    })
}

/// All media types of images, and the file name extensions of every format.
fn accept() -> String {
    let extensions = asciify::formats().flat_map(Format::extensions);
    extensions.fold("image/*".to_owned(), |accept, extension| format!("{accept},.{extension}"))
}
