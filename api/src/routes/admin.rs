//! Users, for admins; and the end of one's own account.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use common::{
    account::{
        audit::audit,
        user::{User, UserState},
    },
    catalog::UserChange,
    user_id::UserId,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::Administers,
    account_responses::{UserBody, UsersBody},
    app::App,
    extract::query,
    headers::CLEAR_CACHE,
    json_body::JsonBody,
    negotiate::negotiate,
    pages,
    problem::{FORBIDDEN, NOT_FOUND, Problem, ProblemBody},
    responses::Json,
    routes::tokens::principal_of,
    session::SignedIn,
};

/// Users on a page.
const PAGE: u64 = 100;

/// Lists users, in the order of their first sign-in; to a browser, as a page.
#[utoipa::path(
    get, path = "/admin/users", operation_id = "listUsers", tag = "accounts",
    params(("after" = Option<String>, Query, description = "Only users after the one with this id.")),
    responses(
        (status = 200, description = "A page of users.", content((UsersBody = "application/json"), (String = "text/html"))),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for admins.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Administers(admin): Administers,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut after = None;
    for (name, value) in query(&uri)? {
        let id = (name == "after").then(|| value.parse().ok()).flatten();
        after = Some(id.ok_or_else(|| Problem::parameter("after", "the id of a user"))?);
    }
    let users = app.pipeline.users(after, PAGE).await?;
    let next = users.last().filter(|_| users.len() as u64 == PAGE);
    let next = next.map(|last| format!("/admin/users?after={}", last.id));
    Ok(match negotiate(&headers, &["application/json", "text/html"]) {
        Some("text/html") => {
            pages::users(&users, &app.pipeline.config().accounts, next, admin.user())
        }
        _ => {
            let items = users.into_iter().map(UserBody::from).collect();
            ([(header::VARY, "accept")], Json(UsersBody { items, next })).into_response()
        }
    })
}

/// Describes a user.
#[utoipa::path(
    get, path = "/admin/users/{user}", operation_id = "getUser", tag = "accounts",
    params(("user" = String, Path, description = "Id of the user.")),
    responses(
        (status = 200, description = "The user.", body = UserBody),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for admins.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such user.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn one(
    State(app): State<App>,
    Administers(_admin): Administers,
    Path(id): Path<String>,
) -> Result<Json<UserBody>, Problem> {
    let user = app.pipeline.user(user_id(&id)?).await?;
    found(user)
}

/// What to change of a user. A limit of null is that of everyone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChangeBody {
    /// Whether the account is blocked.
    blocked: Option<bool>,
    /// Most bytes of their originals.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    max_bytes: Option<Option<u64>>,
    /// Most images.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>)]
    max_images: Option<Option<u64>>,
}

/// Blocks or unblocks a user, or gives them limits of their own. Who is blocked is refused at once,
/// and their event streams end within seconds.
#[utoipa::path(
    patch, path = "/admin/users/{user}", operation_id = "changeUser", tag = "accounts",
    params(("user" = String, Path, description = "Id of the user.")),
    request_body = UserChangeBody,
    responses(
        (status = 200, description = "The user.", body = UserBody),
        (status = 400, description = "The body is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for admins, and not for their own account.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such user.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn change(
    State(app): State<App>,
    Administers(admin): Administers,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<UserChangeBody>,
) -> Result<Json<UserBody>, Problem> {
    let user = user_id(&id)?;
    if body.blocked == Some(true) && admin.user() == Some(user) {
        let detail = "you cannot block your own account: another admin or planet-admin can";
        return Err(Problem::new(FORBIDDEN, detail));
    }
    let state = body.blocked.map(|blocked| match blocked {
        true => UserState::Blocked,
        false => UserState::Active,
    });
    let change = UserChange { state, max_bytes: body.max_bytes, max_images: body.max_images };
    let user = found(app.pipeline.change_user(user, change).await?)?;
    app.credentials.forget();
    let action = match state {
        Some(UserState::Blocked) => "user blocked",
        Some(_) => "user unblocked",
        None => "limits of a user changed",
    };
    audit(action, &admin, &id);
    Ok(user)
}

/// Deletes the account of a user, and all of their images.
#[utoipa::path(
    delete, path = "/admin/users/{user}", operation_id = "deleteUser", tag = "accounts",
    params(("user" = String, Path, description = "Id of the user.")),
    responses(
        (status = 202, description = "The account cannot be used any more; its images are removed soon."),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "Only for admins, and not for their own account.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such user.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    Administers(admin): Administers,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = user_id(&id)?;
    if admin.user() == Some(user) {
        let detail = "this is your own account: delete it at /account";
        return Err(Problem::new(FORBIDDEN, detail));
    }
    if !app.pipeline.begin_leaving(user).await? {
        return Err(no_user());
    }
    app.credentials.forget();
    audit("account deletion begun", &admin, &id);
    Ok(StatusCode::ACCEPTED)
}

/// Deletes the account of who is signed in, and all of their images.
#[utoipa::path(
    delete, path = "/account", operation_id = "deleteAccount", tag = "accounts",
    responses(
        (status = 202, description = "The account cannot be used any more; its images are removed soon."),
        (status = 401, description = "Not signed in with a browser.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn leave(
    State(app): State<App>,
    SignedIn { user, .. }: SignedIn,
) -> Result<Response, Problem> {
    app.pipeline.begin_leaving(user.id).await?;
    app.credentials.forget();
    audit("account deletion begun", &principal_of(&user), &user.id);
    Ok((StatusCode::ACCEPTED, [CLEAR_CACHE]).into_response())
}

fn user_id(text: &str) -> Result<UserId, Problem> {
    text.parse().map_err(|_| no_user())
}

fn found(user: Option<User>) -> Result<Json<UserBody>, Problem> {
    user.map(|user| Json(UserBody::from(user))).ok_or_else(no_user)
}

fn no_user() -> Problem {
    Problem::new(NOT_FOUND, "no such user; /admin/users lists them")
}

/// Tells a null from a field that is left out.
fn given<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(field).map(Some)
}
