//! Garbage collection of blobs: the table lists every blob that no row refers to, not yet or no
//! longer. So the store is never listed.
//!
//! - A blob is *reserved* before it is put. The transaction that commits a row which refers to it
//!   *confirms* the reservation, which removes the entry.
//! - A reservation that expired, and the blobs of what was deleted, are *marked*. No transaction
//!   can confirm them any more, so they can be deleted.
//! - A *swept* blob was deleted. It is deleted once more, much later, in case its writer was
//!   suspended and put it after that.

use std::{collections::BTreeSet, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbErr, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, Query},
};

use super::{
    Bounded, Catalog,
    entity::{
        blob_gc::{self, State},
        renders,
    },
    location,
};
use crate::{fault::Fault, image::ImageId};

use blob_gc::Column as C;

/// Confirms reservations, because rows refer to the blobs now; `false` when one of them was marked
/// meanwhile, and the transaction must be rolled back.
pub(super) async fn confirm(txn: &DatabaseTransaction, blobs: &[String]) -> Result<bool, DbErr> {
    let confirmed = blob_gc::Entity::delete_many()
        .filter(C::Blob.is_in(blobs))
        .filter(C::State.eq(State::Reserved))
        .exec(txn)
        .await?;
    Ok(confirmed.rows_affected == blobs.len() as u64)
}

/// A blob that must be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkedBlob {
    /// Its key in the store; of a process that does not know offsets, the location of a text in it.
    pub blob: String,
    /// Whether it was deleted once before it was listed. Only then may its entry be removed:
    /// another process may have swept it since, and its writer put it after that.
    pub was_swept: bool,
}

impl MarkedBlob {
    /// Its key in the store.
    pub fn key(&self) -> &str {
        location::parse(&self.blob).0
    }
}

impl Catalog {
    /// Reserves the keys of blobs that will be put. They are deleted unless a transaction confirms
    /// them within `grace`.
    ///
    /// # Errors
    /// The database is unavailable, or a key is in use: put nothing.
    pub async fn reserve_blobs(&self, blobs: &[String], grace: Duration) -> Result<(), Fault> {
        if blobs.is_empty() {
            return Ok(());
        }
        let mut insert = Query::insert();
        insert.into_table(blob_gc::Entity).columns([C::Blob, C::State, C::DueAt]);
        for blob in blobs {
            insert.values_panic([blob.as_str().into(), State::Reserved.into(), self.after(grace)]);
        }
        self.db.execute(&insert).bounded("reserve blobs").await.map(drop)
    }

    /// Marks reserved blobs, which will not be used.
    ///
    /// # Errors
    /// The database is unavailable; the reservations expire.
    pub async fn release_blobs(&self, blobs: &[String]) -> Result<(), Fault> {
        self.mark(&self.db, blobs).bounded("release blobs").await
    }

    pub(super) async fn mark(
        &self,
        db: &impl ConnectionTrait,
        blobs: &[String],
    ) -> Result<(), DbErr> {
        blob_gc::Entity::update_many()
            .col_expr(C::State, State::Marked.into())
            .col_expr(C::DueAt, self.now())
            .filter(C::Blob.is_in(blobs))
            .filter(C::State.eq(State::Reserved))
            .exec(db)
            .await
            .map(drop)
    }

    /// Marks an image's original and renders, whose rows are about to be deleted.
    pub(super) async fn mark_image(
        &self,
        txn: &DatabaseTransaction,
        image: ImageId,
        original: &str,
    ) -> Result<Vec<String>, DbErr> {
        let locations: Vec<String> = renders::Entity::find()
            .select_only()
            .column(renders::Column::Blob)
            .filter(renders::Column::ImageId.eq(image.0))
            .into_tuple()
            .all(txn)
            .await?;
        let blobs: BTreeSet<&str> =
            locations.iter().map(|location| location::parse(location).0).collect();
        let mut blobs: Vec<String> = blobs.into_iter().map(str::to_owned).collect();
        blobs.push(original.to_owned());
        let mut insert = Query::insert();
        insert.into_table(blob_gc::Entity).columns([C::Blob, C::State, C::DueAt]);
        for blob in &blobs {
            insert.values_panic([blob.as_str().into(), State::Marked.into(), self.now()]);
        }
        txn.execute(&insert).await?;
        Ok(blobs)
    }

    /// Marks every reservation that expired; returns how many.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn mark_expired(&self) -> Result<u64, Fault> {
        let marked = blob_gc::Entity::update_many()
            .col_expr(C::State, State::Marked.into())
            .col_expr(C::DueAt, self.now())
            .filter(C::State.eq(State::Reserved))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .exec(&self.db)
            .bounded("mark expired blobs")
            .await?;
        Ok(marked.rows_affected)
    }

    /// Up to `limit` blobs that must be deleted now, the longest due first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn marked_blobs(&self, limit: u64) -> Result<Vec<MarkedBlob>, Fault> {
        let rows: Vec<(String, State)> = blob_gc::Entity::find()
            .select_only()
            .columns([C::Blob, C::State])
            .filter(C::State.ne(State::Reserved))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .order_by_asc(C::DueAt)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .bounded("list marked blobs")
            .await?;
        let marked = |(blob, state)| MarkedBlob { blob, was_swept: state == State::Swept };
        Ok(rows.into_iter().map(marked).collect())
    }

    /// Records that a marked blob was deleted: it is due once more after `again`, then its entry is
    /// removed.
    ///
    /// # Errors
    /// The database is unavailable; the blob will be deleted again.
    pub async fn record_sweep(&self, marked: &MarkedBlob, again: Duration) -> Result<(), Fault> {
        let blob = &marked.blob;
        let record = async {
            if marked.was_swept {
                blob_gc::Entity::delete_many()
                    .filter(C::Blob.eq(blob))
                    .filter(C::State.eq(State::Swept))
                    .filter(Expr::col(C::DueAt).lte(self.now()))
                    .exec(&self.db)
                    .await?;
            } else {
                blob_gc::Entity::update_many()
                    .col_expr(C::State, State::Swept.into())
                    .col_expr(C::DueAt, self.after(again))
                    .filter(C::Blob.eq(blob))
                    .filter(C::State.eq(State::Marked))
                    .exec(&self.db)
                    .await?;
            }
            Ok::<_, DbErr>(())
        };
        record.bounded("record a deleted blob").await
    }
}
