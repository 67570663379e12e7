//! Tokens, links, the rate of uploads, and the end of accounts.

use std::time::Duration;

use futures_util::future::BoxFuture;

use super::{Pipeline, remove::ChangeError};
use crate::{
    account::{
        principal::Principal,
        scopes::Scopes,
        secret::{hash, is_link_secret, new_link_secret, new_token, token_tail},
        share::{Share, ShareId},
        token::{Token, TokenId},
        user::User,
    },
    catalog::{NewToken, UploadRate, UserChange},
    fault::Fault,
    image::ImageId,
    user_id::UserId,
};

impl Pipeline {
    /// The scopes and the user of the token with that hash, in whatever state; `None` when it has
    /// ended.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn token<'a>(
        &'a self,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<(Scopes, User)>, Fault>> {
        Box::pin(async move {
            let found = self.catalog().token(hash).await?;
            Ok(found.map(|(_, scopes, user)| (scopes, user)))
        })
    }

    /// Makes a token of `user`, which is valid for `life`; returns it with its secret, which cannot
    /// be read again. `None` when they have `MAX_TOKENS` already.
    ///
    /// # Errors
    /// The database is unavailable, or the user was deleted.
    pub fn create_token<'a>(
        &'a self,
        user: UserId,
        name: &'a str,
        scopes: Scopes,
        life: Option<Duration>,
    ) -> BoxFuture<'a, Result<Option<(String, Token)>, Fault>> {
        Box::pin(async move {
            let secret = new_token();
            let (hash, tail) = (&hash(&secret), token_tail(&secret));
            let new = NewToken { user, hash, tail, name, scopes, life };
            let token = self.catalog().create_token(&new, self.config().accounts.max_tokens);
            Ok(token.await?.map(|token| (secret, token)))
        })
    }

    /// The tokens of `user`, newest first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn tokens(&self, user: UserId) -> BoxFuture<'_, Result<Vec<Token>, Fault>> {
        Box::pin(async move { self.catalog().tokens(user).await })
    }

    /// Ends a token of `user`; returns whether there was one with that id.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn revoke_token(&self, user: UserId, id: TokenId) -> BoxFuture<'_, Result<bool, Fault>> {
        Box::pin(async move { self.catalog().revoke_token(user, id).await })
    }

    /// Makes a link to an image, which ends after `life`; returns it with its secret, which cannot
    /// be read again. `None` when there are `MAX_SHARES` already.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn create_share<'a>(
        &'a self,
        image: ImageId,
        principal: &'a Principal,
        life: Option<Duration>,
    ) -> BoxFuture<'a, Result<Option<(String, Share)>, ChangeError>> {
        Box::pin(async move {
            self.check_change(image, principal).await?;
            let by = principal.user().ok_or(ChangeError::NotOwner)?;
            let (secret, max) = (new_link_secret(), self.config().accounts.max_shares);
            let share = self.catalog().create_share(image, by, &hash(&secret), life, max).await?;
            Ok(share.map(|share| (secret, share)))
        })
    }

    /// The links to an image, newest first.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn shares<'a>(
        &'a self,
        image: ImageId,
        principal: &'a Principal,
    ) -> BoxFuture<'a, Result<Vec<Share>, ChangeError>> {
        Box::pin(async move {
            self.check_change(image, principal).await?;
            Ok(self.catalog().shares(image).await?)
        })
    }

    /// Ends a link to an image; returns whether there was one with that id.
    ///
    /// # Errors
    /// See [`ChangeError`].
    pub fn revoke_share<'a>(
        &'a self,
        image: ImageId,
        share: ShareId,
        principal: &'a Principal,
    ) -> BoxFuture<'a, Result<bool, ChangeError>> {
        Box::pin(async move {
            self.check_change(image, principal).await?;
            Ok(self.catalog().revoke_share(image, share).await?)
        })
    }

    /// The image that the link with that secret shows; `None` when it has ended.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn shared_image<'a>(
        &'a self,
        secret: &'a str,
    ) -> BoxFuture<'a, Result<Option<ImageId>, Fault>> {
        Box::pin(async move {
            match is_link_secret(secret) {
                true => self.catalog().shared_image(&hash(secret)).await,
                false => Ok(None),
            }
        })
    }

    /// Counts an upload of `user` against `UPLOADS_PER_MINUTE`; `None` without such a limit.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn count_upload(&self, user: UserId) -> BoxFuture<'_, Result<Option<UploadRate>, Fault>> {
        Box::pin(async move {
            match self.config().accounts.uploads_per_minute {
                Some(per_minute) => self.catalog().count_upload(user, per_minute).await,
                None => Ok(None),
            }
        })
    }

    /// Up to `limit` users, in the order of their first sign-in, after `after`.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn users(
        &self,
        after: Option<UserId>,
        limit: u64,
    ) -> BoxFuture<'_, Result<Vec<User>, Fault>> {
        Box::pin(async move { self.catalog().users(after, limit).await })
    }

    /// A user; `None` when there is none with that id.
    ///
    /// # Errors
    /// The database is unavailable.
    pub fn user(&self, id: UserId) -> BoxFuture<'_, Result<Option<User>, Fault>> {
        Box::pin(async move { self.catalog().user(id).await })
    }

    /// Changes a user who is not leaving; returns how they are then. `None` when there is no such
    /// user.
    ///
    /// # Errors
    /// The database is unavailable; the user may be changed nevertheless.
    pub fn change_user(
        &self,
        id: UserId,
        change: UserChange,
    ) -> BoxFuture<'_, Result<Option<User>, Fault>> {
        Box::pin(async move { self.catalog().change_user(id, change).await })
    }

    /// Begins to delete an account: it cannot be used any more, and its images cannot be read by
    /// others. The janitor removes them, and then the account. Returns whether there is such a
    /// user.
    ///
    /// # Errors
    /// The database is unavailable; it may have begun nevertheless.
    pub fn begin_leaving(&self, user: UserId) -> BoxFuture<'_, Result<bool, Fault>> {
        let pipeline = self.clone();
        Box::pin(async move {
            if !pipeline.catalog().begin_leaving(user).await? {
                return Ok(false);
            }
            pipeline.hide_images(user).await?;
            pipeline.queue().notify_changes();
            Ok(true)
        })
    }

    async fn hide_images(&self, user: UserId) -> Result<(), Fault> {
        let mut after = None;
        while let Some((last, hidden)) = self.catalog().hide_images(user, after).await? {
            after = Some(last);
            for change in hidden.into_iter().filter_map(|id| Some(self.known()?.change(id))) {
                change.end();
            }
        }
        Ok(())
    }

    /// Removes the images of users who are leaving, and then the users. Those who still have an
    /// upload are left to the next call.
    pub(super) async fn remove_leaving_users(&self) -> Result<(), Fault> {
        for user in self.catalog().leaving_users().await? {
            self.hide_images(user).await?;
            loop {
                let images = self.catalog().images_owned_by(user).await?;
                if images.is_empty() {
                    break;
                }
                for image in images {
                    self.remove_if_allowed(image, Principal::Open).await?;
                }
            }
            if self.catalog().delete_left_user(user).await? {
                tracing::info!(target: "audit", action = "account deleted", by = "", of = %user);
            }
        }
        Ok(())
    }

    /// Deletes tokens and links that have ended.
    pub(super) async fn delete_ended_credentials(&self) -> Result<(), Fault> {
        self.catalog().delete_ended_tokens().await?;
        self.catalog().delete_ended_shares().await?;
        Ok(())
    }
}
