//! The installation that is administered.

use std::time::Duration;

use common::{
    catalog::{self, Catalog},
    fault::{Doing, Fault},
    program::retry_for,
    store::{self, Store},
};
use migration::SchemaStatus;

/// Where the installation is.
pub(crate) struct Installation {
    pub(crate) catalog: catalog::Config,
    pub(crate) store: store::Config,
    pub(crate) wait: Duration,
}

impl Installation {
    /// The existing catalog, with the current schema. Creates nothing.
    pub(crate) async fn catalog(&self) -> Result<Catalog, Fault> {
        let missing = || {
            let location = self.catalog.location();
            let why = format!("there is none at {location}; DATABASE_URL names another place");
            Fault::new("find the data", why)
        };
        let found = retry_for(self.wait, async || Catalog::find(&self.catalog).await).await?;
        let catalog = found.ok_or_else(missing)?;
        match migration::schema_status(catalog.connection()).await.doing("read the schema")? {
            SchemaStatus::Missing => Err(missing()),
            SchemaStatus::Outdated => {
                let why = "the database has an older schema: planet-admin migrate updates it";
                Err(Fault::new("read the data", why))
            }
            SchemaStatus::Current => Ok(catalog),
        }
    }

    /// The existing store. Creates nothing.
    pub(crate) async fn store(&self) -> Result<Store, Fault> {
        let found = retry_for(self.wait, async || Store::find(&self.store).await).await?;
        found.ok_or_else(|| {
            let location = self.store.location();
            let why = format!("there is none at {location}; STORE_URL names another place");
            Fault::new("find the originals and renders", why)
        })
    }
}
