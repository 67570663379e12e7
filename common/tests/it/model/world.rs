//! The world of the model: rows, blobs and requests under way, and what each request does to them.
//!
//! A request is one statement, one transaction or one call of the store, as the rooms have them.
//! Time is a flag: what a lease or a grace period allows is either allowed by now or not.

use std::fmt;

use super::rules::Rules;

/// The most requests, blobs or loose entries that a world of a few faults ever has at once.
const ROOM: usize = 7;

/// A few things in order, without the heap: worlds are copied all the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Few<T, const N: usize = ROOM>([Option<T>; N]);

impl<T: Copy + Ord, const N: usize> Few<T, N> {
    pub const NONE: Self = Few([None; N]);

    pub fn iter(&self) -> impl Iterator<Item = T> + '_ {
        self.0.iter().map_while(|item| *item)
    }

    pub fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }

    pub fn has(&self, item: T) -> bool {
        self.0.contains(&Some(item))
    }

    pub fn add(&mut self, item: T) {
        let at = self.iter().take_while(|other| *other < item).count();
        assert!(self.0[N - 1].is_none(), "the world has no room for more");
        self.0[at..].rotate_right(1);
        self.0[at] = Some(item);
    }

    /// Whether it was there.
    pub fn remove(&mut self, item: T) -> bool {
        let found = self.0.iter().position(|other| *other == Some(item));
        if let Some(at) = found {
            self.0[at] = None;
            self.0[at..].rotate_left(1);
        }
        found.is_some()
    }
}

/// `made` tells a job from an earlier one of the same image and engine.
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
    /// Tells claims apart even when a broken rule gives them the same attempt.
    pub number: u8,
}

/// A row of `loose_blobs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Loose {
    Promised,
    Condemned,
    Swept { due: bool },
}

/// A request, with all that it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Request {
    InsertIntent,
    TakeOver,
    LookKeyUp,
    LookImageUp { image: u8, attempt: u8 },
    CommitUpload { image: u8, attempt: u8 },
    AbandonUpload { image: u8, attempt: u8 },
    Promise(Blob),
    BreakPromise(Blob),
    Put { blob: Blob, writer: u8 },
    Delete(Blob),
    NoteSwept { blob: Blob, listed: Loose },
    Claim(JobId),
    LookJobUp(JobId),
    Load { image: u8, attempt: u8 },
    Finish { job: JobId, claim: Claim, puts: bool },
    DoneBy { job: JobId, claim: Claim },
    PutOff { job: JobId, claim: Claim },
    GiveBack { job: JobId, claim: Claim },
    RemoveImage(u8),
}

impl Request {
    /// Whether it changes anything, so that it matters if it is carried out unheard.
    pub fn writes(self) -> bool {
        use Request as R;
        !matches!(
            self,
            R::LookKeyUp
                | R::LookImageUp { .. }
                | R::LookJobUp(_)
                | R::Load { .. }
                | R::DoneBy { .. }
        )
    }
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// None, or an error: nobody knows whether it was carried out.
    Error,
    Yes,
    No,
    /// That upload is ours.
    Ours {
        image: u8,
        attempt: u8,
    },
    /// That image is stored.
    Stored(u8),
    Claimed(Claim),
    /// The original to draw, and whether the render is missing.
    ToDraw {
        original: u8,
        missing: bool,
    },
    Condemned(Few<Blob, 3>),
}

/// What must never happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrong {
    LostUpload,
    LostOriginal,
    LostRender,
    Overwritten,
    SecondRender,
    Vanished,
    StillVisible,
    VersionWentBack,
    Unknown,
    Stuck,
}

/// The catalog, the store and what is on its way to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub row: Option<Row>,
    pub images_made: u8,
    pub jobs: Few<Job, 2>,
    /// How many jobs that row had so far, by engine.
    pub jobs_made: [u8; 2],
    pub renders: Few<Render, 2>,
    pub loose: Few<(Blob, Loose)>,
    /// Each blob with its writer.
    pub store: Few<(Blob, u8)>,
    pub on_the_way: Few<Request, 3>,
    pub hints: Few<JobId, 2>,
    /// Images whose removal was carried out, a bit each.
    pub removed: u8,
    pub wrong: Option<Wrong>,
}

impl World {
    pub const EMPTY: World = World {
        row: None,
        images_made: 0,
        jobs: Few::NONE,
        jobs_made: [0; 2],
        renders: Few::NONE,
        loose: Few::NONE,
        store: Few::NONE,
        on_the_way: Few::NONE,
        hints: Few::NONE,
        removed: 0,
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
        self.jobs = Few::NONE;
        self.jobs_made = [0; 2];
        self.renders = Few::NONE;
    }

    pub fn loose(&self, blob: Blob) -> Option<Loose> {
        self.loose.iter().find(|(other, _)| *other == blob).map(|(_, state)| state)
    }

    pub fn set_loose(&mut self, blob: Blob, state: Option<Loose>) {
        if let Some(old) = self.loose(blob) {
            self.loose.remove((blob, old));
        }
        if let Some(state) = state {
            self.loose.add((blob, state));
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
            R::InsertIntent => {
                let image = self.images_made;
                self.images_made += 1;
                self.row = Some(Row { image, stored: false, attempt: 1, lease_over: false });
                Reply::Ours { image, attempt: 1 }
            }
            R::TakeOver => match &mut self.row {
                Some(row) if !row.stored && row.lease_over => {
                    row.attempt += 1;
                    row.lease_over = false;
                    Reply::Ours { image: row.image, attempt: row.attempt }
                }
                _ => Reply::No,
            },
            R::LookKeyUp => match self.row {
                Some(row) if row.stored => Reply::Stored(row.image),
                Some(_) => Reply::Yes,
                None => Reply::No,
            },
            R::LookImageUp { image, attempt } => match self.row {
                Some(row) if self.is_stored(image) && row.attempt == attempt => Reply::Yes,
                _ => Reply::No,
            },
            R::CommitUpload { image, attempt } => self.commit_upload(rules, image, attempt),
            R::AbandonUpload { image, attempt } => {
                let ours = |row: Row| row.image == image && !row.stored && row.attempt == attempt;
                if self.row.is_some_and(ours) {
                    self.forget_row();
                }
                self.condemn(rules.original(image, attempt))
            }
            R::Promise(blob) if self.loose(blob).is_some() && !rules.promises_give_way => {
                Reply::Error
            }
            R::Promise(blob) => {
                self.set_loose(blob, Some(Loose::Promised));
                Reply::Yes
            }
            R::BreakPromise(blob) => self.condemn(blob),
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
            R::Claim(_)
            | R::LookJobUp(_)
            | R::Load { .. }
            | R::Finish { .. }
            | R::DoneBy { .. }
            | R::PutOff { .. }
            | R::GiveBack { .. } => self.carry_out_for_worker(rules, request),
        }
    }

    fn carry_out_for_worker(&mut self, rules: &Rules, request: Request) -> Reply {
        use Request as R;
        let held = |world: &World, id, claim: Claim| {
            world.job(id).filter(|job| !job.done && job.attempt == claim.attempt)
        };
        match request {
            R::Claim(id) => match self.job(id) {
                Some(job) if !job.done && job.due => {
                    let attempt = job.attempt + u8::from(rules.claims_raise_attempt);
                    let claims = job.claims + 1;
                    self.set_job(Job { attempt, claims, due: false, ..job });
                    Reply::Claimed(Claim { attempt, number: claims })
                }
                _ => Reply::No,
            },
            R::LookJobUp(id) => match self.row {
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
            R::PutOff { job, claim } | R::GiveBack { job, claim } => match held(self, job, claim) {
                Some(job) => {
                    let due = matches!(request, R::GiveBack { .. });
                    self.set_job(Job { due, ..job });
                    Reply::Yes
                }
                None => Reply::No,
            },
            _ => unreachable!("no worker asks for {request:?}"),
        }
    }

    fn commit_upload(&mut self, rules: &Rules, image: u8, attempt: u8) -> Reply {
        let before = *self;
        let Some(row) = &mut self.row else { return Reply::No };
        let ours = (!row.stored || !rules.commit_checks_state)
            && (row.attempt == attempt || !rules.commit_checks_attempt);
        if row.image != image || !ours {
            return Reply::No;
        }
        row.stored = true;
        row.lease_over = false;
        if !self.keep(rules, rules.original(image, attempt)) {
            *self = before;
            return Reply::No;
        }
        if self.job_of(1).is_none() {
            self.make_job(rules, image, 1);
        }
        Reply::Yes
    }

    fn finish(&mut self, rules: &Rules, id: JobId, claim: Claim, puts: bool) -> Reply {
        let ours = self.job(id).filter(|job| {
            (!job.done || !rules.finish_checks_state)
                && (job.attempt == claim.attempt || !rules.finish_checks_attempt)
        });
        let Some(job) = ours else { return Reply::No };
        if puts {
            if !self.keep(rules, rules.render(id, claim.attempt)) {
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

    /// A row names the blob from now on; `false` when it was condemned meanwhile.
    fn keep(&mut self, rules: &Rules, blob: Blob) -> bool {
        self.loose.remove((blob, Loose::Promised)) || !rules.commits_need_promise
    }

    fn condemn(&mut self, blob: Blob) -> Reply {
        if self.loose(blob) == Some(Loose::Promised) {
            self.set_loose(blob, Some(Loose::Condemned));
        }
        Reply::Yes
    }

    fn note_swept(&mut self, rules: &Rules, blob: Blob, listed: Loose) -> Reply {
        let listed_as_swept = matches!(listed, Loose::Swept { .. }) || !rules.sweeps_remember;
        match self.loose(blob) {
            Some(Loose::Swept { due: true }) if listed_as_swept => self.set_loose(blob, None),
            Some(Loose::Condemned) if !rules.swept_twice => self.set_loose(blob, None),
            Some(Loose::Condemned) => self.set_loose(blob, Some(Loose::Swept { due: false })),
            _ => {}
        }
        Reply::Yes
    }

    fn remove_image(&mut self, rules: &Rules, image: u8) -> Reply {
        let Some(row) = self.row.filter(|_| self.is_stored(image)) else { return Reply::No };
        let mut blobs = Few::NONE;
        blobs.add(rules.original(image, row.attempt));
        for render in self.renders.iter() {
            blobs.add(rules.render(render.job, render.claim.attempt));
        }
        if blobs.iter().any(|blob| self.loose(blob).is_some()) {
            return Reply::Error;
        }
        for blob in blobs.iter() {
            self.set_loose(blob, Some(Loose::Condemned));
        }
        self.forget_row();
        self.removed |= 1 << image;
        Reply::Condemned(blobs)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}e{}", self.image, self.engine)?;
        if self.made > 0 { write!(f, " (made again)") } else { Ok(()) }
    }
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blob::Original { image, attempt } => write!(f, "originals/{image}/{attempt}"),
            Blob::Render { job, attempt } => write!(f, "renders/{job}/{attempt}"),
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Request as R;
        match self {
            R::InsertIntent => write!(f, "insert the intent"),
            R::TakeOver => write!(f, "take the upload over"),
            R::LookKeyUp => write!(f, "look the key up"),
            R::LookImageUp { image, attempt } => write!(f, "re-read upload {image}.{attempt}"),
            R::CommitUpload { image, attempt } => write!(f, "commit upload {image}.{attempt}"),
            R::AbandonUpload { image, attempt } => write!(f, "abandon upload {image}.{attempt}"),
            R::Promise(blob) => write!(f, "promise {blob}"),
            R::BreakPromise(blob) => write!(f, "break the promise of {blob}"),
            R::Put { blob, writer } => write!(f, "put {blob} (writer {writer})"),
            R::Delete(blob) => write!(f, "delete {blob}"),
            R::NoteSwept { blob, .. } => write!(f, "note that {blob} was swept"),
            R::Claim(job) => write!(f, "claim job {job}"),
            R::LookJobUp(job) => write!(f, "look at the image of job {job}"),
            R::Load { image, .. } => write!(f, "load the original of image {image}"),
            R::Finish { job, claim, .. } => write!(f, "finish job {job} as {}", claim.attempt),
            R::DoneBy { job, claim } => write!(f, "re-read job {job} as {}", claim.attempt),
            R::PutOff { job, claim } => write!(f, "put job {job} off as {}", claim.attempt),
            R::GiveBack { job, claim } => write!(f, "give job {job} back as {}", claim.attempt),
            R::RemoveImage(image) => write!(f, "remove image {image}"),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wrong::LostUpload => "an acknowledged upload is not stored",
            Wrong::LostOriginal => "a stored image lacks its original, or has another's",
            Wrong::LostRender => "a render lacks its blob, or has another's",
            Wrong::Overwritten => "a blob was overwritten by a second writer",
            Wrong::SecondRender => "a second render of the same text was about to be recorded",
            Wrong::Vanished => "what readers could see vanished though nobody removed it",
            Wrong::StillVisible => "a removed image is visible",
            Wrong::VersionWentBack => "a reader got an older version than before",
            Wrong::Unknown => "the store has a blob that no row and no loose entry knows",
            Wrong::Stuck => "from here nothing leads to a state of rest without another fault",
        })
    }
}
