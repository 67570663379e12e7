//! Resumable uploads: a row for each, which any API process continues.
//!
//! Each request that sends or ends an upload increments `attempt`, the fencing token, before it does
//! anything else: the next write of an earlier request fails. A part has a number that no other
//! attempt uses. So two requests overwrite nothing of each other.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, EntityTrait, ExprTrait,
    FromQueryResult, QueryFilter, QueryOrder, QuerySelect, QueryTrait, UpdateMany,
    entity::prelude::*,
    sea_query::{Expr, Func, LockBehavior, LockType, Query, SelectStatement, SimpleExpr},
};

use super::{
    Bounded, Catalog, blob_gc,
    entity::{
        upload_parts::{self, Column as P},
        uploads::{self, Column as C, State},
    },
};
use crate::{
    account::principal::Principal,
    fault::Fault,
    image::{ImageId, Millis},
    resumable::{HashState, Part, ResumableUpload, UploadId, UploadState},
    user_id::UserId,
};

/// The filter of a partial index, as a literal: neither database uses such an index for bound
/// parameters.
pub(super) const OPEN: &str = "state IN ('receiving', 'finishing')";
/// Uploads that are ended by one statement.
const BATCH: u64 = 100;

/// An upload that begins.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// Whose it is; `None` without accounts.
    pub owner: Option<UserId>,
    /// Length of the file in bytes.
    pub length: u64,
    /// The file's name.
    pub name: Option<String>,
    /// The state of a hash of nothing.
    pub hash: HashState,
}

/// What an attempt has stored.
#[derive(Debug)]
pub struct Received<'a> {
    /// The part; `None` for a tail.
    pub part: Option<(&'a Part, u64)>,
    /// The blobs that it is in, which were reserved.
    pub blobs: &'a [String],
    /// Bytes that are stored now.
    pub position: u64,
    /// The state of the hash there.
    pub hash: HashState,
    /// How long the upload is kept unless it goes on; at its end, the lease of who stores it.
    pub kept: Duration,
}

impl Catalog {
    /// Bytes that the unfinished uploads of `owner` will have.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn announced_bytes(&self, owner: Option<UserId>) -> Result<u64, Fault> {
        let lengths = open_lengths(&self.db, owner).bounded("count uploads").await?;
        Ok(lengths.iter().fold(0_u64, |all, bytes| all.saturating_add(*bytes as u64)))
    }

    /// Records an upload that begins; it is kept for `kept`. `None` when its owner has `max_open` that
    /// are not finished.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn create_upload(
        &self,
        new: NewUpload,
        max_open: u64,
        kept: Duration,
    ) -> Result<Option<ResumableUpload>, Fault> {
        let owner = new.owner;
        let id = UploadId::generate();
        let mut insert = Query::insert();
        insert
            .into_table(uploads::Entity)
            .columns([
                C::Id,
                C::OwnerId,
                C::State,
                C::Attempt,
                C::Length,
                C::Position,
                C::NextPart,
                C::ShaState,
                C::Name,
                C::DueAt,
            ])
            .values_panic([
                id.0.into(),
                new.owner.map(|owner| owner.0).into(),
                State::Receiving.into(),
                0.into(),
                (new.length as i64).into(),
                0_i64.into(),
                1.into(),
                new.hash.0.into(),
                new.name.into(),
                self.after(kept),
            ])
            .returning_all();
        let insert = async {
            let txn = self.begin().await?;
            if txn.get_database_backend() == DbBackend::Postgres {
                // others that begin one at the same time wait here, and then count this one
                txn.execute(&lock_beginnings(owner)).await?;
            }
            if open_lengths(&txn, owner).await?.len() as u64 >= max_open {
                txn.rollback().await?;
                return Ok(None);
            }
            let row = txn.query_one(&insert).await?.ok_or(DbErr::RecordNotInserted)?;
            txn.commit().await?;
            uploads::Model::from_query_result(&row, "").map(ResumableUpload::from).map(Some)
        };
        insert.bounded("record an upload").await
    }

    /// The upload; `None` when there is none that `maker` has begun.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn upload(
        &self,
        id: UploadId,
        maker: &Principal,
    ) -> Result<Option<ResumableUpload>, Fault> {
        let row = uploads::Entity::find()
            .filter(C::Id.eq(id.0))
            .filter(C::State.ne(State::Ending))
            .one(&self.db)
            .bounded("look up an upload")
            .await?;
        Ok(row.map(ResumableUpload::from).filter(|upload| is_made_by(upload, maker)))
    }

    /// Begins an attempt to send more of an upload, which fences off the others; `None` when it is
    /// not received any more.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn begin_receiving(
        &self,
        id: UploadId,
        kept: Duration,
    ) -> Result<Option<ResumableUpload>, Fault> {
        let begin = uploads::Entity::update_many()
            .col_expr(C::Attempt, Expr::col(C::Attempt).add(1))
            // the earlier attempt may be sending a part of that number
            .col_expr(C::NextPart, Expr::col(C::NextPart).add(1))
            .col_expr(C::DueAt, self.after(kept))
            .filter(C::Id.eq(id.0))
            .filter(C::State.eq(State::Receiving))
            .exec_with_returning(&self.db)
            .bounded("continue an upload");
        Ok(begin.await?.into_iter().next().map(ResumableUpload::from))
    }

    /// Records what the store calls an upload; `false` when the attempt was fenced off.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn name_multipart(
        &self,
        upload: &ResumableUpload,
        multipart_id: &str,
    ) -> Result<bool, Fault> {
        let name = fenced(upload, State::Receiving)
            .col_expr(C::MultipartId, multipart_id.into())
            .exec(&self.db)
            .bounded("record a multipart upload");
        Ok(name.await?.rows_affected == 1)
    }

    /// Records what an attempt has stored; `false` when it was fenced off, and nothing changed. When
    /// it is all, the upload is being finished from now on, by this attempt.
    ///
    /// # Errors
    /// The answer was lost, and it may be recorded.
    pub async fn record_received(
        &self,
        upload: &ResumableUpload,
        received: Received<'_>,
    ) -> Result<bool, Fault> {
        let Received { part, blobs, position, hash, kept } = received;
        let is_tail = part.is_none();
        let state = if position == upload.length { State::Finishing } else { State::Receiving };
        let mut update = fenced(upload, State::Receiving)
            .col_expr(C::State, state.into())
            .col_expr(C::Position, (position as i64).into())
            .col_expr(C::ShaState, hash.0.into())
            .col_expr(C::Tail, is_tail.then(|| blobs.first().cloned()).flatten().into())
            .col_expr(C::DueAt, self.after(kept));
        if let Some((part, _)) = part {
            update = update.col_expr(C::NextPart, (part.number + 1).into());
        }
        let record = async {
            let txn = self.begin().await?;
            let is_current = update.exec(&txn).await?.rows_affected == 1;
            if !is_current || !blob_gc::confirm(&txn, blobs).await? {
                txn.rollback().await?;
                return Ok(false);
            }
            if let Some((part, bytes)) = part {
                let mut insert = Query::insert();
                insert
                    .into_table(upload_parts::Entity)
                    .columns([P::UploadId, P::Number, P::Receipt, P::Bytes])
                    .values_panic([
                        upload.id.0.into(),
                        part.number.into(),
                        part.receipt.as_str().into(),
                        (bytes as i64).into(),
                    ]);
                txn.execute(&insert).await?;
            }
            let earlier = Vec::from_iter(upload.tail.clone());
            self.insert_marked(&txn, &earlier, Duration::ZERO).await?;
            txn.commit().await?;
            Ok::<_, DbErr>(true)
        };
        record.bounded("record a part of an upload").await
    }

    /// The parts of an upload and their lengths in bytes, in their order.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn upload_parts(&self, id: UploadId) -> Result<Vec<(Part, u64)>, Fault> {
        let rows = upload_parts::Entity::find()
            .filter(P::UploadId.eq(id.0))
            .order_by_asc(P::Number)
            .all(&self.db)
            .bounded("read the parts of an upload")
            .await?;
        let part = |row: upload_parts::Model| {
            (Part { number: row.number, receipt: row.receipt }, row.bytes as u64)
        };
        Ok(rows.into_iter().map(part).collect())
    }

    /// Claims an upload that was received as a whole, and whose last attempt to store it has ended
    /// without an outcome: `id`, or any. `None` when there is none.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn claim_finishing(
        &self,
        id: Option<UploadId>,
        lease: Duration,
    ) -> Result<Option<ResumableUpload>, Fault> {
        let mut due = uploads::Entity::find()
            .select_only()
            .column(C::Id)
            .filter(C::State.eq(State::Finishing))
            .filter(Expr::col(C::DueAt).lte(self.now()));
        if let Some(id) = id {
            due = due.filter(C::Id.eq(id.0));
        }
        let due = due.order_by_asc(C::DueAt).limit(1);
        let due = due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let claim = uploads::Entity::update_many()
            .col_expr(C::Attempt, Expr::col(C::Attempt).add(1))
            .col_expr(C::NextPart, Expr::col(C::NextPart).add(1))
            .col_expr(C::DueAt, self.after(lease))
            .filter(C::Id.in_subquery(due.into_query()))
            .exec_with_returning(&self.db)
            .bounded("claim an upload");
        Ok(claim.await?.into_iter().next().map(ResumableUpload::from))
    }

    /// Ends an upload: it is an image, or was refused for the reason that `state` has. Its blobs are
    /// marked. `false` when the attempt was fenced off.
    ///
    /// # Errors
    /// The answer was lost, and it may have ended.
    pub async fn conclude_upload(
        &self,
        upload: &ResumableUpload,
        state: &UploadState,
        blobs: &[String],
        kept: Duration,
    ) -> Result<bool, Fault> {
        let (image, error) = match state {
            UploadState::Done(image) => (Some(image.0), None),
            UploadState::Failed(reason) => (None, Some(reason.clone())),
            UploadState::Receiving | UploadState::Finishing => (None, None),
        };
        let conclude = async {
            let txn = self.begin().await?;
            let ended = uploads::Entity::update_many()
                .col_expr(C::State, state_of(state).into())
                .col_expr(C::ImageId, image.into())
                .col_expr(C::Error, error.into())
                .col_expr(C::MultipartId, Option::<String>::None.into())
                .col_expr(C::Tail, Option::<String>::None.into())
                .col_expr(C::DueAt, self.after(kept))
                .filter(C::Id.eq(upload.id.0))
                .filter(C::Attempt.eq(upload.attempt))
                .filter(C::State.is_in([State::Receiving, State::Finishing]))
                .exec(&txn)
                .await?;
            if ended.rows_affected == 0 {
                txn.rollback().await?;
                return Ok(false);
            }
            self.delete_parts(&txn, upload.id, blobs).await?;
            txn.commit().await?;
            Ok::<_, DbErr>(true)
        };
        conclude.bounded("end an upload").await
    }

    /// Begins to remove an upload, which fences off the request that sends it; `None` when it is not there, or
    /// is being stored.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn begin_ending(
        &self,
        id: UploadId,
        lease: Duration,
    ) -> Result<Option<ResumableUpload>, Fault> {
        let end = self.ending(lease).filter(C::Id.eq(id.0));
        let end = end.filter(C::State.ne(State::Finishing));
        let rows = end.exec_with_returning(&self.db).bounded("begin to remove an upload").await?;
        Ok(rows.into_iter().next().map(ResumableUpload::from))
    }

    /// Begins to remove some uploads that are due: expired ones, and those whose removal was
    /// interrupted.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn claim_ended_uploads(
        &self,
        lease: Duration,
    ) -> Result<Vec<ResumableUpload>, Fault> {
        let due = uploads::Entity::find()
            .select_only()
            .column(C::Id)
            .filter(C::State.ne(State::Finishing))
            .filter(Expr::col(C::DueAt).lte(self.now()))
            .order_by_asc(C::DueAt)
            .limit(BATCH)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        let end = self.ending(lease).filter(C::Id.in_subquery(due.into_query()));
        let rows = end.exec_with_returning(&self.db).bounded("claim expired uploads").await?;
        Ok(rows.into_iter().map(ResumableUpload::from).collect())
    }

    /// Removes an upload that is ending, and marks its blobs.
    ///
    /// # Errors
    /// The database is unavailable; it is removed later.
    pub async fn remove_upload(
        &self,
        upload: &ResumableUpload,
        blobs: &[String],
    ) -> Result<(), Fault> {
        let remove = async {
            let txn = self.begin().await?;
            let removed = uploads::Entity::delete_many()
                .filter(C::Id.eq(upload.id.0))
                .filter(C::Attempt.eq(upload.attempt))
                .exec(&txn)
                .await?;
            if removed.rows_affected == 0 {
                return txn.rollback().await;
            }
            self.delete_parts(&txn, upload.id, blobs).await?;
            txn.commit().await
        };
        remove.bounded("remove an upload").await
    }

    async fn delete_parts(
        &self,
        txn: &DatabaseTransaction,
        id: UploadId,
        blobs: &[String],
    ) -> Result<(), DbErr> {
        upload_parts::Entity::delete_many().filter(P::UploadId.eq(id.0)).exec(txn).await?;
        self.insert_marked(txn, blobs, Duration::ZERO).await
    }

    fn ending(&self, lease: Duration) -> UpdateMany<uploads::Entity> {
        uploads::Entity::update_many()
            .col_expr(C::Attempt, Expr::col(C::Attempt).add(1))
            .col_expr(C::State, State::Ending.into())
            .col_expr(C::DueAt, self.after(lease))
    }
}

/// The lengths of the uploads of `owner` that are not finished.
async fn open_lengths(db: &impl ConnectionTrait, owner: Option<UserId>) -> Result<Vec<i64>, DbErr> {
    let open = uploads::Entity::find()
        .select_only()
        .column(C::Length)
        .filter(owned_by(owner))
        .filter(Expr::cust(OPEN));
    open.into_tuple().all(db).await
}

/// Takes PostgreSQL's lock for uploads of `owner` that begin, until the end of the transaction.
fn lock_beginnings(owner: Option<UserId>) -> SelectStatement {
    let key = owner.map_or(0, |owner| owner.0.as_u64_pair().1 as i64);
    Query::select().expr(Func::cust("pg_advisory_xact_lock").arg(key)).take()
}

/// An update by an attempt that was not fenced off.
fn fenced(upload: &ResumableUpload, state: State) -> UpdateMany<uploads::Entity> {
    uploads::Entity::update_many()
        .filter(C::Id.eq(upload.id.0))
        .filter(C::Attempt.eq(upload.attempt))
        .filter(C::State.eq(state))
}

fn owned_by(owner: Option<UserId>) -> SimpleExpr {
    match owner {
        Some(owner) => C::OwnerId.eq(owner.0),
        None => C::OwnerId.is_null(),
    }
}

/// An upload belongs to who began it: not even admins see those of others.
fn is_made_by(upload: &ResumableUpload, maker: &Principal) -> bool {
    match maker {
        Principal::Open => true,
        Principal::User(caller) => upload.owner == Some(caller.id),
        Principal::Anonymous { .. } | Principal::ShareLink(_) => false,
    }
}

fn state_of(state: &UploadState) -> State {
    match state {
        UploadState::Receiving => State::Receiving,
        UploadState::Finishing => State::Finishing,
        UploadState::Done(_) => State::Done,
        UploadState::Failed(_) => State::Failed,
    }
}

impl From<uploads::Model> for ResumableUpload {
    fn from(row: uploads::Model) -> Self {
        let state = match (row.state, row.image_id, row.error) {
            (State::Done | State::Ending, Some(image), _) => UploadState::Done(ImageId(image)),
            (State::Failed | State::Ending, _, Some(why)) => UploadState::Failed(why),
            (State::Done | State::Failed, ..) => UploadState::Failed(String::new()),
            (State::Finishing, ..) => UploadState::Finishing,
            (State::Receiving | State::Ending, ..) => UploadState::Receiving,
        };
        ResumableUpload {
            id: UploadId(row.id),
            owner: row.owner_id.map(UserId),
            state,
            attempt: row.attempt,
            length: row.length as u64,
            position: row.position as u64,
            next_part: row.next_part,
            multipart_id: row.multipart_id,
            tail: row.tail,
            hash: HashState(row.sha_state),
            name: row.name,
            due_at: Millis(row.due_at),
        }
    }
}
