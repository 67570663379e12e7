//! The schema of the catalog: one step a file, the same on PostgreSQL and SQLite.
//!
//! A step is never edited once released; a change is a new step.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, SqliteTransactionMode,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::{MigrationTrait, MigratorTrait};

mod m0001_pipeline;
mod m0002_layout;
mod m0003_changes;

/// Any number; whoever migrates a PostgreSQL database of ours holds the advisory lock of this name.
const LOCK: i64 = 0x0070_6c61_6e65_7400;

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

/// Brings the schema up to date, in one transaction under one lock: any number of processes may
/// call this at the same time, and each returns once the schema is there.
///
/// # Errors
/// What the database says; nothing is half done then.
pub async fn up(db: &DatabaseConnection) -> Result<(), DbErr> {
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
}

/// How a database's schema stands to the one that we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No step was ever taken.
    Missing,
    /// Some steps are missing.
    Older,
    /// It is ours.
    Current,
}

/// Looks at the schema, and changes nothing.
///
/// # Errors
/// The database is out of reach, or knows steps that we do not.
pub async fn standing(db: &DatabaseConnection) -> Result<Standing, DbErr> {
    let missing = Migrator::get_pending_migrations_read_only(db).await?.len();
    Ok(match missing {
        0 => Standing::Current,
        all if all == Migrator::migrations().len() => Standing::Missing,
        _ => Standing::Older,
    })
}
