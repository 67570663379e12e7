//! Sessions of browsers: what their pages say, and how they end.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{
    app::{TestApp, Uploaded},
    provider::FakeProvider,
    sign_in::{Browser, spawn_with_accounts},
};

use crate::{pictures::png, sign_in::oidc};

#[tokio::test]
async fn pages_say_who_is_signed_in() {
    let (provider, app) = oidc().await;
    let mut uploader = Browser::default();
    uploader.sign_in(&app, "oidc").await.is(303);
    let (name, value) = uploader.cookies.first_key_value().expect("the cookie of the session");
    let request = app.request(Method::POST, "/images").header("cookie", format!("{name}={value}"));
    let image = Uploaded::from(&app.send(request.body(png(8, 8))).await.is(201));
    app.execute("UPDATE images SET visibility = 'public'").await;
    let mut browser = Browser::default();
    for path in ["/", "/?preset=small", &image.at] {
        let page = browser.page(&app, path).await.is(200).text();
        let return_to: String = form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let link =
            format!("<a class=\"who\" href=\"/auth/login/oidc?return_to={return_to}\">Sign in</a>");
        assert!(page.contains(&link), "{page}");
    }
    provider.behaviour().claims["name"] = json!("Ada <Lovelace>");
    browser.sign_in(&app, "oidc").await.is(303);
    for path in ["/", &image.at] {
        let page = browser.page(&app, path).await.is(200).text();
        assert!(
            page.contains("<a class=\"who\" href=\"/account\">Ada &#60;Lovelace&#62;</a>"),
            "{page}"
        );
        // what is kept in memory is not shown to others
        let page = Browser::default().page(&app, path).await.is(200).text();
        assert!(page.contains("Sign in") && !page.contains("Lovelace"), "{page}");
    }
    for ended in ["UPDATE sessions SET idle_at = 0", "UPDATE users SET state = 'blocked'"] {
        browser.sign_in(&app, "oidc").await.is(303);
        app.execute(ended).await;
        let page = browser.page(&app, "/").await.is(200).text();
        assert!(page.contains("Sign in") && !page.contains("Lovelace"), "{ended}: {page}");
    }
    let app = TestApp::spawn().await;
    let page = Browser::default().page(&app, "/").await.is(200).text();
    assert!(!page.contains("Sign in") && !page.contains("/account"), "{page}");
}

#[tokio::test]
async fn a_session_that_is_used_lasts_and_one_that_is_not_ends() {
    let (_provider, app) = oidc().await;
    let mut browser = Browser::default();
    browser.sign_in(&app, "oidc").await.is(303);
    let day = 86_400_000;
    // six days without a request, twice
    for _ in 0..2 {
        app.execute(&format!(
            "UPDATE sessions SET seen_at = seen_at - 6 * {day}, idle_at = idle_at - 6 * {day}"
        ))
        .await;
        assert!(browser.page(&app, "/").await.text().contains("Ada Lovelace"));
    }
    app.execute("UPDATE sessions SET due_at = 0").await;
    assert!(!browser.page(&app, "/").await.text().contains("Ada Lovelace"));
    app.clean_up().await;
    assert_eq!(app.count("sessions").await, 0);
}

#[tokio::test]
async fn an_account_lists_and_ends_its_sessions_and_no_others() {
    let (provider, app) = oidc().await;
    let [mut ada, mut phone, mut bob] = [(); 3].map(|()| Browser::default());
    ada.sign_in(&app, "oidc").await.is(303);
    phone.sign_in(&app, "oidc").await.is(303);
    provider.behaviour().claims = json!({ "sub": "bob", "name": "Bob" });
    bob.sign_in(&app, "oidc").await.is(303);

    let account = ada.get(&app, "/account").await.is(200).json();
    let expected = json!({ "name": "Ada Lovelace", "email": "ada@example.org", "role": "user" });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(account[name], *value);
    }
    let page = ada.page(&app, "/account").await.is(200).text();
    assert!(page.contains("Ada Lovelace") && page.contains("action=\"/auth/logout\""), "{page}");

    let sessions = ada.get(&app, "/account/sessions").await.is(200).json()["items"].clone();
    let current = |session: &Value| session["is_current"].as_bool().expect("a truth value");
    let sessions = sessions.as_array().expect("a list");
    assert_eq!(sessions.iter().map(current).filter(|it| *it).count(), 1);
    assert_eq!(sessions.len(), 2);
    let other = sessions.iter().find(|session| !current(session)).expect("the phone");
    let other = format!("/account/sessions/{}", other["id"].as_str().expect("an id"));
    let json = "application/json";
    for path in [&*other, "/account/sessions/x"] {
        bob.send(&app, Method::DELETE, path, json).await.is(404).tells_problem("not-found", &[]);
    }
    ada.send(&app, Method::DELETE, &other, json).await.is(204);
    ada.send(&app, Method::DELETE, &other, json).await.is(404);
    for path in ["/account", "/account/sessions"] {
        let answer = phone.get(&app, path).await.is(401);
        assert!(answer.header("www-authenticate").starts_with("Bearer "));
        answer.tells_problem("unauthorized", &["/auth/login"]);
        let page = Browser::default().page(&app, path).await.is(401).text();
        let link = path.replace('/', "%2F");
        assert!(page.contains(&format!("href=\"/auth/login?return_to={link}\"")), "{page}");
    }
    phone.send(&app, Method::DELETE, &other, json).await.is(401);
    bob.get(&app, "/account").await.is(200);
}

#[tokio::test]
async fn nothing_about_a_person_is_kept_after_they_sign_out() {
    let (_provider, app) = oidc().await;
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(&app, "oidc").await.header("cache-control"), "no-store");
    app.execute("UPDATE users SET role = 'admin'").await;
    for path in ["/account", "/account/tokens", "/account/sessions", "/admin/users"] {
        for accept in ["application/json", "text/html"] {
            let answer = browser.send(&app, Method::GET, path, accept).await.is(200);
            assert_eq!(answer.header("cache-control"), "no-store", "{path} {accept}");
        }
        let refused = Browser::default().page(&app, path).await.is(401);
        assert_eq!(refused.header("cache-control"), "no-store", "{path}");
    }
    for (method, accept) in [(Method::POST, "application/json"), (Method::POST, "text/html")] {
        browser.sign_in(&app, "oidc").await.is(303);
        let answer = browser.send(&app, method, "/auth/logout", accept).await;
        assert_eq!(answer.header("clear-site-data"), "\"cache\"", "{accept}");
        assert_eq!(answer.header("cache-control"), "no-store", "{accept}");
    }
    browser.sign_in(&app, "oidc").await.is(303);
    let sessions = browser.get(&app, "/account/sessions").await.json()["items"].clone();
    let own = format!("/account/sessions/{}", sessions[0]["id"].as_str().expect("an id"));
    let answer = browser.send(&app, Method::DELETE, &own, "*/*").await.is(204);
    assert_eq!(answer.header("clear-site-data"), "\"cache\"");
    browser.sign_in(&app, "oidc").await.is(303);
    let answer = browser.send(&app, Method::DELETE, "/account", "*/*").await.is(202);
    assert_eq!(answer.header("clear-site-data"), "\"cache\"");
}

/// Browsers without `Sec-Fetch-Site` say the origin alone.
#[tokio::test]
async fn a_page_of_the_same_host_without_tls_changes_nothing() {
    let provider = FakeProvider::start().await;
    let public = [("PUBLIC_URL", "https://planet.example.org")];
    let app = spawn_with_accounts(&[&provider.oidc_settings()[..], &public].concat()).await;
    let logout = async |headers: &[(&str, &str)]| {
        let mut request = app.request(Method::POST, "/auth/logout");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app.send(request.header("host", "planet.example.org")).await
    };
    for origin in ["http://planet.example.org", "https://planet.example.org:8443", "null"] {
        logout(&[("origin", origin)]).await.is(403).tells_problem("cross-site", &["other sites"]);
    }
    let own = ("origin", "https://planet.example.org");
    logout(&[own]).await.is(204);
    logout(&[("origin", "http://planet.example.org"), ("sec-fetch-site", "same-origin")])
        .await
        .is(204);
    logout(&[]).await.is(204);
}

#[tokio::test]
async fn what_a_provider_says_of_a_failure_is_cut() {
    let (_provider, app) = oidc().await;
    let mut browser = Browser::default();
    let address = browser.begin(&app, "oidc").await;
    let query = address.split_once('?').expect("a query").1;
    let pairs = form_urlencoded::parse(query.as_bytes());
    let state = pairs.into_iter().find(|(name, _)| name == "state").expect("a state").1;
    let error = format!("%1b%0a{}", "x".repeat(1000));
    let path = format!("/auth/callback/oidc?state={state}&error={error}");
    let detail = browser.get(&app, &path).await.is(400).json()["detail"].clone();
    let detail = detail.as_str().expect("a detail");
    assert!(detail.contains(r"\u{1b}\nxxx") && !detail.contains('\u{1b}'), "{detail}");
    let xs = detail.chars().filter(|c| *c == 'x').count();
    assert!((80..=100).contains(&xs), "{detail}");
}
