//! All faults in random order, for any time: `scripts/soak SECONDS`.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::StatusCode;
use testkit::wait::eventually;
use tokio::time::sleep;
use uuid::Uuid;

use crate::support::{
    bucket::Weather,
    crowd::Crowd,
    customer::{Customer, Kept},
    link::{Link, Mood},
    pictures::pictures,
    process::free_port,
    reader::{Reader, Shelf},
    servers::Servers,
    site::{Api, Site, Worker},
};

const SECONDS: u64 = 15;
const WORKERS: usize = 3;

const FAULTS: [&str; 11] = [
    "worker killed",
    "worker asleep",
    "api killed",
    "store answers 503",
    "store hangs up",
    "database refuses",
    "database hangs",
    "commit not answered",
    "broker refuses",
    "broker hangs",
    "worker stopped",
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_breaks_nothing_acknowledged_is_lost_or_wrong() {
    let Some(servers) = Servers::shared().await else { return };
    let seconds = setting("SOAK_S").unwrap_or(SECONDS);
    let seed = setting("SOAK_SEED").unwrap_or_else(|| Uuid::now_v7().as_u128() as u32 as u64);
    println!("soak: {seconds} s of faults from seed {seed} (SOAK_SEED)");

    let mut site = Site::open(&servers).await;
    let database = site.link_to_database().await;
    let broker = site.link_to_broker(&servers).await;
    let binds = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
    let mut apis = Vec::new();
    for bind in &binds {
        apis.push(site.api_at(bind).await);
    }
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(site.worker().await);
    }
    let urls: Vec<&str> = apis.iter().map(|api| api.url.as_str()).collect();
    let customer = Customer::of(&urls);
    let reader = Reader::start(customer.clone());
    let crowd = Crowd::gather(&customer, &pictures(40), &reader.shelf());
    let tourists = Tourists::arrive(&customer);

    let mut house = House { site, database, broker, binds, apis, workers, dice: Dice(seed | 1) };
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut faults: BTreeMap<&str, u32> = BTreeMap::new();
    let mut recoveries: Vec<Duration> = Vec::new();
    while Instant::now() < deadline {
        let fault = FAULTS[house.dice.below(FAULTS.len())];
        *faults.entry(fault).or_default() += 1;
        house.breaks(fault).await;
        recoveries.push(time_until_uploads_go_on(&reader.shelf()).await);
    }
    let kept = crowd.leaves().await;
    let visits = tourists.leave().await;
    house.works_off_its_backlog().await;
    customer.all_ready(&kept).await;
    let House { site, apis, workers, .. } = house;
    let (apis, workers): (Vec<&Api>, Vec<&Worker>) =
        (apis.iter().collect(), workers.iter().collect());
    // the metrics of running workers include injected faults
    site.assert_invariants(&apis, &workers, &kept).await;
    let reads = reader.leaves_content().await;
    recoveries.sort();
    let (typical, longest) = (recoveries[recoveries.len() / 2], recoveries[recoveries.len() - 1]);
    println!(
        "soak: {} uploads acknowledged, {reads} texts read, {visits} images looked at in other sizes and deleted\n\
         soak: faults: {faults:?}\n\
         soak: uploads went on after {:.1} s (median), {:.1} s (longest)\n\
         soak: lost 0, wrong 0, left behind 0",
        kept.len(),
        typical.as_secs_f64(),
        longest.as_secs_f64(),
    );
}

struct House {
    site: Site,
    database: Link,
    broker: Link,
    binds: [String; 2],
    apis: Vec<Api>,
    workers: Vec<Worker>,
    dice: Dice,
}

impl House {
    /// Injects a fault for a while, and ends it.
    async fn breaks(&mut self, fault: &str) {
        let a_while = Duration::from_millis(100 + self.dice.below(1400) as u64);
        let worker = self.dice.below(self.workers.len());
        match fault {
            "worker killed" => {
                self.workers[worker].process.kill();
                self.workers[worker] = self.site.worker().await;
            }
            "worker stopped" => {
                self.workers[worker].process.signal("TERM");
                assert!(self.workers[worker].process.ended().await.success());
                self.workers[worker] = self.site.worker().await;
            }
            "worker asleep" => {
                self.workers[worker].process.signal("STOP");
                // half of the time for longer than its lease
                sleep(2 * a_while + Duration::from_secs(1)).await;
                self.workers[worker].process.signal("CONT");
            }
            "api killed" => {
                let api = self.dice.below(self.apis.len());
                self.apis[api].process.kill();
                sleep(a_while).await;
                self.apis[api] = self.site.api_at(&self.binds[api]).await;
            }
            "store answers 503" => self.weather(Weather::Unavailable, a_while).await,
            "store hangs up" => self.weather(Weather::Deaf, a_while).await,
            "database refuses" => for_a_while(&self.database, Mood::Refuse, a_while).await,
            "database hangs" => for_a_while(&self.database, Mood::Hang, a_while).await,
            "commit not answered" => self.database.lose_answer_to(b"COMMIT", Mood::Pass),
            "broker refuses" => for_a_while(&self.broker, Mood::Refuse, a_while).await,
            _ => for_a_while(&self.broker, Mood::Hang, a_while).await,
        }
    }

    /// Waits until the backlog is empty; it must keep shrinking.
    async fn works_off_its_backlog(&self) {
        let pending = "SELECT COUNT(*) FROM jobs WHERE state = 'pending'";
        let mut left = self.site.database.number(pending).await;
        while left > 0 {
            left = eventually("the backlog gets smaller", async || {
                let now = self.site.database.number(pending).await;
                (now < left).then_some(now)
            })
            .await;
        }
    }

    async fn weather(&self, weather: Weather, a_while: Duration) {
        self.site.bucket.weather(weather);
        sleep(a_while).await;
        self.site.bucket.weather(Weather::Fair);
    }
}

async fn for_a_while(link: &Link, mood: Mood, a_while: Duration) {
    link.set(mood);
    sleep(a_while).await;
    // clients on the old connections reconnect
    link.set(Mood::Refuse);
    link.set(Mood::Pass);
}

async fn time_until_uploads_go_on(shelf: &Shelf) -> Duration {
    let mended = Instant::now();
    shelf.reaches(shelf.len() + 1).await;
    mended.elapsed()
}

/// Clients that upload an image, request a size outside the presets, and delete the image.
struct Tourists {
    leave: Arc<AtomicBool>,
    visits: Arc<AtomicU32>,
    all: Vec<tokio::task::JoinHandle<()>>,
}

impl Tourists {
    fn arrive(customer: &Customer) -> Self {
        let (leave, visits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let visit = |nth: usize| {
            let (customer, leave, visits) = (customer.clone(), leave.clone(), visits.clone());
            tokio::spawn(async move {
                let pictures = pictures(10);
                while !leave.load(Ordering::Relaxed) {
                    let visit = visits.fetch_add(1, Ordering::Relaxed) as usize;
                    let picture = pictures[visit % pictures.len()].clone();
                    let Kept { id, .. } = customer.keep(nth, picture).await;
                    look(&customer, &format!("/images/{id}?width={}", 20 + visit % 100)).await;
                    customer.remove(&id).await;
                }
            })
        };
        let all = (0..2).map(visit).collect();
        Tourists { leave, visits, all }
    }

    async fn leave(self) -> u32 {
        self.leave.store(true, Ordering::Relaxed);
        for tourist in self.all {
            tourist.await.unwrap();
        }
        self.visits.load(Ordering::Relaxed)
    }
}

/// Whether the response is a text, or an error that allows a retry.
async fn look(customer: &Customer, path: &str) {
    let Ok(answer) = customer.get(path).await else { return };
    let honest = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
    assert!(honest.contains(&answer.status()), "{path}: {}", answer.status());
}

/// xorshift64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end
    }
}

fn setting(name: &str) -> Option<u64> {
    testkit::env::variable(name).map(|value| value.parse().expect(name))
}
