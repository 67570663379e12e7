//! What may happen next: each step of each process, and each fault in it.

use std::fmt;

use super::{
    account::Account,
    processes::{Api, ApiStep, Remover, State, Sweep, Task, TaskStep, Who},
    rules::Rules,
    search::Protocol,
    small_set::SmallSet,
    world::{Blob, Claim, GcState, Job, JobId, Render, Reply, Request},
    wrong::Wrong,
};

/// One line of a story.
#[derive(Clone, Copy, Debug)]
pub enum Move {
    Asks { who: Who, request: Request, how: How },
    Crashes(Who),
    Lands(Request),
    ClientAsks,
    ClientHangsUp,
    Polls,
    TakesHint(JobId),
    HintLost,
    HintRepeated,
    StopsInTime,
    NoticesLoss,
    UserRemoves(u8),
    Reads(u8),
    Lists(Blob),
    UploadLeaseEnds,
    UploadForgotten,
    JobFallsDue(JobId),
    ReservationExpires(Blob),
    SweptFallsDue(Blob),
    Backfill(u8),
    LeadsBackfill,
    LooksForBackfill,
    BackfillLeaseEnds,
    Superseded,
    DeletesOldVersion,
    AccountEnds,
    JanitorRemoves(u8),
    UserDeleted,
}

/// How a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Well,
    NotCarriedOut,
    AnswerLost,
    Late,
    /// Carried out, and once more later.
    Echoed,
    CarriedOutThenCrash,
    CrashThenLate,
}

/// The states that may follow, with how.
pub struct Next<'a> {
    pub rules: &'a Rules,
    pub state: State,
    pub found: Vec<(Move, State)>,
}

impl<'a> Next<'a> {
    pub fn of(rules: &'a Rules, state: State, found: Vec<(Move, State)>) -> Self {
        let mut next = Next { rules, state, found };
        next.found.clear();
        next.processes();
        next.network();
        next.client_and_user();
        next.workers();
        next.backfill_of_newer_engine();
        next.janitor();
        next.retention();
        next.account();
        next.time();
        next
    }

    pub fn push(&mut self, how: Move, change: impl FnOnce(&mut State)) {
        let mut state = self.state;
        change(&mut state);
        // processes with the same program and the same memory are interchangeable
        state.apis.sort_unstable();
        state.workers.sort_unstable();
        self.found.push((how, state));
    }

    pub fn fault(&mut self, how: Move, change: impl FnOnce(&mut State)) {
        if self.state.faults_left > 0 {
            self.push(how, |state| {
                state.faults_left -= 1;
                change(state);
            });
        }
    }

    fn push_if_free(&mut self, free: bool, how: Move, change: impl FnOnce(&mut State)) {
        if free { self.push(how, change) } else { self.fault(how, change) }
    }

    fn processes(&mut self) {
        let all = [
            Who::Api(0),
            Who::Api(1),
            Who::Worker(0),
            Who::Worker(1),
            Who::Janitor,
            Who::Remover,
            Who::Leader,
        ];
        for who in all {
            if let Some(request) = self.state.request(self.rules, who) {
                self.ask(who, request);
            }
        }
    }

    fn ask(&mut self, who: Who, request: Request) {
        let rules = self.rules;
        let asks = |how| Move::Asks { who, request, how };
        self.push(asks(How::Well), |state| {
            let reply = state.world.carry_out(rules, request);
            state.hear(rules, who, reply);
        });
        if self.state.faults_left == 0 {
            return;
        }
        self.fault(Move::Crashes(who), |state| state.crash(rules, who));
        self.fault(asks(How::NotCarriedOut), |state| {
            state.hear(rules, who, Reply::Error);
        });
        if !request.writes() {
            return;
        }
        self.fault(asks(How::AnswerLost), |state| {
            state.world.carry_out(rules, request);
            state.hear(rules, who, Reply::Error);
        });
        self.fault(asks(How::CarriedOutThenCrash), |state| {
            state.world.carry_out(rules, request);
            state.crash(rules, who);
        });
        self.fault(asks(How::Late), |state| {
            state.world.on_the_way.add(request);
            state.hear(rules, who, Reply::Error);
        });
        self.fault(asks(How::CrashThenLate), |state| {
            state.world.on_the_way.add(request);
            state.crash(rules, who);
        });
        if matches!(request, Request::Put { .. } | Request::Delete(_)) {
            self.fault(asks(How::Echoed), |state| {
                let reply = state.world.carry_out(rules, request);
                state.world.on_the_way.add(request);
                state.hear(rules, who, reply);
            });
        }
    }

    fn network(&mut self) {
        let rules = self.rules;
        for request in self.state.world.on_the_way.iter().collect::<Vec<_>>() {
            self.push(Move::Lands(request), |state| {
                state.world.on_the_way.remove(request);
                state.world.carry_out(rules, request);
            });
        }
        let hint = self.state.world.hints.iter().next();
        if let Some(hint) = hint {
            self.fault(Move::HintLost, |state| {
                state.world.hints.remove(hint);
            });
            self.fault(Move::HintRepeated, |state| {
                state.notify(hint);
            });
        }
    }

    fn client_and_user(&mut self) {
        let state = self.state;
        let heard = state.apis.iter().position(|api| api.heard);
        let idle = state.apis.iter().position(|api| *api == Api::IDLE);
        match (heard, idle) {
            (Some(at), _) => self.fault(Move::ClientHangsUp, |state| {
                state.apis[at].heard = false;
            }),
            (None, Some(at)) if state.acked.is_none() && state.world.account.is_open() => self
                .push(Move::ClientAsks, |state| {
                    state.apis[at] = Api { step: ApiStep::Insert, heard: true, ..Api::IDLE };
                }),
            _ => {}
        }
        if self.rules.read_meanwhile && state.world.row.is_some_and(|row| row.stored) {
            let newest = state.world.renders.iter().map(|render| render.job.engine).max();
            // when nothing is stored, the api process draws
            let version = newest.unwrap_or(2);
            self.push(Move::Reads(version), |state| {
                if version < state.read {
                    state.world.wrong = Some(Wrong::VersionWentBack);
                }
                state.read = version;
            });
        }
        if state.removals_left > 0
            && state.remover == Remover::Idle
            && let Some(row) = state.world.row.filter(|row| row.stored)
        {
            let image = row.image;
            let mut blobs = SmallSet::NONE;
            blobs.add(self.rules.original(image, row.attempt));
            for render in state.world.renders.iter() {
                blobs.add(self.rules.render(render.job, render.claim.attempt));
            }
            let rows_first = self.rules.rows_removed_first;
            self.push(Move::UserRemoves(image), |state| {
                state.removals_left -= 1;
                state.remover = match rows_first {
                    true => Remover::Remove(image),
                    false => Remover::BlobsFirst { image, rest: blobs },
                };
            });
        }
    }

    fn workers(&mut self) {
        let state = self.state;
        for (n, worker) in state.workers.iter().enumerate() {
            let begin = |job, hinted| Task {
                step: TaskStep::Claim { hinted },
                job,
                claim: Claim { attempt: 0, number: 0 },
                original: 0,
            };
            let Some(task) = worker.task else {
                let engine = worker.engine;
                let due = state.world.job_of(engine).is_some_and(|job| !job.done && job.due);
                // a poll that finds nothing changes nothing
                if due && self.rules.workers_poll {
                    let any = JobId { image: 0, engine, made: 0 };
                    self.push(Move::Polls, |state| {
                        state.workers[n].task = Some(begin(any, false));
                    });
                }
                let hint = state.world.hints.iter().find(|job| job.engine == worker.engine);
                if let Some(job) = hint {
                    self.push(Move::TakesHint(job), |state| {
                        state.world.hints.remove(job);
                        state.workers[n].task = Some(begin(job, true));
                    });
                }
                continue;
            };
            if matches!(task.step, TaskStep::Claim { .. }) {
                continue;
            }
            let row = state.world.job(task.job);
            if !row.is_some_and(|row| !row.done && row.attempt == task.claim.attempt) {
                // extending the lease matches no row: the work is aborted
                self.push(Move::NoticesLoss, |state| state.workers[n].task = None);
            }
            if task.step != TaskStep::ReleaseJob {
                self.fault(Move::StopsInTime, |state| {
                    let task = Task { step: TaskStep::ReleaseJob, original: 0, ..task };
                    state.workers[n].task = Some(task);
                });
            }
        }
        self.backfill();
    }

    fn backfill(&mut self) {
        let state = self.state;
        let rules = self.rules;
        let Some(row) = state.world.row.filter(|row| row.stored) else { return };
        let engines = [state.workers[0].engine, state.workers[1].engine];
        // that of the older engine may not have come to the image yet
        if state.world.job_of(1).is_none() && state.world.jobs_made[0] < 2 {
            self.push(Move::Backfill(1), |state| state.world.make_job(rules, row.image, 1));
        }
        if engines.contains(&2)
            && state.world.job_of(2).is_some_and(|job| job.done)
            && let Some(old) = state.world.job_of(1).filter(|job| !job.done && job.due)
        {
            self.push(Move::Superseded, |state| {
                state.world.jobs.remove(old);
            });
        }
    }

    fn janitor(&mut self) {
        if self.state.janitor.is_some() {
            return;
        }
        for (blob, listed) in self.state.world.gc.iter().collect::<Vec<_>>() {
            let list = |state: &mut State| {
                state.janitor = Some(Sweep { blob, listed, deleted: false });
            };
            match listed {
                GcState::Marked | GcState::Swept { due: true } => {
                    self.push(Move::Lists(blob), list);
                }
                GcState::Reserved if !self.rules.marked_before_deleted => {
                    let free = !self.state.is_held(self.rules, blob);
                    self.push_if_free(free, Move::Lists(blob), list);
                }
                GcState::Reserved | GcState::Swept { due: false } => {}
            }
        }
    }

    /// A lease that ends while a process still works is a fault: that process was suspended. A
    /// lease without a process ends by itself.
    fn time(&mut self) {
        let state = self.state;
        if let Some(row) = state.world.row.filter(|row| !row.stored) {
            let holds = |api: &Api| {
                api.image_held() && (api.image, api.attempt) == (row.image, row.attempt)
            };
            let free = !state.apis.iter().any(holds);
            match row.lease_over {
                false => self.push_if_free(free, Move::UploadLeaseEnds, |state| {
                    state.world.row.iter_mut().for_each(|row| row.lease_over = true);
                }),
                true => self.push_if_free(free, Move::UploadForgotten, |state| {
                    state.world.forget_row();
                }),
            }
        }
        for job in state.world.jobs.iter().filter(|job| !job.done && !job.due) {
            let holds = |task: Task| {
                !matches!(task.step, TaskStep::Claim { .. })
                    && (task.job, task.claim.attempt) == (job.id, job.attempt)
            };
            let free = !state.workers.iter().filter_map(|worker| worker.task).any(holds);
            self.push_if_free(free, Move::JobFallsDue(job.id), |state| {
                state.world.set_job(Job { due: true, ..job });
            });
        }
        for (blob, gc) in state.world.gc.iter() {
            match gc {
                GcState::Reserved if self.rules.marked_before_deleted => {
                    let free = !state.is_held(self.rules, blob);
                    self.push_if_free(free, Move::ReservationExpires(blob), |state| {
                        state.world.set_gc(blob, Some(GcState::Marked));
                    });
                }
                // the assumption on time: the writer has put the blob, or never will
                GcState::Swept { due: false } if !state.will_be_put(self.rules, blob) => {
                    if state.is_swept(blob, true) && self.rules.sweeps_end_in_time {
                        continue;
                    }
                    let free = !state.is_swept(blob, false);
                    self.push_if_free(free, Move::SweptFallsDue(blob), |state| {
                        state.world.set_gc(blob, Some(GcState::Swept { due: true }));
                    });
                }
                _ => {}
            }
        }
    }
}

impl Protocol for Rules {
    type State = State;
    type Move = Move;

    fn next(&self, state: State, found: Vec<(Move, State)>) -> Vec<(Move, State)> {
        Next::of(self, state, found).found
    }

    fn wrong(&self, before: &State, after: &State) -> Option<Wrong> {
        let world = &after.world;
        if world.wrong.is_some() {
            return world.wrong;
        }
        if let Some(image) = after.acked
            && !world.is_stored(image)
            && !world.was_removed(image)
        {
            return Some(Wrong::LostUpload);
        }
        if let Some(row) = world.row.filter(|row| row.stored) {
            if world.writer(self.original(row.image, row.attempt)) != Some(row.attempt) {
                return Some(Wrong::LostOriginal);
            }
            if after.removal_acked == Some(row.image) {
                return Some(Wrong::StillVisible);
            }
        }
        let blob_is_there = |render: Render| {
            let blob = self.render(render.job, render.claim.attempt);
            world.writer(blob) == Some(render.claim.number)
        };
        if !world.renders.iter().all(blob_is_there) {
            return Some(Wrong::LostRender);
        }
        if let Some(row) = before.world.row.filter(|row| row.stored)
            && !world.was_removed(row.image)
        {
            let follows = |render: Render| {
                let newer = |other: Render| other.job.engine > render.job.engine;
                world.renders.iter().any(newer)
            };
            let mut renders = before.world.renders.iter();
            let kept = renders.all(|render| world.renders.has(render) || follows(render));
            if !world.is_stored(row.image) || !kept {
                return Some(Wrong::Vanished);
            }
        }
        if world.account == Account::Gone && world.row.is_some() {
            return Some(Wrong::Orphaned);
        }
        let known = |(blob, _)| world.gc(blob).is_some() || world.is_named(self, blob);
        (!world.store.iter().all(known)).then_some(Wrong::Unknown)
    }

    fn is_fault(&self, before: &State, after: &State) -> bool {
        after.faults_left < before.faults_left
    }

    /// Nothing is left to do, and the client has what it wanted.
    fn at_rest(&self, state: &State) -> bool {
        let world = &state.world;
        let idle = state.apis == [Api::IDLE; 2]
            && state.workers.iter().all(|worker| worker.task.is_none())
            && state.janitor.is_none()
            && state.remover == Remover::Idle;
        let quiet = world.on_the_way.is_empty() && world.hints.is_empty() && world.gc.is_empty();
        let row_done = world.row.is_none_or(|row| row.stored && !world.renders.is_empty())
            && world.jobs.iter().all(|job| job.done);
        let newest = state.workers.iter().map(|worker| worker.engine).max();
        let is_newest = |render: Render| Some(render.job.engine) == newest;
        let row_done = row_done && (world.row.is_none() || world.renders.iter().any(is_newest));
        let is_served = match world.account {
            Account::None | Account::Active => state.acked.is_some(),
            Account::Leaving => false,
            Account::Gone => true,
        };
        idle && quiet && row_done && is_served
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Move::Asks { who, request, how } => {
                let how = match how {
                    How::Well => "",
                    How::NotCarriedOut => ": an error, and nothing was done",
                    How::AnswerLost => ": done, but the answer is lost",
                    How::Late => ": given up, but still on its way",
                    How::Echoed => ": done, and a second copy is still on its way",
                    How::CarriedOutThenCrash => ": done, and the process dies",
                    How::CrashThenLate => ": the process dies, the request is still on its way",
                };
                write!(f, "{who} asks to {request}{how}")
            }
            Move::Crashes(who) => write!(f, "{who} dies"),
            Move::Lands(request) => write!(f, "late, this is carried out: {request}"),
            Move::ClientAsks => write!(f, "the client sends its upload to an idle api process"),
            Move::ClientHangsUp => write!(f, "the client stops waiting; the api process continues"),
            Move::Polls => write!(f, "a worker polls"),
            Move::TakesHint(job) => write!(f, "a worker takes the hint of job {job}"),
            Move::HintLost => write!(f, "the broker loses a hint"),
            Move::HintRepeated => write!(f, "the broker repeats a hint"),
            Move::StopsInTime => write!(f, "a worker is stopped, and aborts"),
            Move::NoticesLoss => write!(f, "a worker's lease is lost: it aborts"),
            Move::UserRemoves(image) => write!(f, "a user removes image {image}"),
            Move::Reads(version) => {
                write!(f, "a reader of a new api process gets version {version}")
            }
            Move::Lists(blob) => write!(f, "the janitor lists {blob}"),
            Move::UploadLeaseEnds => write!(f, "the upload's lease ends"),
            Move::UploadForgotten => write!(f, "the janitor forgets the dead upload"),
            Move::JobFallsDue(job) => write!(f, "job {job} falls due"),
            Move::ReservationExpires(blob) => {
                write!(f, "the reservation of {blob} expires: marked")
            }
            Move::SweptFallsDue(blob) => write!(f, "a period of grace later, {blob} is due again"),
            Move::Backfill(engine) => write!(f, "the backfill makes a job of engine {engine}"),
            Move::LeadsBackfill => write!(f, "a worker leads the backfill"),
            Move::LooksForBackfill => write!(f, "the leader of the backfill looks"),
            Move::BackfillLeaseEnds => write!(f, "the lead of the backfill ends"),
            Move::Superseded => write!(f, "the janitor forgets the job of the older engine"),
            Move::AccountEnds => write!(f, "the account is deleted: the user is leaving"),
            Move::JanitorRemoves(image) => {
                write!(f, "the janitor removes image {image} of the user who is leaving")
            }
            Move::UserDeleted => write!(f, "the janitor deletes the user"),
            Move::DeletesOldVersion => {
                write!(f, "the janitor deletes the renders of the older engine")
            }
        }
    }
}
