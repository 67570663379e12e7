//! Accounts from outside: tokens, links, quotas, rates, events, blocking and deletion.

use std::time::Duration;

use common::account::scopes::Scopes;
use reqwest::Method;
use testkit::app::{TestApp, Uploaded, until};

use crate::{
    access::House, audit_log::AuditLog, operations::metric, pictures::png, play::slow_dots,
};

const PUBLIC: &str = r#"{"visibility": "public"}"#;
const PRIVATE: &str = r#"{"visibility": "private"}"#;

#[tokio::test]
async fn without_accounts_nothing_tells_of_them() {
    let app = TestApp::spawn().await;
    let image = app.upload(png(8, 8)).await;
    assert!(image.json.get("owner").is_none() && image.json.get("visibility").is_none());
    for path in ["/account", "/admin/users", "/s/x", "/auth/login"] {
        app.get(path).await.is(404);
    }
    let headers = [("authorization", "Bearer nonsense")];
    let answer = app.ask(&image.at, &headers).await.is(200);
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    app.get("/images?owner=me").await.is(400);
    app.send(app.request(Method::PATCH, &image.at).body(PUBLIC)).await.is(405);
}

#[tokio::test]
async fn a_token_works_as_bearer_and_as_password_until_it_is_revoked() {
    let house = House::open(&[]).await;
    let token = house.token(&house.owner, Scopes::ALL).await;
    let image = house.upload(&token, 8).await;
    assert_eq!(image.json["owner"], house.owner.id.to_string());
    assert_eq!(image.json["visibility"], "private");
    let basic = house.app.request(Method::GET, &image.at).basic_auth("ada", Some(&token));
    house.app.send(basic).await.is(200);
    // one that is mistyped, unknown or revoked is answered alike
    let tokens = house.app.pipeline.tokens(house.owner.id).await.unwrap();
    assert!(house.app.pipeline.revoke_token(house.owner.id, tokens[0].id).await.unwrap());
    let unknown = common::account::secret::new_token();
    let mut details = Vec::new();
    for token in [&token, &unknown, &token[..44].to_owned(), &"x".to_owned()] {
        let answer = house.send("get", &image.at, Some(token), "").await.is(401);
        assert!(answer.header("www-authenticate").contains("invalid_token"));
        details.push(answer.json()["detail"].clone());
    }
    details.dedup();
    assert_eq!(details.len(), 1, "{details:?}");
    let refused = metric(&house.app.text("/metrics").await, &["planet_refused_tokens_total"]);
    assert!(refused >= Some(4.0), "{refused:?}");
}

#[tokio::test]
async fn lists_have_what_their_reader_may_read() {
    let house = House::open(&[]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let other = house.token(&house.other, Scopes::ALL).await;
    let admin = house.token(&house.admin, Scopes::ALL).await;
    let mut ids = Vec::new();
    for (nth, token) in [&owner, &other, &owner, &other, &owner].into_iter().enumerate() {
        ids.push(house.upload(token, 8 + nth as u32).await);
    }
    for public in [&ids[0], &ids[1]] {
        let token = if public.id == ids[0].id { &owner } else { &other };
        house.send("patch", &public.at, Some(token), PUBLIC).await.is(200);
    }
    let list = async |path: &str, token: Option<&str>| -> Vec<usize> {
        let answer = house.send("get", path, token, "").await.is(200);
        assert!(answer.header("cache-control").starts_with("private"));
        let mut vary = answer.headers.get_all("vary").iter().map(|it| it.to_str().unwrap());
        assert!(vary.any(|names| names.contains("cookie, authorization")));
        let items = answer.json()["items"].as_array().unwrap().clone();
        let nth = |id: &str| ids.iter().position(|image| image.id == id).unwrap();
        items.iter().map(|item| nth(item["id"].as_str().unwrap())).collect()
    };
    assert_eq!(list("/images", None).await, [1, 0]);
    assert_eq!(list("/images", Some(&owner)).await, [4, 2, 0]);
    assert_eq!(list("/images?owner=me", Some(&other)).await, [3, 1]);
    assert_eq!(list("/images?owner=any", Some(&owner)).await, [4, 2, 1, 0]);
    assert_eq!(list("/images?owner=any&limit=2", Some(&owner)).await, [4, 2]);
    assert_eq!(
        list(&format!("/images?owner=any&cursor={}", ids[2].id), Some(&owner)).await,
        [1, 0]
    );
    let after = format!("/images?owner=any&limit=2&after={}", ids[0].id);
    assert_eq!(list(&after, Some(&owner)).await, [2, 1]);
    assert_eq!(list("/images?owner=any", Some(&admin)).await, [4, 3, 2, 1, 0]);
    for reader in [None, Some(&*owner), Some(&*admin)] {
        assert_eq!(list("/images?owner=public", reader).await, [1, 0]);
        assert_eq!(list("/images?owner=public&sort=oldest", reader).await, [0, 1]);
    }
    house.send("get", "/images?owner=all", None, "").await.is(400);
    let hash = ids[3].json["sha256"].as_str().unwrap();
    for (token, found) in [(Some(&*owner), vec![]), (Some(&*other), vec![3]), (None, vec![])] {
        assert_eq!(list(&format!("/images?owner=any&sha256={hash}"), token).await, found);
    }
    house.send("get", "/images?owner=me", None, "").await.is(401);
    // a page that was kept for one reader is not shown to another, nor after a change
    assert_eq!(list("/images?owner=any", Some(&other)).await, [3, 1, 0]);
    house.send("patch", &ids[0].at, Some(&owner), PRIVATE).await.is(200);
    assert_eq!(list("/images", None).await, [1]);
}

#[tokio::test]
async fn public_images_are_for_shared_caches_and_private_ones_are_not() {
    let house = House::open(&[]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let image = house.upload(&owner, 8).await;
    house.app.work(1).await;
    for (visibility, word) in [(PRIVATE, "private"), (PUBLIC, "public")] {
        house.send("patch", &image.at, Some(&owner), visibility).await.is(200);
        // also of a fixed version: who may read it changes
        for path in ["", "?version=1", "/metadata", "/original", "/renders", "/animation"] {
            let path = format!("{}{path}", image.at);
            let answer = house.send("get", &path, Some(&owner), "").await.is(200);
            assert_eq!(answer.header("cache-control"), format!("{word}, no-cache"), "{path}");
        }
    }
    let closed = House::open(&[("PUBLIC_IMAGES", "no")]).await;
    let owner = closed.token(&closed.owner, Scopes::ALL).await;
    let other = closed.token(&closed.other, Scopes::ALL).await;
    let image = closed.upload(&owner, 8).await;
    closed.send("patch", &image.at, Some(&owner), PUBLIC).await.is(200);
    closed.send("get", &image.at, None, "").await.is(404);
    closed.send("get", &image.at, Some(&other), "").await.is(200);
}

#[tokio::test]
async fn a_link_shows_one_image_until_it_ends() {
    let house = House::open(&[]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let image = house.upload(&owner, 8).await;
    house.app.work(1).await;
    let shares = format!("{}/shares", image.at);
    house.send("post", &shares, Some(&owner), "{}").await.is(201);
    house.send("post", &shares, Some(&owner), " ").await.is(400);
    // the body may be left out
    let made = house.send("post", &shares, Some(&owner), "").await.is(201);
    assert_eq!(made.header("cache-control"), "no-store");
    let url = made.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(url.len(), "/s/".len() + 32);
    for path in
        ["", "?version=1", "?width=20&format=png", "?format=html", "?format=cast", "/original"]
    {
        let answer = house.app.get(&format!("{url}{path}")).await.is(200);
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert_eq!(answer.header("cache-control"), "private, no-cache");
    }
    let text = house.send("get", &image.at, Some(&owner), "").await.is(200).text();
    assert_eq!(house.app.get(&url).await.text(), text);
    // it opens nothing else, and neither the list nor the database has its secret
    house.app.get(&image.at).await.is(404);
    let secret = url.rsplit('/').next().unwrap();
    // nor have problems and logs, also where the address is mistyped
    for path in ["//s/SECRET", "/S/SECRET", "/s//SECRET", "/%73/SECRET", "/images/planet_SECRET"] {
        let answer = house.app.get(&path.replace("SECRET", secret)).await;
        let text = answer.is(404).text();
        assert!(!text.contains(secret) && text.contains("\"instance\""), "{text}");
    }
    let listed = house.send("get", &shares, Some(&owner), "").await.is(200);
    assert!(!listed.text().contains(secret));
    assert_eq!(house.app.count(&format!("shares WHERE secret_hash = '{secret}'")).await, 0);
    // blocked, expired, revoked
    house.run("UPDATE users SET state = 'blocked' WHERE subject = 'owner'").await;
    house.app.get(&url).await.is(404);
    house.run("UPDATE users SET state = 'active'").await;
    house.app.get(&url).await.is(200);
    house.run("UPDATE shares SET due_at = 1").await;
    house.app.get(&url).await.is(404);
    house.run("UPDATE shares SET due_at = NULL").await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    house.send("delete", &format!("{shares}/{id}"), Some(&owner), "").await.is(204);
    house.app.get(&url).await.is(404);
    house.app.get(&format!("{url}/original")).await.is(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_exact_under_concurrency_and_counts_the_truth() {
    let house = House::open(&[("QUOTA_IMAGES", "10")]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let uploads = (0..24).map(|nth| {
        let request = house.app.request(Method::POST, "/images").body(png(8 + nth, 8));
        house.app.send(request.bearer_auth(&owner))
    });
    let answers = futures_util::future::join_all(uploads).await;
    let stored = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(stored, 10);
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        refused.is(403).tells_problem("quota-exceeded", &["/account"]);
    }
    let truth = "users u WHERE subject = 'owner' AND images_used = 10 AND bytes_used = \
                 (SELECT SUM(bytes) FROM images WHERE owner_id = u.id AND state = 'stored')";
    assert_eq!(house.app.count(truth).await, 1);
    let list = house.send("get", "/images", Some(&owner), "").await.json();
    let at = list["items"][0]["links"]["text"].as_str().unwrap().to_owned();
    house.send("delete", &at, Some(&owner), "").await.is(204);
    house.upload(&owner, 99).await;
    // an admin gives more
    let admin = house.token(&house.admin, Scopes::ALL).await;
    let at = format!("/admin/users/{}", house.owner.id);
    house.send("patch", &at, Some(&admin), r#"{"max_images": 11}"#).await.is(200);
    house.upload(&owner, 100).await;
    let request = house.app.request(Method::POST, "/images").body(png(101, 8));
    house.app.send(request.bearer_auth(&owner)).await.is(403);
}

#[tokio::test]
async fn uploads_of_a_minute_are_counted_exactly() {
    let house = House::open(&[("UPLOADS_PER_MINUTE", "7")]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let mut stored = 0;
    for nth in 0..9 {
        let request = house.app.request(Method::POST, "/images").body(png(8 + nth, 8));
        let answer = house.app.send(request.bearer_auth(&owner)).await;
        assert_eq!(answer.header("ratelimit-policy"), "\"uploads\";q=7;w=60");
        match answer.status {
            201 => {
                stored += 1;
                let left = format!("\"uploads\";r={};t=", 7 - stored);
                assert!(answer.header("ratelimit").starts_with(&left), "{answer:?}");
            }
            _ => {
                let answer = answer.is(429).tells_problem("rate-limited", &["7 images a minute"]);
                let seconds: u64 = answer.header("retry-after").parse().unwrap();
                assert!((1..=9).contains(&seconds), "{seconds}");
            }
        }
    }
    assert_eq!(stored, 7);
}

#[tokio::test]
async fn an_idempotency_key_belongs_to_its_user() {
    let house = House::open(&[]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let other = house.token(&house.other, Scopes::ALL).await;
    let mut ids = Vec::new();
    for token in [&owner, &other, &owner] {
        let request = house.app.request(Method::POST, "/images").body(png(8, 8));
        let request = request.header("idempotency-key", "same").bearer_auth(token);
        ids.push(house.app.send(request).await.json()["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0], ids[2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn followers_hear_of_what_they_may_read() {
    use common::{
        account::principal::{Caller, Principal},
        pipeline::Event,
    };
    let house = House::open(&[]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let stranger = Principal::Anonymous { reads_public: true };
    let caller = Caller { id: house.owner.id, role: house.owner.role, scopes: Scopes::ALL };
    let mut seen_by_owner =
        house.app.pipeline.subscribe(None, &Principal::User(caller)).await.unwrap();
    let mut seen_by_all = house.app.pipeline.subscribe(None, &stranger).await.unwrap();
    let secret = house.upload(&owner, 8).await;
    let shown = house.upload(&owner, 9).await;
    house.send("patch", &shown.at, Some(&owner), PUBLIC).await.is(200);
    let recv = async |events: &mut common::pipeline::Subscription| {
        let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await;
        match event.expect("an event").unwrap() {
            Event::Image(summary) => format!("image {}", summary.image.id),
            Event::Deleted(id) => format!("deleted {id}"),
            Event::Reset => "reset".into(),
        }
    };
    let mut told = String::new();
    let mut next = async |events: &mut common::pipeline::Subscription| {
        // two changes at about the same time may be told as the same state
        loop {
            let event = recv(events).await;
            if event != told {
                told.clone_from(&event);
                return event;
            }
        }
    };
    assert_eq!(next(&mut seen_by_owner).await, format!("image {}", secret.id));
    assert_eq!(next(&mut seen_by_all).await, format!("image {}", shown.id));
    house.send("delete", &secret.at, Some(&owner), "").await.is(204);
    house.send("patch", &shown.at, Some(&owner), PRIVATE).await.is(200);
    assert_eq!(next(&mut seen_by_all).await, format!("deleted {}", shown.id));
    // what became of it is not told
    house.send("delete", &shown.at, Some(&owner), "").await.is(204);
    let last = house.upload(&owner, 10).await;
    house.send("patch", &last.at, Some(&owner), PUBLIC).await.is(200);
    assert_eq!(next(&mut seen_by_all).await, format!("image {}", last.id));
    house.send("delete", &last.at, Some(&owner), "").await.is(204);
    assert_eq!(next(&mut seen_by_all).await, format!("deleted {}", last.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_user_is_refused_and_their_streams_end() {
    let house = House::open(&[]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let admin = house.token(&house.admin, Scopes::ALL).await;
    let stream = house.app.request(Method::GET, "/images/events").bearer_auth(&owner);
    let stream = stream.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let at = format!("/admin/users/{}", house.owner.id);
    house.send("patch", &at, Some(&admin), r#"{"blocked": true}"#).await.is(200);
    house.send("get", "/images", Some(&owner), "").await.is(401);
    let rest = tokio::time::timeout(Duration::from_secs(5), stream.bytes()).await;
    assert!(rest.is_ok(), "the stream goes on");
    house.send("patch", &at, Some(&admin), r#"{"blocked": false}"#).await.is(200);
    house.send("get", "/images", Some(&owner), "").await.is(200);
}

/// Each frame is shown for a minute: the streams do not end because the next one is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_animation_ends_for_who_may_no_longer_see_it() {
    let house = House::open(&[]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let other = house.token(&house.other, Scopes::ALL).await;
    let admin = house.token(&house.admin, Scopes::ALL).await;
    let request = house.app.request(Method::POST, "/images").body(slow_dots(3, 6_000));
    let image = Uploaded::from(&house.app.send(request.bearer_auth(&owner)).await.is(201));
    house.send("patch", &image.at, Some(&owner), PUBLIC).await.is(200);
    let play = async |token: Option<&str>| {
        let request = house.app.request(Method::GET, &format!("{}/play", image.at));
        let request = token.into_iter().fold(request, |request, token| request.bearer_auth(token));
        let stream = request.send().await.unwrap();
        assert_eq!(stream.status(), 200);
        stream
    };
    let ended = async |stream: reqwest::Response| {
        tokio::time::timeout(Duration::from_secs(5), stream.bytes()).await.is_ok()
    };
    let (by_nobody, by_other) = (play(None).await, play(Some(&other)).await);
    let (by_owner, by_admin) = (play(Some(&owner)).await, play(Some(&admin)).await);
    house.send("patch", &image.at, Some(&owner), PRIVATE).await.is(200);
    assert!(ended(by_nobody).await && ended(by_other).await, "a stream goes on");
    let at = format!("/admin/users/{}", house.owner.id);
    house.send("patch", &at, Some(&admin), r#"{"blocked": true}"#).await.is(200);
    assert!(ended(by_owner).await, "the stream of a blocked user goes on");
    house.send("delete", &image.at, Some(&admin), "").await.is(204);
    assert!(ended(by_admin).await, "the stream of a deleted image goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_account_takes_its_images_along() {
    let house = House::open(&[]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let admin = house.token(&house.admin, Scopes::ALL).await;
    let image = house.upload(&owner, 8).await;
    house.send("patch", &image.at, Some(&owner), PUBLIC).await.is(200);
    let link = house.send("post", &format!("{}/shares", image.at), Some(&owner), "{}").await;
    let link = link.json()["url"].as_str().unwrap().to_owned();
    let at = format!("/admin/users/{}", house.owner.id);
    house.send("delete", &at, Some(&admin), "").await.is(202);
    house.send("get", "/images", Some(&owner), "").await.is(401);
    house.app.get(&image.at).await.is(404);
    house.app.get(&link).await.is(404);
    until("the account is gone", async || {
        house.app.clean_up().await;
        house.app.count("users WHERE subject = 'owner'").await == 0
    })
    .await;
    assert_eq!(house.app.count("images").await, 0);
    assert_eq!(house.app.count("shares").await + house.app.count("sessions").await, 0);
    assert_eq!(house.app.count("tokens").await, 1, "the admin's");
}

/// A browser that is signed in sees its own images, and beside them those that are public.
#[tokio::test(flavor = "multi_thread")]
async fn the_gallery_has_a_tab_for_each_and_the_viewer_says_who_may_see_an_image() {
    let house = House::open(&[]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let other = house.token(&house.other, Scopes::ALL).await;
    let (mine, shown) = (house.upload(&owner, 8).await, house.upload(&other, 9).await);
    house.send("patch", &shown.at, Some(&other), PUBLIC).await.is(200);
    let page = async |path: &str, token: Option<&str>| {
        let mut request = house.app.request(Method::GET, path).header("accept", "text/html");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        house.app.send(request).await.is(200).text()
    };
    for (path, token, has_mine, has_shown) in [
        ("/", Some(&*owner), true, false),
        ("/?owner=public", Some(&*owner), false, true),
        ("/?owner=any", Some(&*owner), true, true),
        ("/", None, false, true),
    ] {
        let gallery = page(path, token).await;
        assert_eq!(gallery.contains(&mine.id), has_mine, "{path}");
        assert_eq!(gallery.contains(&shown.id), has_shown, "{path}");
        assert_eq!(gallery.contains("owner=public\""), token.is_some(), "{path}: the tabs");
    }
    assert!(page(&mine.at, Some(&owner)).await.contains("name=\"visibility\""));
    let foreign = page(&shown.at, Some(&owner)).await;
    assert!(foreign.contains("Public: everyone") && !foreign.contains("name=\"visibility\""));
    // without accounts, there is nothing of it
    let open = TestApp::spawn().await;
    let image = open.upload(png(8, 8)).await;
    for path in ["/", &image.at] {
        let page = open.ask(path, &[("accept", "text/html")]).await.is(200).text();
        assert!(!page.contains("sharing") && !page.contains("owner"), "{path}");
    }
}

#[tokio::test]
async fn an_admin_blocks_and_deletes_others_not_themselves() {
    let house = House::open(&[]).await;
    let admin = house.token(&house.admin, Scopes::ALL).await;
    let at = format!("/admin/users/{}", house.admin.id);
    let blocked = r#"{"blocked": true}"#;
    let refused = house.send("patch", &at, Some(&admin), blocked).await.is(403);
    refused.tells_problem("forbidden", &["planet-admin"]);
    let refused = house.send("delete", &at, Some(&admin), "").await.is(403);
    refused.tells_problem("forbidden", &["/account"]);
    house.send("patch", &at, Some(&admin), r#"{"max_images": 5}"#).await.is(200);
}

/// The log names who read what others keep private.
#[tokio::test]
async fn an_admin_who_lists_or_follows_all_images_is_logged() {
    let house = House::open(&[]).await;
    let admin = house.token(&house.admin, Scopes::ALL).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let log = AuditLog::open();
    for _ in 0..2 {
        house.send("get", "/images?owner=any", Some(&admin), "").await.is(200);
    }
    let request = house.app.request(Method::GET, "/?owner=any").header("accept", "text/html");
    house.app.send(request.bearer_auth(&admin)).await.is(200);
    assert_eq!(log.take(), ["images listed"; 3]);
    house.send("head", "/images/events", Some(&admin), "").await.is(200);
    assert_eq!(log.take(), ["images followed"]);
    // what everyone may read
    for path in ["/images", "/images?owner=public"] {
        house.send("get", path, Some(&admin), "").await.is(200);
    }
    house.send("get", "/images?owner=any", Some(&owner), "").await.is(200);
    house.send("head", "/images/events", Some(&owner), "").await.is(200);
    assert_eq!(log.take(), [""; 0]);
}
