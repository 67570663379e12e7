//! `planet-migrate`: brings the database's schema up to date, and ends.

use std::process::ExitCode;

use common::{
    catalog::{self, Catalog},
    env::Env,
    fault::Doing,
    program::{live, patiently, startup_wait},
    telemetry,
};

const ABOUT: &str = "\
Brings the database of Planet Image API up to date. Any number may run at the same time.";

fn main() -> ExitCode {
    let mut env = Env::of_process();
    let log = telemetry::Config::read(&mut env);
    let config = catalog::Config::read(&mut env);
    let wait = startup_wait(&mut env);
    if let Err(code) = env.settle("planet-migrate", ABOUT, &[]) {
        return code;
    }
    telemetry::log(log);
    live(async move {
        let catalog = patiently(wait, async || Catalog::open(&config).await).await?;
        migration::up(catalog.connection()).await.doing("migrate the database")?;
        tracing::info!("the database is up to date");
        Ok(())
    })
}
