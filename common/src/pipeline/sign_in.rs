//! Signing in and out: sign-ins that wait for their provider, and sessions of browsers.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::Pipeline;
use crate::{
    account::{
        secret::hash,
        session::{Session, SessionId},
        sign_in::PendingSignIn,
        user::{Identity, Role, User, UserState},
    },
    fault::Fault,
    user_id::UserId,
};

/// How long a sign-in may take at the provider.
pub const SIGN_IN_LIFETIME: Duration = Duration::from_secs(600);

/// A session that is about to start.
pub struct NewSession {
    /// The value of its cookie. Only its hash is stored.
    pub token: String,
    /// The browser, as it calls itself.
    pub agent: String,
    /// How long it lasts without being used.
    pub idle: Duration,
    /// How long it lasts.
    pub max: Duration,
}

impl Pipeline {
    /// Records a sign-in for [`SIGN_IN_LIFETIME`]. The callback has to repeat `state`, and the
    /// browser's cookie `browser`; only their hashes are stored.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn begin_sign_in<'a>(
        &'a self,
        state: &'a str,
        browser: &'a str,
        pending: &'a PendingSignIn,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async move {
            let (state, browser) = (hash(state), hash(browser));
            self.catalog().begin_sign_in(&state, &browser, pending, SIGN_IN_LIFETIME).await
        })
    }

    /// Takes a sign-in: only one caller gets it. `None` when there is none that began in this
    /// browser with this provider, or it has expired.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn take_sign_in<'a>(
        &'a self,
        state: &'a str,
        browser: &'a str,
        provider: &'a str,
    ) -> BoxFuture<'a, Result<Option<PendingSignIn>, Fault>> {
        Box::pin(async move {
            let (state, browser) = (hash(state), hash(browser));
            self.catalog().take_sign_in(&state, &browser, provider).await
        })
    }

    /// Records who signed in, and starts their session if the account can be used: check the state
    /// of the user who is returned.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn sign_in<'a>(
        &'a self,
        identity: &'a Identity,
        role: Role,
        session: &'a NewSession,
    ) -> BoxFuture<'a, Result<User, Fault>> {
        Box::pin(async move {
            let user = self.catalog().sign_in_user(identity, role).await?;
            if user.state == UserState::Active {
                let NewSession { token, agent, idle, max } = session;
                self.catalog().start_session(user.id, &hash(token), agent, *idle, *max).await?;
            }
            Ok(user)
        })
    }

    /// Who is signed in with that cookie; the session then lasts for `idle` again. `None` when it
    /// has ended, or the account cannot be used.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn session<'a>(
        &'a self,
        token: &'a str,
        idle: Duration,
    ) -> BoxFuture<'a, Result<Option<(SessionId, User)>, Fault>> {
        Box::pin(async move {
            let session = self.catalog().session(&hash(token), idle).await?;
            Ok(session.filter(|(_, user)| user.state == UserState::Active))
        })
    }

    /// The sessions of `user`, newest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn sessions(&self, user: UserId) -> BoxFuture<'_, Result<Vec<Session>, Fault>> {
        Box::pin(async move { self.catalog().sessions(user).await })
    }

    /// Ends a session of `user`; returns whether there was one with that id.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn end_session(&self, user: UserId, id: SessionId) -> BoxFuture<'_, Result<bool, Fault>> {
        Box::pin(async move { self.catalog().end_session_of(user, id).await })
    }

    /// Ends the session with that cookie; returns whose it was.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn sign_out<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<UserId>, Fault>> {
        Box::pin(async move { self.catalog().end_session(&hash(token)).await })
    }
}
