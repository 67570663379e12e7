//! The database's clock, and what it left when it was wrong: times so far ahead that no setting
//! allows them. Rows with such times would be due too late by as much as the clock was ahead.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DbErr, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, Query, SimpleExpr},
};

use super::{
    Bounded, Catalog,
    backlog::{NOT_STORED, PENDING},
    entity::{blob_gc, changes, images, jobs},
};
use crate::{fault::Fault, image::Millis, periods::Periods};

/// How far ahead a time may be that records the past: statements that run at the same time differ.
pub(crate) const TOLERANCE: Duration = Duration::from_secs(60);

/// Names of what [`Catalog::count_ahead`] counts.
const KINDS: [&str; 4] =
    ["leases of uploads", "due times of jobs", "due times of blobs", "times of deletions"];

impl Catalog {
    /// The time on the database's clock.
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn time(&self) -> Result<Millis, Fault> {
        let read = async {
            let row = self.db.query_one(Query::select().expr(self.now())).await?;
            let row = row.ok_or_else(|| DbErr::RecordNotFound("the time".into()))?;
            row.try_get_by_index(0).map(Millis)
        };
        read.bounded("read the database's clock").await
    }

    /// How many times of each kind are further ahead than `periods` allow, twice over: other
    /// processes may have longer ones. Each is counted up to [`super::MAX_COUNTED`].
    ///
    /// # Errors
    /// The database is unavailable.
    pub async fn count_ahead(&self, periods: &Periods) -> Result<[(&'static str, u64); 4], Fault> {
        let [uploads, jobs, blobs, deletions] = self.ahead(periods);
        let count = async {
            let counts = [
                self.count(images::Entity::find().filter(uploads), images::Column::Id).await?,
                self.count(jobs::Entity::find().filter(jobs), jobs::Column::Id).await?,
                self.count(blob_gc::Entity::find().filter(blobs), blob_gc::Column::Blob).await?,
                self.count(changes::Entity::find().filter(deletions), changes::Column::Seq).await?,
            ];
            Ok::<_, DbErr>(counts)
        };
        let counts = count.bounded("count times that are far ahead").await?;
        Ok(std::array::from_fn(|kind| (KINDS[kind], counts[kind])))
    }

    /// Sets the times that [`Catalog::count_ahead`] counts to what they would be if they were set
    /// now: a process that still holds a lease has the time to extend it. Returns how many.
    ///
    /// # Errors
    /// The database is unavailable; what was done so far stays.
    pub async fn set_back(&self, periods: &Periods) -> Result<[(&'static str, u64); 4], Fault> {
        let [uploads, jobs, blobs, deletions] = self.ahead(periods);
        let set_back = async {
            let uploads = images::Entity::update_many()
                .col_expr(images::Column::DueAt, self.after(periods.upload()))
                .filter(uploads);
            let jobs = jobs::Entity::update_many()
                .col_expr(jobs::Column::DueAt, self.after(periods.lease))
                .filter(jobs);
            let blobs = blob_gc::Entity::update_many()
                .col_expr(blob_gc::Column::DueAt, self.after(periods.reservation()))
                .filter(blobs);
            let deletions = changes::Entity::update_many()
                .col_expr(changes::Column::DeletedAt, self.now())
                .filter(deletions);
            let counts = [
                uploads.exec(&self.db).await?.rows_affected,
                jobs.exec(&self.db).await?.rows_affected,
                blobs.exec(&self.db).await?.rows_affected,
                deletions.exec(&self.db).await?.rows_affected,
            ];
            Ok::<_, DbErr>(counts)
        };
        let counts = set_back.bounded("set back times that are far ahead").await?;
        Ok(std::array::from_fn(|kind| (KINDS[kind], counts[kind])))
    }

    /// Which rows of `images`, `jobs`, `blob_gc` and `changes` have such times.
    fn ahead(&self, periods: &Periods) -> [SimpleExpr; 4] {
        let further = |column: SimpleExpr, period: Duration| column.gt(self.after(2 * period));
        let jobs = periods.lease.max(periods.backoff_max);
        [
            Expr::cust(NOT_STORED).and(further(Expr::col(images::Column::DueAt), periods.upload())),
            Expr::cust(PENDING).and(further(Expr::col(jobs::Column::DueAt), jobs)),
            further(Expr::col(blob_gc::Column::DueAt), periods.reservation()),
            Expr::col(changes::Column::DeletedAt).gt(self.after(TOLERANCE)),
        ]
    }
}
