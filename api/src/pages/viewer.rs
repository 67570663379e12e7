//! The viewer: one image as text, every option at hand.

use asciify::{ENGINE_VERSION, Palette, Spec};
use askama::Template;
use axum::response::Response;
use common::{image::Image, pipeline::ImageSummary, preset::Presets, render::Render};

use super::{
    controls::{Group, Kind, groups},
    name, page, size, standing,
};
use crate::extract::Asked;

/// Coloured renders of more cells come as pictures: a drawing would have a node for each. The script
/// of the page has the same limit, and counts on pictures of so many cells to have 8 pixels across
/// each: see [`asciify::write::png`].
const MAX_DRAWN_CELLS: u32 = 20_000;
/// Those of more come without their colours: no picture is as large. In the script, too.
pub(crate) const MAX_PICTURE_CELLS: u32 = 100_000;

#[derive(Template)]
#[template(path = "viewer.html")]
struct Viewer<'a> {
    origin: &'a str,
    id: String,
    name: String,
    /// The name without its extension: what files that are made of it are called.
    stem: String,
    image: &'a Image,
    size: String,
    status: &'static str,
    error: Option<String>,
    /// The look as it stands in an address: canonical, `version` included.
    look: String,
    /// The look as a browser can show it.
    seen: String,
    /// Whether that is without its colours.
    is_plain: bool,
    columns: u32,
    rows: u32,
    format: &'static str,
    presets: Vec<PresetLink>,
    /// The options of the preset that stands for none.
    main: String,
    groups: Vec<Group>,
    stored: Vec<Stored>,
    version: Option<u32>,
    engine: u32,
    can_show_original: bool,
}

struct PresetLink {
    name: String,
    spec: String,
    is_chosen: bool,
}

/// A stored render.
struct Stored {
    name: String,
    spec: String,
    version: u32,
    columns: u32,
    rows: u32,
    is_shown: bool,
}

/// The page of an image with the look that was asked for.
pub(crate) fn viewer(
    origin: &str,
    presets: &Presets,
    shown: &ImageSummary,
    asked: &Asked,
    renders: &[Render],
) -> Response {
    let (image, spec) = (&shown.image, &asked.spec);
    let (columns, rows) = spec.size(image.metadata.width, image.metadata.height);
    let coloured_cells = if spec.color() == Palette::None { 0 } else { columns * rows };
    let is_plain = coloured_cells > MAX_PICTURE_CELLS;
    let is_heavy = !is_plain && coloured_cells > MAX_DRAWN_CELLS;
    let name = name(shown);
    let (status, error) = standing(shown);
    let version = asked.version.map_or_else(String::new, |it| format!("&version={it}"));
    let look = format!("{spec}{version}");
    page(&Viewer {
        origin,
        id: image.id.to_string(),
        stem: name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem).to_owned(),
        name,
        image,
        size: size(image.metadata.bytes),
        status,
        error,
        seen: if is_plain { uncoloured(spec) } else { look.clone() },
        look,
        is_plain,
        columns,
        rows,
        format: if is_heavy { "png" } else { "svg" },
        presets: presets
            .iter()
            .map(|preset| PresetLink {
                name: preset.name.clone(),
                spec: preset.spec.to_string(),
                is_chosen: preset.spec == *spec,
            })
            .collect(),
        main: presets.main().spec.to_string(),
        groups: groups(spec, &image.metadata),
        stored: renders.iter().map(|render| stored(render, presets, spec, asked)).collect(),
        version: asked.version,
        engine: ENGINE_VERSION,
        can_show_original: !matches!(
            image.metadata.media_type.as_str(),
            "image/tiff" | "image/qoi"
        ) && !image.metadata.media_type.starts_with("image/x-portable"),
    })
}

/// The same characters, as far as they need no colours.
fn uncoloured(spec: &Spec) -> String {
    let text = spec.to_string();
    let options = form_urlencoded::parse(text.as_bytes());
    let kept = options.filter(|(name, _)| !matches!(&**name, "color" | "color_on"));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
}

fn stored(render: &Render, presets: &Presets, spec: &Spec, asked: &Asked) -> Stored {
    let drawn: Option<Spec> = render.spec.parse().ok();
    let preset = drawn.as_ref().and_then(|drawn| presets.of(drawn));
    Stored {
        name: preset.map_or_else(|| render.spec.clone(), |preset| preset.name.clone()),
        spec: render.spec.clone(),
        version: render.engine,
        columns: render.columns,
        rows: render.rows,
        is_shown: drawn.is_some_and(|drawn| drawn == *spec)
            && asked.version.is_none_or(|version| version == render.engine),
    }
}
