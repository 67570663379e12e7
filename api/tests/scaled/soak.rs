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
    accounts::Accounts,
    bucket::StoreFault,
    crowd::Crowd,
    hostile::HostileCrowd,
    link::{Link, LinkFault},
    pictures::pictures,
    process::free_port,
    reader::{Gallery, Reader},
    servers::Servers,
    site::{Api, Site, Worker},
    test_client::{StoredImage, TestClient},
};

const SECONDS: u64 = 15;
const WORKERS: usize = 3;
const USERS: usize = 3;
const HOSTILE_CLIENTS_OF_EACH_KIND: usize = 4;

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
    let accounts = Accounts::open(&mut site, USERS).await;
    site.admin_token = Some(accounts.admin.clone());
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
    let test_client = TestClient::of(&urls);
    let signed_in = |token: &String| test_client.with_token(token);
    let users: Vec<TestClient> = accounts.users.iter().map(signed_in).collect();
    // reads the images of all users
    let admin = signed_in(&accounts.admin);
    let reader = Reader::start(admin.clone());
    let crowd = Crowd::of(&users, &pictures(40), &reader.gallery());
    let read_load = ReadLoad::start(&users);
    let shown = users[0].upload_until_stored(0, pictures(1).remove(0)).await;
    users[0].publish(&shown.id).await;
    let target = format!("/images/{}", shown.id);
    let hostile = HostileCrowd::start(&binds[0], &target, HOSTILE_CLIENTS_OF_EACH_KIND);

    let mut run =
        SoakRun { site, database, broker, binds, apis, workers, random: Random(seed | 1) };
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let mut faults: BTreeMap<&str, u32> = BTreeMap::new();
    let mut recoveries: Vec<Duration> = Vec::new();
    while Instant::now() < deadline {
        let fault = FAULTS[run.random.below(FAULTS.len())];
        *faults.entry(fault).or_default() += 1;
        run.inject(fault).await;
        recoveries.push(time_until_uploads_go_on(&reader.gallery()).await);
    }
    drop(hostile);
    let mut kept = crowd.stop().await;
    kept.push(shown);
    let visits = read_load.stop().await;
    run.finish_backlog().await;
    admin.wait_until_all_ready(&kept).await;
    let SoakRun { site, apis, workers, .. } = run;
    let (apis, workers): (Vec<&Api>, Vec<&Worker>) =
        (apis.iter().collect(), workers.iter().collect());
    // the metrics of running workers include injected faults
    site.assert_invariants(&apis, &workers, &kept).await;
    let reads = reader.finish().await;
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

struct SoakRun {
    site: Site,
    database: Link,
    broker: Link,
    binds: [String; 2],
    apis: Vec<Api>,
    workers: Vec<Worker>,
    random: Random,
}

impl SoakRun {
    /// Injects a fault for a while, and ends it.
    async fn inject(&mut self, fault: &str) {
        let a_while = Duration::from_millis(100 + self.random.below(1400) as u64);
        let worker = self.random.below(self.workers.len());
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
                let api = self.random.below(self.apis.len());
                self.apis[api].process.kill();
                sleep(a_while).await;
                self.apis[api] = self.site.api_at(&self.binds[api]).await;
            }
            "store answers 503" => self.set_fault(StoreFault::Unavailable, a_while).await,
            "store hangs up" => self.set_fault(StoreFault::Disconnect, a_while).await,
            "database refuses" => for_a_while(&self.database, LinkFault::Refuse, a_while).await,
            "database hangs" => for_a_while(&self.database, LinkFault::Hang, a_while).await,
            "commit not answered" => self.database.lose_answer_to(b"COMMIT", LinkFault::Pass),
            "broker refuses" => for_a_while(&self.broker, LinkFault::Refuse, a_while).await,
            _ => for_a_while(&self.broker, LinkFault::Hang, a_while).await,
        }
    }

    /// Waits until the backlog is empty; it must keep shrinking.
    async fn finish_backlog(&self) {
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

    async fn set_fault(&self, fault: StoreFault, a_while: Duration) {
        self.site.bucket.set_fault(fault);
        sleep(a_while).await;
        self.site.bucket.set_fault(StoreFault::None);
    }
}

async fn for_a_while(link: &Link, link_fault: LinkFault, a_while: Duration) {
    link.set(link_fault);
    sleep(a_while).await;
    // clients on the old connections reconnect
    link.set(LinkFault::Refuse);
    link.set(LinkFault::Pass);
}

async fn time_until_uploads_go_on(gallery: &Gallery) -> Duration {
    let mended = Instant::now();
    gallery.reaches(gallery.len() + 1).await;
    mended.elapsed()
}

/// Clients that upload an image, request a size outside the presets, and delete the image.
struct ReadLoad {
    leave: Arc<AtomicBool>,
    visits: Arc<AtomicU32>,
    all: Vec<tokio::task::JoinHandle<()>>,
}

impl ReadLoad {
    fn start(test_clients: &[TestClient]) -> Self {
        let (leave, visits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let visit = |nth: usize| {
            let test_client = test_clients[nth % test_clients.len()].clone();
            let (leave, visits) = (leave.clone(), visits.clone());
            tokio::spawn(async move {
                let pictures = pictures(10);
                while !leave.load(Ordering::Relaxed) {
                    let visit = visits.fetch_add(1, Ordering::Relaxed) as usize;
                    let picture = pictures[visit % pictures.len()].clone();
                    let StoredImage { id, .. } =
                        test_client.upload_until_stored(nth, picture).await;
                    look(&test_client, &format!("/images/{id}?width={}", 20 + visit % 100)).await;
                    test_client.remove(&id).await;
                }
            })
        };
        let all = (0..2).map(visit).collect();
        ReadLoad { leave, visits, all }
    }

    async fn stop(self) -> u32 {
        self.leave.store(true, Ordering::Relaxed);
        for reader in self.all {
            reader.await.unwrap();
        }
        self.visits.load(Ordering::Relaxed)
    }
}

/// Whether the response is a text, or an error that allows a retry.
async fn look(test_client: &TestClient, path: &str) {
    let Ok(answer) = test_client.get(path).await else { return };
    let honest = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE];
    assert!(honest.contains(&answer.status()), "{path}: {}", answer.status());
}

/// xorshift64.
struct Random(u64);

impl Random {
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
