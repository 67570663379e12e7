//! The gallery: every image as its text, newest first.

use asciify::{Palette, Spec};
use askama::Template;
use axum::response::Response;
use common::{
    pipeline::ImageSummary,
    preset::{Preset, Presets},
};

use super::{name, page, size, standing};

/// Columns and rows of a cell of a drawing, in its units: see [`asciify::write::svg`].
const CELL: (u32, u32) = (10, 20);

#[derive(Template)]
#[template(path = "gallery.html")]
struct Gallery<'a> {
    /// Scheme and host, as the client sees them.
    origin: &'a str,
    looks: Vec<Look<'a>>,
    /// The options that the tiles are drawn with.
    spec: &'a Spec,
    tiles: Vec<Tile>,
    /// Fills the page's own template of a tile.
    blank: Tile,
    /// Address of the images after these, for programs.
    next: Option<String>,
    /// The same as a page.
    older: Option<String>,
    is_first: bool,
}

/// A way to draw all tiles.
struct Look<'a> {
    name: &'a str,
    spec: String,
    is_chosen: bool,
}

/// An image on the page.
#[derive(Default)]
struct Tile {
    id: String,
    name: String,
    facts: String,
    source: String,
    /// Of the drawing, so that nothing moves when it comes.
    width: u32,
    height: u32,
    status: &'static str,
    error: Option<String>,
}

impl Tile {
    fn new(shown: &ImageSummary, spec: &Spec) -> Self {
        let facts = &shown.image.metadata;
        let (columns, rows) = spec.size(facts.width, facts.height);
        let (status, error) = standing(shown);
        Tile {
            id: shown.image.id.to_string(),
            name: name(shown),
            facts: format!("{} × {} · {}", facts.width, facts.height, size(facts.bytes)),
            source: format!("/images/{}?{spec}&format=svg", shown.image.id),
            width: columns * CELL.0,
            height: rows * CELL.1,
            status,
            error,
        }
    }
}

/// The preset that tiles have where nobody chose another: the first in colours, if there is any.
pub(crate) fn favourite(presets: &Presets) -> &Preset {
    let mut all = presets.iter();
    all.find(|preset| preset.spec.color() != Palette::None).unwrap_or(presets.main())
}

/// The page of those images; `next` is the address of the ones after them.
pub(crate) fn gallery(
    origin: &str,
    presets: &Presets,
    look: &Preset,
    shown: &[ImageSummary],
    next: Option<String>,
    is_first: bool,
) -> Response {
    let looks = presets.iter().map(|preset| Look {
        name: &preset.name,
        spec: preset.spec.to_string(),
        is_chosen: preset.name == look.name,
    });
    let last = shown.last().filter(|_| next.is_some());
    page(&Gallery {
        origin,
        looks: looks.collect(),
        spec: &look.spec,
        tiles: shown.iter().map(|shown| Tile::new(shown, &look.spec)).collect(),
        blank: Tile { status: "pending", ..Tile::default() },
        older: last.map(|last| format!("/?look={}&cursor={}", look.name, last.image.id)),
        next,
        is_first,
    })
}
