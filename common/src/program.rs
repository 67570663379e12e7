//! What every program of ours does first and last: wait for its dependencies, stop on a signal.

use std::{
    future::Future,
    process::{ExitCode, Termination},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::Catalog,
    env::Env,
    fault::{Doing, Fault},
    pipeline::{Config, Pipeline},
    store::Store,
};

const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Reads `STARTUP_WAIT_S`: how long to wait for dependencies that are still starting.
pub fn startup_wait(env: &mut Env) -> Duration {
    env.seconds(
        "STARTUP_WAIT_S",
        "60",
        "how long to wait at start for a database or store that is away, in seconds",
    )
}

/// Runs the program's life to its end, and tells what ended it.
pub fn live<T: Termination>(life: impl Future<Output = Result<T, Fault>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.doing("start the runtime").and_then(|runtime| {
        let ended = runtime.block_on(life);
        // a render that cannot be stopped does not keep the process alive
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(ended) => ended.report(),
        Err(fault) => {
            // why it ends is told whatever RUST_LOG leaves out
            match tracing::enabled!(tracing::Level::ERROR) {
                true => tracing::error!("{fault}"),
                false => eprintln!("{fault}"),
            }
            ExitCode::FAILURE
        }
    }
}

/// A token that is cancelled by SIGINT (Ctrl-C) or SIGTERM; a second signal ends the process.
///
/// # Errors
/// The signals cannot be listened for.
pub fn stop_signal() -> Result<CancellationToken, Fault> {
    let stop = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).doing("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).doing("listen for SIGINT")?;
    let token = stop.clone();
    tokio::spawn(async move {
        for round in 0.. {
            let code = tokio::select! {
                _ = terminate.recv() => 143,
                _ = interrupt.recv() => 130,
            };
            if round > 0 {
                std::process::exit(code);
            }
            tracing::info!("stopping; a second signal ends the process at once");
            token.cancel();
        }
    });
    Ok(stop)
}

/// Opens the catalog and then the rest of the house, trying again for `wait`. `prepare` runs in
/// between, such as the migration.
///
/// # Errors
/// What the last try said.
pub async fn open_house(
    config: Config,
    wait: Duration,
    prepare: impl AsyncFn(&Catalog) -> Result<(), Fault>,
) -> Result<Pipeline, Fault> {
    let catalog = patiently(wait, async || {
        let catalog = Catalog::open(&config.catalog).await?;
        prepare(&catalog).await?;
        catalog.check().await.map(|()| catalog)
    });
    let catalog = catalog.await?;
    let store = patiently(wait, async || Store::open(&config.store).await).await?;
    Pipeline::open(config, catalog, store).await
}

/// Tries until it works or `wait` is over.
///
/// # Errors
/// What the last try said.
pub async fn patiently<T>(
    wait: Duration,
    attempt: impl AsyncFn() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let deadline = Instant::now() + wait;
    loop {
        match attempt().await {
            Err(fault) if Instant::now() + TRY_AGAIN < deadline => {
                tracing::warn!("waiting: {fault}")
            }
            ended => return ended,
        }
        sleep(TRY_AGAIN).await;
    }
}

/// Whether `GET path` at `address` answers 200, for health checks of containers that have no
/// HTTP client of their own.
pub async fn healthy(address: &str, path: &str) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await?;
        Ok::<_, std::io::Error>(status == *b"HTTP/1.1 200")
    };
    matches!(timeout(Duration::from_secs(5), ask).await, Ok(Ok(true)))
}
