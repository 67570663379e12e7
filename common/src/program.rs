//! Start and end of every program: wait for dependencies, run, stop on a signal.

use std::{
    future::Future,
    process::{ExitCode, Termination},
    time::Duration,
};

use asciify::escape_controls;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    catalog::{Catalog, InstanceLock},
    env::Env,
    fault::{Doing, Fault},
    pipeline::{Config, Pipeline},
    store::Store,
};

const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Lets the program decode files in processes of their own. Call it first thing in `main`: in a process
/// that was started to decode a file, it does so and exits.
pub fn decode_if_asked() {
    asciify::isolation::init();
}

/// Reads `STARTUP_WAIT_S`: how long to wait at start for dependencies that are unavailable.
pub fn startup_wait(env: &mut Env) -> Duration {
    env.seconds(
        "STARTUP_WAIT_S",
        "60",
        "how long to wait at start for a database or store that is unavailable, in seconds",
    )
}

/// Reads `DRAIN_S`: how long running work may take after a stop.
pub fn drain_limit(env: &mut Env) -> Duration {
    env.seconds("DRAIN_S", "25", "how long running work may take after a stop, in seconds")
}

/// Runs `main` to its end on a multi-threaded runtime. On a fault, logs it and returns
/// [`ExitCode::FAILURE`].
pub fn run<T: Termination>(main: impl Future<Output = Result<T, Fault>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.doing("start the runtime").and_then(|runtime| {
        let ended = runtime.block_on(main);
        // does not wait for a render that cannot be stopped
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(ended) => ended.report(),
        Err(fault) => {
            // reported even if RUST_LOG filters errors out
            match tracing::enabled!(tracing::Level::ERROR) {
                true => tracing::error!("{fault}"),
                false => eprintln!("{}", escape_controls(&fault.to_string())),
            }
            ExitCode::FAILURE
        }
    }
}

/// A token that is cancelled by SIGINT (Ctrl-C) or SIGTERM; a second signal ends the process.
///
/// # Errors
/// The signal handlers cannot be installed.
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

/// Opens catalog, store and pipeline, and retries each for `wait`. `prepare` runs once the catalog
/// is open, for example to migrate it.
///
/// # Errors
/// The fault of the last attempt.
pub fn open_pipeline(
    config: Config,
    lock: Option<InstanceLock>,
    wait: Duration,
    prepare: fn(&Catalog) -> BoxFuture<'_, Result<(), Fault>>,
) -> LocalBoxFuture<'static, Result<Pipeline, Fault>> {
    Box::pin(async move {
        let catalog = retry_for(wait, async || {
            let catalog = Catalog::open(&config.catalog).await?;
            prepare(&catalog).await?;
            catalog.check().await.map(|()| catalog)
        });
        let catalog = catalog.await?;
        let store = retry_for(wait, async || Store::open(&config.store).await).await?;
        Pipeline::open(config, catalog, store, lock).await
    })
}

/// Calls `attempt` every second until it succeeds or `wait` is over.
///
/// # Errors
/// The fault of the last attempt.
pub async fn retry_for<T>(
    wait: Duration,
    attempt: impl AsyncFn() -> Result<T, Fault>,
) -> Result<T, Fault> {
    let deadline = Instant::now() + wait;
    loop {
        match attempt().await {
            Err(fault) if Instant::now() + RETRY_INTERVAL < deadline => {
                tracing::warn!("waiting: {fault}")
            }
            ended => return ended,
        }
        sleep(RETRY_INTERVAL).await;
    }
}

/// Whether `GET path` at `address` answers 200 within 5 seconds: the health check of containers
/// that have no HTTP client.
pub fn healthy<'a>(address: &'a str, path: &'a str) -> BoxFuture<'a, bool> {
    Box::pin(async move {
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
    })
}
