//! The tokens of who is signed in. Only people make them: a token makes and shows no tokens.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use common::account::{
    audit::audit,
    principal::{Caller, Principal},
    scopes::{Scope, Scopes},
    token::{MAX_TOKEN_NAME, token_name},
    user::User,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    account_responses::{TokenBody, TokensBody},
    app::App,
    json_body::JsonBody,
    problem::{BAD_PARAMETER, FORBIDDEN, NOT_FOUND, Problem, ProblemBody, TOO_MANY},
    responses::Json,
    session::SignedIn,
};

/// How long a token is valid unless the request says otherwise: 90 days.
const DEFAULT_LIFE_S: u64 = 90 * 86_400;
/// The longest time, in seconds: ten years.
pub(crate) const MAX_LIFE_S: u64 = 10 * 365 * 86_400;

/// The body of a request for a token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTokenBody {
    /// What it is for.
    #[schema(example = "CI", max_length = 100)]
    name: String,
    /// `read`, `upload`, `delete`, and for admins `admin`.
    #[schema(example = json!(["read", "upload"]))]
    scopes: Vec<String>,
    /// How long it is valid, in seconds: 90 days if left out.
    expires_in_s: Option<u64>,
}

/// Makes a token. The answer shows it, once.
#[utoipa::path(
    post, path = "/account/tokens", operation_id = "createToken", tag = "accounts",
    request_body = NewTokenBody,
    responses(
        (status = 201, description = "The token.", body = TokenBody),
        (status = 400, description = "The body is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "Not signed in with a browser.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only admins have the scope `admin`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The user has `MAX_TOKENS` already.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn create(
    State(app): State<App>,
    SignedIn { user, .. }: SignedIn,
    JsonBody(new): JsonBody<NewTokenBody>,
) -> Result<Response, Problem> {
    let scopes = check_scopes(&new.scopes, &user)?;
    let name = token_name(&new.name)
        .ok_or_else(|| Problem::parameter("name", &format!("1 to {MAX_TOKEN_NAME} characters")))?;
    let life = life(Some(new.expires_in_s.unwrap_or(DEFAULT_LIFE_S)))?;
    let made = app.pipeline.create_token(user.id, &name, scopes, life).await?;
    let (secret, token) = made.ok_or_else(|| {
        let max = app.pipeline.config().accounts.max_tokens;
        Problem::new(TOO_MANY, format!("you have {max} tokens: revoke one"))
    })?;
    audit("token made", &principal_of(&user), &token.id);
    Ok((StatusCode::CREATED, Json(TokenBody::new(token, Some(secret)))).into_response())
}

/// Lists the tokens of who is signed in, newest first, without their secrets.
#[utoipa::path(
    get, path = "/account/tokens", operation_id = "listTokens", tag = "accounts",
    responses(
        (status = 200, description = "The tokens.", body = TokensBody),
        (status = 401, description = "Not signed in with a browser.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    SignedIn { user, .. }: SignedIn,
) -> Result<Json<TokensBody>, Problem> {
    let tokens = app.pipeline.tokens(user.id).await?.into_iter();
    Ok(Json(TokensBody { items: tokens.map(|token| TokenBody::new(token, None)).collect() }))
}

/// Revokes a token: it is refused from now on.
#[utoipa::path(
    delete, path = "/account/tokens/{token}", operation_id = "revokeToken", tag = "accounts",
    params(("token" = String, Path, description = "Id of the token.")),
    responses(
        (status = 204, description = "Revoked."),
        (status = 401, description = "Not signed in with a browser.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The user has no such token.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    Path(id): Path<String>,
    SignedIn { user, .. }: SignedIn,
) -> Result<StatusCode, Problem> {
    let revoked = match id.parse() {
        Ok(id) => app.pipeline.revoke_token(user.id, id).await?,
        Err(_) => false,
    };
    if !revoked {
        return Err(Problem::new(NOT_FOUND, "no such token; /account/tokens lists them"));
    }
    app.credentials.forget();
    audit("token revoked", &principal_of(&user), &id);
    Ok(StatusCode::NO_CONTENT)
}

/// The scopes of those names.
fn check_scopes(names: &[String], user: &User) -> Result<Scopes, Problem> {
    let scopes: Result<Scopes, _> = names.iter().map(|name| name.parse::<Scope>()).collect();
    let scopes = scopes.map_err(|err| Problem::new(BAD_PARAMETER, format!("scopes: {err}")))?;
    if scopes == Scopes::NONE {
        return Err(Problem::parameter("scopes", "at least one of read, upload, delete"));
    }
    let caller = Caller { id: user.id, role: user.role, scopes };
    if scopes.contains(Scope::Admin) && !caller.is_admin() {
        return Err(Problem::new(FORBIDDEN, "only admins may make a token with the scope admin"));
    }
    Ok(scopes)
}

/// A time in seconds that a request gives; `None`: without end.
pub(crate) fn life(seconds: Option<u64>) -> Result<Option<Duration>, Problem> {
    match seconds {
        None => Ok(None),
        Some(seconds @ 1..=MAX_LIFE_S) => Ok(Some(Duration::from_secs(seconds))),
        Some(_) => Err(Problem::parameter("expires_in_s", &format!("1 to {MAX_LIFE_S} seconds"))),
    }
}

/// A user with all rights of their session.
pub(crate) fn principal_of(user: &User) -> Principal {
    Principal::User(Caller { id: user.id, role: user.role, scopes: Scopes::ALL })
}
