//! The processes of the model: what each asks next, and what it makes of the answer.

use std::fmt;

use super::{
    rules::Rules,
    small_set::SmallSet,
    world::{Blob, Claim, GcState, JobId, Look, Part, Reply, Request, World},
};

/// One of the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Api(usize),
    Worker(usize),
    Janitor,
    Remover,
    /// Of the backfill.
    Leader,
}

/// An api process on an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Api {
    pub step: ApiStep,
    pub image: u8,
    pub attempt: u8,
    /// The client still waits for the answer.
    pub heard: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ApiStep {
    Idle,
    Insert,
    TakeOver,
    FindKey,
    Reserve,
    Put,
    Abandon,
    Commit,
    Reread,
    Release,
    /// Of a broken rule only: deletes its blob without a look.
    DeleteOwn,
}

/// A worker with at most one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    pub engine: u8,
    pub task: Option<Task>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Task {
    pub step: TaskStep,
    pub job: JobId,
    pub claim: Claim,
    /// The attempt that stored the original; 0 where it does not matter.
    pub original: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskStep {
    /// With a hint, it claims the job of the hint; else any that is due.
    Claim {
        hinted: bool,
    },
    ReadJob,
    Load,
    Reserve,
    Put,
    Finish {
        puts: bool,
    },
    DoneBy,
    Release {
        fenced: bool,
    },
    RetryJob,
    ReleaseJob,
    /// Of a broken rule only: deletes its blob without a look.
    DeleteOwn,
}

/// Deletes a blob, then notes that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sweep {
    pub blob: Blob,
    /// As what it was listed.
    pub listed: GcState,
    pub deleted: bool,
}

/// The worker that leads, between its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leader {
    pub token: u8,
    pub look: Option<Look>,
    pub part: Part,
}

/// An api process on a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remover {
    Idle,
    Remove(u8),
    Sweep {
        image: u8,
        sweep: Sweep,
        rest: SmallSet<Blob, 3>,
    },
    /// Of a broken rule only: the blobs go first.
    BlobsFirst {
        image: u8,
        rest: SmallSet<Blob, 3>,
    },
}

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub world: World,
    pub apis: [Api; 2],
    pub workers: [Worker; 2],
    pub janitor: Option<Sweep>,
    pub remover: Remover,
    pub leader: Option<Leader>,
    /// The image that was confirmed to the client.
    pub acked: Option<u8>,
    /// The image whose removal was confirmed.
    pub removal_acked: Option<u8>,
    /// The newest engine version that a reader got.
    pub read: u8,
    pub removals_left: u8,
    pub faults_left: u8,
}

impl Api {
    pub const IDLE: Api = Api { step: ApiStep::Idle, image: 0, attempt: 0, heard: false };
}

impl State {
    /// What that process is about to ask.
    pub fn request(&self, rules: &Rules, who: Who) -> Option<Request> {
        match who {
            Who::Api(n) => api_request(rules, self.apis[n]),
            Who::Worker(n) => self.workers[n].task.map(|task| task_request(rules, task)),
            Who::Janitor => self.janitor.map(sweep_request),
            Who::Remover => match self.remover {
                Remover::Idle => None,
                Remover::Remove(image) => Some(Request::RemoveImage(image)),
                Remover::Sweep { sweep, .. } => Some(sweep_request(sweep)),
                Remover::BlobsFirst { rest, .. } => rest.iter().next().map(Request::Delete),
            },
            Who::Leader => self.leader_request(),
        }
    }

    /// What that process makes of the answer.
    pub fn hear(&mut self, rules: &Rules, who: Who, reply: Reply) {
        match who {
            Who::Api(n) => self.api_hears(rules, n, reply),
            Who::Worker(n) => self.worker_hears(rules, n, reply),
            Who::Janitor => {
                self.janitor = self.janitor.and_then(|sweep| sweep_hears(sweep, reply));
            }
            Who::Remover => self.remover_hears(reply),
            Who::Leader => self.leader_hears(reply),
        }
    }

    /// The process is gone, and knows nothing when it is back.
    pub fn crash(&mut self, rules: &Rules, who: Who) {
        match who {
            Who::Api(n) => self.apis[n] = Api::IDLE,
            Who::Worker(n) => {
                if let Some(Task { step: TaskStep::Claim { hinted: true }, job, .. }) =
                    self.workers[n].task
                    && rules.hints_acked_after_claim
                {
                    // the broker delivers again what was not acknowledged
                    self.world.hints.add(job);
                }
                self.workers[n].task = None;
            }
            Who::Janitor => self.janitor = None,
            Who::Remover => self.remover = Remover::Idle,
            Who::Leader => self.leader = None,
        }
    }

    /// Whether a living process still means to put the blob.
    pub fn will_be_put(&self, rules: &Rules, blob: Blob) -> bool {
        let api = |api: &Api| {
            matches!(api.step, ApiStep::Reserve | ApiStep::Put)
                && rules.original(api.image, api.attempt) == blob
        };
        let task = |task: Task| {
            matches!(task.step, TaskStep::Reserve | TaskStep::Put)
                && rules.render(task.job, task.claim.attempt) == blob
        };
        let put = |request| matches!(request, Request::Put { blob: other, .. } if other == blob);
        self.apis.iter().any(api)
            || self.workers.iter().filter_map(|worker| worker.task).any(task)
            || self.world.on_the_way.iter().any(put)
    }

    /// Whether a living process holds the blob, from its reservation to its commit.
    pub fn is_held(&self, rules: &Rules, blob: Blob) -> bool {
        let api = |api: &Api| api.image_held() && rules.original(api.image, api.attempt) == blob;
        let task = |task: Task| {
            !matches!(task.step, TaskStep::Claim { .. })
                && rules.render(task.job, task.claim.attempt) == blob
        };
        self.apis.iter().any(api) || self.workers.iter().filter_map(|worker| worker.task).any(task)
    }

    /// Whether a process has listed the blob and not yet recorded its deletion; `or_late`: or the
    /// record is still on its way.
    pub fn is_swept(&self, blob: Blob, or_late: bool) -> bool {
        let removal = match self.remover {
            Remover::Sweep { sweep, .. } => Some(sweep),
            _ => None,
        };
        let late = |request| matches!(request, Request::NoteSwept { blob: of, .. } if of == blob);
        self.janitor.into_iter().chain(removal).any(|sweep| sweep.blob == blob)
            || or_late && self.world.on_the_way.iter().any(late)
    }

    fn api_hears(&mut self, rules: &Rules, n: usize, reply: Reply) {
        use ApiStep as S;
        let mut api = self.apis[n];
        api.step = match (api.step, reply) {
            (S::Insert | S::TakeOver, Reply::Acquired { image, attempt }) => {
                (api.image, api.attempt) = (image, attempt);
                if rules.reserved_before_put { S::Reserve } else { S::Put }
            }
            (S::Insert, Reply::No) => S::TakeOver,
            (S::TakeOver, Reply::No) => S::FindKey,
            (S::FindKey, Reply::No) => S::Insert,
            (S::FindKey, Reply::Stored(image)) => {
                self.answer(api.heard, image);
                S::Idle
            }
            (S::Reserve, Reply::Yes) if rules.reserved_before_put => S::Put,
            (S::Put, Reply::Yes) if !rules.reserved_before_put => S::Reserve,
            (S::Reserve | S::Put, Reply::Yes) => {
                if !rules.answered_after_commit {
                    self.answer(api.heard, api.image);
                }
                S::Commit
            }
            (S::Reserve | S::Put, _) => S::Abandon,
            (S::Commit | S::Reread, Reply::Yes) => {
                self.answer(api.heard, api.image);
                let job = JobId { image: api.image, engine: 1, made: 0 };
                self.notify(job);
                S::Idle
            }
            (S::Commit, Reply::Error) if rules.unknown_commits_reread => S::Reread,
            (S::Commit, Reply::Error) => S::DeleteOwn,
            (S::Commit, Reply::NoOwner) => S::Abandon,
            (S::Commit, _) => S::Release,
            // busy, failed, or no reply: the client retries
            _ => S::Idle,
        };
        self.apis[n] = if api.step == S::Idle { Api::IDLE } else { api };
    }

    /// Two copies of a hint are equivalent to more: a third is the same as a lost one.
    pub fn notify(&mut self, job: JobId) -> bool {
        let hinted = |worker: &Worker| {
            worker.task.is_some_and(|task| task.step == TaskStep::Claim { hinted: true })
        };
        let held = self.workers.iter().filter(|worker| hinted(worker)).count();
        let free = self.world.hints.iter().count() + held < 2;
        if free {
            self.world.hints.add(job);
        }
        free
    }

    fn answer(&mut self, heard: bool, image: u8) {
        if heard {
            self.acked = Some(image);
        }
    }

    fn worker_hears(&mut self, rules: &Rules, n: usize, reply: Reply) {
        use TaskStep as S;
        let Some(mut task) = self.workers[n].task else { return };
        let next = match (task.step, reply) {
            (S::Claim { .. }, Reply::Claimed(claim)) => {
                task.claim = claim;
                Some(S::ReadJob)
            }
            (S::Claim { .. }, Reply::ClaimedDue { job, claim }) => {
                (task.job, task.claim) = (job, claim);
                Some(S::ReadJob)
            }
            (S::Claim { hinted: true }, Reply::Error) => {
                // the session ends, and its hints go back
                if rules.hints_acked_after_claim {
                    self.world.hints.add(task.job);
                }
                None
            }
            (S::Claim { .. }, _) => None,
            (S::ReadJob, Reply::ToDraw { original, missing }) => {
                task.original = if missing { original } else { 0 };
                Some(if missing { S::Load } else { S::Finish { puts: false } })
            }
            (S::ReadJob, Reply::No) => None,
            (S::Load, Reply::Yes) => {
                task.original = 0;
                Some(if rules.reserved_before_put { S::Reserve } else { S::Put })
            }
            (S::ReadJob | S::Load, _) => Some(S::RetryJob),
            (S::Reserve, Reply::Yes) if rules.reserved_before_put => Some(S::Put),
            (S::Put, Reply::Yes) if !rules.reserved_before_put => Some(S::Reserve),
            (S::Reserve | S::Put, Reply::Yes) => Some(S::Finish { puts: true }),
            (S::Reserve, _) => Some(S::RetryJob),
            (S::Put, _) => Some(S::Release { fenced: false }),
            (S::Finish { .. } | S::DoneBy, Reply::Yes) => None,
            (S::Finish { puts: false }, Reply::No) => None,
            (S::Finish { .. } | S::DoneBy, Reply::No) => Some(S::Release { fenced: true }),
            (S::Finish { .. }, _) if rules.unknown_commits_reread => Some(S::DoneBy),
            (S::Finish { .. }, _) => Some(S::DeleteOwn),
            // the claim still holds, or there is no reply: retry later
            (S::DoneBy, _) => Some(S::Release { fenced: false }),
            (S::Release { fenced: true }, _) => None,
            (S::Release { .. } | S::DeleteOwn, _) => Some(S::RetryJob),
            (S::RetryJob, Reply::Error) => Some(S::RetryJob),
            (S::RetryJob | S::ReleaseJob, _) => None,
        };
        if matches!(next, Some(S::RetryJob)) {
            task.original = 0;
        }
        self.workers[n].task = next.map(|step| Task { step, ..task });
    }

    fn remover_hears(&mut self, reply: Reply) {
        self.remover = match (self.remover, reply) {
            (Remover::Remove(image), Reply::Marked(rest)) => self.sweep_next(image, rest),
            (Remover::Remove(image), Reply::No) => {
                self.removal_acked = Some(image);
                Remover::Idle
            }
            // who does not know asks again
            (Remover::Remove(_), _) => {
                self.removals_left += 1;
                Remover::Idle
            }
            // the janitor comes for the rest
            (Remover::Sweep { image, .. }, Reply::Error) => {
                self.removal_acked = Some(image);
                Remover::Idle
            }
            (Remover::Sweep { image, sweep, rest }, reply) => match sweep_hears(sweep, reply) {
                Some(sweep) => Remover::Sweep { image, sweep, rest },
                None => self.sweep_next(image, rest),
            },
            (Remover::BlobsFirst { image, mut rest }, reply) => {
                let first = rest.iter().next();
                if let (Some(blob), Reply::Yes) = (first, reply) {
                    rest.remove(blob);
                }
                match rest.is_empty() || reply == Reply::Error {
                    true => Remover::Remove(image),
                    false => Remover::BlobsFirst { image, rest },
                }
            }
            (Remover::Idle, _) => Remover::Idle,
        };
    }

    fn sweep_next(&mut self, image: u8, mut rest: SmallSet<Blob, 3>) -> Remover {
        let Some(blob) = rest.iter().next() else {
            self.removal_acked = Some(image);
            return Remover::Idle;
        };
        rest.remove(blob);
        let sweep = Sweep { blob, listed: GcState::Marked, deleted: false };
        Remover::Sweep { image, sweep, rest }
    }
}

impl Api {
    /// Whether it has an upload that is its own.
    pub fn image_held(&self) -> bool {
        use ApiStep as S;
        !matches!(self.step, S::Idle | S::Insert | S::TakeOver | S::FindKey)
    }
}

fn api_request(rules: &Rules, api: Api) -> Option<Request> {
    use ApiStep as S;
    let Api { image, attempt, .. } = api;
    let blob = rules.original(image, attempt);
    Some(match api.step {
        S::Idle => return None,
        S::Insert => Request::InsertIntent,
        S::TakeOver => Request::TakeOver,
        S::FindKey => Request::FindKey,
        S::Reserve => Request::ReserveBlob(blob),
        S::Put => Request::Put { blob, writer: attempt },
        S::Abandon => Request::AbandonUpload { image, attempt },
        S::Commit => Request::CommitUpload { image, attempt },
        S::Reread => Request::RereadUpload { image, attempt },
        S::Release => Request::ReleaseBlob(blob),
        S::DeleteOwn => Request::Delete(blob),
    })
}

fn task_request(rules: &Rules, task: Task) -> Request {
    use TaskStep as S;
    let Task { job, claim, original, .. } = task;
    let blob = rules.render(job, claim.attempt);
    match task.step {
        S::Claim { hinted: true } => Request::Claim(job),
        S::Claim { hinted: false } => Request::ClaimDue(job.engine),
        S::ReadJob => Request::ReadJob(job),
        S::Load => Request::Load { image: job.image, attempt: original },
        S::Reserve => Request::ReserveBlob(blob),
        S::Put => Request::Put { blob, writer: claim.number },
        S::Finish { puts } => Request::Finish { job, claim, puts },
        S::DoneBy => Request::DoneBy { job, claim },
        S::Release { .. } => Request::ReleaseBlob(blob),
        S::RetryJob => Request::RetryJob { job, claim },
        S::ReleaseJob => Request::ReleaseJob { job, claim },
        S::DeleteOwn => Request::Delete(blob),
    }
}

fn sweep_request(sweep: Sweep) -> Request {
    let Sweep { blob, listed, deleted } = sweep;
    match (deleted, listed) {
        (false, _) => Request::Delete(blob),
        // of a broken rule only: what is listed as reserved is marked too late
        (true, GcState::Reserved) => Request::ReleaseBlob(blob),
        (true, _) => Request::NoteSwept { blob, listed },
    }
}

fn sweep_hears(sweep: Sweep, reply: Reply) -> Option<Sweep> {
    (reply != Reply::Error && !sweep.deleted).then_some(Sweep { deleted: true, ..sweep })
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Who::Api(_) => "an api process",
            Who::Worker(_) => "a worker",
            Who::Janitor => "the janitor",
            Who::Remover => "the remover",
            Who::Leader => "the leader of the backfill",
        })
    }
}
