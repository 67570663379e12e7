//! The backfill of the newer engine: its leader looks which uploads are settled, then makes the
//! jobs that are missing and moves the cursor, in one transaction.

use super::{
    moves::{Move, Next},
    processes::{Leader, State, Who},
    rules::Rules,
    world::{Look, Part, Reply, Request, World},
};

/// The newer of two engine versions.
const NEWER: u8 = 2;

impl World {
    fn look(&self, rules: &Rules) -> Look {
        let stored = self.row.filter(|row| row.stored).map(|row| row.image);
        let settled = match rules.backfill_waits_for_uploads {
            true => stored,
            false => self.row.map(|row| row.image),
        };
        Look { settled, stored }
    }

    pub fn step_backfill(&mut self, rules: &Rules, token: u8, look: Look, part: Part) -> Reply {
        if self.backfill.token != token && rules.backfill_is_fenced {
            return Reply::No;
        }
        let now = self.look(rules);
        let (settled, stored) = match rules.backfill_settles_first {
            true => (look.settled, now.stored),
            false => (now.settled, look.stored),
        };
        if let Some(image) = stored
            && part != Part::Cursor
            && (part == Part::Jobs || self.backfill.passed & 1 << image == 0)
            && self.is_stored(image)
            && self.job_of(NEWER).is_none()
        {
            self.make_job(rules, image, NEWER);
        }
        if let Some(image) = settled.filter(|_| part != Part::Jobs) {
            self.backfill.passed |= 1 << image;
        }
        Reply::Yes
    }
}

impl State {
    /// What the leader is about to ask.
    pub fn leader_request(&self) -> Option<Request> {
        let Leader { token, look, part } = self.leader?;
        look.map(|look| Request::StepBackfill { token, look, part })
    }

    pub fn leader_hears(&mut self, reply: Reply) {
        let Some(leader) = self.leader else { return };
        self.leader = (reply == Reply::Yes).then_some(match leader.part {
            Part::Cursor => Leader { part: Part::Jobs, ..leader },
            Part::Whole | Part::Jobs => Leader { look: None, ..leader },
        });
    }
}

impl Next<'_> {
    pub fn backfill_of_newer_engine(&mut self) {
        let (state, rules) = (self.state, self.rules);
        if !state.workers.iter().any(|worker| worker.engine == NEWER) {
            return;
        }
        match state.leader {
            None if !state.world.backfill.leased => self.push(Move::LeadsBackfill, |state| {
                let row = &mut state.world.backfill;
                (row.token, row.leased) = (row.token + 1, true);
                state.leader = Some(Leader { token: row.token, look: None, part: Part::Whole });
            }),
            None if rules.backfill_leases_end => self.push(Move::BackfillLeaseEnds, |state| {
                state.world.backfill.leased = false;
            }),
            Some(leader) if leader.look.is_none() => {
                let look = state.world.look(rules);
                let passed = state.world.backfill.passed;
                let may_change = match look.settled.or(look.stored) {
                    Some(image) => passed & 1 << image == 0,
                    // an upload that is stored after the look is passed
                    None => passed == 0 && !rules.backfill_settles_first,
                };
                if may_change {
                    let part = match rules.backfill_steps_are_whole {
                        true => Part::Whole,
                        false => Part::Cursor,
                    };
                    self.push(Move::LooksForBackfill, |state| {
                        state.leader = Some(Leader { look: Some(look), part, ..leader });
                    });
                }
            }
            _ => {}
        }
        if state.leader.is_some_and(|leader| leader.look.is_none()) {
            self.fault(Move::Crashes(Who::Leader), |state| state.leader = None);
        }
    }
}
