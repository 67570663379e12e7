//! The rows and blobs of a resumable upload, and what each request does to them.

use super::super::{small_set::SmallSet, world::GcState, wrong::Wrong};

/// The rules, each with a switch. `true` is as the code has it.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// A part or a tail is recorded only by the newest request.
    pub records_are_fenced: bool,
    /// A request takes numbers of parts that no other had.
    pub requests_take_new_numbers: bool,
    /// The attempt is part of the key of a tail.
    pub tails_named_by_attempt: bool,
    /// Who records more marks the tail that was there before.
    pub earlier_tails_are_marked: bool,
    /// The whole has a number that no part has.
    pub joined_has_its_own_number: bool,
    pub reserved_before_put: bool,
    /// An upload does not expire under a request that makes progress.
    pub progress_keeps: bool,
    /// An upload that was received as a whole does not expire.
    pub wholes_do_not_expire: bool,
    /// The upload's id is the idempotency key of its image.
    pub image_has_a_key: bool,
    /// The upload ends once its image is committed.
    pub ended_after_commit: bool,
    /// The transaction that removes an upload marks its blobs.
    pub removed_blobs_are_marked: bool,
}

impl Rules {
    pub const KEPT: Rules = Rules {
        records_are_fenced: true,
        requests_take_new_numbers: true,
        tails_named_by_attempt: true,
        earlier_tails_are_marked: true,
        joined_has_its_own_number: true,
        reserved_before_put: true,
        progress_keeps: true,
        wholes_do_not_expire: true,
        image_has_a_key: true,
        ended_after_commit: true,
        removed_blobs_are_marked: true,
    };

    /// The key of the tail that an attempt stores.
    pub fn tail(&self, attempt: u8) -> u8 {
        if self.tails_named_by_attempt { attempt } else { 0 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Blob {
    Tail(u8),
    /// The part of this number, or the whole.
    Part(u8),
    /// What this attempt to store the image has copied.
    Original(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    Receiving,
    Finishing,
    Done,
    Ending,
}

/// The row of the upload, with that of its one part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row {
    pub phase: Phase,
    pub attempt: u8,
    /// The number of the next part.
    pub next: u8,
    pub tail: Option<u8>,
    pub part: Option<u8>,
    /// It has expired, or its lease has ended.
    pub due: bool,
}

/// An image that is not stored yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Intent {
    pub attempt: u8,
    pub due: bool,
}

/// A statement, a transaction, or a call of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    Begin,
    ClaimFinishing,
    ClaimEnded,
    Reserve(Blob),
    Release(Blob),
    Put { blob: Blob, writer: u8 },
    Record { attempt: u8, blob: Blob, earlier: Option<u8> },
    Join { part: u8, to: u8, writer: u8 },
    Intend,
    Copy { from: u8, image: u8 },
    Abandon(u8),
    Commit(u8),
    Reread(u8),
    Conclude { attempt: u8, part: u8 },
    Remove { attempt: u8, tail: Option<u8>, part: Option<u8> },
    Delete(Blob),
    NoteSwept { blob: Blob, listed: GcState },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// None, or an error: the request may have been carried out.
    Error,
    Yes,
    No,
    Row(Row),
    Intended(u8),
    Stored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub row: Option<Row>,
    pub intent: Option<Intent>,
    /// How many attempts to store the image there were.
    pub intents_made: u8,
    /// The images, by the attempts that stored them.
    pub images: SmallSet<u8, 2>,
    pub gc: SmallSet<(Blob, GcState)>,
    /// Each blob with its writer.
    pub store: SmallSet<(Blob, u8)>,
    pub on_the_way: SmallSet<Request, 2>,
    /// It was received as a whole.
    pub whole: bool,
    pub wrong: Option<Wrong>,
}

impl World {
    /// An upload has begun.
    pub const BEGUN: World = World {
        row: Some(Row {
            phase: Phase::Receiving,
            attempt: 0,
            next: 1,
            tail: None,
            part: None,
            due: false,
        }),
        intent: None,
        intents_made: 0,
        images: SmallSet::NONE,
        gc: SmallSet::NONE,
        store: SmallSet::NONE,
        on_the_way: SmallSet::NONE,
        whole: false,
        wrong: None,
    };

    pub fn gc(&self, blob: Blob) -> Option<GcState> {
        self.gc.iter().find(|(other, _)| *other == blob).map(|(_, state)| state)
    }

    pub fn set_gc(&mut self, blob: Blob, state: Option<GcState>) {
        if let Some(old) = self.gc(blob) {
            self.gc.remove((blob, old));
        }
        if let Some(state) = state {
            self.gc.add((blob, state));
        }
    }

    fn writer(&self, blob: Blob) -> Option<u8> {
        self.store.iter().find(|(other, _)| *other == blob).map(|(_, writer)| writer)
    }

    fn has(&self, blob: Blob) -> bool {
        self.writer(blob).is_some()
    }

    fn put(&mut self, blob: Blob, writer: u8) -> Reply {
        match self.writer(blob) {
            None => self.store.add((blob, writer)),
            // the same bytes again: a request that was repeated on its way
            Some(same) if same == writer => {}
            Some(_) => self.wrong = Some(Wrong::Overwritten),
        }
        Reply::Yes
    }

    /// Carries a request out, as the catalog and the store do.
    pub fn carry_out(&mut self, rules: &Rules, request: Request) -> Reply {
        use Request as R;
        match request {
            R::Begin => {
                let next = u8::from(rules.requests_take_new_numbers);
                self.claim(|row| row.phase == Phase::Receiving, next, Phase::Receiving)
            }
            R::ClaimFinishing => {
                self.claim(|row| row.phase == Phase::Finishing && row.due, 1, Phase::Finishing)
            }
            R::ClaimEnded => {
                let ends = |row: Row| row.phase != Phase::Finishing || !rules.wholes_do_not_expire;
                self.claim(|row| row.due && ends(row), 0, Phase::Ending)
            }
            R::Reserve(blob) if self.gc(blob).is_some() => Reply::Error,
            R::Reserve(blob) => {
                self.set_gc(blob, Some(GcState::Reserved));
                Reply::Yes
            }
            R::Release(blob) => {
                if self.gc(blob) == Some(GcState::Reserved) {
                    self.set_gc(blob, Some(GcState::Marked));
                }
                Reply::Yes
            }
            R::Put { blob, writer } => self.put(blob, writer),
            R::Record { attempt, blob, earlier } => self.record(rules, attempt, blob, earlier),
            R::Join { part, to, writer } if self.has(Blob::Part(part)) => {
                self.put(Blob::Part(to), writer)
            }
            R::Join { .. } => Reply::No,
            R::Intend => self.intend(rules),
            R::Copy { from, image } if self.has(Blob::Part(from)) => {
                self.put(Blob::Original(image), image)
            }
            R::Copy { .. } => Reply::Error,
            R::Abandon(image) => {
                self.intent = self.intent.filter(|intent| intent.attempt != image);
                self.carry_out(rules, R::Release(Blob::Original(image)))
            }
            R::Commit(image) => self.commit(image),
            R::Reread(image) if self.images.has(image) => Reply::Yes,
            R::Reread(_) => Reply::No,
            R::Conclude { attempt, part } => {
                let Some(row) = self.row.as_mut().filter(|row| {
                    row.attempt == attempt
                        && matches!(row.phase, Phase::Receiving | Phase::Finishing)
                }) else {
                    return Reply::No;
                };
                *row = Row { phase: Phase::Done, tail: None, part: None, due: false, ..*row };
                self.set_gc(Blob::Part(part), Some(GcState::Marked));
                Reply::Yes
            }
            R::Remove { attempt, tail, part } => {
                if self.row.is_none_or(|row| row.attempt != attempt) {
                    return Reply::No;
                }
                self.row = None;
                let blobs = tail.map(Blob::Tail).into_iter().chain(part.map(Blob::Part));
                for blob in blobs.filter(|_| rules.removed_blobs_are_marked) {
                    self.set_gc(blob, Some(GcState::Marked));
                }
                Reply::Yes
            }
            R::Delete(blob) => {
                if let Some(writer) = self.writer(blob) {
                    self.store.remove((blob, writer));
                }
                Reply::Yes
            }
            R::NoteSwept { blob, listed } => {
                match (self.gc(blob), listed) {
                    (Some(GcState::Swept { due: true }), GcState::Swept { .. }) => {
                        self.set_gc(blob, None);
                    }
                    (Some(GcState::Marked), _) => {
                        self.set_gc(blob, Some(GcState::Swept { due: false }));
                    }
                    _ => {}
                }
                Reply::Yes
            }
        }
    }

    /// A request begins, which fences off the others.
    fn claim(&mut self, may: impl FnOnce(Row) -> bool, numbers: u8, phase: Phase) -> Reply {
        let Some(row) = self.row.as_mut() else { return Reply::No };
        if !may(*row) {
            return Reply::No;
        }
        let (attempt, next) = (row.attempt + 1, row.next + numbers);
        *row = Row { phase, attempt, next, due: false, ..*row };
        Reply::Row(*row)
    }

    fn record(&mut self, rules: &Rules, attempt: u8, blob: Blob, earlier: Option<u8>) -> Reply {
        let is_current = |row: &&mut Row| {
            row.phase == Phase::Receiving && (row.attempt == attempt || !rules.records_are_fenced)
        };
        let Some(row) = self.row.as_mut().filter(is_current) else { return Reply::No };
        if !self.gc.has((blob, GcState::Reserved)) && rules.reserved_before_put {
            return Reply::No;
        }
        row.due = false;
        match blob {
            Blob::Tail(tail) => row.tail = Some(tail),
            Blob::Part(part) => {
                (row.tail, row.part, row.next) = (None, Some(part), part + 1);
                row.phase = Phase::Finishing;
                self.whole = true;
            }
            Blob::Original(_) => unreachable!("it is no part of an upload"),
        }
        self.set_gc(blob, None);
        if let Some(tail) = earlier.filter(|_| rules.earlier_tails_are_marked) {
            self.set_gc(Blob::Tail(tail), Some(GcState::Marked));
        }
        Reply::Yes
    }

    fn intend(&mut self, rules: &Rules) -> Reply {
        match self.intent {
            _ if !self.images.is_empty() && rules.image_has_a_key => Reply::Stored,
            Some(intent) if !intent.due => Reply::No,
            _ => {
                self.intents_made += 1;
                self.intent = Some(Intent { attempt: self.intents_made, due: false });
                Reply::Intended(self.intents_made)
            }
        }
    }

    fn commit(&mut self, image: u8) -> Reply {
        let is_held = self.intent.is_some_and(|intent| intent.attempt == image);
        if !is_held || !self.gc.remove((Blob::Original(image), GcState::Reserved)) {
            return Reply::No;
        }
        self.intent = None;
        if !self.images.is_empty() {
            self.wrong = Some(Wrong::SecondImage);
        }
        self.images.add(image);
        Reply::Yes
    }

    /// Whether a row names the blob.
    fn is_named(&self, blob: Blob) -> bool {
        match blob {
            Blob::Tail(tail) => self.row.is_some_and(|row| row.tail == Some(tail)),
            Blob::Part(part) => self.row.is_some_and(|row| row.part == Some(part)),
            Blob::Original(image) => self.images.has(image),
        }
    }

    /// What is wrong with the rows and the blobs.
    pub fn look(&self) -> Option<Wrong> {
        let goes_on = |row: &Row| matches!(row.phase, Phase::Receiving | Phase::Finishing);
        let row = self.row.filter(goes_on);
        let mut parts = row
            .into_iter()
            .flat_map(|row| row.tail.map(Blob::Tail).into_iter().chain(row.part.map(Blob::Part)));
        let known = |blob| self.gc(blob).is_some() || self.is_named(blob);
        if self.wrong.is_some() {
            self.wrong
        } else if !parts.all(|blob| self.has(blob)) {
            Some(Wrong::LostPart)
        } else if !self.images.iter().all(|image| self.has(Blob::Original(image))) {
            Some(Wrong::LostOriginal)
        } else if !self.store.iter().all(|(blob, _)| known(blob)) {
            Some(Wrong::Unknown)
        } else {
            None
        }
    }
}
