//! Migrations of a PostgreSQL database that is in use.

use sea_orm::{IsolationLevel, TransactionTrait};
use testkit::wait::{eventually, soon};

use super::*;

async fn flag(catalog: &Catalog, sql: &str) -> bool {
    let db = catalog.connection();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), sql)).await;
    row.unwrap().is_some_and(|row| row.try_get_by_index(0).unwrap())
}

const VALID: &str = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('jobs_due')";

async fn unmigrate(catalog: &Catalog) {
    let sql = "DELETE FROM seaql_migrations WHERE version >= 'm0004'";
    catalog.connection().execute_unprepared(sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_that_was_interrupted_is_continued() {
    on_postgres(async |catalog| {
        assert!(flag(&catalog, VALID).await);
        for left in [
            "DROP INDEX jobs_due; ALTER TABLE jobs DROP COLUMN backfill CASCADE, DROP COLUMN faults",
            "DROP INDEX jobs_due",
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'jobs_due'::regclass",
        ] {
            catalog.connection().execute_unprepared(left).await.unwrap();
            unmigrate(&catalog).await;
            migration::up(catalog.connection()).await.unwrap();
            assert!(flag(&catalog, VALID).await, "{left}");
        }
        stored(&catalog, "a").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_continue_while_a_migration_builds_an_index() {
    on_postgres(async |catalog| {
        catalog.connection().execute_unprepared("DROP INDEX jobs_due").await.unwrap();
        unmigrate(&catalog).await;
        // the build of the index waits for the end of this transaction
        let level = Some(IsolationLevel::RepeatableRead);
        let reader = catalog.connection().begin_with_config(level, None).await.unwrap();
        reader.execute_unprepared("SELECT 1 FROM images").await.unwrap();
        let migrators: Vec<_> = (0..2)
            .map(|_| {
                let catalog = catalog.clone();
                tokio::spawn(async move { migration::up(catalog.connection()).await })
            })
            .collect();
        let waits = "SELECT true FROM pg_stat_progress_create_index WHERE phase LIKE 'waiting%'";
        eventually("the build waits", async || flag(&catalog, waits).await.then_some(())).await;
        let (_, job) = stored(&catalog, "a").await;
        assert_eq!(due(&catalog).await, [job]);
        reader.commit().await.unwrap();
        for migrator in migrators {
            soon("the end of a migration", migrator).await.unwrap().unwrap();
        }
        assert!(flag(&catalog, VALID).await);
    })
    .await;
}
