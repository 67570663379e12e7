//! What we answer in JSON: the shapes of the API.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    image::{Image, Millis, Status},
    job::{Job, JobState},
    pipeline::ImageSummary,
    preset::Preset,
    render::Render,
};
use serde::Serialize;
use time::{OffsetDateTime, macros::format_description};
use utoipa::ToSchema;

/// An answer in JSON; it ends its line, as a terminal likes it.
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(mut body) => {
                body.push(b'\n');
                ([(header::CONTENT_TYPE, "application/json")], body).into_response()
            }
            Err(err) => {
                tracing::error!("an answer cannot be written: {err}");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

/// An image.
#[derive(Serialize, ToSchema)]
pub struct ImageBody {
    /// UUID version 7.
    #[schema(example = "019a9c4e-5f0e-7cc1-9d52-0d3a36a3a9d1")]
    id: String,
    /// The file's name as the client gave it.
    #[schema(required = true)]
    name: Option<String>,
    /// By content.
    #[schema(example = "image/jpeg")]
    media_type: String,
    /// By content; TIFF is GeoTIFF, too.
    #[schema(example = "JPEG")]
    format: String,
    /// Length of the original.
    bytes: u64,
    /// Pixels, upright.
    width: u32,
    /// Pixels, upright.
    height: u32,
    /// Frames or pages; 1 for a still picture.
    frames: u32,
    /// Values of a pixel, alpha counted: 3 for red, green and blue. Null for images that were stored
    /// before it was noted, as are the next two.
    #[schema(required = true)]
    bands: Option<u32>,
    /// Bits of each value.
    #[schema(required = true)]
    bit_depth: Option<u32>,
    /// How the original is turned upright: EXIF's number, 1 for as it is, to 8.
    #[schema(required = true)]
    orientation: Option<u8>,
    /// Of the original, in lower-case hex.
    sha256: String,
    /// RFC 3339.
    created_at: String,
    /// `pending` until every preset is stored, then `ready`; `failed` when the image cannot be rendered.
    #[schema(example = "ready")]
    status: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Where to go from here.
    links: ImageLinks,
}

/// Addresses that belong to an image.
#[derive(Serialize, ToSchema)]
pub struct ImageLinks {
    /// The text render.
    text: String,
    /// The bytes as uploaded.
    original: String,
    /// This JSON.
    metadata: String,
    /// Every stored render.
    renders: String,
    /// What becomes of it (Server-Sent Events).
    events: String,
}

impl From<ImageSummary> for ImageBody {
    fn from(ImageSummary { image, status }: ImageSummary) -> Self {
        let Image { id, metadata, created_at, .. } = image;
        let at = format!("/images/{id}");
        let (status, error) = match status {
            Status::Pending => ("pending", None),
            Status::Ready => ("ready", None),
            Status::Failed(why) => ("failed", Some(why)),
        };
        ImageBody {
            id: id.to_string(),
            name: metadata.name,
            format: asciify::Format::ALL
                .iter()
                .find(|format| format.media_type() == metadata.media_type)
                .map_or_else(|| metadata.media_type.clone(), ToString::to_string),
            media_type: metadata.media_type,
            bytes: metadata.bytes,
            width: metadata.width,
            height: metadata.height,
            frames: metadata.frames,
            bands: metadata.layout.map(|layout| layout.bands),
            bit_depth: metadata.layout.map(|layout| layout.bit_depth),
            orientation: metadata.layout.map(|layout| layout.orientation),
            sha256: metadata.sha256,
            created_at: rfc3339(created_at),
            status,
            error,
            links: ImageLinks {
                original: format!("{at}/original"),
                metadata: format!("{at}/metadata"),
                renders: format!("{at}/renders"),
                events: format!("{at}/events"),
                text: at,
            },
        }
    }
}

/// An image that was deleted.
#[derive(Serialize)]
pub(crate) struct GoneBody {
    /// Its id.
    pub(crate) id: String,
}

/// Bytes as they are.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes bodies to the OpenAPI document")]
pub struct Binary(Vec<u8>);

/// A page of images, newest first.
#[derive(Serialize, ToSchema)]
pub struct ImagesBody {
    /// The images.
    pub(crate) items: Vec<ImageBody>,
    /// Address of the next page; null on the last one.
    #[schema(
        example = "/images?cursor=019a9c4e-5f0e-7cc1-9d52-0d3a36a3a9d1&limit=50",
        required = true
    )]
    pub(crate) next: Option<String>,
}

/// Every stored render of an image, newest version first.
#[derive(Serialize, ToSchema)]
pub struct RendersBody {
    /// The renders.
    pub(crate) items: Vec<RenderBody>,
    /// The job that makes them; null before it exists.
    #[schema(required = true)]
    pub(crate) job: Option<JobBody>,
}

/// A stored render.
#[derive(Serialize, ToSchema)]
pub struct RenderBody {
    /// The preset that stands for these options today, if any.
    #[schema(example = "default", required = true)]
    preset: Option<String>,
    /// The options, in canonical form.
    #[schema(example = "width=80")]
    spec: String,
    /// The engine version that made it.
    version: u32,
    /// Characters in a row.
    columns: u32,
    /// Rows.
    rows: u32,
    /// Length of the text.
    bytes: u64,
    /// Of the text, in lower-case hex.
    sha256: String,
    /// RFC 3339.
    created_at: String,
    /// Where to go from here.
    links: RenderLinks,
}

/// Addresses that belong to a render.
#[derive(Serialize, ToSchema)]
pub struct RenderLinks {
    /// The text, of this version for ever.
    text: String,
}

impl RenderBody {
    pub(crate) fn new(image: &str, render: Render, preset: Option<&Preset>) -> Self {
        let text = format!("/images/{image}?{}&version={}", render.spec, render.engine);
        RenderBody {
            preset: preset.map(|preset| preset.name.clone()),
            spec: render.spec,
            version: render.engine,
            columns: render.columns,
            rows: render.rows,
            bytes: render.bytes,
            sha256: render.sha256,
            created_at: rfc3339(render.created_at),
            links: RenderLinks { text },
        }
    }
}

/// A job.
#[derive(Serialize, ToSchema)]
pub struct JobBody {
    /// `pending`, `done`, or `dead` with its reason.
    #[schema(example = "done")]
    state: &'static str,
    /// How often it was tried.
    attempts: i32,
    /// Why the last try failed.
    #[schema(required = true)]
    error: Option<String>,
    /// The engine version that it renders with.
    version: u32,
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        let state = match job.state {
            JobState::Pending => "pending",
            JobState::Done => "done",
            JobState::Dead => "dead",
        };
        JobBody { state, attempts: job.attempts, error: job.error, version: job.engine }
    }
}

/// The presets.
#[derive(Serialize, ToSchema)]
pub struct PresetsBody {
    /// In the operator's order.
    pub(crate) items: Vec<PresetBody>,
    /// The engine version of new renders.
    pub(crate) version: u32,
}

/// A named set of options that is rendered in advance.
#[derive(Serialize, ToSchema)]
pub struct PresetBody {
    /// As in `?preset=`.
    #[schema(example = "small")]
    name: String,
    /// The options, in canonical form.
    #[schema(example = "width=40")]
    spec: String,
}

impl From<&Preset> for PresetBody {
    fn from(preset: &Preset) -> Self {
        PresetBody { name: preset.name.clone(), spec: preset.spec.to_string() }
    }
}

/// Whether the service can do its work.
#[derive(Serialize, ToSchema)]
pub struct ReadyBody {
    /// Whether requests should be sent here.
    pub(crate) ready: bool,
    /// One a dependency.
    pub(crate) dependencies: Vec<DependencyBody>,
}

/// A dependency.
#[derive(Serialize, ToSchema)]
pub struct DependencyBody {
    /// `database`, `store`, `spool` or `queue`.
    #[schema(example = "database")]
    pub(crate) name: &'static str,
    /// Whether it answers.
    pub(crate) ok: bool,
    /// Whether the service is of use without it.
    pub(crate) required: bool,
}

fn rfc3339(at: Millis) -> String {
    let millis = format_description!(
        version = 2,
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000);
    time.ok().and_then(|time| time.format(&millis).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(rfc3339(Millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Millis(1_700_000_000_123)), "2023-11-14T22:13:20.123Z");
    }
}
