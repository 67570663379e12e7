//! The rules of the protocol, each with a switch, so that a test can break one of them.

use super::world::{Blob, JobId};

/// `true` is as the code has it, unless the comment says otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// A hint is acknowledged once the claim was answered.
    pub hints_acked_after_claim: bool,
    /// Workers look for due rows as well.
    pub workers_poll: bool,
    /// A process that does not know whether its commit happened reads the row again.
    pub unknown_commits_reread: bool,
    /// The attempt is part of an original's key.
    pub originals_named_by_attempt: bool,
    /// The attempt is part of a render's key.
    pub renders_named_by_attempt: bool,
    /// A reservation replaces an entry of the same key (`false` in the code: it fails).
    pub reservations_give_way: bool,
    pub finish_checks_attempt: bool,
    pub finish_checks_state: bool,
    pub commit_checks_attempt: bool,
    pub commit_checks_state: bool,
    /// A commit fails when its blob was marked.
    pub commits_need_reservation: bool,
    /// The janitor marks an expired reservation before it deletes the blob.
    pub marked_before_deleted: bool,
    pub reserved_before_put: bool,
    /// A swept blob is deleted once more before it is forgotten.
    pub swept_twice: bool,
    /// No process is suspended for a whole period of grace between deleting a blob and recording
    /// that: assumed to keep the search small, since the protocol does not need it.
    pub sweeps_end_in_time: bool,
    /// A sweep forgets a blob only if it listed it as swept.
    pub sweeps_remember: bool,
    pub claims_raise_attempt: bool,
    /// A claim finds a job that another one holds neither by its id nor among those that are due:
    /// what is locked is passed over, and what was locked is looked at again.
    pub claims_need_due: bool,
    /// Readers of a new api process look at the image (`false` to keep the search small: no process
    /// notices them, and that stored renders stay is looked at anyway).
    pub read_meanwhile: bool,
    pub answered_after_commit: bool,
    /// The rows of an image go before its blobs.
    pub rows_removed_first: bool,
    /// A job that is made again has a new id.
    pub jobs_have_new_ids: bool,
    /// A step makes jobs and moves the cursor in one transaction.
    pub backfill_steps_are_whole: bool,
    /// The cursor does not pass an upload that is not stored yet.
    pub backfill_waits_for_uploads: bool,
    /// A leader looks which uploads are stored before it looks for images, not after.
    pub backfill_settles_first: bool,
    /// The lead of a process that died ends.
    pub backfill_leases_end: bool,
    /// A step needs the lead.
    pub backfill_is_fenced: bool,
    /// Only the newest complete version is kept (`false` to keep the search small, and because it is
    /// optional).
    pub old_versions_are_deleted: bool,
    /// A version is old once a newer one is complete.
    pub old_is_what_a_complete_one_follows: bool,
    /// The transaction that deletes old renders marks their blobs.
    pub old_blobs_are_marked: bool,
    /// An upload is stored only for a user who is not leaving.
    pub commits_need_the_owner: bool,
    /// A user who is leaving is deleted once they have neither an image nor an upload.
    pub users_wait_for_uploads: bool,
}

impl Rules {
    pub const KEPT: Rules = Rules {
        hints_acked_after_claim: true,
        workers_poll: true,
        unknown_commits_reread: true,
        originals_named_by_attempt: true,
        renders_named_by_attempt: true,
        reservations_give_way: false,
        finish_checks_attempt: true,
        finish_checks_state: true,
        commit_checks_attempt: true,
        commit_checks_state: true,
        commits_need_reservation: true,
        marked_before_deleted: true,
        reserved_before_put: true,
        swept_twice: true,
        sweeps_end_in_time: true,
        sweeps_remember: true,
        claims_raise_attempt: true,
        claims_need_due: true,
        read_meanwhile: false,
        answered_after_commit: true,
        rows_removed_first: true,
        jobs_have_new_ids: true,
        backfill_steps_are_whole: true,
        backfill_waits_for_uploads: true,
        backfill_settles_first: true,
        backfill_leases_end: true,
        backfill_is_fenced: true,
        old_versions_are_deleted: false,
        old_is_what_a_complete_one_follows: true,
        old_blobs_are_marked: true,
        commits_need_the_owner: true,
        users_wait_for_uploads: true,
    };

    /// The key of an original.
    pub fn original(&self, image: u8, attempt: u8) -> Blob {
        let attempt = if self.originals_named_by_attempt { attempt } else { 0 };
        Blob::Original { image, attempt }
    }

    /// The key of a render.
    pub fn render(&self, job: JobId, attempt: u8) -> Blob {
        let attempt = if self.renders_named_by_attempt { attempt } else { 0 };
        Blob::Render { job, attempt }
    }
}
