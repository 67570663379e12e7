//! Renders: the text of an image, and the list of what is stored.

use std::{fmt::Write, time::SystemTime};

use asciify::{Bands, Grid, Palette, write};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use common::{
    image::ImageId,
    pipeline::{ResolvedRender, Text},
    render::sha256_hex,
};
use sha2::{Digest, Sha256};

use crate::{
    App,
    accept::negotiate,
    body::{Binary, ImageBody, Json, RenderBody, RendersBody},
    conditional::{Condition, condition},
    extract::{Asked, Format, Id},
    options::Options,
    pages::{MAX_PICTURE_CELLS, viewer},
    problem::{INTERNAL, NOT_ACCEPTABLE, Problem, ProblemBody},
    routes::home::origin,
};

const JSON: &str = "application/json";
/// A picture takes time in proportion, and is kept by nobody.
const MAX_PNG_CELLS: usize = MAX_PICTURE_CELLS as usize;
/// Raised when a format is written in another way, for those who hold the old one.
const WRITERS: u32 = 2;
/// What writing markup takes at most, in lengths of the text: its cells one by one, and each with its
/// colours in words.
const MARKUP: usize = 16;
const RENDER_VERSION: HeaderName = HeaderName::from_static("render-version");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Draws an image as text.
///
/// Without options this is the preset `default`. Presets come from the store once a worker has made
/// them; everything else is drawn now and kept in memory for a while. With
/// `Accept: application/json` this is the image's metadata, with `Accept: text/html` a page that
/// shows the text and every option of it; `format=html` is the text alone as a page.
#[utoipa::path(
    get, path = "/images/{id}", tag = "renders",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("preset" = Option<String>, Query, description = "A named set of options; other options change it. `/presets` lists them."),
        Options,
        ("format" = Option<String>, Query, description = "`txt`, `ansi` (with the colours of a terminal), `html`, `svg` or `png`; without it `Accept` decides, and plain text has its colours."),
        ("version" = Option<u32>, Query, minimum = 1, description = "The stored render of that engine version."),
    ),
    responses(
        (status = 200, description = "The text.", content(
            (String = "text/plain"), (String = "text/html"), (String = "image/svg+xml"),
            (inline(Binary) = "image/png"), (ImageBody = "application/json"),
        ), headers(
            ("Render-Version" = u32, description = "Engine version of the text."),
            ("Cache-Status" = String, description = "Whether it was in memory (RFC 9211)."),
            ("Server-Timing" = String, description = "Stages of an on-demand render."),
        )),
        (status = 304, description = "You have it already."),
        (status = 400, description = "A parameter is wrong.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image or version.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "Nothing that you accept.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "A condition does not hold.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be decoded.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is away.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn text(
    State(app): State<App>,
    headers: HeaderMap,
    Id(id): Id,
    asked: Asked,
) -> Result<Response, Problem> {
    let Some(format) = choose(&headers, &asked)? else {
        let shown = app.pipeline.summary(id).await?.ok_or_else(Problem::no_image)?;
        let vary = [(header::VARY, "accept"), (header::CACHE_CONTROL, "no-cache")];
        return Ok((vary, Json(ImageBody::from(shown))).into_response());
    };
    if format == Format::Html && asked.format.is_none() {
        let shown = app.pipeline.summary(id).await?.ok_or_else(Problem::no_image)?;
        check(&app, id, &asked).await?;
        let renders = app.pipeline.renders(id).await?.map_or_else(Vec::new, |(all, _)| all);
        let presets = &app.pipeline.config().presets;
        return Ok(viewer(&origin(&headers), presets, &shown, &asked, &renders));
    }
    let look = app.pipeline.resolve(id, asked.spec, asked.version);
    let view = look.await.map_err(|err| Problem::from(&err))?;
    let mut response = match condition(&headers, &[etag(&view, format)], modified(&view)) {
        Condition::Unchanged => StatusCode::NOT_MODIFIED.into_response(),
        Condition::Fails => return Err(Problem::precondition()),
        Condition::Holds => {
            let text = app.pipeline.text(&view).await.map_err(|err| Problem::from(&*err))?;
            let body = write_down(&app, &view, &text, format).await?;
            let policy = policy(format, &body);
            let mut response = respond(body, &text);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        }
    };
    describe(response.headers_mut(), &view, format, asked.version.is_some());
    if asked.format.is_none() {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    }
    Ok(response)
}

/// Whether there is what a page would show: a version, a frame or bands may be missing.
async fn check(app: &App, id: ImageId, asked: &Asked) -> Result<(), Problem> {
    let is_part = asked.spec.frame() > 0 || asked.spec.bands() != Bands::Auto;
    if asked.version.is_some() || is_part {
        let look = app.pipeline.resolve(id, asked.spec.clone(), asked.version);
        let view = look.await.map_err(|err| Problem::from(&err))?;
        if is_part {
            app.pipeline.text(&view).await.map_err(|err| Problem::from(&*err))?;
        }
    }
    Ok(())
}

/// The format asked for, else the one that `Accept` likes best; `None` is JSON, the metadata.
fn choose(headers: &HeaderMap, asked: &Asked) -> Result<Option<Format>, Problem> {
    if asked.format.is_some() {
        return Ok(asked.format);
    }
    let mut offers: Vec<&str> =
        Format::NEGOTIABLE.iter().map(|format| format.media_type()).collect();
    offers.push(JSON);
    let chosen = negotiate(headers, &offers)
        .ok_or_else(|| Problem::new(NOT_ACCEPTABLE, format!("there are {}", offers.join(", "))))?;
    let format = Format::ALL.iter().copied().find(|format| format.media_type() == chosen);
    let coloured = asked.spec.color() != Palette::None;
    Ok(format.map(|format| match format {
        // whoever asks for colours and reads plain text has a terminal
        Format::Txt if coloured => Format::Ansi,
        format => format,
    }))
}

/// When the text was last modified. One that no worker stored has no such date: the next engine
/// draws it anew.
pub(crate) fn modified(view: &ResolvedRender) -> Option<SystemTime> {
    view.stored_at().map(super::system_time)
}

/// Strong: the same image, options, engine version and format always give the same bytes.
pub(crate) fn etag(view: &ResolvedRender, format: Format) -> String {
    let (id, spec, version) = (view.image.id, &view.spec, view.version);
    let facts = format!("{id} {spec} {version} {} {WRITERS}", format.name());
    format!("\"{}\"", &sha256_hex(facts.as_bytes())[..32])
}

/// Writes a render down in that format.
async fn write_down(
    app: &App,
    view: &ResolvedRender,
    text: &Text,
    format: Format,
) -> Result<Bytes, Problem> {
    let plain = view.spec.color() == Palette::None;
    let length = text.as_str().len();
    if format == Format::Ansi || (format == Format::Txt && plain) {
        return Ok(app.outgoing.room(length)?.fill(text.clone()));
    }
    let room = app.outgoing.room(length.saturating_mul(MARKUP))?;
    let bug = |err: &dyn std::fmt::Display| {
        tracing::error!("a stored render cannot be written: {err}");
        Problem::new(INTERNAL, "a bug: tell the operator the request_id")
    };
    let background = view.spec.background();
    let title = view.image.metadata.name.clone().unwrap_or_else(|| "image".into());
    let text = text.clone();
    let write = move || {
        let grid: Grid = text.as_str().parse().map_err(|err| bug(&err))?;
        if format == Format::Png && grid.columns() * grid.rows() > MAX_PNG_CELLS {
            let accepts = format!("a render of at most {MAX_PNG_CELLS} cells for png");
            return Err(Problem::parameter("format", &accepts));
        }
        Ok(room.fill(match format {
            Format::Txt | Format::Ansi => write::txt(&grid).into_bytes(),
            Format::Html => write::html(&grid, background, &title).into_bytes(),
            Format::Svg => write::svg(&grid, background, &title).into_bytes(),
            Format::Png => write::png(&grid, background),
        }))
    };
    // a large one takes a while
    tokio::task::spawn_blocking(write).await.map_err(|err| bug(&err))?
}

/// Nothing but the style sheet that a page holds, told by its hash (CSP level 3, 2.3.1).
fn policy(format: Format, body: &[u8]) -> HeaderValue {
    let sheet = (format == Format::Html).then(|| std::str::from_utf8(body).ok()).flatten();
    let sheet = sheet.and_then(|page| page.split_once("<style>")?.1.split_once("</style>"));
    let style = sheet.map_or_else(String::new, |(sheet, _)| {
        format!("; style-src 'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(sheet)))
    });
    HeaderValue::from_str(&format!("default-src 'none'{style}")).expect("all of it is ASCII")
}

fn respond(body: Bytes, text: &Text) -> Response {
    let mut response = body.into_response();
    let cache = if text.hit { "planet; hit" } else { "planet; fwd=miss; stored" };
    response.headers_mut().insert(CACHE_STATUS, HeaderValue::from_static(cache));
    let mut timing = String::new();
    for (stage, took) in text.stages() {
        let comma = if timing.is_empty() { "" } else { ", " };
        let ms = took.as_secs_f64() * 1000.0;
        write!(timing, "{comma}{stage};dur={ms:.1}").expect("a String takes everything");
    }
    if let Ok(timing) = HeaderValue::from_str(&timing)
        && !timing.is_empty()
    {
        response.headers_mut().insert(SERVER_TIMING, timing);
    }
    response
}

fn describe(headers: &mut HeaderMap, view: &ResolvedRender, format: Format, fixed: bool) {
    let caching = if fixed { "max-age=31536000, immutable" } else { "no-cache" };
    let charset = if format == Format::Png { "" } else { "; charset=utf-8" };
    let media_type = format!("{}{charset}", format.media_type());
    for (name, value) in [
        (header::CONTENT_TYPE, media_type.as_str()),
        (header::CACHE_CONTROL, caching),
        (header::ETAG, &etag(view, format)),
    ] {
        headers.insert(name, HeaderValue::from_str(value).expect("all of it is ASCII"));
    }
    let since = modified(view).unwrap_or_else(|| super::system_time(view.image.stored_at));
    headers.insert(header::LAST_MODIFIED, super::http_date(since));
    headers.insert(RENDER_VERSION, view.version.into());
}

/// Lists every stored render of an image, and the state of its job.
#[utoipa::path(
    get, path = "/images/{id}/renders", tag = "renders",
    params(("id" = String, Path, description = "Id of the image.")),
    responses(
        (status = 200, description = "The renders.", body = RendersBody),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(State(app): State<App>, Id(id): Id) -> Result<Response, Problem> {
    let (renders, job) = app.pipeline.renders(id).await?.ok_or_else(Problem::no_image)?;
    let presets = &app.pipeline.config().presets;
    let items = renders.into_iter().map(|render| {
        let preset = presets.iter().find(|preset| preset.spec.to_string() == render.spec);
        RenderBody::new(&id.to_string(), render, preset)
    });
    let body = RendersBody { items: items.collect(), job: job.map(Into::into) };
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(body)).into_response())
}
