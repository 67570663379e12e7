//! The home page: the gallery for a browser, an overview for a terminal.

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderName, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use common::{
    account::principal::Principal, catalog::Page, image::ImageId, pipeline::ImageSummary,
    preset::Preset,
};

use crate::{
    access::Reads,
    app::App,
    extract::{find_preset, query},
    headers::BY_READER,
    listed_owner::{ListedOwner, listed_owner},
    negotiate::negotiate,
    pages::{AccountLink, GalleryRange, default_preset, gallery},
    problem::{Problem, ProblemBody},
    session::account_link,
};

/// Images on a page of the gallery.
const PAGE_SIZE: u64 = 24;
/// Images that the script of the gallery loads at a time.
const SCRIPT_PAGE_SIZE: u64 = 200;
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The query of `GET /`.
pub(crate) struct GalleryQuery {
    preset: Preset,
    before: Option<ImageId>,
    owner: Option<ListedOwner>,
}

impl FromRequestParts<App> for GalleryQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let presets = &app.pipeline.config().presets;
        let mut gallery =
            GalleryQuery { preset: default_preset(presets).clone(), before: None, owner: None };
        for (name, value) in query(&parts.uri)? {
            match name.as_str() {
                "preset" => gallery.preset = find_preset(presets, &value)?.clone(),
                "cursor" => {
                    let cursor = value.parse().ok();
                    gallery.before = Some(cursor.ok_or_else(|| {
                        Problem::parameter(
                            "cursor",
                            "the cursor of a link to older images, unchanged",
                        )
                    })?);
                }
                "owner" if app.sign_in.is_some() => {
                    gallery.owner = Some(ListedOwner::parse(&value)?);
                }
                // links from other sites may add parameters, such as utm_source
                _ => {}
            }
        }
        Ok(gallery)
    }
}

/// Returns an overview; to a browser, the gallery.
#[utoipa::path(
    get, path = "/", tag = "documentation",
    params(
        ("preset" = Option<String>, Query, description = "The preset of the gallery's renders."),
        ("cursor" = Option<String>, Query, description = "The cursor of a link to older images."),
    ),
    responses(
        (status = 200, description = "The overview, or the gallery.", content((String = "text/plain"), (String = "text/html"))),
        (status = 304, description = "The gallery is not modified."),
        (status = 400, description = "A parameter is invalid.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn home(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    Reads(reader): Reads,
    query: GalleryQuery,
) -> Result<Response, Problem> {
    let at = origin(&headers);
    if negotiate(&headers, &["text/plain", "text/html"]) != Some("text/html") {
        return Ok(([(header::VARY, "accept")], overview(&at)).into_response());
    }
    let account = account_link(&app, &headers, &uri).await?;
    let key = format!("{at}{uri} {account:?} {reader:?}");
    let made = gallery_page(&app, &at, account.as_ref(), query, &reader);
    let mut response = app.pages.answer(&headers, key, made).await?;
    if reader != Principal::Open {
        response.headers_mut().append(header::VARY, BY_READER);
    }
    Ok(response)
}

async fn gallery_page(
    app: &App,
    at: &str,
    account: Option<&AccountLink>,
    query: GalleryQuery,
    reader: &Principal,
) -> Result<Response, Problem> {
    let owner = listed_owner(reader, query.owner)?;
    let shown = query.owner.map(ListedOwner::parameter).unwrap_or_default();
    let page = Page { limit: PAGE_SIZE, before: query.before, owner, ..Page::default() };
    let (images, has_more) = app.pipeline.list(page.clone(), reader).await?;
    let last = images.last().filter(|_| has_more).map(|summary| summary.image.id);
    let range = GalleryRange {
        before: query.before,
        newer: newer_page(app, page, &images, reader).await?,
        next: last.map(|id| format!("/images?cursor={id}&limit={SCRIPT_PAGE_SIZE}{shown}")),
    };
    Ok(gallery(at, account, &app.pipeline.config().presets, &query.preset, &images, &range))
}

/// The cursor of the page of images before `page`; `None` if that page has the
/// newest.
async fn newer_page(
    app: &App,
    page: Page,
    images: &[ImageSummary],
    reader: &Principal,
) -> Result<Option<ImageId>, Problem> {
    let Some(cursor) = page.before else { return Ok(None) };
    let first = images.first().map_or(cursor, |summary| summary.image.id);
    let page = Page { limit: PAGE_SIZE + 1, before: None, after: Some(first), ..page };
    let (newer, _) = app.pipeline.list(page, reader).await?;
    let is_full = newer.len() as u64 > PAGE_SIZE;
    Ok(newer.first().filter(|_| is_full).map(|summary| summary.image.id))
}

fn overview(at: &str) -> String {
    format!(
        "Planet Image API: stores images and renders them as text.\n\n\
         \x20 curl -F image=@photo.jpg {at}/images      upload; returns JSON with the id\n\
         \x20 curl {at}/images                          list all images, newest first\n\
         \x20 curl {at}/images/ID                       view it as text\n\
         \x20 curl '{at}/images/ID?width=160'           view it 160 columns wide\n\
         \x20 curl -X DELETE {at}/images/ID             delete it\n\n\
         All options: {at}/docs in a browser, or in a terminal:\n\n\
         \x20 curl -H 'Accept: text/plain' {at}/docs\n"
    )
}

/// Scheme and host as the client sees them, for commands on pages. A proxy in front may terminate
/// TLS (`X-Forwarded-Proto`).
pub(crate) fn origin(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = if text(FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
    format!("{scheme}://{}", text(header::HOST).unwrap_or("localhost:8080"))
}
