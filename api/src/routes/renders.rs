//! Renders: an image as text, and the list of stored renders.

use std::{fmt::Write, time::SystemTime};

use asciify::{Bands, Palette, write::Output};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use common::{
    account::principal::Principal,
    image::ImageId,
    pipeline::{ResolvedRender, StoredRenders, Text},
    render::sha256_hex,
};

use crate::{
    access::{Reads, lose_rights},
    app::App,
    caching::{caching_of, is_shared},
    conditional::{Condition, condition},
    extract::{Id, RenderQuery},
    headers::BY_READER,
    negotiate::negotiate,
    options::Options,
    pages::{Reader, viewer},
    problem::{NOT_ACCEPTABLE, Problem, ProblemBody},
    render_writer::{Answer, answer},
    response_budget::Reserved,
    responses::{Binary, ImageBody, Json, RenderBody, RendersBody},
    routes::{home::origin, play::answer_recording},
    session::account_link,
};

const JSON: &str = "application/json";
/// Part of every entity tag: raised when the bytes of an output format change for the same render.
const OUTPUT_REVISION: u32 = 2;
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
    get, path = "/images/{id}", operation_id = "getRender", tag = "renders",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("preset" = Option<String>, Query, description = "A named set of options, which other options override. `/presets` lists them."),
        Options,
        ("bbox" = Option<String>, Query, description = "A bounding box instead of `region`: `minx,miny,maxx,maxy`. Drawn is the smallest region of the image that contains it. Only for images whose metadata have `geo`."),
        ("coord_crs" = Option<String>, Query, description = "EPSG code of the coordinates of `bbox`: 4326 (longitude and latitude, the default), 3857, UTM on WGS 84 (32601 to 32660, 32701 to 32760), or the image's own."),
        ("bidx" = Option<u32>, Query, minimum = 1, description = "TiTiler's name of `bands`: one band, or given three times."),
        ("rescale" = Option<String>, Query, description = "TiTiler's name of `stretch`: `0,3000`, or given three times."),
        ("algorithm_params" = Option<String>, Query, description = "TiTiler's form of `azimuth`, `angle_altitude` and `z_exaggeration`: a JSON object of them."),
        ("format" = Option<String>, Query, description = "`txt`, `ansi` (text with the terminal colours of `color`), `html`, `svg`, `png`, or `cast` (a recording of an animation, as of `/images/{id}/play`). Without it, `Accept` decides, and plain text includes colours."),
        ("version" = Option<u32>, Query, minimum = 1, description = "The stored render of this engine version."),
    ),
    responses(
        (status = 200, description = "The image as text.", content(
            (String = "text/plain"), (String = "text/html"), (String = "image/svg+xml"),
            (inline(Binary) = "image/png"), (String = "application/x-asciicast"), (ImageBody = "application/json"),
        ), headers(
            ("Render-Version" = u32, description = "Engine version of the render."),
            ("Cache-Status" = String, description = "Whether the render was cached in memory (RFC 9211)."),
            ("Server-Timing" = String, description = "Duration of the stages of a render that was not cached, and of writing its format."),
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
    uri: Uri,
    Reads(reader): Reads,
    Id(id): Id,
    mut query: RenderQuery,
) -> Result<Response, Problem> {
    query.spec = query.spec_for(&app, id, &reader).await?;
    if query.is_recording {
        let lost = lose_rights(app.clone(), headers, reader.clone());
        return answer_recording(&app, &reader, id, query, lost).await;
    }
    let offers = Output::ALL.iter().filter(|format| **format != Output::Ansi);
    let offers: Vec<&str> = offers.map(|format| format.media_type()).chain([JSON]).collect();
    let Some(format) = choose_format(&headers, &query, &offers)? else {
        let summary = app.pipeline.summary(id, &reader).await?.ok_or_else(Problem::no_image)?;
        let caching = caching_of(&app, &summary.image, &reader);
        let body = Json(ImageBody::new(summary, &reader));
        let vary = HeaderValue::from_static("accept");
        let headers = [(header::VARY, vary), (header::CACHE_CONTROL, caching)];
        return Ok((headers, body).into_response());
    };
    if format == Output::Html && query.format.is_none() {
        let stored = app.pipeline.renders(id, &reader).await?.ok_or_else(Problem::no_image)?;
        check_exists(&app, id, &query, &reader).await?;
        let config = app.pipeline.config();
        let account = account_link(&app, &headers, &uri).await?;
        let (origin, presets) = (origin(&headers), &config.presets);
        let reader = Reader {
            account: account.as_ref(),
            principal: &reader,
            public_images: config.accounts.public_images,
        };
        let mut page = viewer(&origin, &reader, presets, &stored.summary, &query, &stored.renders);
        if account.is_some() {
            page.headers_mut().append(header::VARY, BY_READER);
        }
        return Ok(page);
    }
    render_text(&app, &headers, &reader, id, query, format).await
}

/// The response with a text in `format`.
pub(crate) async fn render_text(
    app: &App,
    headers: &HeaderMap,
    reader: &Principal,
    id: ImageId,
    query: RenderQuery,
    format: Output,
) -> Result<Response, Problem> {
    let render = app.pipeline.resolve(id, query.spec, query.version, reader);
    let render = render.await.map_err(|err| Problem::from(&err))?;
    let tag = etag(&render, format);
    let mut response = match condition(headers, std::slice::from_ref(&tag), modified(&render)) {
        Condition::Unchanged => StatusCode::NOT_MODIFIED.into_response(),
        Condition::Fails => return Err(Problem::precondition()),
        Condition::Holds => respond(answer(app, &render, format, &tag).await?),
    };
    let is_shared = is_shared(app, &render.image, reader);
    let caching = match (query.version, reader) {
        // It never changes. With accounts, who may read it does.
        (Some(_), Principal::Open) => {
            HeaderValue::from_static("private, max-age=31536000, immutable")
        }
        _ => caching_of(app, &render.image, reader),
    };
    set_headers(response.headers_mut(), &render, format, &tag, caching);
    if *reader != Principal::Open && !is_shared {
        // who signs in with the same browser next
        response.headers_mut().append(header::VARY, BY_READER);
    }
    if query.format.is_none() {
        response.headers_mut().append(header::VARY, HeaderValue::from_static("accept"));
    }
    Ok(response)
}

/// Checks that the version, the frame, the bands and the region of a page's query exist.
async fn check_exists(
    app: &App,
    id: ImageId,
    query: &RenderQuery,
    reader: &Principal,
) -> Result<(), Problem> {
    let spec = &query.spec;
    let selects_part =
        spec.frame() > 0 || *spec.bands() != Bands::Auto || !spec.region().is_relative();
    if query.version.is_some() || selects_part {
        let render = app.pipeline.resolve(id, query.spec.clone(), query.version, reader);
        let render = render.await.map_err(|err| Problem::from(&err))?;
        if selects_part {
            app.pipeline.text(&render).await.map_err(|err| Problem::from(&*err))?;
        }
    }
    Ok(())
}

/// The requested format, otherwise the one of `offers` that `Accept` prefers; `None` is JSON, the
/// metadata.
pub(crate) fn choose_format(
    headers: &HeaderMap,
    query: &RenderQuery,
    offers: &[&str],
) -> Result<Option<Output>, Problem> {
    if query.format.is_some() {
        return Ok(query.format);
    }
    // a terminal's text has the media type of plain text
    let chosen = negotiate(headers, offers).ok_or_else(|| {
        Problem::new(NOT_ACCEPTABLE, format!("available are {}", offers.join(", ")))
    })?;
    let format = Output::ALL.iter().copied().find(|format| format.media_type() == chosen);
    let is_colored = query.spec.color() != Palette::None;
    Ok(format.map(|format| match format {
        // a client that requests colours as plain text is a terminal
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
    let (id, spec, version) = (render.image.id, &render.canonical_spec, render.version);
    let identity = format!("{id} {spec} {version} {} {OUTPUT_REVISION}", format.name());
    format!("\"{}\"", &sha256_hex(identity.as_bytes())[..32])
}

/// A response with its body, and with the origin and the timing of its text.
fn respond(answer: Answer) -> Response {
    let Answer { body, policy, text, written_in } = answer;
    let mut response = body.into_response();
    response.extensions_mut().insert(Reserved);
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    let is_hit = text.as_ref().is_none_or(|text| text.hit);
    let cache = if is_hit { "planet; hit" } else { "planet; fwd=miss; stored" };
    response.headers_mut().insert(CACHE_STATUS, HeaderValue::from_static(cache));
    let mut timing = String::new();
    let of_text = text.as_ref().map_or(&[][..], Text::stages).iter().copied();
    for (stage, took) in of_text.chain(written_in.map(|took| ("write", took))) {
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

/// Sets the headers that responses with 200 and 304 have in common.
fn set_headers(
    headers: &mut HeaderMap,
    render: &ResolvedRender,
    format: Output,
    etag: &str,
    caching: HeaderValue,
) {
    let charset = if format == Output::Png { "" } else { "; charset=utf-8" };
    let media_type = format!("{}{charset}", format.media_type());
    for (name, value) in [(header::CONTENT_TYPE, media_type.as_str()), (header::ETAG, etag)] {
        headers.insert(name, HeaderValue::from_str(value).expect("these values are ASCII"));
    }
    headers.insert(header::CACHE_CONTROL, caching);
    let since = modified(render).unwrap_or_else(|| super::system_time(render.image.stored_at));
    headers.insert(header::LAST_MODIFIED, super::http_date(since));
    headers.insert(RENDER_VERSION, render.version.into());
}

/// Lists the stored renders of an image, and the state of its job.
#[utoipa::path(
    get, path = "/images/{id}/renders", operation_id = "listRenders", tag = "renders",
    params(("id" = String, Path, description = "Id of the image.")),
    responses(
        (status = 200, description = "The stored renders.", body = RendersBody),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Reads(reader): Reads,
    Id(id): Id,
) -> Result<Response, Problem> {
    let stored = app.pipeline.renders(id, &reader).await?.ok_or_else(Problem::no_image)?;
    let StoredRenders { summary, renders, job } = stored;
    let presets = &app.pipeline.config().presets;
    let items = renders.into_iter().map(|render| {
        let preset = presets.iter().find(|preset| preset.spec.to_string() == render.spec);
        RenderBody::new(&id.to_string(), render, preset)
    });
    let body = RendersBody { items: items.collect(), job: job.map(Into::into) };
    let caching = caching_of(&app, &summary.image, &reader);
    Ok(([(header::CACHE_CONTROL, caching)], Json(body)).into_response())
}
