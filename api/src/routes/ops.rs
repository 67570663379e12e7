//! Endpoints for operators: liveness, readiness, metrics.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    app::App,
    responses::{DependencyBody, Json, ReadyBody},
};

/// Checks that the process runs.
#[utoipa::path(
    get, path = "/livez", tag = "operations",
    responses((status = 200, description = "The process runs.", body = String, content_type = "text/plain")),
)]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Checks whether this instance should receive requests.
///
/// The response has the state of each dependency. The message broker is not required: without it,
/// workers poll the database.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    responses(
        (status = 200, description = "Ready.", body = ReadyBody),
        (status = 503, description = "A required dependency is unavailable.", body = ReadyBody),
    ),
)]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let dependencies = app.pipeline.check().await.map(|(name, result)| {
        let ok = result.map_err(|fault| tracing::warn!("not ready: {fault}")).is_ok();
        DependencyBody { name, ok, required: name != "queue" }
    });
    let ready = dependencies.iter().all(|dependency| dependency.ok || !dependency.required);
    let body = Json(ReadyBody { ready, dependencies: dependencies.into() });
    match ready {
        true => body.into_response(),
        false => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "2")], body).into_response()
        }
    }
}

/// Returns metrics in the Prometheus text format.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain")),
)]
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    match app.pipeline.backlog().await {
        Ok(backlog) => {
            metrics::gauge!("planet_jobs", "state" => "pending").set(backlog.pending as f64);
            metrics::gauge!("planet_jobs", "state" => "dead").set(backlog.dead as f64);
            metrics::gauge!("planet_oldest_due_job_seconds").set(backlog.oldest_due.as_secs_f64());
        }
        Err(fault) => tracing::warn!("{fault}"),
    }
    let streams = app.config.max_event_streams - app.streams.available_permits();
    metrics::gauge!("planet_event_streams").set(streams as f64);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
}
