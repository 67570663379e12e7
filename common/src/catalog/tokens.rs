//! Tokens of programs. The database's clock ends them; deleting a row ends one at once.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, Iterable, QueryFilter, QueryOrder,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Query, SimpleExpr},
};

use super::{
    Bounded, Catalog,
    entity::{
        tokens::{self, Column as C},
        users,
    },
    user_admin::lock_active,
};
use crate::{
    account::{
        scopes::Scopes,
        token::{Token, TokenId},
        user::User,
    },
    fault::Fault,
    image::Millis,
    user_id::UserId,
};

/// The least time between two updates of a token that is in use.
const TOUCH_INTERVAL: Duration = Duration::from_secs(3600);

/// A token that is about to be made.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// Whose it is.
    pub user: UserId,
    /// See [`crate::account::secret::hash`].
    pub hash: &'a str,
    /// See [`Token::tail`].
    pub tail: &'a str,
    /// See [`Token::name`].
    pub name: &'a str,
    /// See [`Token::scopes`].
    pub scopes: Scopes,
    /// How long it is valid; `None`: for ever.
    pub life: Option<Duration>,
}

impl Catalog {
    /// Makes a token; `None` when the user has `max` already.
    ///
    /// # Errors
    /// The database is unavailable, or the user is not active.
    pub async fn create_token(&self, new: &NewToken<'_>, max: u64) -> Result<Option<Token>, Fault> {
        let create = async {
            let txn = self.begin().await?;
            lock_active(&txn, new.user).await?;
            if tokens::Entity::find().filter(C::UserId.eq(new.user.0)).count(&txn).await? >= max {
                txn.rollback().await?;
                return Ok(None);
            }
            let mut insert = Query::insert();
            insert
                .into_table(tokens::Entity)
                .columns([
                    C::Id,
                    C::TokenHash,
                    C::UserId,
                    C::Name,
                    C::Scopes,
                    C::Tail,
                    C::CreatedAt,
                    C::DueAt,
                ])
                .values_panic([
                    Uuid::now_v7().into(),
                    new.hash.into(),
                    new.user.0.into(),
                    new.name.into(),
                    new.scopes.to_string().into(),
                    new.tail.into(),
                    self.now(),
                    new.life.map_or(Expr::val(None::<i64>), |life| self.after(life)),
                ])
                .returning_all();
            let row = txn.query_one(&insert).await?;
            let row = row.ok_or_else(|| DbErr::RecordNotFound("the token".into()))?;
            let row = tokens::Model::from_query_result(&row, "")?;
            txn.commit().await?;
            Ok::<_, DbErr>(Some(Token::from(row)))
        };
        create.bounded("create a token").await
    }

    /// The token with that hash, and its user, in whatever state. Records that it is used, at most
    /// once an hour. `None` when it has ended.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn token(&self, hash: &str) -> Result<Option<(TokenId, Scopes, User)>, Fault> {
        let is_untouched = Expr::cust("COALESCE(used_at, 0)").lte(self.before(TOUCH_INTERVAL));
        let mut select = Query::select();
        select
            .columns(users::Column::iter().map(|column| (users::Entity, column)))
            .expr_as(Expr::col((tokens::Entity, C::Id)), "token_id")
            .column((tokens::Entity, C::Scopes))
            .expr_as(is_untouched, "is_untouched")
            .from(tokens::Entity)
            .inner_join(
                users::Entity,
                Expr::col((users::Entity, users::Column::Id)).equals((tokens::Entity, C::UserId)),
            )
            .and_where(Expr::col(C::TokenHash).eq(hash))
            .and_where(self.is_valid());
        let find = async {
            let Some(row) = self.db.query_one(&select).await? else { return Ok(None) };
            if row.try_get("", "is_untouched")? {
                tokens::Entity::update_many()
                    .col_expr(C::UsedAt, self.now())
                    .filter(C::TokenHash.eq(hash))
                    .exec(&self.lease_db)
                    .await?;
            }
            let user = users::Model::from_query_result(&row, "")?;
            let scopes: String = row.try_get("", "scopes")?;
            let id = TokenId(row.try_get("", "token_id")?);
            // a scope that this version does not know grants nothing
            Ok::<_, DbErr>(Some((id, scopes.parse().unwrap_or(Scopes::NONE), User::from(user))))
        };
        find.bounded("look up a token").await
    }

    /// The tokens of `user` that have not ended, newest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn tokens(&self, user: UserId) -> Result<Vec<Token>, Fault> {
        let valid = tokens::Entity::find()
            .filter(C::UserId.eq(user.0))
            .filter(self.is_valid())
            .order_by_desc(C::Id);
        let rows = valid.all(&self.db).bounded("list tokens").await?;
        Ok(rows.into_iter().map(Token::from).collect())
    }

    /// Ends a token of `user`; returns whether there was one with that id.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn revoke_token(&self, user: UserId, id: TokenId) -> Result<bool, Fault> {
        let one = tokens::Entity::delete_many().filter(C::UserId.eq(user.0)).filter(C::Id.eq(id.0));
        let deleted = one.exec(&self.db).bounded("revoke a token").await?;
        Ok(deleted.rows_affected > 0)
    }

    /// Deletes tokens that have ended; returns how many.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn delete_ended_tokens(&self) -> Result<u64, Fault> {
        let ended = tokens::Entity::delete_many().filter(Expr::col(C::DueAt).lte(self.now()));
        Ok(ended.exec(&self.db).bounded("delete ended tokens").await?.rows_affected)
    }

    fn is_valid(&self) -> SimpleExpr {
        Expr::cust("due_at IS NULL").or(Expr::col(C::DueAt).gt(self.now()))
    }
}

impl From<tokens::Model> for Token {
    fn from(row: tokens::Model) -> Self {
        Token {
            id: TokenId(row.id),
            name: row.name,
            scopes: row.scopes.parse().unwrap_or(Scopes::NONE),
            tail: row.tail,
            created_at: Millis(row.created_at),
            due_at: row.due_at.map(Millis),
            used_at: row.used_at.map(Millis),
        }
    }
}
