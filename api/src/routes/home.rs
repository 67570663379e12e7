//! The home page: the gallery for a browser, an overview for a terminal.

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderName, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use common::{
    account::principal::Principal,
    catalog::{Cursor, Page},
    pipeline::{ImageSummary, Listing},
    preset::Preset,
};

use crate::{
    access::Reads,
    app::App,
    extract::{find_preset, query},
    headers::BY_READER,
    list_query::ListQuery,
    listed_owner::listed_owner,
    negotiate::negotiate,
    pages::{AccountLink, GalleryRange, curl, default_preset, gallery},
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
    list: ListQuery,
}

impl FromRequestParts<App> for GalleryQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let presets = &app.pipeline.config().presets;
        let has_accounts = app.sign_in.is_some();
        let mut preset = default_preset(presets);
        let mut pairs = query(&parts.uri)?;
        for (_, name) in pairs.iter().filter(|(name, _)| name == "preset") {
            preset = find_preset(presets, name)?;
        }
        // links from other sites may add parameters, such as utm_source
        pairs.retain(|(name, _)| match name.as_str() {
            "cursor" | "q" | "sort" => true,
            "owner" => has_accounts,
            _ => false,
        });
        let mut list = ListQuery::parse(&pairs, has_accounts)?;
        list.page.limit = PAGE_SIZE;
        Ok(GalleryQuery { preset: preset.clone(), list })
    }
}

/// Returns an overview; to a browser, the gallery.
#[utoipa::path(
    get, path = "/", operation_id = "getHome", tag = "documentation",
    params(
        ("preset" = Option<String>, Query, description = "The preset of the gallery's renders."),
        ("sort" = Option<String>, Query, pattern = "^(newest|oldest|name|size)$", description = "The order, as of `/images`."),
        ("q" = Option<String>, Query, max_length = 100, description = "Only images whose name has these words, as of `/images`."),
        ("cursor" = Option<String>, Query, description = "The cursor of a link to further images."),
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
        return Ok(
            ([(header::VARY, "accept")], overview(&at, app.sign_in.is_some())).into_response()
        );
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
    let GalleryQuery { preset, mut list } = query;
    let (owner, lister) = listed_owner(reader, list.owner)?;
    list.page.owner = owner;
    let Listing { images, next } = app.pipeline.list(list.page.clone(), &lister).await?;
    let range = GalleryRange {
        reader: reader.clone(),
        count: app.pipeline.count(list.page.clone(), &lister).await?,
        previous: previous_page(app, &list.page, &images, &lister).await?,
        address: next.as_ref().map(|next| list.address(next, SCRIPT_PAGE_SIZE)),
        next,
        list,
    };
    Ok(gallery(at, account, &app.pipeline.config().presets, &preset, &images, &range))
}

/// The cursor of the page before one that starts at the cursor of `page`; `None` if that page is the
/// first.
async fn previous_page(
    app: &App,
    page: &Page,
    images: &[ImageSummary],
    reader: &Principal,
) -> Result<Option<Cursor>, Problem> {
    let Some(cursor) = page.cursor.clone() else { return Ok(None) };
    let first = images.first().map(|summary| Cursor::of(&summary.image, page.sort));
    let before = Page {
        cursor: Some(first.unwrap_or(cursor)),
        is_backward: true,
        limit: PAGE_SIZE + 1,
        ..page.clone()
    };
    let images = app.pipeline.list(before, reader).await?.images;
    let is_full = images.len() as u64 > PAGE_SIZE;
    Ok(images.first().filter(|_| is_full).map(|summary| Cursor::of(&summary.image, page.sort)))
}

fn overview(at: &str, has_accounts: bool) -> String {
    let token = match has_accounts {
        true => format!(
            "Uploads, deletions and private images need a token, which {at}/account makes:\n\n\
             \x20 {} …\n\n",
            curl(true)
        ),
        false => String::new(),
    };
    format!(
        "Planet Image API: stores images and renders them as text.\n\n\
         \x20 curl -F image=@photo.jpg {at}/images      upload; returns JSON with the id\n\
         \x20 curl {at}/images                          list the images, newest first\n\
         \x20 curl {at}/images/ID                       view one as text\n\
         \x20 curl '{at}/images/ID?color=full'          in colours\n\
         \x20 curl '{at}/images/ID?width=160'           160 columns wide\n\
         \x20 curl -N {at}/images/ID/play               play an animation\n\
         \x20 curl -X DELETE {at}/images/ID             delete it\n\n\
         {token}\
         All addresses, and every option of a render:\n\n\
         \x20 curl {at}/docs\n"
    )
}

/// Scheme and host as the client sees them, for commands on pages. A proxy in front may terminate
/// TLS (`X-Forwarded-Proto`).
pub(crate) fn origin(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let scheme = if text(FORWARDED_PROTO) == Some("https") { "https" } else { "http" };
    format!("{scheme}://{}", text(header::HOST).unwrap_or("localhost:8080"))
}
