//! Who may see an image: its visibility, and links to it.

use asciify::write::Output;
use axum::{
    extract::{FromRequestParts, Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use common::{
    account::{audit::audit, principal::Principal},
    image::ImageId,
    visibility::Visibility,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::{Changes, rights_interval},
    account_responses::{ShareBody, SharesBody},
    app::App,
    extract::{Id, RenderQuery},
    headers::NO_STORE,
    json_body::{JsonBody, OptionalJsonBody},
    problem::{NOT_FOUND, Problem, ProblemBody, TOO_MANY},
    responses::{Binary, ImageBody, Json},
    routes::{
        images::original_of,
        play::answer_recording,
        renders::{choose_format, render_text},
        tokens::life,
    },
};

/// The address of a link is its secret: pages that it leads to must not learn it.
const NO_REFERRER: (HeaderName, HeaderValue) =
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));

/// The body of a change of an image.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageChangeBody {
    /// `private` or `public`.
    #[schema(example = "public")]
    visibility: String,
}

/// Makes an image private or public.
#[utoipa::path(
    patch, path = "/images/{id}", operation_id = "changeImage", tag = "images",
    params(("id" = String, Path, description = "Id of the image.")),
    request_body = ImageChangeBody,
    responses(
        (status = 200, description = "The image.", body = ImageBody),
        (status = 400, description = "The body is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The image belongs to another user, or the token lacks the scope `upload`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn change(
    State(app): State<App>,
    Changes(principal): Changes,
    Id(id): Id,
    JsonBody(change): JsonBody<ImageChangeBody>,
) -> Result<Response, Problem> {
    let visibility: Result<Visibility, _> = change.visibility.parse();
    let visibility =
        visibility.map_err(|_| Problem::parameter("visibility", "private or public"))?;
    let summary = app.pipeline.set_visibility(id, visibility, &principal).await?;
    Ok(Json(ImageBody::new(summary, &principal)).into_response())
}

/// The body of a request for a link; it may be left out.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewShareBody {
    /// How long the link works, in seconds; without it, until it is revoked.
    expires_in_s: Option<u64>,
}

/// Makes a link that shows one image to everyone who has it. The answer shows it, once.
#[utoipa::path(
    post, path = "/images/{id}/shares", operation_id = "createShare", tag = "accounts",
    params(("id" = String, Path, description = "Id of the image.")),
    request_body = Option<NewShareBody>,
    responses(
        (status = 201, description = "The link.", body = ShareBody),
        (status = 400, description = "The body is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The image belongs to another user, or the token lacks the scope `upload`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The image has `MAX_SHARES` already.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    Changes(principal): Changes,
    Id(id): Id,
    OptionalJsonBody(new): OptionalJsonBody<NewShareBody>,
) -> Result<Response, Problem> {
    let made = app.pipeline.create_share(id, &principal, life(new.expires_in_s)?).await?;
    let (secret, share) = made.ok_or_else(|| {
        let max = app.pipeline.config().accounts.max_shares;
        Problem::new(TOO_MANY, format!("the image has {max} links: revoke one"))
    })?;
    audit("link made", &principal, &id);
    let body = Json(ShareBody::new(share, Some(secret)));
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, NO_STORE)], body).into_response())
}

/// Lists the links to an image, newest first, without their secrets.
#[utoipa::path(
    get, path = "/images/{id}/shares", operation_id = "listShares", tag = "accounts",
    params(("id" = String, Path, description = "Id of the image.")),
    responses(
        (status = 200, description = "The links.", body = SharesBody),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The image belongs to another user, or the token lacks the scope `upload`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Changes(principal): Changes,
    Id(id): Id,
) -> Result<Json<SharesBody>, Problem> {
    let shares = app.pipeline.shares(id, &principal).await?.into_iter();
    Ok(Json(SharesBody { items: shares.map(|share| ShareBody::new(share, None)).collect() }))
}

/// Revokes a link: it shows nothing from now on.
#[utoipa::path(
    delete, path = "/images/{id}/shares/{share}", operation_id = "revokeShare", tag = "accounts",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("share" = String, Path, description = "Id of the link."),
    ),
    responses(
        (status = 204, description = "Revoked."),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "The image belongs to another user, or the token lacks the scope `upload`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image, or it has no such link.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    Changes(principal): Changes,
    Path((id, share)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let id: ImageId = id.parse().map_err(|_| Problem::no_image())?;
    let revoked = match share.parse() {
        Ok(share) => app.pipeline.revoke_share(id, share, &principal).await?,
        Err(_) => {
            app.pipeline.check_change(id, &principal).await?;
            false
        }
    };
    if !revoked {
        return Err(Problem::new(NOT_FOUND, "the image has no such link; …/shares lists them"));
    }
    audit("link revoked", &principal, &id);
    Ok(StatusCode::NO_CONTENT)
}

/// The holder of the link of the path, and the image that it shows.
pub(crate) struct Shared {
    secret: String,
    image: ImageId,
    reader: Principal,
}

impl FromRequestParts<App> for Shared {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let path = Path::<String>::from_request_parts(parts, app).await;
        let found = match path {
            Ok(Path(secret)) => app.pipeline.shared_image(&secret).await?.map(|it| (secret, it)),
            Err(_) => None,
        };
        let (secret, image) = found.ok_or_else(|| {
            Problem::new(NOT_FOUND, "no such link: it is mistyped, has ended or was revoked")
        })?;
        Ok(Shared { secret, image, reader: Principal::ShareLink(image) })
    }
}

/// Returns once a link has ended or was revoked.
async fn lose_link(app: App, secret: String) {
    loop {
        rights_interval().await;
        if let Ok(None) = app.pipeline.shared_image(&secret).await {
            return;
        }
    }
}

/// Returns the image of a link as text, with every option.
#[utoipa::path(
    get, path = "/s/{secret}", operation_id = "getSharedRender", tag = "accounts",
    params(
        ("secret" = String, Path, description = "The secret of the link."),
        ("format" = Option<String>, Query, description = "`txt`, `ansi`, `html`, `svg`, `png` or `cast`, and the options of `/images/{id}`."),
    ),
    responses(
        (status = 200, description = "The image as text.", content(
            (String = "text/plain"), (String = "text/html"), (String = "image/svg+xml"),
            (inline(Binary) = "image/png"), (String = "application/x-asciicast"),
        )),
        (status = 304, description = "Not modified."),
        (status = 400, description = "A parameter is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such link.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` excludes every format.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn text(
    State(app): State<App>,
    headers: HeaderMap,
    Shared { secret, image, reader }: Shared,
    mut query: RenderQuery,
) -> Result<Response, Problem> {
    query.spec = query.spec_for(&app, image, &reader).await?;
    if query.is_recording {
        let lost = lose_link(app.clone(), secret);
        let response = answer_recording(&app, &reader, image, query, lost).await?;
        return Ok(([NO_REFERRER], response).into_response());
    }
    let offers = Output::ALL.iter().filter(|format| **format != Output::Ansi);
    let offers: Vec<&str> = offers.map(|format| format.media_type()).collect();
    // without JSON among the offers, there is always a format
    let format = choose_format(&headers, &query, &offers)?.unwrap_or(Output::Txt);
    let response = render_text(&app, &headers, &reader, image, query, format).await?;
    Ok(([NO_REFERRER], response).into_response())
}

/// Returns the original of the image of a link.
#[utoipa::path(
    get, path = "/s/{secret}/original", operation_id = "getSharedOriginal", tag = "accounts",
    params(("secret" = String, Path, description = "The secret of the link.")),
    responses(
        (status = 200, description = "The original.", body = inline(Binary), content_type = "image/*"),
        (status = 206, description = "The requested range.", body = inline(Binary), content_type = "image/*"),
        (status = 304, description = "Not modified."),
        (status = 404, description = "No such link.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn original(
    State(app): State<App>,
    method: Method,
    headers: HeaderMap,
    Shared { image, reader, .. }: Shared,
) -> Result<Response, Problem> {
    let response = original_of(&app, &method, &headers, image, &reader).await?;
    Ok(([NO_REFERRER], response).into_response())
}
