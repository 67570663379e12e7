//! Accounts: users, their sessions and tokens, who owns an image and who may see it.
//!
//! An image without owner is of a service without accounts. Programs that do not know the columns
//! store such images. Triggers keep the use of storage in the row of the owner, and the owner of an
//! image and whether it was ever public in the row of its latest change.
//!
//! Each order of the list of images has an index for those of one owner and one for public images.
//! A service without accounts has no entry in them.
//!
//! The step can be repeated: on PostgreSQL it is no transaction, and may be interrupted in between.

use sea_orm::DbBackend;
use sea_orm_migration::prelude::*;

use crate::{m0003_changes, m0005_backfills, statements::run};

#[derive(DeriveMigrationName)]
pub(crate) struct Step;

/// The tables, with the type of ids and the statement's backend-dependent parts. Times are
/// milliseconds since 1970 (UTC) on the database's clock; hashes are SHA-256 in lower-case hex.
macro_rules! tables {
    ($uuid:literal) => {
        concat!(
            "CREATE TABLE IF NOT EXISTS users (
                id          ",
            $uuid,
            " NOT NULL PRIMARY KEY,
                issuer      text    NOT NULL,
                subject     text    NOT NULL,
                name        text    NOT NULL,
                email       text,
                role        text    NOT NULL CHECK (role IN ('user', 'admin')),
                state       text    NOT NULL CHECK (state IN ('active', 'blocked', 'leaving')),
                bytes_used  bigint  NOT NULL DEFAULT 0,
                images_used bigint  NOT NULL DEFAULT 0,
                upload_tat  bigint  NOT NULL DEFAULT 0,
                max_bytes   bigint,
                max_images  bigint,
                created_at  bigint  NOT NULL,
                seen_at     bigint  NOT NULL,
                UNIQUE (issuer, subject)
            );
            CREATE INDEX IF NOT EXISTS users_leaving ON users (id) WHERE state = 'leaving';
            CREATE TABLE IF NOT EXISTS sign_ins (
                state_hash   text   NOT NULL PRIMARY KEY,
                browser_hash text   NOT NULL,
                provider     text   NOT NULL,
                nonce        text   NOT NULL,
                verifier     text   NOT NULL,
                return_to    text   NOT NULL,
                due_at       bigint NOT NULL
            );
            CREATE INDEX IF NOT EXISTS sign_ins_due ON sign_ins (due_at);
            CREATE TABLE IF NOT EXISTS sessions (
                token_hash text   NOT NULL PRIMARY KEY,
                id         ",
            $uuid,
            " NOT NULL UNIQUE,
                user_id    ",
            $uuid,
            " NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                agent      text   NOT NULL,
                created_at bigint NOT NULL,
                seen_at    bigint NOT NULL,
                idle_at    bigint NOT NULL,
                due_at     bigint NOT NULL
            );
            CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user_id);
            CREATE INDEX IF NOT EXISTS sessions_due ON sessions (due_at);
            CREATE INDEX IF NOT EXISTS sessions_idle ON sessions (idle_at);
            CREATE TABLE IF NOT EXISTS tokens (
                id         ",
            $uuid,
            " NOT NULL PRIMARY KEY,
                token_hash text   NOT NULL UNIQUE,
                user_id    ",
            $uuid,
            " NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                name       text   NOT NULL,
                scopes     text   NOT NULL,
                tail       text   NOT NULL,
                created_at bigint NOT NULL,
                due_at     bigint,
                used_at    bigint
            );
            CREATE INDEX IF NOT EXISTS tokens_by_user ON tokens (user_id);
            CREATE TABLE IF NOT EXISTS shares (
                secret_hash text   NOT NULL PRIMARY KEY,
                id          ",
            $uuid,
            " NOT NULL UNIQUE,
                image_id    ",
            $uuid,
            " NOT NULL REFERENCES images (id) ON DELETE CASCADE,
                by_user     ",
            $uuid,
            " NOT NULL REFERENCES users (id) ON DELETE CASCADE,
                created_at  bigint NOT NULL,
                due_at      bigint
            );
            CREATE INDEX IF NOT EXISTS shares_by_image ON shares (image_id);
            CREATE INDEX IF NOT EXISTS shares_by_user ON shares (by_user);
            CREATE INDEX IF NOT EXISTS shares_due ON shares (due_at) WHERE due_at IS NOT NULL"
        )
    };
}

const SQLITE: &[&str] = &[
    tables!("blob"),
    "ALTER TABLE images ADD COLUMN owner_id blob REFERENCES users (id)",
    "ALTER TABLE images ADD COLUMN visibility text NOT NULL DEFAULT 'private'
        CHECK (visibility IN ('private', 'public'))",
    "CREATE INDEX images_by_owner ON images (owner_id, id) WHERE owner_id IS NOT NULL",
    "CREATE INDEX images_by_owner_and_name ON images (owner_id, name_key, id)
        WHERE owner_id IS NOT NULL",
    "CREATE INDEX images_by_owner_and_size ON images (owner_id, bytes, id)
        WHERE owner_id IS NOT NULL",
    "CREATE INDEX images_by_owner_and_sha256 ON images (owner_id, sha256, id)
        WHERE owner_id IS NOT NULL",
    "CREATE INDEX images_public ON images (id) WHERE visibility = 'public'",
    "CREATE INDEX images_public_by_name ON images (name_key, id) WHERE visibility = 'public'",
    "CREATE INDEX images_public_by_size ON images (bytes, id) WHERE visibility = 'public'",
    "CREATE INDEX images_public_by_sha256 ON images (sha256, id) WHERE visibility = 'public'",
    "ALTER TABLE changes ADD COLUMN owner_id blob",
    "ALTER TABLE changes ADD COLUMN was_public boolean NOT NULL DEFAULT false",
    "DROP TRIGGER image_deleted",
    "DROP TRIGGER job_inserted",
    "DROP TRIGGER job_state_changed",
    // replacing a row gives it the next number
    "CREATE TRIGGER image_deleted AFTER DELETE ON images WHEN OLD.state = 'stored' BEGIN
        INSERT OR REPLACE INTO changes (image_id, deleted_at, owner_id, was_public)
            VALUES (OLD.id, CAST(unixepoch('subsec') * 1000 AS INTEGER), OLD.owner_id,
                OLD.visibility = 'public' OR EXISTS
                    (SELECT 1 FROM changes WHERE image_id = OLD.id AND was_public));
        UPDATE users SET bytes_used = bytes_used - OLD.bytes, images_used = images_used - 1
            WHERE id = OLD.owner_id;
    END",
    "CREATE TRIGGER job_inserted AFTER INSERT ON jobs WHEN NOT NEW.backfill BEGIN
        INSERT OR REPLACE INTO changes (image_id, owner_id, was_public)
            SELECT id, owner_id, visibility = 'public' OR EXISTS
                (SELECT 1 FROM changes WHERE image_id = NEW.image_id AND was_public)
            FROM images WHERE id = NEW.image_id;
    END",
    "CREATE TRIGGER job_state_changed AFTER UPDATE OF state ON jobs
        WHEN OLD.state <> NEW.state
            AND NOT (NEW.backfill AND OLD.state = 'done' AND NEW.state = 'pending') BEGIN
        INSERT OR REPLACE INTO changes (image_id, owner_id, was_public)
            SELECT id, owner_id, visibility = 'public' OR EXISTS
                (SELECT 1 FROM changes WHERE image_id = NEW.image_id AND was_public)
            FROM images WHERE id = NEW.image_id;
    END",
    "CREATE TRIGGER image_rights_changed AFTER UPDATE OF owner_id, visibility ON images
        WHEN NEW.state = 'stored'
            AND (OLD.owner_id IS NOT NEW.owner_id OR OLD.visibility <> NEW.visibility) BEGIN
        INSERT OR REPLACE INTO changes (image_id, owner_id, was_public)
            VALUES (NEW.id, NEW.owner_id,
                OLD.visibility = 'public' OR NEW.visibility = 'public' OR EXISTS
                    (SELECT 1 FROM changes WHERE image_id = NEW.id AND was_public));
    END",
    "CREATE TRIGGER image_usage_changed AFTER UPDATE OF state, owner_id ON images
        WHEN NEW.state = 'stored'
            AND (OLD.state <> NEW.state OR OLD.owner_id IS NOT NEW.owner_id) BEGIN
        UPDATE users SET bytes_used = bytes_used - OLD.bytes, images_used = images_used - 1
            WHERE id = OLD.owner_id AND OLD.state = 'stored';
        UPDATE users SET bytes_used = bytes_used + NEW.bytes, images_used = images_used + 1
            WHERE id = NEW.owner_id;
    END",
];

const POSTGRES: &[&str] = &[
    // every other statement on the table waits behind one that waits for its lock
    "SET lock_timeout = '5s'",
    tables!("uuid"),
    // the rows that are there are checked later, beside running writes
    "ALTER TABLE images
        ADD COLUMN IF NOT EXISTS owner_id uuid REFERENCES users (id),
        ADD COLUMN IF NOT EXISTS visibility text NOT NULL DEFAULT 'private',
        DROP CONSTRAINT IF EXISTS images_visibility_check,
        ADD CONSTRAINT images_visibility_check
            CHECK (visibility IN ('private', 'public')) NOT VALID",
    "ALTER TABLE images VALIDATE CONSTRAINT images_visibility_check",
    "ALTER TABLE changes
        ADD COLUMN IF NOT EXISTS owner_id uuid,
        ADD COLUMN IF NOT EXISTS was_public boolean NOT NULL DEFAULT false",
    "CREATE OR REPLACE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        changed uuid;
        deleted_at bigint;
        owner_id uuid;
        was_public boolean;
    BEGIN
        IF TG_TABLE_NAME = 'jobs' THEN
            changed := NEW.image_id;
            SELECT i.owner_id, i.visibility = 'public' INTO owner_id, was_public
                FROM images i WHERE i.id = changed;
        ELSIF TG_OP = 'DELETE' THEN
            changed := OLD.id;
            deleted_at := extract(epoch from clock_timestamp()) * 1000;
            owner_id := OLD.owner_id;
            was_public := OLD.visibility = 'public';
        ELSE
            changed := NEW.id;
            owner_id := NEW.owner_id;
            was_public := OLD.visibility = 'public' OR NEW.visibility = 'public';
        END IF;
        INSERT INTO changes AS c (image_id, seq, deleted_at, owner_id, was_public)
            VALUES (changed, pg_current_xact_id()::text::bigint, deleted_at, owner_id,
                COALESCE(was_public, false))
            ON CONFLICT (image_id) DO UPDATE
            SET seq = excluded.seq, deleted_at = excluded.deleted_at,
                owner_id = excluded.owner_id,
                was_public = c.was_public OR excluded.was_public;
        RETURN NULL;
    END $$",
    "CREATE OR REPLACE FUNCTION count_usage() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.state = 'stored' AND OLD.owner_id IS NOT NULL THEN
            UPDATE users SET bytes_used = bytes_used - OLD.bytes, images_used = images_used - 1
                WHERE id = OLD.owner_id;
        END IF;
        IF TG_OP = 'UPDATE' AND NEW.owner_id IS NOT NULL THEN
            UPDATE users SET bytes_used = bytes_used + NEW.bytes, images_used = images_used + 1
                WHERE id = NEW.owner_id;
        END IF;
        RETURN NULL;
    END $$",
    // Triggers run in the order of their names: a transaction locks the row of a user after those of
    // images, jobs and changes. Several statements at once are one transaction.
    "DROP TRIGGER IF EXISTS image_rights_changed ON images;
    DROP TRIGGER IF EXISTS image_usage_changed ON images;
    DROP TRIGGER IF EXISTS image_usage_ended ON images;
    CREATE TRIGGER image_rights_changed AFTER UPDATE OF owner_id, visibility ON images
        FOR EACH ROW WHEN (NEW.state = 'stored'
            AND (OLD.owner_id IS DISTINCT FROM NEW.owner_id OR OLD.visibility <> NEW.visibility))
        EXECUTE FUNCTION record_change();
    CREATE TRIGGER image_usage_changed AFTER UPDATE OF state, owner_id ON images
        FOR EACH ROW WHEN (NEW.state = 'stored'
            AND (OLD.state <> NEW.state OR OLD.owner_id IS DISTINCT FROM NEW.owner_id))
        EXECUTE FUNCTION count_usage();
    CREATE TRIGGER image_usage_ended AFTER DELETE ON images
        FOR EACH ROW WHEN (OLD.state = 'stored' AND OLD.owner_id IS NOT NULL)
        EXECUTE FUNCTION count_usage()",
    "RESET lock_timeout",
    // an interrupted build leaves an index that is not used
    "DROP INDEX CONCURRENTLY IF EXISTS images_by_owner",
    "CREATE INDEX CONCURRENTLY images_by_owner ON images (owner_id, id)
        WHERE owner_id IS NOT NULL",
    "DROP INDEX CONCURRENTLY IF EXISTS images_by_owner_and_name",
    "CREATE INDEX CONCURRENTLY images_by_owner_and_name
        ON images (owner_id, lower(coalesce(name, '') COLLATE \"C\"), id)
        WHERE owner_id IS NOT NULL",
    "DROP INDEX CONCURRENTLY IF EXISTS images_by_owner_and_size",
    "CREATE INDEX CONCURRENTLY images_by_owner_and_size ON images (owner_id, bytes, id)
        WHERE owner_id IS NOT NULL",
    "DROP INDEX CONCURRENTLY IF EXISTS images_by_owner_and_sha256",
    "CREATE INDEX CONCURRENTLY images_by_owner_and_sha256 ON images (owner_id, sha256, id)
        WHERE owner_id IS NOT NULL",
    "DROP INDEX CONCURRENTLY IF EXISTS images_public",
    "CREATE INDEX CONCURRENTLY images_public ON images (id) WHERE visibility = 'public'",
    "DROP INDEX CONCURRENTLY IF EXISTS images_public_by_name",
    "CREATE INDEX CONCURRENTLY images_public_by_name
        ON images (lower(coalesce(name, '') COLLATE \"C\"), id) WHERE visibility = 'public'",
    "DROP INDEX CONCURRENTLY IF EXISTS images_public_by_size",
    "CREATE INDEX CONCURRENTLY images_public_by_size ON images (bytes, id)
        WHERE visibility = 'public'",
    "DROP INDEX CONCURRENTLY IF EXISTS images_public_by_sha256",
    "CREATE INDEX CONCURRENTLY images_public_by_sha256 ON images (sha256, id)
        WHERE visibility = 'public'",
];

const SQLITE_DOWN: &[&str] = &[
    "DROP TRIGGER image_usage_changed",
    "DROP TRIGGER image_rights_changed",
    "DROP TRIGGER image_deleted",
    m0003_changes::SQLITE_IMAGE_DELETED,
];

const POSTGRES_DOWN: &[&str] = &[
    "DROP FUNCTION count_usage CASCADE",
    "DROP FUNCTION record_change CASCADE",
    m0003_changes::RECORD_CHANGE,
    m0003_changes::IMAGE_DELETED,
];

/// Undoes the step, on both, once the triggers are those of the earlier steps.
const DOWN: &[&str] = &[
    "DROP INDEX images_by_owner",
    "DROP INDEX images_by_owner_and_name",
    "DROP INDEX images_by_owner_and_size",
    "DROP INDEX images_by_owner_and_sha256",
    "DROP INDEX images_public",
    "DROP INDEX images_public_by_name",
    "DROP INDEX images_public_by_size",
    "DROP INDEX images_public_by_sha256",
    "ALTER TABLE images DROP COLUMN owner_id",
    "ALTER TABLE images DROP COLUMN visibility",
    "ALTER TABLE changes DROP COLUMN owner_id",
    "ALTER TABLE changes DROP COLUMN was_public",
    "DROP TABLE shares",
    "DROP TABLE tokens",
    "DROP TABLE sessions",
    "DROP TABLE sign_ins",
    "DROP TABLE users",
];

#[async_trait::async_trait]
impl MigrationTrait for Step {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        match manager.get_database_backend() {
            DbBackend::Postgres => run(manager, POSTGRES).await,
            _ => run(manager, SQLITE).await,
        }
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let (own, earlier) = match manager.get_database_backend() {
            DbBackend::Postgres => (POSTGRES_DOWN, m0005_backfills::POSTGRES),
            _ => (SQLITE_DOWN, m0005_backfills::SQLITE),
        };
        run(manager, own).await?;
        run(manager, earlier).await?;
        run(manager, DOWN).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(false)
    }
}
