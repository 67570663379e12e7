//! Fills the tables: what an installation has after a while, some of it more than it should.

use common::user_id::UserId;
use sea_orm::{ConnectionTrait, DbBackend};

use crate::catalog::*;

/// The engine version with which all images are rendered. Jobs of [`ENGINE`] are a backlog.
pub(super) const RENDERED: u32 = ENGINE - 1;
/// Jobs of the lane of the backfill.
pub(super) const NEXT: u32 = ENGINE + 1;
/// Pending jobs that no worker does any more.
const EARLIER: u32 = ENGINE - 2;
/// Dead jobs, one for each fifty images.
const DEAD: u32 = ENGINE - 3;
pub(super) const SAME_SHA256: &str = "same";

/// Who has each fourth image. The one after each of these is public.
pub(super) const ADA: UserId = UserId(Uuid::from_u128(0x7000_8000_0000_0000_ada0));

/// The id of the `n`th image.
pub(super) fn id(n: u32) -> ImageId {
    ImageId(Uuid::from_u128(0x7000_8000_0000_0000_0000 | u128::from(n)))
}

/// Adds `count` images of the same bytes. Each has a job that is done and its render, a pending
/// job of an earlier engine version and of this one, one in the lane of the backfill, a reserved
/// blob, and a deletion that is remembered; each fiftieth has a dead job and a blob to delete.
pub(super) async fn fill(catalog: &Catalog, count: u32) {
    let db = catalog.connection();
    let (id, random) = match db.get_database_backend() {
        DbBackend::Sqlite => ("unhex(printf('00000000000070008000%012x', n))", "randomblob(16)"),
        _ => {
            ("('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid", "gen_random_uuid()")
        }
    };
    let every = |step: u32| {
        format!(
            "(WITH RECURSIVE numbers (n) AS
                (SELECT {step} UNION ALL SELECT n + {step} FROM numbers WHERE n + {step} <= {count})
            SELECT n FROM numbers) AS numbers"
        )
    };
    let (all, some) = (every(1), every(50));
    let jobs = |engine: u32, state: &str, backfill: bool, numbers: &str| {
        format!(
            "INSERT INTO jobs (id, image_id, engine, state, attempt, strikes, due_at, created_at,
                backfill)
            SELECT {random}, {id}, {engine}, '{state}', 0, 0, n, 0, {backfill} FROM {numbers}"
        )
    };
    let now = catalog.time().await.unwrap().0;
    let soon = now + 1_800_000;
    let ada = match db.get_database_backend() {
        DbBackend::Sqlite => format!("x'{}'", ADA.0.simple()),
        _ => format!("'{}'::uuid", ADA.0),
    };
    let mut statements = vec![
        format!(
            "INSERT INTO users (id, issuer, subject, name, role, state, created_at, seen_at)
            VALUES ({ada}, 'https://id.example', 'ada', 'Ada', 'user', 'active', 0, 0)"
        ),
        format!(
            "INSERT INTO images (id, state, attempt, name, media_type, bytes, width, height, frames,
                sha256, due_at, created_at, stored_at, owner_id, visibility)
            SELECT {id}, 'stored', 1, 'Name ' || (n % 1000), 'image/png', n % 100, 1, 1, 1,
                '{SAME_SHA256}', 0, 0, 0, CASE WHEN n % 4 = 0 THEN {ada} END,
                CASE WHEN n % 4 = 1 THEN 'public' ELSE 'private' END FROM {all}"
        ),
        jobs(RENDERED, "done", false, &all),
        jobs(EARLIER, "pending", false, &all),
        jobs(ENGINE, "pending", false, &all),
        jobs(NEXT, "pending", true, &all),
        jobs(DEAD, "dead", false, &some),
        format!(
            "INSERT INTO renders (id, image_id, engine, spec, spec_hash, blob, sha256, bytes,
                columns, rows, created_at)
            SELECT {random}, {id}, {RENDERED}, 'width=80', '{hash}', CAST(n AS text), 's', 1, 1, 1,
                0 FROM {all}",
            hash = hash("width=80"),
        ),
        format!("INSERT INTO blob_gc SELECT 'r' || n, 'reserved', {soon} FROM {all}"),
        format!(
            "INSERT INTO uploads (id, state, attempt, length, position, next_part, sha_state, due_at)
            SELECT {random}, 'done', 1, 1, 1, 2, '', {soon} FROM {all}"
        ),
        format!("INSERT INTO blob_gc SELECT 'm' || n, 'marked', n FROM {some}"),
    ];
    if db.get_database_backend() == DbBackend::Postgres {
        // without triggers, which would take most of the time
        let changes = format!("INSERT INTO changes SELECT {id}, n, NULL FROM {all}");
        statements.push(changes);
        statements.push(format!("INSERT INTO changes SELECT {random}, n, {now} FROM {all}"));
        statements
            .insert(0, "SET session_replication_role = replica; SET statement_timeout = 0".into());
        statements.push("RESET session_replication_role; RESET statement_timeout".into());
    }
    db.execute_unprepared(&statements.join(";\n")).await.unwrap();
}
