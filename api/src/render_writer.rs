//! Writes a render in a format: a text as it is stored, every other format once while it is kept.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use asciify::{Cell, Grid, Palette, write::Output};
use axum::{body::Body, http::HeaderValue};
use base64::prelude::{BASE64_STANDARD, Engine};
use bytes::Bytes;
use common::pipeline::{ResolvedRender, Text};
use sha2::{Digest, Sha256};
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    encoding_permits::Work,
    pages::MAX_PNG_CELLS,
    problem::{BUSY, Problem},
    representation_cache::Representation,
    response_budget::Reservation,
    response_writer::{ChunkedBody, ResponseWriter},
};

/// Renders of at most so many cells are small work to write.
const SMALL_CELLS: usize = 10_000;
/// Renders of at most so many cells are large work, and others are huge.
const LARGE_CELLS: usize = MAX_PNG_CELLS as usize;
/// Permits nothing: the policy of every format but HTML.
const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'");

/// A render in a format.
pub(crate) struct Answer {
    /// The body, which is reserved.
    pub body: Body,
    /// Its `Content-Security-Policy`.
    pub policy: HeaderValue,
    /// The text from which it was made; `None` if the body was kept.
    pub text: Option<Text>,
    /// How long it took to write the body, if it was written now.
    pub written_in: Option<Duration>,
}

/// A render in `format` within the response budget; `tag` is its entity tag.
///
/// # Errors
/// There is no text, no core, or no memory for the response.
pub(crate) async fn answer(
    app: &App,
    render: &ResolvedRender,
    format: Output,
    tag: &str,
) -> Result<Answer, Problem> {
    let is_plain = render.spec.color() == Palette::None;
    if format == Output::Ansi || (format == Output::Txt && is_plain) {
        let (text, reservation) = fetch(app, render).await?;
        let body = reservation.attach(text.clone()).into();
        return Ok(Answer { body, policy: NOTHING, text: Some(text), written_in: None });
    }
    if let Some(kept) = app.representations.get(tag).await {
        return respond(app, kept, None, None);
    }
    let (text, reservation) = fetch(app, render).await?;
    let cells = Grid::cells_of(text.as_str()).ok_or_else(|| bug(&"its text is malformed"))?;
    if format == Output::Png && cells > MAX_PNG_CELLS as usize {
        let accepts = format!("a render of at most {MAX_PNG_CELLS} cells for png");
        return Err(Problem::parameter("format", &accepts));
    }
    let mut written_in = None;
    let written = async {
        let started = Instant::now();
        let written = write(app, render, &text, format, cells, reservation).await;
        written_in = Some(started.elapsed());
        written
    };
    if work_of(cells) == Work::Huge {
        // too long to keep: its chunks are freed as they are sent
        let (Representation { chunks, policy }, reservation) = written.await?;
        let body = Body::new(ChunkedBody::new(chunks.iter().cloned(), reservation));
        return Ok(Answer {
            body,
            policy: policy.unwrap_or(NOTHING),
            text: Some(text),
            written_in,
        });
    }
    let written = async { written.await.map(|(written, _)| written) };
    let kept = app.representations.entry_by_ref(tag).or_try_insert_with(written).await;
    let kept = kept.map_err(|problem| Problem::clone(&problem))?.into_value();
    respond(app, kept, Some(text), written_in)
}

/// The text of a render, with its part of the response budget.
async fn fetch(app: &App, render: &ResolvedRender) -> Result<(Text, Reservation), Problem> {
    let stored_bytes = render.stored_bytes().unwrap_or_default() as usize;
    let mut reservation = app.response_budget.reserve(stored_bytes)?;
    let text = app.pipeline.text(render).await.map_err(|err| Problem::from(&*err))?;
    reservation.resize(text.as_str().len())?;
    Ok((text, reservation))
}

fn respond(
    app: &App,
    kept: Representation,
    text: Option<Text>,
    written_in: Option<Duration>,
) -> Result<Answer, Problem> {
    let reservation = app.response_budget.reserve(kept.length())?;
    let body = Body::new(ChunkedBody::new(kept.chunks.iter().cloned(), reservation));
    Ok(Answer { body, policy: kept.policy.unwrap_or(NOTHING), text, written_in })
}

/// Writes `text`, which has so many cells and `reservation`; returns the reservation of what is
/// written.
async fn write(
    app: &App,
    render: &ResolvedRender,
    text: &Text,
    format: Output,
    cells: usize,
    mut reservation: Reservation,
) -> Result<(Representation, Reservation), Problem> {
    let work = work_of(cells);
    let permit = writing_permit(app, work).await?;
    let gone = CancellationToken::new();
    let _cancels_when_dropped = gone.clone().drop_guard();
    let background = render.spec.background();
    let title = render.image.metadata.name.clone().unwrap_or_else(|| "image".into());
    let (budget, text) = (app.response_budget.clone(), text.clone());
    let write = move || {
        let _permit = permit;
        if work == Work::Small {
            reservation.keep_small();
        }
        reservation.resize(reservation.bytes() + cells * size_of::<Cell>())?;
        let grid: Grid = text.as_str().parse().map_err(|err| bug(&err))?;
        reservation.resize(reservation.bytes() + format.working_bytes(&grid))?;
        let mut writer = ResponseWriter::new(budget, reservation, gone);
        let written = format.write(&grid, background, &title, &mut writer);
        drop((grid, text));
        let (chunks, reservation) = writer.finish(written)?;
        let policy = (format == Output::Html).then(|| page_policy(&chunks));
        Ok((Representation { chunks: Arc::from(chunks), policy }, reservation))
    };
    // CPU-bound
    spawn_blocking(write).await.map_err(|err| bug(&err))?
}

fn bug(err: &dyn std::fmt::Display) -> Problem {
    tracing::error!("could not write a render: {err}");
    Problem::bug()
}

/// How much work it is to write a render of so many cells in another format than text.
pub(crate) fn work_of(cells: usize) -> Work {
    if cells <= SMALL_CELLS {
        Work::Small
    } else if cells <= LARGE_CELLS {
        Work::Large
    } else {
        Work::Huge
    }
}

/// Waits for the permit of such work.
///
/// # Errors
/// 503 after `RENDER_WAIT_S`.
pub(crate) async fn writing_permit(app: &App, work: Work) -> Result<OwnedSemaphorePermit, Problem> {
    let permit = timeout(app.pipeline.config().render_wait, app.writers.acquire(work));
    permit.await.map_err(|_| {
        Problem::new(BUSY, "all cores are busy writing responses: try again in a moment")
    })
}

/// Permits nothing but the inline style sheet of an HTML page, by its hash (CSP Level 3, 2.3.1).
fn page_policy(page: &[Bytes]) -> HeaderValue {
    let Some(hash) = style_hash(page) else { return NOTHING };
    let hash = BASE64_STANDARD.encode(hash);
    HeaderValue::from_str(&format!("default-src 'none'; style-src 'sha256-{hash}'"))
        .expect("a hash in Base64 is ASCII")
}

/// SHA-256 of the style sheet of a page. It starts in the first chunk, and has no `<`.
fn style_hash(page: &[Bytes]) -> Option<[u8; 32]> {
    const TAG: &[u8] = b"<style>";
    let (first, others) = page.split_first()?;
    let start = first.windows(TAG.len()).position(|tag| tag == TAG)? + TAG.len();
    let mut hash = Sha256::new();
    for part in [&first[start..]].into_iter().chain(others.iter().map(Bytes::as_ref)) {
        let end = part.iter().position(|byte| *byte == b'<');
        hash.update(&part[..end.unwrap_or(part.len())]);
        if end.is_some() {
            break;
        }
    }
    Some(hash.finalize().into())
}
