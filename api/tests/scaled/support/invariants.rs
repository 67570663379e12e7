//! The invariants after every fault: nothing is lost, duplicated, or left behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Cursor,
    path::Path,
};

use asciify::{ENGINE_VERSION, Limits, Spec, write::txt};
use common::render::sha256_hex;
use futures_util::{StreamExt, stream};
use reqwest::StatusCode;
use testkit::wait::eventually;

use super::{
    database::Database,
    pictures::Picture,
    site::SHORT_WAITS,
    test_client::{StoredImage, TestClient},
};

/// Images that are checked concurrently.
const AT_ONCE: usize = 8;

/// The places to check.
pub(crate) struct Deployment<'a> {
    pub test_client: TestClient,
    pub database: &'a Database,
    /// The folder whose files are the blobs.
    pub blobs: &'a Path,
    /// Addresses of metrics.
    pub metrics: Vec<String>,
}

/// Waits until the service is idle, and checks that it has exactly the images in `kept`, complete,
/// and nothing else.
pub(crate) async fn assert_invariants(deployment: &Deployment<'_>, kept: &[StoredImage]) {
    deployment.wait_until_idle().await;
    let ids: BTreeSet<&str> = kept.iter().map(|kept| kept.id.as_str()).collect();
    assert_eq!(ids.len(), kept.len(), "two uploads were answered with the same image");
    let mut drawings = BTreeMap::new();
    for StoredImage { picture, .. } in kept {
        drawings.entry(&picture.bytes).or_insert_with(|| drawn(picture));
    }
    let looks = kept.iter().map(|kept| deployment.has(kept, &drawings[&kept.picture.bytes]));
    stream::iter(looks).buffer_unordered(AT_ONCE).collect::<()>().await;
    deployment.has_no_more_than(kept).await;
    deployment.counts_what_users_store().await;
    deployment.has_exactly_the_blobs_of_its_rows().await;
    deployment.reports_no_problem().await;
}

impl Deployment<'_> {
    /// Whether no job is pending or dead, no upload is unfinished, and no blob is unreferenced.
    async fn wait_until_idle(&self) {
        for unrest in [
            "SELECT COUNT(*) FROM jobs WHERE state = 'pending'",
            "SELECT COUNT(*) FROM images WHERE state <> 'stored'",
            "SELECT COUNT(*) FROM blob_gc",
        ] {
            let none = async || (self.database.number(unrest).await == 0).then_some(());
            eventually(&format!("none left: {unrest}"), none).await;
        }
        let errors = self.database.texts("SELECT error FROM jobs WHERE state = 'dead'").await;
        assert_eq!(errors, [] as [&str; 0], "dead jobs");
    }

    /// Checks the original and every preset of an image.
    async fn has(&self, kept: &StoredImage, drawn: &[(Spec, String)]) {
        let id = &kept.id;
        let original = self.test_client.get(&format!("/images/{id}/original")).await.unwrap();
        assert_eq!(original.status(), StatusCode::OK, "the original of {id}");
        let original = original.bytes().await.unwrap();
        let sha256 = sha256_hex(&kept.picture.bytes);
        assert_eq!(sha256_hex(&original), sha256, "the original of {id}");
        let metadata = self.test_client.json(&format!("/images/{id}/metadata")).await;
        assert_eq!(metadata["sha256"], sha256.as_str());
        assert_eq!(metadata["status"], "ready");

        let renders = self.test_client.json(&format!("/images/{id}/renders")).await;
        let mut stored = BTreeMap::new();
        for render in renders["items"].as_array().unwrap() {
            assert_eq!(render["version"], ENGINE_VERSION);
            let spec = render["spec"].as_str().unwrap().to_owned();
            let twice = stored.insert(spec, render["sha256"].as_str().unwrap().to_owned());
            assert_eq!(twice, None, "two renders of one spec: {renders}");
        }
        let hashes =
            drawn.iter().map(|(spec, text)| (spec.to_string(), sha256_hex(text.as_bytes())));
        assert_eq!(stored, hashes.collect(), "the renders of {id}");
        for (spec, text) in drawn {
            let path = format!("/images/{id}?{spec}&version={ENGINE_VERSION}&format=txt");
            let served = self.test_client.get(&path).await.unwrap();
            assert_eq!(served.status(), StatusCode::OK, "{path}");
            assert!(served.text().await.unwrap() == *text, "{path} is not what is drawn directly");
        }
    }

    async fn has_no_more_than(&self, kept: &[StoredImage]) {
        let counts = [
            ("SELECT COUNT(*) FROM images", 1),
            ("SELECT COUNT(*) FROM jobs", 1),
            ("SELECT COUNT(*) FROM renders", presets().len()),
        ];
        for (sql, each) in counts {
            assert_eq!(self.database.number(sql).await, (kept.len() * each) as i64, "{sql}");
        }
    }

    /// Whether the counters of each user equal what is stored of theirs.
    async fn counts_what_users_store(&self) {
        let wrong = "SELECT CAST(id AS text) FROM users u \
            WHERE images_used <> (SELECT COUNT(*) FROM images WHERE owner_id = u.id) \
            OR bytes_used <> (SELECT COALESCE(SUM(bytes), 0) FROM images WHERE owner_id = u.id)";
        assert_eq!(self.database.texts(wrong).await, [] as [&str; 0], "users with wrong counters");
    }

    async fn has_exactly_the_blobs_of_its_rows(&self) {
        let mut referred: BTreeSet<String> = self.database.originals().await.into_iter().collect();
        let locations = self.database.texts("SELECT blob FROM renders").await;
        referred.extend(
            locations.iter().filter_map(|location| location.split('#').next()).map(str::to_owned),
        );
        let mut there = BTreeSet::new();
        list(self.blobs, self.blobs, &mut there);
        let lost: Vec<_> = referred.difference(&there).collect();
        let left: Vec<_> = there.difference(&referred).collect();
        assert!(lost.is_empty() && left.is_empty(), "blobs lost: {lost:?}; left behind: {left:?}");
    }

    async fn reports_no_problem(&self) {
        for url in &self.metrics {
            let answer = reqwest::get(url).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{url}");
            for line in answer.text().await.unwrap().lines() {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let (series, value) = line.rsplit_once(' ').unwrap();
                let value: f64 = value.parse().unwrap_or_else(|_| panic!("{url}: {line}"));
                let alarming = ["planet_jobs{", "planet_missing_blobs_total"];
                let alarm = alarming.iter().any(|name| series.starts_with(name));
                assert!(!alarm || value == 0.0, "{url}: {line}");
            }
        }
    }
}

/// Specs of the configured presets.
fn presets() -> Vec<Spec> {
    let (_, presets) = SHORT_WAITS.iter().find(|(name, _)| *name == "PRESETS").unwrap();
    let specs = presets.split(' ').map(|preset| preset.split_once('?').unwrap().1);
    specs.map(|spec| spec.parse().unwrap()).collect()
}

/// The expected renders of all presets.
pub(crate) fn drawn(picture: &Picture) -> Vec<(Spec, String)> {
    let specs = presets();
    let source = Cursor::new(&picture.bytes);
    let grids = asciify::render(source, &specs, &Limits::default()).unwrap();
    specs.into_iter().zip(grids.iter().map(txt)).collect()
}

/// The keys of all files below `folder`. The file store has the blob `originals/ID/1` at
/// `originals/F/ID.1`, and a bucket has it at `HASH/originals/ID/1`.
fn list(root: &Path, folder: &Path, files: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => list(root, &path, files),
            false => {
                let key = path.strip_prefix(root).unwrap().to_str().unwrap();
                let parts: Vec<&str> = key.split('/').collect();
                files.insert(match parts[..] {
                    [kind, _, name] if name.contains('.') => {
                        format!("{kind}/{}", name.replacen('.', "/", 1))
                    }
                    [_hash, kind @ ("originals" | "renders" | "uploads"), ..] => {
                        key[key.find(kind).unwrap()..].to_owned()
                    }
                    _ => key.to_owned(),
                });
            }
        }
    }
}
