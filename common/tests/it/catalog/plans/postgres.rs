//! PostgreSQL: what each statement reads in tables of two sizes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use sea_orm::{ConnectionTrait, Statement, TransactionTrait};
use serde_json::Value;
use testkit::statements;

use super::{GROWING, compare_with_list, filling::fill, is_known, recorded};
use crate::catalog::*;

const SMALL: u32 = 2_000;
const LARGE: u32 = 40_000;
/// What a few more levels of an index and a few pages with other rows take, in blocks.
const TOLERANCE: u64 = 60;
/// Blocks that a row takes which is changed, with its entries in indexes.
const BLOCKS_OF_A_ROW: u64 = 30;

/// Blocks that a row takes which is found, or named by a value, in each table of a statement: each may
/// lie in other blocks of the table and of its index.
const BLOCKS_OF_A_RESULT: u64 = 6;

/// What a statement did.
struct Plan {
    /// Blocks read, from memory or not; without those of the rows that are changed or found.
    blocks: u64,
    /// The growing tables that were scanned, by the statement or a trigger.
    scanned: Vec<String>,
    text: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_reads_more_as_the_tables_grow() {
    let (small, mut large) = (plans(SMALL).await, plans(LARGE).await);
    let statements = large.iter().map(|(statement, _)| statement);
    compare_with_list("postgres", statements);
    let most = |plans: &[(Statement, Plan)]| {
        let mut most = BTreeMap::<String, u64>::new();
        for (statement, plan) in plans {
            let blocks = most.entry(statements::shape(&statement.sql).unwrap()).or_default();
            *blocks = plan.blocks.max(*blocks);
        }
        most
    };
    let few = most(&small);
    large.retain(|(statement, plan)| {
        let shape = statements::shape(&statement.sql).unwrap();
        let few = few.get(&shape).copied().unwrap_or(0);
        let reads_more = plan.blocks > few + few / 2 + TOLERANCE;
        (reads_more || !plan.scanned.is_empty()) && !is_known(&shape)
    });
    let bad = large.iter().map(|(statement, plan)| {
        let few = few.get(&statements::shape(&statement.sql).unwrap()).copied().unwrap_or(0);
        let Plan { blocks, scanned, text } = plan;
        format!("{}\n{few}, then {blocks} blocks; scanned: {scanned:?}\n{text}\n", statement.sql)
    });
    assert!(large.is_empty(), "{} plans:\n{}", large.len(), bad.collect::<Vec<_>>().join("\n"));
}

/// The statements of the tour in tables of that size, with their plans. They run in a copy of the
/// database, in their order, so that each finds what it found in the tour.
async fn plans(count: u32) -> Vec<(Statement, Plan)> {
    let plans = Arc::<Mutex<Vec<(Statement, Plan)>>>::default();
    let result = plans.clone();
    in_new_database(async move |url| {
        let catalog = opened(&url).await;
        fill(&catalog, count).await;
        catalog.connection().execute_unprepared("VACUUM ANALYZE").await.unwrap();
        catalog.connection().clone().close().await.unwrap();
        in_copy_of(&url, async |copy| {
            let statements = recorded(catalog_at(&url).await).await;
            let catalog = catalog_at(&copy).await;
            let mut explained = Vec::new();
            for statement in statements {
                let plan = plan(&catalog, &statement).await;
                explained.extend(plan.map(|plan| (statement, plan)));
            }
            *plans.lock().unwrap() = explained;
            catalog.connection().clone().close().await.unwrap();
        })
        .await;
    })
    .await;
    std::mem::take(&mut *result.lock().unwrap())
}

/// Runs a statement; `None` when it fails, as those that violate a constraint do.
async fn plan(catalog: &Catalog, statement: &Statement) -> Option<Plan> {
    let explain = Statement {
        sql: format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}", statement.sql),
        ..statement.clone()
    };
    let txn = catalog.connection().begin().await.unwrap();
    // as disks without seek times have it. With the default, a scan of a small index in the order of
    // the table costs about as much as a search for rows that are scattered
    txn.execute_unprepared("SET LOCAL random_page_cost = 1.1").await.unwrap();
    let before = scans(&txn).await;
    let row = txn.query_one_raw(explain).await.ok()??;
    let scanned = scans(&txn).await.into_iter().filter(|(table, scans)| before[table] < *scans);
    let scanned = scanned.map(|(table, _)| table).collect();
    txn.commit().await.unwrap();
    let plan: Value = row.try_get_by_index(0).unwrap();
    let plan = &plan[0];
    let blocks = ["Shared Hit Blocks", "Shared Read Blocks"];
    let blocks: u64 = blocks.iter().map(|name| plan["Plan"][name].as_u64().unwrap()).sum();
    let is_change = plan["Plan"]["Node Type"] == "ModifyTable";
    let changed = if is_change { &plan["Plan"]["Plans"][0]["Actual Rows"] } else { &Value::Null };
    let found = plan["Plan"]["Actual Rows"].as_u64().unwrap_or(0);
    let tables = statement.sql.matches(" FROM ").count() + statement.sql.matches(" JOIN ").count();
    let tables = tables.max(1) as u64;
    let values = statement.values.as_ref().map_or(0, |values| values.0.len() as u64);
    let expected = BLOCKS_OF_A_ROW * changed.as_u64().unwrap_or(0)
        + BLOCKS_OF_A_RESULT * tables * found.max(values)
        + heap_fetches(&plan["Plan"]);
    let blocks = blocks.saturating_sub(expected);
    Some(Plan { blocks, scanned, text: serde_json::to_string_pretty(plan).unwrap() })
}

/// Rows that index-only scans looked up in the table, since statements before this one had changed
/// rows in the same blocks. A VACUUM takes them away.
fn heap_fetches(node: &Value) -> u64 {
    let below = node["Plans"].as_array().into_iter().flatten().map(heap_fetches).sum::<u64>();
    node["Heap Fetches"].as_u64().unwrap_or(0) + below
}

/// How often this connection has scanned each growing table.
async fn scans(txn: &impl ConnectionTrait) -> BTreeMap<String, i64> {
    let sql = "SELECT relname::text, seq_scan FROM pg_stat_xact_user_tables";
    let sql = Statement::from_string(txn.get_database_backend(), sql);
    let rows = txn.query_all_raw(sql).await.unwrap();
    let rows = rows
        .iter()
        .map(|row| (row.try_get("", "relname").unwrap(), row.try_get("", "seq_scan").unwrap()));
    rows.filter(|(table, _): &(String, i64)| GROWING.contains(&table.as_str())).collect()
}
