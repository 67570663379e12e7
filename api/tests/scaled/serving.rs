//! How many queries of the database the requests of readers take.

use reqwest::Client;

use crate::support::{
    embedded::Home, pictures::pictures, servers::Servers, site::Site, test_client::TestClient,
};

/// Requests of each kind.
const REPEATS: u64 = 5;
/// The calls of the database that look up images for readers.
const LOOKUPS: [&str; 5] = [
    "look up an image",
    "look up an image and its renders",
    "look up images and their jobs",
    "look up jobs",
    "list renders",
];

/// How often the process has called the database to look up images.
async fn lookups(url: &str) -> u64 {
    let text = reqwest::get(format!("{url}/metrics")).await.unwrap().text().await.unwrap();
    let calls = LOOKUPS.iter().filter_map(|call| {
        let series = format!("planet_database_calls_total{{call=\"{call}\"}} ");
        text.lines().find_map(|line| line.strip_prefix(&series)?.parse::<u64>().ok())
    });
    calls.sum()
}

/// Lookups of each request of `path` after the first one, by its status; the second of each is
/// conditional.
async fn cost(url: &str, path: &str) -> (u64, u64) {
    let client = Client::new();
    let get = async |tag: Option<&str>| {
        let request = client.get(format!("{url}{path}"));
        let request = tag.into_iter().fold(request, |it, tag| it.header("if-none-match", tag));
        request.send().await.unwrap().error_for_status().unwrap()
    };
    let first = get(None).await;
    let tag = first.headers().get("etag").map(|tag| tag.to_str().unwrap().to_owned());
    let before = lookups(url).await;
    for _ in 0..REPEATS {
        assert_eq!(get(None).await.status(), 200);
    }
    let whole = lookups(url).await;
    if let Some(tag) = &tag {
        for _ in 0..REPEATS {
            assert_eq!(get(Some(tag)).await.status(), 304, "{path}");
        }
    }
    (whole - before, lookups(url).await - whole)
}

fn paths(id: &str) -> [String; 6] {
    ["", "?preset=large", "?format=png", "?preset=small&format=html", "?width=23", "/original"]
        .map(|query| format!("/images/{id}{query}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn with_postgresql_a_request_is_one_query() {
    let Some(servers) = Servers::shared().await else { return };
    let site = Site::open(&servers).await;
    let (api, worker) = (site.api().await, site.worker().await);
    let test_client = TestClient::of(&[&api.url]);
    let kept = test_client.upload_all(&pictures(1)).await;
    test_client.wait_until_all_ready(&kept).await;
    for path in paths(&kept[0].id) {
        assert_eq!(cost(&api.url, &path).await, (REPEATS, REPEATS), "{path}");
    }
    let metadata = format!("/images/{}/metadata", kept[0].id);
    assert_eq!(cost(&api.url, &metadata).await, (REPEATS, 0));
    site.assert_invariants(&[&api], &[&worker], &kept).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_process_a_request_for_a_known_image_is_no_query() {
    let home = Home::new();
    let _process = home.start().await;
    let test_client = TestClient::of(&[&home.url]);
    let kept = test_client.upload_all(&pictures(1)).await;
    test_client.wait_until_all_ready(&kept).await;
    for path in paths(&kept[0].id) {
        assert_eq!(cost(&home.url, &path).await, (0, 0), "{path}");
    }
    // as long as nothing changes, so are the lists
    for path in ["/images", "/images?limit=3"] {
        assert_eq!(cost(&home.url, path).await, (0, 0), "{path}");
    }
    test_client.remove(&kept[0].id).await;
    let gone = test_client.get(&format!("/images/{}", kept[0].id)).await.unwrap();
    assert_eq!(gone.status(), 404);
    home.assert_invariants(&[]).await;
}
