//! The queue: tells workers that a job is due, and subscribers that images have changed.
//!
//! Chosen by one URL: `memory:` inside one process, `amqp://…` between several. A notification may
//! be lost, late or repeated. The catalog is the source of truth: workers and subscribers poll it
//! as well.

use tokio::sync::watch;
use url::Url;

use crate::{env::Env, fault::Fault, job::JobId, trace::TraceContext};

mod amqp;
mod memory;

/// Which queue to use.
pub struct Config {
    url: Url,
    name: String,
}

impl Config {
    /// Reads `QUEUE_URL` and `QUEUE_NAME`.
    pub fn read(env: &mut Env) -> Self {
        let url = env.url(
            "QUEUE_URL",
            "memory:",
            &["memory", "amqp", "amqps"],
            "how workers are notified of jobs: memory: or amqp://USER:PASSWORD@HOST:PORT/VHOST",
        );
        let name = env.text(
            "QUEUE_NAME",
            "planet.jobs",
            "the queue's name on the broker; the engine version is appended",
        );
        Config { url, name }
    }
}

/// A notification that a job is due.
pub struct Hint {
    /// The job. Another worker may have done it already.
    pub job: JobId,
    /// The span that published the job.
    pub trace: Option<TraceContext>,
    /// `None` where nothing has to be acknowledged.
    delivery: Option<amqp::Delivery>,
}

impl Hint {
    /// Lets the broker forget the hint. Call this once the database has the claim: a hint that is
    /// dropped without it is delivered again.
    pub async fn acknowledge(self) {
        if let Some(delivery) = self.delivery {
            amqp::acknowledge(delivery).await;
        }
    }
}

/// A queue; clones share its connections.
#[derive(Clone)]
pub enum Queue {
    /// Inside this process.
    Memory(memory::MemoryQueue),
    /// RabbitMQ.
    Amqp(amqp::AmqpQueue),
}

impl Queue {
    /// Opens the queue of that engine version. If the broker is away, connecting goes on in the
    /// background.
    pub fn open(config: &Config, engine: u32) -> Self {
        match config.url.scheme() {
            "memory" => Queue::Memory(memory::MemoryQueue::new()),
            _ => {
                let queue = format!("{}.e{engine}", config.name);
                // one for all engine versions: they change the same images
                let exchange = format!("{}.changes", config.name);
                Queue::Amqp(amqp::AmqpQueue::new(config.url.as_str(), queue, exchange))
            }
        }
    }

    /// The messaging system and the name of the queue of jobs, for traces.
    pub fn destination(&self) -> (&'static str, &str) {
        match self {
            Queue::Memory(_) => ("memory", "jobs"),
            Queue::Amqp(queue) => ("rabbitmq", queue.name()),
        }
    }

    /// Notifies one worker that `job` is due. Never waits: without capacity, the hint is dropped
    /// and counted.
    pub fn notify_job(&self, job: JobId, trace: Option<TraceContext>) {
        let queued = match self {
            Queue::Memory(queue) => queue.notify_job(job, trace),
            Queue::Amqp(queue) => queue.notify_job(job, trace),
        };
        if !queued {
            metrics::counter!("planet_hints_total", "outcome" => "dropped").increment(1);
        }
    }

    /// Starts to listen for jobs. At most `prefetch` hints are delivered and not acknowledged.
    pub fn listen_jobs(&self, prefetch: u16) -> Hints {
        match self {
            Queue::Memory(queue) => Hints::Memory(queue.clone()),
            Queue::Amqp(queue) => Hints::Amqp(queue.listen_jobs(prefetch)),
        }
    }

    /// Notifies all subscribers that images have changed. Never waits; several notifications may
    /// be delivered as one.
    pub fn notify_changes(&self) {
        match self {
            Queue::Memory(queue) => queue.notify_changes(),
            Queue::Amqp(queue) => queue.notify_changes(),
        }
    }

    /// Starts to listen for changes of images.
    pub fn listen_changes(&self) -> ChangeNotices {
        match self {
            Queue::Memory(queue) => ChangeNotices::Memory(queue.listen_changes()),
            Queue::Amqp(queue) => ChangeNotices::Amqp(queue.listen_changes()),
        }
    }

    /// Checks that notifications are sent at present.
    ///
    /// # Errors
    /// The broker is not connected.
    pub fn check(&self) -> Result<(), Fault> {
        match self {
            Queue::Memory(_) => Ok(()),
            Queue::Amqp(queue) => queue.check(),
        }
    }
}

/// A listener for jobs. Dropping it returns the hints that are not acknowledged.
pub enum Hints {
    /// Inside this process.
    Memory(memory::MemoryQueue),
    /// RabbitMQ.
    Amqp(amqp::Listener<Hint>),
}

impl Hints {
    /// Waits for the next hint, without a time limit. Cancel-safe.
    pub async fn next(&mut self) -> Hint {
        match self {
            Hints::Memory(queue) => queue.next().await,
            Hints::Amqp(listener) => listener.next().await,
        }
    }
}

/// A listener for changes of images.
pub enum ChangeNotices {
    /// Inside this process.
    Memory(watch::Receiver<()>),
    /// RabbitMQ.
    Amqp(amqp::Listener<()>),
}

impl ChangeNotices {
    /// Waits until images have changed, or may have changed. Cancel-safe.
    pub async fn next(&mut self) {
        match self {
            ChangeNotices::Memory(changes) => {
                if changes.changed().await.is_err() {
                    // the queue was dropped: no image of this process changes any more
                    std::future::pending().await
                }
            }
            ChangeNotices::Amqp(listener) => listener.next().await,
        }
    }
}
