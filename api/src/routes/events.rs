//! Event streams: changes of images as Server-Sent Events (WHATWG HTML, 9.2).

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{
        IntoResponse, Response, Sse,
        sse::{self, KeepAlive},
    },
};
use common::{
    account::{audit::audit, principal::Principal},
    catalog::Snapshot,
    pipeline::{Event, Subscription},
};
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    access::{Reads, lose_rights},
    app::App,
    extract::Id,
    headers::PRIVATE,
    negotiate::negotiate,
    problem::{BUSY, NOT_ACCEPTABLE, Problem, ProblemBody},
    responses::{DeletedBody, ImageBody, ResetBody},
};

const MEDIA_TYPE: &str = "text/event-stream";
/// How often a comment is sent to a quiet stream: proxies close connections that are idle for a
/// minute.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// The pause before a browser reconnects.
const RECONNECTION_TIME: Duration = Duration::from_secs(2);
/// Turns off the response buffering of nginx.
pub(super) const NO_BUFFERING: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// Streams changes of all images as Server-Sent Events.
///
/// The data of an event `image` is the image's JSON: the image was stored, or its renders are ready
/// or failed, as `status` says. The data of an event `deleted` has only the `id`. Events carry the
/// current state: intermediate states may be skipped, but never the last.
///
/// A client that reconnects with `Last-Event-ID`, as browsers do automatically, first gets the
/// changes that it missed; the last event may be repeated. Deletions are kept for a day
/// (`DELETIONS_KEPT_S`). If it missed more than 1000 changes (`MAX_REPLAYED_EVENTS`), reads too
/// slowly, or resumes the stream of another database, it gets an event `reset` instead of them. It
/// must then read the list of images, at the address `list` of the data; the events that follow
/// continue from there.
#[utoipa::path(
    get, path = "/images/events", operation_id = "followImages", tag = "images",
    params(
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last received event, unchanged."),
    ),
    responses(
        (status = 200, description = "A stream without an end.", body = String, content_type = "text/event-stream"),
        (status = 400, description = "`Last-Event-ID` is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` excludes `text/event-stream`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams, or the database is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn all(
    State(app): State<App>,
    headers: HeaderMap,
    Reads(reader): Reads,
) -> Result<Response, Problem> {
    let (since, permit) = acquire_permit(&app, &headers)?;
    let subscription = app.pipeline.subscribe(since, &reader).await?;
    if matches!(&reader, Principal::User(caller) if caller.is_admin()) {
        audit("images followed", &reader, &"any");
    }
    // with an id, a client that is disconnected before the first event misses nothing
    let first = opening_event().id(subscription.received().to_string());
    Ok(respond(&app, &headers, reader, first, subscription, permit, false))
}

/// Streams changes of one image as Server-Sent Events.
///
/// The events are those of `/images/events`. The first one has the current state; the stream ends
/// after `deleted`.
#[utoipa::path(
    get, path = "/images/{id}/events", operation_id = "followImage", tag = "images",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("Last-Event-ID" = Option<String>, Header, description = "The `id` of the last received event, unchanged."),
    ),
    responses(
        (status = 200, description = "A stream that ends when the image is deleted.", body = String, content_type = "text/event-stream"),
        (status = 400, description = "`Last-Event-ID` is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image. If it was deleted after `Last-Event-ID`, the response is a stream with the event `deleted` instead.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` excludes `text/event-stream`.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many streams, or the database is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn one(
    State(app): State<App>,
    headers: HeaderMap,
    Reads(reader): Reads,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (since, permit) = acquire_permit(&app, &headers)?;
    let subscription = app.pipeline.subscribe_to(id, since, &reader).await?;
    let subscription = subscription.ok_or_else(Problem::no_image)?;
    Ok(respond(&app, &headers, reader, opening_event(), subscription, permit, true))
}

/// The position from which the client continues, and a permit for its stream.
fn acquire_permit(
    app: &App,
    headers: &HeaderMap,
) -> Result<(Option<Snapshot>, OwnedSemaphorePermit), Problem> {
    if negotiate(headers, &[MEDIA_TYPE]).is_none() {
        return Err(Problem::new(NOT_ACCEPTABLE, format!("available is only {MEDIA_TYPE}")));
    }
    let mut ids = headers.get_all("last-event-id").iter();
    let since = match (ids.next(), ids.next()) {
        (None, _) => None,
        (Some(id), other) => {
            let id = id.to_str().ok().filter(|_| other.is_none());
            let since = id.and_then(|id| id.parse().ok());
            let accepts = "the id of the last event, unchanged, once";
            Some(since.ok_or_else(|| Problem::parameter("Last-Event-ID", accepts))?)
        }
    };
    let permit = app.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| {
        Problem::new(BUSY, "too many event streams are open: try again in a moment")
    })?;
    Ok((since, permit))
}

/// Sent at once, so that the client knows that it is connected.
fn opening_event() -> sse::Event {
    sse::Event::default().comment("changes of images").retry(RECONNECTION_TIME)
}

/// The stream: `first`, then the events of `subscription`. It ends at shutdown, at a failure of the
/// database, when `reader` is no longer who the headers say, and, with `ends_with_image`, after the
/// deletion of the image. A client that reconnects misses nothing.
fn respond(
    app: &App,
    headers: &HeaderMap,
    reader: Principal,
    first: sse::Event,
    subscription: Subscription,
    permit: OwnedSemaphorePermit,
    ends_with_image: bool,
) -> Response {
    let shown_to = reader.clone();
    let changes = stream::unfold(Some((subscription, permit)), move |state| {
        let shown_to = shown_to.clone();
        async move {
            let (mut subscription, permit) = state?;
            let event = match subscription.recv().await {
                Ok(event) => event,
                Err(fault) => {
                    tracing::warn!("an event stream ends: {fault}");
                    return None;
                }
            };
            let ends = ends_with_image && matches!(event, Event::Deleted(_));
            let sent = encode(event, subscription.received(), &shown_to);
            Some((sent, (!ends).then_some((subscription, permit))))
        }
    });
    let closing = app.closing.clone().cancelled_owned();
    let lost = lose_rights(app.clone(), headers.clone(), reader);
    let ended = async move {
        tokio::select! {
            () = closing => {}
            () = lost => {}
        }
    };
    let events =
        stream::iter([first]).chain(changes).map(Ok::<_, Infallible>).take_until(Box::pin(ended));
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL));
    ([(header::CACHE_CONTROL, PRIVATE), NO_BUFFERING], sse).into_response()
}

/// An event with the data of its kind. Its id is what the client has received.
fn encode(event: Event, received: &Snapshot, reader: &Principal) -> sse::Event {
    let sent = sse::Event::default().id(received.to_string());
    let sent = match event {
        Event::Image(summary) => sent.event("image").json_data(ImageBody::new(summary, reader)),
        Event::Deleted(id) => sent.event("deleted").json_data(DeletedBody { id: id.to_string() }),
        Event::Reset => sent.event("reset").json_data(ResetBody { list: "/images" }),
    };
    sent.expect("these bodies are always valid JSON, on one line")
}
