//! Renders: an image as text, and the list of stored renders.

use std::{fmt::Write, time::SystemTime};

use asciify::{Bands, Cell, Grid, Palette, write::Output};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::prelude::{BASE64_STANDARD, Engine};
use common::{
    image::ImageId,
    pipeline::{ResolvedRender, StoredRenders, Text},
    render::sha256_hex,
};
use sha2::{Digest, Sha256};
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    conditional::{Condition, condition},
    encoding_permits::Work,
    extract::{Id, RenderQuery},
    negotiate::negotiate,
    options::Options,
    pages::{MAX_PNG_CELLS, viewer},
    problem::{BUSY, NOT_ACCEPTABLE, Problem, ProblemBody},
    response_budget::{Reservation, Reserved},
    response_writer::{ChunkedBody, ResponseWriter},
    responses::{Binary, ImageBody, Json, RenderBody, RendersBody},
    routes::home::origin,
};

const JSON: &str = "application/json";
/// Part of every entity tag: raised when the bytes of an output format change for the same render.
const OUTPUT_REVISION: u32 = 2;
/// Renders of at most so many cells are small work to write.
const SMALL_CELLS: usize = 10_000;
/// Renders of at most so many cells are large work, and others are huge.
const LARGE_CELLS: usize = MAX_PNG_CELLS as usize;
const RENDER_VERSION: HeaderName = HeaderName::from_static("render-version");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Returns an image as text.
///
/// Without options, this is the default preset. Presets come from the store once a worker has
/// rendered them; everything else is rendered on demand and cached in memory. With
/// `Accept: application/json` the response is the image's metadata, with `Accept: text/html` a page
/// with the text and all options; `format=html` is the text alone as a page.
#[utoipa::path(
    get, path = "/images/{id}", tag = "renders",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("preset" = Option<String>, Query, description = "A named set of options, which other options override. `/presets` lists them."),
        Options,
        ("format" = Option<String>, Query, description = "`txt`, `ansi` (text with terminal colors), `html`, `svg` or `png`. Without it, `Accept` decides, and plain text includes colors."),
        ("version" = Option<u32>, Query, minimum = 1, description = "The stored render of this engine version."),
    ),
    responses(
        (status = 200, description = "The image as text.", content(
            (String = "text/plain"), (String = "text/html"), (String = "image/svg+xml"),
            (inline(Binary) = "image/png"), (ImageBody = "application/json"),
        ), headers(
            ("Render-Version" = u32, description = "Engine version of the render."),
            ("Cache-Status" = String, description = "Whether the render was cached in memory (RFC 9211)."),
            ("Server-Timing" = String, description = "Duration of the stages of an on-demand render."),
        )),
        (status = 304, description = "Not modified."),
        (status = 400, description = "A parameter is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image or version.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` excludes every format.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 412, description = "A precondition does not hold.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be decoded, or the response would be too large.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn text(
    State(app): State<App>,
    headers: HeaderMap,
    Id(id): Id,
    query: RenderQuery,
) -> Result<Response, Problem> {
    let Some(format) = choose_format(&headers, &query)? else {
        let summary = app.pipeline.summary(id).await?.ok_or_else(Problem::no_image)?;
        return Ok(([(header::VARY, "accept")], Json(ImageBody::from(summary))).into_response());
    };
    if format == Output::Html && query.format.is_none() {
        let summary = app.pipeline.summary(id).await?.ok_or_else(Problem::no_image)?;
        check_exists(&app, id, &query).await?;
        let renders = app.pipeline.renders(id).await?.map_or_else(Vec::new, |it| it.renders);
        let presets = &app.pipeline.config().presets;
        return Ok(viewer(&origin(&headers), presets, &summary, &query, &renders));
    }
    let render = app.pipeline.resolve(id, query.spec, query.version);
    let render = render.await.map_err(|err| Problem::from(&err))?;
    let mut response = match condition(&headers, &[etag(&render, format)], modified(&render)) {
        Condition::Unchanged => StatusCode::NOT_MODIFIED.into_response(),
        Condition::Fails => return Err(Problem::precondition()),
        Condition::Holds => {
            let stored_bytes = render.stored_bytes().unwrap_or_default() as usize;
            let mut reservation = app.response_budget.reserve(stored_bytes)?;
            let text = app.pipeline.text(&render).await.map_err(|err| Problem::from(&*err))?;
            reservation.resize(text.as_str().len())?;
            let (body, policy) = write_output(&app, &render, &text, format, reservation).await?;
            let mut response = respond(body, &text);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            response
        }
    };
    set_headers(response.headers_mut(), &render, format, query.version.is_some());
    if query.format.is_none() {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    }
    Ok(response)
}

/// Checks that the version, the frame and the bands of a page's query exist.
async fn check_exists(app: &App, id: ImageId, query: &RenderQuery) -> Result<(), Problem> {
    let selects_part = query.spec.frame() > 0 || query.spec.bands() != Bands::Auto;
    if query.version.is_some() || selects_part {
        let render = app.pipeline.resolve(id, query.spec.clone(), query.version);
        let render = render.await.map_err(|err| Problem::from(&err))?;
        if selects_part {
            app.pipeline.text(&render).await.map_err(|err| Problem::from(&*err))?;
        }
    }
    Ok(())
}

/// The requested format, otherwise the one that `Accept` prefers; `None` is JSON, the metadata.
fn choose_format(headers: &HeaderMap, query: &RenderQuery) -> Result<Option<Output>, Problem> {
    if query.format.is_some() {
        return Ok(query.format);
    }
    // a terminal's text has the media type of plain text
    let offers = Output::ALL.iter().filter(|format| **format != Output::Ansi);
    let offers: Vec<&str> = offers.map(|format| format.media_type()).chain([JSON]).collect();
    let chosen = negotiate(headers, &offers).ok_or_else(|| {
        Problem::new(NOT_ACCEPTABLE, format!("available are {}", offers.join(", ")))
    })?;
    let format = Output::ALL.iter().copied().find(|format| format.media_type() == chosen);
    let is_colored = query.spec.color() != Palette::None;
    Ok(format.map(|format| match format {
        // a client that requests colors as plain text is a terminal
        Output::Txt if is_colored => Output::Ansi,
        format => format,
    }))
}

/// When a render was stored; `None` for one that is rendered on demand: it changes with the engine.
pub(crate) fn modified(render: &ResolvedRender) -> Option<SystemTime> {
    render.stored_at().map(super::system_time)
}

/// A strong entity tag, with quotes: the same image, options, engine version and format always give
/// the same bytes.
pub(crate) fn etag(render: &ResolvedRender, format: Output) -> String {
    let (id, spec, version) = (render.image.id, &render.spec, render.version);
    let identity = format!("{id} {spec} {version} {} {OUTPUT_REVISION}", format.name());
    format!("\"{}\"", &sha256_hex(identity.as_bytes())[..32])
}

/// A render in `format` within the response budget, and its content security policy. `reservation`
/// is that of `text`.
async fn write_output(
    app: &App,
    render: &ResolvedRender,
    text: &Text,
    format: Output,
    mut reservation: Reservation,
) -> Result<(Body, HeaderValue), Problem> {
    let is_plain = render.spec.color() == Palette::None;
    if format == Output::Ansi || (format == Output::Txt && is_plain) {
        let body = reservation.attach(text.clone());
        return Ok((body.into(), content_security_policy(None)));
    }
    let bug = |err: &dyn std::fmt::Display| {
        tracing::error!("could not write a render: {err}");
        Problem::bug()
    };
    let cells = Grid::cells_of(text.as_str()).ok_or_else(|| bug(&"its text is malformed"))?;
    if format == Output::Png && cells > MAX_PNG_CELLS as usize {
        let accepts = format!("a render of at most {MAX_PNG_CELLS} cells for png");
        return Err(Problem::parameter("format", &accepts));
    }
    let work = work_of(cells);
    let permit = writing_permit(app, work).await?;
    let gone = CancellationToken::new();
    let _cancels_when_dropped = gone.clone().drop_guard();
    let background = render.spec.background();
    let title = render.image.metadata.name.clone().unwrap_or_else(|| "image".into());
    let (budget, text) = (app.response_budget.clone(), text.clone());
    let write = move || {
        let _permit = permit;
        if work == Work::Small {
            reservation.keep_small();
        }
        reservation.resize(reservation.bytes() + cells * size_of::<Cell>())?;
        let grid: Grid = text.as_str().parse().map_err(|err| bug(&err))?;
        reservation.resize(reservation.bytes() + format.working_bytes(&grid))?;
        let mut writer = ResponseWriter::new(budget, reservation, gone);
        let written = format.write(&grid, background, &title, &mut writer);
        drop((grid, text));
        let body = writer.finish(written)?;
        let policy = content_security_policy(Some(&body).filter(|_| format == Output::Html));
        Ok((Body::new(body), policy))
    };
    // CPU-bound
    spawn_blocking(write).await.map_err(|err| bug(&err))?
}

/// How much work it is to write a render of so many cells in another format than text.
pub(crate) fn work_of(cells: usize) -> Work {
    if cells <= SMALL_CELLS {
        Work::Small
    } else if cells <= LARGE_CELLS {
        Work::Large
    } else {
        Work::Huge
    }
}

/// Waits for the permit of such work.
///
/// # Errors
/// 503 after `RENDER_WAIT_S`.
pub(crate) async fn writing_permit(app: &App, work: Work) -> Result<OwnedSemaphorePermit, Problem> {
    let permit = timeout(app.pipeline.config().render_wait, app.writers.acquire(work));
    permit.await.map_err(|_| {
        Problem::new(BUSY, "all cores are busy writing responses: try again in a moment")
    })
}

/// Permits nothing but the inline style sheet of an HTML page, by its hash (CSP Level 3, 2.3.1).
fn content_security_policy(page: Option<&ChunkedBody>) -> HeaderValue {
    let style_src = page.and_then(style_hash).map_or_else(String::new, |hash| {
        format!("; style-src 'sha256-{}'", BASE64_STANDARD.encode(hash))
    });
    HeaderValue::from_str(&format!("default-src 'none'{style_src}"))
        .expect("a hash in Base64 is ASCII")
}

/// SHA-256 of the style sheet of a page. It starts in the first chunk, and has no `<`.
fn style_hash(page: &ChunkedBody) -> Option<[u8; 32]> {
    const TAG: &[u8] = b"<style>";
    let mut chunks = page.chunks();
    let first = chunks.next()?;
    let start = first.windows(TAG.len()).position(|tag| tag == TAG)? + TAG.len();
    let mut hash = Sha256::new();
    for part in [&first[start..]].into_iter().chain(chunks) {
        let end = part.iter().position(|byte| *byte == b'<');
        hash.update(&part[..end.unwrap_or(part.len())]);
        if end.is_some() {
            break;
        }
    }
    Some(hash.finalize().into())
}

/// A response with `body`, and with the origin and the timing of `text`.
fn respond(body: Body, text: &Text) -> Response {
    let mut response = body.into_response();
    response.extensions_mut().insert(Reserved);
    let cache = if text.hit { "planet; hit" } else { "planet; fwd=miss; stored" };
    response.headers_mut().insert(CACHE_STATUS, HeaderValue::from_static(cache));
    let mut timing = String::new();
    for (stage, took) in text.stages() {
        let comma = if timing.is_empty() { "" } else { ", " };
        let ms = took.as_secs_f64() * 1000.0;
        write!(timing, "{comma}{stage};dur={ms:.1}").expect("writing to a String cannot fail");
    }
    if let Ok(timing) = HeaderValue::from_str(&timing)
        && !timing.is_empty()
    {
        response.headers_mut().insert(SERVER_TIMING, timing);
    }
    response
}

/// Sets the headers that responses with 200 and 304 have in common. `is_pinned`: the query has a
/// version, so that the response never changes; no shared cache may keep it when the image is
/// deleted.
fn set_headers(headers: &mut HeaderMap, render: &ResolvedRender, format: Output, is_pinned: bool) {
    let charset = if format == Output::Png { "" } else { "; charset=utf-8" };
    let media_type = format!("{}{charset}", format.media_type());
    for (name, value) in
        [(header::CONTENT_TYPE, media_type.as_str()), (header::ETAG, &etag(render, format))]
    {
        headers.insert(name, HeaderValue::from_str(value).expect("these values are ASCII"));
    }
    if is_pinned {
        let caching = HeaderValue::from_static("private, max-age=31536000, immutable");
        headers.insert(header::CACHE_CONTROL, caching);
    }
    let since = modified(render).unwrap_or_else(|| super::system_time(render.image.stored_at));
    headers.insert(header::LAST_MODIFIED, super::http_date(since));
    headers.insert(RENDER_VERSION, render.version.into());
}

/// Lists the stored renders of an image, and the state of its job.
#[utoipa::path(
    get, path = "/images/{id}/renders", tag = "renders",
    params(("id" = String, Path, description = "Id of the image.")),
    responses(
        (status = 200, description = "The stored renders.", body = RendersBody),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(State(app): State<App>, Id(id): Id) -> Result<Response, Problem> {
    let stored = app.pipeline.renders(id).await?.ok_or_else(Problem::no_image)?;
    let StoredRenders { renders, job } = stored;
    let presets = &app.pipeline.config().presets;
    let items = renders.into_iter().map(|render| {
        let preset = presets.iter().find(|preset| preset.spec.to_string() == render.spec);
        RenderBody::new(&id.to_string(), render, preset)
    });
    let body = RendersBody { items: items.collect(), job: job.map(Into::into) };
    Ok(Json(body).into_response())
}
