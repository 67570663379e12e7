//! Uploads that are received in parts, by several requests (tus), and their parts.
//!
//! The step can be repeated: on PostgreSQL it is no transaction, and may be interrupted in between.
//! Programs that do not know the tables run beside it.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

use crate::statements::run;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

/// The tables, with the type of ids. Times are milliseconds since 1970 (UTC) on the database's clock.
macro_rules! tables {
    ($uuid:literal) => {
        concat!(
            "CREATE TABLE IF NOT EXISTS uploads (
                id           ",
            $uuid,
            " NOT NULL PRIMARY KEY,
                owner_id     ",
            $uuid,
            ",
                state        text    NOT NULL CHECK (state IN
                             ('receiving', 'finishing', 'done', 'failed', 'ending')),
                attempt      integer NOT NULL,
                length       bigint  NOT NULL,
                position     bigint  NOT NULL,
                next_part    integer NOT NULL,
                multipart_id text,
                tail         text,
                sha_state    text    NOT NULL,
                name         text,
                image_id     ",
            $uuid,
            ",
                error        text,
                due_at       bigint  NOT NULL
            );
            CREATE INDEX IF NOT EXISTS uploads_open ON uploads (owner_id)
                WHERE state IN ('receiving', 'finishing');
            CREATE INDEX IF NOT EXISTS uploads_due ON uploads (due_at);
            CREATE TABLE IF NOT EXISTS upload_parts (
                upload_id ",
            $uuid,
            "  NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
                number    integer NOT NULL,
                receipt   text    NOT NULL,
                bytes     bigint  NOT NULL,
                PRIMARY KEY (upload_id, number)
            )"
        )
    };
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = match manager.get_database_backend() {
            DbBackend::Postgres => tables!("uuid"),
            _ => tables!("blob"),
        };
        run(manager, &[tables]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &["DROP TABLE upload_parts", "DROP TABLE uploads"]).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }
}
