//! The first page: a gallery for a browser, a few lines for a terminal.

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderName, header, request::Parts},
    response::{IntoResponse, Response},
};
use common::{catalog::Page, image::ImageId, preset::Preset};

use crate::{
    App,
    accept::negotiate,
    extract::{named, query},
    pages::{favourite, gallery},
    problem::{Problem, ProblemBody},
};

/// Images on a page.
const PAGE: u64 = 24;
/// Images that the page's script asks for at a time, when a reader goes on.
const MORE: u64 = 96;
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// What `GET /` asks for.
pub(crate) struct Wanted {
    look: Preset,
    before: Option<ImageId>,
}

impl FromRequestParts<App> for Wanted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let presets = &app.pipeline.config().presets;
        let mut wanted = Wanted { look: favourite(presets).clone(), before: None };
        for (name, value) in query(&parts.uri)? {
            match name.as_str() {
                "look" => wanted.look = named(presets, "look", &value)?.clone(),
                "cursor" => {
                    let cursor = value.parse().ok();
                    wanted.before = Some(cursor.ok_or_else(|| {
                        Problem::parameter("cursor", "the cursor of an older page, unchanged")
                    })?);
                }
                // links to a page carry all sorts of things
                _ => {}
            }
        }
        Ok(wanted)
    }
}

/// Says what to do first; to a browser, shows every image.
#[utoipa::path(
    get, path = "/", tag = "documentation",
    params(
        ("look" = Option<String>, Query, description = "The preset that the gallery draws with."),
        ("cursor" = Option<String>, Query, description = "From the gallery's link to older images."),
    ),
    responses(
        (status = 200, description = "A few lines, or the gallery.", content((String = "text/plain"), (String = "text/html"))),
        (status = 400, description = "A parameter is wrong.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn home(
    State(app): State<App>,
    headers: HeaderMap,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let at = origin(&headers);
    if negotiate(&headers, &["text/plain", "text/html"]) != Some("text/html") {
        return Ok(([(header::VARY, "accept")], lines(&at)).into_response());
    }
    let page = Page { limit: PAGE, before: wanted.before, ..Page::default() };
    let (shown, more) = app.pipeline.list(page).await?;
    let last = shown.last().filter(|_| more).map(|shown| shown.image.id);
    let next = last.map(|id| format!("/images?cursor={id}&limit={MORE}"));
    let presets = &app.pipeline.config().presets;
    Ok(gallery(&at, presets, &wanted.look, &shown, next, wanted.before.is_none()))
}

fn lines(at: &str) -> String {
    format!(
        "Planet Image API: upload imagery once; look at it wherever there is only text.\n\n\
         \x20 curl -F image=@photo.jpg {at}/images      upload; answers the image's JSON\n\
         \x20 curl {at}/images                          list, newest first\n\
         \x20 curl {at}/images/ID                       look at it\n\
         \x20 curl '{at}/images/ID?width=160'           look at it, larger\n\
         \x20 curl -X DELETE {at}/images/ID             remove it\n\n\
         Everything else: {at}/docs in a browser, or here:\n\n\
         \x20 curl -H 'Accept: text/plain' {at}/docs\n"
    )
}

/// Scheme and host as the client sees them, for commands that are shown: a proxy in front may speak
/// TLS.
pub(crate) fn origin(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = if text(FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
    format!("{scheme}://{}", text(header::HOST).unwrap_or("localhost:8080"))
}
