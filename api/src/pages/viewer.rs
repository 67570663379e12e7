//! The viewer: one image as text, with a control for every option.

use asciify::{Background, ENGINE_VERSION, Palette, Spec};
use askama::Template;
use axum::response::Response;
use common::{
    account::principal::Principal, image::Image, pipeline::ImageSummary, preset::Presets,
    render::Render, visibility::Visibility,
};

use super::{
    PNG_CELL_WIDTH, PresetLink, SVG_CELL,
    account_link::AccountLink,
    commands::curl,
    controls::{Group, Input, groups},
    day, display_name, format_bytes, page, preset_links, status,
};
use crate::{extract::RenderQuery, responses::rfc3339};

/// Colored renders with more cells are shown as PNG: an SVG has a node for each cell.
const MAX_SVG_CELLS: u32 = 20_000;
/// Colored renders with more cells are shown as thumbnails: the largest PNG that is served.
pub(crate) const MAX_PNG_CELLS: u32 = 100_000;

#[derive(Template)]
#[template(path = "viewer.html")]
struct Viewer<'a> {
    origin: &'a str,
    /// The beginning of a curl command that reads the image.
    curl: &'static str,
    account: Option<&'a AccountLink>,
    /// Whether the image has an owner and a visibility.
    has_accounts: bool,
    /// Whether the reader may change and delete the image.
    may_change: bool,
    /// Each visibility, and who may see an image that has it.
    readers: [(Visibility, &'static str); 2],
    /// Who may see this one.
    readers_now: &'static str,
    id: String,
    name: String,
    /// The name without its extension, for the names of downloads.
    stem: String,
    image: &'a Image,
    /// Length of the original.
    size: String,
    /// When it was uploaded (RFC 3339, UTC), and the day of it.
    created_at: String,
    day: String,
    status: &'static str,
    error: Option<String>,
    /// The query of the render: canonical options, and `version` if it was requested.
    query: String,
    /// The options without the frame.
    playing_query: String,
    /// The address of the image on the page: SVG, PNG, or a thumbnail if `is_small`.
    image_address: String,
    is_small: bool,
    /// Whether the text is shown on a light background.
    is_light: bool,
    columns: u32,
    rows: u32,
    presets: Vec<PresetLink>,
    /// The options of the default preset, and whether they are those of the render.
    default_spec: String,
    is_default: bool,
    groups: Vec<Group>,
    renders: Vec<StoredRender>,
    version: Option<u32>,
    engine: u32,
    /// Whether browsers can show the original.
    can_show_original: bool,
    /// Whether the image has measured values, which are read without a process of their own.
    has_values: bool,
}

/// A stored render in the list of the page.
struct StoredRender {
    name: String,
    spec: String,
    version: u32,
    columns: u32,
    rows: u32,
    is_shown: bool,
}

/// Who looks at a page.
pub(crate) struct Reader<'a> {
    pub account: Option<&'a AccountLink>,
    pub principal: &'a Principal,
    /// Whether people who are not signed in may see public images.
    pub public_images: bool,
}

/// The page of an image, rendered with the options of `query`.
pub(crate) fn viewer(
    origin: &str,
    reader: &Reader<'_>,
    presets: &Presets,
    summary: &ImageSummary,
    query: &RenderQuery,
    renders: &[Render],
) -> Response {
    let (image, spec) = (&summary.image, &query.spec);
    let (columns, rows) = spec.size(image.metadata.width, image.metadata.height);
    let colored_cells = if spec.color() == Palette::None { 0 } else { columns * rows };
    let is_small = colored_cells > MAX_PNG_CELLS;
    let format = if colored_cells > MAX_SVG_CELLS { "png" } else { "svg" };
    let name = display_name(summary);
    let (status, error) = status(summary);
    let version = query.version.map_or_else(String::new, |it| format!("&version={it}"));
    let full_query = format!("{spec}{version}");
    let address = format!("/images/{}", image.id);
    let image_address = match is_small {
        true => format!("{address}/thumbnail?{full_query}"),
        false => format!("{address}?{full_query}&format={format}"),
    };
    let has_accounts = *reader.principal != Principal::Open;
    page(&Viewer {
        origin,
        curl: curl(has_accounts && image.visibility == Visibility::Private),
        account: reader.account,
        has_accounts,
        may_change: reader.principal.may_change(image),
        readers_now: readers_of(image, image.visibility, reader),
        readers: [Visibility::Private, Visibility::Public]
            .map(|it| (it, readers_of(image, it, reader))),
        id: image.id.to_string(),
        stem: name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).to_owned(),
        name,
        image,
        size: format_bytes(image.metadata.bytes),
        created_at: rfc3339(image.created_at),
        day: day(image.created_at),
        status,
        error,
        playing_query: without_frame(spec),
        image_address,
        query: full_query,
        is_small,
        is_light: spec.background() == Background::Light,
        columns,
        rows,
        presets: preset_links(presets, |preset| preset.spec == *spec),
        default_spec: presets.main().spec.to_string(),
        is_default: presets.main().spec == *spec,
        groups: groups(spec, &image.metadata),
        renders: renders.iter().map(|render| stored_render(render, presets, query)).collect(),
        version: query.version,
        engine: ENGINE_VERSION,
        has_values: matches!(
            image.metadata.media_type.as_str(),
            "image/tiff" | "image/fits" | "image/x-vicar" | "image/x-pds"
        ),
        can_show_original: !matches!(
            image.metadata.media_type.as_str(),
            "image/tiff" | "image/qoi" | "image/heic" | "image/jp2" | "image/jpx" | "image/j2c"
        ) && !image.metadata.media_type.starts_with("image/x-portable"),
    })
}

/// Who may see an image with that visibility, such as `Public: everyone`.
fn readers_of(image: &Image, visibility: Visibility, reader: &Reader<'_>) -> &'static str {
    match visibility {
        Visibility::Public if reader.public_images => "Public: everyone",
        Visibility::Public => "Public: everyone who is signed in",
        Visibility::Private if image.owner.is_none() => "Private: only admins",
        Visibility::Private if image.owner == reader.principal.user() => "Private: only you",
        Visibility::Private => "Private: only its owner",
    }
}

/// The options of `spec` without its frame, as a query.
fn without_frame(spec: &Spec) -> String {
    let mut all = spec.clone();
    all.set("frame", "0").expect("0 is a frame");
    all.to_string()
}

fn stored_render(render: &Render, presets: &Presets, query: &RenderQuery) -> StoredRender {
    let spec: Option<Spec> = render.spec.parse().ok();
    let preset = spec.as_ref().and_then(|spec| presets.of(spec));
    StoredRender {
        name: preset.map_or_else(|| render.spec.clone(), |preset| preset.name.clone()),
        spec: render.spec.clone(),
        version: render.engine,
        columns: render.columns,
        rows: render.rows,
        is_shown: spec.is_some_and(|spec| spec == query.spec)
            && query.version.is_none_or(|version| version == render.engine),
    }
}
