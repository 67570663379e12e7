//! Changes: which images were stored, rendered, deleted, or had a job that died, in order.
//!
//! Triggers of the database record them (see the migration), one row per image.

use std::time::Duration;

use sea_orm::{
    Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select, Statement, entity::prelude::*, sea_query::Expr,
};

use super::{
    Bounded, Catalog,
    entity::changes,
    snapshot::{ChangeSeq, Snapshot},
};
use crate::{fault::Fault, image::ImageId, user_id::UserId};

use changes::Column as C;

/// Deletions that one statement prunes, so that it takes little time however many there are.
const PRUNED_AT_ONCE: u64 = 5_000;

/// An image and its latest change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Change {
    /// The position of the change.
    pub seq: ChangeSeq,
    /// The image, which may be deleted.
    pub image: ImageId,
    /// Whose the image is, or was.
    pub owner: Option<UserId>,
    /// Whether the image was public at that change or at an earlier one.
    pub was_public: bool,
}

impl From<changes::Model> for Change {
    fn from(row: changes::Model) -> Self {
        Change {
            seq: ChangeSeq(row.seq),
            image: ImageId(row.image_id),
            owner: row.owner_id.map(UserId),
            was_public: row.was_public,
        }
    }
}

impl Catalog {
    /// The changes that are committed now. A later snapshot contains an earlier one.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn snapshot(&self) -> Result<Snapshot, Fault> {
        let backend = self.db.get_database_backend();
        let sql = match backend {
            DbBackend::Sqlite => {
                "SELECT COALESCE(MAX(seq), 0) + 1 AS next, '' AS in_progress \
                 FROM sqlite_sequence WHERE name = 'changes'"
            }
            // as text, a snapshot is `xmin:xmax:xip,xip`
            _ => {
                "SELECT pg_snapshot_xmax(s)::text::bigint AS next, \
                 split_part(s::text, ':', 3) AS in_progress FROM pg_current_snapshot() AS s"
            }
        };
        let query = async {
            let row = self.db.query_one_raw(Statement::from_string(backend, sql)).await?;
            let row = row.ok_or_else(|| DbErr::RecordNotFound("a snapshot".into()))?;
            let in_progress: String = row.try_get("", "in_progress")?;
            let in_progress = in_progress.split_terminator(',').map(|seq| {
                seq.parse().map_err(|_| DbErr::Type(format!("a transaction id: {seq:?}")))
            });
            let in_progress = in_progress.collect::<Result<Vec<i64>, _>>()?;
            Ok::<_, DbErr>(Snapshot::new(row.try_get("", "next")?, in_progress))
        };
        query.bounded("read which changes are committed").await
    }

    /// Up to `limit` of the changes that `to` contains and `from` does not, in order. `after` is the
    /// last one of the previous page.
    ///
    /// The rows that are read are these changes and those in progress: not the changes that were
    /// committed since the oldest transaction in progress began.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn changes(
        &self,
        from: &Snapshot,
        to: &Snapshot,
        after: Option<Change>,
        limit: u64,
    ) -> Result<Vec<Change>, Fault> {
        let page = async {
            let mut rows = Vec::new();
            for part in parts(from, to, after) {
                let rest = limit - rows.len() as u64;
                if rest > 0 {
                    rows.extend(part.limit(rest).all(&self.db).await?);
                }
            }
            Ok::<_, DbErr>(rows)
        };
        let rows = page.bounded("list changes").await?;
        Ok(rows.into_iter().map(Change::from).collect())
    }

    /// Whether `to` contains more than `max` changes that `from` does not. Reads no more than these.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn has_more_changes(
        &self,
        from: &Snapshot,
        to: &Snapshot,
        max: u64,
    ) -> Result<bool, Fault> {
        let count = async {
            let mut count = 0;
            for part in parts(from, to, None) {
                let seqs = part.select_only().column(C::Seq).limit(max + 1 - count);
                count += seqs.into_tuple::<i64>().all(&self.db).await?.len() as u64;
                if count > max {
                    return Ok(true);
                }
            }
            Ok::<_, DbErr>(false)
        };
        count.bounded("count changes").await
    }

    /// The latest change of an image; `None` when none is recorded.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn last_change(&self, image: ImageId) -> Result<Option<Change>, Fault> {
        let row =
            changes::Entity::find_by_id(image.0).one(&self.db).bounded("look up a change").await?;
        Ok(row.map(Change::from))
    }

    /// Removes the records of deletions that are older than `age`; returns how many.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn prune_deletions(&self, age: Duration) -> Result<u64, Fault> {
        let mut pruned = 0;
        loop {
            let oldest = changes::Entity::find()
                .select_only()
                .column(C::ImageId)
                .filter(Expr::col(C::DeletedAt).lte(self.before(age)))
                .order_by_asc(C::DeletedAt)
                .limit(PRUNED_AT_ONCE)
                .into_query();
            let delete = changes::Entity::delete_many().filter(C::ImageId.in_subquery(oldest));
            let deleted = delete.exec(&self.db).bounded("prune deletions").await?.rows_affected;
            pruned += deleted;
            if deleted < PRUNED_AT_ONCE {
                return Ok(pruned);
            }
        }
    }
}

/// The queries for the changes that `to` contains and `from` does not, and that come after `after`:
/// first those that were in progress in `from`, then those that were not given out.
fn parts(
    from: &Snapshot,
    to: &Snapshot,
    after: Option<Change>,
) -> impl Iterator<Item = Select<changes::Entity>> {
    let reached = |seq: &ChangeSeq| after.is_none_or(|after| *seq >= after.seq);
    let late = from.in_progress().iter().filter(|seq| to.contains(**seq) && reached(seq));
    let late: Vec<i64> = late.map(|seq| seq.0).collect();
    let late = (!late.is_empty()).then(|| changes::Entity::find().filter(C::Seq.is_in(late)));

    let first = after.map_or(from.next(), |after| after.seq.max(from.next()));
    let running = to.in_progress().iter().filter(|seq| **seq >= first).map(|seq| seq.0);
    let new = (first < to.next()).then(|| {
        changes::Entity::find()
            .filter(C::Seq.gte(first.0))
            .filter(C::Seq.lt(to.next().0))
            .filter(C::Seq.is_not_in(running))
    });
    late.into_iter().chain(new).map(move |query| {
        let query = query.order_by_asc(C::Seq).order_by_asc(C::ImageId);
        match after {
            Some(Change { seq, image, .. }) => {
                query.filter(Condition::any().add(C::Seq.gt(seq.0)).add(C::ImageId.gt(image.0)))
            }
            None => query,
        }
    })
}
