//! Sessions of browsers. The database's clock ends them; deleting a row ends one at once.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, Iterable, QueryFilter, QueryOrder,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Query, SimpleExpr},
};

use super::{
    Bounded, Catalog,
    entity::{
        sessions::{self, Column as C},
        users,
    },
};
use crate::{
    account::{
        session::{Session, SessionId},
        user::User,
    },
    fault::Fault,
    image::Millis,
    user_id::UserId,
};

/// The least time between two updates of a session that is in use.
const TOUCH_INTERVAL: Duration = Duration::from_secs(3600);

impl Catalog {
    /// Starts a session of `user` that ends when it was not used for `idle`, or after `max`.
    /// `token_hash` is the hash of its cookie.
    ///
    /// # Errors
    /// The database is unavailable, or the user was deleted.
    pub async fn start_session(
        &self,
        user: UserId,
        token_hash: &str,
        agent: &str,
        idle: Duration,
        max: Duration,
    ) -> Result<SessionId, Fault> {
        let id = Uuid::now_v7();
        let mut insert = Query::insert();
        insert
            .into_table(sessions::Entity)
            .columns([
                C::TokenHash,
                C::Id,
                C::UserId,
                C::Agent,
                C::CreatedAt,
                C::SeenAt,
                C::IdleAt,
                C::DueAt,
            ])
            .values_panic([
                token_hash.into(),
                id.into(),
                user.0.into(),
                agent.into(),
                self.now(),
                self.now(),
                self.after(idle),
                self.after(max),
            ]);
        self.db.execute(&insert).bounded("start a session").await?;
        Ok(SessionId(id))
    }

    /// The session whose cookie has that hash, and its user, in whatever state. Records that it is
    /// used, at most once an hour: it then lasts for `idle` again. `None` when it has ended.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn session(
        &self,
        token_hash: &str,
        idle: Duration,
    ) -> Result<Option<(SessionId, User)>, Fault> {
        let interval = TOUCH_INTERVAL.min(idle / 2);
        let is_untouched = Expr::col((sessions::Entity, C::SeenAt)).lte(self.before(interval));
        let mut select = Query::select();
        select
            .columns(users::Column::iter().map(|column| (users::Entity, column)))
            .expr_as(Expr::col((sessions::Entity, C::Id)), "session_id")
            .expr_as(is_untouched, "is_untouched")
            .from(sessions::Entity)
            .inner_join(
                users::Entity,
                Expr::col((users::Entity, users::Column::Id)).equals((sessions::Entity, C::UserId)),
            )
            .and_where(Expr::col(C::TokenHash).eq(token_hash))
            .and_where(self.is_running());
        let find = async {
            let Some(row) = self.db.query_one(&select).await? else { return Ok(None) };
            if row.try_get("", "is_untouched")? {
                sessions::Entity::update_many()
                    .col_expr(C::SeenAt, self.now())
                    .col_expr(C::IdleAt, self.after(idle))
                    .filter(C::TokenHash.eq(token_hash))
                    .exec(&self.lease_db)
                    .await?;
            }
            let user = users::Model::from_query_result(&row, "")?;
            Ok::<_, DbErr>(Some((SessionId(row.try_get("", "session_id")?), User::from(user))))
        };
        find.bounded("look up a session").await
    }

    /// The sessions of `user` that have not ended, newest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<Session>, Fault> {
        let running = sessions::Entity::find()
            .filter(C::UserId.eq(user.0))
            .filter(self.is_running())
            .order_by_desc(C::CreatedAt);
        let rows = running.all(&self.db).bounded("list sessions").await?;
        Ok(rows.into_iter().map(Session::from).collect())
    }

    /// Ends the session whose cookie has that hash; returns whose it was.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn end_session(&self, token_hash: &str) -> Result<Option<UserId>, Fault> {
        let mut delete = Query::delete();
        delete
            .from_table(sessions::Entity)
            .and_where(Expr::col(C::TokenHash).eq(token_hash))
            .returning_col(C::UserId);
        let end = async {
            let row = self.db.query_one(&delete).await?;
            row.map(|row| row.try_get("", "user_id").map(UserId)).transpose()
        };
        end.bounded("end a session").await
    }

    /// Ends a session of `user`; returns whether there was one with that id.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn end_session_of(&self, user: UserId, id: SessionId) -> Result<bool, Fault> {
        let one =
            sessions::Entity::delete_many().filter(C::UserId.eq(user.0)).filter(C::Id.eq(id.0));
        let deleted = one.exec(&self.db).bounded("end a session").await?;
        Ok(deleted.rows_affected > 0)
    }

    /// Deletes sessions that have ended; returns how many.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn delete_ended_sessions(&self) -> Result<u64, Fault> {
        let ended = Expr::col(C::DueAt).lte(self.now()).or(Expr::col(C::IdleAt).lte(self.now()));
        let ended = sessions::Entity::delete_many().filter(ended);
        Ok(ended.exec(&self.db).bounded("delete ended sessions").await?.rows_affected)
    }

    fn is_running(&self) -> SimpleExpr {
        Expr::col(C::DueAt).gt(self.now()).and(Expr::col(C::IdleAt).gt(self.now()))
    }
}

impl From<sessions::Model> for Session {
    fn from(row: sessions::Model) -> Self {
        Session {
            id: SessionId(row.id),
            agent: row.agent,
            created_at: Millis(row.created_at),
            seen_at: Millis(row.seen_at),
            due_at: Millis(row.due_at),
        }
    }
}
