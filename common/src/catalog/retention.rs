//! Retention: which engine versions of an image's renders are kept, and the deletion of the others.
//!
//! An image has a version completely when its job of that version is done. With `kept` versions,
//! what is older than the newest `kept` that an image has completely is deleted: its renders, and its
//! jobs that are done. So the newest complete version always stays.
//!
//! What may be deleted changes only when a job of the image ends, which is a change (see
//! [`super::changes`]). So the images are those of the changes since the last time. A row per `kept`
//! has the snapshot of the changes that were looked at. Deletions are no changes: readers of the
//! newest version see no difference.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, LockType, OnConflict, Order, Query, SimpleExpr},
};

use super::{
    Bounded, Catalog,
    entity::{images, jobs, renders, retentions},
    location,
    snapshot::Snapshot,
};
use crate::{
    fault::{Doing, Fault},
    image::ImageId,
};

use renders::Column as R;

impl Catalog {
    /// The changes whose images were looked at with `kept` versions.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn retention(&self, kept: u32) -> Result<Snapshot, Fault> {
        let row = retentions::Entity::find_by_id(kept as i32).one(&self.db);
        match row.bounded("look up a retention").await? {
            Some(row) => row.seen.parse().doing("read the snapshot of a retention"),
            None => {
                let mut insert = Query::insert();
                insert
                    .into_table(retentions::Entity)
                    .columns([retentions::Column::Kept, retentions::Column::Seen])
                    .values_panic([(kept as i32).into(), Snapshot::EMPTY.to_string().into()])
                    .on_conflict(OnConflict::new().do_nothing().to_owned());
                self.db.execute(&insert).bounded("add a retention").await?;
                Ok(Snapshot::EMPTY)
            }
        }
    }

    /// Those of the images that have renders older than their newest `kept` complete versions.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn with_old_versions(
        &self,
        images: &[ImageId],
        kept: u32,
    ) -> Result<Vec<ImageId>, Fault> {
        let ids: Vec<Uuid> = renders::Entity::find()
            .select_only()
            .column(R::ImageId)
            .distinct()
            .filter(R::ImageId.is_in(images.iter().map(|id| id.0)))
            .filter(is_old(renders::Entity, R::ImageId, R::Engine, kept))
            .order_by_asc(R::ImageId)
            .into_tuple()
            .all(&self.db)
            .bounded("look for old versions")
            .await?;
        Ok(ids.into_iter().map(ImageId).collect())
    }

    /// Deletes the old versions of these images, marks their blobs, to be deleted after `grace`, and
    /// moves the retention from `seen` to `next`, in one transaction. Returns how many renders were
    /// deleted; `None` when another process has moved the retention, and nothing changed.
    ///
    /// # Errors
    /// The database is unavailable; it may have happened nevertheless.
    pub async fn delete_old_versions(
        &self,
        images: &[ImageId],
        kept: u32,
        grace: Duration,
        seen: &Snapshot,
        next: &Snapshot,
    ) -> Result<Option<u64>, Fault> {
        let delete = async {
            let txn = self.begin().await?;
            let moved = retentions::Entity::update_many()
                .col_expr(retentions::Column::Seen, Expr::value(next.to_string()))
                .filter(retentions::Column::Kept.eq(kept as i32))
                .filter(retentions::Column::Seen.eq(seen.to_string()))
                .exec(&txn)
                .await?;
            if moved.rows_affected == 0 {
                txn.rollback().await?;
                return Ok(None);
            }
            let deleted = match images.is_empty() {
                true => 0,
                false => self.try_delete_old_versions(&txn, images, kept, grace).await?,
            };
            txn.commit().await?;
            Ok::<_, DbErr>(Some(deleted))
        };
        delete.bounded("delete old versions").await
    }

    async fn try_delete_old_versions(
        &self,
        txn: &DatabaseTransaction,
        images: &[ImageId],
        kept: u32,
        grace: Duration,
    ) -> Result<u64, DbErr> {
        use jobs::Column as J;
        let ids = || images.iter().map(|id| id.0);
        // a removal of one of them marks the same blobs: one waits for the other
        images::Entity::find()
            .select_only()
            .column(images::Column::Id)
            .filter(images::Column::Id.is_in(ids()))
            .order_by_asc(images::Column::Id)
            .lock(LockType::NoKeyUpdate)
            .into_tuple::<Uuid>()
            .all(txn)
            .await?;
        let renders = Query::delete()
            .from_table(renders::Entity)
            .and_where(R::ImageId.is_in(ids()))
            .and_where(is_old(renders::Entity, R::ImageId, R::Engine, kept))
            .returning_col(R::Blob)
            .to_owned();
        let rows = txn.query_all(&renders).await?;
        let mut blobs = Vec::with_capacity(rows.len());
        for row in &rows {
            let location: String = row.try_get("", "blob")?;
            blobs.push(location::parse(&location).0.to_owned());
        }
        blobs.sort_unstable();
        blobs.dedup();
        // after the renders, since the jobs say what is old
        let old = is_old(jobs::Entity, J::ImageId, J::Engine, kept);
        jobs::Entity::delete_many()
            .filter(J::ImageId.is_in(ids()))
            .filter(J::State.eq(jobs::State::Done))
            .filter(old)
            .exec(txn)
            .await?;
        self.insert_marked(txn, &blobs, grace).await?;
        Ok(rows.len() as u64)
    }
}

/// Whether the engine version of a row of `table` is older than the newest `kept` that its image has
/// completely.
fn is_old<T: EntityTrait>(
    table: T,
    image: impl ColumnTrait,
    engine: impl ColumnTrait,
    kept: u32,
) -> SimpleExpr {
    use jobs::Column as J;
    const COMPLETE: &str = "complete";
    let oldest_kept = Query::select()
        .column((COMPLETE, J::Engine))
        .from_as(jobs::Entity, COMPLETE)
        .and_where(Expr::col((COMPLETE, J::ImageId)).eq(Expr::col((table, image))))
        .and_where(Expr::col((COMPLETE, J::State)).eq(jobs::State::Done))
        .order_by((COMPLETE, J::Engine), Order::Desc)
        .limit(1)
        .offset(u64::from(kept) - 1)
        .take();
    Expr::col((table, engine)).lt(oldest_kept)
}
