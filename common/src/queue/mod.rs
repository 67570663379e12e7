//! The doorbell: tells workers that a job is due.
//!
//! Chosen by one URL: `memory:` inside one process, `amqp://…` between several. A ring may be lost,
//! late or repeated; the catalog says what is true, and workers poll it as well. The same goes for
//! news, which tell whoever follows images that some have changed.

use tokio::sync::watch;
use url::Url;

use crate::{env::Env, fault::Fault, job::JobId};

mod amqp;
mod memory;

/// Which doorbell.
pub struct Config {
    url: Url,
    name: String,
}

impl Config {
    /// `QUEUE_URL` and `QUEUE_NAME`.
    pub fn read(env: &mut Env) -> Self {
        let url = env.url(
            "QUEUE_URL",
            "memory:",
            &["memory", "amqp", "amqps"],
            "how workers hear of jobs: memory: or amqp://USER:PASSWORD@HOST:PORT/VHOST",
        );
        let name = env.text(
            "QUEUE_NAME",
            "planet.jobs",
            "the queue's name on the broker; the engine's version is appended",
        );
        Config { url, name }
    }
}

/// A ring of the bell.
pub struct Hint {
    /// The job that is due, unless somebody has done it already.
    pub job: JobId,
    /// W3C `traceparent` of the request that caused it.
    pub trace: Option<String>,
    receipt: Option<amqp::Delivery>,
}

impl Hint {
    /// Call it once the database knows: the broker may forget the hint now. A hint that is dropped
    /// instead comes again.
    pub async fn acknowledge(self) {
        if let Some(receipt) = self.receipt {
            amqp::acknowledge(receipt).await;
        }
    }
}

/// The two kinds of doorbell.
#[derive(Clone)]
pub enum Queue {
    /// Inside this process.
    Memory(memory::Bell),
    /// RabbitMQ.
    Amqp(amqp::Broker),
}

impl Queue {
    /// Opens the doorbell of that engine version. A broker that is away is waited for in the
    /// background.
    pub fn open(config: &Config, engine: u32) -> Self {
        match config.url.scheme() {
            "memory" => Queue::Memory(memory::Bell::new()),
            _ => {
                let queue = format!("{}.e{engine}", config.name);
                // every version's: they change the same images
                let exchange = format!("{}.news", config.name);
                Queue::Amqp(amqp::Broker::new(config.url.as_str(), queue, exchange))
            }
        }
    }

    /// Rings, and never waits: a ring that finds no place is dropped and counted.
    pub fn ring(&self, job: JobId, trace: Option<String>) {
        let rung = match self {
            Queue::Memory(bell) => bell.ring(job, trace),
            Queue::Amqp(broker) => broker.ring(job, trace),
        };
        if !rung {
            metrics::counter!("planet_hints_total", "outcome" => "dropped").increment(1);
        }
    }

    /// Listens; at most `prefetch` hints are under way unacknowledged.
    pub fn listen(&self, prefetch: u16) -> Hints {
        match self {
            Queue::Memory(bell) => Hints::Memory(bell.clone()),
            Queue::Amqp(broker) => Hints::Amqp(broker.listen(prefetch)),
        }
    }

    /// Tells that images have changed, and never waits. Told several times at once, it may be heard
    /// once.
    pub fn tell(&self) {
        match self {
            Queue::Memory(bell) => bell.tell(),
            Queue::Amqp(broker) => broker.tell(),
        }
    }

    /// Listens for news.
    pub fn news(&self) -> News {
        match self {
            Queue::Memory(bell) => News::Memory(bell.news()),
            Queue::Amqp(broker) => News::Amqp(broker.news()),
        }
    }

    /// Whether rings go out at present.
    ///
    /// # Errors
    /// The broker is away.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Queue::Memory(_) => Ok(()),
            Queue::Amqp(broker) => broker.check(),
        }
    }
}

/// A listener. Dropping it gives back what it has not acknowledged.
pub enum Hints {
    /// Inside this process.
    Memory(memory::Bell),
    /// RabbitMQ.
    Amqp(amqp::Listener<Hint>),
}

impl Hints {
    /// Waits for the next hint, for ever if need be. Cancel-safe.
    pub async fn next(&mut self) -> Hint {
        match self {
            Hints::Memory(bell) => bell.next().await,
            Hints::Amqp(listener) => listener.next().await,
        }
    }
}

/// A listener for news.
pub enum News {
    /// Inside this process.
    Memory(watch::Receiver<()>),
    /// RabbitMQ.
    Amqp(amqp::Listener<()>),
}

impl News {
    /// Waits until images have changed, or may have. Cancel-safe.
    pub async fn next(&mut self) {
        match self {
            News::Memory(news) => {
                if news.changed().await.is_err() {
                    // the house is gone, and with it what could change
                    std::future::pending().await
                }
            }
            News::Amqp(news) => news.next().await,
        }
    }
}
