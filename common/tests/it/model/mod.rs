//! A model of the protocol: everything that can happen to one upload and its renders when processes
//! die, answers are lost and requests are late, looked at state by state.
//!
//! Two api processes handle an upload whose client retries with its idempotency key until the
//! upload is confirmed; two workers render, one leads the backfill of a newer engine, a janitor
//! sweeps and deletes old versions, a user removes, and the account of the client may be deleted.
//! The requests of each, their order, and the reaction to each reply are as in `common/src/pipeline`,
//! `common/src/catalog` and `worker/src`; a change there belongs here, too. A bounded number of
//! faults may happen anywhere; being suspended past a lease or a reservation is one. One
//! assumption: a process that reserved a blob puts it before its second sweep is due, or never.
//!
//! Each rule can be broken, to test that the model detects it. (`cargo test -p common model --
//! --nocapture` prints the steps to each violation.)
//!
//! Not in the model: lanes and the order in which due jobs are claimed, strikes and dead jobs,
//! decoders' verdicts, new presets, uploads without a key, more than one text per image, and
//! isolation weaker than a transaction as one step.

mod account;
mod backfill;
mod display;
mod moves;
mod processes;
mod resumable;
mod retention;
mod rules;
mod search;
mod small_set;
mod world;
mod wrong;

use account::Account;
use processes::{Api, Remover, State, Worker};
use rules::Rules;
use search::{caught, holds};
use world::{Request, World};
use wrong::Wrong;

/// The engine versions of the two workers.
type Engines = [u8; 2];
const SAME: Engines = [1, 1];
const UPGRADE: Engines = [1, 2];

/// Nothing is there, and a client is about to upload.
fn upload(faults: u8, removals: u8, engines: Engines) -> State {
    State {
        world: World::EMPTY,
        apis: [Api::IDLE; 2],
        workers: engines.map(|engine| Worker { engine, task: None }),
        janitor: None,
        remover: Remover::Idle,
        leader: None,
        acked: None,
        removal_acked: None,
        read: 0,
        removals_left: removals,
        faults_left: faults,
    }
}

/// An upload was confirmed, and is not rendered yet.
fn stored(faults: u8, removals: u8, engines: Engines) -> State {
    let mut state = upload(faults, removals, engines);
    let blob = Rules::KEPT.original(0, 1);
    for request in [
        Request::InsertIntent,
        Request::ReserveBlob(blob),
        Request::Put { blob, writer: 1 },
        Request::CommitUpload { image: 0, attempt: 1 },
    ] {
        state.world.carry_out(&Rules::KEPT, request);
    }
    state.acked = Some(0);
    state
}

/// As [`upload`], by a client with an account, which may be deleted at any moment.
fn account(faults: u8) -> State {
    let mut state = upload(faults, 0, SAME);
    state.world.account = Account::Active;
    state
}

const KEPT: Rules = Rules::KEPT;

#[test]
fn no_step_loses_what_was_acknowledged() {
    holds(KEPT, upload(1, 1, SAME));
}

#[test]
fn two_faults_lose_no_upload() {
    holds(KEPT, upload(2, 0, SAME));
}

#[test]
fn two_faults_lose_no_render() {
    holds(KEPT, stored(2, 0, SAME));
}

#[test]
fn old_and_new_engines_leave_each_other_alone() {
    holds(KEPT, upload(1, 0, UPGRADE));
    holds(KEPT, stored(0, 1, UPGRADE));
}

#[test]
fn a_cursor_that_moves_before_the_jobs_is_caught() {
    let broken = Rules { backfill_steps_are_whole: false, ..KEPT };
    assert_eq!(caught(broken, stored(1, 0, UPGRADE)), Wrong::Stuck);
}

#[test]
fn a_cursor_that_passes_an_unfinished_upload_is_caught() {
    let broken = Rules { backfill_waits_for_uploads: false, ..KEPT };
    assert_eq!(caught(broken, upload(0, 0, UPGRADE)), Wrong::Stuck);
}

#[test]
fn a_cursor_that_passes_what_was_stored_after_the_look_is_caught() {
    let broken = Rules { backfill_settles_first: false, ..KEPT };
    assert_eq!(caught(broken, upload(0, 0, UPGRADE)), Wrong::Stuck);
}

#[test]
fn a_lead_that_does_not_end_is_caught() {
    let broken = Rules { backfill_leases_end: false, ..KEPT };
    assert_eq!(caught(broken, stored(1, 0, UPGRADE)), Wrong::Stuck);
}

/// The lead saves work. What keeps images from being missed are the other rules.
#[test]
fn a_late_step_of_an_earlier_leader_loses_nothing() {
    let unfenced = Rules { backfill_is_fenced: false, ..KEPT };
    holds(unfenced, stored(2, 0, UPGRADE));
}

#[test]
fn old_versions_are_deleted_without_harm() {
    let rules = Rules { old_versions_are_deleted: true, ..KEPT };
    holds(rules, stored(1, 0, UPGRADE));
    holds(rules, stored(0, 1, UPGRADE));
}

#[test]
fn a_version_that_is_deleted_before_a_newer_one_is_complete_is_caught() {
    let rules = Rules { old_versions_are_deleted: true, ..KEPT };
    let broken = Rules { old_is_what_a_complete_one_follows: false, ..rules };
    assert_eq!(caught(broken, stored(0, 0, UPGRADE)), Wrong::Vanished);
}

#[test]
fn a_version_that_is_deleted_without_its_blobs_is_caught() {
    let rules = Rules { old_versions_are_deleted: true, ..KEPT };
    let broken = Rules { old_blobs_are_marked: false, ..rules };
    assert_eq!(caught(broken, stored(0, 0, UPGRADE)), Wrong::Unknown);
}

#[test]
fn acking_before_the_claim_is_caught() {
    let broken = Rules { hints_acked_after_claim: false, workers_poll: false, ..KEPT };
    assert_eq!(caught(broken, stored(1, 0, SAME)), Wrong::Stuck);
}

#[test]
fn relying_on_hints_alone_is_caught() {
    let broken = Rules { workers_poll: false, ..KEPT };
    assert_eq!(caught(broken, upload(1, 0, SAME)), Wrong::Stuck);
}

#[test]
fn polling_makes_up_for_acking_before_the_claim() {
    holds(Rules { hints_acked_after_claim: false, ..KEPT }, stored(2, 0, SAME));
}

#[test]
fn deleting_the_original_after_an_unknown_commit_is_caught() {
    let broken = Rules { unknown_commits_reread: false, ..KEPT };
    assert_eq!(caught(broken, upload(1, 0, SAME)), Wrong::LostOriginal);
}

#[test]
fn deleting_the_render_after_an_unknown_finish_is_caught() {
    let broken = Rules { unknown_commits_reread: false, ..KEPT };
    assert_eq!(caught(broken, stored(1, 0, SAME)), Wrong::LostRender);
}

#[test]
fn attempts_that_share_an_original_are_caught() {
    let broken = Rules { originals_named_by_attempt: false, ..KEPT };
    assert_eq!(caught(broken, upload(1, 0, SAME)), Wrong::LostOriginal);
    let broken = Rules { reservations_give_way: true, ..broken };
    assert_eq!(caught(broken, upload(1, 0, SAME)), Wrong::Overwritten);
}

#[test]
fn attempts_that_share_a_render_are_caught() {
    let broken = Rules { renders_named_by_attempt: false, ..KEPT };
    assert_eq!(caught(broken, stored(1, 0, SAME)), Wrong::Overwritten);
}

#[test]
fn a_claim_that_does_not_raise_the_attempt_is_caught() {
    let broken = Rules { claims_raise_attempt: false, ..KEPT };
    assert_eq!(caught(broken, stored(1, 0, SAME)), Wrong::Overwritten);
}

#[test]
fn a_claim_of_a_job_that_is_held_is_caught() {
    let broken = Rules { claims_need_due: false, ..KEPT };
    assert_eq!(caught(broken, stored(0, 0, SAME)), Wrong::SecondClaim);
}

#[test]
fn a_job_made_again_under_its_old_name_is_caught() {
    let broken = Rules { jobs_have_new_ids: false, ..KEPT };
    assert_eq!(caught(broken, stored(1, 0, UPGRADE)), Wrong::Overwritten);
}

#[test]
fn a_blind_finish_is_caught() {
    let broken = Rules { finish_checks_attempt: false, finish_checks_state: false, ..KEPT };
    assert_eq!(caught(broken, stored(1, 0, SAME)), Wrong::SecondRender);
}

#[test]
fn either_check_of_a_finish_makes_up_for_the_other() {
    holds(Rules { finish_checks_attempt: false, ..KEPT }, stored(2, 0, SAME));
    holds(Rules { finish_checks_state: false, ..KEPT }, stored(2, 0, SAME));
}

#[test]
fn an_upload_that_commits_for_another_attempt_is_caught() {
    let broken = Rules { commit_checks_attempt: false, ..KEPT };
    assert_eq!(caught(broken, upload(1, 0, SAME)), Wrong::LostOriginal);
}

#[test]
fn a_commit_whose_reservation_was_marked_is_caught() {
    let broken = Rules { commits_need_reservation: false, ..KEPT };
    assert_eq!(caught(broken, upload(1, 0, SAME)), Wrong::LostOriginal);
    assert_eq!(caught(broken, stored(1, 0, SAME)), Wrong::LostRender);
}

#[test]
fn deleting_before_marking_is_caught() {
    let broken = Rules { marked_before_deleted: false, ..KEPT };
    assert_eq!(caught(broken, upload(1, 0, SAME)), Wrong::LostOriginal);
    assert_eq!(caught(broken, stored(1, 0, SAME)), Wrong::LostRender);
}

#[test]
fn putting_before_reserving_is_caught() {
    let broken = Rules { reserved_before_put: false, ..KEPT };
    assert_eq!(caught(broken, upload(0, 0, SAME)), Wrong::Unknown);
}

#[test]
fn sweeping_only_once_is_caught() {
    let broken = Rules { swept_twice: false, ..KEPT };
    assert_eq!(caught(broken, stored(1, 0, SAME)), Wrong::Unknown);
}

#[test]
fn a_sweep_that_does_not_remember_what_it_listed_is_caught() {
    let broken = Rules { sweeps_end_in_time: false, sweeps_remember: false, ..KEPT };
    assert_eq!(caught(broken, stored(2, 0, SAME)), Wrong::Unknown);
}

#[test]
fn a_sweep_may_be_suspended_for_a_period_of_grace() {
    let slow = Rules { sweeps_end_in_time: false, ..KEPT };
    holds(slow, stored(2, 0, SAME));
}

/// The one way for a version to go back: nothing is stored yet and a new api process draws the text
/// itself; then an old worker stores the older one, which is served until the newer one is stored.
#[test]
fn what_a_new_door_draws_itself_may_be_followed_by_an_older_version() {
    let read = Rules { read_meanwhile: true, ..KEPT };
    assert_eq!(caught(read, stored(0, 0, UPGRADE)), Wrong::VersionWentBack);
}

#[test]
fn answering_before_the_commit_is_caught() {
    let broken = Rules { answered_after_commit: false, ..KEPT };
    assert_eq!(caught(broken, upload(0, 0, SAME)), Wrong::LostUpload);
}

#[test]
fn removing_blobs_before_their_rows_is_caught() {
    let broken = Rules { rows_removed_first: false, ..KEPT };
    assert_eq!(caught(broken, stored(0, 1, SAME)), Wrong::LostOriginal);
}

#[test]
fn an_account_that_is_deleted_leaves_nothing() {
    holds(KEPT, account(1));
}

#[test]
fn an_upload_that_commits_for_a_leaving_user_is_caught() {
    let broken = Rules { commits_need_the_owner: false, ..KEPT };
    assert_eq!(caught(broken, account(0)), Wrong::StoredTooLate);
}

#[test]
fn a_user_that_is_deleted_before_their_upload_is_caught() {
    let broken = Rules { users_wait_for_uploads: false, ..KEPT };
    assert_eq!(caught(broken, account(0)), Wrong::Orphaned);
}
