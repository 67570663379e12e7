//! The programs as processes: started, stopped, killed.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use reqwest::Client;
use serde_json::Value;
use testkit::app::{ANSWER_TIMEOUT, client, until};
use tokio::io::AsyncWriteExt;

use crate::{
    operations::metric,
    pictures::{noise, png},
};

pub(crate) const PLANET: &str = env!("CARGO_BIN_EXE_planet");
pub(crate) const PLANET_API: &str = env!("CARGO_BIN_EXE_planet-api");
pub(crate) const PLANET_ADMIN: &str = env!("CARGO_BIN_EXE_planet-admin");

/// A running `planet` with its address and its log.
pub(crate) struct Planet {
    child: Child,
    pub(crate) at: String,
    log: Receiver<String>,
}

impl Planet {
    fn start(folder: &Path) -> Self {
        Planet::start_with(folder, &[("RUST_LOG", "warn,planet=info")])
    }

    pub(crate) fn start_with(folder: &Path, vars: &[(&str, &str)]) -> Self {
        let mut child = Command::new(PLANET)
            .current_dir(folder)
            .env_clear()
            .envs([("BIND", "127.0.0.1:0"), ("LEASE_S", "1"), ("POLL_S", "0.2")])
            .envs(vars.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("start planet");
        let says = BufReader::new(child.stderr.take().expect("its log"));
        let (heard, log) = mpsc::channel();
        // a process that writes to a closed pipe is killed
        std::thread::spawn(move || {
            says.lines().map_while(Result::ok).for_each(|line| drop(heard.send(line)));
        });
        let greeting = line_with(&log, "listening on ");
        let at = greeting.split("listening on ").nth(1).expect("an address");
        let at = at.split(['"', ' ']).next().expect("an address").to_owned();
        assert!(at.starts_with("http://127.0.0.1:") && !at.ends_with(":0"), "{greeting}");
        Planet { child, at, log }
    }

    /// Most memory that it has taken so far, in MiB.
    pub(crate) fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("its status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
        kib / 1024
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// The exit code; `None` when a signal ended it.
    fn end(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("wait for planet") {
                return status.code();
            }
            assert!(started.elapsed() < ANSWER_TIMEOUT, "planet does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Planet {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next line of the log that contains `part`.
fn line_with(log: &Receiver<String>, part: &str) -> String {
    let deadline = Instant::now() + ANSWER_TIMEOUT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let line = log.recv_timeout(left).unwrap_or_else(|_| panic!("{part:?} is not in the log"));
        if line.contains(part) {
            return line;
        }
    }
}

async fn json(client: &Client, at: &str) -> Value {
    let answer = client.get(at).send().await.expect("an answer");
    answer.error_for_status().expect("an answer").json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut planet = Planet::start(folder.path());
    let client = client();

    let mut uploads: FuturesUnordered<_> = (0..20)
        .map(|seed| {
            let (client, at) = (client.clone(), format!("{}/images", planet.at));
            async move {
                let sent = client.post(at).body(noise(100, seed + 1)).send().await.ok()?;
                (sent.status() == 201).then_some(())?;
                sent.json::<Value>().await.ok()
            }
        })
        .collect();
    let mut acknowledged = Vec::new();
    while let Some(answer) = uploads.next().await {
        acknowledged.extend(answer);
        if acknowledged.len() == 7 {
            planet.child.kill().expect("kill -9");
        }
    }
    assert!(acknowledged.len() >= 7, "{} of 20 uploads", acknowledged.len());
    assert_eq!(planet.end(), None);

    let planet = Planet::start(folder.path());
    let page = json(&client, &format!("{}/images", planet.at)).await;
    let listed = page["items"].as_array().expect("items");
    assert!(listed.len() >= acknowledged.len());
    for image in listed.iter().chain(&acknowledged) {
        let original =
            format!("{}{}", planet.at, image["links"]["original"].as_str().expect("an address"));
        let bytes =
            client.get(original).send().await.expect("an answer").bytes().await.expect("bytes");
        assert_eq!(image["sha256"], common::render::sha256_hex(&bytes));
        all_presets(&client, &planet.at, image).await;
    }
}

async fn all_presets(client: &Client, at: &str, image: &Value) {
    let renders = format!("{at}{}", image["links"]["renders"].as_str().expect("an address"));
    let started = Instant::now();
    loop {
        let renders = json(client, &renders).await;
        let items = renders["items"].as_array().expect("items");
        if items.len() == 5 && renders["job"]["state"] == "done" {
            for item in items {
                let text = format!("{at}{}", item["links"]["text"].as_str().expect("an address"));
                let text =
                    client.get(text).send().await.expect("an answer").bytes().await.expect("bytes");
                assert_eq!(item["sha256"], common::render::sha256_hex(&text));
            }
            return;
        }
        assert!(started.elapsed() < ANSWER_TIMEOUT, "{renders}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_polite_signal_ends_it_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut planet = Planet::start(folder.path());
        let client = client();
        let image = client.post(format!("{}/images?", planet.at)).header("prefer", "wait=20");
        let image: Value =
            image.body(png(64, 40)).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(image["status"], "ready");
        planet.signal(signal);
        assert_eq!(planet.end(), Some(0), "{signal}");
        // the greeting is for terminals only
        let mut said = String::new();
        let stdout = planet.child.stdout.take();
        stdout.expect("its output").read_to_string(&mut said).expect("UTF-8");
        assert_eq!(said, "");
    }
}

#[tokio::test]
async fn control_characters_of_a_request_do_not_reach_the_log() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vars = [("RUST_LOG", "info"), ("LOG_FORMAT", "human")];
    let planet = Planet::start_with(folder.path(), &vars);
    let address = planet.at.strip_prefix("http://").expect("an address");
    let mut stream = TcpStream::connect(address).expect("connect");
    let head = "GET /\u{9b}31m\u{85}\u{202e}x?\u{9b}=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("send");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let path = "/%C2%9B31m%C2%85%E2%80%AEx";
    assert!(answer.contains(&format!("\"instance\":\"{path}\"")), "{answer}");
    let line = line_with(&planet.log, "GET");
    assert!(line.contains(&format!("GET {path} ")), "{line:?}");
    assert!(!line.contains(asciify::is_display_control), "{line:?}");
}

#[tokio::test]
async fn a_log_for_humans_is_short_and_one_for_machines_complete() {
    let client = client();
    let logged = async |format| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let planet = Planet::start_with(folder.path(), &[("LOG_FORMAT", format)]);
        let asked = client.get(format!("{}/livez", planet.at)).header("x-request-id", "the-id");
        asked.send().await.expect("an answer");
        line_with(&planet.log, "GET /livez")
    };
    let human = logged("human").await;
    let (time, said) = human.split_once(' ').expect("a time");
    assert_eq!(time.len(), "2026-11-25T10:48:05Z".len(), "{human}");
    assert!(said.trim_start().starts_with("INFO request: GET /livez status=200 ms="), "{human}");
    assert!(!human.contains("the-id") && !human.contains("trace"), "{human}");
    let machine: Value = serde_json::from_str(&logged("json").await).expect("JSON");
    assert_eq!((&machine["request_id"], &machine["route"]), (&"the-id".into(), &"/livez".into()));
    assert_eq!((&machine["status"], &machine["service"]), (&200.into(), &"planet".into()));
    for field in ["timestamp", "level", "target", "version", "trace_id", "span_id"] {
        assert!(machine[field].is_string(), "{field}: {machine}");
    }
    assert!(machine["ms"].is_u64() && machine["engine"].is_u64(), "{machine}");
}

#[tokio::test]
async fn the_log_has_no_query_no_file_name_no_key_and_no_address() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let vars = [("LOG_FORMAT", "json"), ("RUST_LOG", "debug"), ("TRUSTED_PROXIES", "127.0.0.1")];
    let planet = Planet::start_with(folder.path(), &vars);
    let client = client();
    let at = |path: &str| format!("{}{path}", planet.at);
    let post = client.post(at("/images")).header("idempotency-key", "hunter2-key");
    let post = post.header("content-disposition", "attachment; filename=hunter2-name.png");
    let post = post.header("x-forwarded-for", "203.0.113.77").header("prefer", "wait=20");
    let image: Value =
        post.body(png(64, 40)).send().await.expect("an answer").json().await.expect("JSON");
    let id = image["id"].as_str().expect("an id");
    for path in [format!("/images?q=hunter2&id={id}"), format!("/images/{id}?width=hunter2")] {
        client.get(at(&path)).send().await.expect("an answer");
    }
    client.get(at("/the-end")).send().await.expect("an answer");
    let mut routes = Vec::new();
    loop {
        let line = planet.log.recv_timeout(ANSWER_TIMEOUT).expect("a line");
        for secret in ["hunter2", "203.0.113.77"] {
            assert!(!line.contains(secret), "{line}");
        }
        let line: Value = serde_json::from_str(&line).expect("JSON");
        routes.extend(line["route"].as_str().map(str::to_owned));
        if line["message"] == "GET /the-end" {
            break;
        }
    }
    assert!(routes.contains(&"/images/{id}".to_owned()), "{routes:?}");
}

#[tokio::test]
async fn its_metrics_are_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let planet = Planet::start(folder.path());
    let client = client();
    let post = client.post(format!("{}/images", planet.at)).header("prefer", "wait=20");
    let image: Value =
        post.body(png(64, 40)).send().await.expect("an answer").json().await.expect("JSON");
    let text = format!("{}/images/{}?width=55", planet.at, image["id"].as_str().expect("an id"));
    for _ in 0..3 {
        client.get(&text).send().await.expect("an answer").error_for_status().expect("a text");
    }
    let metrics = client.get(format!("{}/metrics", planet.at)).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("a text");
    for (series, value) in [
        (&["planet_requests_total{", "method=\"POST\"", "status=\"201\""] as &[_], 1.0),
        (&["planet_requests_total{", "route=\"/images/{id}\"", "status=\"200\""], 3.0),
        (&["planet_cache_total{", "miss"], 1.0),
        (&["planet_cache_total{", "hit"], 2.0),
        (&["planet_jobs_total{", "done"], 1.0),
        // one by the worker, one on demand
        (&["planet_render_seconds_count{", "stage=\"render\""], 2.0),
        (&["planet_jobs{", "pending"], 0.0),
        (&["planet_jobs{", "dead"], 0.0),
        (&["planet_oldest_due_job_seconds"], 0.0),
    ] {
        assert_eq!(metric(&metrics, series), Some(value), "{series:?}\n{metrics}");
    }
}

/// A large drawing that takes long.
const SLOW: &str =
    "width=1000&height=1000&fit=stretch&color=256&color_on=both&symbols=octant&sharpen=1";

#[tokio::test]
async fn a_render_is_stopped_when_its_last_reader_leaves_and_its_core_is_free() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let planet = Planet::start(folder.path());
    let client = client();
    let post = client.post(format!("{}/images", planet.at)).header("prefer", "wait=20");
    let image: Value =
        post.body(png(64, 40)).send().await.expect("an answer").json().await.expect("JSON");
    let value = async |name: &str| {
        let metrics = client.get(format!("{}/metrics", planet.at)).send().await;
        let metrics = metrics.expect("an answer").text().await.expect("a text");
        metric(&metrics, &[name]).unwrap_or(0.0)
    };
    until("the presets are rendered", async || value("planet_running_renders").await == 0.0).await;

    let address = planet.at.trim_start_matches("http://");
    let ask = format!(
        "GET /images/{}?{SLOW} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        image["id"].as_str().expect("an id")
    );
    let mut readers = Vec::new();
    for _ in 0..3 {
        let mut reader = tokio::net::TcpStream::connect(address).await.expect("connect");
        reader.write_all(ask.as_bytes()).await.expect("send");
        readers.push(reader);
    }
    until("it is drawn", async || value("planet_running_renders").await == 1.0).await;
    readers.truncate(1);
    assert_eq!(value("planet_running_renders").await, 1.0, "one reader still waits");
    assert_eq!(value("planet_cancelled_renders_total").await, 0.0);

    drop(readers);
    until("the core is free", async || value("planet_running_renders").await == 0.0).await;
    // it did not run to its end
    assert_eq!(value("planet_cancelled_renders_total").await, 1.0);
}

/// Runs a program in an empty folder, and checks that it creates no file.
pub(crate) fn run(program: &str, args: &[&str], vars: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(program);
    command.current_dir(folder.path()).env_clear().envs(vars.iter().copied()).args(args);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.expect("start a program");
    let (id, (ended, output)) = (child.id(), mpsc::channel());
    std::thread::spawn(move || ended.send(child.wait_with_output()));
    let output = output.recv_timeout(ANSWER_TIMEOUT).unwrap_or_else(|_| {
        let _ended_meanwhile = Command::new("kill").args(["-KILL", &id.to_string()]).status();
        panic!("{program} {args:?} does not end");
    });
    let output = output.expect("the output of a program");
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("its folder").count(),
        0,
        "nothing was done"
    );
    output
}

#[test]
fn help_lists_the_settings_with_their_defaults() {
    for (program, settings) in [
        (
            PLANET,
            &["BIND", "DATABASE_URL", "STORE_URL", "LEASE_S", "PRESETS", "MAX_UPLOAD_BYTES"]
                as &[_],
        ),
        (PLANET_API, &["BIND", "DATABASE_URL", "STORE_URL", "QUEUE_URL", "RUST_LOG"]),
        (PLANET_ADMIN, &["DATABASE_URL", "STARTUP_WAIT_S"]),
    ] {
        let output = run(program, &["--help"], &[]);
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        for setting in settings {
            assert!(text.contains(&format!("\n  {setting}\n")), "{setting} is missing:\n{text}");
        }
        assert!(text.contains("[default: "));
        let version = run(program, &["--version"], &[]);
        assert!(
            String::from_utf8(version.stdout).expect("UTF-8").contains(env!("CARGO_PKG_VERSION"))
        );
    }
}

#[test]
fn what_is_out_of_reach_at_start_is_named_with_its_setting() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("write a file");
    let below = file.join("below").display().to_string();
    for (name, value) in [
        ("SPOOL_DIR", below.clone()),
        ("STORE_URL", format!("file:{below}")),
        ("DATABASE_URL", format!("sqlite://{below}/planet.db")),
        ("DATABASE_URL", "postgres://me:hunter2@127.0.0.1:1/planet".into()),
    ] {
        let mut planet = Command::new(PLANET);
        planet.current_dir(folder.path()).env_clear().env("BIND", "127.0.0.1:0");
        let output = planet.env("STARTUP_WAIT_S", "0").env(name, &value).output();
        let output = output.expect("run a program");
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        let cause = if value.starts_with("postgres") { "refused" } else { below.as_str() };
        assert!(text.contains(name) && text.contains(cause), "{name}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn health_is_asked_of_a_running_service() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let planet = Planet::start(folder.path());
    let bind = planet.at.trim_start_matches("http://").to_owned();
    let ask =
        || run(PLANET_API, &["health"], &[("BIND", &bind), ("RUST_LOG", "off")]).status.code();
    assert_eq!(ask(), Some(0));
    drop(planet);
    assert_eq!(ask(), Some(1));
}

#[test]
fn whatever_is_logged_the_end_is_explained() {
    let output = run(PLANET_ADMIN, &["check"], &[("RUST_LOG", "planet=debug")]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(told.contains("DATABASE_URL"), "{told}");
}
