//! No statement reads more as the tables grow: PostgreSQL's plans of what the catalog runs.

use std::sync::{Arc, Mutex};

use common::{catalog::Renders, job::Lane};
use sea_orm::{ConnectionTrait, Statement, TransactionTrait};

use super::*;

const SMALL: u32 = 2_000;
const LARGE: u32 = 40_000;
/// What a few more levels of an index and a few pages with other rows take, in blocks.
const TOLERANCE: u64 = 40;

/// Adds `count` images of the same bytes. All have a render and a job that is done; a pending one
/// of an earlier engine; one of the next engine in the lane of the backfill; a reservation; and
/// every fiftieth a blob to delete.
fn filled(count: u32) -> String {
    let id = "('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid";
    let numbers = format!("generate_series(1, {count}) n");
    let job = |engine: u32, state: &str, backfill: bool| {
        format!(
            "INSERT INTO jobs (id, image_id, engine, state, attempt, strikes, due_at, created_at,
                backfill) SELECT gen_random_uuid(), {id}, {engine}, '{state}', 0, 0, n, 0,
                {backfill} FROM {numbers};"
        )
    };
    let (done, earlier, next) = (
        job(ENGINE, "done", false),
        job(ENGINE - 1, "pending", false),
        job(ENGINE + 1, "pending", true),
    );
    format!(
        "SET session_replication_role = replica;
        SET statement_timeout = 0;
        INSERT INTO images (id, state, attempt, media_type, bytes, width, height, frames, sha256,
            due_at, created_at, stored_at)
            SELECT {id}, 'stored', 1, 'image/png', 1, 1, 1, 1, 'same', 0, 0, 0 FROM {numbers};
        {done} {earlier} {next}
        INSERT INTO renders (id, image_id, engine, spec, spec_hash, blob, sha256, bytes, columns,
            rows, created_at)
            SELECT gen_random_uuid(), {id}, {ENGINE}, 'width=80', 'h', n::text, 's', 1, 1, 1, 0
            FROM {numbers};
        INSERT INTO blob_gc (blob, state, due_at)
            SELECT 'r' || n, 'reserved', 9999999999999 FROM {numbers};
        INSERT INTO blob_gc (blob, state, due_at)
            SELECT 'm' || n, 'marked', n FROM generate_series(1, {count}, 50) n;
        RESET session_replication_role;
        RESET statement_timeout"
    )
}

/// Everything that an upload, its job, its readers and the janitor do.
async fn tour(catalog: &Catalog) {
    let (image, job) = stored(catalog, "a").await;
    let claim = claimed(catalog, job, LONG).await;
    assert!(catalog.extend_lease(&claim, LONG).await.unwrap());
    let render = rendered(catalog, &claim, "width=80").await;
    assert!(catalog.finish(&claim, ENGINE, &render).await.unwrap());
    catalog.done_by(&claim).await.unwrap();
    stored(catalog, "b").await;
    for lane in [Lane::Fresh, Lane::Backfill] {
        let engine = if lane == Lane::Fresh { ENGINE } else { ENGINE + 1 };
        let claims = catalog.claim_due(engine, lane, "worker", LONG, MAX_STRIKES, 8).await.unwrap();
        assert!(!claims.is_empty());
    }
    catalog.image(image.id).await.unwrap();
    catalog.jobs_of(&[image.id]).await.unwrap();
    catalog.renders(image.id).await.unwrap();
    let spec_hash = &hash("width=80");
    let newest = Renders::Newest { spec_hash, engine: None };
    for which in [Renders::All, newest, Renders::Newest { spec_hash, engine: Some(ENGINE) }] {
        catalog.image_with_renders(image.id, which, &Principal::Open).await.unwrap();
    }
    catalog.image_with_jobs(image.id, &Principal::Open).await.unwrap();
    catalog.images_of(&[image.id]).await.unwrap();
    for sha256 in [None, Some("same".to_owned())] {
        let newest = Page { sha256, ..page(50) };
        catalog.images_with_jobs(&newest, &Principal::Open).await.unwrap();
        let rows = catalog.images(&newest).await.unwrap();
        assert_eq!(rows.len(), 50);
        catalog.images(&Page { before: Some(rows[49].id), ..newest }).await.unwrap();
    }
    catalog.discard_exhausted(ENGINE + 1, MAX_STRIKES).await.unwrap();
    catalog.delete_expired_uploads(LONG).await.unwrap();
    catalog.mark_expired().await.unwrap();
    let blobs = catalog.claim_marked(20, LONG).await.unwrap();
    catalog.record_sweep(&blobs, LONG).await.unwrap();
    let mut lead = catalog.lead_backfill(&backfill::target(ENGINE, &["x"])).await.unwrap().unwrap();
    catalog.step_backfill(&mut lead).await.unwrap();
    catalog.resign_backfill(&lead).await.unwrap();
    catalog
        .remove_image(image.id, &Principal::Open, |attempt| original_key(image.id, attempt))
        .await
        .unwrap();
}

/// The statements of the tour in tables of that size, with the blocks that each reads.
async fn blocks_read(count: u32) -> Vec<(String, u64)> {
    let read = Arc::<Mutex<Vec<(String, u64)>>>::default();
    let result = read.clone();
    on_postgres(async move |mut catalog| {
        for sql in [&filled(count), "VACUUM ANALYZE"] {
            catalog.connection().execute_unprepared(sql).await.unwrap();
        }
        let statements = Arc::<Mutex<Vec<Statement>>>::default();
        let seen = statements.clone();
        catalog.observe(move |statement| seen.lock().unwrap().push(statement.clone()));
        tour(&catalog).await;
        let mut statements = std::mem::take(&mut *statements.lock().unwrap());
        statements.retain(|statement| {
            ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"]
                .iter()
                .any(|verb| statement.sql.starts_with(verb))
        });
        for statement in statements {
            let plan = plan(&catalog, &statement).await;
            let counts = plan.lines().find_map(|line| line.trim().strip_prefix("Buffers: shared "));
            let blocks = counts.unwrap_or_default().split([' ', '=']);
            let blocks = blocks.filter_map(|word| word.parse::<u64>().ok()).sum();
            if count == LARGE {
                for table in ["images", "jobs", "renders", "blob_gc"] {
                    let scan = format!("Seq Scan on {table}");
                    assert!(!plan.contains(&scan), "{}\n{plan}", statement.sql);
                }
            }
            read.lock().unwrap().push((statement.sql, blocks));
        }
    })
    .await;
    std::mem::take(&mut *result.lock().unwrap())
}

async fn plan(catalog: &Catalog, statement: &Statement) -> String {
    let explain = Statement {
        sql: format!("EXPLAIN (ANALYZE, BUFFERS) {}", statement.sql),
        ..statement.clone()
    };
    let txn = catalog.connection().begin().await.unwrap();
    // a second insertion of the same row
    let Ok(lines) = txn.query_all_raw(explain).await else { return String::new() };
    let lines: Vec<String> = lines.iter().map(|row| row.try_get_by_index(0).unwrap()).collect();
    txn.rollback().await.unwrap();
    lines.join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_reads_more_as_the_tables_grow() {
    let (small, large) = (blocks_read(SMALL).await, blocks_read(LARGE).await);
    assert_eq!(small.len(), large.len());
    let explained = large.iter().filter(|(_, blocks)| *blocks > 0).count();
    assert!(explained * 2 >= large.len(), "{explained} of {} have a plan", large.len());
    for ((sql, few), (_, many)) in small.iter().zip(&large) {
        assert!(*many <= few + few / 2 + TOLERANCE, "{few}, then {many} blocks: {sql}");
    }
}
