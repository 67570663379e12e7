//! `planet`: the whole house in one process: migrate, serve, work.

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
};

use api::App;
use common::{
    env::Env,
    fault::Doing,
    pipeline,
    program::{live, open_house, startup_wait, stop_signal},
    telemetry,
};

const ABOUT: &str = "\
Planet Image API in one process: upload imagery once; look at it wherever there is only text.

Without settings it listens on http://127.0.0.1:8080 and keeps everything in ./data.";

fn main() -> ExitCode {
    let mut env = Env::of_process();
    let door = api::Config::read(&mut env);
    let house = pipeline::Config::read(&mut env);
    let work = worker::Config::read(&mut env);
    let wait = startup_wait(&mut env);
    let log = telemetry::Config::read(&mut env);
    if let Err(code) = env.settle("planet", ABOUT, &[]) {
        return code;
    }
    telemetry::log(log);
    live(async move {
        let metrics = telemetry::count();
        let stop = stop_signal()?;
        let alone = house.catalog.alone().await?;
        let listener = api::bind(&door).await?;
        let address = listener.local_addr().doing("listen")?;
        let migrate = async |catalog: &common::catalog::Catalog| {
            migration::up(catalog.connection()).await.doing("migrate the database")
        };
        let house = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            house = open_house(house, wait, migrate) => house?,
        };
        if alone.is_some() {
            // whoever held them is dead
            house.catalog().end_leases().await?;
        }
        let at = format!("http://{address}");
        let (database, store) = (house.config().catalog.place(), house.config().store.place());
        tracing::info!(database, store, "listening on {at}");
        if stdout().is_terminal() {
            println!(
                "Planet Image API {}\n  listening on  {at}\n  data in       {database} and {store}\n  \
                 try           curl -F image=@photo.jpg {at}/images",
                env!("CARGO_PKG_VERSION"),
            );
        }
        let working = tokio::spawn(worker::run(house.clone(), work, stop.clone()));
        api::serve(listener, App::new(house, door, metrics), stop.clone()).await;
        stop.cancel();
        working.await.doing("end the worker")
    })
}
