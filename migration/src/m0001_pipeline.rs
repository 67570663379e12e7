//! Images, jobs, renders, and the garbage collection of blobs.

use sea_orm::{ConnectionTrait, DbBackend};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

/// Times are milliseconds since 1970 (UTC) on the database's clock. `{uuid}` is the backend's type.
const UP: &[&str] = &[
    "CREATE TABLE images (
        id              {uuid}  NOT NULL PRIMARY KEY,
        state           text    NOT NULL CHECK (state IN ('uploading', 'stored')),
        attempt         integer NOT NULL,
        idempotency_key text    UNIQUE,
        name            text,
        media_type      text    NOT NULL,
        bytes           bigint  NOT NULL,
        width           bigint  NOT NULL,
        height          bigint  NOT NULL,
        frames          bigint  NOT NULL,
        sha256          text    NOT NULL,
        due_at          bigint  NOT NULL,
        created_at      bigint  NOT NULL,
        stored_at       bigint,
        CHECK (state <> 'stored' OR stored_at IS NOT NULL)
    )",
    "CREATE INDEX images_unfinished ON images (due_at) WHERE state <> 'stored'",
    "CREATE INDEX images_by_sha256 ON images (sha256)",
    "CREATE TABLE jobs (
        id         {uuid}  NOT NULL PRIMARY KEY,
        image_id   {uuid}  NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        engine     integer NOT NULL,
        state      text    NOT NULL CHECK (state IN ('pending', 'done', 'dead')),
        attempt    integer NOT NULL,
        strikes    integer NOT NULL,
        due_at     bigint  NOT NULL,
        worker     text,
        error      text,
        created_at bigint  NOT NULL,
        done_at    bigint,
        UNIQUE (image_id, engine)
    )",
    "CREATE INDEX jobs_unfinished ON jobs (state, due_at) WHERE state <> 'done'",
    "CREATE TABLE renders (
        id         {uuid}  NOT NULL PRIMARY KEY,
        image_id   {uuid}  NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        engine     integer NOT NULL,
        spec       text    NOT NULL,
        spec_hash  text    NOT NULL,
        blob       text    NOT NULL UNIQUE,
        sha256     text    NOT NULL,
        bytes      bigint  NOT NULL,
        columns    bigint  NOT NULL,
        rows       bigint  NOT NULL,
        created_at bigint  NOT NULL,
        UNIQUE (image_id, spec_hash, engine)
    )",
    "CREATE TABLE blob_gc (
        blob   text   NOT NULL PRIMARY KEY,
        state  text   NOT NULL CHECK (state IN ('reserved', 'marked', 'swept')),
        due_at bigint NOT NULL
    )",
    "CREATE INDEX blob_gc_due ON blob_gc (due_at)",
];

const DOWN: &[&str] =
    &["DROP TABLE blob_gc", "DROP TABLE renders", "DROP TABLE jobs", "DROP TABLE images"];

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, UP).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, DOWN).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let uuid = match manager.get_database_backend() {
        DbBackend::Postgres => "uuid",
        _ => "blob",
    };
    for sql in statements {
        manager.get_connection().execute_unprepared(&sql.replace("{uuid}", uuid)).await?;
    }
    Ok(())
}
