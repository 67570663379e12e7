//! SQLite: no statement scans a table that grows.
//!
//! Nothing gathers statistics, so that its plans do not depend on the size of the tables.

use sea_orm::{ConnectionTrait, Statement};
use testkit::statements;

use super::{GROWING, compare_with_list, filling::fill, is_known, recorded};
use crate::catalog::*;

#[tokio::test(flavor = "multi_thread")]
async fn no_statement_scans_a_table_that_grows() {
    on_sqlite(async |catalog| {
        fill(&catalog, 2_000).await;
        let statements = recorded(catalog.clone()).await;
        compare_with_list(&statements);
        let mut seen = HashSet::new();
        let mut bad = Vec::new();
        for statement in statements {
            let shape = statements::shape(&statement.sql).unwrap();
            if !seen.insert(shape.clone()) {
                continue;
            }
            let plan = plan(&catalog, &statement).await;
            if plan.iter().any(|line| scans(line, &statement.sql)) && !is_known(&shape) {
                bad.push(format!("{shape}\n    {}\n", plan.join("\n    ")));
            }
        }
        assert!(bad.is_empty(), "{} plans:\n{}", bad.len(), bad.join("\n"));
    })
    .await;
}

async fn plan(catalog: &Catalog, statement: &Statement) -> Vec<String> {
    let explain =
        Statement { sql: format!("EXPLAIN QUERY PLAN {}", statement.sql), ..statement.clone() };
    let rows = catalog.connection().query_all_raw(explain).await.unwrap();
    rows.iter().map(|row| row.try_get("", "detail").unwrap()).collect()
}

/// Whether a step of a plan reads a growing table from one end to the other. A walk in the order of
/// an index up to a LIMIT does not.
fn scans(step: &str, sql: &str) -> bool {
    let Some(scan) = step.strip_prefix("SCAN ") else { return false };
    let mut words = scan.split(' ');
    let is_walk = words.clone().any(|word| word == "INDEX") && sql.contains(" LIMIT ");
    words.next().is_some_and(|table| GROWING.contains(&table)) && !is_walk
}
