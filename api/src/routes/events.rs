//! Events: what becomes of images, told while it happens (Server-Sent Events, as browsers read them).

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use common::{
    catalog::ChangeSeq,
    pipeline::{ImageEvent, Subscription},
};
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    App,
    accept::negotiate,
    body::{GoneBody, ImageBody},
    extract::Id,
    problem::{BUSY, NOT_ACCEPTABLE, Problem, ProblemBody},
};

const MEDIA_TYPE: &str = "text/event-stream";
/// Proxies hang up on who says nothing for a minute.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a browser comes again.
const RETRY: Duration = Duration::from_secs(2);
/// Has a proxy pass everything on at once.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// Tells what becomes of images, from now on, as Server-Sent Events.
///
/// An event `image` has the image's JSON as its data: it was stored, or its renders are ready, or
/// failed; `status` says which. An event `deleted` has only its `id`. Events say how things stand
/// now: the same one may come twice, and steps between may be left out, but never the last one.
///
/// A client that comes again with `Last-Event-ID`, as browsers do by themselves, hears first what
/// happened meanwhile. Deletions are remembered for a day (`DELETIONS_KEPT_S`).
#[utoipa::path(
    get, path = "/images/events", tag = "images",
    params(
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was heard, unchanged."),
    ),
    responses(
        (status = 200, description = "A stream that does not end by itself.", body = String, content_type = "text/event-stream"),
        (status = 400, description = "No such `Last-Event-ID`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` rules out text/event-stream.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams, or the database is away.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn all(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let (since, slot) = admit(&app, &headers)?;
    let follower = app.pipeline.subscribe(since).await?;
    // so that a client that is cut off before the first event misses nothing, either
    let start = hello().id(follower.cursor().0.to_string());
    Ok(respond(&app, start, follower, slot, false))
}

/// Tells how an image stands, and what becomes of it, as Server-Sent Events.
///
/// The events are those of `/images/events`. The first one tells how the image stands now; the
/// stream ends after `deleted`.
#[utoipa::path(
    get, path = "/images/{id}/events", tag = "images",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last event that was heard, unchanged."),
    ),
    responses(
        (status = 200, description = "A stream that ends when the image is deleted.", body = String, content_type = "text/event-stream"),
        (status = 400, description = "No such `Last-Event-ID`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image. One that was deleted after `Last-Event-ID` is told once: a stream of `deleted` alone.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` rules out text/event-stream.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams, or the database is away.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn one(
    State(app): State<App>,
    headers: HeaderMap,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (since, slot) = admit(&app, &headers)?;
    let follower = app.pipeline.subscribe_to(id, since).await?.ok_or_else(Problem::no_image)?;
    Ok(respond(&app, hello(), follower, slot, true))
}

/// What the client has heard, and a place for him.
fn admit(
    app: &App,
    headers: &HeaderMap,
) -> Result<(Option<ChangeSeq>, OwnedSemaphorePermit), Problem> {
    if negotiate(headers, &[MEDIA_TYPE]).is_none() {
        return Err(Problem::new(NOT_ACCEPTABLE, format!("there is only {MEDIA_TYPE}")));
    }
    let mut ids = headers.get_all("last-event-id").iter();
    let since = match (ids.next(), ids.next()) {
        (None, _) => None,
        (Some(id), other) => {
            let id = id.to_str().ok().filter(|id| id.bytes().all(|b| b.is_ascii_digit()));
            let turn = id.filter(|_| other.is_none()).and_then(|id| id.parse().ok()).map(ChangeSeq);
            let accepts = "the id of an event, unchanged, once";
            Some(turn.ok_or_else(|| Problem::parameter("Last-Event-ID", accepts))?)
        }
    };
    let slot = app.streams.clone().try_acquire_owned();
    let slot = slot.map_err(|_| Problem::new(BUSY, "too many clients follow events already"))?;
    Ok((since, slot))
}

/// Goes out at once, so that the client sees that it is connected.
fn hello() -> Event {
    Event::default().comment("what becomes of images").retry(RETRY)
}

/// The stream ends with the service, with the database, and, where asked, with the image: the client
/// comes again, and misses nothing.
fn respond(
    app: &App,
    start: Event,
    follower: Subscription,
    slot: OwnedSemaphorePermit,
    ends_with_image: bool,
) -> Response {
    let news = stream::unfold(Some((follower, slot)), move |state| async move {
        let (mut follower, slot) = state?;
        let told = match follower.next().await {
            Ok(told) => told,
            Err(fault) => {
                tracing::warn!("a stream of events ends: {fault}");
                return None;
            }
        };
        let event = write_down(&told, follower.cursor());
        let goes_on = !(ends_with_image && told.summary.is_none());
        Some((event, goes_on.then_some((follower, slot))))
    });
    let closing = app.closing.clone().cancelled_owned();
    let events = stream::iter([start]).chain(news).map(Ok::<_, Infallible>).take_until(closing);
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    ([(header::CACHE_CONTROL, "no-cache"), UNBUFFERED], sse).into_response()
}

fn write_down(told: &ImageEvent, ChangeSeq(cursor): ChangeSeq) -> Event {
    let event = Event::default().id(cursor.to_string());
    let event = match &told.summary {
        Some(shown) => event.event("image").json_data(ImageBody::from(shown.clone())),
        None => event.event("deleted").json_data(GoneBody { id: told.image.to_string() }),
    };
    event.expect("our bodies can be written as JSON")
}
