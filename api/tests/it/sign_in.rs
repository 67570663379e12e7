//! Signing in: the whole way, and what must not lead to a session.

use axum::{body::Body, http::Request};
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{
    app::{Answer, TestApp},
    provider::{FakeProvider, Misbehaviour, Signing},
    sign_in::{Browser, spawn_with_accounts},
};

use crate::operations::metric;

/// A service that trusts an OpenID Connect provider.
pub(crate) async fn oidc() -> (FakeProvider, TestApp) {
    let provider = FakeProvider::start().await;
    let app = spawn_with_accounts(&provider.oidc_settings()).await;
    (provider, app)
}

#[tokio::test]
async fn a_browser_signs_in_and_out() {
    let (_provider, app) = oidc().await;
    let mut browser = Browser::default();
    let answer = browser.sign_in(&app, "oidc").await.is(303);
    assert_eq!(answer.header("location"), "/presets");
    assert_eq!(answer.header("cache-control"), "no-store");
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("planet=") && cookie.contains("; HttpOnly; SameSite=Lax"));
    assert_eq!(app.count("sessions").await, 1);
    let role = "users WHERE issuer LIKE 'http://127.0.0.1:%' AND subject = 'ada' AND role = 'user'";
    assert_eq!(app.count(role).await, 1);
    let secret = browser.cookies["planet"].clone();
    assert_eq!(app.count(&format!("sessions WHERE token_hash = '{secret}'")).await, 0);

    browser.send(&app, Method::POST, "/auth/logout", "*/*").await.is(204);
    assert!(!browser.cookies.contains_key("planet"));
    assert_eq!(app.count("sessions").await, 0);
    let out = browser.send(&app, Method::POST, "/auth/logout", "text/html").await.is(303);
    let page = browser.page(&app, out.header("location")).await.is(200).text();
    assert!(
        page.contains("You are signed out") && page.contains("/end?client_id=planet"),
        "{page}"
    );
}

#[tokio::test]
async fn both_kinds_of_providers_work_side_by_side_and_make_two_users() {
    let provider = FakeProvider::start().await;
    let both = [provider.oidc_settings(), provider.github_settings()].concat();
    let app = spawn_with_accounts(&both).await;
    let page = Browser::default().page(&app, "/auth/login?return_to=%2Faccount").await.is(200);
    for link in ["/auth/login/oidc?return_to=%2Faccount", "/auth/login/github?return_to=%2Faccount"]
    {
        assert!(page.text().contains(&format!("href=\"{link}\"")), "{}", page.text());
    }
    for slug in ["oidc", "github"] {
        Browser::default().sign_in(&app, slug).await.is(303);
    }
    // the same verified address, but two people as far as the service knows
    assert_eq!(app.count("users WHERE email = 'ada@example.org'").await, 2);
    assert_eq!(app.count("users WHERE subject = '1815'").await, 1);
    // a login may be given to another person, and another login to the same
    provider.behaviour().github.0 = json!({ "id": 1816, "login": "ada", "name": null });
    Browser::default().sign_in(&app, "github").await.is(303);
    provider.behaviour().github.0 = json!({ "id": 1815, "login": "countess", "name": null });
    Browser::default().sign_in(&app, "github").await.is(303);
    assert_eq!(app.count("users").await, 3);
    assert_eq!(app.count("users WHERE subject = '1815' AND name = 'countess'").await, 1);
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_to_sign_in_to() {
    let app = TestApp::spawn().await;
    for path in ["/auth/login", "/auth/login/oidc", "/auth/callback/oidc", "/auth/logout"] {
        app.get(path).await.is(404).tells_problem("not-found", &["no such address"]);
    }
    assert!(app.get("/openapi.json").await.json()["paths"].get("/auth/login").is_none());
    let (_provider, app) = oidc().await;
    let document = app.get("/openapi.json").await.json();
    for path in
        ["/auth/login", "/auth/login/{provider}", "/auth/callback/{provider}", "/auth/logout"]
    {
        assert!(document["paths"].get(path).is_some(), "{path}");
    }
    assert!(app.get("/docs").await.is(200).text().contains("/auth/callback/{provider}"));
    app.get("/auth/login/github").await.is(404).tells_problem("not-found", &["oidc"]);
}

/// The callback is refused, and no session begins.
#[track_caller]
fn refused(answer: Answer) -> Answer {
    let answer = answer.is(400).tells_problem("sign-in-failed", &[]);
    assert!(!answer.header("set-cookie").contains("planet="), "{answer:?}");
    answer
}

#[tokio::test]
async fn a_callback_is_for_the_browser_and_the_provider_of_its_sign_in_once() {
    let provider = FakeProvider::start().await;
    let both = [provider.oidc_settings(), provider.github_settings()].concat();
    let app = spawn_with_accounts(&both).await;
    let mut browser = Browser::default();
    for path in
        ["/auth/callback/oidc", "/auth/callback/oidc?code=x", "/auth/callback/oidc?state=x&code=x"]
    {
        refused(browser.get(&app, path).await);
    }
    let address = browser.begin(&app, "oidc").await;
    let callback = browser.at_provider(&address).await;
    // forged by another page: the browser has no cookie, or that of its own sign-in
    refused(Browser::default().get(&app, &callback).await);
    let mut victim = Browser::default();
    victim.begin(&app, "oidc").await;
    refused(victim.get(&app, &callback).await);
    // A's state at B's callback
    refused(browser.get(&app, &callback.replace("/oidc?", "/github?")).await);
    assert_eq!(app.count("sessions").await, 0);
    browser.get(&app, &callback).await.is(303);
    refused(browser.get(&app, &callback).await);
    assert_eq!(app.count("sessions").await, 1);
    // expired
    let address = browser.begin(&app, "oidc").await;
    let callback = browser.at_provider(&address).await;
    app.execute("UPDATE sign_ins SET due_at = due_at - 600000").await;
    refused(browser.get(&app, &callback).await);
    assert_eq!(app.count("sign_ins WHERE provider = 'oidc'").await, 2);
    app.clean_up().await;
    assert_eq!(app.count("sign_ins").await, 0);
    let failed = ["planet_sign_ins_total{", "provider=\"oidc\"", "outcome=\"failed\""];
    assert!(metric(&app.text("/metrics").await, &failed) >= Some(7.0));
}

#[tokio::test]
async fn two_tabs_of_a_browser_may_sign_in_at_the_same_time() {
    let (_provider, app) = oidc().await;
    let mut browser = Browser::default();
    let (first, second) = (browser.begin(&app, "oidc").await, browser.begin(&app, "oidc").await);
    for address in [first, second] {
        let callback = browser.at_provider(&address).await;
        browser.get(&app, &callback).await.is(303);
    }
}

#[tokio::test]
async fn a_planted_cookie_is_never_signed_in() {
    let (_provider, app) = oidc().await;
    let mut attacker = Browser::default();
    attacker.sign_in(&app, "oidc").await.is(303);
    let planted = attacker.cookies["planet"].clone();
    for value in [planted.as_str(), "chosen"] {
        let mut victim = Browser::default();
        victim.cookies.insert("planet".into(), value.into());
        victim.sign_in(&app, "oidc").await.is(303);
        assert_ne!(victim.cookies["planet"], value);
        // the planted session has ended
        assert_eq!(app.count("sessions").await, 1);
        app.execute("DELETE FROM sessions").await;
    }
}

#[tokio::test]
async fn a_sign_in_that_was_tampered_with_at_the_provider_fails() {
    let (provider, app) = oidc().await;
    let mut browser = Browser::default();
    for (from, to, reason) in
        [("code_challenge=", "code_challenge=x", "invalid_grant"), ("nonce=", "nonce=x", "nonce")]
    {
        let address = browser.begin(&app, "oidc").await.replace(from, to);
        let callback = browser.at_provider(&address).await;
        refused(browser.get(&app, &callback).await).tells_problem("sign-in-failed", &[reason]);
    }
    // a code of another sign-in
    let (first, second) = (browser.begin(&app, "oidc").await, browser.begin(&app, "oidc").await);
    let code = |callback: &str| {
        let code = callback.split(['?', '&']).find(|part| part.starts_with("code="));
        code.expect("a code").to_owned()
    };
    let (first, second) = (browser.at_provider(&first).await, browser.at_provider(&second).await);
    refused(browser.get(&app, &second.replace(&code(&second), &code(&first))).await);
    // the user cancels
    let address = browser.begin(&app, "oidc").await;
    let callback = browser.at_provider(&address).await;
    let cancelled = callback.replace(&code(&callback), "error=access_denied%1b");
    let words = ["access_denied\\u{1b}"];
    refused(browser.get(&app, &cancelled).await).tells_problem("sign-in-failed", &words);
    // the issuer of the answer
    provider.behaviour().metadata =
        json!({ "authorization_response_iss_parameter_supported": true });
    let app = spawn_with_accounts(&provider.oidc_settings()).await;
    for change in ["", "&iss=https%3A%2F%2Fevil.example"] {
        let address = browser.begin(&app, "oidc").await;
        let callback = browser.at_provider(&address).await;
        let (without, _) = callback.split_once("&iss=").expect("an issuer");
        let answer = browser.get(&app, &format!("{without}{change}")).await;
        refused(answer).tells_problem("sign-in-failed", &["iss"]);
    }
    assert_eq!(app.count("sessions").await, 0);
    browser.sign_in(&app, "oidc").await.is(303);
}

#[tokio::test]
async fn every_accepted_algorithm_works_and_no_other() {
    let (provider, app) = oidc().await;
    for (signing, is_accepted) in [
        (Signing::Rs256, true),
        (Signing::Ps256, true),
        (Signing::Es256, true),
        (Signing::Es384, true),
        (Signing::EdDsa, true),
        (Signing::None, false),
        (Signing::Hs256, false),
        (Signing::Critical, false),
        (Signing::Forged, false),
        (Signing::Mixed, false),
    ] {
        provider.behaviour().signing = signing;
        let answer = Browser::default().sign_in(&app, "oidc").await;
        match is_accepted {
            true => drop(answer.is(303)),
            false => drop(refused(answer)),
        }
    }
}

#[tokio::test]
async fn an_id_token_for_anything_else_is_refused() {
    let (provider, app) = oidc().await;
    for change in [
        json!({ "iss": "https://evil.example" }),
        json!({ "aud": "other" }),
        json!({ "aud": ["planet", "other"] }),
        json!({ "aud": ["planet", "other"], "azp": "other" }),
        json!({ "azp": "other" }),
        json!({ "nonce": "other" }),
        json!({ "nonce": null }),
        json!({ "exp": 1 }),
        json!({ "exp": null }),
        json!({ "iat": null }),
        json!({ "nbf": 9_999_999_999_u64 }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
    ] {
        provider.behaviour().id_token = change.clone();
        let answer = Browser::default().sign_in(&app, "oidc").await;
        assert_eq!(answer.status, 400, "{change}");
        refused(answer);
    }
    assert_eq!(app.count("users").await, 0);
}

#[tokio::test]
async fn rules_decide_who_signs_in_and_who_is_an_admin() {
    let provider = FakeProvider::start().await;
    let rules = [
        ("SIGN_IN_ALLOW", "ada@example.org, @corp.example, group:staff"),
        ("ADMINS", "ada@example.org, group:root"),
    ];
    let app = spawn_with_accounts(&[&provider.oidc_settings()[..], &rules].concat()).await;
    for (claims, role) in [
        (json!({}), Some("admin")),
        (json!({ "email_verified": "true" }), Some("admin")),
        (json!({ "email_verified": false }), None),
        (json!({ "email_verified": null }), None),
        (json!({ "email": "eve@example.org" }), None),
        (json!({ "email": "eve@corp.example" }), Some("user")),
        (json!({ "email": null, "groups": ["staff"] }), Some("user")),
        (json!({ "email_verified": false, "groups": ["staff"] }), Some("user")),
        (json!({ "email": null, "groups": ["staff", "root"] }), Some("admin")),
        (json!({ "email": null, "groups": "staff" }), Some("user")),
        (json!({ "email": null, "groups": ["root"] }), None),
    ] {
        let mut profile = json!({
            "sub": "ada", "email": "ada@example.org", "email_verified": true, "groups": [],
            "name": "Ada",
        });
        for (name, value) in claims.as_object().expect("an object") {
            profile[name] = value.clone();
        }
        provider.behaviour().claims = profile;
        let answer = Browser::default().sign_in(&app, "oidc").await;
        match role {
            // the role is that of the last sign-in
            Some(role) => {
                answer.is(303);
                let row = format!("users WHERE subject = 'ada' AND role = '{role}'");
                assert_eq!(app.count(&row).await, 1, "{claims}");
                // an address that is only claimed is not kept
                if claims["email_verified"] == false {
                    assert_eq!(app.count("users WHERE email IS NULL").await, 1, "{claims}");
                }
            }
            None => drop(answer.is(403).tells_problem("sign-in-refused", &["SIGN_IN_ALLOW"])),
        }
    }
    for state in ["blocked", "leaving"] {
        provider.behaviour().claims = json!({ "sub": "ada", "groups": ["staff"] });
        app.execute(&format!("UPDATE users SET state = '{state}'")).await;
        let sessions = app.count("sessions").await;
        Browser::default()
            .sign_in(&app, "oidc")
            .await
            .is(403)
            .tells_problem("sign-in-refused", &[]);
        assert_eq!(app.count("sessions").await, sessions);
    }
    // other tests of the process count there, too
    let text = app.text("/metrics").await;
    for (outcome, at_least) in [("signed-in", 7.0), ("refused", 6.0)] {
        let outcome = format!("outcome=\"{outcome}\"");
        let series = ["planet_sign_ins_total{", "provider=\"oidc\"", &outcome];
        assert!(metric(&text, &series) >= Some(at_least), "{text}");
    }
}

#[tokio::test]
async fn userinfo_is_asked_when_claims_are_missing_and_must_be_of_the_same_subject() {
    let provider = FakeProvider::start().await;
    let allow = [("SIGN_IN_ALLOW", "ada@example.org")];
    let app = spawn_with_accounts(&[&provider.oidc_settings()[..], &allow].concat()).await;
    Browser::default().sign_in(&app, "oidc").await.is(303);
    assert_eq!(provider.requests("/userinfo"), 0);
    provider.behaviour().userinfo_only = true;
    Browser::default().sign_in(&app, "oidc").await.is(303);
    assert_eq!(provider.requests("/userinfo"), 1);
    for sub in [json!("eve"), Value::Null] {
        provider.behaviour().userinfo = json!({ "sub": sub });
        refused(Browser::default().sign_in(&app, "oidc").await);
    }
}

#[tokio::test]
async fn an_address_counts_as_verified_only_if_the_same_source_says_so() {
    let provider = FakeProvider::start().await;
    let allow = [("SIGN_IN_ALLOW", "ada@example.org")];
    let app = spawn_with_accounts(&[&provider.oidc_settings()[..], &allow].concat()).await;
    {
        let mut behaviour = provider.behaviour();
        behaviour.id_token = json!({
            "email": "eve@example.org", "email_verified": true, "name": null,
            "preferred_username": null,
        });
        behaviour.userinfo = json!({ "email": "ada@example.org", "email_verified": null });
    }
    Browser::default().sign_in(&app, "oidc").await.is(403);
    assert_eq!(provider.requests("/userinfo"), 1);
}

#[tokio::test]
async fn github_takes_the_primary_address_if_it_is_verified() {
    let provider = FakeProvider::start().await;
    let allow = [("SIGN_IN_ALLOW", "ada@example.org")];
    let app = spawn_with_accounts(&[&provider.github_settings()[..], &allow].concat()).await;
    Browser::default().sign_in(&app, "github").await.is(303);
    for addresses in [
        json!([{ "email": "ada@example.org", "primary": true, "verified": false }]),
        json!([{ "email": "ada@example.org", "primary": false, "verified": true }]),
        json!([]),
    ] {
        provider.behaviour().github.1 = addresses;
        Browser::default().sign_in(&app, "github").await.is(403);
    }
}

#[tokio::test]
async fn a_provider_that_rotates_its_keys_is_asked_once() {
    let (provider, app) = oidc().await;
    Browser::default().sign_in(&app, "oidc").await.is(303);
    assert_eq!(provider.requests("/jwks"), 1);
    provider.rotate_keys();
    for _ in 0..3 {
        Browser::default().sign_in(&app, "oidc").await.is(303);
    }
    assert_eq!(provider.requests("/jwks"), 2);
    let (provider, app) = oidc().await;
    Browser::default().sign_in(&app, "oidc").await.is(303);
    for unknown in 0..100 {
        provider.behaviour().kid = Some(format!("unknown-{unknown}"));
        refused(Browser::default().sign_in(&app, "oidc").await);
    }
    assert_eq!(provider.requests("/jwks"), 2);
    assert_eq!(provider.requests("/.well-known/openid-configuration"), 1);
}

#[tokio::test]
async fn while_the_provider_is_away_the_service_starts_and_sign_ins_get_503() {
    let provider = FakeProvider::start().await;
    let metadata = "/.well-known/openid-configuration";
    let impatient = [("PROVIDER_TIMEOUT_S", "0.2")];
    let impatient = [&provider.oidc_settings()[..], &impatient].concat();
    for misbehaviour in
        [Misbehaviour::Away, Misbehaviour::Redirect, Misbehaviour::Endless, Misbehaviour::Slow]
    {
        provider.behaviour().misbehaves = [(metadata, misbehaviour)].into();
        let settings = match misbehaviour {
            Misbehaviour::Slow => impatient.clone(),
            _ => provider.oidc_settings(),
        };
        let app = spawn_with_accounts(&settings).await;
        for _ in 0..2 {
            let answer = app.get("/auth/login/oidc").await.is(503);
            answer.tells_problem("provider-unavailable", &["OpenID"]);
        }
        app.get("/readyz").await.is(200);
    }
    // what it says must not lead elsewhere
    provider.behaviour().misbehaves.clear();
    for change in [
        json!({ "token_endpoint": "http://192.0.2.1/token" }),
        json!({ "userinfo_endpoint": "file:///etc/passwd" }),
        json!({ "issuer": "https://other.example" }),
    ] {
        provider.behaviour().metadata = change;
        let app = spawn_with_accounts(&provider.oidc_settings()).await;
        app.get("/auth/login/oidc").await.is(503);
    }
    provider.behaviour().metadata = json!({});
    let app = spawn_with_accounts(&provider.oidc_settings()).await;
    for path in ["/token", "/jwks"] {
        for misbehaviour in [Misbehaviour::Away, Misbehaviour::Redirect, Misbehaviour::Endless] {
            provider.behaviour().misbehaves = [(path, misbehaviour)].into();
            Browser::default().sign_in(&app, "oidc").await.is(503);
        }
    }
    assert_eq!(provider.requests("/trap"), 0);
    assert_eq!(app.count("sessions").await, 0);
}

#[tokio::test]
async fn keys_that_were_loaded_are_used_while_the_provider_is_away() {
    let (provider, app) = oidc().await;
    Browser::default().sign_in(&app, "oidc").await.is(303);
    provider.behaviour().misbehaves =
        [("/jwks", Misbehaviour::Away), ("/.well-known/openid-configuration", Misbehaviour::Away)]
            .into();
    Browser::default().sign_in(&app, "oidc").await.is(303);
}

#[tokio::test]
async fn a_sign_in_returns_to_paths_of_this_service_only() {
    let (_provider, app) = oidc().await;
    let mut browser = Browser::default();
    for path in [
        "%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "https%3A%2F%2Fevil.example",
        "%2F%09%2Fevil.example",
        "x",
        "",
    ] {
        for page in ["/auth/login", "/auth/login/oidc"] {
            let answer = browser.get(&app, &format!("{page}?return_to={path}")).await.is(400);
            answer.tells_problem("bad-parameter", &["return_to", "a path of this service"]);
        }
    }
    let address =
        browser.get(&app, "/auth/login/oidc?return_to=%2F%3Fpreset%3Dcolor").await.is(303);
    let callback = browser.at_provider(address.header("location")).await;
    let answer = browser.get(&app, &callback).await.is(303);
    assert_eq!(answer.header("location"), "/?preset=color");
}

#[tokio::test]
async fn a_client_that_begins_too_many_sign_ins_has_to_wait() {
    let provider = FakeProvider::start().await;
    let few = [("SIGN_INS_PER_MINUTE", "3"), ("TRUSTED_PROXIES", "127.0.0.1")];
    let app = spawn_with_accounts(&[&provider.oidc_settings()[..], &few].concat()).await;
    for status in [303, 303, 303, 429, 429] {
        let answer = app.ask("/auth/login/oidc", &[("x-forwarded-for", "192.0.2.1")]).await;
        assert_eq!(answer.status, status);
    }
    app.ask("/auth/login/oidc", &[("x-forwarded-for", "192.0.2.2")]).await.is(303);
    assert_eq!(app.count("sign_ins").await, 4);
}

#[tokio::test]
async fn pages_of_other_sites_sign_nobody_out() {
    let (_provider, app) = oidc().await;
    let request = Request::post("/auth/logout").header("host", "localhost");
    let request = request.header("sec-fetch-site", "cross-site").body(Body::empty());
    app.oneshot(request.expect("a request")).await.is(403).tells_problem("cross-site", &[]);
}

#[tokio::test]
async fn the_name_of_the_public_address_is_a_name_of_the_service() {
    let provider = FakeProvider::start().await;
    let public = [("PUBLIC_URL", "https://Planet.example.org")];
    let app = spawn_with_accounts(&[&provider.oidc_settings()[..], &public].concat()).await;
    app.ask("/auth/login", &[("host", "planet.example.org")]).await.is(200);
    app.ask("/auth/login", &[("host", "evil.example")]).await.is(421);
    let answer = app.get("/auth/login/oidc").await.is(303);
    let redirect_uri = "redirect_uri=https%3A%2F%2Fplanet.example.org%2Fauth%2Fcallback%2Foidc";
    assert!(answer.header("location").contains(redirect_uri), "{}", answer.header("location"));
    let cookie = answer.header("set-cookie");
    assert!(
        cookie.starts_with("__Host-planet-sign-in=") && cookie.ends_with("; Secure"),
        "{cookie}"
    );
}
