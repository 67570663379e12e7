//! The servers of `scripts/servers`: shared by the tests that only use them, exclusive for tests
//! that stop them.

use std::process::{Command, Stdio};

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static EXCLUSIVE: RwLock<()> = RwLock::const_new(());

/// PostgreSQL and RabbitMQ, for one test.
pub(crate) struct Servers {
    pub database: String,
    pub queue: String,
    script: String,
    folder: String,
    _shared: Option<RwLockReadGuard<'static, ()>>,
    alone: Option<RwLockWriteGuard<'static, ()>>,
}

impl Servers {
    /// Shared servers, which no other test stops meanwhile; `None`, with a message on the terminal,
    /// without servers.
    pub(crate) async fn shared() -> Option<Self> {
        let mut servers = Servers::given()?;
        servers._shared = Some(EXCLUSIVE.read().await);
        Some(servers)
    }

    /// Exclusive servers, which the test may stop.
    pub(crate) async fn alone() -> Option<Self> {
        let mut servers = Servers::given()?;
        servers.alone = Some(EXCLUSIVE.write().await);
        Some(servers)
    }

    fn given() -> Option<Self> {
        let variables = ["TEST_DATABASE_URL", "TEST_QUEUE_URL", "TEST_SERVERS", "TEST_SERVERS_DIR"];
        let [database, queue, script, folder] = testkit::env::servers("scaled", variables)?;
        Some(Servers { database, queue, script, folder, _shared: None, alone: None })
    }

    /// `scripts/servers VERB NAME`: start, stop, restart or kill; postgres or rabbitmq.
    pub(crate) async fn run(&self, verb: &'static str, name: &'static str) {
        let mut command = self.command(verb);
        command.arg(name).arg(&self.folder);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "servers {verb} {name}: {said}");
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.script);
        command.arg(verb).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Servers {
    /// Restarts the servers, so that a failed test does not affect the next one.
    fn drop(&mut self) {
        if self.alone.is_some() && std::thread::panicking() {
            let _as_well_as_possible = self.command("start").arg(&self.folder).status();
        }
    }
}
