//! All routes, and the OpenAPI 3.1 document that is generated from them.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::DefaultBodyLimit,
    http::Uri,
    middleware::{from_fn_with_state, map_response},
    response::IntoResponse,
    routing::{delete, get, head, options, patch, post},
};
use tower_http::csrf::CsrfLayer;
use utoipa::OpenApi;

use crate::{
    app::App,
    cookies::Cookie,
    headers::set_no_store,
    middleware::{self, Middleware},
    overload::busy,
    problem::{NOT_FOUND, Problem},
    routes::{
        account, admin, assets, auth, docs, events, home, images, ops, play, presets, renders,
        shares, thumbnails, tokens, uploads, values,
    },
    security_schemes::add_security,
    sign_in::SignIn,
};

/// The OpenAPI document. Its paths stand in the order of the reference.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Planet Image API",
        description = "Stores images and renders them as text.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "images", description = "Upload, list, download and delete images."),
        (name = "uploads", description = "Resumable uploads, by the protocol tus 1.0.0 (https://tus.io): of large files, over connections that break."),
        (name = "renders", description = "Images as text: presets are rendered in advance, everything else on demand."),
        (name = "values", description = "The values of an image's bands: of a pixel, and statistics."),
        (name = "operations", description = "Health checks and metrics for operators."),
        (name = "documentation", description = "This reference as a page, as text, and as an OpenAPI document; the kinds of problems."),
    ),
    paths(
        home::home,
        images::upload,
        uploads::describe,
        uploads::begin,
        uploads::look,
        uploads::send,
        uploads::end,
        images::list,
        renders::text,
        images::remove,
        images::metadata,
        images::original,
        renders::list,
        play::animation,
        play::play,
        thumbnails::thumbnail,
        values::point,
        values::pixel,
        values::statistics,
        events::all,
        events::one,
        presets::list,
        ops::livez,
        ops::readyz,
        ops::metrics,
        docs::openapi,
        docs::page,
        docs::problems,
        docs::problem,
    ),
)]
struct Document;

/// What the document has besides, if the service has accounts.
#[derive(OpenApi)]
#[openapi(
    tags((name = "accounts", description = "Sign in and out; who is signed in.")),
    paths(
        auth::page,
        auth::login,
        auth::callback,
        auth::logout,
        account::account,
        account::sessions,
        account::end_session,
        admin::leave,
        tokens::create,
        tokens::list,
        tokens::revoke,
        shares::change,
        shares::create,
        shares::list,
        shares::revoke,
        shares::text,
        shares::original,
        admin::list,
        admin::one,
        admin::change,
        admin::remove,
    ),
)]
struct AccountsDocument;

/// The document of a service, with accounts if `sign_in` has their settings.
fn document(sign_in: Option<&SignIn>) -> utoipa::openapi::OpenApi {
    let mut document = Document::openapi();
    if let Some(sign_in) = sign_in {
        document.merge(AccountsDocument::openapi());
        add_security(&mut document, Cookie::Session.name(sign_in.config.is_https()));
    }
    document
}

/// The service as a router, which [`serve`](crate::serve) runs on a listener. Tests call it
/// directly.
pub fn router(app: App) -> Router {
    let middleware = Arc::new(Middleware::new(&app));
    let document = Arc::new(document(app.sign_in.as_deref()));
    let accounts = app.sign_in.is_some().then(accounts).unwrap_or_default();
    Router::new()
        .route("/", get(home::home))
        .route("/images", get(images::list).post(images::upload))
        .route("/uploads", options(uploads::describe).post(uploads::begin))
        .route(
            "/uploads/{id}",
            head(uploads::look)
                .patch(uploads::send)
                .delete(uploads::end)
                .options(uploads::describe),
        )
        .route("/images/{id}", get(renders::text).delete(images::remove))
        .route("/images/{id}/metadata", get(images::metadata))
        .route("/images/{id}/original", get(images::original))
        .route("/images/{id}/renders", get(renders::list))
        .route("/images/{id}/animation", get(play::animation))
        .route("/images/{id}/play", get(play::play))
        .route("/images/{id}/thumbnail", get(thumbnails::thumbnail))
        .route("/images/{id}/point/{place}", get(values::point))
        .route("/images/{id}/pixel/{place}", get(values::pixel))
        .route("/images/{id}/statistics", get(values::statistics))
        .route("/images/events", get(events::all))
        .route("/images/{id}/events", get(events::one))
        .route("/presets", get(presets::list))
        .merge(accounts)
        .merge(operations())
        .route("/openapi.json", get(docs::openapi))
        .route("/docs", get(docs::page))
        .route("/problems", get(docs::problems))
        .route("/problems/{slug}", get(docs::problem))
        .route("/assets/{name}", get(assets::asset))
        .fallback(unknown_route)
        .with_state(app)
        .layer((
            from_fn_with_state(middleware, middleware::around),
            CsrfLayer::new().with_rejection_response(|_| Problem::cross_site().into_response()),
            Extension(document),
            // uploads are limited while they are spooled
            DefaultBodyLimit::disable(),
        ))
}

/// The addresses of accounts: without a provider, there are none. No cache keeps what is about a
/// person.
fn accounts() -> Router<App> {
    Router::new()
        .route("/auth/login", get(auth::page))
        .route("/auth/login/{provider}", get(auth::login))
        .route("/auth/callback/{provider}", get(auth::callback))
        .route("/auth/logout", post(auth::logout))
        .route("/account", get(account::account).delete(admin::leave))
        .route("/account/tokens", get(tokens::list).post(tokens::create))
        .route("/account/tokens/{token}", delete(tokens::revoke))
        .route("/account/sessions", get(account::sessions))
        .route("/account/sessions/{session}", delete(account::end_session))
        .route("/admin/users", get(admin::list))
        .route("/admin/users/{user}", get(admin::one).patch(admin::change).delete(admin::remove))
        .layer(map_response(set_no_store))
        .route("/images/{id}", patch(shares::change))
        .route("/images/{id}/shares", get(shares::list).post(shares::create))
        .route("/images/{id}/shares/{share}", delete(shares::revoke))
        .route("/s/{secret}", get(shares::text))
        .route("/s/{secret}/original", get(shares::original))
}

/// The addresses for operators.
fn operations() -> Router<App> {
    Router::new()
        .route("/livez", get(ops::livez))
        .route("/readyz", get(ops::readyz))
        .route("/metrics", get(ops::metrics))
}

/// The service as connections above `MAX_CONNECTIONS` see it: the addresses for operators, so that
/// supervisors can check a process whose connections are all in use.
pub(crate) fn router_above_limit(app: App) -> Router {
    let middleware = Arc::new(Middleware::new(&app));
    operations()
        .fallback(busy)
        .with_state(app)
        .layer(from_fn_with_state(middleware, middleware::around))
}

async fn unknown_route(uri: Uri) -> Problem {
    Problem::new(
        NOT_FOUND,
        match uri.path().ends_with('/') {
            true => "no such address: addresses do not end with a slash; /docs lists them",
            false => "no such address; /docs lists them",
        },
    )
}
