//! The tables as SeaORM entities; the types of this file are private to the catalog.

pub(super) mod images {
    use sea_orm::entity::prelude::*;

    /// An upload becomes an image when it is stored.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
    pub(crate) enum State {
        Uploading,
        Stored,
    }

    /// See [`crate::visibility::Visibility`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
    pub(crate) enum Visibility {
        Private,
        Public,
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "images")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub state: State,
        pub attempt: i32,
        pub idempotency_key: Option<String>,
        pub name: Option<String>,
        pub media_type: String,
        pub bytes: i64,
        pub width: i64,
        pub height: i64,
        pub frames: i64,
        pub bands: Option<i64>,
        pub bit_depth: Option<i64>,
        pub orientation: Option<i64>,
        /// A JSON array of texts and nulls; null for a file that names no band.
        pub band_names: Option<String>,
        /// A JSON object; null where the file does not say where the image lies.
        pub geo: Option<String>,
        pub sha256: String,
        pub due_at: i64,
        pub created_at: i64,
        pub stored_at: Option<i64>,
        /// Null for an image of a service without accounts.
        pub owner_id: Option<Uuid>,
        pub visibility: Visibility,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod jobs {
    use sea_orm::entity::prelude::*;

    /// A running job is pending, with a lease.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
    pub(crate) enum State {
        Pending,
        Done,
        Dead,
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "jobs")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub image_id: Uuid,
        pub engine: i32,
        pub state: State,
        pub attempt: i32,
        pub strikes: i32,
        pub due_at: i64,
        pub worker: Option<String>,
        pub error: Option<String>,
        pub created_at: i64,
        pub done_at: Option<i64>,
        /// See [`crate::job::Lane`].
        pub backfill: bool,
        pub faults: i32,
        /// A `traceparent`, see [`crate::trace::TraceContext`].
        pub trace: Option<String>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod renders {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "renders")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub image_id: Uuid,
        pub engine: i32,
        pub spec: String,
        pub spec_hash: String,
        /// See [`super::super::location`].
        pub blob: String,
        pub sha256: String,
        pub bytes: i64,
        pub columns: i64,
        pub rows: i64,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod changes {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "changes")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub image_id: Uuid,
        pub seq: i64,
        pub deleted_at: Option<i64>,
        pub owner_id: Option<Uuid>,
        /// Whether the image was public at that change or at an earlier one.
        pub was_public: bool,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod blob_gc {
    use sea_orm::entity::prelude::*;

    /// See [`super::super::blob_gc`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
    pub(crate) enum State {
        Reserved,
        Marked,
        Swept,
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "blob_gc")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub blob: String,
        pub state: State,
        pub due_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod backfills {
    use sea_orm::entity::prelude::*;

    /// See [`super::super::backfill`].
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "backfills")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub engine: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub presets: String,
        pub low: Uuid,
        pub high: Uuid,
        pub started_at: i64,
        pub seen_at: i64,
        pub leased_until: i64,
        pub token: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod retentions {
    use sea_orm::entity::prelude::*;

    /// See [`super::super::retention`].
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "retentions")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub kept: i32,
        pub seen: String,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod users {
    use sea_orm::entity::prelude::*;

    /// See [`crate::account::user::Role`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
    pub(crate) enum Role {
        User,
        Admin,
    }

    /// See [`crate::account::user::UserState`].
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
    pub(crate) enum State {
        Active,
        Blocked,
        Leaving,
    }

    /// See [`crate::account::user::User`].
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "users")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub issuer: String,
        pub subject: String,
        pub name: String,
        pub email: Option<String>,
        pub role: Role,
        pub state: State,
        pub bytes_used: i64,
        pub images_used: i64,
        /// When the next upload would conform, if it came then (the theoretical arrival time of the
        /// generic cell rate algorithm, ITU-T I.371).
        pub upload_tat: i64,
        pub max_bytes: Option<i64>,
        pub max_images: Option<i64>,
        pub created_at: i64,
        pub seen_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod sign_ins {
    use sea_orm::entity::prelude::*;

    /// A sign-in that waits for the answer of its identity provider.
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sign_ins")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub state_hash: String,
        pub browser_hash: String,
        pub provider: String,
        pub nonce: String,
        pub verifier: String,
        pub return_to: String,
        pub due_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod sessions {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sessions")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub token_hash: String,
        pub id: Uuid,
        pub user_id: Uuid,
        pub agent: String,
        pub created_at: i64,
        pub seen_at: i64,
        pub idle_at: i64,
        pub due_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod tokens {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tokens")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub token_hash: String,
        pub user_id: Uuid,
        pub name: String,
        /// See [`crate::account::scopes::Scopes`].
        pub scopes: String,
        /// The last characters of the token.
        pub tail: String,
        pub created_at: i64,
        pub due_at: Option<i64>,
        pub used_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod shares {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "shares")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub secret_hash: String,
        pub id: Uuid,
        pub image_id: Uuid,
        pub by_user: Uuid,
        pub created_at: i64,
        pub due_at: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod uploads {
    use sea_orm::entity::prelude::*;

    /// See [`crate::resumable::UploadState`]. One that is ending is being removed.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Text", rename_all = "snake_case")]
    pub(crate) enum State {
        Receiving,
        Finishing,
        Done,
        Failed,
        Ending,
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "uploads")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Null for an upload to a service without accounts.
        pub owner_id: Option<Uuid>,
        pub state: State,
        pub attempt: i32,
        pub length: i64,
        pub position: i64,
        pub next_part: i32,
        pub multipart_id: Option<String>,
        pub tail: Option<String>,
        /// See [`crate::resumable::HashState`].
        pub sha_state: String,
        pub name: Option<String>,
        pub image_id: Option<Uuid>,
        pub error: Option<String>,
        pub due_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod upload_parts {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "upload_parts")]
    pub(crate) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub upload_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        /// See [`crate::resumable::Part`].
        pub receipt: String,
        pub bytes: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub(crate) enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
