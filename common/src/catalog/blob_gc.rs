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
    QueryResult, QuerySelect, QueryTrait,
    entity::prelude::*,
    sea_query::{
        CommonTableExpression, Expr, LockBehavior, LockType, Query, Returning, WithClause,
    },
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

/// The filter of a partial index, as a literal: neither database uses such an index for a bound
/// parameter.
const RESERVED: &str = "state = 'reserved'";

/// Confirms reservations, because rows refer to the blobs now; `false` when one of them was marked
/// meanwhile, and the transaction must be rolled back.
pub(super) async fn confirm(txn: &DatabaseTransaction, blobs: &[String]) -> Result<bool, DbErr> {
    if blobs.is_empty() {
        return Ok(true);
    }
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
        self.insert_marked(txn, &blobs, Duration::ZERO).await?;
        Ok(blobs)
    }

    /// Marks blobs to which rows refer that the transaction deletes: to be deleted after `grace`.
    pub(super) async fn insert_marked(
        &self,
        txn: &DatabaseTransaction,
        blobs: &[String],
        grace: Duration,
    ) -> Result<(), DbErr> {
        if blobs.is_empty() {
            return Ok(());
        }
        let mut insert = Query::insert();
        insert.into_table(blob_gc::Entity).columns([C::Blob, C::State, C::DueAt]);
        for blob in blobs {
            insert.values_panic([blob.as_str().into(), State::Marked.into(), self.after(grace)]);
        }
        txn.execute(&insert).await.map(drop)
    }

    /// Marks every reservation that expired; returns how many.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn mark_expired(&self) -> Result<u64, Fault> {
        let marked = blob_gc::Entity::update_many()
            .col_expr(C::State, State::Marked.into())
            .col_expr(C::DueAt, self.now())
            .filter(Expr::cust(RESERVED))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .exec(&self.db)
            .bounded("mark expired blobs")
            .await?;
        Ok(marked.rows_affected)
    }

    /// Claims up to `limit` blobs that must be deleted now, the longest due first: no other process
    /// gets them before `lease` ends. One statement picks and claims them. It passes over rows that
    /// another claim has locked.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn claim_marked(
        &self,
        limit: u64,
        lease: Duration,
    ) -> Result<Vec<MarkedBlob>, Fault> {
        const DUE: &str = "due";
        let due = blob_gc::Entity::find()
            .select_only()
            .column(C::Blob)
            .filter(C::State.ne(State::Reserved))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .order_by_asc(C::DueAt)
            .limit(limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        // materialized: as a subquery, PostgreSQL may run it again for each row
        let due = CommonTableExpression::new()
            .query(due.into_query())
            .table_name(DUE)
            .materialized(true)
            .to_owned();
        let picked = Query::select().column(C::Blob).from(DUE).to_owned();
        let mut update = blob_gc::Entity::update_many()
            .col_expr(C::DueAt, self.after(lease))
            .filter(C::Blob.in_subquery(picked))
            .into_query();
        update
            .with_cte(WithClause::new().cte(due).to_owned())
            .returning(Returning::new().columns([C::Blob, C::State]));
        let claim = async {
            let rows = self.db.query_all(&update).await?;
            let marked = |row: &QueryResult| {
                let state: State = row.try_get("", "state")?;
                let blob = row.try_get("", "blob")?;
                Ok(MarkedBlob { blob, was_swept: state == State::Swept })
            };
            rows.iter().map(marked).collect::<Result<_, DbErr>>()
        };
        claim.bounded("claim marked blobs").await
    }

    /// Records that marked blobs were deleted: each is due once more after `again`, then its entry
    /// is removed.
    ///
    /// # Errors
    /// The database is unavailable; the blobs will be deleted again.
    pub async fn record_sweep(&self, blobs: &[MarkedBlob], again: Duration) -> Result<(), Fault> {
        let (second, first): (Vec<_>, Vec<_>) = blobs.iter().partition(|blob| blob.was_swept);
        let keys = |blobs: Vec<&MarkedBlob>| -> Vec<String> {
            blobs.into_iter().map(|marked| marked.blob.clone()).collect()
        };
        let record = async {
            if !first.is_empty() {
                blob_gc::Entity::update_many()
                    .col_expr(C::State, State::Swept.into())
                    .col_expr(C::DueAt, self.after(again))
                    .filter(C::Blob.is_in(keys(first)))
                    .filter(C::State.eq(State::Marked))
                    .exec(&self.db)
                    .await?;
            }
            if !second.is_empty() {
                blob_gc::Entity::delete_many()
                    .filter(C::Blob.is_in(keys(second)))
                    .filter(C::State.eq(State::Swept))
                    .exec(&self.db)
                    .await?;
            }
            Ok::<_, DbErr>(())
        };
        record.bounded("record deleted blobs").await
    }
}
