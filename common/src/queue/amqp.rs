//! The queue over RabbitMQ; the only file that uses lapin.
//!
//! Hints go through a durable quorum queue and are acknowledged. Notifications of changes go
//! through a fanout exchange to everyone who is connected, and are not kept.
//!
//! After any failure the connection is dropped and a new one made. The publisher and each listener
//! have connections of their own, because a broker under memory pressure blocks publishers only.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream::FuturesOrdered};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, Event,
    ExchangeKind, PublisherConfirm, message,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, mpsc},
    time,
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use super::Hint;
use crate::{failpoint, fault::Fault, jitter::jitter, job::JobId, trace::TraceContext};

/// Hints that may wait for the broker. Workers find the jobs of dropped hints by polling.
const CAPACITY: usize = 1_000;
/// Hints that the broker keeps. When there are more, it drops the oldest.
const MAX_LENGTH: i64 = 1_000_000;
/// Publications that wait for their confirmation at the same time.
const MAX_UNCONFIRMED: usize = 256;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For a publish and its confirmation together: a blocked connection does not even write.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(5);
/// A session of this length resets the backoff.
const STABLE_SESSION: Duration = Duration::from_secs(30);
const MIN_BACKOFF: Duration = Duration::from_millis(200);
const MAX_BACKOFF: Duration = Duration::from_secs(10);
/// After a timeout. A queue without a leader, as a crash of the broker may leave it, answers no
/// request, not even a close: each attempt leaks a connection on the broker.
const MAX_TIMEOUT_BACKOFF: Duration = Duration::from_secs(600);

/// What the broker wants acknowledged.
pub(super) type Delivery = Box<message::Delivery>;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The body of a hint, as JSON. `v` is the version of this format.
#[derive(Serialize, Deserialize)]
struct Message {
    v: u32,
    job: Uuid,
}

struct JobNotice {
    job: JobId,
    trace: Option<TraceContext>,
}

/// What is to be published.
enum Publication {
    Job(JobNotice),
    Changes,
}

/// A queue on a broker, and the task that publishes to it.
#[derive(Clone)]
pub struct AmqpQueue {
    topology: Arc<Topology>,
    jobs: mpsc::Sender<JobNotice>,
    changes: Arc<Notify>,
    connected: Arc<AtomicBool>,
}

/// The broker and what is declared on it.
struct Topology {
    uri: String,
    queue: ShortString,
    exchange: ShortString,
}

impl AmqpQueue {
    pub(super) fn new(uri: &str, queue: String, exchange: String) -> Self {
        // a dead peer is noticed after two heartbeats
        let separator = if uri.contains('?') { '&' } else { '?' };
        let uri = match uri.contains("heartbeat=") {
            true => uri.to_owned(),
            false => format!("{uri}{separator}heartbeat=10"),
        };
        let topology = Arc::new(Topology { uri, queue: queue.into(), exchange: exchange.into() });
        let (jobs, receiver) = mpsc::channel(CAPACITY);
        let queue = AmqpQueue {
            topology,
            jobs,
            changes: Arc::new(Notify::new()),
            connected: Arc::new(AtomicBool::new(false)),
        };
        let publisher = Publisher {
            topology: queue.topology.clone(),
            jobs: receiver,
            changes: queue.changes.clone(),
            unconfirmed: VecDeque::new(),
            connected: queue.connected.clone(),
        };
        tokio::spawn(publisher.run());
        queue
    }

    pub(super) fn name(&self) -> &str {
        self.topology.queue.as_str()
    }

    pub(super) fn notify_job(&self, job: JobId, trace: Option<TraceContext>) -> bool {
        self.jobs.try_send(JobNotice { job, trace }).is_ok()
    }

    pub(super) fn notify_changes(&self) {
        self.changes.notify_one();
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        match self.connected.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(Fault::new("reach the broker", "not connected")),
        }
    }

    pub(super) fn listen_jobs(&self, prefetch: u16) -> Listener<Hint> {
        self.listen(Jobs { prefetch })
    }

    pub(super) fn listen_changes(&self) -> Listener<()> {
        self.listen(Changes)
    }

    /// Consumes `feed` in a task that ends when the listener is dropped.
    fn listen<F: Feed>(&self, feed: F) -> Listener<F::Item> {
        let (sender, receiver) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let topology = self.topology.clone();
        tokio::spawn(async move {
            let mut backoff = MIN_BACKOFF;
            loop {
                let started = Instant::now();
                let ended = consume(&topology, &feed, &sender, &stop).await;
                let Err(err) = ended else { return };
                tracing::warn!("{}: {err}", F::DISCONNECTED);
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = pause(&mut backoff, started, &err) => {}
                }
            }
        });
        Listener { receiver, _guard: guard }
    }
}

/// Receives what a connection of its own delivers.
pub struct Listener<T> {
    receiver: mpsc::Receiver<T>,
    _guard: DropGuard,
}

impl<T> Listener<T> {
    pub(super) async fn next(&mut self) -> T {
        match self.receiver.recv().await {
            Some(item) => item,
            // the task that sends ends only with this listener
            None => std::future::pending().await,
        }
    }
}

pub(super) async fn acknowledge(delivery: Delivery) {
    // on failure, the hint is delivered again, which does no harm
    if let Err(err) = delivery.ack(BasicAckOptions::default()).await {
        tracing::debug!("could not acknowledge a hint: {err}");
    }
}

/// The task that publishes.
struct Publisher {
    topology: Arc<Topology>,
    jobs: mpsc::Receiver<JobNotice>,
    changes: Arc<Notify>,
    /// Not confirmed, the longest first: what a connection leaves goes out on the next one.
    unconfirmed: VecDeque<Publication>,
    connected: Arc<AtomicBool>,
}

impl Publisher {
    /// Publishes until the last [`AmqpQueue`] is dropped, which closes the channel.
    async fn run(mut self) {
        let mut backoff = MIN_BACKOFF;
        while !self.jobs.is_closed() {
            let started = Instant::now();
            let ended = self.session().await;
            self.connected.store(false, Ordering::Relaxed);
            let Err(err) = ended else { return };
            tracing::warn!("the broker is unavailable: {err}");
            pause(&mut backoff, started, &err).await;
        }
    }

    /// Publishes until the connection fails (`Err`) or the channel is closed.
    async fn session(&mut self) -> Result<(), Error> {
        let session = connect(&self.topology, "planet publisher");
        let (connection, channel) = time::timeout(CONNECT_TIMEOUT, session).await??;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        self.connected.store(true, Ordering::Relaxed);
        tracing::info!("connected to the broker");
        let ended = self.publish_all(&connection, &channel).await;
        if ended.is_err() {
            let is_hint = |one: &&Publication| matches!(one, Publication::Job(_));
            count_hints("failed", self.unconfirmed.iter().filter(is_hint).count());
        }
        ended?;
        close(connection).await;
        Ok(())
    }

    /// Publishes without waiting for each confirmation. Returns once the channel is closed and
    /// everything is confirmed.
    async fn publish_all(
        &mut self,
        connection: &Connection,
        channel: &Channel,
    ) -> Result<(), Error> {
        let mut events = pin!(connection.events_listener());
        // those of the first of `unconfirmed`, in the same order
        let mut confirmations = FuturesOrdered::new();
        let mut is_open = true;
        while is_open || !self.unconfirmed.is_empty() {
            while let Some(next) = self.unconfirmed.get(confirmations.len()) {
                let deadline = time::Instant::now() + PUBLISH_TIMEOUT;
                let published = publish(&self.topology, channel, next);
                let confirmation = time::timeout_at(deadline, published).await??;
                confirmations.push_back(time::timeout_at(deadline, confirmation));
            }
            let has_room = self.unconfirmed.len() < MAX_UNCONFIRMED;
            tokio::select! {
                Some(confirmation) = confirmations.next() => {
                    let confirmation = confirmation??;
                    if let Some(Publication::Job(_)) = self.unconfirmed.front() {
                        check(confirmation)?;
                        count_hints("sent", 1);
                    }
                    self.unconfirmed.pop_front();
                }
                notice = self.jobs.recv(), if is_open && has_room => match notice {
                    Some(notice) => self.unconfirmed.push_back(Publication::Job(notice)),
                    None => is_open = false,
                },
                () = self.changes.notified(), if is_open && has_room => {
                    self.unconfirmed.push_back(Publication::Changes);
                }
                event = events.next() => match event {
                    Some(Event::Error(err)) => return Err(err.into()),
                    Some(_) => {}
                    None => return Err("the connection was closed".into()),
                },
            }
        }
        Ok(())
    }
}

/// Sends a publication; the result resolves to its confirmation.
async fn publish(
    topology: &Topology,
    channel: &Channel,
    publication: &Publication,
) -> Result<PublisherConfirm, Error> {
    let notice = match publication {
        Publication::Job(notice) => notice,
        // the body is empty: subscribers ask the database what has changed
        Publication::Changes => {
            let (exchange, options) = (topology.exchange.clone(), BasicPublishOptions::default());
            let properties = BasicProperties::default();
            return Ok(channel
                .basic_publish(exchange, "".into(), options, b"", properties)
                .await?);
        }
    };
    let body = serde_json::to_vec(&Message { v: 1, job: notice.job.0 })?;
    let mut headers = FieldTable::default();
    if let Some(trace) = notice.trace {
        headers.insert("traceparent".into(), AMQPValue::LongString(trace.to_string().into()));
    }
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_message_id(notice.job.to_string().into())
        .with_headers(headers);
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let queue = topology.queue.clone();
    let confirmation = channel.basic_publish("".into(), queue, options, &body, properties).await?;
    failpoint::hit("hint: publish");
    Ok(confirmation)
}

/// Whether the broker has a hint.
fn check(confirmation: Confirmation) -> Result<(), Error> {
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) => Err("the queue does not exist any more".into()),
        Confirmation::Nack(_) => Err("the broker refused a hint".into()),
        Confirmation::NotRequested => Err("the broker does not confirm".into()),
    }
}

fn count_hints(outcome: &'static str, count: usize) {
    metrics::counter!("planet_hints_total", "outcome" => outcome).increment(count as u64);
}

/// What a listener consumes.
trait Feed: Send + Sync + 'static {
    type Item: Send + 'static;

    /// Logged when the connection failed.
    const DISCONNECTED: &str;

    fn subscribe(
        &self,
        topology: &Topology,
    ) -> impl Future<Output = Result<(Connection, Consumer), Error>> + Send;

    /// Called once after each connect.
    fn connected(&self, _listener: &mpsc::Sender<Self::Item>) {}

    /// Passes a delivery on to the listener; `false` when the listener was dropped.
    fn pass_on(
        &self,
        delivery: message::Delivery,
        listener: &mpsc::Sender<Self::Item>,
    ) -> impl Future<Output = bool> + Send;
}

/// Consumes `feed` until the connection fails (`Err`), or `stop`.
async fn consume<F: Feed>(
    topology: &Topology,
    feed: &F,
    listener: &mpsc::Sender<F::Item>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let (connection, mut consumer) = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        session = time::timeout(CONNECT_TIMEOUT, feed.subscribe(topology)) => session??,
    };
    feed.connected(listener);
    loop {
        let delivery = tokio::select! {
            () = stop.cancelled() => break,
            delivery = consumer.next() => delivery.ok_or("the broker cancelled the consumer")??,
        };
        if !feed.pass_on(delivery, listener).await {
            break;
        }
    }
    close(connection).await;
    Ok(())
}

/// Hints. At most `prefetch` are delivered and not acknowledged.
struct Jobs {
    prefetch: u16,
}

impl Feed for Jobs {
    type Item = Hint;

    const DISCONNECTED: &str = "lost the broker; workers poll meanwhile";

    async fn subscribe(&self, topology: &Topology) -> Result<(Connection, Consumer), Error> {
        let (connection, channel) = connect(topology, "planet worker").await?;
        channel.basic_qos(self.prefetch, BasicQosOptions { global: false }).await?;
        let (queue, options) = (topology.queue.clone(), BasicConsumeOptions::default());
        let consumer =
            channel.basic_consume(queue, ShortString::default(), options, FieldTable::default());
        Ok((connection, consumer.await?))
    }

    async fn pass_on(&self, delivery: message::Delivery, listener: &mpsc::Sender<Hint>) -> bool {
        let trace = trace_of(&delivery.properties);
        let message = serde_json::from_slice::<Message>(&delivery.data);
        let delivery = Box::new(delivery);
        match message {
            Ok(Message { v: 1, job }) => {
                let hint = Hint { job: JobId(job), trace, delivery: Some(delivery) };
                listener.send(hint).await.is_ok()
            }
            _ => {
                tracing::warn!("dropped a hint that cannot be parsed");
                metrics::counter!("planet_hints_total", "outcome" => "unreadable").increment(1);
                acknowledge(delivery).await;
                true
            }
        }
    }
}

/// Notifications that images have changed.
struct Changes;

impl Feed for Changes {
    type Item = ();

    const DISCONNECTED: &str = "lost the broker; changes of images are polled meanwhile";

    /// A queue behind the exchange that exists as long as this connection.
    async fn subscribe(&self, topology: &Topology) -> Result<(Connection, Consumer), Error> {
        let (connection, channel) = connect(topology, "planet subscriber").await?;
        let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        let queue =
            channel.queue_declare(ShortString::default(), own, FieldTable::default()).await?;
        let (name, exchange) = (queue.name().clone(), topology.exchange.clone());
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        channel.queue_bind(name.clone(), exchange, "".into(), options, none).await?;
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        let consumer =
            channel.basic_consume(name, ShortString::default(), options, FieldTable::default());
        Ok((connection, consumer.await?))
    }

    /// A change may have been published before this connection was there.
    fn connected(&self, listener: &mpsc::Sender<()>) {
        let _pending_is_enough = listener.try_send(());
    }

    /// A notification that is pending already covers this one, too.
    async fn pass_on(&self, _: message::Delivery, listener: &mpsc::Sender<()>) -> bool {
        let _pending_is_enough = listener.try_send(());
        !listener.is_closed()
    }
}

/// Connects, and declares the queue and the exchange.
async fn connect(topology: &Topology, name: &str) -> Result<(Connection, Channel), Error> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect(&topology.uri, properties).await?;
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(MAX_LENGTH));
    let queue = topology.queue.clone();
    channel.queue_declare(queue, QueueDeclareOptions::durable(), arguments).await?;
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let (exchange, none) = (topology.exchange.clone(), FieldTable::default());
    channel.exchange_declare(exchange, ExchangeKind::Fanout, durable, none).await?;
    Ok((connection, channel))
}

async fn close(connection: Connection) {
    let _closed_anyway = connection.close(200, "shutdown".into()).await;
}

fn trace_of(properties: &BasicProperties) -> Option<TraceContext> {
    let headers = properties.headers().as_ref()?;
    match headers.inner().get("traceparent")? {
        AMQPValue::LongString(trace) => trace.to_string().parse().ok(),
        _ => None,
    }
}

/// Waits before the next attempt; `backoff` doubles from one call to the next.
async fn pause(backoff: &mut Duration, started: Instant, err: &Error) {
    if started.elapsed() > STABLE_SESSION {
        *backoff = MIN_BACKOFF;
    }
    time::sleep(jitter(*backoff)).await;
    let max = match err.is::<time::error::Elapsed>() {
        true => MAX_TIMEOUT_BACKOFF,
        false => MAX_BACKOFF,
    };
    *backoff = (*backoff * 2).min(max);
}
