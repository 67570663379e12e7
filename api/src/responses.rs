//! The JSON bodies of responses; the OpenAPI document has their schemas.

use asciify::{Geo, Timing};
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    account::principal::Principal,
    image::{Image, Millis, Status},
    job::{Job, JobState},
    pipeline::{Count, ImageSummary},
    preset::Preset,
    render::Render,
};
use serde::Serialize;
use time::{OffsetDateTime, macros::format_description};
use utoipa::ToSchema;

/// A JSON response. It ends with a newline, for terminals.
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(mut body) => {
                body.push(b'\n');
                ([(header::CONTENT_TYPE, "application/json")], body).into_response()
            }
            Err(err) => {
                tracing::error!("could not write a response as JSON: {err}");
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
    /// The file name, as sent by the client.
    #[schema(required = true)]
    name: Option<String>,
    /// Detected from the content.
    #[schema(example = "image/jpeg")]
    media_type: String,
    /// Detected from the content; a GeoTIFF is `TIFF`.
    #[schema(example = "JPEG")]
    format: String,
    /// Length of the original, in bytes.
    bytes: u64,
    /// Width of the upright image, in pixels.
    width: u32,
    /// Height of the upright image, in pixels.
    height: u32,
    /// Number of frames or pages; 1 for a still image.
    frames: u32,
    /// Samples per pixel, alpha included: 3 for RGB. `bands`, `bit_depth` and `orientation` are
    /// null for images that were stored by a version that did not record them.
    #[schema(required = true)]
    bands: Option<u32>,
    /// Bits per sample.
    #[schema(required = true)]
    bit_depth: Option<u32>,
    /// The name of each band, such as `B04`, or null for a band without one. Null for a file that
    /// names none.
    #[schema(required = true)]
    band_names: Option<Vec<Option<String>>>,
    /// Where the image lies on the Earth, and what its values are: of a GeoTIFF that says it.
    #[schema(required = true)]
    geo: Option<GeoBody>,
    /// EXIF orientation of the original: 1 (upright) to 8.
    #[schema(required = true)]
    orientation: Option<u8>,
    /// SHA-256 of the original, in lower-case hex.
    sha256: String,
    /// When the image was uploaded (RFC 3339, UTC).
    created_at: String,
    /// `pending` until every preset is rendered, then `ready`; `failed` if the image cannot be
    /// rendered.
    #[schema(example = "ready")]
    status: &'static str,
    /// Why rendering failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Id of the user whose image it is; null for one that is older than the accounts of the
    /// service. In a service with accounts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    owner: Option<Option<String>>,
    /// `private` or `public`. In a service with accounts only.
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility: Option<&'static str>,
    /// Related addresses.
    links: ImageLinks,
}

/// Where an image lies on the Earth, and what its values are. Names are those of TiTiler.
#[derive(Serialize, ToSchema)]
pub struct GeoBody {
    /// The coordinate reference system; null where the file does not name one of EPSG.
    #[schema(required = true, example = "EPSG:32633")]
    crs: Option<String>,
    /// Left, bottom, right and top, in the image's own coordinates.
    #[schema(example = json!([300000.0, 4890240.0, 409800.0, 5000040.0]))]
    bounds: [f64; 4],
    /// `[a, b, c, d, e, f]`: column `x` and row `y` have the coordinates `a·x + b·y + c` and
    /// `d·x + e·y + f`.
    transform: [f64; 6],
    /// The type of the values.
    #[schema(example = "uint16")]
    dtype: String,
    /// The value of missing samples.
    #[schema(required = true)]
    nodata_value: Option<f64>,
    /// What the values of each band are multiplied by; empty where the file does not say it.
    scales: Vec<f64>,
    /// What is added to the values of each band then; empty where the file does not say it.
    offsets: Vec<f64>,
    /// How many pixels a pixel of each overview stands for, across.
    overviews: Vec<u32>,
}

impl GeoBody {
    fn new(geo: Geo, width: u32, height: u32) -> Self {
        GeoBody {
            bounds: geo.bounds(width, height),
            crs: geo.crs.map(|code| format!("EPSG:{code}")),
            transform: geo.transform,
            dtype: geo.dtype,
            nodata_value: geo.nodata,
            scales: geo.scales,
            offsets: geo.offsets,
            overviews: geo.overviews,
        }
    }
}

/// Addresses of an image.
#[derive(Serialize, ToSchema)]
pub struct ImageLinks {
    /// The image as text.
    text: String,
    /// The original file.
    original: String,
    /// This object.
    metadata: String,
    /// The list of stored renders.
    renders: String,
    /// Changes of the image, as Server-Sent Events.
    events: String,
}

impl ImageBody {
    /// The body for `reader`.
    pub(crate) fn new(ImageSummary { image, status }: ImageSummary, reader: &Principal) -> Self {
        let Image { id, metadata, created_at, owner, visibility, .. } = image;
        let has_accounts = *reader != Principal::Open;
        let at = format!("/images/{id}");
        let (status, error) = match status {
            Status::Pending => ("pending", None),
            Status::Ready => ("ready", None),
            Status::Failed(reason) => ("failed", Some(reason)),
        };
        ImageBody {
            id: id.to_string(),
            name: metadata.name,
            format: asciify::format_of_media_type(&metadata.media_type)
                .map_or_else(|| metadata.media_type.clone(), |format| format.to_string()),
            media_type: metadata.media_type,
            bytes: metadata.bytes,
            width: metadata.width,
            height: metadata.height,
            frames: metadata.frames,
            bands: metadata.layout.map(|layout| layout.bands),
            bit_depth: metadata.layout.map(|layout| layout.bit_depth),
            orientation: metadata.layout.map(|layout| layout.orientation),
            band_names: Some(metadata.band_names).filter(|names| !names.is_empty()),
            geo: metadata.geo.map(|geo| GeoBody::new(*geo, metadata.width, metadata.height)),
            sha256: metadata.sha256,
            created_at: rfc3339(created_at),
            status,
            error,
            owner: has_accounts.then(|| owner.map(|owner| owner.to_string())),
            visibility: has_accounts.then(|| visibility.as_str()),
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

/// The data of an event `deleted`.
#[derive(Serialize)]
pub(crate) struct DeletedBody {
    /// Id of the image.
    pub(crate) id: String,
}

/// The data of an event `reset`.
#[derive(Serialize)]
pub(crate) struct ResetBody {
    /// Address of the list of all images.
    pub(crate) list: &'static str,
}

/// A body of bytes, in the OpenAPI document.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "describes bodies to the OpenAPI document")]
pub struct Binary(Vec<u8>);

/// A page of the list of images.
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
    /// The number of images in the whole list, if it was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<CountBody>,
}

/// A number of images.
#[derive(Serialize, ToSchema)]
pub struct CountBody {
    /// How many there are; at least so many if `is_exact` is false.
    images: u64,
    /// Whether all were counted. At most `MAX_SEARCHED_IMAGES` are.
    is_exact: bool,
}

impl From<Count> for CountBody {
    fn from(count: Count) -> Self {
        CountBody { images: count.images, is_exact: count.is_exact }
    }
}

/// The stored renders of an image, newest version first.
#[derive(Serialize, ToSchema)]
pub struct RendersBody {
    /// The renders.
    pub(crate) items: Vec<RenderBody>,
    /// The job that makes the renders; null before it exists.
    #[schema(required = true)]
    pub(crate) job: Option<JobBody>,
}

/// A stored render.
#[derive(Serialize, ToSchema)]
pub struct RenderBody {
    /// The preset that has these options now, if any.
    #[schema(example = "default", required = true)]
    preset: Option<String>,
    /// The options, in canonical form.
    #[schema(example = "width=80")]
    spec: String,
    /// The engine version that made the render.
    version: u32,
    /// Characters per row.
    columns: u32,
    /// Number of rows.
    rows: u32,
    /// Length of the text, in bytes.
    bytes: u64,
    /// SHA-256 of the text, in lower-case hex.
    sha256: String,
    /// When the render was stored (RFC 3339, UTC).
    created_at: String,
    /// Related addresses.
    links: RenderLinks,
}

/// Addresses of a render.
#[derive(Serialize, ToSchema)]
pub struct RenderLinks {
    /// The text of this version; it never changes.
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

/// A job: rendering all presets of an image with one engine version.
#[derive(Serialize, ToSchema)]
pub struct JobBody {
    /// `pending`, `done`, or `dead` when it was given up.
    #[schema(example = "done")]
    state: &'static str,
    /// Number of attempts.
    attempts: i32,
    /// Why the last attempt failed.
    #[schema(required = true)]
    error: Option<String>,
    /// The engine version of its renders.
    version: u32,
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        let state = match job.state {
            JobState::Pending => "pending",
            JobState::Done => "done",
            JobState::Dead => "dead",
        };
        let error = job.error.map(|error| error.for_readers().to_owned());
        JobBody { state, attempts: job.attempts, error, version: job.engine }
    }
}

/// The list of presets.
#[derive(Serialize, ToSchema)]
pub struct PresetsBody {
    /// The presets, in the order of the operator's setting.
    pub(crate) items: Vec<PresetBody>,
    /// The engine version of new renders.
    pub(crate) version: u32,
}

/// A preset: a named set of options that is rendered in advance.
#[derive(Serialize, ToSchema)]
pub struct PresetBody {
    /// The value of `?preset=`.
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

/// Readiness of the service.
#[derive(Serialize, ToSchema)]
pub struct ReadyBody {
    /// Whether this instance should receive requests.
    pub(crate) ready: bool,
    /// Whether the process was asked to stop.
    pub(crate) stopping: bool,
    /// The state of each dependency.
    pub(crate) dependencies: Vec<DependencyBody>,
}

/// The state of a dependency.
#[derive(Serialize, ToSchema)]
pub struct DependencyBody {
    /// `database`, `store`, `spool` or `queue`.
    #[schema(example = "database")]
    pub(crate) name: &'static str,
    /// Whether it responds.
    pub(crate) ok: bool,
    /// Whether the service needs it to be ready.
    pub(crate) required: bool,
}

/// How an image is played.
#[derive(Serialize, ToSchema)]
pub struct AnimationBody {
    /// The number of the frame that is shown first: 1 where a picture that does not belong to the
    /// animation precedes it, otherwise 0.
    first_frame: u32,
    /// How long each frame is shown, from the first one on, in milliseconds.
    durations_ms: Vec<u64>,
    /// How often all frames are shown; null is without end.
    #[schema(required = true)]
    plays: Option<u32>,
}

impl From<Timing> for AnimationBody {
    fn from(Timing { first_frame, durations, plays }: Timing) -> Self {
        let durations_ms = durations.iter().map(|it| it.as_millis() as u64).collect();
        AnimationBody { first_frame, durations_ms, plays }
    }
}

/// A timestamp as RFC 3339 in UTC, with milliseconds.
pub(crate) fn rfc3339(at: Millis) -> String {
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
