//! A request or a janitor on a resumable upload: what it asks next, and what it makes of the answer.

use super::world::{Blob, Phase, Reply, Request, Row, Rules};

/// What a process does; it forgets everything when it dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    pub step: Step,
    /// The row as its first statement returned it, and what it recorded since.
    pub row: Row,
    /// The attempt to store the image; 0 before.
    pub image: u8,
    /// The client waits for the answer.
    pub heard: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    Begin,
    ClaimFinishing,
    ClaimEnded,
    Remove,
    Reserve(Piece),
    Put(Piece),
    Record(Piece),
    /// Of a piece that was not recorded.
    Release(Piece),
    ReserveJoined,
    Join,
    Intend,
    ReserveOriginal,
    Copy,
    Abandon,
    Commit,
    Reread,
    ReleaseOriginal,
    /// `then`: the image is stored, and the upload ends.
    ReleaseJoined {
        then: bool,
    },
    Conclude,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Piece {
    Tail,
    Part,
}

const NOTHING: Row =
    Row { phase: Phase::Receiving, attempt: 0, next: 0, tail: None, part: None, due: false };

impl Task {
    pub fn begin(step: Step, heard: bool) -> Self {
        Task { step, row: NOTHING, image: 0, heard }
    }

    /// The upload's attempt that it has; `None` before its first answer.
    pub fn attempt(&self) -> Option<u8> {
        Some(self.row.attempt).filter(|attempt| *attempt > 0)
    }

    fn piece(&self, rules: &Rules, piece: Piece) -> Blob {
        match piece {
            Piece::Tail => Blob::Tail(rules.tail(self.row.attempt)),
            Piece::Part => Blob::Part(self.row.next),
        }
    }

    /// The number of the whole.
    fn joined(&self, rules: &Rules) -> u8 {
        match rules.joined_has_its_own_number {
            true => self.row.next,
            false => self.part(),
        }
    }

    fn part(&self) -> u8 {
        self.row.part.expect("what is finished has its part")
    }

    fn original(&self) -> Blob {
        Blob::Original(self.image)
    }

    pub fn request(&self, rules: &Rules) -> Request {
        use Step as S;
        let Row { attempt, tail, part, .. } = self.row;
        match self.step {
            S::Begin => Request::Begin,
            S::ClaimFinishing => Request::ClaimFinishing,
            S::ClaimEnded => Request::ClaimEnded,
            S::Remove => Request::Remove { attempt, tail, part },
            S::Reserve(piece) => Request::Reserve(self.piece(rules, piece)),
            S::Put(piece) => Request::Put { blob: self.piece(rules, piece), writer: attempt },
            S::Record(piece) => {
                Request::Record { attempt, blob: self.piece(rules, piece), earlier: tail }
            }
            S::Release(piece) => Request::Release(self.piece(rules, piece)),
            S::ReserveJoined => Request::Reserve(Blob::Part(self.joined(rules))),
            S::Join => Request::Join { part: self.part(), to: self.joined(rules), writer: attempt },
            S::Intend => Request::Intend,
            S::ReserveOriginal => Request::Reserve(self.original()),
            S::Copy => Request::Copy { from: self.joined(rules), image: self.image },
            S::Abandon => Request::Abandon(self.image),
            S::Commit => Request::Commit(self.image),
            S::Reread => Request::Reread(self.image),
            S::ReleaseOriginal => Request::Release(self.original()),
            S::ReleaseJoined { .. } => Request::Release(Blob::Part(self.joined(rules))),
            S::Conclude => Request::Conclude { attempt, part: self.part() },
        }
    }

    /// What comes next; `None` at its end. The flag: the client is told that the image is stored.
    pub fn hear(mut self, rules: &Rules, reply: Reply) -> (Option<Task>, bool) {
        use Step as S;
        let put_first = |piece| match rules.reserved_before_put {
            true => S::Reserve(piece),
            false => S::Put(piece),
        };
        let next = match (self.step, reply) {
            (S::Begin, Reply::Row(row)) => {
                self.row = row;
                Some(put_first(if row.tail.is_none() { Piece::Tail } else { Piece::Part }))
            }
            (S::ClaimFinishing, Reply::Row(row)) => {
                self.row = row;
                Some(S::ReserveJoined)
            }
            (S::ClaimEnded, Reply::Row(row)) => {
                self.row = row;
                Some(S::Remove)
            }
            (S::Reserve(piece), Reply::Yes) if rules.reserved_before_put => Some(S::Put(piece)),
            (S::Put(piece), Reply::Yes) if !rules.reserved_before_put => Some(S::Reserve(piece)),
            (S::Reserve(piece) | S::Put(piece), Reply::Yes) => Some(S::Record(piece)),
            (S::Record(Piece::Tail), Reply::Yes) => {
                self.row.tail = Some(rules.tail(self.row.attempt));
                Some(put_first(Piece::Part))
            }
            (S::Record(Piece::Part), Reply::Yes) => {
                let part = self.row.next;
                self.row = Row { tail: None, part: Some(part), next: part + 1, ..self.row };
                Some(S::ReserveJoined)
            }
            (S::Record(piece), Reply::No) => Some(S::Release(piece)),
            (S::ReserveJoined, Reply::Yes) => Some(S::Join),
            (S::Join, Reply::Yes) => Some(S::Intend),
            (S::Intend, Reply::Intended(image)) => {
                self.image = image;
                Some(S::ReserveOriginal)
            }
            (S::Intend, Reply::Stored) => Some(S::ReleaseJoined { then: true }),
            (S::ReserveOriginal, Reply::Yes) => Some(S::Copy),
            (S::Copy, Reply::Yes) if rules.ended_after_commit => Some(S::Commit),
            (S::Copy, Reply::Yes) => Some(S::Conclude),
            (S::Copy, _) => Some(S::Abandon),
            (S::Commit, Reply::Error) => Some(S::Reread),
            (S::Commit | S::Reread, Reply::Yes) => Some(S::ReleaseJoined { then: true }),
            (S::Commit | S::Reread, _) => Some(S::ReleaseOriginal),
            (S::Intend | S::ReserveOriginal | S::Abandon | S::ReleaseOriginal, _) => {
                Some(S::ReleaseJoined { then: false })
            }
            (S::ReleaseJoined { then: true }, Reply::Yes) if rules.ended_after_commit => {
                Some(S::Conclude)
            }
            (S::Conclude, Reply::Yes) if !rules.ended_after_commit => Some(S::Commit),
            // an error, or a newer request has begun: the client asks again
            _ => None,
        };
        // if it was fenced off, the other one comes to the same end
        let is_told = self.step == S::Conclude && matches!(reply, Reply::Yes | Reply::No);
        let goes_on = next.map(|step| Task { step, ..self });
        (goes_on, is_told && self.heard && rules.ended_after_commit)
    }

    /// Whether it stores the blob, from its reservation to its commit.
    pub fn holds(&self, rules: &Rules, blob: Blob) -> bool {
        use Step as S;
        match self.step {
            S::Begin | S::ClaimFinishing | S::ClaimEnded | S::Remove | S::Conclude => false,
            S::Reserve(piece) | S::Put(piece) | S::Record(piece) | S::Release(piece) => {
                self.piece(rules, piece) == blob
            }
            _ => {
                Blob::Part(self.joined(rules)) == blob
                    || (self.image > 0 && self.original() == blob)
            }
        }
    }

    /// Whether it still means to put the blob.
    pub fn will_put(&self, rules: &Rules, blob: Blob) -> bool {
        use Step as S;
        match self.step {
            S::Reserve(piece) | S::Put(piece) => self.piece(rules, piece) == blob,
            S::ReserveJoined | S::Join => Blob::Part(self.joined(rules)) == blob,
            S::ReserveOriginal | S::Copy => self.original() == blob,
            _ => false,
        }
    }
}
