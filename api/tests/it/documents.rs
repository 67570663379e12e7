//! The documentation of the API: correct, complete, and without requests to other hosts.

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use serde_json::Value;
use testkit::{
    app::TestApp,
    sign_in::spawn_with_accounts,
    tiffs::{GeoTags, geotiff},
};

use crate::pictures::png;

const BROWSER: &[(&str, &str)] = &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The methods of each address, as in the OpenAPI document.
fn documented(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let paths = document["paths"].as_object().expect("paths");
    let methods = |item: &Value| {
        let methods = METHODS.iter().filter(|method| item.get(method).is_some());
        methods.map(|method| method.to_string()).collect()
    };
    paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect()
}

#[tokio::test]
async fn every_documented_address_exists_and_takes_the_documented_methods() {
    let app = TestApp::spawn().await;
    let document = app.get("/openapi.json").await.is(200);
    assert_eq!(document.header("content-type"), "application/json");
    let document = document.json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let ids: Vec<&str> = document["paths"]
        .as_object()
        .expect("paths")
        .values()
        .flat_map(|item| METHODS.iter().filter_map(|method| item[method]["operationId"].as_str()))
        .collect();
    let documented = documented(&document);
    let count: usize = documented.values().map(BTreeSet::len).sum();
    assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (count, count), "{ids:?}");
    assert!(ids.contains(&"listImages") && ids.contains(&"getRender"), "{ids:?}");
    assert_eq!(document["servers"][0]["url"], format!("http://{}", app.address));
    assert_eq!(document["info"]["license"]["identifier"], "MIT OR Apache-2.0");
    let expected = ["delete", "get"].map(str::to_owned);
    assert_eq!(documented["/images/{id}"], BTreeSet::from(expected));

    let degrees = [1024, 2, 2048, 4326];
    let (scale, tie_point) = ([0.5, 0.25, 0.0], [0.0, 0.0, 0.0, 0.0, 9.0, 0.0]);
    let tags = GeoTags { keys: &degrees, scale: &scale, tie_point: &tie_point, matrix: &[] };
    let image = app.upload(geotiff(&tags)).await;
    for (path, methods) in &documented {
        let path = path.replace("{id}", &image.id).replace("{slug}", "busy");
        let path = path.replace("{x},{y}", "1,2").replace("{lon},{lat}", "1,2");
        for method in METHODS.map(str::to_uppercase).iter().chain([&"OPTIONS".to_owned()]) {
            let is_documented = methods.contains(&method.to_lowercase());
            // resumable uploads describe themselves by OPTIONS, and have HEAD without GET
            let is_upload = path.starts_with("/uploads");
            if (is_documented && method != "GET") || (is_upload && method == "OPTIONS") {
                continue; // its own stories
            }
            // a stream has no end
            let endless = is_documented && path.ends_with("/events");
            let method = if endless { "HEAD" } else { method.as_str() };
            let request = Method::from_bytes(method.as_bytes()).expect("a method");
            let answer = app.send(app.request(request, &path)).await;
            if is_documented {
                assert_eq!(answer.status, 200, "{method} {path}");
                continue;
            }
            assert_eq!(answer.status, 405, "{method} {path}");
            let allow = answer.header("allow").to_lowercase();
            let mut allowed: BTreeSet<&str> = allow.split(',').map(str::trim).collect();
            match is_upload {
                true => assert!(allowed.remove("options"), "{path}"),
                false => assert!(allowed.contains("head"), "{path}"),
            }
            allowed.remove("head");
            assert_eq!(allowed, methods.iter().map(String::as_str).collect(), "{path}");
        }
    }
}

#[tokio::test]
async fn every_option_is_documented() {
    let app = TestApp::spawn().await;
    let document = app.get("/openapi.json").await.json();
    let parameters = &document["paths"]["/images/{id}"]["get"]["parameters"];
    let names: Vec<&str> = parameters
        .as_array()
        .expect("parameters")
        .iter()
        .filter_map(|p| p["name"].as_str())
        .collect();
    for option in asciify::OPTIONS {
        assert!(names.contains(&option.name), "{} is missing in {names:?}", option.name);
    }
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(summary.ends_with('.'), "{method} {path}: {summary}");
            assert!(operation["responses"].as_object().is_some_and(|all| !all.is_empty()));
        }
    }
    // every reference resolves
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().expect("a pointer");
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

#[tokio::test]
async fn pages_fetch_nothing_from_elsewhere() {
    let app = TestApp::spawn().await;
    let mut pages = vec!["/docs".to_owned(), "/problems".to_owned()];
    pages.extend(api::KINDS.iter().map(|kind| format!("/problems/{}", kind.slug)));
    let docs = app.ask("/docs", BROWSER).await.is(200).text();
    for path in documented(&app.get("/openapi.json").await.json()).keys() {
        assert!(docs.contains(&format!("<code>{path}</code>")), "{path}");
    }
    for page in &pages {
        let is_linked = docs.contains(&format!("href=\"{page}\""));
        assert!(is_linked || !page.starts_with("/problems/"), "{page}");
        let answer = app.ask(page, BROWSER).await.is(200);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").starts_with("default-src 'none'"));
        let html = answer.text();
        for fetching in ["style=", "<style", "<script>", "@import", "url(", "\"//", "\"http"] {
            assert!(!html.contains(fetching), "{page} has {fetching}");
        }
        let links = html.split("href=\"").chain(html.split("src=\"")).skip(1);
        let links: BTreeSet<&str> = links.filter_map(|rest| rest.split('"').next()).collect();
        for link in links.into_iter().filter(|link| link.starts_with('/')) {
            app.get(link).await.is(200);
        }
        // every anchor that is linked is on the page
        let anchors = html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next());
        for anchor in anchors {
            assert_eq!(html.matches(&format!("id=\"{anchor}\"")).count(), 1, "{page}#{anchor}");
        }
    }
}

#[tokio::test]
async fn the_reference_has_types_limits_and_commands_with_an_image_that_is_there() {
    let app = TestApp::spawn().await;
    let empty = app.ask("/docs", BROWSER).await.is(200).text().replace("<wbr>", "");
    assert!(empty.contains(&format!("<code>curl http://{}/images/ID</code>", app.address)));
    let image = app.upload(png(8, 8)).await;
    let page = app.ask("/docs", &[BROWSER[0], ("x-forwarded-proto", "https")]).await.is(200).text();
    let page = page.replace("<wbr>", "");
    let at = format!("https://{}{}", app.address, image.at);
    for part in [
        &format!("<code>curl {at}</code>"),
        &format!("<code>curl &#39;{at}?width=100&#38;color=full&#39;</code>"),
        &format!("<code>curl -OJ {at}/original</code>"),
        &format!("<code>curl -X DELETE https://{}/images/ID</code>", app.address),
        "<code>stretch</code>",
        "<span>1 to 1000</span>",
        "<code>none</code> <code>floyd-steinberg</code>",
        "<a href=\"#schema-ImageLinks\">ImageLinks</a>",
        "integer or null",
        "Example <code>image/jpeg</code>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    assert!(!page.contains('`'), "code is marked as code");
}

#[tokio::test]
async fn every_kind_of_problem_is_explained() {
    let app = TestApp::spawn().await;
    let index = app.ask("/problems", BROWSER).await.is(200).text();
    for kind in api::KINDS {
        let page = app.ask(&format!("/problems/{}", kind.slug), BROWSER).await.is(200).text();
        assert!(page.contains(kind.title) && page.contains(kind.status.as_str()), "{}", kind.slug);
        assert!(page.contains(&format!("/problems/{}&#34;,", kind.slug)), "the example: {page}");
        assert!(index.contains(&format!("href=\"/problems/{}\"", kind.slug)), "{}", kind.slug);
    }
    let slugs: BTreeSet<&str> = api::KINDS.iter().map(|kind| kind.slug).collect();
    assert_eq!(slugs.len(), api::KINDS.len(), "every kind has its own address");
}

#[tokio::test]
async fn examples_of_problems_are_what_the_service_says() {
    let app = TestApp::spawn().await;
    // its provider is away
    let provider = [("OIDC_ISSUER", "http://127.0.0.1:1"), ("OIDC_CLIENT_ID", "planet")];
    let with_accounts = spawn_with_accounts(&provider).await;
    let mut asked = 0;
    for kind in api::KINDS {
        let (method, path) = kind.request.split_once(' ').expect("a method and an address");
        let is_whole = path.starts_with('/')
            && path != "/images"
            && !path.contains("/ID")
            && !path.contains("/PROVIDER");
        let app = match path.starts_with("/auth/") || path.starts_with("/account") {
            true => &with_accounts,
            false => &app,
        };
        if (is_whole || method == "PATCH") && !path.starts_with("/uploads/") {
            let method = Method::from_bytes(method.as_bytes()).expect("a method");
            let answer = app.send(app.request(method, path)).await.is(kind.status.as_u16());
            assert_eq!(answer.json()["detail"], kind.detail, "{}", kind.slug);
            asked += 1;
        }
    }
    assert!(asked >= 3, "{asked} examples were asked");
    let empty = api::KINDS.iter().find(|kind| kind.slug == "empty-upload").expect("a kind");
    assert_eq!(app.post("").await.is(400).json()["detail"], empty.detail);
}

#[tokio::test]
async fn the_first_page_says_what_to_do() {
    let app = TestApp::spawn().await;
    let answer = app.get("/").await.is(200);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    let text = answer.text();
    assert!(text.contains(&format!("curl -F image=@photo.jpg http://{}/images", app.address)));
    assert!(text.lines().all(|line| line.len() < 100), "{text}");
}

#[tokio::test]
async fn a_terminal_reads_about_the_api_as_text() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    assert!(app.get("/").await.is(200).text().contains("/docs"));
    let terminal = &[("user-agent", "curl/8.14.1"), ("accept", "*/*")];
    let docs = app.ask("/docs", &[("accept", "text/plain")]).await.is(200);
    assert_eq!(docs.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(docs.header("vary"), "accept, user-agent");
    let docs = docs.text();
    assert_eq!(app.ask("/docs", terminal).await.is(200).text(), docs);
    for option in asciify::OPTIONS {
        assert!(docs.contains(&format!("\n  {:12}", option.name)), "{}: {docs}", option.name);
    }
    let list = app.ask("/images", terminal).await.is(200);
    assert_eq!(list.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(list.header("vary"), "accept, user-agent");
    let list = list.text();
    assert!(list.starts_with(&image.id) && list.contains("8 x 8"), "{list}");
    let json = &[("user-agent", "curl/8.14.1"), ("accept", "application/json")];
    assert_eq!(app.ask("/images", json).await.is(200).json()["items"][0]["id"], image.id);
    assert_eq!(app.get("/images").await.is(200).header("content-type"), "application/json");
    assert!(docs.contains(&format!("  curl http://{}{}\n", app.address, image.at)), "{docs}");
    for path in documented(&app.get("/openapi.json").await.json()).keys() {
        assert!(docs.contains(&format!(" {path} ")), "{path}: {docs}");
    }
    let problems = app.get("/problems").await.is(200).text();
    for kind in api::KINDS {
        assert!(problems.contains(&format!("{} {} ", kind.status.as_str(), kind.slug)));
        let text = app.get(&format!("/problems/{}", kind.slug)).await.is(200).text();
        assert!(text.starts_with(&format!("{}: {}\n\n", kind.status, kind.title)), "{text}");
        assert!(text.contains("\nWhat to do: ") && !text.contains('<'), "{text}");
        let prose = text.split("\nExample response to").next().expect("prose");
        assert!(prose.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    app.get("/problems/nothing").await.is(404).tells_problem("not-found", &["/problems"]);
}
