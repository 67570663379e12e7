//! Conformance tests of the store, on a folder and on a bucket of an S3 server in this process.

mod bucket;
mod parts;
mod ranges;

use std::{future::Future, ops::Range, path::Path};

use bucket::on_s3;
use bytes::Bytes;
use common::{
    env::Env,
    image::{ImageId, Millis},
    job::{Claim, JobId, Lane},
    store::{Config, Content, Store, original_key, render_key},
};
use testkit::wait::at_once;
use tokio::io::AsyncReadExt;

conformance! {
    [folder = on_folder, s3 = on_s3]
    [
        what_was_put_is_got
        a_file_is_put_and_left_as_it_is
        what_was_never_put_is_none
        any_part_of_a_blob_can_be_streamed
        eight_mebibytes_come_back_whole
        a_deleted_blob_is_gone_and_its_neighbour_is_not
        deleting_what_is_not_there_is_no_error
        many_blobs_are_deleted_together
        every_attempt_has_a_blob_of_its_own
        puts_and_deletes_under_the_same_parents_do_not_meet
        an_open_store_answers
        a_blob_of_another_store_is_copied_whatever_its_size
    ]
}

async fn what_was_put_is_got(store: Store) {
    for (key, content) in [("originals/a/1", "text"), ("originals/a/2", "\0\r\n"), ("empty", "")] {
        store.put(key, text(content)).await.unwrap();
        assert_eq!(store.get(key).await.unwrap().unwrap(), content, "{key}");
    }
}

async fn a_file_is_put_and_left_as_it_is(store: Store) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "spooled").unwrap();
    store.put("originals/a/1", Content::File(file.path().to_owned())).await.unwrap();
    assert_eq!(store.get("originals/a/1").await.unwrap().unwrap(), "spooled");
    assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "spooled");

    let missing = Content::File(file.path().with_extension("missing"));
    assert!(store.put("originals/a/2", missing).await.is_err());
    assert_eq!(store.get("originals/a/2").await.unwrap(), None);
}

async fn what_was_never_put_is_none(store: Store) {
    store.put("originals/a/1", text("a")).await.unwrap();
    for key in ["originals/a/2", "originals/b/1", "renders/a/1"] {
        assert_eq!(store.get(key).await.unwrap(), None, "{key}");
        assert_eq!(store.get_part(key, 0..1).await.unwrap(), None, "{key}");
        assert!(store.stream(key, 0..1).await.unwrap().is_none(), "{key}");
    }
}

async fn any_part_of_a_blob_can_be_streamed(store: Store) {
    store.put("originals/a/1", text("0123456789")).await.unwrap();
    for (range, part) in [(0..3, "012"), (4..7, "456"), (9..10, "9"), (0..10, "0123456789")] {
        assert_eq!(read(&store, "originals/a/1", range.clone()).await, part);
        assert_eq!(store.get_part("originals/a/1", range).await.unwrap().unwrap(), part);
    }
    assert!(store.get_part("originals/a/1", 4..11).await.is_err(), "it is too short");
}

async fn eight_mebibytes_come_back_whole(store: Store) {
    let blob: Bytes =
        (0..8_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    store.put("originals/a/1", Content::Bytes(blob.clone())).await.unwrap();
    assert!(store.get("originals/a/1").await.unwrap().unwrap() == blob);
    let end = blob.len() as u64;
    assert!(
        read(&store, "originals/a/1", end - 5_000_000..end).await
            == blob.slice(end as usize - 5_000_000..)
    );
}

async fn a_blob_of_another_store_is_copied_whatever_its_size(store: Store) {
    let temp = tempfile::tempdir().unwrap();
    let other = open_folder(temp.path()).await;
    for length in [0, 1, 8 << 20, (8 << 20) + 1, 35 << 20] {
        let blob: Bytes =
            (0..length as u32).map(|n| (n / 4).to_le_bytes()[n as usize % 4]).collect();
        let key = format!("originals/a/{length}");
        other.put(&key, Content::Bytes(blob.clone())).await.unwrap();
        assert!(store.put_from(&other, &key, length).await.unwrap());
        assert!(store.get(&key).await.unwrap().unwrap() == blob, "{length} bytes");
        let missing = format!("originals/b/{length}");
        assert!(!store.put_from(&other, &missing, length).await.unwrap());
        assert_eq!(store.get(&missing).await.unwrap(), None);
    }
}

async fn a_deleted_blob_is_gone_and_its_neighbour_is_not(store: Store) {
    for key in ["renders/a/1", "renders/a/2"] {
        store.put(key, text(key)).await.unwrap();
    }
    store.delete("renders/a/1").await.unwrap();
    assert_eq!(store.get("renders/a/1").await.unwrap(), None);
    assert_eq!(store.get("renders/a/2").await.unwrap().unwrap(), "renders/a/2");
}

async fn deleting_what_is_not_there_is_no_error(store: Store) {
    store.delete("originals/a/1").await.unwrap();
    store.put("originals/a/1", text("a")).await.unwrap();
    for _ in 0..3 {
        store.delete("originals/a/1").await.unwrap();
    }
    store.put("originals/a/1", text("again")).await.unwrap();
    assert_eq!(store.get("originals/a/1").await.unwrap().unwrap(), "again");
}

async fn many_blobs_are_deleted_together(store: Store) {
    let keys: Vec<String> = (0..40).map(|nth| format!("renders/{nth}/1")).collect();
    for key in &keys[1..] {
        store.put(key, text("a")).await.unwrap();
    }
    // all but the last one, with one that is not there
    let deleted: Vec<&str> = keys[..39].iter().map(String::as_str).collect();
    for deleted in [&deleted[..], &deleted[..1], &[]] {
        let outcomes = store.delete_all(deleted).await.unwrap();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), deleted.len());
    }
    for key in deleted {
        assert_eq!(store.get(key).await.unwrap(), None, "{key}");
    }
    assert!(store.get(&keys[39]).await.unwrap().is_some());
}

async fn every_attempt_has_a_blob_of_its_own(store: Store) {
    let (image, job) = (ImageId::generate(Millis(0)), JobId::generate());
    let claim = |attempt| Claim {
        job,
        image,
        attempt,
        strikes: 1,
        faults: 0,
        lane: Lane::Fresh,
        trace: None,
    };
    let keys = [
        original_key(image, 1),
        original_key(image, 2),
        render_key(&claim(1)),
        render_key(&claim(2)),
    ];
    for key in &keys {
        store.put(key, text(key)).await.unwrap();
    }
    for key in &keys {
        assert_eq!(store.get(key).await.unwrap().unwrap(), key);
    }
}

async fn puts_and_deletes_under_the_same_parents_do_not_meet(store: Store) {
    at_once((0..200).map(|task| {
        let store = store.clone();
        async move {
            for round in 0..5 {
                let key = format!("renders/id-{}/{}", task % 10, 20 * round + task / 10);
                store.put(&key, text(&key)).await.unwrap();
                assert_eq!(store.get(&key).await.unwrap().unwrap(), key);
                store.delete(&key).await.unwrap();
                assert_eq!(store.get(&key).await.unwrap(), None);
            }
        }
    }))
    .await;
}

async fn an_open_store_answers(store: Store) {
    store.check().await.unwrap();
}

fn text(text: &str) -> Content {
    Content::Bytes(text.to_owned().into())
}

async fn read(store: &Store, key: &str, range: Range<u64>) -> Bytes {
    let mut part = Vec::new();
    let mut body = store.stream(key, range).await.unwrap().unwrap();
    body.read_to_end(&mut part).await.unwrap();
    part.into()
}

// ---- a folder

async fn on_folder<F: Future<Output = ()>>(behaviour: impl FnOnce(Store) -> F) {
    let temp = tempfile::tempdir().unwrap();
    behaviour(open_folder(&temp.path().join("data/blobs")).await).await;
}

async fn open_folder(folder: &Path) -> Store {
    let url = format!("file:{}", folder.display());
    let config = Config::read(&mut Env::new([("STORE_URL".into(), url)], []));
    Store::open(&config).await.unwrap()
}

#[tokio::test]
async fn a_folder_is_found_again() {
    let temp = tempfile::tempdir().unwrap();
    open_folder(temp.path()).await.put("originals/a/1", text("kept")).await.unwrap();
    let got = open_folder(temp.path()).await.get("originals/a/1").await.unwrap();
    assert_eq!(got.unwrap(), "kept");
}

#[tokio::test]
async fn deleting_leaves_neither_empty_folders_nor_what_a_crash_left() {
    let temp = tempfile::tempdir().unwrap();
    let store = open_folder(temp.path()).await;
    for key in ["renders/a/1", "renders/a/2", "originals/a/1"] {
        store.put(key, text(key)).await.unwrap();
    }
    assert_eq!(files_below(temp.path()), 3, "a put leaves nothing beside its blob");

    // a process that died in the middle of this put
    std::fs::write(temp.path().join("originals/a/a.2.partial"), "ha").unwrap();
    assert_eq!(store.get("originals/a/2").await.unwrap(), None);
    for key in ["renders/a/1", "renders/a/2", "originals/a/1", "originals/a/2"] {
        store.delete(key).await.unwrap();
    }
    assert_eq!(files_below(temp.path()), 0);
    store.check().await.unwrap();
    // even the folders may be gone
    std::fs::remove_dir_all(temp.path().join("renders")).unwrap();
    store.put("renders/a/3", text("again")).await.unwrap();
    assert_eq!(store.get("renders/a/3").await.unwrap().unwrap(), "again");
}

#[tokio::test]
async fn files_of_the_earlier_layout_are_read_and_deleted() {
    let temp = tempfile::tempdir().unwrap();
    let keys = ["originals/0a/1", "originals/0a/2", "renders/0b/1/c", "renders/0b/1/d"];
    for key in keys {
        std::fs::create_dir_all(temp.path().join(key).parent().unwrap()).unwrap();
        std::fs::write(temp.path().join(key), key).unwrap();
    }
    std::fs::write(temp.path().join("originals/0a/3.partial"), "ha").unwrap();
    let store = open_folder(temp.path()).await;
    for key in keys {
        assert_eq!(store.get(key).await.unwrap().unwrap(), key);
        assert_eq!(store.length(key).await.unwrap(), Some(key.len() as u64));
        assert_eq!(store.get_part(key, 1..4).await.unwrap().unwrap(), key[1..4]);
    }
    for key in keys.iter().chain(&["originals/0a/3"]) {
        store.delete(key).await.unwrap();
        assert_eq!(store.get(key).await.unwrap(), None);
    }
    assert_eq!(files_below(temp.path()), 0);
    assert!(!temp.path().join("originals/0a").exists() && !temp.path().join("renders/0b").exists());
}

#[tokio::test]
async fn something_else_at_the_place_of_a_blob_is_a_fault_and_stays() {
    let temp = tempfile::tempdir().unwrap();
    let store = open_folder(temp.path()).await;
    let (secret, folder) = (temp.path().join("secret"), temp.path().join("originals/a"));
    std::fs::write(&secret, "secret").unwrap();
    std::fs::create_dir_all(folder.join("a.4")).unwrap();
    std::os::unix::fs::symlink(&secret, folder.join("a.1")).unwrap();
    std::os::unix::fs::symlink(&secret, folder.join("a.2.partial")).unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, folder.join("a.3"), fifo, 0o600.into(), 0).unwrap();
    assert!(store.put("originals/a/2", text("overwritten")).await.is_err());
    for key in ["originals/a/1", "originals/a/3", "originals/a/4"] {
        assert!(store.get(key).await.is_err(), "{key}");
        assert!(store.stream(key, 0..1).await.is_err(), "{key}");
    }
    assert_eq!(std::fs::read_to_string(&secret).unwrap(), "secret");
}

#[tokio::test]
async fn a_folder_that_was_taken_away_is_a_fault() {
    let temp = tempfile::tempdir().unwrap();
    let store = open_folder(temp.path()).await;
    temp.close().unwrap();
    assert!(store.check().await.is_err());
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}
