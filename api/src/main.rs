//! `planet-api`: the HTTP door as a process of its own.

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
The HTTP door of Planet Image API. Workers are processes of their own: planet-worker.

  planet-api          serves until SIGTERM or Ctrl-C
  planet-api health   asks a running service at BIND; exit code 0 when it is ready";

fn main() -> ExitCode {
    let mut env = Env::of_process();
    let config = api::Config::read(&mut env);
    let house = pipeline::Config::read(&mut env);
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
                false => Err(Fault::new("ask the service", "it is not ready at BIND")),
            }
        });
    }
    live(async move {
        let metrics = telemetry::count();
        let stop = stop_signal()?;
        let listener = api::bind(&config).await?;
        let address = listener.local_addr().doing("listen")?;
        tracing::info!("listening on http://{address}");
        let house = tokio::select! {
            () = stop.cancelled() => return Ok(()),
            house = open_house(house, wait, async |_| Ok(())) => house?,
        };
        api::serve(listener, App::new(house, config, metrics), stop).await;
        Ok(())
    })
}
