//! `planet`: the whole service in one process: migrate, serve, work.

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
};

use api::App;
use common::{
    env::Env,
    fault::Doing,
    pipeline,
    program::{open_pipeline, run, startup_wait, stop_signal},
    telemetry,
};

const ABOUT: &str = "\
Planet Image API in one process: upload imagery once; look at it wherever there is only text.

Without settings it listens on http://127.0.0.1:8080 and keeps everything in ./data.";

fn main() -> ExitCode {
    let mut env = Env::from_process();
    let door = api::Config::read(&mut env);
    let pipeline = pipeline::Config::read(&mut env);
    let work = worker::Config::read(&mut env);
    let wait = startup_wait(&mut env);
    let log = telemetry::Config::read(&mut env);
    if let Err(code) = env.settle("planet", ABOUT, &[]) {
        return code;
    }
    telemetry::install_logging(log);
    run(async move {
        let metrics = telemetry::install_metrics();
        let stop = stop_signal()?;
        let lock = pipeline.catalog.instance_lock().await?;
        let listener = api::bind(&door).await?;
        let address = listener.local_addr().doing("listen")?;
        let migrate = async |catalog: &common::catalog::Catalog| {
            migration::up(catalog.connection()).await.doing("migrate the database")
        };
        let pipeline = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            pipeline = open_pipeline(pipeline, wait, migrate) => pipeline?,
        };
        if lock.is_some() {
            // the processes that held them are dead
            pipeline.expire_leases().await?;
        }
        let at = format!("http://{address}");
        let (database, store) =
            (pipeline.config().catalog.location(), pipeline.config().store.location());
        tracing::info!(database, store, "listening on {at}");
        if stdout().is_terminal() {
            println!(
                "Planet Image API {}\n  listening on  {at}\n  data in       {database} and {store}\n  \
                 try           curl -F image=@photo.jpg {at}/images",
                env!("CARGO_PKG_VERSION"),
            );
        }
        let working = tokio::spawn(worker::run(pipeline.clone(), work, stop.clone()));
        api::serve(listener, App::new(pipeline, door, metrics), stop.clone()).await;
        stop.cancel();
        working.await.doing("end the worker")
    })
}
