//! `planet-worker`: a worker in a process of its own.

use std::{net::SocketAddr, process::ExitCode};

use common::{
    catalog::Sharing,
    env::{Command, Env},
    fault::Fault,
    pipeline,
    program::{decode_if_asked, healthy, open_pipeline, run, startup_wait, stop_signal},
    telemetry, trace,
};
use worker::Health;

const ABOUT: &str = "\
The worker of Planet Image API: renders uploaded images in every preset, until SIGTERM or Ctrl-C.";

const HEALTH: Command = Command {
    name: "health",
    args: "",
    help: "Check the worker that runs at METRICS_BIND; exit code 0 if it answers and does not hang",
};

fn main() -> ExitCode {
    decode_if_asked();
    let mut env = Env::from_process();
    let pipeline = pipeline::Config::read(&mut env);
    let config = worker::Config::read(&mut env);
    let wait = startup_wait(&mut env);
    let log = telemetry::Config::read(&mut env, "planet-worker");
    let traces = trace::Config::read(&mut env, "planet-worker");
    let metrics = worker::metrics_bind(&mut env);
    let health = env.args() == ["health"];
    if let Err(code) = env.settle("planet-worker", ABOUT, &[HEALTH]) {
        return code;
    }
    telemetry::install_logging(log);
    if health {
        return run(check(metrics));
    }
    run(async move {
        let _exporting = trace::export(&traces)?;
        let health = Health::new(config.hang);
        if let Some(address) = metrics {
            health.serve(address, telemetry::install_metrics())?;
        }
        let stop = stop_signal()?;
        let lock = pipeline.catalog.instance_lock(Sharing::Shared).await?;
        let pipeline = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            pipeline = open_pipeline(pipeline, lock, wait, |_| Box::pin(async { Ok(()) })) => pipeline?,
        };
        worker::run(pipeline, config, health, stop).await;
        Ok(())
    })
}

async fn check(metrics: Option<SocketAddr>) -> Result<(), Fault> {
    let Some(address) = metrics else {
        return Err(Fault::new("check the worker", "METRICS_BIND is not set"));
    };
    match healthy(&address.to_string(), "/livez").await {
        true => Ok(()),
        false => {
            Err(Fault::new("check the worker", "it does not answer at METRICS_BIND, or hangs"))
        }
    }
}
