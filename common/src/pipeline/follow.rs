//! Follows images: tells what they became, and misses nothing.
//!
//! The database knows what changed, in which order. One watcher a process asks it, after news and
//! from time to time, and tells everybody who follows; whoever was away, or too slow, asks it
//! himself from where he was. So what is told is how things stand, and may be told twice.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use tokio::{
    sync::broadcast::{self, WeakSender, error::RecvError},
    time::sleep,
};

use super::{Pipeline, Shown};
use crate::{
    catalog::{Change, Turn, Window},
    fault::Fault,
    image::ImageId,
};

/// Changes that are read together.
const PAGE: u64 = 200;
/// Followers that read such a page at the same time: a crowd of them leaves the database to others.
pub(super) const REPLAYS: usize = 2;
/// What a follower may be behind before he has to ask the database.
const ROOM: usize = 256;

/// How an image stands now.
#[derive(Debug, Clone)]
pub struct Told {
    /// Which.
    pub image: ImageId,
    /// `None` when it was deleted.
    pub shown: Option<Shown>,
    cursor: Turn,
}

/// Hears what becomes of all images, or of one.
pub struct Follower {
    pipeline: Pipeline,
    only: Option<ImageId>,
    cursor: Turn,
    live: broadcast::Receiver<Arc<Told>>,
    missed: Option<Pass>,
    waiting: VecDeque<Arc<Told>>,
}

/// The watcher's line, as long as somebody listens.
pub(super) type Line = tokio::sync::Mutex<Option<WeakSender<Arc<Told>>>>;

/// One look at everything that changed from some turn on, by pages.
struct Pass {
    since: Turn,
    window: Window,
    after: Option<Change>,
}

impl Pipeline {
    /// Follows all images: from now on, or from where a [`Follower::cursor`] was.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn follow(&self, since: Option<Turn>) -> Result<Follower, Fault> {
        let live = self.tune_in().await?;
        let window = self.catalog().window().await?;
        // a turn that was not given out yet is of another database's life
        let since = since.map(|since| if since > window.next { Turn(0) } else { since });
        Ok(Follower {
            pipeline: self.clone(),
            only: None,
            cursor: since.unwrap_or(window.settled),
            live,
            missed: since.map(|since| Pass { since, window, after: None }),
            waiting: VecDeque::new(),
        })
    }

    /// Follows one image, from how it stands now. `None` when no such image is stored, and it was
    /// not deleted after `since`.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn follow_one(
        &self,
        id: ImageId,
        since: Option<Turn>,
    ) -> Result<Option<Follower>, Fault> {
        let live = self.tune_in().await?;
        let cursor = self.catalog().window().await?.settled;
        let shown = self.show(id).await?;
        if shown.is_none() {
            let last = self.catalog().last_change(id).await?;
            if since.zip(last).is_none_or(|(since, last)| since > last) {
                return Ok(None);
            }
        }
        let now = Told { image: id, shown, cursor };
        Ok(Some(Follower {
            pipeline: self.clone(),
            only: Some(id),
            cursor,
            live,
            missed: None,
            waiting: VecDeque::from([Arc::new(now)]),
        }))
    }

    /// Listens to the watcher, who is called if there is none. Whatever he has not told by now, he
    /// tells us.
    async fn tune_in(&self) -> Result<broadcast::Receiver<Arc<Told>>, Fault> {
        let mut line = self.0.line.lock().await;
        if let Some(watcher) = line.as_ref().and_then(WeakSender::upgrade) {
            return Ok(watcher.subscribe());
        }
        let since = self.catalog().window().await?.settled;
        let (teller, live) = broadcast::channel(ROOM);
        *line = Some(teller.downgrade());
        let pipeline = self.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = pipeline.watch(&teller, since) => {}
                () = teller.closed() => {}
            }
        });
        Ok(live)
    }

    /// The life of the watcher.
    async fn watch(&self, teller: &broadcast::Sender<Arc<Told>>, mut since: Turn) {
        let mut news = self.queue().news();
        // what was told, and will be seen again because something before it may still be committed
        let mut told = HashSet::new();
        loop {
            match self.tell_changes(teller, since, &mut told).await {
                Ok(settled) => since = settled,
                Err(fault) => tracing::warn!("whoever follows images has to wait: {fault}"),
            }
            told.retain(|change: &Change| change.turn >= since);
            tokio::select! {
                () = news.next() => {}
                () = sleep(self.config().poll.mul_f64(0.8 + 0.4 * fastrand::f64())) => {}
            }
        }
    }

    async fn tell_changes(
        &self,
        teller: &broadcast::Sender<Arc<Told>>,
        since: Turn,
        told: &mut HashSet<Change>,
    ) -> Result<Turn, Fault> {
        let window = self.catalog().window().await?;
        let mut pass = Pass { since, window, after: None };
        while let Some(page) = self.next_page(&mut pass, told).await? {
            for (change, news) in page {
                told.insert(change);
                // nobody may be listening any more
                let _ = teller.send(Arc::new(news));
            }
        }
        Ok(window.settled)
    }

    /// The next page of a pass, without what was told; `None` at its end.
    async fn next_page(
        &self,
        pass: &mut Pass,
        told: &HashSet<Change>,
    ) -> Result<Option<Vec<(Change, Told)>>, Fault> {
        let Pass { since, window, after } = pass;
        let mut changes = self.catalog().changes(*since, *after, window.next, PAGE).await?;
        let Some(last) = changes.last().copied() else { return Ok(None) };
        let more = changes.len() as u64 == PAGE;
        *after = Some(last);
        changes.retain(|change| !told.contains(change));
        let ids: Vec<ImageId> = changes.iter().map(|change| change.image).collect();
        let shown = self.shown(&ids).await?.into_iter().map(|shown| (shown.image.id, shown));
        let mut shown: HashMap<ImageId, Shown> = shown.collect();
        let count = changes.len();
        let page = changes.into_iter().enumerate().map(|(nth, change)| {
            // whoever heard this has heard all that is before its turn; with the last one, all
            let ends = nth + 1 == count && !more;
            let cursor = if ends { window.settled } else { change.turn.min(window.settled) };
            let Change { image, .. } = change;
            (change, Told { image, shown: shown.remove(&image), cursor })
        });
        Ok(Some(page.collect()))
    }
}

impl Follower {
    /// From where another follower misses nothing that this one has not heard.
    pub fn cursor(&self) -> Turn {
        self.cursor
    }

    /// Waits for the next news, for ever if need be.
    ///
    /// # Errors
    /// The database is out of reach; go on from the cursor later.
    pub async fn next(&mut self) -> Result<Arc<Told>, Fault> {
        loop {
            if let Some(told) = self.waiting.pop_front() {
                self.cursor = self.cursor.max(told.cursor);
                match self.only {
                    Some(only) if only != told.image => continue,
                    _ => return Ok(told),
                }
            }
            if let Some(pass) = &mut self.missed {
                let _turn = self.pipeline.0.replays.acquire().await;
                match self.pipeline.next_page(pass, &HashSet::new()).await? {
                    Some(page) => {
                        self.waiting.extend(page.into_iter().map(|(_, told)| Arc::new(told)));
                    }
                    None => {
                        self.cursor = self.cursor.max(pass.window.settled);
                        self.missed = None;
                    }
                }
                continue;
            }
            match self.live.recv().await {
                Ok(told) => self.waiting.push_back(told),
                Err(RecvError::Lagged(_)) => {
                    // what is still on the line tells of old times, behind a cursor that will be past them
                    self.live = self.live.resubscribe();
                    self.catch_up().await?;
                }
                Err(RecvError::Closed) => {
                    self.live = self.pipeline.tune_in().await?;
                    self.catch_up().await?;
                }
            }
        }
    }

    /// Something was missed: all that changed since, or how the one image stands.
    async fn catch_up(&mut self) -> Result<(), Fault> {
        let window = self.pipeline.catalog().window().await?;
        match self.only {
            None => self.missed = Some(Pass { since: self.cursor, window, after: None }),
            Some(image) => {
                let shown = self.pipeline.show(image).await?;
                self.waiting.push_back(Arc::new(Told { image, shown, cursor: window.settled }));
            }
        }
        Ok(())
    }
}
