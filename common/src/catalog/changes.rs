//! Changes: which images were stored, rendered, deleted, or had a job that died, in order.
//!
//! Triggers of the database record them (see the migration), one row per image.

use std::time::Duration;

use sea_orm::{
    Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement, entity::prelude::*, sea_query::Expr,
};

use super::{
    Bounded, Catalog,
    entity::{changes, images},
};
use crate::{
    fault::Fault,
    image::{Image, ImageId},
};

use changes::Column as C;

/// A position in the order of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeSeq(pub i64);

/// An image and its latest change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Change {
    /// The position of the change.
    pub seq: ChangeSeq,
    /// The image, which may be deleted.
    pub image: ImageId,
}

/// Which changes can be read at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeqWindow {
    /// Every change before this one is committed; after it, some may be committed later.
    pub settled: ChangeSeq,
    /// No number from this one on was given out.
    pub next: ChangeSeq,
}

impl Catalog {
    /// Which changes can be read now. Call this before [`Catalog::changes`].
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn seq_window(&self) -> Result<SeqWindow, Fault> {
        let backend = self.db.get_database_backend();
        let sql = match backend {
            DbBackend::Sqlite => {
                "SELECT COALESCE(MAX(seq), 0) + 1 AS settled, COALESCE(MAX(seq), 0) + 1 AS next \
                 FROM sqlite_sequence WHERE name = 'changes'"
            }
            _ => {
                "SELECT pg_snapshot_xmin(s)::text::bigint AS settled, \
                 pg_snapshot_xmax(s)::text::bigint AS next FROM pg_current_snapshot() AS s"
            }
        };
        let query = async {
            let row = self.db.query_one_raw(Statement::from_string(backend, sql)).await?;
            let row = row.ok_or_else(|| DbErr::RecordNotFound("the position of changes".into()))?;
            let seq = |column| row.try_get("", column).map(ChangeSeq);
            Ok::<_, DbErr>(SeqWindow { settled: seq("settled")?, next: seq("next")? })
        };
        query.bounded("read the position of changes").await
    }

    /// Up to `limit` changes from `since` on, and before `before`, in order. `after` is the last
    /// one of the previous page.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn changes(
        &self,
        since: ChangeSeq,
        after: Option<Change>,
        before: ChangeSeq,
        limit: u64,
    ) -> Result<Vec<Change>, Fault> {
        let mut query = changes::Entity::find()
            .filter(C::Seq.gte(after.map_or(since, |change| change.seq).0))
            .filter(C::Seq.lt(before.0));
        if let Some(Change { seq, image }) = after {
            let later = Condition::any().add(C::Seq.gt(seq.0)).add(C::ImageId.gt(image.0));
            query = query.filter(later);
        }
        let rows = query
            .order_by_asc(C::Seq)
            .order_by_asc(C::ImageId)
            .limit(limit)
            .all(&self.db)
            .bounded("list changes")
            .await?;
        let change =
            |row: changes::Model| Change { seq: ChangeSeq(row.seq), image: ImageId(row.image_id) };
        Ok(rows.into_iter().map(change).collect())
    }

    /// The latest change of an image; `None` when none is recorded.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn last_change(&self, image: ImageId) -> Result<Option<ChangeSeq>, Fault> {
        let row =
            changes::Entity::find_by_id(image.0).one(&self.db).bounded("look up a change").await?;
        Ok(row.map(|row| ChangeSeq(row.seq)))
    }

    /// Those of the images that are stored.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn images_of(&self, ids: &[ImageId]) -> Result<Vec<Image>, Fault> {
        let rows = images::Entity::find()
            .filter(images::Column::State.eq(images::State::Stored))
            .filter(images::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .all(&self.db)
            .bounded("look up images")
            .await?;
        Ok(rows.into_iter().map(Image::from).collect())
    }

    /// Removes the records of deletions that are older than `age`; returns how many.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn prune_deletions(&self, age: Duration) -> Result<u64, Fault> {
        let pruned = changes::Entity::delete_many()
            .filter(Expr::col(C::DeletedAt).lte(self.before(age)))
            .exec(&self.db)
            .bounded("prune deletions")
            .await?;
        Ok(pruned.rows_affected)
    }
}
