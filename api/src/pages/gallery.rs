//! The gallery: all images as text, newest first.

use asciify::{ColorOn, Fit, Format, Palette, Spec};
use askama::Template;
use axum::response::Response;
use common::{
    image::ImageId,
    pipeline::ImageSummary,
    preset::{Preset, Presets},
};

use super::{
    PresetLink, account_link::AccountLink, display_name, format_bytes, page, preset_links, status,
};

/// Width of a tile's picture divided by its height, at least and at most. Pictures beyond are
/// shown with bars beside them.
const MIN_ASPECT: f64 = 0.5;
const MAX_ASPECT: f64 = 2.5;
/// Height of the picture of a tile, in CSS pixels, in the attributes of the page: a browser takes
/// its aspect ratio from them before it is loaded.
const TILE_HEIGHT: f64 = 200.0;

#[derive(Template)]
#[template(path = "gallery.html")]
struct Gallery<'a> {
    /// Scheme and host, as the client sees them.
    origin: &'a str,
    account: Option<&'a AccountLink>,
    /// What the file picker offers: systems do not know the media types of all formats.
    accept: String,
    presets: Vec<PresetLink>,
    preset: &'a Preset,
    aspects: Aspects,
    /// Whether letters alone are colored. Scaled-down letters look darker than the picture.
    is_letters: bool,
    tiles: Vec<Tile>,
    /// For the `<template>` that the script fills.
    blank: Tile,
    range: &'a GalleryRange,
    /// Address of the older images as a page.
    older: Option<String>,
}

/// Which images a page of the gallery has beside it.
pub(crate) struct GalleryRange {
    /// The page has images older than this one only; `None`: it has the newest.
    pub before: Option<ImageId>,
    /// The cursor of the page of newer images; `None`: that page has the newest.
    pub newer: Option<ImageId>,
    /// Address of the next older images as JSON, for the script.
    pub next: Option<String>,
}

/// The aspect ratios of pictures, for the script.
struct Aspects {
    /// That of all renders, if it does not depend on the image.
    all: Option<f64>,
    /// Aspect ratio of a render divided by that of its image.
    scale: f64,
}

/// An image of the gallery.
#[derive(Default)]
struct Tile {
    id: String,
    name: String,
    /// Its size in pixels and bytes.
    details: String,
    media_type: String,
    width: u32,
    height: u32,
    bytes: u64,
    /// Address of the thumbnail; empty if there is none.
    source: String,
    /// Width of the thumbnail's box, in CSS pixels.
    box_width: u32,
    status: &'static str,
    error: Option<String>,
}

impl Tile {
    fn new(summary: &ImageSummary, spec: &Spec) -> Self {
        let metadata = &summary.image.metadata;
        let (columns, rows) = spec.size(metadata.width, metadata.height);
        let (status, error) = status(summary);
        let id = summary.image.id.to_string();
        Tile {
            name: display_name(summary),
            details: format!(
                "{} × {} · {}",
                metadata.width,
                metadata.height,
                format_bytes(metadata.bytes)
            ),
            media_type: metadata.media_type.clone(),
            width: metadata.width,
            height: metadata.height,
            bytes: metadata.bytes,
            source: match error {
                Some(_) => String::new(),
                None => format!("/images/{id}/thumbnail?{spec}"),
            },
            box_width: (TILE_HEIGHT * tile_aspect(columns, rows)).round() as u32,
            id,
            status,
            error,
        }
    }
}

/// Width of a tile's picture divided by its height, for a render of so many columns and rows.
pub(crate) fn tile_aspect(columns: u32, rows: u32) -> f64 {
    // a cell is shown twice as high as wide
    (f64::from(columns) / f64::from(2 * rows)).clamp(MIN_ASPECT, MAX_ASPECT)
}

impl Aspects {
    fn of(spec: &Spec) -> Self {
        let sizes = spec.width().zip(spec.height()).filter(|_| spec.fit() != Fit::Contain);
        Aspects {
            all: sizes.map(|(columns, rows)| tile_aspect(columns, rows)),
            scale: 500.0 / f64::from(spec.cell_thousandths()),
        }
    }
}

/// The default preset of the gallery: at the size of a tile, a picture is recognised if both colors
/// of a cell are its own.
pub(crate) fn default_preset(presets: &Presets) -> &Preset {
    let first = |is_fit: fn(&Spec) -> bool| presets.iter().find(|preset| is_fit(&preset.spec));
    first(|spec| spec.color_on() == ColorOn::Both)
        .or_else(|| first(|spec| spec.color() != Palette::None))
        .unwrap_or(presets.main())
}

/// The page with `images`, rendered with `preset`.
pub(crate) fn gallery(
    origin: &str,
    account: Option<&AccountLink>,
    presets: &Presets,
    preset: &Preset,
    images: &[ImageSummary],
    range: &GalleryRange,
) -> Response {
    let last = images.last().filter(|_| range.next.is_some());
    page(&Gallery {
        origin,
        account,
        accept: accept(),
        presets: preset_links(presets, |other| other.name == preset.name),
        preset,
        aspects: Aspects::of(&preset.spec),
        is_letters: preset.spec.color_on() == ColorOn::Foreground,
        tiles: images.iter().map(|summary| Tile::new(summary, &preset.spec)).collect(),
        blank: Tile { status: "pending", ..Tile::default() },
        older: last.map(|last| format!("/?preset={}&cursor={}", preset.name, last.image.id)),
        range,
    })
}

/// All media types of images, and the file name extensions of every format.
fn accept() -> String {
    let extensions = asciify::formats().flat_map(Format::extensions);
    extensions.fold("image/*".to_owned(), |accept, extension| format!("{accept},.{extension}"))
}
