//! The whole service in one process, in one folder.

use std::path::Path;

use tempfile::TempDir;

use super::{
    database::Database,
    invariants::{Deployment, assert_invariants},
    process::{Process, free_port},
    site::SHORT_WAITS,
    test_client::{StoredImage, TestClient},
};

/// `planet` in a folder of its own, at a fixed address.
pub(crate) struct Home {
    pub folder: TempDir,
    bind: String,
    pub url: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let bind = format!("127.0.0.1:{}", free_port());
        Home { folder: TempDir::new().unwrap(), url: format!("http://{bind}"), bind }
    }

    pub(crate) async fn start(&self) -> Process {
        let process = self.start_with(&[]);
        TestClient::of(&[&self.url]).wait_for_readyz(0, true).await;
        process
    }

    pub(crate) fn start_with(&self, more: &[(&'static str, &str)]) -> Process {
        let mut settings = SHORT_WAITS.map(|(name, value)| (name, value.to_owned())).to_vec();
        settings.push(("BIND", self.bind.clone()));
        settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        Process::start(Path::new(env!("CARGO_BIN_EXE_planet")), self.folder.path(), &settings)
    }

    /// Starts `planet-admin` for this installation, with more settings.
    pub(crate) fn admin(&self, args: &[&str], more: &[(&'static str, &str)]) -> Process {
        let more = more.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let settings: Vec<_> = SHORT_WAITS
            .map(|(name, value)| (name, value.to_owned()))
            .into_iter()
            .chain(more)
            .collect();
        let program = Path::new(env!("CARGO_BIN_EXE_planet-admin"));
        Process::start_with(program, args, self.folder.path(), &settings)
    }

    /// Checks that exactly `kept` is stored, complete.
    pub(crate) async fn assert_invariants(&self, kept: &[StoredImage]) {
        let file = self.folder.path().join("data/planet.db");
        let deployment = Deployment {
            test_client: TestClient::of(&[&self.url]),
            database: &Database::at(format!("sqlite://{}", file.display())).await,
            blobs: &self.folder.path().join("data/blobs"),
            metrics: vec![format!("{}/metrics", self.url)],
        };
        assert_invariants(&deployment, kept).await;
    }
}
