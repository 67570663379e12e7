//! Loose blobs: those that no row refers to, not yet or no longer.
//!
//! A blob is *promised* before it is put, and whoever commits a row that refers to it strikes the
//! promise out in the same transaction. A promise that nobody kept in time, and the blobs of what
//! was deleted, are *condemned*: from then on no commit can want them, so they can be deleted. A
//! *swept* blob is deleted once more much later, for a writer that was asleep all the while.
//! So every blob in the store is referred to by a row or listed here, and the store is never listed.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, Query},
};

use super::{
    Asking, Catalog,
    entity::{loose_blobs, renders},
};
use crate::{fault::Fault, image::ImageId};

use loose_blobs::Column as C;

/// Strikes promises out because rows refer to the blobs now; `false` when one of them was condemned
/// meanwhile and the transaction must be given up.
pub(super) async fn keep(txn: &DatabaseTransaction, blobs: &[String]) -> Result<bool, DbErr> {
    let kept = loose_blobs::Entity::delete_many()
        .filter(C::Blob.is_in(blobs))
        .filter(C::State.eq("promised"))
        .exec(txn)
        .await?;
    Ok(kept.rows_affected == blobs.len() as u64)
}

/// A blob that must be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condemned {
    /// Its key.
    pub blob: String,
    /// Whether it was deleted before, as it was when it was listed: only then may it be forgotten,
    /// since somebody else may have swept it between, and it may have been put after that.
    pub was_swept: bool,
}

impl Catalog {
    /// Says which blobs will be put; whoever does not commit within `grace` loses them.
    ///
    /// # Errors
    /// The database is out of reach: put nothing.
    pub async fn promise(&self, blobs: &[String], grace: Duration) -> Result<(), Fault> {
        if blobs.is_empty() {
            return Ok(());
        }
        let mut insert = Query::insert();
        insert.into_table(loose_blobs::Entity).columns([C::Blob, C::State, C::DueAt]);
        for blob in blobs {
            insert.values_panic([blob.as_str().into(), "promised".into(), self.after(grace)]);
        }
        self.db.execute(&insert).asking("promise blobs").await.map(drop)
    }

    /// Gives promised blobs up.
    ///
    /// # Errors
    /// The database is out of reach; the promises run out by themselves.
    pub async fn break_promise(&self, blobs: &[String]) -> Result<(), Fault> {
        self.condemn(&self.db, blobs).asking("give blobs up").await
    }

    pub(super) async fn condemn(
        &self,
        db: &impl ConnectionTrait,
        blobs: &[String],
    ) -> Result<(), DbErr> {
        loose_blobs::Entity::update_many()
            .col_expr(C::State, Expr::value("condemned"))
            .col_expr(C::DueAt, self.now())
            .filter(C::Blob.is_in(blobs))
            .filter(C::State.eq("promised"))
            .exec(db)
            .await
            .map(drop)
    }

    /// Condemns an image's original and renders, which are about to lose their rows.
    pub(super) async fn condemn_image(
        &self,
        txn: &DatabaseTransaction,
        image: ImageId,
        original: &str,
    ) -> Result<Vec<String>, DbErr> {
        let mut blobs: Vec<String> = renders::Entity::find()
            .select_only()
            .column(renders::Column::Blob)
            .filter(renders::Column::ImageId.eq(image.0))
            .into_tuple()
            .all(txn)
            .await?;
        blobs.push(original.to_owned());
        let mut insert = Query::insert();
        insert.into_table(loose_blobs::Entity).columns([C::Blob, C::State, C::DueAt]);
        for blob in &blobs {
            insert.values_panic([blob.as_str().into(), "condemned".into(), self.now()]);
        }
        txn.execute(&insert).await?;
        Ok(blobs)
    }

    /// Condemns every promise that ran out; returns how many.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn condemn_overdue(&self) -> Result<u64, Fault> {
        let condemned = loose_blobs::Entity::update_many()
            .col_expr(C::State, Expr::value("condemned"))
            .col_expr(C::DueAt, self.now())
            .filter(C::State.eq("promised"))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .exec(&self.db)
            .asking("condemn overdue blobs")
            .await?;
        Ok(condemned.rows_affected)
    }

    /// Up to `limit` blobs that must be deleted now.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn condemned(&self, limit: u64) -> Result<Vec<Condemned>, Fault> {
        let rows: Vec<(String, String)> = loose_blobs::Entity::find()
            .select_only()
            .columns([C::Blob, C::State])
            .filter(C::State.ne("promised"))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .order_by_asc(C::DueAt)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .asking("list condemned blobs")
            .await?;
        let condemned = |(blob, state)| Condemned { blob, was_swept: state == "swept" };
        Ok(rows.into_iter().map(condemned).collect())
    }

    /// The condemned blob was deleted: once more after `again`, then it is forgotten.
    ///
    /// # Errors
    /// The database is out of reach; it will be deleted again.
    pub async fn swept(&self, condemned: &Condemned, again: Duration) -> Result<(), Fault> {
        let blob = &condemned.blob;
        let sweep = async {
            if condemned.was_swept {
                loose_blobs::Entity::delete_many()
                    .filter(C::Blob.eq(blob))
                    .filter(C::State.eq("swept"))
                    .filter(Expr::col(C::DueAt).lte(self.now()))
                    .exec(&self.db)
                    .await?;
            } else {
                loose_blobs::Entity::update_many()
                    .col_expr(C::State, Expr::value("swept"))
                    .col_expr(C::DueAt, self.after(again))
                    .filter(C::Blob.eq(blob))
                    .filter(C::State.eq("condemned"))
                    .exec(&self.db)
                    .await?;
            }
            Ok::<_, DbErr>(())
        };
        sweep.asking("note a deleted blob").await
    }
}
