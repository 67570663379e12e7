//! The retention of one engine version. A deletion is one transaction, which looks again at what is
//! old, so that it does not matter when it was asked for.

use super::{
    moves::{Move, Next},
    rules::Rules,
    world::{GcState, World},
};

const OLDER: u8 = 1;
const NEWER: u8 = 2;

impl World {
    /// Deletes the renders of the older engine, and its job if it is done.
    fn delete_old_version(&mut self, rules: &Rules) {
        let old: Vec<_> = self.renders.iter().filter(|render| render.job.engine == OLDER).collect();
        for render in old {
            self.renders.remove(render);
            if rules.old_blobs_are_marked {
                let blob = rules.render(render.job, render.claim.attempt);
                self.set_gc(blob, Some(GcState::Marked));
            }
        }
        if let Some(job) = self.job_of(OLDER).filter(|job| job.done) {
            self.jobs.remove(job);
        }
    }
}

impl Next<'_> {
    pub fn retention(&mut self) {
        let (world, rules) = (self.state.world, self.rules);
        let is_old = world
            .job_of(NEWER)
            .is_some_and(|job| job.done || !rules.old_is_what_a_complete_one_follows);
        let is_there = world.renders.iter().any(|render| render.job.engine == OLDER);
        if rules.old_versions_are_deleted && is_old && is_there {
            self.push(Move::DeletesOldVersion, |state| state.world.delete_old_version(rules));
        }
    }
}
