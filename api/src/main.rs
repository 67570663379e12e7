//! `planet-api`: the HTTP API as a process of its own.

use std::process::ExitCode;

use api::App;
use common::{
    env::Env,
    fault::{Doing, Fault},
    pipeline,
    program::{healthy, live, open_house, startup_wait, stop_signal},
    telemetry,
};

const ABOUT: &str = "\
The HTTP server of Planet Image API. Workers are separate processes: planet-worker.

  planet-api          serves until SIGTERM or Ctrl-C
  planet-api health   exits with code 0 when the service at BIND is ready, otherwise with 1";

fn main() -> ExitCode {
    let mut env = Env::of_process();
    let config = api::Config::read(&mut env);
    let pipeline = pipeline::Config::read(&mut env);
    let wait = startup_wait(&mut env);
    let log = telemetry::Config::read(&mut env);
    let health = env.words() == ["health"];
    if let Err(code) = env.settle("planet-api", ABOUT, &["health"]) {
        return code;
    }
    telemetry::log(log);
    if health {
        return live(async move {
            match healthy(&config.bind.to_string(), "/readyz").await {
                true => Ok(()),
                false => Err(Fault::new("check the service", "it is not ready at BIND")),
            }
        });
    }
    live(async move {
        let metrics = telemetry::count();
        let stop = stop_signal()?;
        let listener = api::bind(&config).await?;
        let address = listener.local_addr().doing("listen")?;
        tracing::info!("listening on http://{address}");
        let pipeline = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            pipeline = open_house(pipeline, wait, async |_| Ok(())) => pipeline?,
        };
        api::serve(listener, App::new(pipeline, config, metrics), stop).await;
        Ok(())
    })
}
