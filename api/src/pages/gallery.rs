//! The gallery: images as text, in an order, and the search for them.

use asciify::{Background, ColorOn, Fit, Format, Palette, Spec};
use askama::Template;
use axum::response::Response;
use common::{
    account::principal::Principal,
    catalog::{Cursor, Sort},
    image::Metadata,
    pipeline::{Count, ImageSummary},
    preset::{Preset, Presets},
};

use super::{
    PresetLink, account_link::AccountLink, commands::curl, day, display_name, format_bytes, page,
    preset_links, status,
};
use crate::{list_query::ListQuery, listed_owner::ListedOwner, responses::rfc3339};

/// Width of a tile's picture divided by its height, at least and at most. Pictures beyond are
/// shown with bars beside them.
const MIN_ASPECT: f64 = 0.5;
const MAX_ASPECT: f64 = 6.0;
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
    /// Name and title of each order.
    orders: [(&'static str, &'static str); 4],
    /// How many images there are, such as `1,204 images`.
    count: String,
    /// Whether no image is stored.
    is_empty: bool,
    aspects: Aspects,
    /// Whether letters alone are colored. Scaled-down letters look darker than the picture.
    is_letters: bool,
    /// Whether the texts are made for a light background.
    is_light: bool,
    tiles: Vec<Tile>,
    /// For the `<template>` that the script fills.
    blank: Tile,
    range: &'a GalleryRange,
}

/// Which images a page of the gallery has, and which are beside them.
pub(crate) struct GalleryRange {
    /// Who reads it.
    pub reader: Principal,
    /// The order, the search, and where the page begins.
    pub list: ListQuery,
    /// How many images the list has.
    pub count: Count,
    /// The cursor of the page before; `None`: that page is the first.
    pub previous: Option<Cursor>,
    /// The cursor of the page after, if there is one.
    pub next: Option<Cursor>,
    /// Address of the next images as JSON, for the script.
    pub address: Option<String>,
}

impl Gallery<'_> {
    /// The address of a page of the gallery.
    fn address(&self, preset: &str, cursor: Option<&Cursor>) -> String {
        let path = "/?";
        let mut query = form_urlencoded::Serializer::for_suffix(path.to_owned(), path.len());
        query.append_pair("preset", preset);
        query.extend_pairs(self.range.list.filters());
        query.extend_pairs(cursor.map(|cursor| ("cursor", cursor.to_string())));
        query.finish()
    }

    /// The link to sign in, if only users may upload and the reader is none.
    fn sign_in(&self) -> Option<&AccountLink> {
        self.account.filter(|_| self.range.reader.user().is_none())
    }

    /// The beginning of a curl command that uploads.
    fn curl(&self) -> &'static str {
        curl(self.account.is_some())
    }

    /// Which images the reader may delete, for the script: `all`, `own` or `none`.
    fn deletable(&self) -> &'static str {
        match &self.range.reader {
            Principal::Open => "all",
            Principal::User(caller) if caller.is_admin() => "all",
            Principal::User(_) => "own",
            Principal::Anonymous { .. } | Principal::ShareLink(_) => "none",
        }
    }

    /// Whose images there are to see for who is signed in: titles, addresses, and which is shown.
    fn owners(&self) -> Vec<OwnerLink> {
        let Some(_) = self.range.reader.user() else { return Vec::new() };
        let shown = self.range.list.owner.unwrap_or(ListedOwner::Me);
        let link = |(title, owner): (&'static str, ListedOwner)| {
            let mut query = form_urlencoded::Serializer::for_suffix("/?".to_owned(), 2);
            query.append_pair("preset", &self.preset.name);
            let filters = self.range.list.filters().into_iter();
            query.extend_pairs(filters.filter(|(name, _)| *name != "owner"));
            if owner != ListedOwner::Me {
                query.append_pair("owner", owner.name());
            }
            OwnerLink { title, address: query.finish(), is_shown: owner == shown }
        };
        [("Mine", ListedOwner::Me), ("Public", ListedOwner::Public)].map(link).into()
    }
}

/// A link to the images of someone.
struct OwnerLink {
    title: &'static str,
    address: String,
    is_shown: bool,
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
    /// Whether the file had no name.
    is_unnamed: bool,
    /// Whose it is; empty without an owner.
    owner: String,
    /// `private` or `public`.
    visibility: &'static str,
    /// Its size in pixels and bytes, and its frames if it has several.
    details: String,
    /// When it was uploaded (RFC 3339, UTC), and the day of it.
    created_at: String,
    day: String,
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
            is_unnamed: metadata.name.is_none(),
            owner: summary.image.owner.map(|owner| owner.to_string()).unwrap_or_default(),
            visibility: summary.image.visibility.as_str(),
            details: details(metadata),
            created_at: rfc3339(summary.image.created_at),
            day: day(summary.image.created_at),
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

fn details(metadata: &Metadata) -> String {
    let Metadata { width, height, .. } = metadata;
    let frames = match metadata.frames {
        2.. => format!(" · {} frames", metadata.frames),
        _ => String::new(),
    };
    format!("{width} × {height}{frames} · {}", format_bytes(metadata.bytes))
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
    let is_whole = range.list.page.cursor.is_none() && range.list.q.is_empty();
    page(&Gallery {
        origin,
        account,
        accept: accept(),
        presets: preset_links(presets, |other| other.name == preset.name),
        preset,
        orders: Sort::ALL.map(|sort| (sort.name(), title(sort))),
        count: count(range),
        is_empty: is_whole && images.is_empty(),
        aspects: Aspects::of(&preset.spec),
        is_light: preset.spec.background() == Background::Light,
        is_letters: preset.spec.color_on() == ColorOn::Foreground,
        tiles: images.iter().map(|summary| Tile::new(summary, &preset.spec)).collect(),
        blank: Tile { status: "pending", ..Tile::default() },
        range,
    })
}

/// How an order is called on the page.
fn title(sort: Sort) -> &'static str {
    match sort {
        Sort::Newest => "Newest first",
        Sort::Oldest => "Oldest first",
        Sort::Name => "By name",
        Sort::Size => "Largest first",
    }
}

/// How many images there are, or are found; the script writes the same.
fn count(range: &GalleryRange) -> String {
    let Count { images, is_exact } = range.count;
    let digits = images.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let more = if is_exact { "" } else { "+" };
    let noun = if images == 1 && is_exact { "image" } else { "images" };
    let found = if range.list.q.is_empty() { "" } else { " found" };
    format!("{text}{more} {noun}{found}")
}

/// All media types of images, and the file name extensions of every format.
fn accept() -> String {
    let extensions = asciify::formats().flat_map(Format::extensions);
    extensions.fold("image/*".to_owned(), |accept, extension| format!("{accept},.{extension}"))
}
