//! The schema of the catalog: one step per file, the same on PostgreSQL and SQLite.
//!
//! A released step is never edited; a change is a new step.

use std::{future::Future, pin::Pin, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, SqliteTransactionMode,
    SqlxPostgresConnector, Statement, TransactionOptions, TransactionTrait,
    sqlx::postgres::PgPoolOptions,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m0001_pipeline;
mod m0002_layout;
mod m0003_changes;
mod m0004_lanes;
mod m0005_backfills;
mod m0006_band_names;
mod m0007_indexes;
mod m0008_retentions;
mod m0010_dead_jobs;
mod m0011_orders;
mod m0012_geo;
mod m0013_accounts;
mod m0014_traces;
mod m0015_resumable_uploads;
mod statements;

/// The key of PostgreSQL's advisory lock for migrations: the text `planet` and a zero byte.
const LOCK: i64 = 0x0070_6c61_6e65_7400;
/// Interval at which a second migrator tries to get the lock.
const LOCK_INTERVAL: Duration = Duration::from_millis(100);

/// A boxed future: its state machine is compiled here, and not again in each program.
pub type DbFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, DbErr>> + Send + 'a>>;

/// The list of steps, oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_pipeline::Step),
            Box::new(m0002_layout::Step),
            Box::new(m0003_changes::Step),
            Box::new(m0004_lanes::STEP),
            Box::new(m0005_backfills::Step),
            Box::new(m0006_band_names::STEP),
            Box::new(m0007_indexes::STEP),
            Box::new(m0008_retentions::STEP),
            Box::new(m0010_dead_jobs::STEP),
            Box::new(m0011_orders::Step),
            Box::new(m0012_geo::STEP),
            Box::new(m0013_accounts::Step),
            Box::new(m0014_traces::STEP),
            Box::new(m0015_resumable_uploads::Step),
        ]
    }
}

/// Brings the schema up to date, under one lock. Any number of processes may call this at the same
/// time; each returns once the schema is up to date. The database's time limit for statements does
/// not apply.
///
/// # Errors
/// The error of the database. The steps that succeeded stay; call this again to continue.
pub fn up(db: &DatabaseConnection) -> DbFuture<'_, ()> {
    Box::pin(async move {
        match db.get_database_backend() {
            DbBackend::Postgres => up_postgres(db).await,
            _ => up_sqlite(db).await,
        }
    })
}

async fn up_sqlite(db: &DatabaseConnection) -> Result<(), DbErr> {
    let txn = db
        .begin_with_options(TransactionOptions {
            // takes the write lock now, so that a second migrator waits here
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        })
        .await?;
    Migrator::up(&txn, None).await?;
    txn.commit().await
}

/// Works in one session of its own, which holds the lock until it ends: an index that is built
/// beside running writes cannot be built in a transaction.
async fn up_postgres(db: &DatabaseConnection) -> Result<(), DbErr> {
    let options = (*db.get_postgres_connection_pool().connect_options()).clone();
    let session = PgPoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.options([("statement_timeout", "0")]))
        .await
        .map_err(|err| DbErr::Conn(RuntimeErr::SqlxError(err.into())))?;
    let session = SqlxPostgresConnector::from_sqlx_postgres_pool(session);
    let done = async {
        while !try_lock(&session).await? {
            tokio::time::sleep(LOCK_INTERVAL).await;
        }
        Migrator::up(&session, None).await
    };
    let done = done.await;
    session.close().await?;
    done
}

/// Tries to take the lock. A statement that waited for it would hold a snapshot, and the build of an
/// index waits for all snapshots: a deadlock.
async fn try_lock(session: &DatabaseConnection) -> Result<bool, DbErr> {
    let sql = format!("SELECT pg_try_advisory_lock({LOCK}) AS locked");
    let row = session.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    row.ok_or_else(|| DbErr::RecordNotFound("an answer".into()))?.try_get("", "locked")
}

/// A database's schema compared with the steps of this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaStatus {
    /// No step was applied.
    Missing,
    /// Some steps were not applied.
    Outdated,
    /// All steps were applied.
    Current,
}

/// Reads the status of the schema, and changes nothing.
///
/// # Errors
/// The database is unavailable, or has steps that this program does not know.
pub fn schema_status(db: &DatabaseConnection) -> DbFuture<'_, SchemaStatus> {
    Box::pin(async move {
        let missing = Migrator::get_pending_migrations_read_only(db).await?.len();
        Ok(match missing {
            0 => SchemaStatus::Current,
            all if all == Migrator::migrations().len() => SchemaStatus::Missing,
            _ => SchemaStatus::Outdated,
        })
    })
}
