//! Thumbnails: renders as small pictures, for lists of many images.

use asciify::{Background, Cell, Color, Grid, GridError, write::MAX_THUMBNAIL_PX};
use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use common::{account::principal::Principal, pipeline::ResolvedRender, render::sha256_hex};

use crate::{
    access::Reads,
    app::App,
    conditional::{Condition, condition},
    extract::{Id, RenderQuery},
    headers::BY_READER,
    pages::tile_aspect,
    problem::{BAD_PARAMETER, Problem, ProblemBody},
    render_writer::{work_of, writing_permit},
    response_budget::Reserved,
    responses::Binary,
    routes::renders::{etag, modified},
};

/// A browser keeps thumbnails for an hour, so that a list that is scrolled or opened again costs
/// the service nothing. Shared caches do not keep them: an image may be deleted.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("private, max-age=3600");
/// Part of every entity tag: raised when the bytes of thumbnails change for the same render.
const REVISION: u32 = 1;
/// Renders that are more than this many times as wide as high, or as high as wide, are not shown.
const MAX_STRETCH: usize = 10;
/// Rows of a notice; at the height of a tile, its letters are legible.
const NOTICE_ROWS: usize = 12;
/// The columns of a notice at most: its letters would be smaller, as its picture has at most
/// [`MAX_THUMBNAIL_PX`] pixels across.
const MAX_NOTICE_COLUMNS: usize = 60;
/// A color component up to this value cannot be told from black; as far from 255, from white.
const NEAR: u8 = 12;

/// Returns a small picture of a render, as a PNG.
///
/// It takes the same options as the render, and is at most 480 pixels wide and high; only grids of
/// more than 480 columns or 240 rows are larger. A render without visible characters, and one that
/// is more than ten times as wide as high or as high as wide, is replaced by a picture with a few
/// words that say so. Browsers keep it for an hour.
#[utoipa::path(
    get, path = "/images/{id}/thumbnail", operation_id = "getThumbnail", tag = "renders",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("preset" = Option<String>, Query, description = "A named set of options, which other options override. `/presets` lists them."),
        crate::options::Options,
        ("bbox" = Option<String>, Query, description = "A bounding box instead of `region`: see `GET /images/{id}`."),
        ("coord_crs" = Option<String>, Query, description = "EPSG code of the coordinates of `bbox`."),
        ("bidx" = Option<u32>, Query, minimum = 1, description = "TiTiler's name of `bands`: one band, or given three times."),
        ("rescale" = Option<String>, Query, description = "TiTiler's name of `stretch`: `0,3000`, or given three times."),
        ("algorithm_params" = Option<String>, Query, description = "TiTiler's form of `azimuth`, `angle_altitude` and `z_exaggeration`: a JSON object of them."),
        ("version" = Option<u32>, Query, minimum = 1, description = "The stored render of this engine version."),
    ),
    responses(
        (status = 200, description = "The picture.", body = inline(Binary), content_type = "image/png"),
        (status = 304, description = "Not modified."),
        (status = 400, description = "A parameter is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image or version.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "A precondition does not hold.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be decoded.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn thumbnail(
    State(app): State<App>,
    headers: HeaderMap,
    Reads(reader): Reads,
    Id(id): Id,
    query: RenderQuery,
) -> Result<Response, Problem> {
    if query.format.is_some() || query.is_recording {
        return Err(Problem::new(BAD_PARAMETER, "format: a thumbnail is always a PNG"));
    }
    let spec = query.spec_for(&app, id, &reader).await?;
    let render = app.pipeline.resolve(id, spec, query.version, &reader);
    let render = render.await.map_err(|err| Problem::from(&err))?;
    let tag = thumbnail_etag(&render);
    let response = match condition(&headers, std::slice::from_ref(&tag), modified(&render)) {
        Condition::Unchanged => StatusCode::NOT_MODIFIED.into_response(),
        Condition::Fails => return Err(Problem::precondition()),
        Condition::Holds => {
            let entry = app.thumbnails.entry_by_ref(&tag);
            let file = entry.or_try_insert_with(write(&app, &render)).await;
            let file = file.map_err(|problem| Problem::clone(&problem))?.into_value();
            let body = app.response_budget.reserve(file.len())?.attach(file);
            (Extension(Reserved), body).into_response()
        }
    };
    let tag = HeaderValue::from_str(&tag).expect("an entity tag is ASCII");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/png")),
        (header::CACHE_CONTROL, CACHE_CONTROL),
        (header::ETAG, tag),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'")),
    ];
    let mut response = (headers, response).into_response();
    if reader != Principal::Open {
        response.headers_mut().append(header::VARY, BY_READER);
    }
    Ok(response)
}

/// A strong entity tag, with quotes.
fn thumbnail_etag(render: &ResolvedRender) -> String {
    let identity = format!("{} thumbnail {REVISION}", etag(render, asciify::write::Output::Png));
    format!("\"{}\"", &sha256_hex(identity.as_bytes())[..32])
}

/// The file of a thumbnail.
async fn write(app: &App, render: &ResolvedRender) -> Result<Bytes, Problem> {
    let metadata = &render.image.metadata;
    let (columns, rows) = render.spec.size(metadata.width, metadata.height);
    let bug = |err: &dyn std::fmt::Display| {
        tracing::error!("could not write a thumbnail: {err}");
        Problem::bug()
    };
    let text = app.pipeline.text(render).await.map_err(|err| Problem::from(&*err))?;
    let cells = Grid::cells_of(text.as_str()).ok_or_else(|| bug(&"its text is malformed"))?;
    let background = render.spec.background();
    let permit = writing_permit(app, work_of(cells)).await?;
    // the permits limit how many there are
    let mut reservation = app.response_budget.empty();
    reservation.keep_small();
    // three bytes a pixel, of which a cell has two at least
    let file_bytes = 3 * (MAX_THUMBNAIL_PX * MAX_THUMBNAIL_PX).max(2 * cells);
    reservation.resize(cells * size_of::<Cell>() + file_bytes)?;
    let write = move || {
        let mut grid: Grid = text.as_str().parse()?;
        if let Some(words) = notice(&grid, background) {
            let columns = (2.0 * NOTICE_ROWS as f64 * tile_aspect(columns, rows)).round() as usize;
            grid = written_out(words, columns.min(MAX_NOTICE_COLUMNS)).parse()?;
        }
        // without spare capacity, since it is cached
        let file = asciify::write::thumbnail(&grid, background).into_boxed_slice().into();
        drop((reservation, permit));
        Ok::<_, GridError>(file)
    };
    // CPU-bound
    let written = tokio::task::spawn_blocking(write).await.map_err(|err| bug(&err))?;
    written.map_err(|err| bug(&err))
}

/// What is said instead of showing the render; `None` if it can be shown.
fn notice(grid: &Grid, background: Background) -> Option<&'static [&'static str]> {
    let (columns, rows) = (grid.columns(), grid.rows());
    if 2 * rows > MAX_STRETCH * columns {
        return Some(&["too narrow", "to show", "here"]);
    }
    if columns > MAX_STRETCH * 2 * rows {
        return Some(&["too wide to show here"]);
    }
    let paper = match background {
        Background::Dark => 0,
        Background::Light => 255,
    };
    let is_paper =
        |color: Color| color.rgb().into_iter().all(|component| component.abs_diff(paper) <= NEAR);
    let is_blank = |cell: &Cell| {
        cell.background.is_none_or(is_paper)
            && (cell.symbol == ' ' || cell.foreground.is_some_and(is_paper))
    };
    let blank: &[&str] = match background {
        Background::Dark => &["all black or", "transparent"],
        Background::Light => &["all white or", "transparent"],
    };
    grid.lines().flatten().all(is_blank).then_some(blank)
}

/// Lines of words in the middle of a text of `columns` columns, in grey.
fn written_out(words: &[&str], columns: usize) -> String {
    let above = (NOTICE_ROWS - words.len()) / 2;
    let row = |row: usize| {
        let words = row.checked_sub(above).and_then(|line| words.get(line)).copied();
        format!("\u{1b}[38;5;246m{:^columns$}\u{1b}[m\n", words.unwrap_or_default())
    };
    (0..NOTICE_ROWS).map(row).collect()
}
