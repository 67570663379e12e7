//! Indexes for the orders of the list of images: by name and by size.
//!
//! Names are compared without the case of ASCII letters, by their bytes: alike on both databases,
//! and whatever the locale of the server is. SQLite compares pairs of values by an index only if
//! it is one of columns, so it has the name's key as a column that is computed and not stored.

use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

use crate::statements::Statements;

pub(crate) struct Step;

const STATEMENTS: Statements =
    Statements { name: "m0011_orders", sqlite: SQLITE, postgres: POSTGRES, down: DOWN };

const SQLITE: &[&str] = &[
    "ALTER TABLE images ADD COLUMN name_key text
        GENERATED ALWAYS AS (lower(coalesce(name, ''))) VIRTUAL",
    "CREATE INDEX images_by_name ON images (name_key, id)",
    "CREATE INDEX images_by_size ON images (bytes, id)",
];

const POSTGRES: &[&str] = &[
    // an interrupted build leaves an index that is not used
    "DROP INDEX CONCURRENTLY IF EXISTS images_by_name",
    "CREATE INDEX CONCURRENTLY images_by_name
        ON images (lower(coalesce(name, '') COLLATE \"C\"), id)",
    "DROP INDEX CONCURRENTLY IF EXISTS images_by_size",
    "CREATE INDEX CONCURRENTLY images_by_size ON images (bytes, id)",
];

const DOWN: &[&str] =
    &["DROP INDEX IF EXISTS images_by_name", "DROP INDEX IF EXISTS images_by_size"];

impl MigrationName for Step {
    fn name(&self) -> &str {
        STATEMENTS.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        STATEMENTS.up(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        STATEMENTS.down(manager).await?;
        if manager.get_database_backend() == DbBackend::Sqlite {
            let drop = "ALTER TABLE images DROP COLUMN name_key";
            manager.get_connection().execute_unprepared(drop).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        STATEMENTS.use_transaction()
    }
}
