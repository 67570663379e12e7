//! A model of resumable uploads: one upload of two bytes, of which the first may come by itself and is
//! stored as a tail; its end, by the request or by a janitor; its expiry; and the sweeping of its
//! blobs, which are files. As in the model of plain uploads, any process may die, any answer be lost
//! and any request be late, a bounded number of times.
//!
//! The steps are those of `common/src/pipeline/{receive,finish}.rs` and
//! `common/src/catalog/resumable.rs`. How an image with a key is stored, is one step here: the other
//! model looks at that. Not in the model: verdicts on the image, and multipart uploads.

use std::fmt;

use super::{
    search::{Protocol, caught, holds},
    world::GcState,
    wrong::Wrong,
};

mod tasks;
mod world;

use tasks::{Piece, Step, Task};
use world::{Blob, Intent, Phase, Reply, Request, Row, Rules, World};

/// Everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State {
    world: World,
    tasks: [Option<Task>; 2],
    /// The client will not go on.
    left: bool,
    /// The client knows that the image is stored.
    told: bool,
    /// The upload may end without an image: the client left, or was away for too long.
    excused: bool,
    may_leave: bool,
    faults_left: u8,
}

/// An upload has begun.
fn begun(faults: u8, may_leave: bool) -> State {
    State {
        world: World::BEGUN,
        tasks: [None; 2],
        left: false,
        told: false,
        excused: false,
        may_leave,
        faults_left: faults,
    }
}

impl State {
    fn tasks(&self) -> impl Iterator<Item = Task> + '_ {
        self.tasks.iter().flatten().copied()
    }

    /// Whether a living process has the newest attempt.
    fn has_holder(&self, row: Row) -> bool {
        self.tasks().any(|task| task.attempt() == Some(row.attempt))
    }

    fn hear(&mut self, rules: &Rules, n: usize, reply: Reply) {
        let Some(task) = self.tasks[n] else { return };
        let (next, is_told) = task.hear(rules, reply);
        self.tasks[n] = next;
        self.told |= is_told;
    }
}

/// The states that may follow, with how.
struct Next<'a> {
    rules: &'a Rules,
    state: State,
    found: Vec<(Move, State)>,
}

/// One line of a story: what, and on what.
pub struct Move(&'static str, On);

#[derive(Clone, Copy)]
enum On {
    Request(Request),
    Blob(Blob),
    Upload,
    Image,
    Client,
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            On::Request(request) => write!(f, "{}: {request:?}", self.0),
            On::Blob(blob) => write!(f, "{}: {blob:?}", self.0),
            On::Upload | On::Image | On::Client => f.write_str(self.0),
        }
    }
}

impl Next<'_> {
    fn push(&mut self, what: &'static str, on: On, change: impl FnOnce(&mut State)) {
        let mut state = self.state;
        change(&mut state);
        // which process it is makes no difference
        state.tasks.sort_unstable();
        self.found.push((Move(what, on), state));
    }

    fn fault(&mut self, what: &'static str, on: On, change: impl FnOnce(&mut State)) {
        if self.state.faults_left > 0 {
            self.push(what, on, |state| {
                state.faults_left -= 1;
                change(state);
            });
        }
    }

    fn push_if(&mut self, free: bool, what: &'static str, on: On, change: impl FnOnce(&mut State)) {
        if free { self.push(what, on, change) } else { self.fault(what, on, change) }
    }

    fn processes(&mut self) {
        let (rules, state) = (self.rules, self.state);
        for (n, task) in state.tasks.iter().enumerate() {
            let Some(task) = task else { continue };
            let request = task.request(rules);
            self.push("asks", On::Request(request), |state| {
                let reply = state.world.carry_out(rules, request);
                state.hear(rules, n, reply);
            });
            self.fault("dies before", On::Request(request), |state| state.tasks[n] = None);
            self.fault("done, and then it dies", On::Request(request), |state| {
                state.world.carry_out(rules, request);
                state.tasks[n] = None;
            });
            self.fault("done, but the answer is lost", On::Request(request), |state| {
                state.world.carry_out(rules, request);
                state.hear(rules, n, Reply::Error);
            });
            self.fault("given up, but still on its way", On::Request(request), |state| {
                state.world.on_the_way.add(request);
                state.hear(rules, n, Reply::Error);
            });
            self.fault("it dies, but the request is on its way", On::Request(request), |state| {
                state.world.on_the_way.add(request);
                state.tasks[n] = None;
            });
            if task.heard {
                self.fault("its client is cut off", On::Request(request), |state| {
                    if let Some(task) = &mut state.tasks[n] {
                        task.heard = false;
                    }
                });
            }
            // a request that has only the first byte
            let own = Some(rules.tail(task.row.attempt));
            if task.step == Step::Reserve(Piece::Part) && task.row.tail == own {
                self.push("its body ends", On::Request(request), |state| state.tasks[n] = None);
            }
        }
        for request in state.world.on_the_way.iter() {
            self.push("late, this is carried out", On::Request(request), |state| {
                state.world.on_the_way.remove(request);
                state.world.carry_out(rules, request);
            });
        }
    }

    fn beginnings(&mut self) {
        let state = self.state;
        let Some(row) = state.world.row else { return };
        if state.may_leave && !state.left {
            self.push("the client leaves", On::Client, |state| {
                (state.left, state.excused) = (true, true)
            });
        }
        if row.phase == Phase::Done && !state.told && !state.left {
            self.push("HEAD has the image", On::Client, |state| state.told = true);
        }
        let Some(free) = state.tasks.iter().position(Option::is_none) else { return };
        let mut begin = |what, step, heard| {
            self.push(what, On::Upload, |state| state.tasks[free] = Some(Task::begin(step, heard)));
        };
        let is_sending = state.tasks().any(|task| task.heard);
        if row.phase == Phase::Receiving && !state.left && !is_sending {
            begin("the client sends", Step::Begin, true);
        }
        if row.phase == Phase::Finishing && row.due {
            begin("the janitor finishes it", Step::ClaimFinishing, false);
        }
        if row.due && (row.phase != Phase::Finishing || !self.rules.wholes_do_not_expire) {
            self.push("the janitor ends it", On::Upload, |state| {
                state.tasks[free] = Some(Task::begin(Step::ClaimEnded, false));
            });
        }
    }

    /// Deletes a blob and notes that, in one step: the other model looks at what comes between.
    fn sweeper(&mut self) {
        let rules = self.rules;
        for (blob, listed) in self.state.world.gc.iter().collect::<Vec<_>>() {
            if matches!(listed, GcState::Marked | GcState::Swept { due: true }) {
                self.push("the janitor sweeps", On::Blob(blob), |state| {
                    state.world.carry_out(rules, Request::Delete(blob));
                    state.world.carry_out(rules, Request::NoteSwept { blob, listed });
                });
            }
        }
    }

    /// What ends while a process still works is a fault: that process was suspended.
    fn time(&mut self) {
        let (rules, state) = (self.rules, self.state);
        if let Some(row) = state.world.row.filter(|row| !row.due) {
            let is_held = state.has_holder(row);
            let due = |state: &mut State| state.world.row.iter_mut().for_each(|row| row.due = true);
            match row.phase {
                Phase::Receiving => {
                    let free = if is_held { !rules.progress_keeps } else { state.left };
                    self.push_if(free, "the upload expires", On::Upload, |state| {
                        state.excused |= !free;
                        due(state);
                    });
                }
                // that of the image ends before it
                Phase::Finishing => {
                    let free = !is_held && state.world.intent.is_none_or(|intent| intent.due);
                    self.push_if(free, "the lease ends", On::Upload, due);
                }
                Phase::Ending => {
                    self.push_if(!is_held, "the removal's lease ends", On::Upload, due)
                }
                Phase::Done if state.told || state.left => {
                    self.push("the finished upload expires", On::Upload, due);
                }
                Phase::Done => {}
            }
        }
        if let Some(intent) = state.world.intent {
            let is_held = state.tasks().any(|task| task.image == intent.attempt);
            match intent.due {
                false => self.push_if(!is_held, "the image's lease ends", On::Image, |state| {
                    state.world.intent = Some(Intent { due: true, ..intent });
                }),
                true => {
                    self.push_if(!is_held, "the janitor forgets the image", On::Image, |state| {
                        state.world.intent = None;
                    })
                }
            }
        }
        for (blob, gc) in state.world.gc.iter() {
            let late = |request| match request {
                Request::Put { blob: other, .. } => other == blob,
                Request::Join { to, .. } => Blob::Part(to) == blob,
                Request::Copy { image, .. } => Blob::Original(image) == blob,
                _ => false,
            };
            match gc {
                GcState::Reserved => {
                    let is_held = state.tasks().any(|task| task.holds(rules, blob));
                    self.push_if(!is_held, "the reservation expires", On::Blob(blob), |state| {
                        state.world.set_gc(blob, Some(GcState::Marked));
                    });
                }
                // the assumption on time: the writer has put the blob, or never will
                GcState::Swept { due: false }
                    if !state.tasks().any(|task| task.will_put(rules, blob))
                        && !state.world.on_the_way.iter().any(late) =>
                {
                    self.push("a period of grace later", On::Blob(blob), |state| {
                        state.world.set_gc(blob, Some(GcState::Swept { due: true }));
                    });
                }
                GcState::Marked | GcState::Swept { .. } => {}
            }
        }
    }
}

impl Protocol for Rules {
    type State = State;
    type Move = Move;

    fn next(&self, state: State, mut found: Vec<(Move, State)>) -> Vec<(Move, State)> {
        found.clear();
        let mut next = Next { rules: self, state, found };
        next.processes();
        next.beginnings();
        next.sweeper();
        next.time();
        next.found
    }

    fn wrong(&self, _: &State, after: &State) -> Option<Wrong> {
        let World { row, images, whole, .. } = after.world;
        let is_promised = after.told || whole && row.is_none();
        let lost = is_promised && images.is_empty();
        after.world.look().or(lost.then_some(Wrong::LostUpload))
    }

    fn is_fault(&self, before: &State, after: &State) -> bool {
        after.faults_left < before.faults_left
    }

    /// Nothing is left but the image, if there should be one.
    fn at_rest(&self, state: &State) -> bool {
        let world = &state.world;
        let is_idle = state.tasks().next().is_none();
        let is_clean = world.gc.is_empty() && world.on_the_way.is_empty();
        let is_over = world.row.is_none() && world.intent.is_none();
        let has_image = !world.images.is_empty() || state.excused && !world.whole;
        is_idle && is_clean && is_over && has_image
    }
}

const KEPT: Rules = Rules::KEPT;

#[test]
fn an_upload_that_was_received_is_an_image_once() {
    holds(KEPT, begun(1, false));
}

#[test]
fn an_upload_that_is_left_leaves_nothing() {
    holds(KEPT, begun(0, true));
}

#[test]
fn an_older_request_that_records_is_caught() {
    let broken = Rules { records_are_fenced: false, ..KEPT };
    caught(broken, begun(1, false));
}

#[test]
fn requests_that_share_a_number_are_caught() {
    let broken = Rules { requests_take_new_numbers: false, ..KEPT };
    caught(broken, begun(1, false));
}

#[test]
fn requests_that_share_a_tail_are_caught() {
    let broken = Rules { tails_named_by_attempt: false, ..KEPT };
    caught(broken, begun(1, false));
}

#[test]
fn a_tail_that_is_left_is_caught() {
    let broken = Rules { earlier_tails_are_marked: false, ..KEPT };
    assert_eq!(caught(broken, begun(0, false)), Wrong::Unknown);
}

#[test]
fn a_whole_under_the_number_of_a_part_is_caught() {
    let broken = Rules { joined_has_its_own_number: false, ..KEPT };
    caught(broken, begun(1, false));
}

#[test]
fn a_piece_that_is_put_before_it_is_reserved_is_caught() {
    let broken = Rules { reserved_before_put: false, ..KEPT };
    assert_eq!(caught(broken, begun(0, false)), Wrong::Unknown);
}

#[test]
fn an_upload_that_expires_under_its_sender_is_caught() {
    let broken = Rules { progress_keeps: false, ..KEPT };
    assert_eq!(caught(broken, begun(0, false)), Wrong::Stuck);
}

#[test]
fn a_whole_that_expires_is_caught() {
    let broken = Rules { wholes_do_not_expire: false, ..KEPT };
    assert_eq!(caught(broken, begun(1, false)), Wrong::LostUpload);
}

#[test]
fn an_image_without_a_key_is_caught() {
    let broken = Rules { image_has_a_key: false, ..KEPT };
    assert_eq!(caught(broken, begun(1, false)), Wrong::SecondImage);
}

#[test]
fn an_end_before_the_commit_is_caught() {
    let broken = Rules { ended_after_commit: false, ..KEPT };
    assert_eq!(caught(broken, begun(0, false)), Wrong::LostUpload);
}

#[test]
fn an_upload_that_is_removed_without_its_blobs_is_caught() {
    let broken = Rules { removed_blobs_are_marked: false, ..KEPT };
    assert_eq!(caught(broken, begun(0, true)), Wrong::Unknown);
}
