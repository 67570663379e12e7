//! `planet-worker`: a worker as a process of its own.

use std::{net::SocketAddr, process::ExitCode};

use common::{
    env::Env,
    fault::Fault,
    pipeline,
    program::{healthy, live, open_house, startup_wait, stop_signal},
    telemetry,
};

const ABOUT: &str = "\
The worker of Planet Image API: renders uploaded images in every preset.

  planet-worker          works until SIGTERM or Ctrl-C
  planet-worker health   asks a running worker at METRICS_BIND; exit code 0 when it is well";

fn main() -> ExitCode {
    let mut env = Env::of_process();
    let house = pipeline::Config::read(&mut env);
    let config = worker::Config::read(&mut env);
    let wait = startup_wait(&mut env);
    let log = telemetry::Config::read(&mut env);
    let metrics = worker::metrics_bind(&mut env);
    let health = env.words() == ["health"];
    if let Err(code) = env.settle("planet-worker", ABOUT, &["health"]) {
        return code;
    }
    telemetry::log(log);
    if health {
        return live(check(metrics));
    }
    live(async move {
        if let Some(address) = metrics {
            telemetry::count_and_serve(address)?;
        }
        let stop = stop_signal()?;
        let house = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            house = open_house(house, wait, async |_| Ok(())) => house?,
        };
        worker::run(house, config, stop).await;
        Ok(())
    })
}

async fn check(metrics: Option<SocketAddr>) -> Result<(), Fault> {
    let Some(address) = metrics else {
        return Err(Fault::new("ask the worker", "METRICS_BIND is not set"));
    };
    match healthy(&address.to_string(), "/metrics").await {
        true => Ok(()),
        false => Err(Fault::new("ask the worker", "no answer at METRICS_BIND")),
    }
}
