//! What admins do with users, how an account is deleted, and the rate of uploads.

use std::{cmp::max, time::Duration};

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, Order, Query},
};

use super::{
    Bounded, Catalog,
    entity::{
        images, sessions, shares, tokens,
        users::{self, Column as C},
    },
    rights::{owned, public},
};
use crate::{
    account::user::{User, UserState},
    fault::Fault,
    image::ImageId,
    user_id::UserId,
};

/// Images that one statement changes.
const BATCH: u64 = 500;

/// What to change of a user; `None` leaves it as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserChange {
    /// Whether the account can be used.
    pub state: Option<UserState>,
    /// A limit of their own, in bytes; `Some(None)`: that of everyone.
    pub max_bytes: Option<Option<u64>>,
    /// A limit of their own, in images; `Some(None)`: that of everyone.
    pub max_images: Option<Option<u64>>,
}

/// Whether a user may upload now (a generic cell rate algorithm).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadRate {
    /// Whether this upload is within the rate; it is counted then.
    pub admitted: bool,
    /// Uploads that may follow at once.
    pub remaining: u64,
    /// How long until all uploads of a minute may follow at once.
    pub reset: Duration,
    /// How long until the next upload is admitted.
    pub retry: Duration,
}

/// Locks the row of a user until the transaction ends, so that what it adds for them is added one
/// after the other, and to no account that is being deleted.
///
/// # Errors
/// The database is unavailable, or the user is not active.
pub(super) async fn lock_active(txn: &DatabaseTransaction, user: UserId) -> Result<(), DbErr> {
    let active = users::Entity::find_by_id(user.0)
        .filter(C::State.eq(users::State::Active))
        .lock_exclusive();
    let row = active.one(txn).await?;
    row.map(drop).ok_or_else(|| DbErr::RecordNotFound("the user is not active".into()))
}

impl Catalog {
    /// Up to `limit` users, in the order of their first sign-in, after `after`.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn users(&self, after: Option<UserId>, limit: u64) -> Result<Vec<User>, Fault> {
        let mut query = users::Entity::find().order_by_asc(C::Id).limit(limit);
        if let Some(after) = after {
            query = query.filter(C::Id.gt(after.0));
        }
        let rows = query.all(&self.db).bounded("list users").await?;
        Ok(rows.into_iter().map(User::from).collect())
    }

    /// Changes a user, unless they are leaving; returns how they are then. `None` when there is no
    /// such user.
    ///
    /// # Errors
    /// The database is unavailable; the user may be changed nevertheless.
    pub async fn change_user(&self, id: UserId, change: UserChange) -> Result<Option<User>, Fault> {
        let limit = |max: Option<u64>| Expr::val(max.map(|max| max as i64));
        let mut update = users::Entity::update_many()
            // without a change, an update of nothing would be no statement
            .col_expr(C::SeenAt, Expr::col(C::SeenAt))
            .filter(C::Id.eq(id.0))
            .filter(C::State.ne(users::State::Leaving));
        if let Some(state) = change.state {
            update = update.col_expr(C::State, users::State::from(state).into());
        }
        if let Some(max) = change.max_bytes {
            update = update.col_expr(C::MaxBytes, limit(max));
        }
        if let Some(max) = change.max_images {
            update = update.col_expr(C::MaxImages, limit(max));
        }
        let rows = update.exec_with_returning(&self.db).bounded("change a user").await?;
        Ok(rows.into_iter().next().map(User::from))
    }

    /// Begins to delete an account: its sessions and tokens end at once, as do links by the user and
    /// to their images, and no upload of it is stored any more. Returns whether there is such a user.
    ///
    /// # Errors
    /// The database is unavailable; it may have begun nevertheless.
    pub async fn begin_leaving(&self, id: UserId) -> Result<bool, Fault> {
        let leave = async {
            let txn = self.begin().await?;
            sessions::Entity::delete_many()
                .filter(sessions::Column::UserId.eq(id.0))
                .exec(&txn)
                .await?;
            tokens::Entity::delete_many()
                .filter(tokens::Column::UserId.eq(id.0))
                .exec(&txn)
                .await?;
            shares::Entity::delete_many()
                .filter(shares::Column::ByUser.eq(id.0))
                .exec(&txn)
                .await?;
            let left = users::Entity::update_many()
                .col_expr(C::State, users::State::Leaving.into())
                .filter(C::Id.eq(id.0))
                .exec(&txn)
                .await?;
            txn.commit().await?;
            Ok::<_, DbErr>(left.rows_affected > 0)
        };
        leave.bounded("begin to delete an account").await
    }

    /// Looks at the next images of a user, by id, after `after`, and makes the public ones private.
    /// Returns the last that it looked at, and those that it changed; `None` once there are no more.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn hide_images(
        &self,
        user: UserId,
        after: Option<ImageId>,
    ) -> Result<Option<(ImageId, Vec<ImageId>)>, Fault> {
        let next = self.next_images(Some(user), after).await?;
        let Some(last) = next.last() else { return Ok(None) };
        let hidden = images::Entity::update_many()
            .col_expr(images::Column::Visibility, images::Visibility::Private.into())
            .filter(images::Column::Id.is_in(next.iter().map(|id| id.0)))
            .filter(public())
            .exec_with_returning(&self.db)
            .bounded("hide images")
            .await?;
        Ok(Some((*last, hidden.into_iter().map(|row| ImageId(row.id)).collect())))
    }

    /// The next images after `after`, by id, of a user or of everyone.
    async fn next_images(
        &self,
        user: Option<UserId>,
        after: Option<ImageId>,
    ) -> Result<Vec<ImageId>, Fault> {
        let mut next = images::Entity::find()
            .select_only()
            .column(images::Column::Id)
            .order_by_asc(images::Column::Id)
            .limit(BATCH);
        if let Some(user) = user {
            next = next.filter(owned(user));
        }
        if let Some(after) = after {
            next = next.filter(images::Column::Id.gt(after.0));
        }
        let ids =
            next.into_tuple::<Uuid>().all(&self.db).bounded("look at the next images").await?;
        Ok(ids.into_iter().map(ImageId).collect())
    }

    /// Users who are leaving.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn leaving_users(&self) -> Result<Vec<UserId>, Fault> {
        let ids = users::Entity::find()
            .select_only()
            .column(C::Id)
            // a literal, for the partial index
            .filter(Expr::cust("state = 'leaving'"))
            .into_tuple::<Uuid>();
        let ids = ids.all(&self.db).bounded("list leaving users").await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// Some stored images of a user.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn images_owned_by(&self, user: UserId) -> Result<Vec<ImageId>, Fault> {
        let ids = images::Entity::find()
            .select_only()
            .column(images::Column::Id)
            .filter(images::Column::OwnerId.eq(user.0))
            .filter(images::Column::State.eq(images::State::Stored))
            .order_by_asc(images::Column::Id)
            .limit(BATCH)
            .into_tuple::<Uuid>();
        let ids = ids.all(&self.db).bounded("list the images of a user").await?;
        Ok(ids.into_iter().map(ImageId).collect())
    }

    /// Deletes the row of a user who is leaving and has no image and no upload any more; returns
    /// whether it is gone.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn delete_left_user(&self, user: UserId) -> Result<bool, Fault> {
        // in an order, so that the database looks for the first by the index of owners
        let owned = Query::select()
            .column(images::Column::OwnerId)
            .from(images::Entity)
            .and_where(images::Column::OwnerId.eq(user.0))
            .order_by(images::Column::Id, Order::Asc)
            .limit(1)
            .to_owned();
        let delete = users::Entity::delete_many()
            .filter(C::Id.eq(user.0))
            .filter(C::State.eq(users::State::Leaving))
            .filter(C::Id.not_in_subquery(owned));
        let deleted = delete.exec(&self.db).bounded("delete a user").await?;
        Ok(deleted.rows_affected > 0)
    }

    /// Looks at the next images of everyone, by id, after `after`, gives those without owner to a
    /// user, and makes these public if `is_public`. Returns the last that it looked at, and how many
    /// it gave; `None` once there are no more.
    ///
    /// # Errors
    /// The database is unavailable, or the user is not active: the images of an account that is being
    /// deleted are deleted with it.
    pub async fn adopt_images(
        &self,
        user: UserId,
        is_public: bool,
        after: Option<ImageId>,
    ) -> Result<Option<(ImageId, u64)>, Fault> {
        let next = self.next_images(None, after).await?;
        let Some(last) = next.last() else { return Ok(None) };
        let mut update = images::Entity::update_many()
            .col_expr(images::Column::OwnerId, user.0.into())
            .filter(images::Column::Id.is_in(next.iter().map(|id| id.0)))
            .filter(images::Column::State.eq(images::State::Stored))
            .filter(images::Column::OwnerId.is_null());
        if is_public {
            update = update.col_expr(images::Column::Visibility, images::Visibility::Public.into());
        }
        let adopt = async {
            let txn = self.begin().await?;
            lock_active(&txn, user).await?;
            let adopted = update.exec(&txn).await?;
            txn.commit().await?;
            Ok::<_, DbErr>(adopted.rows_affected)
        };
        Ok(Some((*last, adopt.bounded("adopt images").await?)))
    }

    /// Counts an upload of `user` against `per_minute`, if it is within that rate. One statement
    /// decides, so that the rate is exact over all processes. `None` when there is no such user.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn count_upload(
        &self,
        user: UserId,
        per_minute: u32,
    ) -> Result<Option<UploadRate>, Fault> {
        let per_minute = i64::from(max(per_minute, 1));
        let interval = 60_000 / per_minute;
        let tolerance = (per_minute - 1) * interval;
        let from = Expr::case(Expr::col(C::UploadTat).gt(self.now()), Expr::col(C::UploadTat))
            .finally(self.now());
        let mut update = Query::update();
        update
            .table(users::Entity)
            .value(C::UploadTat, Expr::expr(from).add(interval))
            .and_where(C::Id.eq(user.0))
            .and_where(Expr::col(C::UploadTat).lte(self.now().add(tolerance)))
            .returning(Query::returning().expr(Expr::col(C::UploadTat).sub(self.now())));
        let look = Query::select()
            .expr(Expr::col(C::UploadTat).sub(self.now()))
            .from(users::Entity)
            .and_where(C::Id.eq(user.0))
            .to_owned();
        let count = async {
            let counted = self.lease_db.query_one(&update).await?;
            let admitted = counted.is_some();
            let row = match counted {
                Some(row) => Some(row),
                None => self.db.query_one(&look).await?,
            };
            let ahead: Option<i64> = row.map(|row| row.try_get_by_index(0)).transpose()?;
            Ok::<_, DbErr>(ahead.map(|ahead| {
                let ahead = max(ahead, 0);
                let millis = |time: i64| Duration::from_millis(u64::try_from(time).unwrap_or(0));
                let left = tolerance - ahead;
                UploadRate {
                    admitted,
                    remaining: if left < 0 { 0 } else { (left / max(interval, 1)) as u64 + 1 },
                    reset: millis(ahead),
                    retry: millis(-left),
                }
            }))
        };
        count.bounded("count an upload").await
    }
}
