//! The doorbell over RabbitMQ; the only file that knows lapin.
//!
//! Whatever fails, the connection is thrown away and a new one made. Publisher and consumers have
//! connections of their own, because a broker under memory pressure blocks publishers only. News
//! go to whoever listens at the moment, over a fanout exchange, and are kept for nobody.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, Event,
    ExchangeKind, message,
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
use crate::{crash, fault::Fault, job::JobId};

/// Rings that may wait for the broker; the rest is dropped and found by polling.
const ROOM: usize = 1_000;
/// Hints that the broker keeps; beyond, it forgets the oldest.
const MAX_LENGTH: i64 = 1_000_000;
const CONNECT: Duration = Duration::from_secs(10);
/// For a publish and its confirmation together: a blocked connection does not even write.
const PUBLISH: Duration = Duration::from_secs(5);
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// A queue without a leader, as a broker's crash may leave it, answers nobody, not even to a
/// goodbye: each try leaves a connection behind.
const LONGEST_WAIT_FOR_THE_MUTE: Duration = Duration::from_secs(600);

/// What the broker wants acknowledged.
pub(super) type Delivery = Box<message::Delivery>;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The message on the wire.
#[derive(Serialize, Deserialize)]
struct Message {
    v: u32,
    job: Uuid,
}

struct Ring {
    job: JobId,
    trace: Option<String>,
}

/// What is to be published.
enum Sending {
    Ring(Ring),
    News,
}

/// A queue on a broker, and the task that publishes to it.
#[derive(Clone)]
pub struct Broker {
    line: Arc<Line>,
    rings: mpsc::Sender<Ring>,
    news: Arc<Notify>,
    connected: Arc<AtomicBool>,
}

struct Line {
    uri: String,
    queue: ShortString,
    exchange: ShortString,
}

impl Broker {
    pub(super) fn new(uri: &str, queue: String, exchange: String) -> Self {
        // A dead peer is noticed after two heartbeats.
        let mark = if uri.contains('?') { '&' } else { '?' };
        let uri = match uri.contains("heartbeat=") {
            true => uri.to_owned(),
            false => format!("{uri}{mark}heartbeat=10"),
        };
        let line = Arc::new(Line { uri, queue: queue.into(), exchange: exchange.into() });
        let (rings, mut waiting) = mpsc::channel(ROOM);
        let connected = Arc::new(AtomicBool::new(false));
        let news = Arc::new(Notify::new());
        let broker =
            Broker { line: line.clone(), rings, news: news.clone(), connected: connected.clone() };
        tokio::spawn(async move {
            // Ends with the last handle on the broker: the channel is closed then.
            let (mut wait, mut unsent) = (FIRST_WAIT, None);
            while !waiting.is_closed() {
                let started = Instant::now();
                let ended = publish_all(&line, &mut waiting, &news, &mut unsent, &connected).await;
                connected.store(false, Ordering::Relaxed);
                let Err(err) = ended else { return };
                tracing::warn!("the broker is away: {err}");
                pause(&mut wait, started, &err).await;
            }
        });
        broker
    }

    pub(super) fn ring(&self, job: JobId, trace: Option<String>) -> bool {
        self.rings.try_send(Ring { job, trace }).is_ok()
    }

    pub(super) fn tell(&self) {
        self.news.notify_one();
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        match self.connected.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(Fault::new("reach the broker", "not connected")),
        }
    }

    pub(super) fn listen(&self, prefetch: u16) -> Listener<Hint> {
        let (tell, heard) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let line = self.line.clone();
        tokio::spawn(async move {
            let mut wait = FIRST_WAIT;
            loop {
                let started = Instant::now();
                let ended = consume_all(&line, prefetch, &tell, &stop).await;
                let Err(err) = ended else { return };
                tracing::warn!("lost the broker, polling meanwhile: {err}");
                pause(&mut wait, started, &err).await;
            }
        });
        Listener { heard, _guard: guard }
    }

    pub(super) fn news(&self) -> Listener<()> {
        let (tell, heard) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let guard = stop.clone().drop_guard();
        let line = self.line.clone();
        tokio::spawn(async move {
            let mut wait = FIRST_WAIT;
            loop {
                let started = Instant::now();
                let ended = hear_news(&line, &tell, &stop).await;
                let Err(err) = ended else { return };
                tracing::warn!("no news of the broker, looking from time to time: {err}");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = pause(&mut wait, started, &err) => {}
                }
            }
        });
        Listener { heard, _guard: guard }
    }
}

/// Hints, or news, out of a connection of its own.
pub struct Listener<T> {
    heard: mpsc::Receiver<T>,
    _guard: DropGuard,
}

impl<T> Listener<T> {
    pub(super) async fn next(&mut self) -> T {
        match self.heard.recv().await {
            Some(heard) => heard,
            // the consuming task ends only with us
            None => std::future::pending().await,
        }
    }
}

pub(super) async fn acknowledge(delivery: Delivery) {
    // Whatever goes wrong, the hint comes again, which does no harm.
    if let Err(err) = delivery.ack(BasicAckOptions::default()).await {
        tracing::debug!("could not acknowledge a hint: {err}");
    }
}

/// Publishes what comes in until the connection fails (`Err`) or nobody can ring any more.
///
/// A ring that the broker did not confirm stays in `unsent`, and goes out first the next time.
async fn publish_all(
    line: &Line,
    waiting: &mut mpsc::Receiver<Ring>,
    news: &Notify,
    unsent: &mut Option<Sending>,
    connected: &AtomicBool,
) -> Result<(), Error> {
    let session = connect(line, "planet publisher");
    let (connection, channel) = time::timeout(CONNECT, session).await??;
    let mut events = pin!(connection.events_listener());
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    connected.store(true, Ordering::Relaxed);
    tracing::info!("connected to the broker");
    loop {
        if let Some(sending) = unsent {
            let sent = time::timeout(PUBLISH, publish(line, &channel, sending)).await;
            if matches!(sending, Sending::Ring(_)) {
                let outcome = if matches!(sent, Ok(Ok(()))) { "sent" } else { "failed" };
                metrics::counter!("planet_hints_total", "outcome" => outcome).increment(1);
            }
            sent??;
            *unsent = None;
        }
        tokio::select! {
            ring = waiting.recv() => match ring {
                Some(ring) => *unsent = Some(Sending::Ring(ring)),
                None => break,
            },
            () = news.notified() => *unsent = Some(Sending::News),
            event = events.next() => match event {
                Some(Event::Error(err)) => return Err(err.into()),
                Some(_) => {}
                None => return Err("the connection was closed".into()),
            },
        }
    }
    let _gone_anyway = connection.close(200, "bye".into()).await;
    Ok(())
}

async fn publish(line: &Line, channel: &Channel, sending: &Sending) -> Result<(), Error> {
    let ring = match sending {
        Sending::Ring(ring) => ring,
        Sending::News => return publish_news(line, channel).await,
    };
    let body = serde_json::to_vec(&Message { v: 1, job: ring.job.0 })?;
    let mut headers = FieldTable::default();
    if let Some(trace) = &ring.trace {
        headers.insert("traceparent".into(), AMQPValue::LongString(trace.as_str().into()));
    }
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("application/json".into())
        .with_message_id(ring.job.to_string().into())
        .with_headers(headers);
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let confirm =
        channel.basic_publish("".into(), line.queue.clone(), options, &body, properties).await?;
    crash::point("hint: publish");
    match confirm.await? {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) => Err("the queue is gone".into()),
        Confirmation::Nack(_) => Err("the broker refused a hint".into()),
        Confirmation::NotRequested => Err("the broker confirms nothing".into()),
    }
}

async fn publish_news(line: &Line, channel: &Channel) -> Result<(), Error> {
    let (exchange, options) = (line.exchange.clone(), BasicPublishOptions::default());
    // whoever hears it asks the database what is new
    let confirm =
        channel.basic_publish(exchange, "".into(), options, b"", BasicProperties::default());
    confirm.await?.await?;
    Ok(())
}

/// Passes news on until the connection fails (`Err`) or the listener is dropped.
async fn hear_news(
    line: &Line,
    tell: &mpsc::Sender<()>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let (connection, mut consumer) = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        session = time::timeout(CONNECT, subscribe(line)) => session??,
    };
    loop {
        // What cannot wait adds nothing: the listener has yet to look. Something may have been told
        // before we listened, too.
        let _ = tell.try_send(());
        tokio::select! {
            () = stop.cancelled() => break,
            delivery = consumer.next() => {
                delivery.ok_or("the broker cancelled the consumer")??;
            }
        }
    }
    let _gone_anyway = connection.close(200, "bye".into()).await;
    Ok(())
}

/// A queue of our own behind the exchange, which goes when we go.
async fn subscribe(line: &Line) -> Result<(Connection, Consumer), Error> {
    let (connection, channel) = connect(line, "planet follower").await?;
    let own = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    let queue = channel.queue_declare(ShortString::default(), own, FieldTable::default()).await?;
    let (name, exchange) = (queue.name().clone(), line.exchange.clone());
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(name.clone(), exchange, "".into(), options, none).await?;
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    let consumer =
        channel.basic_consume(name, ShortString::default(), options, FieldTable::default()).await?;
    Ok((connection, consumer))
}

/// Hands hints on until the connection fails (`Err`) or the listener is dropped.
async fn consume_all(
    line: &Line,
    prefetch: u16,
    tell: &mpsc::Sender<Hint>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let session = async {
        let (connection, channel) = connect(line, "planet worker").await?;
        channel.basic_qos(prefetch, BasicQosOptions { global: false }).await?;
        let consumer = channel
            .basic_consume(
                line.queue.clone(),
                ShortString::default(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok::<_, Error>((connection, consumer))
    };
    let (connection, mut consumer) = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        session = time::timeout(CONNECT, session) => session??,
    };
    loop {
        let delivery = tokio::select! {
            () = stop.cancelled() => break,
            delivery = consumer.next() => delivery.ok_or("the broker cancelled the consumer")??,
        };
        let trace = trace_of(&delivery.properties);
        match serde_json::from_slice::<Message>(&delivery.data) {
            Ok(Message { v: 1, job }) => {
                let hint = Hint { job: JobId(job), trace, receipt: Some(Box::new(delivery)) };
                if tell.send(hint).await.is_err() {
                    break;
                }
            }
            _ => {
                tracing::warn!("dropped a hint that cannot be read");
                metrics::counter!("planet_hints_total", "outcome" => "unreadable").increment(1);
                acknowledge(Box::new(delivery)).await;
            }
        }
    }
    let _gone_anyway = connection.close(200, "bye".into()).await;
    Ok(())
}

async fn connect(line: &Line, name: &str) -> Result<(Connection, Channel), Error> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let connection = Connection::connect(&line.uri, properties).await?;
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(MAX_LENGTH));
    channel.queue_declare(line.queue.clone(), QueueDeclareOptions::durable(), arguments).await?;
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let (exchange, none) = (line.exchange.clone(), FieldTable::default());
    channel.exchange_declare(exchange, ExchangeKind::Fanout, durable, none).await?;
    Ok((connection, channel))
}

fn trace_of(properties: &BasicProperties) -> Option<String> {
    let headers = properties.headers().as_ref()?;
    match headers.inner().get("traceparent")? {
        AMQPValue::LongString(trace) => Some(trace.to_string()),
        _ => None,
    }
}

async fn pause(wait: &mut Duration, started: Instant, err: &Error) {
    if started.elapsed() > Duration::from_secs(30) {
        *wait = FIRST_WAIT;
    }
    time::sleep(wait.mul_f64(0.8 + 0.4 * fastrand::f64())).await;
    let longest = match err.is::<time::error::Elapsed>() {
        true => LONGEST_WAIT_FOR_THE_MUTE,
        false => LONGEST_WAIT,
    };
    *wait = (*wait * 2).min(longest);
}
