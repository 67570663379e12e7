//! Shares: links to images.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Query, SimpleExpr},
};

use super::{
    Bounded, Catalog,
    entity::{
        images,
        shares::{self, Column as C},
        users,
    },
};
use crate::{
    account::share::{Share, ShareId},
    fault::Fault,
    image::{ImageId, Millis},
    user_id::UserId,
};

impl Catalog {
    /// Makes a link to an image, by `user`, who may change it. `hash` is that of its secret; it
    /// ends after `life`. `None` when the image has `max` already.
    ///
    /// # Errors
    /// The database is unavailable, or the image or the user was deleted.
    pub async fn create_share(
        &self,
        image: ImageId,
        user: UserId,
        hash: &str,
        life: Option<Duration>,
        max: u64,
    ) -> Result<Option<Share>, Fault> {
        let create = async {
            let txn = self.begin().await?;
            // so that links which are made at the same time are counted one after the other
            images::Entity::find_by_id(image.0).lock_exclusive().one(&txn).await?;
            if shares::Entity::find().filter(C::ImageId.eq(image.0)).count(&txn).await? >= max {
                txn.rollback().await?;
                return Ok(None);
            }
            let mut insert = Query::insert();
            insert
                .into_table(shares::Entity)
                .columns([C::SecretHash, C::Id, C::ImageId, C::ByUser, C::CreatedAt, C::DueAt])
                .values_panic([
                    hash.into(),
                    Uuid::now_v7().into(),
                    image.0.into(),
                    user.0.into(),
                    self.now(),
                    life.map_or(Expr::val(None::<i64>), |life| self.after(life)),
                ])
                .returning_all();
            let row = txn.query_one(&insert).await?;
            let row = row.ok_or_else(|| DbErr::RecordNotFound("the share".into()))?;
            let row = shares::Model::from_query_result(&row, "")?;
            txn.commit().await?;
            Ok::<_, DbErr>(Some(Share::from(row)))
        };
        create.bounded("create a share").await
    }

    /// The image of the link with that hash; `None` when the link has ended, or the account of its
    /// maker or of the image's owner cannot be used.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn shared_image(&self, hash: &str) -> Result<Option<ImageId>, Fault> {
        let is_active = |user: Expr| {
            let active = Query::select()
                .expr(Expr::val(1))
                .from(users::Entity)
                .and_where(Expr::col((users::Entity, users::Column::Id)).eq(user))
                .and_where(users::Column::State.eq(users::State::Active))
                .to_owned();
            Expr::exists(active)
        };
        let owner = || Expr::col((images::Entity, images::Column::OwnerId));
        let image = Query::select()
            .expr(Expr::val(1))
            .from(images::Entity)
            .and_where(
                Expr::col((images::Entity, images::Column::Id))
                    .eq(Expr::col((shares::Entity, C::ImageId))),
            )
            .and_where(owner().is_null().or(is_active(owner())))
            .to_owned();
        let row = shares::Entity::find_by_id(hash)
            .filter(self.is_open())
            .filter(is_active(Expr::col((shares::Entity, C::ByUser))))
            .filter(Expr::exists(image))
            .one(&self.db)
            .bounded("look up a share")
            .await?;
        Ok(row.map(|row| ImageId(row.image_id)))
    }

    /// The links to an image that have not ended, newest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn shares(&self, image: ImageId) -> Result<Vec<Share>, Fault> {
        let open = shares::Entity::find()
            .filter(C::ImageId.eq(image.0))
            .filter(self.is_open())
            .order_by_desc(C::Id);
        let rows = open.all(&self.db).bounded("list shares").await?;
        Ok(rows.into_iter().map(Share::from).collect())
    }

    /// Ends a link to an image; returns whether there was one with that id.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn revoke_share(&self, image: ImageId, id: ShareId) -> Result<bool, Fault> {
        let one =
            shares::Entity::delete_many().filter(C::ImageId.eq(image.0)).filter(C::Id.eq(id.0));
        let deleted = one.exec(&self.db).bounded("revoke a share").await?;
        Ok(deleted.rows_affected > 0)
    }

    /// Deletes links that have ended; returns how many.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn delete_ended_shares(&self) -> Result<u64, Fault> {
        let ended = shares::Entity::delete_many().filter(Expr::col(C::DueAt).lte(self.now()));
        Ok(ended.exec(&self.db).bounded("delete ended shares").await?.rows_affected)
    }

    fn is_open(&self) -> SimpleExpr {
        Expr::cust("due_at IS NULL").or(Expr::col(C::DueAt).gt(self.now()))
    }
}

impl From<shares::Model> for Share {
    fn from(row: shares::Model) -> Self {
        Share {
            id: ShareId(row.id),
            created_at: Millis(row.created_at),
            due_at: row.due_at.map(Millis),
        }
    }
}
