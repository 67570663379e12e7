//! Animations: their timing, and their frames as a stream.

use std::{io, time::Duration};

use asciify::{Timing, write};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use common::{
    account::principal::Principal,
    image::{Image, ImageId},
    pipeline::Text,
};
use futures_util::{StreamExt, stream};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, sleep_until},
};

use crate::{
    access::{Reads, lose_rights, rights_interval},
    app::App,
    caching::caching_of,
    extract::{Id, PlayQuery, RenderQuery},
    headers::{PRIVATE, named},
    options::Options,
    problem::{BAD_PARAMETER, BUSY, Problem, ProblemBody},
    responses::{AnimationBody, Json},
    routes::events::NO_BUFFERING,
};

/// Returns how an image is played: its frames, how long each is shown, and how often.
///
/// A viewer fetches the frames themselves as renders, with the option `frame`. In the order of their
/// numbers, each costs only what it adds to those before it.
#[utoipa::path(
    get, path = "/images/{id}/animation", operation_id = "getAnimation", tag = "renders",
    params(("id" = String, Path, description = "Id of the image.")),
    responses(
        (status = 200, description = "The timing. A still image has one frame.", body = AnimationBody),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be decoded, or takes too much memory to be played.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn animation(
    State(app): State<App>,
    Reads(reader): Reads,
    Id(id): Id,
) -> Result<Response, Problem> {
    let image = app.pipeline.image(id, &reader).await?.ok_or_else(Problem::no_image)?;
    let body = Json(AnimationBody::from(timing(&app, &image).await?));
    Ok(([(header::CACHE_CONTROL, caching_of(&app, &image, &reader))], body).into_response())
}

/// Plays an animation: streams its frames as text for a terminal, each at its time.
///
/// `curl -N` shows it. Each frame is drawn in place of the one before, so the terminal must have at
/// least as many rows and columns as the picture. The stream ends after the loops of the file, or
/// when the client disconnects. `format=cast` returns a recording of it at once, in the format
/// asciicast v2, which `asciinema play` shows. The look is that of the options, as for
/// `/images/{id}`. A still image is a single frame.
#[utoipa::path(
    get, path = "/images/{id}/play", operation_id = "playImage", tag = "renders",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("preset" = Option<String>, Query, description = "A named set of options, which other options override. `/presets` lists them."),
        Options,
        ("loops" = Option<u32>, Query, minimum = 0, maximum = 1000, description = "How often all frames are shown; 0 is without end. The default is what the file says, and 1 for a recording of a file that says without end."),
        ("speed" = Option<f64>, Query, minimum = 0.1, maximum = 10, description = "How many times faster than the file says."),
        ("format" = Option<String>, Query, pattern = "^(ansi|cast)$", description = "`ansi`, frames at their times, or `cast`, a recording."),
    ),
    responses(
        (status = 200, description = "The frames.", content((String = "text/plain"), (String = "application/x-asciicast"))),
        (status = 400, description = "A parameter is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be decoded, or takes too much memory to be played.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams, busy, or a dependency is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn play(
    State(app): State<App>,
    headers: HeaderMap,
    Reads(reader): Reads,
    Id(id): Id,
    query: PlayQuery,
) -> Result<Response, Problem> {
    let lost = lose_rights(app.clone(), headers, reader.clone());
    answer_play(&app, &reader, id, query, lost).await
}

/// A recording with the options of a render. It breaks off when `lost` is ready.
pub(super) async fn answer_recording(
    app: &App,
    reader: &Principal,
    id: ImageId,
    render: RenderQuery,
    lost: impl Future<Output = ()> + Send + 'static,
) -> Result<Response, Problem> {
    if render.spec.frame() > 0 || render.version.is_some() {
        let detail = "format: a recording has all frames, as they are drawn now";
        return Err(Problem::new(BAD_PARAMETER, detail));
    }
    let query = PlayQuery { render, loops: None, speed: 1.0, is_recording: true };
    answer_play(app, reader, id, query, lost).await
}

/// The frames of an image, at their times or as a recording. They end when `lost` is ready, or
/// `reader` may no longer read the image.
async fn answer_play(
    app: &App,
    reader: &Principal,
    id: ImageId,
    query: PlayQuery,
    lost: impl Future<Output = ()> + Send + 'static,
) -> Result<Response, Problem> {
    let PlayQuery { render, loops, speed, is_recording } = query;
    let image = app.pipeline.image(id, reader).await?.ok_or_else(Problem::no_image)?;
    let reader = reader.reading_on(&image);
    let spec = render.spec_for(app, id, &reader).await?;
    let permit = app.streams.clone().try_acquire_owned();
    let permit = permit
        .map_err(|_| Problem::new(BUSY, "too many streams are open: try again in a moment"))?;
    let timing = timing(app, &image).await?;
    let loops = match (loops, timing.plays, is_recording) {
        (Some(given), _, _) => given,
        (None, Some(plays), _) => plays,
        (None, None, recorded) => u32::from(recorded),
    };
    let ended = {
        let (closing, kept) = (app.closing.clone(), lose_image(app.clone(), id, reader.clone()));
        async move {
            tokio::select! {
                () = closing.cancelled() => {}
                () = lost => {}
                () = kept => {}
            }
        }
    };
    let frames = Frames { app: app.clone(), reader, id, spec, timing };
    // what is wrong with the request or the image is told before the stream begins
    let first = frames.text(0).await?;
    let count = frames.timing.durations.len() as u64;
    let show = Show {
        total: if loops == 0 { u64::MAX } else { count * u64::from(loops) },
        frames,
        speed,
        shown: 0,
        drawn: Some(first),
        _permit: permit,
    };
    if is_recording {
        let (columns, rows) = show.frames.spec.size(image.metadata.width, image.metadata.height);
        let title = image.metadata.name.as_deref().unwrap_or_default();
        let header = Bytes::from(write::cast_header(columns, rows, title));
        let lines = stream::iter([Ok(header)]).chain(recording(show));
        let lines = lines.take_until(Box::pin(ended));
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("application/x-asciicast")),
            (header::CONTENT_DISPOSITION, named(&image, "cast")),
        ];
        return Ok((headers, Body::from_stream(lines)).into_response());
    }
    let frames = at_their_times(show).take_until(Box::pin(ended));
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, PRIVATE),
        NO_BUFFERING,
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// Returns once `reader` may no longer read the image, or it was deleted.
async fn lose_image(app: App, id: ImageId, reader: Principal) {
    loop {
        rights_interval().await;
        if let Ok(None) = app.pipeline.image(id, &reader).await {
            return;
        }
    }
}

/// The timing of an image; a still image has one frame.
async fn timing(app: &App, image: &Image) -> Result<Timing, Problem> {
    let timing = app.pipeline.timing(image).await.map_err(|err| Problem::from(&err))?;
    let still = || Timing { first_frame: 0, durations: vec![Duration::ZERO], plays: Some(1) };
    Ok(timing.unwrap_or_else(still))
}

/// The frames of an image, in one look.
struct Frames {
    app: App,
    reader: Principal,
    id: ImageId,
    spec: asciify::Spec,
    timing: Timing,
}

impl Frames {
    /// The text of a frame, counted from the first one that is played.
    async fn text(&self, index: usize) -> Result<Text, Problem> {
        let mut spec = self.spec.clone();
        let frame = self.timing.first_frame as usize + index;
        if frame > 0 {
            let number = frame.to_string();
            spec.set("frame", &number).expect("frames are fewer than the option accepts");
        }
        let render = self.app.pipeline.resolve(self.id, spec, None, &self.reader).await;
        let render = render.map_err(|err| Problem::from(&err))?;
        self.app.pipeline.text(&render).await.map_err(|err| Problem::from(&*err))
    }
}

/// Frames that are being sent to one client.
struct Show {
    frames: Frames,
    /// How many frames are sent, those of all loops.
    total: u64,
    speed: f64,
    /// How many frames were sent.
    shown: u64,
    /// The next frame, if it is drawn already.
    drawn: Option<Text>,
    _permit: OwnedSemaphorePermit,
}

impl Show {
    /// The text of the next frame, and how long it is shown; `None` behind the last one.
    async fn next(&mut self) -> Result<Option<(Text, Duration)>, Problem> {
        if self.shown == self.total {
            return Ok(None);
        }
        let durations = &self.frames.timing.durations;
        let index = (self.shown % durations.len() as u64) as usize;
        let duration = durations[index].div_f64(self.speed);
        let text = match self.drawn.take() {
            Some(text) => text,
            None => self.frames.text(index).await?,
        };
        self.shown += 1;
        Ok(Some((text, duration)))
    }

    /// `text` as bytes that reserve the memory that they take.
    fn reserved(&self, text: String) -> io::Result<Bytes> {
        let reservation = self.frames.app.response_budget.reserve(text.len()).map_err(failed)?;
        Ok(reservation.attach(text))
    }
}

fn failed(problem: Problem) -> io::Error {
    io::Error::other(problem.to_string())
}

/// Each frame in place of the one before, at its time; the next one is drawn meanwhile.
fn at_their_times(show: Show) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some((show, Instant::now())), |state| async {
        let (mut show, due) = state?;
        let is_first = show.shown == 0;
        let (text, duration) = match show.next().await {
            Ok(next) => next?,
            Err(problem) => return Some((Err(failed(problem)), None)),
        };
        sleep_until(due).await;
        let frame = show.reserved(write::next_frame(text.as_str(), is_first));
        let now = Instant::now();
        // frames that could not be shown in time are not made up for
        let begun = if now > due + duration { now } else { due };
        let next = frame.is_ok().then_some((show, begun + duration));
        Some((frame, next))
    })
}

/// The lines of a recording.
fn recording(show: Show) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some((show, Duration::ZERO)), |state| async {
        let (mut show, at) = state?;
        match show.next().await {
            Ok(Some((text, duration))) => {
                let line = show.reserved(write::cast_frame(at, text.as_str()));
                let next = line.is_ok().then_some((show, at + duration));
                Some((line, next))
            }
            Ok(None) => Some((Ok(Bytes::from(write::cast_end(at))), None)),
            Err(problem) => Some((Err(failed(problem)), None)),
        }
    })
}
