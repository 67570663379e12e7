//! Tests of readers by ranges, over a server in this process that counts its requests and fails as it
//! is told.

use std::{
    io::{BufRead, ErrorKind, Read, Seek, SeekFrom},
    ops::Range,
    sync::{Arc, Mutex},
};

use asciify::ReadSeek;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use bytes::Bytes;
use common::store::{
    BlobReader, Content, ObjectMissing, ObjectNames, Readers, Reading, Store, StoreWaits,
};
use testkit::wait::{at_once, soon};
use tokio::{sync::Semaphore, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::{bucket::client, open_folder};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const KEY: &str = "originals/a/1";

/// What the server answers from its second GET on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answers {
    Right,
    /// A body without its last byte.
    Short,
    /// The first bytes, whatever range is asked for.
    Whole,
    Missing,
    Forbidden,
    Broken,
    Never,
}

/// A bucket of one object.
#[derive(Debug, Clone)]
struct Server {
    object: Bytes,
    answers: Answers,
    /// The ranges of its GETs.
    gets: Arc<Mutex<Vec<Range<u64>>>>,
    /// Has a permit for each request that waits for ever.
    waiting: Arc<Semaphore>,
}

impl HttpConnector for Server {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer =
            |status: u16, body: SdkBody| HttpResponse::new(status.try_into().unwrap(), body);
        if request.method() != "GET" {
            return HttpConnectorFuture::ready(Ok(answer(200, SdkBody::empty())));
        }
        let range = request.headers().get("range").unwrap().strip_prefix("bytes=").unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let range = first.parse().unwrap()..last.parse::<u64>().unwrap() + 1;
        let mut gets = self.gets.lock().unwrap();
        gets.push(range.clone());
        let answers = if gets.len() > 1 { self.answers } else { Answers::Right };
        let (mut first, mut end) = (range.start as usize, range.end as usize);
        let no_such_key = SdkBody::from("<Error><Code>NoSuchKey</Code></Error>");
        match answers {
            Answers::Right => {}
            Answers::Short => end -= 1,
            Answers::Whole => (first, end) = (0, self.object.len()),
            Answers::Missing => return HttpConnectorFuture::ready(Ok(answer(404, no_such_key))),
            Answers::Forbidden => return HttpConnectorFuture::ready(Ok(answer(403, "".into()))),
            Answers::Broken => {
                let err = ConnectorError::other("the connection broke".into(), None);
                return HttpConnectorFuture::ready(Err(err));
            }
            Answers::Never => {
                self.waiting.add_permits(1);
                return HttpConnectorFuture::new(std::future::pending());
            }
        }
        let mut whole = answer(206, SdkBody::from(self.object.slice(first..end).to_vec()));
        if answers != Answers::Whole {
            let content_range = format!("bytes {first}-{}/{}", end - 1, self.object.len());
            whole.headers_mut().insert("content-range", content_range);
        }
        HttpConnectorFuture::ready(Ok(whole))
    }
}

impl Server {
    fn new(bytes: u64, answers: Answers) -> Self {
        let object = (0..bytes).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8);
        let (gets, waiting) = (Arc::default(), Arc::new(Semaphore::new(0)));
        Server { object: object.collect(), answers, gets, waiting }
    }

    /// Readers that keep so many bytes.
    async fn readers(&self, max_bytes: u64) -> Readers {
        let server = self.clone();
        let server = http_client_fn(move |_, _| SharedHttpConnector::new(server.clone()));
        let client = client().await.into_builder().http_client(server).build();
        let store = Store::s3("planet", &client, ObjectNames::Hashed).await.unwrap();
        self.gets.lock().unwrap().clear();
        Readers::new(store, max_bytes)
    }

    async fn open(
        &self,
        readers: &Readers,
        start: u64,
        cancelled: CancellationToken,
    ) -> BlobReader {
        let reading = Reading { was_probed: true, start, cancelled, waits: StoreWaits::default() };
        readers.open(KEY, self.object.len() as u64, reading).await.unwrap().unwrap()
    }

    /// Where each of its GETs begins and ends.
    fn gets(&self) -> Vec<(u64, u64)> {
        self.gets.lock().unwrap().iter().map(|range| (range.start, range.end)).collect()
    }
}

fn read_all(mut reader: BlobReader) -> Vec<u8> {
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_read_to_its_end_by_few_requests() {
    let server = Server::new(40 * MIB + 12_345, Answers::Right);
    let readers = server.readers(0).await;
    let reader = server.open(&readers, 0, CancellationToken::new()).await;
    assert_eq!(server.gets(), [(0, 64 * KIB)], "the head");
    let all = spawn_blocking(|| read_all(reader)).await.unwrap();
    assert!(all == server.object);
    let gets = server.gets();
    let bytes: u64 = gets.iter().map(|(start, end)| end - start).sum();
    assert_eq!(bytes, server.object.len() as u64, "each byte once: {gets:?}");
    assert!(gets.len() <= 12, "{gets:?}");
    assert!(gets.iter().all(|(start, end)| end - start <= 8 * MIB), "{gets:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_in_any_case_is_loaded_by_one_request_and_held() {
    let server = Server::new(7 * MIB, Answers::Right);
    let readers = server.readers(0).await;
    let mut reader = server.open(&readers, u64::MAX, CancellationToken::new()).await;
    let read = spawn_blocking(move || {
        let mut last = [0; 4];
        reader.seek(SeekFrom::End(-4)).unwrap();
        reader.read_exact(&mut last).unwrap();
        assert!(reader.fill_buf().unwrap().is_empty());
        reader.seek(SeekFrom::Start(0)).unwrap();
        (last, read_all(reader))
    });
    let (last, all) = read.await.unwrap();
    assert!(last == server.object[server.object.len() - 4..] && all == server.object);
    assert_eq!(server.gets(), [(0, 7 * MIB)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_one_object_share_what_is_fetched_and_kept() {
    let server = Server::new(5 * MIB, Answers::Right);
    let readers = server.readers(64 * MIB).await;
    let open = |_| {
        let (server, readers) = (server.clone(), readers.clone());
        async move { server.open(&readers, u64::MAX, CancellationToken::new()).await }
    };
    let first = at_once((0..8).map(open)).await;
    let all = spawn_blocking(|| first.into_iter().map(read_all).collect::<Vec<_>>());
    assert!(all.await.unwrap().iter().all(|all| *all == server.object));
    open(8).await;
    assert_eq!(server.gets(), [(0, 5 * MIB)]);
    let readers = server.readers(0).await;
    for _ in 0..2 {
        server.open(&readers, u64::MAX, CancellationToken::new()).await;
    }
    assert_eq!(server.gets(), [(0, 5 * MIB); 2], "nothing is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_ranges_are_fetched_together_and_ahead() {
    let server = Server::new(20 * MIB, Answers::Right);
    let readers = server.readers(0).await;
    let mut reader = server.open(&readers, 0, CancellationToken::new()).await;
    let object = server.object.clone();
    let read = spawn_blocking(move || {
        // two are near each other, in any order
        let ranges = [5 * MIB..5 * MIB + 10, 9 * MIB..9 * MIB + 10, 5 * MIB + 300 * KIB..6 * MIB];
        reader.will_read(&ranges);
        for range in ranges {
            let mut part = vec![0; (range.end - range.start) as usize];
            reader.seek(SeekFrom::Start(range.start)).unwrap();
            reader.read_exact(&mut part).unwrap();
            assert!(part == object[range.start as usize..range.end as usize]);
        }
    });
    read.await.unwrap();
    let mut gets = server.gets();
    gets.sort_unstable();
    let block = |number: u64| 64 * KIB + number * 256 * KIB;
    assert_eq!(gets, [(0, block(0)), (block(19), block(24)), (block(35), block(36))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_of_the_store_is_never_the_files() {
    let damages = [
        ErrorKind::UnexpectedEof,
        ErrorKind::InvalidData,
        ErrorKind::InvalidInput,
        ErrorKind::Interrupted,
    ];
    let failures =
        [Answers::Short, Answers::Whole, Answers::Missing, Answers::Forbidden, Answers::Broken];
    for answers in failures {
        let server = Server::new(2 * MIB, answers);
        let readers = server.readers(MIB).await;
        let mut reader = server.open(&readers, 0, CancellationToken::new()).await;
        let err = spawn_blocking(move || reader.read_to_end(&mut Vec::new()).unwrap_err());
        let err = err.await.unwrap();
        assert!(!damages.contains(&err.kind()), "{answers:?}: {err:?}");
        let is_missing = err.get_ref().is_some_and(|err| err.is::<ObjectMissing>());
        assert_eq!(is_missing, answers == Answers::Missing, "{answers:?}: {err:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_cancelled_waits_no_longer() {
    let server = Server::new(2 * MIB, Answers::Never);
    let readers = server.readers(MIB).await;
    let cancelled = CancellationToken::new();
    let mut reader = server.open(&readers, 0, cancelled.clone()).await;
    let read = spawn_blocking(move || reader.read_to_end(&mut Vec::new()).is_err());
    soon("a request that gets no answer", server.waiting.acquire()).await.unwrap().forget();
    cancelled.cancel();
    assert!(soon("the end of the read", read).await.unwrap());
}

#[tokio::test]
async fn a_file_is_read_in_its_place_and_one_that_is_too_short_is_a_fault() {
    let temp = tempfile::tempdir().unwrap();
    let store = open_folder(temp.path()).await;
    store.put(KEY, Content::Bytes(Bytes::from_static(b"0123456789"))).await.unwrap();
    let readers = Readers::new(store, 0);
    let open = async |key, length| {
        let (cancelled, waits) = (CancellationToken::new(), StoreWaits::default());
        let reading = Reading { was_probed: true, start: 0, cancelled, waits };
        readers.open(key, length, reading).await
    };
    let mut reader = open(KEY, 10).await.unwrap().unwrap();
    reader.seek(SeekFrom::Start(7)).unwrap();
    assert_eq!(read_all(reader), b"789");
    assert!(open(KEY, 11).await.is_err());
    assert!(open("originals/a/2", 10).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_large_geotiff_takes_few_requests_and_few_bytes() {
    let file = testkit::cogs::cog(6_144);
    let server = Server { object: file.into(), ..Server::new(0, Answers::Right) };
    assert!(server.object.len() > 90 << 20);
    // the region lies in two rows of tiles
    for (spec, max_gets, max_bytes) in [
        ("width=80", 2, 4 * MIB),
        ("width=80&stretch=0:50000", 2, 4 * MIB),
        ("width=80&stretch=0:50000&region=2000,2000,1000,1000", 3, 12 * MIB),
        // and percentiles are of the whole
        ("width=80&region=2000,2000,1000,1000", 4, 12 * MIB),
    ] {
        let readers = server.readers(0).await;
        let mut reader = server.open(&readers, 0, CancellationToken::new()).await;
        let specs = [spec.parse().unwrap()];
        let drawn = spawn_blocking(move || {
            let limits = asciify::Limits::default();
            asciify::probe_header(&mut reader, &limits)?;
            asciify::render(reader, &specs, &limits)
        });
        drawn.await.unwrap().unwrap();
        let gets = server.gets();
        assert_eq!(gets[0], (0, 64 * KIB), "the head");
        assert!(gets.len() <= max_gets, "{spec}: {gets:?}");
        let bytes: u64 = gets.iter().map(|(start, end)| end - start).sum();
        assert!(bytes <= max_bytes, "{spec}: {bytes} bytes, {gets:?}");
    }
}
