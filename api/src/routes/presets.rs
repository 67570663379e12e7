//! Presets: the renders that are made in advance.

use axum::extract::State;

use crate::{
    app::App,
    responses::{Json, PresetBody, PresetsBody},
};

/// Lists the presets with their options.
#[utoipa::path(
    get, path = "/presets", operation_id = "listPresets", tag = "renders",
    responses((status = 200, description = "The presets.", body = PresetsBody)),
)]
pub(crate) async fn list(State(app): State<App>) -> Json<PresetsBody> {
    let config = app.pipeline.config();
    let items = config.presets.iter().map(PresetBody::from).collect();
    Json(PresetsBody { items, version: config.engine })
}
