//! Users: one row for each subject of each identity provider.

use sea_orm::{
    ConnectionTrait, EntityTrait, FromQueryResult, QuerySelect,
    entity::prelude::*,
    sea_query::{OnConflict, Query},
};

use super::{
    Bounded, Catalog,
    entity::users::{self, Column as C},
};
use crate::{
    account::user::{Identity, Role, User, UserState},
    fault::Fault,
    image::Millis,
    user_id::UserId,
};

impl Catalog {
    /// Records that somebody signed in, with the role that they have from now on: a new user, or
    /// the one with the same issuer and subject, whose labels are renewed. Check the state of the
    /// user who is returned.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn sign_in_user(&self, identity: &Identity, role: Role) -> Result<User, Fault> {
        let mut insert = Query::insert();
        insert
            .into_table(users::Entity)
            .columns([
                C::Id,
                C::Issuer,
                C::Subject,
                C::Name,
                C::Email,
                C::Role,
                C::State,
                C::CreatedAt,
                C::SeenAt,
            ])
            .values_panic([
                UserId::generate().0.into(),
                identity.issuer.clone().into(),
                identity.subject.clone().into(),
                identity.name.clone().into(),
                identity.email.clone().into(),
                users::Role::from(role).into(),
                users::State::Active.into(),
                self.now(),
                self.now(),
            ])
            .on_conflict(
                OnConflict::columns([C::Issuer, C::Subject])
                    .update_columns([C::Name, C::Email, C::Role, C::SeenAt])
                    .to_owned(),
            )
            .returning_all();
        let sign_in = async {
            let row = self.db.query_one(&insert).await?;
            let row = row.ok_or_else(|| DbErr::RecordNotFound("the user".into()))?;
            users::Model::from_query_result(&row, "")
        };
        sign_in.bounded("record a sign-in").await.map(User::from)
    }

    /// A user; `None` when there is none with that id.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, Fault> {
        let row = users::Entity::find_by_id(id.0).one(&self.db).bounded("look up a user").await?;
        Ok(row.map(User::from))
    }

    /// Whether anyone ever signed in.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn has_users(&self) -> Result<bool, Fault> {
        let any = users::Entity::find().select_only().column(C::Id).into_tuple::<Uuid>();
        Ok(any.one(&self.db).bounded("look for users").await?.is_some())
    }
}

impl From<Role> for users::Role {
    fn from(role: Role) -> Self {
        match role {
            Role::User => users::Role::User,
            Role::Admin => users::Role::Admin,
        }
    }
}

impl From<users::Role> for Role {
    fn from(role: users::Role) -> Self {
        match role {
            users::Role::User => Role::User,
            users::Role::Admin => Role::Admin,
        }
    }
}

impl From<UserState> for users::State {
    fn from(state: UserState) -> Self {
        match state {
            UserState::Active => users::State::Active,
            UserState::Blocked => users::State::Blocked,
            UserState::Leaving => users::State::Leaving,
        }
    }
}

impl From<users::State> for UserState {
    fn from(state: users::State) -> Self {
        match state {
            users::State::Active => UserState::Active,
            users::State::Blocked => UserState::Blocked,
            users::State::Leaving => UserState::Leaving,
        }
    }
}

impl From<users::Model> for User {
    fn from(row: users::Model) -> Self {
        User {
            id: UserId(row.id),
            issuer: row.issuer,
            subject: row.subject,
            name: row.name,
            email: row.email,
            role: row.role.into(),
            state: row.state.into(),
            bytes_used: row.bytes_used as u64,
            images_used: row.images_used as u64,
            max_bytes: row.max_bytes.map(|most| most as u64),
            max_images: row.max_images.map(|most| most as u64),
            created_at: Millis(row.created_at),
            seen_at: Millis(row.seen_at),
        }
    }
}
