//! A browser that signs in: it keeps cookies, and follows a sign-in to the provider and back.

use std::collections::BTreeMap;

use reqwest::{
    Method,
    header::{ACCEPT, COOKIE, HeaderMap, LOCATION, SET_COOKIE},
};

use crate::app::{Answer, TestApp, client};

/// The address of the service, in settings of tests: the port is not known before the start.
const PUBLIC_URL: &str = "http://localhost:8080";

/// Starts a service with accounts: everyone may sign in whom the provider of `settings` knows, or
/// whom `SIGN_IN_ALLOW` of `settings` names.
pub async fn spawn_with_accounts(settings: &[(&str, &str)]) -> TestApp {
    let basic =
        [("PUBLIC_URL", PUBLIC_URL), ("SIGN_IN_ALLOW", "*"), ("SIGN_INS_PER_MINUTE", "1000")];
    TestApp::with(&[&basic, settings].concat()).await
}

/// A browser. Its cookies are those of one service.
#[derive(Default, Clone)]
pub struct Browser {
    /// Values by name.
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    /// A request with the cookies; those of the answer are kept.
    pub async fn send(
        &mut self,
        app: &TestApp,
        method: Method,
        path: &str,
        accept: &str,
    ) -> Answer {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let cookies = cookies.collect::<Vec<_>>().join("; ");
        let request = app.request(method, path).header(COOKIE, cookies);
        let answer = app.send(request.header(ACCEPT, accept)).await;
        self.keep(&answer.headers);
        answer
    }

    /// GET of JSON.
    pub async fn get(&mut self, app: &TestApp, path: &str) -> Answer {
        self.send(app, Method::GET, path, "application/json").await
    }

    /// GET of a page.
    pub async fn page(&mut self, app: &TestApp, path: &str) -> Answer {
        self.send(app, Method::GET, path, "text/html").await
    }

    /// Begins a sign-in at `provider`. Returns the address to which the service redirects.
    pub async fn begin(&mut self, app: &TestApp, provider: &str) -> String {
        let path = format!("/auth/login/{provider}?return_to=%2Fpresets");
        let answer = self.get(app, &path).await.is(303);
        answer.header("location").to_owned()
    }

    /// Signs in at the provider. Returns the address of the callback: path and query.
    pub async fn at_provider(&self, address: &str) -> String {
        let answer = client().get(address).send().await.expect("an answer of the provider");
        let location = answer.headers().get(LOCATION).map(|at| at.to_str().expect("ASCII"));
        let location = location.unwrap_or_else(|| panic!("{}: {address}", answer.status()));
        location.strip_prefix(PUBLIC_URL).expect("an address of the service").to_owned()
    }

    /// Signs in at `provider`. Returns the answer of the callback.
    pub async fn sign_in(&mut self, app: &TestApp, provider: &str) -> Answer {
        let address = self.begin(app, provider).await;
        let callback = self.at_provider(&address).await;
        self.get(app, &callback).await
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for line in headers.get_all(SET_COOKIE) {
            let line = line.to_str().expect("ASCII");
            let (pair, attributes) = line.split_once("; ").expect("attributes");
            let (name, value) = pair.split_once('=').expect("a name");
            match attributes.contains("Max-Age=0;") {
                true => drop(self.cookies.remove(name)),
                false => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
    }
}
