//! Uploads: the intent first, the blob between, then one commit that makes image and job.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter,
    entity::prelude::*,
    sea_query::{Expr, OnConflict, Query},
};

use super::{
    Asking, Catalog,
    entity::{images, jobs},
    loose,
};
use crate::{
    fault::Fault,
    image::{Facts, Image, ImageId, Layout},
    job::JobId,
};

/// An upload that is ours to finish, as long as nobody took it over.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The image that it will be.
    pub image: ImageId,
    /// Which take-over this is, from 1: the fencing token.
    pub attempt: i32,
}

/// What became of the wish to upload.
#[derive(Debug)]
pub enum Intent {
    /// Go on: put the blob, then commit.
    Ours(Upload),
    /// The idempotency key belongs to this image.
    Stored(Image),
    /// The idempotency key belongs to an upload that is still running.
    Running,
}

impl Catalog {
    /// Records that an upload is about to be stored. `lease` is how long it may take before another
    /// one with the same key takes over.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn begin_upload(
        &self,
        facts: &Facts,
        key: Option<&str>,
        lease: Duration,
    ) -> Result<Intent, Fault> {
        // Two rounds at most: the row that was in our way may vanish before we look at it.
        loop {
            let image = ImageId::fresh();
            if self.insert_intent(image, facts, key, lease).asking("begin an upload").await? {
                return Ok(Intent::Ours(Upload { image, attempt: 1 }));
            }
            let key = key.unwrap_or_default();
            if let Some(taken) =
                self.take_over(facts, key, lease).asking("take an upload over").await?
            {
                return Ok(Intent::Ours(taken));
            }
            let row = images::Entity::find()
                .filter(images::Column::IdempotencyKey.eq(key))
                .one(&self.db)
                .asking("look an idempotency key up")
                .await?;
            match row.map(|row| (row.state == "stored", row)) {
                Some((true, row)) => return Ok(Intent::Stored(row.into())),
                Some((false, _)) => return Ok(Intent::Running),
                None => continue,
            }
        }
    }

    async fn insert_intent(
        &self,
        image: ImageId,
        facts: &Facts,
        key: Option<&str>,
        lease: Duration,
    ) -> Result<bool, DbErr> {
        use images::Column as C;
        let [bands, bit_depth, orientation] = layout_columns(facts);
        let mut insert = Query::insert();
        insert
            .into_table(images::Entity)
            .columns([
                C::Id,
                C::State,
                C::Attempt,
                C::IdempotencyKey,
                C::Name,
                C::MediaType,
                C::Bytes,
                C::Width,
                C::Height,
                C::Frames,
                C::Bands,
                C::BitDepth,
                C::Orientation,
                C::Sha256,
                C::DueAt,
                C::CreatedAt,
            ])
            .values_panic([
                image.0.into(),
                "uploading".into(),
                1.into(),
                key.map(str::to_owned).into(),
                facts.name.clone().into(),
                facts.media_type.clone().into(),
                (facts.bytes as i64).into(),
                i64::from(facts.width).into(),
                i64::from(facts.height).into(),
                i64::from(facts.frames).into(),
                bands.into(),
                bit_depth.into(),
                orientation.into(),
                facts.sha256.clone().into(),
                self.after(lease),
                self.now(),
            ])
            .on_conflict(OnConflict::column(C::IdempotencyKey).do_nothing().to_owned());
        Ok(self.db.execute(&insert).await?.rows_affected() == 1)
    }

    /// The lease of the upload with that key ended: it is ours now, with our facts.
    async fn take_over(
        &self,
        facts: &Facts,
        key: &str,
        lease: Duration,
    ) -> Result<Option<Upload>, DbErr> {
        use images::Column as C;
        let [bands, bit_depth, orientation] = layout_columns(facts);
        let rows = images::Entity::update_many()
            .col_expr(C::Attempt, Expr::col(C::Attempt).add(1))
            .col_expr(C::DueAt, self.after(lease))
            .col_expr(C::Name, Expr::value(facts.name.clone()))
            .col_expr(C::MediaType, Expr::value(facts.media_type.clone()))
            .col_expr(C::Bytes, Expr::value(facts.bytes as i64))
            .col_expr(C::Width, Expr::value(i64::from(facts.width)))
            .col_expr(C::Height, Expr::value(i64::from(facts.height)))
            .col_expr(C::Frames, Expr::value(i64::from(facts.frames)))
            .col_expr(C::Bands, Expr::value(bands))
            .col_expr(C::BitDepth, Expr::value(bit_depth))
            .col_expr(C::Orientation, Expr::value(orientation))
            .col_expr(C::Sha256, Expr::value(facts.sha256.clone()))
            .filter(C::IdempotencyKey.eq(key))
            .filter(C::State.eq("uploading"))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .exec_with_returning(&self.db)
            .await?;
        Ok(rows.first().map(|row| Upload { image: ImageId(row.id), attempt: row.attempt }))
    }

    /// Makes the upload an image, and its job with it: one transaction. `None` when the upload is
    /// not ours any more; nothing changed then.
    ///
    /// # Errors
    /// The answer was lost, and the commit may have happened: look at [`Catalog::image`].
    pub async fn commit_upload(
        &self,
        upload: &Upload,
        blob: &str,
        job: JobId,
        engine: u32,
    ) -> Result<Option<Image>, Fault> {
        let commit = async {
            let txn = self.begin().await?;
            let Some(image) = self.store_image(&txn, upload, blob).await? else {
                txn.rollback().await?;
                return Ok(None);
            };
            self.insert_jobs(&txn, &[(job, image.id)], engine).await?;
            txn.commit().await?;
            Ok::<_, DbErr>(Some(image))
        };
        commit.asking("commit an upload").await
    }

    async fn store_image(
        &self,
        txn: &DatabaseTransaction,
        upload: &Upload,
        blob: &str,
    ) -> Result<Option<Image>, DbErr> {
        use images::Column as C;
        let stored = images::Entity::update_many()
            .col_expr(C::State, Expr::value("stored"))
            .col_expr(C::StoredAt, self.now())
            .filter(C::Id.eq(upload.image.0))
            .filter(C::State.eq("uploading"))
            .filter(C::Attempt.eq(upload.attempt))
            .exec_with_returning(txn)
            .await?;
        let kept = loose::keep(txn, &[blob.to_owned()]).await?;
        Ok(stored.into_iter().next().filter(|_| kept).map(Image::from))
    }

    /// New pending jobs; a job that is there already stays as it is.
    pub(super) async fn insert_jobs(
        &self,
        db: &impl ConnectionTrait,
        new: &[(JobId, ImageId)],
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
        ]);
        for (job, image) in new {
            insert.values_panic([
                job.0.into(),
                image.0.into(),
                (engine as i32).into(),
                "pending".into(),
                0.into(),
                0.into(),
                self.now(),
                self.now(),
            ]);
        }
        insert.on_conflict(OnConflict::columns([C::ImageId, C::Engine]).do_nothing().to_owned());
        Ok(db.execute(&insert).await?.rows_affected())
    }

    /// Forgets an upload that came to nothing, and has its blob swept.
    ///
    /// # Errors
    /// The database is out of reach; the janitor comes for it later.
    pub async fn abandon_upload(&self, upload: &Upload, blob: &str) -> Result<(), Fault> {
        let abandon = async {
            let txn = self.begin().await?;
            images::Entity::delete_many()
                .filter(images::Column::Id.eq(upload.image.0))
                .filter(images::Column::State.eq("uploading"))
                .filter(images::Column::Attempt.eq(upload.attempt))
                .exec(&txn)
                .await?;
            self.condemn(&txn, &[blob.to_owned()]).await?;
            txn.commit().await
        };
        abandon.asking("abandon an upload").await
    }

    /// Forgets uploads whose lease ended more than `grace` ago; returns how many. What they had
    /// put was promised, and is swept as such.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn forget_dead_uploads(&self, grace: Duration) -> Result<u64, Fault> {
        let dead = images::Entity::delete_many()
            .filter(Expr::cust("state <> 'stored'"))
            .filter(Expr::col(images::Column::DueAt).lte(self.before(grace)))
            .exec(&self.db)
            .asking("forget dead uploads")
            .await?;
        Ok(dead.rows_affected)
    }
}

/// Bands, bit depth and orientation, as the table has them.
fn layout_columns(facts: &Facts) -> [Option<i64>; 3] {
    let column = |of: fn(Layout) -> i64| facts.layout.map(of);
    [
        column(|layout| layout.bands.into()),
        column(|layout| layout.bit_depth.into()),
        column(|layout| layout.orientation.into()),
    ]
}
