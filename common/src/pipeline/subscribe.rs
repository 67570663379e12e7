//! Subscriptions: report every change of images, and miss none.
//!
//! The database records what changed, in order. One watcher task per process polls it, on
//! notifications and at intervals, and broadcasts to all subscriptions. A subscription that starts
//! late, or is too slow, reads the database itself, from its cursor on. An event says how an image
//! is now; the same event may come twice.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::broadcast::{self, WeakSender, error::RecvError},
    time::sleep,
};

use super::{Pipeline, event::ImageEvent, summary::ImageSummary};
use crate::{
    catalog::{Change, ChangeSeq, SeqWindow},
    fault::Fault,
    image::ImageId,
    jitter::jitter,
};

/// Changes in one page.
const PAGE: u64 = 200;
/// Events that a subscription may be behind before it has to read the database.
const CAPACITY: usize = 256;

/// Receives the events of all images, or of one.
pub struct Subscription {
    pipeline: Pipeline,
    only: Option<ImageId>,
    cursor: ChangeSeq,
    live: broadcast::Receiver<Arc<ImageEvent>>,
    replay: Option<Replay>,
    ready: VecDeque<Arc<ImageEvent>>,
}

/// Reads everything that changed from `since` on, page by page.
struct Replay {
    since: ChangeSeq,
    window: SeqWindow,
    after: Option<Change>,
}

impl Pipeline {
    /// Subscribes to all images: from now on, or from a [`Subscription::cursor`] on.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn subscribe(
        &self,
        since: Option<ChangeSeq>,
    ) -> BoxFuture<'_, Result<Subscription, Fault>> {
        Box::pin(async move {
            let live = self.join_hub().await?;
            let window = self.catalog().seq_window().await?;
            // a number that was not given out yet comes from another database: start over
            let since = since.map(|since| if since > window.next { ChangeSeq(0) } else { since });
            Ok(Subscription {
                pipeline: self.clone(),
                only: None,
                cursor: since.unwrap_or(window.settled),
                live,
                replay: since.map(|since| Replay { since, window, after: None }),
                ready: VecDeque::new(),
            })
        })
    }

    /// Subscribes to one image. The first event is how it is now. `None` when no such image is
    /// stored, and it was not deleted after `since`.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn subscribe_to(
        &self,
        id: ImageId,
        since: Option<ChangeSeq>,
    ) -> BoxFuture<'_, Result<Option<Subscription>, Fault>> {
        Box::pin(async move {
            let live = self.join_hub().await?;
            let cursor = self.catalog().seq_window().await?.settled;
            let summary = self.summary(id).await?;
            if summary.is_none() {
                let last = self.catalog().last_change(id).await?;
                if since.zip(last).is_none_or(|(since, last)| since > last) {
                    return Ok(None);
                }
            }
            let now = ImageEvent { image: id, summary, cursor };
            Ok(Some(Subscription {
                pipeline: self.clone(),
                only: Some(id),
                cursor,
                live,
                replay: None,
                ready: VecDeque::from([Arc::new(now)]),
            }))
        })
    }

    /// Receives from the watcher, and starts it if there is none. Every change that is not settled
    /// at the time of this call is broadcast.
    async fn join_hub(&self) -> Result<broadcast::Receiver<Arc<ImageEvent>>, Fault> {
        let mut watcher = self.0.hub.watcher.lock().await;
        if let Some(sender) = watcher.as_ref().and_then(WeakSender::upgrade) {
            return Ok(sender.subscribe());
        }
        let since = self.catalog().seq_window().await?.settled;
        let (sender, live) = broadcast::channel(CAPACITY);
        *watcher = Some(sender.downgrade());
        let pipeline = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = pipeline.watch(&sender, since) => {}
                () = sender.closed() => {}
            }
        });
        Ok(live)
    }

    /// The watcher: broadcasts changes without end.
    async fn watch(&self, sender: &broadcast::Sender<Arc<ImageEvent>>, mut since: ChangeSeq) {
        let mut notices = self.queue().listen_changes();
        // Broadcast already, and read again because an earlier change may still be committed.
        let mut sent = HashSet::new();
        loop {
            match self.broadcast_changes(sender, since, &mut sent).await {
                Ok(settled) => since = settled,
                Err(fault) => tracing::warn!("events of images are delayed: {fault}"),
            }
            sent.retain(|change: &Change| change.seq >= since);
            tokio::select! {
                () = notices.next() => {}
                () = sleep(jitter(self.config().poll)) => {}
            }
        }
    }

    async fn broadcast_changes(
        &self,
        sender: &broadcast::Sender<Arc<ImageEvent>>,
        since: ChangeSeq,
        sent: &mut HashSet<Change>,
    ) -> Result<ChangeSeq, Fault> {
        let window = self.catalog().seq_window().await?;
        let mut replay = Replay { since, window, after: None };
        while let Some(page) = self.next_page(&mut replay, sent).await? {
            for (change, event) in page {
                sent.insert(change);
                let _no_receiver_left = sender.send(Arc::new(event));
            }
        }
        Ok(window.settled)
    }

    /// The next page of a replay, without what is in `sent`; `None` at its end.
    async fn next_page(
        &self,
        replay: &mut Replay,
        sent: &HashSet<Change>,
    ) -> Result<Option<Vec<(Change, ImageEvent)>>, Fault> {
        let Replay { since, window, after } = replay;
        let mut changes = self.catalog().changes(*since, *after, window.next, PAGE).await?;
        let Some(last) = changes.last().copied() else { return Ok(None) };
        let more = changes.len() as u64 == PAGE;
        *after = Some(last);
        changes.retain(|change| !sent.contains(change));
        let ids: Vec<ImageId> = changes.iter().map(|change| change.image).collect();
        let summaries = self.summaries(&ids).await?.into_iter();
        let mut summaries: HashMap<ImageId, ImageSummary> =
            summaries.map(|summary| (summary.image.id, summary)).collect();
        let count = changes.len();
        let page = changes.into_iter().enumerate().map(|(nth, change)| {
            // After this event, everything before its number has been received; after the last one,
            // everything that is settled.
            let ends = nth + 1 == count && !more;
            let cursor = if ends { window.settled } else { change.seq.min(window.settled) };
            let Change { image, .. } = change;
            (change, ImageEvent { image, summary: summaries.remove(&image), cursor })
        });
        Ok(Some(page.collect()))
    }
}

impl Subscription {
    /// A subscription from here on misses nothing that this one has not received.
    pub fn cursor(&self) -> ChangeSeq {
        self.cursor
    }

    /// Waits for the next event, without a time limit.
    ///
    /// # Errors
    /// The database is unavailable. Subscribe again from the cursor later.
    pub fn recv(&mut self) -> BoxFuture<'_, Result<Arc<ImageEvent>, Fault>> {
        Box::pin(async move {
            loop {
                if let Some(event) = self.ready.pop_front() {
                    self.cursor = self.cursor.max(event.cursor);
                    match self.only {
                        Some(only) if only != event.image => continue,
                        _ => return Ok(event),
                    }
                }
                if let Some(replay) = &mut self.replay {
                    let _permit = self.pipeline.0.hub.replays.acquire().await;
                    match self.pipeline.next_page(replay, &HashSet::new()).await? {
                        Some(page) => {
                            self.ready.extend(page.into_iter().map(|(_, event)| Arc::new(event)));
                        }
                        None => {
                            self.cursor = self.cursor.max(replay.window.settled);
                            self.replay = None;
                        }
                    }
                    continue;
                }
                match self.live.recv().await {
                    Ok(event) => self.ready.push_back(event),
                    Err(RecvError::Lagged(_)) => {
                        // what is still in the channel is older than what the replay reads
                        self.live = self.live.resubscribe();
                        self.catch_up().await?;
                    }
                    Err(RecvError::Closed) => {
                        self.live = self.pipeline.join_hub().await?;
                        self.catch_up().await?;
                    }
                }
            }
        })
    }

    /// Events were missed: replays all changes since the cursor, or reads the one image.
    async fn catch_up(&mut self) -> Result<(), Fault> {
        let window = self.pipeline.catalog().seq_window().await?;
        match self.only {
            None => self.replay = Some(Replay { since: self.cursor, window, after: None }),
            Some(image) => {
                let summary = self.pipeline.summary(image).await?;
                let event = ImageEvent { image, summary, cursor: window.settled };
                self.ready.push_back(Arc::new(event));
            }
        }
        Ok(())
    }
}
