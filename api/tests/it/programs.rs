//! The programs themselves: started, stopped, killed.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use futures_util::stream::{FuturesUnordered, StreamExt};
use reqwest::Client;
use serde_json::Value;

use crate::{
    operations::metric,
    pictures::{noise, png},
    support::SOON,
};

const PLANET: &str = env!("CARGO_BIN_EXE_planet");
const PLANET_API: &str = env!("CARGO_BIN_EXE_planet-api");
pub(crate) const PLANET_MIGRATE: &str = env!("CARGO_BIN_EXE_planet-migrate");

/// `planet` in a folder of its own, and where it listens.
struct Planet {
    child: Child,
    at: String,
}

impl Planet {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(PLANET)
            .current_dir(folder)
            .env_clear()
            .envs([
                ("BIND", "127.0.0.1:0"),
                ("LEASE_S", "1"),
                ("POLL_S", "0.2"),
                ("RUST_LOG", "warn,planet=info"),
            ])
            .stderr(Stdio::piped())
            .spawn()
            .expect("start planet");
        let mut says = BufReader::new(child.stderr.take().expect("its log"));
        let mut log = String::new();
        while !log.contains("listening on") {
            let read = says.read_line(&mut log).expect("its log");
            assert!(read > 0, "planet ended: {log}");
        }
        // whoever writes into a pipe that nobody reads dies
        std::thread::spawn(move || says.read_to_end(&mut Vec::new()));
        let line: Value = serde_json::from_str(log.lines().last().expect("a line")).expect("JSON");
        let at = line["message"].as_str().and_then(|says| says.strip_prefix("listening on "));
        let at = at.expect("an address").to_owned();
        assert!(at.starts_with("http://127.0.0.1:") && !at.ends_with(":0"), "{log}");
        Planet { child, at }
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
            assert!(started.elapsed() < SOON, "planet does not end");
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

async fn json(client: &Client, at: &str) -> Value {
    let answer = client.get(at).send().await.expect("an answer");
    answer.error_for_status().expect("an answer").json().await.expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut planet = Planet::start(folder.path());
    let client = Client::builder().no_proxy().build().expect("a client");

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
        assert!(started.elapsed() < SOON, "{renders}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_polite_signal_ends_it_cleanly() {
    for signal in ["-TERM", "-INT"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut planet = Planet::start(folder.path());
        let client = Client::builder().no_proxy().build().expect("a client");
        let image = client.post(format!("{}/images?", planet.at)).header("prefer", "wait=20");
        let image: Value =
            image.body(png(64, 40)).send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!(image["status"], "ready");
        planet.signal(signal);
        assert_eq!(planet.end(), Some(0), "{signal}");
    }
}

#[tokio::test]
async fn its_metrics_are_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let planet = Planet::start(folder.path());
    let client = Client::builder().no_proxy().build().expect("a client");
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
        // one by the worker, one for the reader
        (&["planet_render_seconds_count{", "stage=\"render\""], 2.0),
        (&["planet_jobs{", "pending"], 0.0),
        (&["planet_jobs{", "dead"], 0.0),
        (&["planet_oldest_due_job_seconds"], 0.0),
    ] {
        assert_eq!(metric(&metrics, series), Some(value), "{series:?}\n{metrics}");
    }
}

/// Runs a program that is to end without a trace, in an empty folder.
pub(crate) fn run(program: &str, args: &[&str], vars: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(program);
    command.current_dir(folder.path()).env_clear().envs(vars.iter().copied()).args(args);
    let output = command.output().expect("run a program");
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
        (PLANET_MIGRATE, &["DATABASE_URL", "STARTUP_WAIT_S"]),
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
fn wrong_settings_are_told_all_at_once_and_without_their_values() {
    let vars = [
        ("BIND", "hunter2"),
        ("DATABASE_URL", "mysql://me:hunter2@host/db"),
        ("MAX_UPLOADS", "0"),
        ("PRESETS", "hunter2"),
    ];
    for program in [PLANET, PLANET_API] {
        let output = run(program, &["--max-frames=hunter2", "--nonsense=hunter2", "dance"], &vars);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        for mistake in
            ["BIND", "DATABASE_URL", "MAX_UPLOADS", "PRESETS", "MAX_FRAMES", "--nonsense", "dance"]
        {
            assert!(text.contains(mistake), "{mistake} is missing:\n{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }
    let output = run(PLANET_MIGRATE, &[], &vars);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_may_be_a_secret_is_never_repeated() {
    for (args, vars, named) in [
        (&["postgres://me:hunter2@host"] as &[_], &[] as &[_], "no such command"),
        (&["DATABASE_URL=hunter2"], &[], "settings look like --"),
        (&["--postgres://me:hunter2@host"], &[], "no such setting"),
        (&[], &[("DATABASE_URL", "postgres://host/db?sslmode=hunter2")], "DATABASE_URL"),
        (&[], &[("DATABASE_URL", "sqlite://planet.db?hunter2=1")], "DATABASE_URL"),
        (&[], &[("DATABASE_URL", "sqlite:")], "DATABASE_URL"),
        (&[], &[("DATABASE_URL", "sqlite::memory:")], "DATABASE_URL"),
        (&[], &[("POLL_S", "0")], "POLL_S"),
        (&[], &[("JANITOR_S", "0.001")], "JANITOR_S"),
        (&[], &[("UPLOAD_LEASE_S", "0")], "UPLOAD_LEASE_S"),
    ] {
        let output = run(PLANET, args, vars);
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(named) && !text.contains("hunter2"), "{named}: {text}");
    }
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let no_text = OsStr::from_bytes(b"hunter2\xff");
    let run = |command: &mut Command| {
        let output = command.output().expect("run a program");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let text = run(Command::new(PLANET).env("STORE_URL", no_text).env("WHATEVER", no_text));
    assert!(text.contains("STORE_URL: expected UTF-8") && !text.contains("WHATEVER"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let text = run(Command::new(PLANET).arg(no_text));
    assert!(text.contains("UTF-8") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_file_of_settings_is_read_from_its_own_folder_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("inner")).expect("a folder");
    let settings = folder.path().join(".env");
    let run = |inside: &str| {
        let mut planet = Command::new(PLANET);
        let output = planet.current_dir(folder.path().join(inside)).arg("--nonsense=").output();
        String::from_utf8(output.expect("run a program").stderr).expect("UTF-8")
    };
    std::fs::write(&settings, "MAX_UPLOADS=many\n").expect("write settings");
    assert!(run("").contains("MAX_UPLOADS"));
    assert!(!run("inner").contains("MAX_UPLOADS"));
    for (text, line) in
        [("A=b\n\nPRESETS=hunter2, hunter2\n", 3), ("A='b\n\nc'\nB=\"hunter2\nC=d\n", 4)]
    {
        std::fs::write(&settings, text).expect("write settings");
        let said = run("");
        assert!(said.contains(&format!(".env, line {line}: expected NAME=value")), "{said}");
        assert!(said.contains("quotes") && !said.contains("hunter2"), "{said}");
    }
    std::fs::remove_file(&settings).expect("remove settings");
    std::fs::create_dir(&settings).expect("a folder");
    assert!(run("").contains(".env: cannot be read"));
}

#[test]
fn a_name_in_the_file_of_settings_that_nobody_reads_is_told_with_the_nearest() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let of_others = "COMPOSE_PROJECT_NAME=a\nPORT=80\nAWS_PROFILE=b\nMETRICS_BIND=\n";
    let run = |settings: &str, args: &[&str]| {
        std::fs::write(folder.path().join(".env"), settings).expect("write settings");
        let mut program = Command::new(PLANET_MIGRATE);
        let output = program.current_dir(folder.path()).env_clear().args(args).output();
        String::from_utf8(output.expect("run a program").stderr).expect("UTF-8")
    };
    let settings = format!("{of_others}MAX_SIZE_PX=hunter2\nFAVOURITE=hunter2\n");
    // while it works, and when it cannot
    for args in [&["check"] as &[_], &["--max-sid-px=1"]] {
        let said = run(&settings, args);
        let names = "MAX_SIZE_PX (is MAX_SIDE_PX meant?), FAVOURITE";
        assert!(said.contains(&format!(".env: no program of ours reads {names}")), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let said = run(of_others, &["check"]);
    assert!(!said.contains("no program"), "{said}");
}

#[test]
fn a_mistake_on_the_command_line_is_told_with_what_would_be_right() {
    for (program, args, right) in [
        (PLANET, &["--max-sid-px=1"] as &[_], "--max-sid-px: no such setting; is --max-side-px"),
        (PLANET, &["--foo"], "--foo: no such setting"),
        (PLANET, &["--bind"], "--bind: a value is missing"),
        (PLANET, &["check"], "check: no such command: it takes none"),
        (
            PLANET,
            &["--presets=nonsense"],
            "PRESETS: entry 1: expected NAME?OPTIONS, as in default?",
        ),
        (PLANET_API, &["healthy"], "there is health"),
        (PLANET_MIGRATE, &["chekc"], "there are check, dead, retry"),
        (PLANET_MIGRATE, &["dead", "all"], "dead: expected nothing more"),
        (PLANET_MIGRATE, &["check", "all"], "check: expected nothing more"),
        (PLANET_MIGRATE, &["retry"], "retry: expected the id of a job"),
        (PLANET_MIGRATE, &["retry", "7"], "retry: expected the id of a job"),
    ] {
        let output = run(program, args, &[]);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(output.status.code() == Some(2) && said.contains(right), "{args:?}: {said}");
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
