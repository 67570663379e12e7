//! The HTML pages: complete without scripts, with a strict content security policy.

use reqwest::Method;
use testkit::app::{TestApp, Uploaded};

use crate::{pictures::png, wire::Wire};

const BROWSER: &[(&str, &str)] = &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];

#[tokio::test]
async fn a_browser_gets_the_gallery_and_a_terminal_a_few_lines() {
    let app = TestApp::spawn().await;
    let empty = app.ask("/", BROWSER).await.is(200);
    assert_eq!(empty.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(empty.header("vary"), "accept");
    assert!(empty.text().contains("No images yet."));
    let image = app.upload(png(64, 40)).await;
    let page = app.ask("/", BROWSER).await.is(200).text();
    assert!(page.contains(&format!("href=\"{}\"", image.at)), "{page}");
    let blocks = "width=80&#38;symbols=half&#38;color=full&#38;color_on=both";
    let source = format!("src=\"{}/thumbnail?{blocks}\" width=\"320\" height=\"200\"", image.at);
    assert!(page.contains(&source), "{page}");
    assert!(app.get("/").await.is(200).text().starts_with("Planet Image API"));
}

#[tokio::test]
async fn older_and_newer_images_are_links_away() {
    let app = TestApp::spawn().await;
    for _ in 0..50 {
        app.upload(png(8, 8)).await;
    }
    let ids = |page: &str| -> Vec<String> {
        let tiles = page.split("<li class=\"tile\" data-id=\"").skip(1);
        let ids = tiles.filter_map(|rest| rest.split('"').next());
        ids.filter(|id| !id.is_empty()).map(str::to_owned).collect()
    };
    let link = |page: &str, rel: &str| {
        let link = page.split(&format!("rel=\"{rel}\" href=\"")).nth(1)?.split('"').next()?;
        Some(link.replace("&#38;", "&").replace("&amp;", "&"))
    };
    let mut pages = vec![app.ask("/?preset=small", BROWSER).await.is(200).text()];
    while let Some(older) = pages.last().and_then(|page| link(page, "next")) {
        pages.push(app.ask(&older, BROWSER).await.is(200).text());
    }
    let shown: Vec<Vec<String>> = pages.iter().map(|page| ids(page)).collect();
    assert_eq!(shown.iter().map(Vec::len).collect::<Vec<_>>(), [24, 24, 2]);
    assert!(shown.concat().is_sorted_by(|newer, older| newer > older), "{shown:?}");
    assert!(pages[2].contains("/thumbnail?width=40\""), "{}", pages[2]);
    // and back
    assert_eq!(link(&pages[0], "prev"), None);
    assert_eq!(link(&pages[1], "prev").as_deref(), Some("/?preset=small"));
    let newer = link(&pages[2], "prev").expect("a link to newer ones");
    assert_eq!(ids(&app.ask(&newer, BROWSER).await.is(200).text()), shown[1]);

    let wrong = app.ask("/?preset=huge", BROWSER).await.is(400).text();
    assert!(wrong.contains("preset: expected one of default, small"), "{wrong}");
    assert!(app.ask("/?cursor=x", BROWSER).await.is(400).text().contains("cursor: expected"));
    app.ask("/?utm_source=x", BROWSER).await.is(200);
}

#[tokio::test]
async fn a_browser_gets_an_image_with_its_options() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(64, 40)).await;
    app.work(1).await;
    let path = format!("{}?width=64&color=256&dither=bayer", image.at);
    let page = app.ask(&path, BROWSER).await.is(200);
    assert_eq!(page.header("vary"), "accept");
    let page = page.text().replace("&#38;", "&").replace("&amp;", "&").replace("<wbr>", "");
    for part in [
        "?width=64&color=256&format=svg\"",
        "name=\"width\" min=\"1\" max=\"1000\" value=\"64\"",
        "name=\"color\" value=\"256\" checked",
        "?width=40&version=1\"",
        "&format=ansi\" download=\"unnamed.ansi\"",
        &format!("curl 'http://{}{}?width=64&color=256'", app.address, image.at),
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for option in
        asciify::OPTIONS.iter().filter(|it| !["frame", "bands", "stretch"].contains(&it.name))
    {
        assert!(page.contains(&format!("data-option=\"{}\"", option.name)), "{}", option.name);
    }
    app.ask(&format!("{}?width=0", image.at), BROWSER).await.is(400);
    app.delete(&image.at).await.is(204);
    app.ask(&image.at, BROWSER).await.is(404);
}

#[tokio::test]
async fn a_form_without_a_script_leads_to_the_image() {
    let app = TestApp::spawn().await;
    let form = app.request(Method::POST, "/images").header("accept", BROWSER[0].1).body(png(8, 8));
    let answer = app.send(form).await.is(303);
    app.ask(answer.header("location"), BROWSER).await.is(200);
}

#[tokio::test]
async fn pages_escape_names_and_allow_nothing_but_their_own() {
    let app = TestApp::spawn().await;
    let name = "</title><script>alert(1)</script>\"'.png";
    let image = Uploaded::from(&app.post_form("image", name, &png(8, 8)).await.is(201));
    for path in ["/", image.at.as_str()] {
        let answer = app.ask(path, BROWSER).await.is(200);
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"));
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        let page = answer.text();
        assert!(!page.contains("<script>") && !page.contains("style="), "{page}");
        assert!(!page.contains("</title><script"), "{page}");
        for source in page.split("src=\"").skip(1).chain(page.split("href=\"").skip(1)) {
            assert!(source.starts_with('/') || source.starts_with('#'), "{source:.60}");
        }
    }
}

#[tokio::test]
async fn a_text_as_a_page_allows_its_own_sheet_by_its_hash() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    let [one, other] = ["width=8", "width=8&color=full"].map(|look| {
        let path = format!("{}?{look}&format=html", image.at);
        let app = &app;
        async move { app.get(&path).await.is(200).header("content-security-policy").to_owned() }
    });
    let (one, other) = (one.await, other.await);
    for policy in [&one, &other] {
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    }
    assert_ne!(one, other, "another sheet has another hash");
    let drawing = app.get(&format!("{}?format=svg", image.at)).await.is(200);
    assert_eq!(drawing.header("content-security-policy"), "default-src 'none'");
}

#[tokio::test]
async fn parts_of_pages_are_not_sent_twice() {
    let app = TestApp::spawn().await;
    let page = app.ask("/", BROWSER).await.is(200).text();
    let assets: Vec<&str> = page.split('"').filter(|word| word.starts_with("/assets/")).collect();
    assert!(assets.len() >= 3, "{page}");
    for path in assets {
        let answer = app.get(path).await.is(200);
        let tag = answer.header("etag");
        app.ask(path, &[("if-none-match", tag)]).await.is(304);
        let head = app.send(app.request(Method::HEAD, path)).await.is(200);
        assert_eq!(head.header("content-type"), answer.header("content-type"));
    }
    app.get("/assets/..%2fCargo.toml").await.is(404).tells_problem("not-found", &["page"]);
}

#[tokio::test]
async fn a_browser_that_meets_a_problem_gets_a_page_and_everybody_else_json() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    app.delete(&image.at).await.is(204);
    let looked = format!("{}?width=<0", image.at);
    for (path, status, slug) in [
        (image.at.as_str(), 404, "not-found"),
        ("/images/lena", 404, "not-found"),
        ("/nowhere", 404, "not-found"),
        (&looked, 400, "bad-parameter"),
        ("/images?limit=1000", 400, "bad-parameter"),
    ] {
        let page = app.ask(path, BROWSER).await.is(status);
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.header("vary").contains("accept"), "{path}");
        assert_eq!(page.header("cache-control"), "no-store");
        assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
        let text = page.text();
        for part in [&format!("href=\"/problems/{slug}\""), "href=\"/\"", "<h1>"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains(page.header("x-request-id")) && !text.contains("<0"), "{text}");

        // the `Accept` of scripts, images and programs
        for accept in ["*/*", "image/avif,image/*;q=0.8,*/*;q=0.5", "application/json"] {
            let answer = app.ask(path, &[("accept", accept)]).await.is(status);
            assert!(answer.header("vary").contains("accept"), "{path}");
            answer.tells_problem(slug, &[]);
        }
    }
}

#[tokio::test]
async fn a_page_of_a_problem_leads_to_what_is_there() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    let back = format!("href=\"{}\">To this image", image.at);
    for (query, status) in [
        ("width=0", 400),
        ("version=999", 404),
        ("frame=999999", 400),
        ("bands=9", 400),
        ("width=8&version=1", 404),
    ] {
        let path = format!("{}?{query}", image.at);
        let told = app.get(&path).await.is(status).json()["detail"].clone();
        let page = app.ask(&path, BROWSER).await.is(status).text();
        assert!(page.contains(told.as_str().expect("a detail")), "{told}: {page}");
        assert!(page.contains(&back), "{query}: {page}");
    }
    app.delete(&image.at).await.is(204);
    let gone = app.ask(&image.at, BROWSER).await.is(404).text();
    assert!(!gone.contains("To this image") && gone.contains("Find the id in"), "{gone}");

    let lost = app.ask("/nowhere", BROWSER).await.is(404).text();
    assert!(lost.contains("<a href=\"/docs\">/docs</a> lists them"), "{lost}");
    assert!(!lost.contains("UUID"), "no advice about ids: {lost}");
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example")] {
        for (method, at) in [(Method::POST, "/images"), (Method::DELETE, &image.at)] {
            let request = app.request(method, at).header(name, value).body(png(8, 8));
            app.send(request).await.is(403).tells_problem("cross-site", &["other sites"]);
        }
        // links from other sites are allowed
        app.ask(&image.at, &[(name, value)]).await.is(200);
    }
    let own = app.request(Method::DELETE, &image.at).header("sec-fetch-site", "same-origin");
    app.send(own).await.is(204);
}

#[tokio::test]
async fn an_unknown_host_name_is_refused() {
    let app = TestApp::spawn().await;
    let host = |app: &TestApp, name: &str| app.request(Method::GET, "/images").header("host", name);
    for ours in ["localhost", "localhost:1", "127.0.0.1:9", "[::1]:80", "planet", "a.localhost."] {
        app.send(host(&app, ours)).await.is(200);
    }
    let answer = app.send(host(&app, "Evil.example:8080")).await.is(421);
    answer.tells_problem("misdirected", &["Evil.example", "ALLOWED_HOSTS"]);
    for bad in ["", "a b", "a/b", "me@localhost", "$(reboot)", "localhost:x", "[::1"] {
        app.send(host(&app, bad)).await.is(400).tells_problem("bad-request", &["Host"]);
    }

    for (target, host, status) in
        [("evil.example", "localhost", 421), ("me@localhost:80", "evil.example", 200)]
    {
        let head = format!("GET http://{target}/presets HTTP/1.1\r\nHost: {host}\r\n");
        let wire = Wire::raw(&app, &format!("{head}Connection: close\r\n\r\n")).await;
        let said = wire.everything().await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{target}: {said}");
    }

    let app = app.restart(&[("ALLOWED_HOSTS", "planet.example, b.example.")], |_| {}).await;
    app.send(host(&app, "B.example.:443")).await.is(200);
    app.send(host(&app, "evil.example")).await.is(421);
    let app = app.restart(&[("ALLOWED_HOSTS", "*")], |_| {}).await;
    app.send(host(&app, "evil.example")).await.is(200);
    let app = app.restart(&[("BIND", "0.0.0.0:0")], |_| {}).await;
    app.send(host(&app, "evil.example")).await.is(200);
}
