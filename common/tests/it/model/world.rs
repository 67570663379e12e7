//! The world of the model: rows, blobs and requests under way, and what each request does to them.
//!
//! A request is one statement, one transaction or one call of the store, as in catalog and store.
//! Time is a flag: what a lease or a grace period allows is either allowed by now or not.

use super::{account::Account, rules::Rules, small_set::SmallSet, wrong::Wrong};

/// `made` distinguishes a job from an earlier one of the same image and engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId {
    pub image: u8,
    pub engine: u8,
    pub made: u8,
}

/// The name of a blob. Renders come first, as a removal has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Blob {
    Render { job: JobId, attempt: u8 },
    Original { image: u8, attempt: u8 },
}

/// The row of the one idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    pub image: u8,
    pub stored: bool,
    pub attempt: u8,
    /// Another upload with the key may take over.
    pub lease_over: bool,
}

/// The row of a job, pending unless it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Job {
    pub id: JobId,
    pub done: bool,
    pub attempt: u8,
    /// How often it was really claimed; the catalog knows the attempt only.
    pub claims: u8,
    pub due: bool,
}

/// A row of `renders`: which attempt of which job it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Render {
    pub job: JobId,
    pub claim: Claim,
}

/// What a worker knows of its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    pub attempt: u8,
    /// Distinguishes claims even when a broken rule gives them the same attempt.
    pub number: u8,
}

/// The state in a row of `blob_gc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GcState {
    Reserved,
    Marked,
    Swept { due: bool },
}

/// The row of the backfill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BackfillRow {
    pub token: u8,
    pub leased: bool,
    /// The images that the cursor has passed, a bit each.
    pub passed: u8,
}

/// What the leader saw before its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Look {
    /// The image that the cursor may pass.
    pub settled: Option<u8>,
    pub stored: Option<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    Whole,
    /// Of a broken rule only: the cursor moves in a transaction of its own, before the jobs.
    Cursor,
    Jobs,
}

impl BackfillRow {
    pub const NEW: Self = BackfillRow { token: 0, leased: false, passed: 0 };
}

/// A request with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    InsertIntent,
    TakeOver,
    FindKey,
    RereadUpload { image: u8, attempt: u8 },
    CommitUpload { image: u8, attempt: u8 },
    AbandonUpload { image: u8, attempt: u8 },
    ReserveBlob(Blob),
    ReleaseBlob(Blob),
    Put { blob: Blob, writer: u8 },
    Delete(Blob),
    NoteSwept { blob: Blob, listed: GcState },
    Claim(JobId),
    ClaimDue(u8),
    ReadJob(JobId),
    Load { image: u8, attempt: u8 },
    Finish { job: JobId, claim: Claim, puts: bool },
    DoneBy { job: JobId, claim: Claim },
    RetryJob { job: JobId, claim: Claim },
    ReleaseJob { job: JobId, claim: Claim },
    RemoveImage(u8),
    StepBackfill { token: u8, look: Look, part: Part },
}

impl Request {
    /// Whether it changes anything, so that it matters if it is carried out unheard.
    pub fn writes(self) -> bool {
        use Request as R;
        !matches!(
            self,
            R::FindKey | R::RereadUpload { .. } | R::ReadJob(_) | R::Load { .. } | R::DoneBy { .. }
        )
    }
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// None, or an error: the request may have been carried out.
    Error,
    Yes,
    No,
    /// The process holds that upload.
    Acquired {
        image: u8,
        attempt: u8,
    },
    /// That image is stored.
    Stored(u8),
    NoOwner,
    Claimed(Claim),
    ClaimedDue {
        job: JobId,
        claim: Claim,
    },
    /// The original to draw, and whether the render is missing.
    ToDraw {
        original: u8,
        missing: bool,
    },
    Marked(SmallSet<Blob, 3>),
}

/// The catalog, the store and what is on its way to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub row: Option<Row>,
    pub images_made: u8,
    pub jobs: SmallSet<Job, 2>,
    /// How many jobs that row had so far, by engine.
    pub jobs_made: [u8; 2],
    pub renders: SmallSet<Render, 2>,
    pub gc: SmallSet<(Blob, GcState)>,
    /// Each blob with its writer.
    pub store: SmallSet<(Blob, u8)>,
    pub on_the_way: SmallSet<Request, 3>,
    pub hints: SmallSet<JobId, 2>,
    pub backfill: BackfillRow,
    /// Images whose removal was carried out, a bit each.
    pub removed: u8,
    pub account: Account,
    pub wrong: Option<Wrong>,
}

impl World {
    pub const EMPTY: World = World {
        row: None,
        images_made: 0,
        jobs: SmallSet::NONE,
        jobs_made: [0; 2],
        renders: SmallSet::NONE,
        gc: SmallSet::NONE,
        store: SmallSet::NONE,
        on_the_way: SmallSet::NONE,
        hints: SmallSet::NONE,
        backfill: BackfillRow::NEW,
        removed: 0,
        account: Account::None,
        wrong: None,
    };

    pub fn is_stored(&self, image: u8) -> bool {
        self.row.is_some_and(|row| row.stored && row.image == image)
    }

    pub fn was_removed(&self, image: u8) -> bool {
        self.removed & 1 << image != 0
    }

    pub fn job(&self, id: JobId) -> Option<Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    pub fn job_of(&self, engine: u8) -> Option<Job> {
        self.jobs.iter().find(|job| job.id.engine == engine)
    }

    pub fn set_job(&mut self, job: Job) {
        let old = self.job(job.id).expect("only jobs that are there change");
        self.jobs.remove(old);
        self.jobs.add(job);
    }

    pub fn make_job(&mut self, rules: &Rules, image: u8, engine: u8) {
        let made = &mut self.jobs_made[usize::from(engine) - 1];
        let id = JobId { image, engine, made: if rules.jobs_have_new_ids { *made } else { 0 } };
        let claims = *made * 8;
        *made += 1;
        self.jobs.add(Job { id, done: false, attempt: 0, claims, due: true });
    }

    pub fn forget_row(&mut self) {
        self.row = None;
        self.jobs = SmallSet::NONE;
        self.jobs_made = [0; 2];
        self.renders = SmallSet::NONE;
    }

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

    pub fn writer(&self, blob: Blob) -> Option<u8> {
        self.store.iter().find(|(other, _)| *other == blob).map(|(_, writer)| writer)
    }

    /// Whether a row names that blob.
    pub fn is_named(&self, rules: &Rules, blob: Blob) -> bool {
        let original = self
            .row
            .is_some_and(|row| row.stored && blob == rules.original(row.image, row.attempt));
        let named = |render: Render| blob == rules.render(render.job, render.claim.attempt);
        original || self.renders.iter().any(named)
    }

    /// Carries a request out, as the catalog and the store do.
    pub fn carry_out(&mut self, rules: &Rules, request: Request) -> Reply {
        use Request as R;
        match request {
            R::InsertIntent if self.row.is_some() => Reply::No,
            R::InsertIntent if self.account == Account::Gone => Reply::Error,
            R::InsertIntent => {
                let image = self.images_made;
                self.images_made += 1;
                self.row = Some(Row { image, stored: false, attempt: 1, lease_over: false });
                Reply::Acquired { image, attempt: 1 }
            }
            R::TakeOver => match &mut self.row {
                Some(row) if !row.stored && row.lease_over => {
                    row.attempt += 1;
                    row.lease_over = false;
                    Reply::Acquired { image: row.image, attempt: row.attempt }
                }
                _ => Reply::No,
            },
            R::FindKey => match self.row {
                Some(row) if row.stored => Reply::Stored(row.image),
                Some(_) => Reply::Yes,
                None => Reply::No,
            },
            R::RereadUpload { image, attempt } => match self.row {
                Some(row) if self.is_stored(image) && row.attempt == attempt => Reply::Yes,
                _ => Reply::No,
            },
            R::CommitUpload { image, attempt } => self.commit_upload(rules, image, attempt),
            R::AbandonUpload { image, attempt } => {
                let held = |row: Row| row.image == image && !row.stored && row.attempt == attempt;
                if self.row.is_some_and(held) {
                    self.forget_row();
                }
                self.mark(rules.original(image, attempt))
            }
            R::ReserveBlob(blob) if self.gc(blob).is_some() && !rules.reservations_give_way => {
                Reply::Error
            }
            R::ReserveBlob(blob) => {
                self.set_gc(blob, Some(GcState::Reserved));
                Reply::Yes
            }
            R::ReleaseBlob(blob) => self.mark(blob),
            R::Put { blob, writer } => {
                match self.writer(blob) {
                    None => self.store.add((blob, writer)),
                    // the same bytes again: a request that was repeated on its way
                    Some(same) if same == writer => {}
                    Some(other) => {
                        self.store.remove((blob, other));
                        self.store.add((blob, writer));
                        self.wrong = Some(Wrong::Overwritten);
                    }
                }
                Reply::Yes
            }
            R::Delete(blob) => {
                if let Some(writer) = self.writer(blob) {
                    self.store.remove((blob, writer));
                }
                Reply::Yes
            }
            R::NoteSwept { blob, listed } => self.note_swept(rules, blob, listed),
            R::RemoveImage(image) => self.remove_image(rules, image),
            R::StepBackfill { token, look, part } => self.step_backfill(rules, token, look, part),
            R::Claim(_)
            | R::ClaimDue(_)
            | R::ReadJob(_)
            | R::Load { .. }
            | R::Finish { .. }
            | R::DoneBy { .. }
            | R::RetryJob { .. }
            | R::ReleaseJob { .. } => self.carry_out_for_worker(rules, request),
        }
    }

    fn carry_out_for_worker(&mut self, rules: &Rules, request: Request) -> Reply {
        use Request as R;
        let held = |world: &World, id, claim: Claim| {
            world.job(id).filter(|job| !job.done && job.attempt == claim.attempt)
        };
        match request {
            R::Claim(id) => match self.claim(rules, self.job(id)) {
                Some((_, claim)) => Reply::Claimed(claim),
                None => Reply::No,
            },
            // one statement picks and claims
            R::ClaimDue(engine) => match self.claim(rules, self.job_of(engine)) {
                Some((job, claim)) => Reply::ClaimedDue { job, claim },
                None => Reply::No,
            },
            R::ReadJob(id) => match self.row {
                Some(row) if self.is_stored(id.image) => {
                    let made = self.renders.iter().any(|render| render.job.engine == id.engine);
                    Reply::ToDraw { original: row.attempt, missing: !made }
                }
                _ => Reply::No,
            },
            R::Load { image, attempt } => match self.writer(rules.original(image, attempt)) {
                Some(_) => Reply::Yes,
                None => Reply::No,
            },
            R::Finish { job, claim, puts } => self.finish(rules, job, claim, puts),
            R::DoneBy { job, claim } => match self.job(job) {
                Some(job) if job.attempt == claim.attempt && job.done => Reply::Yes,
                Some(job) if job.attempt == claim.attempt => Reply::Claimed(claim),
                _ => Reply::No,
            },
            R::RetryJob { job, claim } | R::ReleaseJob { job, claim } => {
                match held(self, job, claim) {
                    Some(job) => {
                        let due = matches!(request, R::ReleaseJob { .. });
                        self.set_job(Job { due, ..job });
                        Reply::Yes
                    }
                    None => Reply::No,
                }
            }
            _ => unreachable!("no worker asks for {request:?}"),
        }
    }

    fn claim(&mut self, rules: &Rules, job: Option<Job>) -> Option<(JobId, Claim)> {
        let job = job.filter(|job| !job.done && (job.due || !rules.claims_need_due))?;
        if !job.due {
            self.wrong = Some(Wrong::SecondClaim);
        }
        let attempt = job.attempt + u8::from(rules.claims_raise_attempt);
        let claims = job.claims + 1;
        self.set_job(Job { attempt, claims, due: false, ..job });
        Some((job.id, Claim { attempt, number: claims }))
    }

    fn commit_upload(&mut self, rules: &Rules, image: u8, attempt: u8) -> Reply {
        let before = *self;
        let Some(row) = &mut self.row else { return Reply::No };
        let held = (!row.stored || !rules.commit_checks_state)
            && (row.attempt == attempt || !rules.commit_checks_attempt);
        if row.image != image || !held {
            return Reply::No;
        }
        row.stored = true;
        row.lease_over = false;
        if !self.confirm(rules, rules.original(image, attempt)) {
            *self = before;
            return Reply::No;
        }
        if !self.has_owner(rules) {
            *self = before;
            return Reply::NoOwner;
        }
        if self.job_of(1).is_none() {
            self.make_job(rules, image, 1);
        }
        Reply::Yes
    }

    fn finish(&mut self, rules: &Rules, id: JobId, claim: Claim, puts: bool) -> Reply {
        let held = self.job(id).filter(|job| {
            (!job.done || !rules.finish_checks_state)
                && (job.attempt == claim.attempt || !rules.finish_checks_attempt)
        });
        let Some(job) = held else { return Reply::No };
        if puts {
            if !self.confirm(rules, rules.render(id, claim.attempt)) {
                return Reply::No;
            }
            if self.renders.iter().any(|render| render.job.engine == id.engine) {
                self.wrong = Some(Wrong::SecondRender);
                return Reply::Error;
            }
            self.renders.add(Render { job: id, claim });
        }
        self.set_job(Job { done: true, ..job });
        Reply::Yes
    }

    /// A row names the blob from now on; `false` when it was marked meanwhile.
    fn confirm(&mut self, rules: &Rules, blob: Blob) -> bool {
        self.gc.remove((blob, GcState::Reserved)) || !rules.commits_need_reservation
    }

    fn mark(&mut self, blob: Blob) -> Reply {
        if self.gc(blob) == Some(GcState::Reserved) {
            self.set_gc(blob, Some(GcState::Marked));
        }
        Reply::Yes
    }

    fn note_swept(&mut self, rules: &Rules, blob: Blob, listed: GcState) -> Reply {
        let listed_as_swept = matches!(listed, GcState::Swept { .. }) || !rules.sweeps_remember;
        match self.gc(blob) {
            Some(GcState::Swept { due: true }) if listed_as_swept => self.set_gc(blob, None),
            Some(GcState::Marked) if !rules.swept_twice => self.set_gc(blob, None),
            Some(GcState::Marked) => self.set_gc(blob, Some(GcState::Swept { due: false })),
            _ => {}
        }
        Reply::Yes
    }

    fn remove_image(&mut self, rules: &Rules, image: u8) -> Reply {
        let Some(row) = self.row.filter(|_| self.is_stored(image)) else { return Reply::No };
        let mut blobs = SmallSet::NONE;
        blobs.add(rules.original(image, row.attempt));
        for render in self.renders.iter() {
            blobs.add(rules.render(render.job, render.claim.attempt));
        }
        if blobs.iter().any(|blob| self.gc(blob).is_some()) {
            return Reply::Error;
        }
        for blob in blobs.iter() {
            self.set_gc(blob, Some(GcState::Marked));
        }
        self.forget_row();
        self.removed |= 1 << image;
        Reply::Marked(blobs)
    }
}
