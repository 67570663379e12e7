//! Sign-ins that wait for the answer of their identity provider: any API process may finish them.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult,
    entity::prelude::*,
    sea_query::{Expr, ExprTrait, Query},
};

use super::{
    Bounded, Catalog,
    entity::sign_ins::{self, Column as C},
};
use crate::{account::sign_in::PendingSignIn, fault::Fault};

impl Catalog {
    /// Records a sign-in for `lifetime`. `state_hash` and `browser_hash` are hashes of what the
    /// callback and the browser's cookie have to repeat.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn begin_sign_in(
        &self,
        state_hash: &str,
        browser_hash: &str,
        pending: &PendingSignIn,
        lifetime: Duration,
    ) -> Result<(), Fault> {
        let mut insert = Query::insert();
        insert
            .into_table(sign_ins::Entity)
            .columns([
                C::StateHash,
                C::BrowserHash,
                C::Provider,
                C::Nonce,
                C::Verifier,
                C::ReturnTo,
                C::DueAt,
            ])
            .values_panic([
                state_hash.into(),
                browser_hash.into(),
                pending.provider.as_str().into(),
                pending.nonce.as_str().into(),
                pending.verifier.as_str().into(),
                pending.return_to.as_str().into(),
                self.after(lifetime),
            ]);
        self.lease_db.execute(&insert).bounded("record a sign-in").await.map(drop)
    }

    /// Takes a sign-in: only one caller gets it. `None` when there is none that began in this
    /// browser with this provider, or it has expired.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn take_sign_in(
        &self,
        state_hash: &str,
        browser_hash: &str,
        provider: &str,
    ) -> Result<Option<PendingSignIn>, Fault> {
        let mut delete = Query::delete();
        delete
            .from_table(sign_ins::Entity)
            .and_where(Expr::col(C::StateHash).eq(state_hash))
            .and_where(Expr::col(C::BrowserHash).eq(browser_hash))
            .and_where(Expr::col(C::Provider).eq(provider))
            .and_where(Expr::col(C::DueAt).gt(self.now()))
            .returning_all();
        let take = async {
            let row = self.lease_db.query_one(&delete).await?;
            row.map(|row| sign_ins::Model::from_query_result(&row, "")).transpose()
        };
        let row = take.bounded("take a sign-in").await?;
        Ok(row.map(|sign_ins::Model { provider, nonce, verifier, return_to, .. }| PendingSignIn {
            provider,
            nonce,
            verifier,
            return_to,
        }))
    }

    /// Deletes sign-ins that were not finished in time; returns how many.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn delete_expired_sign_ins(&self) -> Result<u64, Fault> {
        let expired = sign_ins::Entity::delete_many().filter(Expr::col(C::DueAt).lte(self.now()));
        let deleted = expired.exec(&self.db).bounded("delete expired sign-ins").await?;
        Ok(deleted.rows_affected)
    }
}
