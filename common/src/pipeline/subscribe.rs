//! Subscriptions: report every change of images, and miss none.
//!
//! The database records what changed. One watcher task per process polls it, on notifications and
//! at intervals, and broadcasts each change once to all subscriptions. A subscription that starts
//! late, or is too slow, reads the database itself: what is committed now, without what it has
//! received. If that is more than `MAX_REPLAYED_EVENTS`, it reports [`Event::Reset`] instead.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use tokio::{
    sync::broadcast::{self, WeakSender, error::RecvError},
    time::sleep,
};

use super::{
    Pipeline,
    event::{Delivery, Event},
    summary::ImageSummary,
};
use crate::{
    account::principal::Principal,
    catalog::{Change, ChangeSeq, Snapshot},
    fault::Fault,
    image::ImageId,
    jitter::jitter,
};

/// Changes in one page.
const PAGE: u64 = 200;
/// Events that a subscription may be behind before it has to read the database.
const CAPACITY: usize = 256;
/// After every change.
const END: ChangeSeq = ChangeSeq(i64::MAX);

/// Receives the events of all images that its reader may read, or of one.
pub struct Subscription {
    pipeline: Pipeline,
    reader: Principal,
    only: Option<ImageId>,
    received: Snapshot,
    /// The last change that was received: its transaction may have more, which come after it.
    last: Option<Change>,
    live: broadcast::Receiver<Arc<Delivery>>,
    replay: Option<Replay>,
    ready: VecDeque<Arc<Delivery>>,
}

/// Reads the changes that `to` contains and `from` does not, page by page.
struct Replay {
    from: Snapshot,
    to: Snapshot,
    after: Option<Change>,
}

impl Pipeline {
    /// Subscribes to all images: from now on, or to what is not in [`Subscription::received`] of an
    /// earlier one.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn subscribe<'a>(
        &'a self,
        since: Option<Snapshot>,
        reader: &'a Principal,
    ) -> BoxFuture<'a, Result<Subscription, Fault>> {
        Box::pin(async move {
            let live = self.join_hub().await?;
            let now = self.catalog().snapshot().await?;
            let mut subscription = Subscription {
                pipeline: self.clone(),
                reader: reader.clone(),
                only: None,
                received: now.clone(),
                last: None,
                live,
                replay: None,
                ready: VecDeque::new(),
            };
            if let Some(since) = since {
                // A number that was not given out yet comes from another database: what has changed
                // since then is unknown.
                if since.next() > now.next() {
                    subscription.reset(now);
                } else {
                    subscription.received = since;
                    subscription.replay_to(now).await?;
                }
            }
            Ok(subscription)
        })
    }

    /// Subscribes to one image. The first event is how it is now. `None` when no such image is
    /// stored or `reader` may not read it, unless they could and `since` does not contain its
    /// latest change.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn subscribe_to<'a>(
        &'a self,
        id: ImageId,
        since: Option<Snapshot>,
        reader: &'a Principal,
    ) -> BoxFuture<'a, Result<Option<Subscription>, Fault>> {
        Box::pin(async move {
            let live = self.join_hub().await?;
            let now = self.catalog().snapshot().await?;
            let summary = self.summary(id, reader).await?;
            if summary.is_none() {
                let last = self.catalog().last_change(id).await?;
                let last = last.filter(|last| reader.may_have_read(last));
                if since.zip(last).is_none_or(|(since, last)| since.contains(last.seq)) {
                    return Ok(None);
                }
            }
            Ok(Some(Subscription {
                pipeline: self.clone(),
                reader: reader.clone(),
                only: Some(id),
                received: Snapshot::EMPTY,
                last: None,
                live,
                replay: None,
                ready: VecDeque::from([Arc::new(Delivery::state(id, summary, None, now))]),
            }))
        })
    }

    /// How long ago all changes had been read for the event streams of this process; `None` when it
    /// has none.
    pub fn changes_age(&self) -> Option<Duration> {
        self.0.hub.age()
    }

    /// Receives from the watcher, and starts it if there is none. Every change that is not committed
    /// at the time of this call is broadcast.
    async fn join_hub(&self) -> Result<broadcast::Receiver<Arc<Delivery>>, Fault> {
        let mut watcher = self.0.hub.watcher.lock().await;
        if let Some(sender) = watcher.as_ref().and_then(WeakSender::upgrade) {
            return Ok(sender.subscribe());
        }
        let since = self.catalog().snapshot().await?;
        let (sender, live) = broadcast::channel(CAPACITY);
        *watcher = Some(sender.downgrade());
        let pipeline = self.clone();
        tokio::spawn(async move {
            pipeline.0.hub.set_read_at(Some(Instant::now()));
            tokio::select! {
                () = pipeline.watch(&sender, since) => {}
                () = sender.closed() => {}
            }
            pipeline.0.hub.set_read_at(None);
        });
        Ok(live)
    }

    /// The watcher: broadcasts changes without end.
    async fn watch(&self, sender: &broadcast::Sender<Arc<Delivery>>, since: Snapshot) {
        let mut notices = self.queue().listen_changes();
        let mut replay = Replay { from: since.clone(), to: since, after: None };
        loop {
            match self.broadcast_changes(sender, &mut replay).await {
                Ok(()) => self.0.hub.set_read_at(Some(Instant::now())),
                Err(fault) => tracing::warn!("events of images are delayed: {fault}"),
            }
            tokio::select! {
                () = notices.next() => {}
                () = sleep(jitter(self.config().poll)) => {}
            }
        }
    }

    /// Ends `replay`, which a fault may have interrupted, and continues with what was committed
    /// since.
    async fn broadcast_changes(
        &self,
        sender: &broadcast::Sender<Arc<Delivery>>,
        replay: &mut Replay,
    ) -> Result<(), Fault> {
        self.broadcast_rest(sender, replay).await?;
        let to = self.catalog().snapshot().await?;
        *replay = Replay { from: replay.to.clone(), to, after: None };
        self.broadcast_rest(sender, replay).await
    }

    async fn broadcast_rest(
        &self,
        sender: &broadcast::Sender<Arc<Delivery>>,
        replay: &mut Replay,
    ) -> Result<(), Fault> {
        while let Some(page) = self.next_page(replay).await? {
            for delivery in page {
                let _no_receiver_left = sender.send(Arc::new(delivery));
            }
        }
        Ok(())
    }

    /// The next page of a replay; `None` at its end.
    async fn next_page(&self, replay: &mut Replay) -> Result<Option<Vec<Delivery>>, Fault> {
        let Replay { from, to, after } = replay;
        let changes = self.catalog().changes(from, to, *after, PAGE).await?;
        let Some(last) = changes.last().copied() else { return Ok(None) };
        let ids: Vec<ImageId> = changes.iter().map(|change| change.image).collect();
        let summaries = self.summaries(&ids).await?.into_iter();
        let mut summaries: HashMap<ImageId, ImageSummary> =
            summaries.map(|summary| (summary.image.id, summary)).collect();
        let full = changes.len() as u64 == PAGE;
        let page = changes.iter().enumerate().map(|(nth, change)| {
            // what comes before the next change was received; its transaction may be the same
            let end = match changes.get(nth + 1) {
                Some(next) => next.seq,
                None if full => change.seq,
                None => END,
            };
            let summary = summaries.remove(&change.image);
            Delivery::state(change.image, summary, Some(*change), from.with(to, end))
        });
        let page = page.collect();
        *after = Some(last);
        Ok(Some(page))
    }
}

impl Principal {
    /// Whether it may read the image of a change, or could before.
    fn may_have_read(&self, change: &Change) -> bool {
        self.may_read_of(change.owner, change.was_public)
    }
}

impl Subscription {
    /// What was received: a subscription from here on misses nothing.
    pub fn received(&self) -> &Snapshot {
        &self.received
    }

    /// Waits for the next event, without a time limit.
    ///
    /// # Errors
    /// The database is unavailable. Subscribe again from [`Self::received`] later.
    pub fn recv(&mut self) -> BoxFuture<'_, Result<Event, Fault>> {
        Box::pin(async move {
            loop {
                if let Some(delivery) = self.ready.pop_front() {
                    match self.accept(&delivery) {
                        Some(event) => return Ok(event),
                        None => continue,
                    }
                }
                if let Some(replay) = &mut self.replay {
                    let _permit = self.pipeline.0.hub.replays.acquire().await;
                    match self.pipeline.next_page(replay).await? {
                        Some(page) => self.ready.extend(page.into_iter().map(Arc::new)),
                        None => {
                            self.received = self.received.with(&replay.to, END);
                            self.replay = None;
                        }
                    }
                    continue;
                }
                match self.live.recv().await {
                    Ok(delivery) => self.ready.push_back(delivery),
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

    /// Records what was received, and returns the event as its reader may see it; `None` when it is
    /// to be skipped.
    fn accept(&mut self, delivery: &Delivery) -> Option<Event> {
        let Some(change) = delivery.change else {
            self.received = delivery.received.clone();
            return Some(delivery.event.clone());
        };
        let again = self.received.contains(change.seq)
            || self.last.is_some_and(|last| last.seq == change.seq && last.image >= change.image);
        self.received = self.received.with(&delivery.received, END);
        self.last = Some(change);
        let is_meant = !again && self.only.is_none_or(|only| only == change.image);
        let event = match &delivery.event {
            Event::Image(summary) if !self.reader.may_read(&summary.image) => {
                Event::Deleted(change.image)
            }
            event => event.clone(),
        };
        let is_gone = matches!(event, Event::Deleted(_));
        (is_meant && (!is_gone || self.reader.may_have_read(&change))).then_some(event)
    }

    /// Events were missed: replays the changes that were not received, or reads the one image.
    async fn catch_up(&mut self) -> Result<(), Fault> {
        let catalog = self.pipeline.catalog();
        let now = catalog.snapshot().await?;
        let Some(image) = self.only else { return self.replay_to(now).await };
        let last = catalog.last_change(image).await?;
        if last.is_some_and(|last| self.received.contains(last.seq)) {
            self.received = self.received.with(&now, END);
            return Ok(());
        }
        let summary = self.pipeline.summary(image, &self.reader).await?;
        self.ready.push_back(Arc::new(Delivery::state(image, summary, None, now)));
        Ok(())
    }

    /// Replays what `to` contains and was not received, or reports that it is too much.
    async fn replay_to(&mut self, to: Snapshot) -> Result<(), Fault> {
        let pipeline = self.pipeline.clone();
        let _permit = pipeline.0.hub.replays.acquire().await;
        let max = pipeline.config().max_replayed_events;
        match pipeline.catalog().has_more_changes(&self.received, &to, max).await? {
            true => self.reset(to),
            false => self.replay = Some(Replay { from: self.received.clone(), to, after: None }),
        }
        Ok(())
    }

    /// Reports that changes up to `to` are skipped.
    fn reset(&mut self, to: Snapshot) {
        self.replay = None;
        self.ready.push_back(Arc::new(Delivery {
            event: Event::Reset,
            change: None,
            received: to,
        }));
    }
}
