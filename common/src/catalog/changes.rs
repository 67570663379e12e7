//! Changes: which images were stored, rendered, given up or deleted, in an order that misses none.
//!
//! The database notes them by itself (see the migration), a row an image, whoever writes.

use std::time::Duration;

use sea_orm::{
    Condition, ConnectionTrait, DbBackend, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect, Statement, entity::prelude::*, sea_query::Expr,
};

use super::{
    Asking, Catalog,
    entity::{changes, images},
};
use crate::{
    fault::Fault,
    image::{Image, ImageId},
};

use changes::Column as C;

/// A place in the order of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn(pub i64);

/// An image that changed, and its latest turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Change {
    /// When.
    pub turn: Turn,
    /// Which; it may be gone.
    pub image: ImageId,
}

/// Which turns can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Every change before this turn is there; from here on, some may be committed later.
    pub settled: Turn,
    /// No turn was given out from here on.
    pub next: Turn,
}

impl Catalog {
    /// Which turns can be seen now. Ask before you look at changes.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn window(&self) -> Result<Window, Fault> {
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
        let look = async {
            let row = self.db.query_one_raw(Statement::from_string(backend, sql)).await?;
            let row = row.ok_or_else(|| DbErr::RecordNotFound("no window".into()))?;
            let turn = |column| row.try_get("", column).map(Turn);
            Ok::<_, DbErr>(Window { settled: turn("settled")?, next: turn("next")? })
        };
        look.asking("ask what has changed").await
    }

    /// Up to `limit` changes from `since` on, in their order; `after` is the last one of the page
    /// before.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn changes(
        &self,
        since: Turn,
        after: Option<Change>,
        before: Turn,
        limit: u64,
    ) -> Result<Vec<Change>, Fault> {
        let mut query = changes::Entity::find()
            .filter(C::Turn.gte(after.map_or(since, |change| change.turn).0))
            .filter(C::Turn.lt(before.0));
        if let Some(Change { turn, image }) = after {
            let later = Condition::any().add(C::Turn.gt(turn.0)).add(C::ImageId.gt(image.0));
            query = query.filter(later);
        }
        let rows = query
            .order_by_asc(C::Turn)
            .order_by_asc(C::ImageId)
            .limit(limit)
            .all(&self.db)
            .asking("look for changes")
            .await?;
        let change =
            |row: changes::Model| Change { turn: Turn(row.turn), image: ImageId(row.image_id) };
        Ok(rows.into_iter().map(change).collect())
    }

    /// The latest change of an image that is remembered.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn last_change(&self, image: ImageId) -> Result<Option<Turn>, Fault> {
        let row =
            changes::Entity::find_by_id(image.0).one(&self.db).asking("look a change up").await?;
        Ok(row.map(|row| Turn(row.turn)))
    }

    /// Those of the images that are stored.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn images_of(&self, ids: &[ImageId]) -> Result<Vec<Image>, Fault> {
        let rows = images::Entity::find()
            .filter(images::Column::State.eq("stored"))
            .filter(images::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .all(&self.db)
            .asking("look images up")
            .await?;
        Ok(rows.into_iter().map(Image::from).collect())
    }

    /// Forgets deletions that are older than `age`; returns how many.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn forget_deletions(&self, age: Duration) -> Result<u64, Fault> {
        let forgotten = changes::Entity::delete_many()
            .filter(Expr::col(C::GoneAt).lte(self.before(age)))
            .exec(&self.db)
            .asking("forget deletions")
            .await?;
        Ok(forgotten.rows_affected)
    }
}
