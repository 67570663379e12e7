//! The list of images: its orders, the search by name, counts, and cursors.

use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::pictures::png;

/// Uploads images with these names.
async fn filled(settings: &[(&str, &str)], names: &[&str]) -> TestApp {
    let app = TestApp::with(settings).await;
    for name in names {
        app.post_form("image", name, &png(8, 8)).await.is(201);
    }
    app
}

/// The names of a list, page by page.
async fn pages(app: &TestApp, query: &str) -> Vec<Vec<String>> {
    let (mut pages, mut next) = (Vec::new(), Some(format!("/images?{query}")));
    while let Some(address) = next {
        let answer = app.get(&address).await.is(200);
        let body = answer.json();
        let items = body["items"].as_array().expect("items").iter();
        pages.push(items.map(|item| item["name"].as_str().unwrap_or("-").to_owned()).collect());
        next = body["next"].as_str().map(str::to_owned);
        let link = next.as_ref().map(|next| format!("<{next}>; rel=\"next\""));
        assert_eq!(answer.header("link"), link.unwrap_or_default());
        assert!(pages.len() < 20, "it ends");
    }
    pages
}

#[tokio::test]
async fn a_list_has_an_order() {
    let app = filled(&[], &["b & c.png", "Ä.png", "a=1.png", "B#.png", "a%20.png"]).await;
    for (sort, expected) in [
        ("newest", ["a%20.png", "B#.png", "a=1.png", "Ä.png", "b & c.png"]),
        ("oldest", ["b & c.png", "Ä.png", "a=1.png", "B#.png", "a%20.png"]),
        ("name", ["a%20.png", "a=1.png", "b & c.png", "B#.png", "Ä.png"]),
        ("size", ["a%20.png", "B#.png", "a=1.png", "Ä.png", "b & c.png"]),
    ] {
        let listed = pages(&app, &format!("sort={sort}&limit=2")).await;
        assert_eq!(listed.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(listed.concat(), expected, "{sort}");
    }
    app.post_form("image", "large.png", &png(500, 300)).await.is(201);
    assert_eq!(pages(&app, "sort=size").await[0][0], "large.png");
}

#[tokio::test]
async fn a_list_is_read_backwards_from_a_cursor() {
    let app = filled(&[], &["a", "b", "c", "d", "e"]).await;
    for sort in ["newest", "oldest", "name", "size"] {
        let all = pages(&app, &format!("sort={sort}")).await.concat();
        let body = app.get(&format!("/images?sort={sort}&limit=4")).await.is(200).json();
        let next = body["next"].as_str().expect("a next page");
        let back = next.replace("cursor=", "before=").replace("limit=4", "limit=2");
        let query = back.split_once('?').expect("a query").1;
        // each page has the order of the list; the first one has the nearest
        assert_eq!(pages(&app, query).await, [&all[1..3], &all[..1]], "{sort}");
    }
}

#[tokio::test]
async fn images_are_found_by_name() {
    let names = ["Beach 1.jpg", "beach 2.JPG", "mountain.jpg", "MÄRZ beach.png"];
    let app = filled(&[], &names).await;
    for (q, expected) in [
        ("beach", vec!["MÄRZ beach.png", "beach 2.JPG", "Beach 1.jpg"]),
        ("jpg+BEA", vec!["beach 2.JPG", "Beach 1.jpg"]),
        ("m%C3%A4rz", vec!["MÄRZ beach.png"]),
        ("%25", vec![]),
        ("", names.iter().rev().copied().collect()),
        ("+%00", names.iter().rev().copied().collect()),
    ] {
        let listed = pages(&app, &format!("q={q}&limit=2")).await;
        assert!(listed.iter().all(|page| page.len() <= 2), "{listed:?}");
        assert_eq!(listed.concat(), expected, "{q}");
    }
    let sorted = pages(&app, "q=beach&sort=name&limit=1").await.concat();
    assert_eq!(sorted, ["Beach 1.jpg", "beach 2.JPG", "MÄRZ beach.png"]);
}

#[tokio::test]
async fn a_search_looks_at_a_part_of_the_images_at_a_time() {
    let names = ["x", "a", "b", "c", "x", "d", "e", "f", "g"];
    let app = filled(&[("MAX_SEARCHED_IMAGES", "3")], &names).await;
    let found = pages(&app, "q=x").await;
    assert_eq!(found, [vec![], vec!["x"], vec!["x"], vec![]], "each page compares three names");
    assert_eq!(pages(&app, "q=x&sort=oldest&limit=1").await.concat(), ["x", "x"]);
    // a list that is not searched is not limited
    assert_eq!(pages(&app, "limit=200").await.len(), 1);
}

#[tokio::test]
async fn images_are_counted_on_request() {
    let app = filled(&[("MAX_SEARCHED_IMAGES", "3")], &["a", "b"]).await;
    let count = async |query: &str| app.get(&format!("/images?{query}")).await.is(200).json();
    assert_eq!(count("limit=1").await["count"], Value::Null);
    let two = json!({ "images": 2, "is_exact": true });
    assert_eq!(count("limit=1&count=true").await["count"], two);
    assert_eq!(count("q=B&count=true").await["count"], json!({ "images": 1, "is_exact": true }));
    for _ in 0..2 {
        app.post_form("image", "b", &png(8, 8)).await.is(201);
    }
    let three = json!({ "images": 3, "is_exact": false });
    assert_eq!(count("limit=1&count=true").await["count"], three);
    // the name of the oldest image was not compared
    assert_eq!(count("q=b&count=true").await["count"], three);
}

#[tokio::test]
async fn the_gallery_has_the_order_and_the_search_in_its_links() {
    let names: Vec<String> = (0..30).map(|nth| format!("moon {nth:02}.png")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["mars.png"]).collect();
    let app = filled(&[], &names).await;
    let browser = [("accept", "text/html")];
    let page = app.ask("/?sort=name&q=moon", &browser).await.is(200).text();
    assert!(page.contains("30 images found"), "{page}");
    assert!(page.contains("moon 00.png") && !page.contains("mars.png"), "{page}");
    let link = page.split("rel=\"next\" href=\"").nth(1).and_then(|rest| rest.split('"').next());
    let next = link.expect("a next page").replace("&#38;", "&").replace("&amp;", "&");
    let page = app.ask(&next, &browser).await.is(200).text();
    assert!(page.contains("moon 29.png") && !page.contains("moon 00.png"), "{page}");
    assert!(page.contains("rel=\"prev\""), "{page}");
    let none = app.ask("/?q=venus", &browser).await.is(200).text();
    assert!(none.contains("No image has “venus” in its name."), "{none}");
    app.ask("/?sort=color", &browser).await.is(400);
}
