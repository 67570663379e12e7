//! `planet`: migration, API and worker in one process.

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
};

use api::App;
use common::{
    catalog::{Catalog, Sharing},
    env::Env,
    fault::{Doing, Fault},
    pipeline,
    program::{decode_if_asked, open_pipeline, run, startup_wait, stop_signal},
    telemetry, trace,
};
use futures_util::future::BoxFuture;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use worker::Health;

const ABOUT: &str = "\
Planet Image API in one process: upload images and view them as text.

Without settings it listens on http://127.0.0.1:8080 and stores its data in ./data.";

fn main() -> ExitCode {
    decode_if_asked();
    let mut env = Env::from_process();
    let api = api::Config::read(&mut env);
    let pipeline = pipeline::Config::read(&mut env);
    let worker = worker::Config::read(&mut env);
    let wait = startup_wait(&mut env);
    let log = telemetry::Config::read(&mut env, "planet");
    let traces = trace::Config::read(&mut env, "planet");
    if let Err(code) = env.settle("planet", ABOUT, &[]) {
        return code;
    }
    telemetry::install_logging(log);
    run(async move {
        let _exporting = trace::export(&traces)?;
        let metrics = telemetry::install_metrics();
        let stop = stop_signal()?;
        let lock = pipeline.catalog.instance_lock(Sharing::Exclusive).await?;
        let is_sole_user = lock.is_some();
        let listener = api::bind(&api).await?;
        let address = listener.local_addr().doing("listen")?;
        let pipeline = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            pipeline = open_pipeline(pipeline, lock, wait, migrate) => pipeline?,
        };
        api.check_accounts(&pipeline).await?;
        if is_sole_user {
            // no other process uses the database: the holders of its leases have ended
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
        let (notice, stop_worker) = (api.shutdown_notice, CancellationToken::new());
        let health = Health::new(worker.hang);
        let working = worker::run(pipeline.clone(), worker, health, stop_worker.clone());
        let working = tokio::spawn(working);
        let (stopped, noticed) = (stop.clone(), stop_worker.clone());
        tokio::spawn(async move {
            stopped.cancelled().await;
            sleep(notice).await;
            noticed.cancel();
        });
        api::serve(listener, App::new(pipeline, api, metrics), stop).await;
        stop_worker.cancel();
        working.await.doing("end the worker")
    })
}

fn migrate(catalog: &Catalog) -> BoxFuture<'_, Result<(), Fault>> {
    Box::pin(async { migration::up(catalog.connection()).await.doing("migrate the database") })
}
