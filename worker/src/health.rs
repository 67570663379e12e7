//! The health of a worker: whether its loop still turns, and whether it takes jobs.
//!
//! `/livez`, `/readyz` and `/metrics` at `METRICS_BIND` are answered by a thread of its own, so that
//! they are answered truly while the rest of the process hangs.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use common::{
    fault::{Doing, Fault},
    process_metrics,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime,
    sync::Semaphore,
    time::{Instant, interval, sleep, timeout},
};

/// How often a loop that waits for work turns.
const TURN_INTERVAL: Duration = Duration::from_secs(1);
/// How often the metrics exporter condenses its histograms.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);
/// Connections at the same time, the time for one, and the largest head of a request in bytes.
const MAX_CONNECTIONS: usize = 64;
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// What the loop of a worker tells of itself; clones share it.
#[derive(Debug, Clone)]
pub struct Health(Arc<State>);

#[derive(Debug)]
struct State {
    /// `WORKER_HANG_S`.
    hang: Duration,
    /// `None` before the loop begins.
    last_turn: Mutex<Option<Instant>>,
    drains: AtomicBool,
}

impl Health {
    /// Of a worker whose loop has not begun. It hangs once its last turn is older than `hang`.
    pub fn new(hang: Duration) -> Self {
        let (last_turn, drains) = (Mutex::default(), AtomicBool::default());
        Health(Arc::new(State { hang, last_turn, drains }))
    }

    /// The loop turns.
    pub(crate) fn turn(&self) {
        *self.0.last_turn.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Waits for what may take any time: the loop turns meanwhile.
    pub(crate) async fn waiting<T>(&self, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        loop {
            self.turn();
            if let Ok(done) = timeout(TURN_INTERVAL, &mut wait).await {
                self.turn();
                return done;
            }
        }
    }

    /// The worker takes no more jobs.
    pub(crate) fn drain(&self) {
        self.0.drains.store(true, Ordering::Relaxed);
    }

    /// The time since the last turn; `None` before the loop begins.
    fn age(&self) -> Option<Duration> {
        self.0.last_turn.lock().unwrap_or_else(PoisonError::into_inner).map(|at| at.elapsed())
    }

    fn is_live(&self) -> bool {
        self.age().is_none_or(|age| age <= self.0.hang)
    }

    fn is_ready(&self) -> bool {
        self.age().is_some() && self.is_live() && !self.0.drains.load(Ordering::Relaxed)
    }

    /// Sets `planet_worker_loop_age_seconds` again and again; does not return.
    pub(crate) async fn measure(&self) {
        loop {
            self.set_gauge();
            sleep(TURN_INTERVAL).await;
        }
    }

    fn set_gauge(&self) {
        let age = self.age().unwrap_or_default();
        metrics::gauge!("planet_worker_loop_age_seconds").set(age.as_secs_f64());
    }

    /// Answers at `address` until the process ends; returns the address, of which the port may have
    /// been 0.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn serve(
        &self,
        address: SocketAddr,
        metrics: PrometheusHandle,
    ) -> Result<SocketAddr, Fault> {
        let listen = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let (bound, health) = (listener.local_addr()?, self.clone());
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            let serve = async move {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                tokio::join!(health.accept(listener, &metrics), upkeep(&metrics));
                Ok::<_, io::Error>(())
            };
            thread::Builder::new().name("health".into()).spawn(move || runtime.block_on(serve))?;
            Ok::<_, io::Error>(bound)
        };
        listen().doing("listen at METRICS_BIND")
    }

    async fn accept(&self, listener: tokio::net::TcpListener, metrics: &PrometheusHandle) {
        let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let permit = permits.clone().acquire_owned().await;
            let Ok((stream, _)) = listener.accept().await else {
                // no file descriptor is left
                sleep(TURN_INTERVAL).await;
                continue;
            };
            let (health, metrics) = (self.clone(), metrics.clone());
            tokio::spawn(async move {
                // a client that is slow or gone
                let _ended = timeout(CONNECTION_TIMEOUT, health.answer(stream, &metrics)).await;
                drop(permit);
            });
        }
    }

    /// Answers one request, and closes the connection (RFC 9112, section 9.6).
    async fn answer(&self, mut stream: TcpStream, metrics: &PrometheusHandle) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if head.len() > MAX_HEAD_BYTES || stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let head = String::from_utf8_lossy(&head);
        let state = |holds, name: &str| match holds {
            true => ("200 OK", "ok\n".to_owned()),
            false => ("503 Service Unavailable", format!("not {name}\n")),
        };
        let (status, body) = match head.split(' ').take(2).collect::<Vec<_>>()[..] {
            ["GET", "/livez"] => state(self.is_live(), "live"),
            ["GET", "/readyz"] => state(self.is_ready(), "ready"),
            ["GET", "/metrics"] => {
                self.set_gauge();
                process_metrics::measure();
                ("200 OK", metrics.render())
            }
            ["GET", _] => ("404 Not Found", "try /livez, /readyz or /metrics\n".into()),
            _ => ("405 Method Not Allowed\r\nAllow: GET", "only GET\n".into()),
        };
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }
}

/// Does not return.
async fn upkeep(metrics: &PrometheusHandle) {
    let mut ticks = interval(UPKEEP_INTERVAL);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use common::{program::healthy, telemetry::install_metrics};

    use super::*;

    const HANG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_waits_turns_and_one_that_hangs_does_not() {
        let health = Health::new(HANG);
        sleep(2 * HANG).await;
        assert!(health.is_live() && !health.is_ready(), "it has not begun");
        let waits = health.clone();
        let waiting = tokio::spawn(async move { waits.waiting(sleep(10 * HANG)).await });
        sleep(9 * HANG).await;
        assert!(health.is_live() && health.is_ready());
        waiting.await.expect("a task that ends");
        sleep(HANG / 2).await;
        assert!(health.is_live());
        sleep(HANG).await;
        assert!(!health.is_live() && !health.is_ready());
        health.turn();
        assert!(health.is_ready());
        health.drain();
        assert!(health.is_live() && !health.is_ready());
    }

    #[test]
    fn a_worker_that_hangs_says_so_although_its_runtime_is_blocked() {
        let health = Health::new(Duration::ZERO);
        let address = "127.0.0.1:0".parse().expect("an address");
        let address = health.serve(address, install_metrics()).expect("a free port").to_string();
        // blocks the runtime of the worker: nothing but the thread answers
        let ask = |path: &'static str| {
            let address = address.clone();
            let asks = thread::spawn(move || {
                let runtime = runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(healthy(&address, path))
            });
            asks.join().expect("a thread that ends")
        };
        let answers = || ["/livez", "/readyz", "/metrics", "/other"].map(ask);
        assert_eq!(answers(), [true, false, true, false], "the loop has not begun");
        health.turn();
        assert_eq!(answers(), [false, false, true, false]);
    }
}
