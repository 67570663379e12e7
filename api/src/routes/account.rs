//! The account of who is signed in: `/account…`. These addresses exist only if a provider is set.

use axum::{
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use common::account::audit::audit;

use crate::{
    account_responses::{AccountBody, SessionBody, SessionsBody},
    app::App,
    headers::CLEAR_CACHE,
    negotiate::negotiate,
    pages,
    problem::{NOT_FOUND, Problem, ProblemBody},
    responses::Json,
    routes::tokens::principal_of,
    session::SignedIn,
};

/// Describes the account of who is signed in; to a browser, as a page.
#[utoipa::path(
    get, path = "/account", operation_id = "getAccount", tag = "accounts",
    responses(
        (status = 200, description = "The account.", content((AccountBody = "application/json"), (String = "text/html"))),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn account(
    State(app): State<App>,
    headers: HeaderMap,
    SignedIn { user, .. }: SignedIn,
) -> Response {
    let quota = app.pipeline.config().accounts.quota_of(&user);
    match negotiate(&headers, &["application/json", "text/html"]) {
        Some("text/html") => pages::account(&user, quota),
        _ => ([(header::VARY, "accept")], Json(AccountBody::new(user, quota))).into_response(),
    }
}

/// Lists the browsers in which the user is signed in, newest first.
#[utoipa::path(
    get, path = "/account/sessions", operation_id = "listSessions", tag = "accounts",
    responses(
        (status = 200, description = "The sessions.", body = SessionsBody),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn sessions(
    State(app): State<App>,
    SignedIn { session, user }: SignedIn,
) -> Result<Json<SessionsBody>, Problem> {
    let sessions = app.pipeline.sessions(user.id).await?.into_iter();
    let items = sessions.map(|one| {
        let is_current = one.id == session;
        SessionBody::new(one, is_current)
    });
    Ok(Json(SessionsBody { items: items.collect() }))
}

/// Ends a session: the browser is signed out.
#[utoipa::path(
    delete, path = "/account/sessions/{session}", operation_id = "endSession", tag = "accounts",
    params(("session" = String, Path, description = "Id of the session.")),
    responses(
        (status = 204, description = "Ended."),
        (status = 401, description = "Not signed in.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "The user has no such session.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn end_session(
    State(app): State<App>,
    Path(id): Path<String>,
    SignedIn { session, user }: SignedIn,
) -> Result<Response, Problem> {
    let ended = match id.parse() {
        Ok(id) => app.pipeline.end_session(user.id, id).await?,
        Err(_) => false,
    };
    match ended {
        true => {
            app.credentials.forget();
            audit("session ended", &principal_of(&user), &id);
            Ok(match id == session.to_string() {
                true => (StatusCode::NO_CONTENT, [CLEAR_CACHE]).into_response(),
                false => StatusCode::NO_CONTENT.into_response(),
            })
        }
        false => Err(Problem::new(NOT_FOUND, "no such session; /account/sessions lists them")),
    }
}
