//! Endpoints for operators: liveness, readiness, metrics.

use std::time::Instant;

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use common::process_metrics;

use crate::{
    app::App,
    responses::{DependencyBody, Json, ReadyBody},
};

/// Checks that the process runs.
#[utoipa::path(
    get, path = "/livez", operation_id = "getLiveness", tag = "operations",
    responses((status = 200, description = "The process runs.", body = String, content_type = "text/plain")),
)]
pub(crate) async fn livez() -> &'static str {
    "ok\n"
}

/// Checks whether this instance should receive requests.
///
/// It should not once the process was asked to stop; other requests are still answered for
/// `SHUTDOWN_NOTICE_S`. The response has the state of each dependency. One that answered before may be away for
/// `READY_GRACE_S`. The message broker is not required: without it, workers poll the database.
#[utoipa::path(
    get, path = "/readyz", operation_id = "getReadiness", tag = "operations",
    responses(
        (status = 200, description = "Ready.", body = ReadyBody),
        (status = 503, description = "A required dependency is unavailable, or the process stops.", body = ReadyBody),
    ),
)]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    let stopping = app.stopping.is_cancelled();
    let mut ready = !stopping;
    let now = Instant::now();
    let dependencies = app.pipeline.check().await.map(|(name, result)| {
        let ok = result.map_err(|fault| tracing::warn!("{name} does not answer: {fault}")).is_ok();
        let required = name != "queue";
        ready &= !app.readiness.is_away(name, ok, now) || !required;
        DependencyBody { name, ok, required }
    });
    let body = Json(ReadyBody { ready, stopping, dependencies: dependencies.into() });
    match ready {
        true => body.into_response(),
        false => {
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "2")], body).into_response()
        }
    }
}

/// Returns metrics in the Prometheus text format.
#[utoipa::path(
    get, path = "/metrics", operation_id = "getMetrics", tag = "operations",
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain")),
)]
pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let streams = app.config.max_event_streams - app.streams.available_permits();
    metrics::gauge!("planet_event_streams").set(streams as f64);
    let (open, idle) = app.pipeline.database_connections();
    for (state, count) in [("used", open - idle), ("idle", idle)] {
        metrics::gauge!("planet_database_connections", "state" => state).set(f64::from(count));
    }
    if let Some(bytes) = app.pipeline.spool_room() {
        metrics::gauge!("planet_spool_room_bytes").set(bytes as f64);
    }
    process_metrics::measure();
    let text = app.metrics.render() + &app.backlog.render(&app.pipeline).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text)
}
