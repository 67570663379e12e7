//! Uploads: record the intent, then, once the blob was put, commit image and job together.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter, SqlErr,
    entity::prelude::*,
    sea_query::{Expr, OnConflict, Query, SimpleExpr},
};

use super::{
    Bounded, Catalog, blob_gc,
    entity::{images, jobs, users},
    geo,
};
use crate::{
    account::{
        settings::{Excess, Quota},
        user::User,
    },
    fault::Fault,
    image::{Image, ImageId, Layout, Metadata},
    job::{JobId, Lane, NewJob},
    render::sha256_hex,
    trace::TraceContext,
    user_id::UserId,
};

use images::{Column as C, State};

/// How often an upload tries to begin.
const MAX_ROUNDS: usize = 3;

/// An upload that this process may finish, unless another one takes it over.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The id of the image that it becomes.
    pub image: ImageId,
    /// The fencing token: 1, and one more for each take-over.
    pub attempt: i32,
    /// Whose it is; `None` without accounts.
    pub owner: Option<Allowance>,
}

/// What a user may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The user.
    pub user: UserId,
    /// Most bytes of all of their originals, unless the user has a limit of their own.
    pub max_bytes: Option<u64>,
    /// Most images, unless the user has a limit of their own.
    pub max_images: Option<u64>,
}

/// How an upload ends.
#[derive(Debug)]
pub enum Committed {
    /// It is a stored image.
    Stored(Image),
    /// It was taken over, or its reservation expired; nothing changed.
    Overtaken,
    /// Its owner would have more than they may; nothing changed.
    OverQuota(Excess),
    /// Its owner was blocked or deleted meanwhile; nothing changed.
    NoOwner,
}

impl Committed {
    /// The image, if it was stored.
    pub fn stored(self) -> Option<Image> {
        match self {
            Committed::Stored(image) => Some(image),
            Committed::Overtaken | Committed::OverQuota(_) | Committed::NoOwner => None,
        }
    }
}

/// How an upload begins.
#[derive(Debug)]
pub enum Intent {
    /// Go on: reserve and put the blob, then commit.
    Acquired(Upload),
    /// The idempotency key belongs to this stored image.
    Stored(Image),
    /// The idempotency key belongs to an upload that is in progress.
    InProgress,
    /// The owner was deleted.
    NoOwner,
}

fn is_foreign_key_violation(err: &DbErr) -> bool {
    matches!(err.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_)))
}

impl Catalog {
    /// Records that an upload of `owner` is about to be stored. After `lease`, another upload of
    /// theirs with the same idempotency key may take it over.
    ///
    /// # Errors
    /// The database is unavailable, or the rows with that key kept changing.
    pub async fn begin_upload(
        &self,
        owner: Option<Allowance>,
        metadata: &Metadata,
        key: Option<&str>,
        lease: Duration,
    ) -> Result<Intent, Fault> {
        let key = key.map(|key| key_of(owner, key));
        let key = key.as_deref();
        let now = self.time().await?;
        // the row with the same key may be deleted between these statements
        for _ in 0..MAX_ROUNDS {
            let image = ImageId::generate(now);
            let insert = async {
                match self.insert_intent(image, owner, metadata, key, lease).await {
                    Err(err) if is_foreign_key_violation(&err) => Ok(None),
                    inserted => inserted.map(Some),
                }
            };
            match insert.bounded("begin an upload").await? {
                Some(true) => return Ok(Intent::Acquired(Upload { image, attempt: 1, owner })),
                Some(false) => {}
                None => return Ok(Intent::NoOwner),
            }
            let key = key.unwrap_or_default();
            let take_over = self.take_over(metadata, key, lease);
            if let Some((image, attempt)) = take_over.bounded("take over an upload").await? {
                return Ok(Intent::Acquired(Upload { image, attempt, owner }));
            }
            let row = images::Entity::find()
                .filter(C::IdempotencyKey.eq(key))
                .one(&self.db)
                .bounded("look up an idempotency key")
                .await?;
            match row.map(|row| (row.state, row)) {
                Some((State::Stored, row)) => return Ok(Intent::Stored(row.into())),
                Some((State::Uploading, _)) => return Ok(Intent::InProgress),
                None => {}
            }
        }
        Err(Fault::new("begin an upload", "uploads with its idempotency key come and go"))
    }

    async fn insert_intent(
        &self,
        image: ImageId,
        owner: Option<Allowance>,
        metadata: &Metadata,
        key: Option<&str>,
        lease: Duration,
    ) -> Result<bool, DbErr> {
        let mut columns: Vec<(C, SimpleExpr)> = vec![
            (C::Id, image.0.into()),
            (C::State, State::Uploading.into()),
            (C::Attempt, 1.into()),
            (C::IdempotencyKey, key.map(str::to_owned).into()),
            (C::OwnerId, owner.map(|owner| owner.user.0).into()),
            (C::DueAt, self.after(lease)),
            (C::CreatedAt, self.now()),
        ];
        columns.extend(metadata_columns(metadata));
        let (columns, values): (Vec<_>, Vec<SimpleExpr>) = columns.into_iter().unzip();
        let mut insert = Query::insert();
        insert
            .into_table(images::Entity)
            .columns(columns)
            .values_panic(values)
            .on_conflict(OnConflict::column(C::IdempotencyKey).do_nothing().to_owned());
        Ok(self.lease_db.execute(&insert).await?.rows_affected() == 1)
    }

    /// Takes over the upload with that key, if its lease ended; it gets the new metadata.
    async fn take_over(
        &self,
        metadata: &Metadata,
        key: &str,
        lease: Duration,
    ) -> Result<Option<(ImageId, i32)>, DbErr> {
        let mut update = images::Entity::update_many()
            .col_expr(C::Attempt, Expr::col(C::Attempt).add(1))
            .col_expr(C::DueAt, self.after(lease));
        for (column, value) in metadata_columns(metadata) {
            update = update.col_expr(column, value);
        }
        let rows = update
            .filter(C::IdempotencyKey.eq(key))
            .filter(C::State.eq(State::Uploading))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .exec_with_returning(&self.lease_db)
            .await?;
        Ok(rows.first().map(|row| (ImageId(row.id), row.attempt)))
    }

    /// Makes the upload a stored image and creates its job, in one transaction, which also checks
    /// what its owner may store.
    ///
    /// # Errors
    /// The answer was lost, and the commit may have happened: call [`Catalog::image`].
    pub async fn commit_upload(
        &self,
        upload: &Upload,
        blob: &str,
        job: JobId,
        trace: Option<TraceContext>,
        engine: u32,
    ) -> Result<Committed, Fault> {
        let commit = async {
            let txn = self.begin().await?;
            let committed = match self.store_image(&txn, upload, blob).await? {
                Some(image) => self.check_owner(&txn, upload, image).await?,
                None => Committed::Overtaken,
            };
            let Committed::Stored(image) = &committed else {
                txn.rollback().await?;
                return Ok(committed);
            };
            let job = NewJob { id: job, image: image.id, lane: Lane::Fresh, trace };
            self.insert_jobs(&txn, &[job], engine).await?;
            txn.commit().await?;
            Ok::<_, DbErr>(committed)
        };
        commit.bounded("commit an upload").await
    }

    async fn store_image(
        &self,
        txn: &DatabaseTransaction,
        upload: &Upload,
        blob: &str,
    ) -> Result<Option<Image>, DbErr> {
        let stored = images::Entity::update_many()
            .col_expr(C::State, State::Stored.into())
            .col_expr(C::StoredAt, self.now())
            .filter(C::Id.eq(upload.image.0))
            .filter(C::State.eq(State::Uploading))
            .filter(C::Attempt.eq(upload.attempt))
            .exec_with_returning(txn)
            .await?;
        let confirmed = blob_gc::confirm(txn, &[blob.to_owned()]).await?;
        Ok(stored.into_iter().next().filter(|_| confirmed).map(Image::from))
    }

    /// Checks what the owner may store. The trigger that counts `image` has locked their row, so
    /// that uploads which end at the same time wait for each other here.
    async fn check_owner(
        &self,
        txn: &DatabaseTransaction,
        upload: &Upload,
        image: Image,
    ) -> Result<Committed, DbErr> {
        let Some(owner) = upload.owner else { return Ok(Committed::Stored(image)) };
        let row = users::Entity::find_by_id(owner.user.0).one(txn).await?;
        let Some(row) = row.filter(|row| row.state == users::State::Active) else {
            return Ok(Committed::NoOwner);
        };
        let (mut user, bytes) = (User::from(row), image.metadata.bytes);
        let quota = Quota {
            bytes: user.max_bytes.or(owner.max_bytes),
            images: user.max_images.or(owner.max_images),
        };
        // what they have without this image
        user.images_used = user.images_used.saturating_sub(1);
        user.bytes_used = user.bytes_used.saturating_sub(bytes);
        Ok(match quota.excess(&user, bytes) {
            None => Committed::Stored(image),
            Some(excess) => Committed::OverQuota(excess),
        })
    }

    /// Adds pending jobs; an existing job of the same image and engine version stays as it is.
    pub(super) async fn insert_jobs(
        &self,
        db: &impl ConnectionTrait,
        new: &[NewJob],
        engine: u32,
    ) -> Result<u64, DbErr> {
        use jobs::Column as C;
        let mut insert = Query::insert();
        insert.into_table(jobs::Entity).columns([
            C::Id,
            C::ImageId,
            C::Engine,
            C::State,
            C::Attempt,
            C::Strikes,
            C::DueAt,
            C::CreatedAt,
            C::Backfill,
            C::Trace,
        ]);
        for job in new {
            insert.values_panic([
                job.id.0.into(),
                job.image.0.into(),
                (engine as i32).into(),
                jobs::State::Pending.into(),
                0.into(),
                0.into(),
                self.now(),
                self.now(),
                (job.lane == Lane::Backfill).into(),
                job.trace.map(|trace| trace.to_string()).into(),
            ]);
        }
        insert.on_conflict(OnConflict::columns([C::ImageId, C::Engine]).do_nothing().to_owned());
        Ok(db.execute(&insert).await?.rows_affected())
    }

    /// Deletes an upload that failed, and marks its blob.
    ///
    /// # Errors
    /// The database is unavailable; the janitor cleans up later.
    pub async fn abandon_upload(&self, upload: &Upload, blob: &str) -> Result<(), Fault> {
        let abandon = async {
            let txn = self.begin().await?;
            images::Entity::delete_many()
                .filter(images::Column::Id.eq(upload.image.0))
                .filter(C::State.eq(State::Uploading))
                .filter(images::Column::Attempt.eq(upload.attempt))
                .exec(&txn)
                .await?;
            self.mark(&txn, &[blob.to_owned()]).await?;
            txn.commit().await
        };
        abandon.bounded("abandon an upload").await
    }

    /// Deletes uploads whose lease ended more than `grace` ago; returns how many. The reservations
    /// of their blobs expire.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn delete_expired_uploads(&self, grace: Duration) -> Result<u64, Fault> {
        let deleted = images::Entity::delete_many()
            .filter(Expr::cust("state <> 'stored'"))
            .filter(Expr::col(images::Column::DueAt).lte(self.before(grace)))
            .exec(&self.db)
            .bounded("delete expired uploads")
            .await?;
        Ok(deleted.rows_affected)
    }
}

/// The idempotency key as it is stored: each user has their own.
fn key_of(owner: Option<Allowance>, key: &str) -> String {
    match owner {
        Some(owner) => sha256_hex(format!("{} {key}", owner.user).as_bytes()),
        None => key.to_owned(),
    }
}

/// The columns that an upload's metadata fills.
fn metadata_columns(metadata: &Metadata) -> [(C, SimpleExpr); 12] {
    let layout = |of: fn(Layout) -> i64| metadata.layout.map(of);
    [
        (C::Name, metadata.name.clone().into()),
        (C::MediaType, metadata.media_type.clone().into()),
        (C::Bytes, (metadata.bytes as i64).into()),
        (C::Width, i64::from(metadata.width).into()),
        (C::Height, i64::from(metadata.height).into()),
        (C::Frames, i64::from(metadata.frames).into()),
        (C::Bands, layout(|layout| layout.bands.into()).into()),
        (C::BitDepth, layout(|layout| layout.bit_depth.into()).into()),
        (C::Orientation, layout(|layout| layout.orientation.into()).into()),
        (C::BandNames, band_names(&metadata.band_names).into()),
        (C::Geo, metadata.geo.as_deref().map(geo::to_json).into()),
        (C::Sha256, metadata.sha256.clone().into()),
    ]
}

/// The names as JSON; `None` for a file that names no band.
fn band_names(names: &[Option<String>]) -> Option<String> {
    let is_named = !names.is_empty();
    is_named.then(|| serde_json::json!(names).to_string())
}
