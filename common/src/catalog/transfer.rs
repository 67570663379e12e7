//! Transfer: the rows of images as they are, from one catalog into another, and the freeze of a
//! catalog that is copied to its end. [`Catalog::copy_accounts_from`] copies the accounts.
//!
//! Rows of the installation are not copied: what the garbage collection, the backfill and the
//! retention remember, uploads that are not received as a whole, and the sequence of changes, which
//! the other database begins anew.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Range,
};

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Statement, entity::prelude::*, sea_query::OnConflict,
};

use super::{
    Bounded, Catalog,
    entity::{images, jobs, renders, users},
    location,
};
use crate::{fault::Fault, image::ImageId};

/// Rows that one statement inserts: SQLite allows 32,766 values.
const INSERTED_AT_ONCE: usize = 1_000;
const EVERY_CHANGE: &[&str] = &["insert", "update", "delete"];
/// The tables that a freeze protects, and from what. When a session or a token was used last is
/// still written, since who reads would be refused otherwise.
const FROZEN: [(&str, &[&str]); 8] = [
    ("images", EVERY_CHANGE),
    ("jobs", EVERY_CHANGE),
    ("renders", EVERY_CHANGE),
    ("users", EVERY_CHANGE),
    ("sign_ins", EVERY_CHANGE),
    ("sessions", &["insert", "delete"]),
    ("tokens", &["insert", "delete"]),
    ("shares", EVERY_CHANGE),
];
/// What the database answers to a program that changes a frozen catalog.
const REFUSAL: &str = "this installation was moved to another place (planet-admin move)";

/// Whether the database refused a change because the installation was moved.
pub fn was_moved(fault: &Fault) -> bool {
    // neither database lets a trigger answer with more than a text
    fault.to_string().contains(REFUSAL)
}

/// The rows of a stored image: its own, those of its jobs and of its renders.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRows {
    image: images::Model,
    jobs: Vec<jobs::Model>,
    renders: Vec<renders::Model>,
}

/// A blob to which rows refer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferredBlob {
    /// Its key in the store.
    pub key: String,
    /// Ranges of its bytes, and the SHA-256 of each, in lower-case hex.
    pub parts: Vec<(Range<u64>, String)>,
}

impl ImageRows {
    /// The image.
    pub fn id(&self) -> ImageId {
        ImageId(self.image.id)
    }

    /// The blobs of its original and its renders. `original_key` makes the key of an original from
    /// its image and its attempt.
    pub fn blobs(&self, original_key: fn(ImageId, i32) -> String) -> Vec<ReferredBlob> {
        let range = |start: u64, length: i64| start..start + u64::try_from(length).unwrap_or(0);
        let original = ReferredBlob {
            key: original_key(self.id(), self.image.attempt),
            parts: vec![(range(0, self.image.bytes), self.image.sha256.clone())],
        };
        let mut texts: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for render in &self.renders {
            let (key, offset) = location::parse(&render.blob);
            let part = (range(offset, render.bytes), render.sha256.clone());
            texts.entry(key).or_default().push(part);
        }
        let texts =
            texts.into_iter().map(|(key, parts)| ReferredBlob { key: key.to_owned(), parts });
        std::iter::once(original).chain(texts).collect()
    }
}

impl Catalog {
    /// Up to `limit` ids of stored images behind `after`, in their order.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn image_ids(
        &self,
        after: Option<ImageId>,
        limit: u64,
    ) -> Result<Vec<ImageId>, Fault> {
        let ids: Vec<Uuid> = images::Entity::find()
            .select_only()
            .column(images::Column::Id)
            .filter(images::Column::State.eq(images::State::Stored))
            .filter(images::Column::Id.gt(after.map_or(Uuid::nil(), |after| after.0)))
            .order_by_asc(images::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .bounded("list ids of images")
            .await?;
        Ok(ids.into_iter().map(ImageId).collect())
    }

    /// The rows of those of these images that are stored, in the order of their ids.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn image_rows(&self, ids: &[ImageId]) -> Result<Vec<ImageRows>, Fault> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = || ids.iter().map(|id| id.0);
        let read = async {
            let images = images::Entity::find()
                .filter(images::Column::Id.is_in(ids()))
                .filter(images::Column::State.eq(images::State::Stored))
                .order_by_asc(images::Column::Id)
                .all(&self.db)
                .await?;
            let jobs = jobs::Entity::find()
                .filter(jobs::Column::ImageId.is_in(ids()))
                .order_by_asc(jobs::Column::Id)
                .all(&self.db)
                .await?;
            let renders = renders::Entity::find()
                .filter(renders::Column::ImageId.is_in(ids()))
                .order_by_asc(renders::Column::Id)
                .all(&self.db)
                .await?;
            Ok::<_, DbErr>((images, jobs, renders))
        };
        let (images, jobs, renders) = read.bounded("read the rows of images").await?;
        let mut jobs = grouped(jobs, |job| job.image_id);
        let mut renders = grouped(renders, |render| render.image_id);
        let rows = images.into_iter().map(|image| ImageRows {
            jobs: jobs.remove(&image.id).unwrap_or_default(),
            renders: renders.remove(&image.id).unwrap_or_default(),
            image,
        });
        Ok(rows.collect())
    }

    /// Writes the rows of images as they are, in place of those that there are.
    ///
    /// # Errors
    /// The database is unavailable; the write may have happened, and can be repeated.
    pub async fn put_image_rows(&self, rows: &[ImageRows]) -> Result<(), Fault> {
        if rows.is_empty() {
            return Ok(());
        }
        let put = async {
            let txn = self.begin().await?;
            let ids = rows.iter().map(|rows| rows.image.id);
            images::Entity::delete_many().filter(images::Column::Id.is_in(ids)).exec(&txn).await?;
            let owners: BTreeSet<Uuid> =
                rows.iter().filter_map(|rows| rows.image.owner_id).collect();
            insert_owners(&txn, owners).await?;
            let images: Vec<_> = rows.iter().map(|rows| rows.image.clone()).collect();
            insert::<images::Entity, _>(&txn, images).await?;
            let jobs: Vec<_> = rows.iter().flat_map(|rows| rows.jobs.clone()).collect();
            insert::<jobs::Entity, _>(&txn, jobs).await?;
            let renders: Vec<_> = rows.iter().flat_map(|rows| rows.renders.clone()).collect();
            insert::<renders::Entity, _>(&txn, renders).await?;
            txn.commit().await
        };
        put.bounded("write the rows of images").await
    }

    /// Removes the rows of images, and leaves their blobs.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn remove_image_rows(&self, ids: &[ImageId]) -> Result<(), Fault> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.iter().map(|id| id.0);
        let remove = images::Entity::delete_many().filter(images::Column::Id.is_in(ids));
        remove.exec(&self.db).bounded("remove the rows of images").await.map(drop)
    }

    /// Records that this catalog gets the images and the accounts of `source`. One that has images
    /// or users already, or gets them from elsewhere, is refused.
    ///
    /// # Errors
    /// It is refused, or the database is unavailable.
    pub async fn begin_transfer_from(&self, source: &str) -> Result<(), Fault> {
        const DOING: &str = "move to this database";
        let is_used = self.has_users().await? || !self.image_ids(None, 1).await?.is_empty();
        let begin = async {
            let create = "CREATE TABLE IF NOT EXISTS transfers (source text NOT NULL)";
            self.db.execute_unprepared(create).await?;
            let backend = self.db.get_database_backend();
            let read = Statement::from_string(backend, "SELECT source FROM transfers");
            match self.db.query_one_raw(read).await? {
                Some(row) => row.try_get::<String>("", "source").map(Some),
                None if is_used => Ok(None),
                None => {
                    let sql = match backend {
                        DbBackend::Sqlite => "INSERT INTO transfers VALUES (?)",
                        _ => "INSERT INTO transfers VALUES ($1)",
                    };
                    let insert = Statement::from_sql_and_values(backend, sql, [source.into()]);
                    self.db.execute_raw(insert).await?;
                    Ok(Some(source.to_owned()))
                }
            }
        };
        match begin.bounded(DOING).await? {
            Some(known) if known == source => Ok(()),
            Some(known) => Err(Fault::new(DOING, format!("{known} is being moved to it"))),
            None => Err(Fault::new(DOING, "it has images or users already")),
        }
    }

    /// Ends a transfer: this catalog has all images and accounts of its source.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn end_transfer(&self) -> Result<(), Fault> {
        self.db.execute_unprepared("DROP TABLE transfers").bounded("end the move").await.map(drop)
    }

    /// Freezes images and accounts, by triggers: from now on the database refuses every change of
    /// them, whichever program makes it. What was begun before has ended.
    ///
    /// # Errors
    /// The database is unavailable; it may be frozen or not.
    pub async fn freeze(&self) -> Result<(), Fault> {
        let freeze = async {
            for sql in self.freezing() {
                self.db.execute_unprepared(&sql).await?;
            }
            Ok::<_, DbErr>(())
        };
        freeze.bounded("freeze the database").await
    }

    fn freezing(&self) -> Vec<String> {
        match self.db.get_database_backend() {
            DbBackend::Sqlite => frozen_changes()
                .map(|(table, change)| {
                    format!(
                        "CREATE TRIGGER IF NOT EXISTS {table}_frozen_{change} BEFORE {change} \
                         ON {table} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
                    )
                })
                .collect(),
            _ => {
                let function = format!(
                    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger \
                     LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
                );
                let trigger = |(table, changes): (&str, &[&str])| {
                    let changes = changes.join(" OR ");
                    format!(
                        "DROP TRIGGER IF EXISTS {table}_frozen ON {table}; \
                         CREATE TRIGGER {table}_frozen BEFORE {changes} \
                         ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
                    )
                };
                std::iter::once(function).chain(FROZEN.map(trigger)).collect()
            }
        }
    }

    /// Ends a freeze, if there is one.
    ///
    /// # Errors
    /// The database is unavailable; it may be frozen or not.
    pub async fn unfreeze(&self) -> Result<(), Fault> {
        let drop: Vec<String> = match self.db.get_database_backend() {
            DbBackend::Sqlite => frozen_changes()
                .map(|(table, change)| format!("DROP TRIGGER IF EXISTS {table}_frozen_{change}"))
                .collect(),
            _ => FROZEN
                .map(|(table, _)| format!("DROP TRIGGER IF EXISTS {table}_frozen ON {table}"))
                .into(),
        };
        let unfreeze = async {
            for sql in drop {
                self.db.execute_unprepared(&sql).await?;
            }
            Ok::<_, DbErr>(())
        };
        unfreeze.bounded("end the freeze of the database").await
    }
}

/// Each frozen table with each kind of change.
fn frozen_changes() -> impl Iterator<Item = (&'static str, &'static str)> {
    FROZEN.into_iter().flat_map(|(table, changes)| changes.iter().map(move |it| (table, *it)))
}

fn grouped<T>(rows: Vec<T>, image: impl Fn(&T) -> Uuid) -> HashMap<Uuid, Vec<T>> {
    let mut groups: HashMap<Uuid, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(image(&row)).or_default().push(row);
    }
    groups
}

/// Adds rows for the owners of images whose own rows are not copied yet, so that the images can
/// refer to them. No one can be such a user.
async fn insert_owners(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<(), DbErr> {
    let owner = |id: Uuid| users::Model {
        id,
        issuer: String::new(),
        subject: id.to_string(),
        name: String::new(),
        email: None,
        role: users::Role::User,
        state: users::State::Blocked,
        bytes_used: 0,
        images_used: 0,
        upload_tat: 0,
        max_bytes: None,
        max_images: None,
        created_at: 0,
        seen_at: 0,
    };
    let owners: Vec<_> =
        ids.into_iter().map(|id| owner(id).into_active_model().reset_all()).collect();
    if owners.is_empty() {
        return Ok(());
    }
    let known = OnConflict::column(users::Column::Id).do_nothing().to_owned();
    users::Entity::insert_many(owners).on_conflict(known).exec_without_returning(db).await.map(drop)
}

/// Inserts rows as they are.
pub(super) async fn insert<E, M>(db: &impl ConnectionTrait, rows: Vec<M>) -> Result<(), DbErr>
where
    E: EntityTrait<Model = M>,
    M: ModelTrait<Entity = E> + IntoActiveModel<E::ActiveModel> + Clone,
    E::ActiveModel: Send,
{
    for part in rows.chunks(INSERTED_AT_ONCE) {
        let part = part.iter().map(|row| row.clone().into_active_model().reset_all());
        E::insert_many(part).exec_without_returning(db).await?;
    }
    Ok(())
}
