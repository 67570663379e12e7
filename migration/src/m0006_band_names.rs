//! The names of an image's bands, as a JSON array; null where the file names none.
//!
//! The step can be repeated: on PostgreSQL it is no transaction, and may be interrupted in between.

use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

const SQLITE: &[&str] = &["ALTER TABLE images ADD COLUMN band_names text"];

const POSTGRES: &[&str] = &[
    // every other statement on the table waits behind one that waits for its lock
    "SET lock_timeout = '5s'",
    "ALTER TABLE images ADD COLUMN IF NOT EXISTS band_names text",
    "RESET lock_timeout",
];

const DOWN: &[&str] = &["ALTER TABLE images DROP COLUMN band_names"];

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_database_backend() {
            DbBackend::Postgres => run(manager, POSTGRES).await,
            _ => run(manager, SQLITE).await,
        }
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, DOWN).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }
}

async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    for sql in statements {
        manager.get_connection().execute_unprepared(sql).await?;
    }
    Ok(())
}
