//! `planet-api`: the HTTP API as a process of its own.

use std::process::ExitCode;

use api::App;
use common::{
    catalog::Sharing,
    env::{Command, Env},
    fault::{Doing, Fault},
    pipeline,
    program::{decode_if_asked, healthy, open_pipeline, run, startup_wait, stop_signal},
    telemetry, trace,
};

const ABOUT: &str = "\
The HTTP server of Planet Image API. Workers are separate processes: planet-worker.";

const HEALTH: Command = Command {
    name: "health",
    args: "",
    help: "Check the service that runs at BIND; exit code 0 if it is ready",
};

fn main() -> ExitCode {
    decode_if_asked();
    let mut env = Env::from_process();
    let config = api::Config::read(&mut env);
    let pipeline = pipeline::Config::read(&mut env);
    let wait = startup_wait(&mut env);
    let log = telemetry::Config::read(&mut env, "planet-api");
    let traces = trace::Config::read(&mut env, "planet-api");
    let health = env.args() == ["health"];
    if let Err(code) = env.settle("planet-api", ABOUT, &[HEALTH]) {
        return code;
    }
    telemetry::install_logging(log);
    if health {
        return run(async move {
            match healthy(&config.bind.to_string(), "/readyz").await {
                true => Ok(()),
                false => Err(Fault::new("check the service", "it is not ready at BIND")),
            }
        });
    }
    run(async move {
        let _exporting = trace::export(&traces)?;
        let metrics = telemetry::install_metrics();
        let stop = stop_signal()?;
        let lock = pipeline.catalog.instance_lock(Sharing::Shared).await?;
        let listener = api::bind(&config).await?;
        let address = listener.local_addr().doing("listen")?;
        tracing::info!("listening on http://{address}");
        let pipeline = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            pipeline = open_pipeline(pipeline, lock, wait, |_| Box::pin(async { Ok(()) })) => pipeline?,
        };
        config.check_accounts(&pipeline).await?;
        api::serve(listener, App::new(pipeline, config, metrics), stop).await;
        Ok(())
    })
}
