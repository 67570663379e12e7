//! Transfer of accounts: users and what they have, from one catalog into another.

use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, Iterable, QueryFilter, QueryOrder,
    QuerySelect,
    entity::prelude::*,
    sea_query::{Expr, OnConflict},
};

use super::{
    Bounded, Catalog,
    entity::{sessions, shares, sign_ins, tokens, users},
    transfer::insert,
};
use crate::fault::Fault;

/// Users that are copied at once.
const PAGE: u64 = 100;

/// Users, and what they have.
struct AccountRows {
    users: Vec<users::Model>,
    sessions: Vec<sessions::Model>,
    tokens: Vec<tokens::Model>,
    shares: Vec<shares::Model>,
}

impl Catalog {
    /// Makes the users of this catalog those of `source`, with their sessions, tokens and links.
    /// Copies the sign-ins that have begun. The images must have been copied before.
    ///
    /// # Errors
    /// One of the databases is unavailable. This can be repeated.
    pub async fn copy_accounts_from(&self, source: &Catalog) -> Result<(), Fault> {
        self.remove_users_unknown_to(source).await?;
        let mut last = Uuid::nil();
        loop {
            let rows = source.account_rows(last).await?;
            let Some(user) = rows.users.last() else { break };
            last = user.id;
            self.put_account_rows(rows).await?;
        }
        let pending = sign_ins::Entity::find().all(&source.db).bounded("read sign-ins").await?;
        if pending.is_empty() {
            return Ok(());
        }
        let known = OnConflict::column(sign_ins::Column::StateHash).do_nothing().to_owned();
        let pending = pending.into_iter().map(|row| row.into_active_model().reset_all());
        sign_ins::Entity::insert_many(pending)
            .on_conflict(known)
            .exec_without_returning(&self.db)
            .bounded("write sign-ins")
            .await
            .map(drop)
    }

    /// Removes the users that `source` does not have: those who left it during the transfer.
    async fn remove_users_unknown_to(&self, source: &Catalog) -> Result<(), Fault> {
        let mut last = Uuid::nil();
        loop {
            let ids = user_ids(users::Column::Id.gt(last), &self.db).bounded("list users").await?;
            let Some(end) = ids.last().copied() else { return Ok(()) };
            last = end;
            let among = users::Column::Id.is_in(ids.iter().copied());
            let known = user_ids(among, &source.db).bounded("list users").await?;
            let gone: Vec<Uuid> = ids.into_iter().filter(|id| !known.contains(id)).collect();
            if !gone.is_empty() {
                let remove = users::Entity::delete_many().filter(users::Column::Id.is_in(gone));
                remove.exec(&self.db).bounded("remove users").await?;
            }
        }
    }

    /// Some users behind `after`, in the order of their ids; none at the end.
    async fn account_rows(&self, after: Uuid) -> Result<AccountRows, Fault> {
        let read = async {
            let users = users::Entity::find()
                .filter(users::Column::Id.gt(after))
                .order_by_asc(users::Column::Id)
                .limit(PAGE)
                .all(&self.db)
                .await?;
            let mut rows =
                AccountRows { users, sessions: Vec::new(), tokens: Vec::new(), shares: Vec::new() };
            if rows.users.is_empty() {
                return Ok(rows);
            }
            let ids = || rows.users.iter().map(|user| user.id);
            let sessions = sessions::Entity::find().filter(sessions::Column::UserId.is_in(ids()));
            let tokens = tokens::Entity::find().filter(tokens::Column::UserId.is_in(ids()));
            let shares = shares::Entity::find().filter(shares::Column::ByUser.is_in(ids()));
            rows.sessions = sessions.all(&self.db).await?;
            rows.tokens = tokens.all(&self.db).await?;
            rows.shares = shares.all(&self.db).await?;
            Ok::<_, DbErr>(rows)
        };
        read.bounded("read the rows of users").await
    }

    /// Writes users as they are, and what they have in place of what they had.
    async fn put_account_rows(&self, rows: AccountRows) -> Result<(), Fault> {
        let put = async {
            let txn = self.begin().await?;
            let ids = || rows.users.iter().map(|user| user.id);
            sessions::Entity::delete_many()
                .filter(sessions::Column::UserId.is_in(ids()))
                .exec(&txn)
                .await?;
            tokens::Entity::delete_many()
                .filter(tokens::Column::UserId.is_in(ids()))
                .exec(&txn)
                .await?;
            shares::Entity::delete_many()
                .filter(shares::Column::ByUser.is_in(ids()))
                .exec(&txn)
                .await?;
            // images refer to users, who can therefore not be deleted and inserted again
            let columns = users::Column::iter().filter(|it| !matches!(it, users::Column::Id));
            let replace = OnConflict::column(users::Column::Id).update_columns(columns).to_owned();
            let users = rows.users.iter().map(|row| row.clone().into_active_model().reset_all());
            users::Entity::insert_many(users)
                .on_conflict(replace)
                .exec_without_returning(&txn)
                .await?;
            insert::<sessions::Entity, _>(&txn, rows.sessions).await?;
            insert::<tokens::Entity, _>(&txn, rows.tokens).await?;
            insert::<shares::Entity, _>(&txn, rows.shares).await?;
            txn.commit().await
        };
        put.bounded("write the rows of users").await
    }
}

async fn user_ids(which: Expr, db: &impl ConnectionTrait) -> Result<Vec<Uuid>, DbErr> {
    users::Entity::find()
        .select_only()
        .column(users::Column::Id)
        .filter(which)
        .order_by_asc(users::Column::Id)
        .limit(PAGE)
        .into_tuple()
        .all(db)
        .await
}
