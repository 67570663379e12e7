//! The contract of the queue, in memory and over RabbitMQ, and what a broker adds.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    time::Duration,
};

use common::{
    env::Env,
    job::JobId,
    queue::{Config, Hint, Hints, Queue},
};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties,
    options::{
        BasicPublishOptions, ConfirmSelectOptions, ExchangeDeleteOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::FieldTable,
};
use testkit::{
    env::servers,
    wait::{eventually, soon},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};
use url::Url;
use uuid::Uuid;

const ENGINE: u32 = 7;
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

conformance! {
    [memory = on_memory, rabbitmq = on_rabbitmq]
    [
        a_hint_is_heard_with_its_trace
        every_hint_is_heard_by_one_listener
        a_hint_waits_for_a_listener
        notifying_never_waits
        a_wait_that_is_broken_off_loses_nothing
        changes_are_heard_by_all_listeners
    ]
}

async fn a_hint_is_heard_with_its_trace(queue: Queue) {
    let mut hints = queue.listen_jobs(1);
    for trace in [TRACE.parse().ok(), None] {
        let job = JobId::generate();
        queue.notify_job(job, trace);
        let hint = soon("a hint", hints.next()).await;
        assert_eq!((hint.job, hint.trace), (job, trace));
        hint.acknowledge().await;
    }
}

async fn every_hint_is_heard_by_one_listener(queue: Queue) {
    let (mut one, mut other) = (queue.listen_jobs(2), queue.listen_jobs(2));
    let jobs: HashSet<JobId> = (0..50).map(|_| JobId::generate()).collect();
    for job in &jobs {
        queue.notify_job(*job, None);
    }
    let mut heard = Vec::new();
    while heard.len() < jobs.len() {
        let hint = soon("a hint", async {
            tokio::select! { hint = one.next() => hint, hint = other.next() => hint }
        });
        let hint = hint.await;
        heard.push(hint.job);
        hint.acknowledge().await;
    }
    assert_eq!(heard.into_iter().collect::<HashSet<_>>(), jobs);
}

async fn a_hint_waits_for_a_listener(queue: Queue) {
    let jobs = [(); 3].map(|()| JobId::generate());
    for job in jobs {
        queue.notify_job(job, None);
    }
    let mut hints = queue.listen_jobs(1);
    for job in jobs {
        assert_eq!(answer(&mut hints).await, job);
    }
}

async fn notifying_never_waits(queue: Queue) {
    // far more than the capacity, without a listener
    for _ in 0..50_000 {
        queue.notify_job(JobId::generate(), None);
    }
    // those within the capacity are heard
    answer(&mut queue.listen_jobs(1)).await;
}

async fn a_wait_that_is_broken_off_loses_nothing(queue: Queue) {
    let mut hints = queue.listen_jobs(1);
    for _ in 0..20 {
        let job = JobId::generate();
        queue.notify_job(job, None);
        let hint = eventually("a hint", async || timeout(Duration::ZERO, hints.next()).await.ok());
        let hint = hint.await;
        assert_eq!(hint.job, job);
        hint.acknowledge().await;
    }
}

async fn changes_are_heard_by_all_listeners(queue: Queue) {
    let mut listeners = [queue.listen_changes(), queue.listen_changes(), queue.listen_changes()];
    for _ in 0..3 {
        queue.notify_changes();
        for changes in &mut listeners {
            soon("a change", changes.next()).await;
        }
    }
    // without a listener
    drop(listeners);
    queue.notify_changes();
}

/// The next job, acknowledged.
async fn answer(hints: &mut Hints) -> JobId {
    let hint = soon("a hint", hints.next()).await;
    let job = hint.job;
    hint.acknowledge().await;
    job
}

// ---- inside this process

async fn on_memory<F: Future<Output = ()>>(behaviour: impl FnOnce(Queue) -> F) {
    behaviour(open("memory:", "planet.jobs", ENGINE)).await;
}

// ---- over a broker

async fn on_rabbitmq<F: Future<Output = ()>>(behaviour: impl FnOnce(Queue) -> F) {
    let Some(broker) = Broker::of_this_test().await else { return };
    behaviour(broker.queue(ENGINE)).await;
    broker.leave().await;
}

/// A broker, with a queue name that is this test's own.
struct Broker {
    url: String,
    name: String,
    channel: Channel,
    _connection: Connection,
}

impl Broker {
    async fn of_this_test() -> Option<Self> {
        let [url] = servers("common", ["TEST_QUEUE_URL"])?;
        let connection = Connection::connect(&url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        let name = format!("test.{}", Uuid::now_v7());
        Some(Broker { url, name, channel, _connection: connection })
    }

    /// The queue of that engine, once its publisher is connected.
    fn queue(&self, engine: u32) -> Queue {
        open(&self.url, &self.name, engine)
    }

    /// The queue as the broker names it.
    fn queue_name(&self) -> String {
        format!("{}.e{ENGINE}", self.name)
    }

    /// Hints that no listener has taken.
    async fn waiting(&self) -> u32 {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue =
            self.channel.queue_declare(self.queue_name().into(), passive, FieldTable::default());
        queue.await.unwrap().message_count()
    }

    async fn waits(&self, hints: u32) {
        eventually("the hints in the queue", async || {
            (self.waiting().await == hints).then_some(())
        })
        .await;
    }

    /// Returns when the broker has it: what others publish later comes after it.
    async fn publish(&self, body: &[u8]) {
        let properties = BasicProperties::default();
        let options = BasicPublishOptions::default();
        let queue = self.queue_name().into();
        let sent = self.channel.basic_publish("".into(), queue, options, body, properties).await;
        assert_eq!(sent.unwrap().await.unwrap(), Confirmation::Ack(None));
    }

    async fn forget_queue(&self) {
        let options = QueueDeleteOptions::default();
        self.channel.queue_delete(self.queue_name().into(), options).await.unwrap();
    }

    async fn leave(self) {
        let exchange = format!("{}.changes", self.name).into();
        self.channel.exchange_delete(exchange, ExchangeDeleteOptions::default()).await.unwrap();
        self.forget_queue().await;
    }
}

fn open(url: &str, name: &str, engine: u32) -> Queue {
    let settings = [("QUEUE_URL", url), ("QUEUE_NAME", name)];
    Queue::open(&Config::read(&mut Env::new(settings, [])), engine)
}

async fn connected(queue: &Queue) {
    eventually("a connected queue", async || queue.check().ok()).await;
}

#[tokio::test]
async fn a_hint_that_is_not_acknowledged_is_delivered_again() {
    let Some(broker) = Broker::of_this_test().await else { return };
    let queue = broker.queue(ENGINE);
    let job = JobId::generate();
    queue.notify_job(job, TRACE.parse().ok());
    let mut first = queue.listen_jobs(1);
    let hint: Hint = soon("a hint", first.next()).await;
    assert_eq!(hint.job, job);
    // a worker that dies
    drop((hint, first));
    let mut second = queue.listen_jobs(1);
    let hint = soon("a hint", second.next()).await;
    assert_eq!((hint.job, hint.trace), (job, TRACE.parse().ok()));
    hint.acknowledge().await;
    drop(second);

    // an acknowledged one does not: the next to be heard is another
    let (other, mut third) = (JobId::generate(), queue.listen_jobs(1));
    queue.notify_job(other, None);
    assert_eq!(answer(&mut third).await, other);
    drop(third);
    broker.waits(0).await;
    broker.leave().await;
}

#[tokio::test]
async fn a_listener_takes_no_more_than_it_has_room_for() {
    let Some(broker) = Broker::of_this_test().await else { return };
    let queue = broker.queue(ENGINE);
    connected(&queue).await;
    for _ in 0..5 {
        queue.notify_job(JobId::generate(), None);
    }
    broker.waits(5).await;
    let mut hints = queue.listen_jobs(2);
    let (first, second) = (soon("a hint", hints.next()).await, soon("a hint", hints.next()).await);
    broker.waits(3).await;
    first.acknowledge().await;
    let third = soon("a hint", hints.next()).await;
    broker.waits(2).await;
    drop((second, third, hints));
    broker.waits(4).await;
    broker.leave().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_dropped() {
    let Some(broker) = Broker::of_this_test().await else { return };
    let queue = broker.queue(ENGINE);
    connected(&queue).await;
    let job = JobId::generate();
    let of_tomorrow = format!("{{\"v\":2,\"job\":\"{job}\"}}");
    for junk in ["", "hello", "{}", r#"{"v":1,"job":"7"}"#, &of_tomorrow, "\0\u{1f600}"] {
        broker.publish(junk.as_bytes()).await;
    }
    broker.publish(&vec![b'['; 1 << 20]).await;
    queue.notify_job(job, None);
    let mut hints = queue.listen_jobs(1);
    assert_eq!(answer(&mut hints).await, job);
    drop(hints);
    broker.waits(0).await;
    broker.leave().await;
}

#[tokio::test]
async fn every_engine_has_a_queue_of_its_own() {
    let Some(broker) = Broker::of_this_test().await else { return };
    let (old, new) = (broker.queue(ENGINE), broker.queue(ENGINE + 1));
    let (old_job, new_job) = (JobId::generate(), JobId::generate());
    let (mut old_hints, mut new_hints) = (old.listen_jobs(5), new.listen_jobs(5));
    old.notify_job(old_job, None);
    new.notify_job(new_job, None);
    assert_eq!(answer(&mut new_hints).await, new_job);
    assert_eq!(answer(&mut old_hints).await, old_job);
    broker.leave().await;
}

#[tokio::test]
async fn a_lost_queue_is_declared_again() {
    let Some(broker) = Broker::of_this_test().await else { return };
    let queue = broker.queue(ENGINE);
    let mut hints = queue.listen_jobs(1);
    queue.notify_job(JobId::generate(), None);
    answer(&mut hints).await;
    broker.forget_queue().await;
    // the broker refuses the next hint, which is kept for the new queue
    let job = JobId::generate();
    queue.notify_job(job, None);
    assert_eq!(answer(&mut hints).await, job);
    broker.leave().await;
}

#[tokio::test]
async fn changes_go_to_every_engine_and_are_not_kept() {
    let Some(broker) = Broker::of_this_test().await else { return };
    let (one, other) = (broker.queue(ENGINE), broker.queue(ENGINE + 1));
    let mut changes = other.listen_changes();
    // something may have changed before it listened
    soon("a change", changes.next()).await;
    one.notify_changes();
    soon("a change", changes.next()).await;
    let mut late = one.listen_changes();
    soon("a change", late.next()).await;
    assert!(timeout(Duration::from_millis(100), late.next()).await.is_err());
    connected(&other).await;
    let options = QueueDeleteOptions::default();
    let second = format!("{}.e{}", broker.name, ENGINE + 1);
    broker.channel.queue_delete(second.into(), options).await.unwrap();
    broker.leave().await;
}

#[tokio::test]
async fn a_broker_that_is_away_delays_nothing() {
    // it listens, and never says a word
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refusing = closed.local_addr().unwrap().port();
    drop(closed);
    for port in [port, refusing] {
        let queue = open(&format!("amqp://guest:secret@127.0.0.1:{port}/%2f"), "test", ENGINE);
        for _ in 0..5_000 {
            queue.notify_job(JobId::generate(), None);
            queue.notify_changes();
        }
        let fault = queue.check().unwrap_err().to_string();
        assert!(fault.contains("broker") && !fault.contains("secret"), "{fault}");
        let heard = timeout(Duration::from_millis(100), queue.listen_jobs(1).next()).await;
        assert!(heard.is_err());
    }
}

/// Forwards connections to the broker, and what the broker sends only while it is `open`.
async fn gate_to(broker: &str, open: watch::Receiver<bool>) -> String {
    let mut url = Url::parse(broker).unwrap();
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5672));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (server, mut open) = (TcpStream::connect(&target).await.unwrap(), open.clone());
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = from_server.read(&mut buffer).await {
                    let is_open = open.wait_for(|open| *open).await.is_ok();
                    if !is_open || to_client.write_all(&buffer[..length]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    url.to_string()
}

#[tokio::test]
async fn hints_wait_for_their_confirmations_together_and_go_out_again_without_one() {
    const HINTS: u32 = 20;
    let Some(broker) = Broker::of_this_test().await else { return };
    let (gate, open_gate) = watch::channel(true);
    let queue = open(&gate_to(&broker.url, open_gate).await, &broker.name, ENGINE);
    connected(&queue).await;
    gate.send_replace(false);
    let jobs: HashSet<JobId> = (0..HINTS).map(|_| JobId::generate()).collect();
    jobs.iter().for_each(|job| queue.notify_job(*job, None));
    broker.waits(HINTS).await;
    // no confirmation came through: the connection is given up
    eventually("the connection is given up", async || queue.check().err()).await;
    gate.send_replace(true);
    broker.waits(2 * HINTS).await;
    let (mut hints, mut heard) = (broker.queue(ENGINE).listen_jobs(99), HashMap::new());
    for _ in 0..2 * HINTS {
        *heard.entry(answer(&mut hints).await).or_insert(0) += 1;
    }
    assert!(
        heard.len() == jobs.len() && heard.iter().all(|(job, n)| jobs.contains(job) && *n == 2)
    );
    drop((hints, queue));
    broker.leave().await;
}
