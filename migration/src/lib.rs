//! The schema of the catalog: one step per file, the same on PostgreSQL and SQLite.
//!
//! A released step is never edited; a change is a new step.

use std::{future::Future, pin::Pin};

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m0001_pipeline;
mod m0002_layout;
mod m0003_changes;

/// The key of PostgreSQL's advisory lock for migrations: the text `planet` and a zero byte.
const LOCK: i64 = 0x0070_6c61_6e65_7400;

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
        ]
    }
}

/// Brings the schema up to date, in one transaction under one lock. Any number of processes may
/// call this at the same time; each returns once the schema is up to date.
///
/// # Errors
/// The error of the database; nothing has changed.
pub fn up(db: &DatabaseConnection) -> DbFuture<'_, ()> {
    Box::pin(async move {
        let txn = db
            .begin_with_options(TransactionOptions {
                // takes SQLite's write lock now, so that a second migrator waits here
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..Default::default()
            })
            .await?;
        if db.get_database_backend() == DbBackend::Postgres {
            txn.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
        }
        Migrator::up(&txn, None).await?;
        txn.commit().await
    })
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
