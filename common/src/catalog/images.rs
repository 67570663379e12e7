//! Images: look up, list and remove them, with their jobs and renders.

use sea_orm::{
    Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, Select,
    entity::prelude::*, sea_query::LockType,
};

use super::{
    Bounded, Catalog,
    entity::{images, jobs, renders},
    geo, location,
    page::{Page, stored},
    rights::{changeable, readable},
};
use crate::{
    account::principal::Principal,
    fault::Fault,
    image::{Image, ImageId, Layout, Metadata, Millis},
    job::{Job, JobError, JobId, JobState},
    render::Render,
    user_id::UserId,
    visibility::Visibility,
};

/// Which renders of an image to look up.
#[derive(Debug, Clone, Copy)]
pub enum Renders<'a> {
    /// Every one.
    All,
    /// One of a spec.
    Newest {
        /// See [`crate::render::spec_hash`].
        spec_hash: &'a str,
        /// Its engine version; `None`: the newest that is stored.
        engine: Option<u32>,
    },
}

impl Catalog {
    /// One stored image; `None` when no such image is stored.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn image(&self, id: ImageId) -> Result<Option<Image>, Fault> {
        let row = stored().filter(images::Column::Id.eq(id.0)).one(&self.db);
        let row = row.bounded("look up an image").await?;
        Ok(row.map(Image::from))
    }

    /// One stored image that `reader` may read; otherwise `None`.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn readable_image(
        &self,
        id: ImageId,
        reader: &Principal,
    ) -> Result<Option<Image>, Fault> {
        let row = stored().filter(images::Column::Id.eq(id.0)).filter(readable(reader));
        let row = row.one(&self.db).bounded("look up an image").await?;
        Ok(row.map(Image::from))
    }

    /// A page of all stored images, in its order, for every reader.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn images(&self, page: &Page) -> Result<Vec<Image>, Fault> {
        let select = page.select(self.db.get_database_backend());
        let rows = select.all(&self.db).bounded("list images").await?;
        Ok(rows.into_iter().map(Image::from).collect())
    }

    /// One stored image with its jobs, newest engine version first, by one query; `None` when no
    /// such image is stored, or `reader` may not read it.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn image_with_jobs(
        &self,
        id: ImageId,
        reader: &Principal,
    ) -> Result<Option<(Image, Vec<Job>)>, Fault> {
        let one = stored().filter(images::Column::Id.eq(id.0)).filter(readable(reader));
        Ok(self.with_jobs(one).await?.pop())
    }

    /// As [`Catalog::images`], of those that `reader` may read, each with its jobs, newest engine
    /// version first, by one query.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn images_with_jobs(
        &self,
        page: &Page,
        reader: &Principal,
    ) -> Result<Vec<(Image, Vec<Job>)>, Fault> {
        let ids = page.ids(reader, self.db.get_database_backend());
        let mut images =
            self.with_jobs(stored().filter(images::Column::Id.in_subquery(ids))).await?;
        page.sort(&mut images);
        Ok(images)
    }

    /// Those of the images that are stored, newest first, with their jobs, by one query.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn images_of(&self, ids: &[ImageId]) -> Result<Vec<(Image, Vec<Job>)>, Fault> {
        let ids = ids.iter().map(|id| id.0);
        self.with_jobs(stored().filter(images::Column::Id.is_in(ids))).await
    }

    /// The selected images, newest first, each with its jobs, newest engine version first.
    async fn with_jobs(
        &self,
        select: Select<images::Entity>,
    ) -> Result<Vec<(Image, Vec<Job>)>, Fault> {
        let jobs_of = images::Entity::belongs_to(jobs::Entity)
            .from(images::Column::Id)
            .to(jobs::Column::ImageId);
        let rows = select
            .join(JoinType::LeftJoin, jobs_of.into())
            .select_also(jobs::Entity)
            .order_by_desc(images::Column::Id)
            .order_by_desc(jobs::Column::Engine)
            .all(&self.db)
            .bounded("look up images and their jobs")
            .await?;
        let mut images: Vec<(Image, Vec<Job>)> = Vec::new();
        for (image, job) in rows {
            if images.last().is_none_or(|(last, _)| last.id.0 != image.id) {
                images.push((image.into(), Vec::new()));
            }
            if let Some((_, jobs)) = images.last_mut() {
                jobs.extend(job.map(Job::from));
            }
        }
        Ok(images)
    }

    /// The jobs of those images, newest engine version first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn jobs_of(&self, ids: &[ImageId]) -> Result<Vec<Job>, Fault> {
        let rows = jobs::Entity::find()
            .filter(jobs::Column::ImageId.is_in(ids.iter().map(|id| id.0)))
            .order_by_desc(jobs::Column::Engine)
            .all(&self.db)
            .bounded("look up jobs")
            .await?;
        Ok(rows.into_iter().map(Job::from).collect())
    }

    /// A stored image with those of its renders that `which` selects, newest engine version first,
    /// by one query; `None` when no such image is stored, or `reader` may not read it.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn image_with_renders(
        &self,
        id: ImageId,
        which: Renders<'_>,
        reader: &Principal,
    ) -> Result<Option<(Image, Vec<Render>)>, Fault> {
        use renders::Column as R;
        let (on, limit) = match which {
            Renders::All => (Condition::all(), None),
            Renders::Newest { spec_hash, engine } => {
                let engine = engine.map(|engine| R::Engine.eq(i64::from(engine)));
                let on = Condition::all().add(R::SpecHash.eq(spec_hash)).add_option(engine);
                (on, Some(1))
            }
        };
        let renders_of = images::Entity::belongs_to(renders::Entity)
            .from(images::Column::Id)
            .to(R::ImageId)
            .on_condition(move |_, _| on.clone());
        let rows = stored()
            .filter(images::Column::Id.eq(id.0))
            .filter(readable(reader))
            .join(JoinType::LeftJoin, renders_of.into())
            .select_also(renders::Entity)
            .order_by_desc(R::Engine)
            .order_by_asc(R::CreatedAt)
            .order_by_asc(R::Spec)
            .limit(limit)
            .all(&self.db)
            .bounded("look up an image and its renders")
            .await?;
        let mut image = None;
        let mut renders = Vec::with_capacity(rows.len());
        for (row, render) in rows {
            image.get_or_insert_with(|| Image::from(row));
            renders.extend(render.map(Render::from));
        }
        Ok(image.map(|image| (image, renders)))
    }

    /// Every stored render of an image, newest engine version first.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn renders(&self, image: ImageId) -> Result<Vec<Render>, Fault> {
        let rows = renders::Entity::find()
            .filter(renders::Column::ImageId.eq(image.0))
            .order_by_desc(renders::Column::Engine)
            .order_by_asc(renders::Column::CreatedAt)
            .order_by_asc(renders::Column::Spec)
            .all(&self.db)
            .bounded("list renders")
            .await?;
        Ok(rows.into_iter().map(Render::from).collect())
    }

    /// Removes an image with its jobs and renders, marks its blobs, and returns their keys.
    /// `original` makes the original's key from its attempt. `None` when no such image is stored, or
    /// `principal` may not delete it.
    ///
    /// # Errors
    /// The database is unavailable; the image may be removed nevertheless.
    pub async fn remove_image(
        &self,
        id: ImageId,
        principal: &Principal,
        original: impl Fn(i32) -> String,
    ) -> Result<Option<Vec<String>>, Fault> {
        let remove = async {
            let txn = self.begin().await?;
            // keeps a worker from adding renders between this query and the deletion
            let row = images::Entity::find_by_id(id.0)
                .filter(images::Column::State.eq(images::State::Stored))
                .filter(changeable(principal))
                .lock(LockType::Update)
                .one(&txn)
                .await?;
            let Some(row) = row else {
                txn.rollback().await?;
                return Ok(None);
            };
            let blobs = self.mark_image(&txn, id, &original(row.attempt)).await?;
            images::Entity::delete_by_id(id.0).exec(&txn).await?;
            txn.commit().await?;
            Ok::<_, DbErr>(Some(blobs))
        };
        remove.bounded("remove an image").await
    }

    /// Makes an image private or public, and returns it; `None` when no such image is stored, or
    /// `principal` may not change it.
    ///
    /// # Errors
    /// The database is unavailable; the image may be changed nevertheless.
    pub async fn set_visibility(
        &self,
        id: ImageId,
        visibility: Visibility,
        principal: &Principal,
    ) -> Result<Option<Image>, Fault> {
        let rows = images::Entity::update_many()
            .col_expr(images::Column::Visibility, images::Visibility::from(visibility).into())
            .filter(images::Column::Id.eq(id.0))
            .filter(images::Column::State.eq(images::State::Stored))
            .filter(changeable(principal))
            .exec_with_returning(&self.db)
            .bounded("change who may see an image")
            .await?;
        Ok(rows.into_iter().next().map(Image::from))
    }
}

impl From<Visibility> for images::Visibility {
    fn from(visibility: Visibility) -> Self {
        match visibility {
            Visibility::Private => images::Visibility::Private,
            Visibility::Public => images::Visibility::Public,
        }
    }
}

impl From<images::Visibility> for Visibility {
    fn from(visibility: images::Visibility) -> Self {
        match visibility {
            images::Visibility::Private => Visibility::Private,
            images::Visibility::Public => Visibility::Public,
        }
    }
}

impl From<images::Model> for Image {
    fn from(row: images::Model) -> Self {
        Image {
            id: ImageId(row.id),
            attempt: row.attempt,
            metadata: Metadata {
                name: row.name,
                media_type: row.media_type,
                bytes: row.bytes as u64,
                width: row.width as u32,
                height: row.height as u32,
                frames: row.frames as u32,
                layout: match (row.bands, row.bit_depth, row.orientation) {
                    (Some(bands), Some(bit_depth), Some(orientation)) => Some(Layout {
                        bands: bands as u32,
                        bit_depth: bit_depth as u32,
                        orientation: orientation as u8,
                    }),
                    _ => None,
                },
                band_names: row
                    .band_names
                    .and_then(|names| serde_json::from_str(&names).ok())
                    .unwrap_or_default(),
                geo: row.geo.as_deref().and_then(geo::from_json).map(Box::new),
                sha256: row.sha256,
            },
            created_at: Millis(row.created_at),
            stored_at: Millis(row.stored_at.unwrap_or(row.created_at)),
            owner: row.owner_id.map(UserId),
            visibility: row.visibility.into(),
        }
    }
}

impl From<jobs::Model> for Job {
    fn from(row: jobs::Model) -> Self {
        Job {
            id: JobId(row.id),
            image: ImageId(row.image_id),
            engine: row.engine as u32,
            state: match row.state {
                jobs::State::Pending => JobState::Pending,
                jobs::State::Done => JobState::Done,
                jobs::State::Dead => JobState::Dead,
            },
            attempts: row.attempt,
            error: row.error.map(JobError::from),
            done_at: row.done_at.map(Millis),
        }
    }
}

impl From<renders::Model> for Render {
    fn from(row: renders::Model) -> Self {
        let (blob, offset) = location::parse(&row.blob);
        Render {
            spec: row.spec,
            engine: row.engine as u32,
            blob: blob.to_owned(),
            offset,
            sha256: row.sha256,
            bytes: row.bytes as u64,
            columns: row.columns as u32,
            rows: row.rows as u32,
            created_at: Millis(row.created_at),
        }
    }
}
