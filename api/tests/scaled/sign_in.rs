//! Signing in to several API processes: each request goes to another one.

use reqwest::{
    Response,
    header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE},
};
use testkit::{
    app::client,
    provider::{CLIENT_SECRET, FakeProvider},
};

use crate::support::{servers::Servers, site::Site};

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_signs_in_at_one_api_and_is_known_to_all_and_no_log_has_a_secret() {
    let Some(servers) = Servers::shared().await else { return };
    let mut site = Site::open(&servers).await;
    let provider = FakeProvider::start().await;
    for (name, value) in [
        ("PUBLIC_URL", "https://planet.example.org"),
        ("SIGN_IN_ALLOW", "ada@example.org"),
        ("OIDC_ISSUER", &provider.issuer),
        ("OIDC_CLIENT_ID", "planet"),
        ("OIDC_CLIENT_SECRET", CLIENT_SECRET),
    ] {
        site.set(name, value);
    }
    let apis = [site.api().await, site.api().await, site.api().await];
    let get = async |api: usize, path: &str, cookie: &str| -> Response {
        let request = client().get(format!("{}{path}", apis[api].url)).header(COOKIE, cookie);
        request.header(ACCEPT, "text/html").send().await.unwrap()
    };
    let location = |response: &Response| {
        assert!(response.status().is_redirection(), "{response:?}");
        response.headers()[LOCATION].to_str().unwrap().to_owned()
    };
    let cookie = |response: &Response| {
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    };

    let begun = get(0, "/auth/login/oidc", "").await;
    let bound = cookie(&begun);
    let address = location(&begun);
    let callback = location(&client().get(&address).send().await.unwrap());
    let callback = callback.strip_prefix("https://planet.example.org").unwrap();
    let session = cookie(&get(1, callback, &bound).await);
    assert!(session.starts_with("__Host-planet="), "{session}");
    for api in [0, 1, 2] {
        let page = get(api, "/", &session).await.text().await.unwrap();
        assert!(page.contains("Ada Lovelace"), "{page}");
    }
    // a callback that is repeated at another process
    assert_eq!(get(2, callback, &bound).await.status(), 400);
    let out = client().post(format!("{}/auth/logout", apis[2].url)).header(COOKIE, &session);
    assert_eq!(out.send().await.unwrap().status(), 204);
    for api in [0, 1, 2] {
        let page = get(api, "/", &session).await.text().await.unwrap();
        assert!(page.contains("Sign in") && !page.contains("Ada Lovelace"), "{page}");
    }

    let of_queries = [&address[..], callback].map(|url| url.split_once('?').unwrap().1);
    let values = of_queries.iter().flat_map(|query| query.split('&'));
    let named = |name: &str| ["state=", "nonce=", "code=", "code_challenge="].contains(&name);
    let mut secrets: Vec<&str> = values
        .filter_map(|pair| pair.split_at_checked(pair.find('=')? + 1))
        .filter_map(|(name, value)| named(name).then_some(value))
        .collect();
    secrets.extend([bound.split_once('=').unwrap().1, session.split_once('=').unwrap().1]);
    secrets.push(CLIENT_SECRET);
    assert_eq!(secrets.len(), 8, "{secrets:?}");
    let tables = "SELECT row_to_json(one)::text FROM users one \
                  UNION ALL SELECT row_to_json(one)::text FROM sessions one";
    let mut outputs = site.database.texts(tables).await;
    for api in &apis {
        outputs.push(api.process.log());
        outputs.push(get_text(&format!("{}/metrics", api.url)).await);
    }
    assert!(outputs.iter().any(|output| output.contains("signed in")), "no audit line");
    for output in &outputs {
        for secret in &secrets {
            assert!(!output.contains(secret), "{secret}: {output}");
        }
    }
}

async fn get_text(url: &str) -> String {
    client().get(url).send().await.unwrap().text().await.unwrap()
}
