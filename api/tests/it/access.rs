//! Who may do what: every address of the OpenAPI document, by every principal, with images of every
//! visibility. An address without a row fails.

use std::collections::BTreeSet;

use common::account::{
    principal::{Caller, Principal},
    scopes::{Scope, Scopes},
    user::{Identity, Role, User},
};
use reqwest::Method;
use serde_json::Value;
use testkit::{
    app::{Answer, TestApp, Uploaded},
    provider::FakeProvider,
    sign_in::spawn_with_accounts,
};

use crate::pictures::png;

/// What decides about an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    /// Everyone may.
    Everyone,
    /// Everyone may who has not a token without the scope `read`.
    Lists,
    /// Users may.
    Uploads,
    /// Who may read the image; the status for them.
    Reads,
    /// Who may change the image, with a scope; the status for them.
    Changes(Scope, u16),
    /// People who are signed in with a browser.
    Session,
    /// Admins; the status for them.
    Admin(u16),
    /// Who has the link.
    Link,
    /// The ways in.
    SignIn,
}

use Row::*;

const ROWS: &[(&str, &str, Row)] = &[
    ("get", "/", Lists),
    ("get", "/images", Lists),
    ("post", "/images", Uploads),
    ("post", "/uploads", Uploads),
    ("patch", "/uploads/{id}", Uploads),
    ("delete", "/uploads/{id}", Uploads),
    ("get", "/images/{id}", Reads),
    ("patch", "/images/{id}", Changes(Scope::Upload, 200)),
    ("delete", "/images/{id}", Changes(Scope::Delete, 204)),
    ("get", "/images/{id}/metadata", Reads),
    ("get", "/images/{id}/original", Reads),
    ("get", "/images/{id}/renders", Reads),
    ("get", "/images/{id}/thumbnail", Reads),
    ("get", "/images/{id}/animation", Reads),
    ("get", "/images/{id}/play", Reads),
    ("get", "/images/{id}/events", Reads),
    ("get", "/images/{id}/point/{lon},{lat}", Reads),
    ("get", "/images/{id}/pixel/{x},{y}", Reads),
    ("get", "/images/{id}/statistics", Reads),
    ("get", "/images/{id}/shares", Changes(Scope::Upload, 200)),
    ("post", "/images/{id}/shares", Changes(Scope::Upload, 201)),
    ("delete", "/images/{id}/shares/{share}", Changes(Scope::Upload, 204)),
    ("get", "/images/events", Lists),
    ("get", "/s/{secret}", Link),
    ("get", "/s/{secret}/original", Link),
    ("get", "/account", Session),
    ("delete", "/account", Session),
    ("get", "/account/tokens", Session),
    ("post", "/account/tokens", Session),
    ("delete", "/account/tokens/{token}", Session),
    ("get", "/account/sessions", Session),
    ("delete", "/account/sessions/{session}", Session),
    ("get", "/admin/users", Admin(200)),
    ("get", "/admin/users/{user}", Admin(200)),
    ("patch", "/admin/users/{user}", Admin(200)),
    ("delete", "/admin/users/{user}", Admin(202)),
    ("get", "/auth/login", SignIn),
    ("get", "/auth/login/{provider}", SignIn),
    ("get", "/auth/callback/{provider}", SignIn),
    ("post", "/auth/logout", SignIn),
    ("get", "/presets", Everyone),
    ("get", "/livez", Everyone),
    ("get", "/readyz", Everyone),
    ("get", "/metrics", Everyone),
    ("get", "/openapi.json", Everyone),
    ("get", "/docs", Everyone),
    ("get", "/problems", Everyone),
    ("get", "/problems/{slug}", Everyone),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Nobody,
    Owner,
    Other,
    Admin,
    /// With a token that has not the scope `admin`.
    AdminAsUser,
}

const EVERYONE: [Who; 5] = [Who::Nobody, Who::Owner, Who::Other, Who::Admin, Who::AdminAsUser];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Private,
    Public,
    /// Uploaded without accounts.
    Nobody,
}

/// A service with an owner, another user and an admin.
pub(crate) struct House {
    pub app: TestApp,
    _provider: FakeProvider,
    pub owner: User,
    pub other: User,
    pub admin: User,
}

impl House {
    pub async fn open(settings: &[(&str, &str)]) -> Self {
        let provider = FakeProvider::start().await;
        let at_once = [("RIGHTS_KEPT_S", "0")];
        let settings = [&provider.oidc_settings()[..], &at_once, settings].concat();
        let app = spawn_with_accounts(&settings).await;
        let user = async |subject: &str, role| {
            let identity = Identity {
                issuer: "https://id.example".into(),
                subject: subject.into(),
                name: subject.into(),
                email: None,
            };
            app.pipeline.catalog().sign_in_user(&identity, role).await.expect("a user")
        };
        let owner = user("owner", Role::User).await;
        let (other, admin) = (user("other", Role::User).await, user("admin", Role::Admin).await);
        House { app, _provider: provider, owner, other, admin }
    }

    pub async fn token(&self, user: &User, scopes: Scopes) -> String {
        let made = self.app.pipeline.create_token(user.id, "test", scopes, None).await;
        made.expect("the catalog answers").expect("few tokens").0
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &'static str,
    ) -> Answer {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).expect("a method");
        let mut request = self.app.request(method, path).body(body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        self.app.send(request).await
    }

    pub async fn upload(&self, token: &str, side: u32) -> Uploaded {
        let request = self.app.request(Method::POST, "/images").body(png(side, side));
        Uploaded::from(&self.app.send(request.bearer_auth(token)).await.is(201))
    }

    pub async fn run(&self, sql: &str) {
        use sea_orm::ConnectionTrait;
        let db = self.app.pipeline.catalog().connection();
        db.execute_unprepared(sql).await.expect("valid SQL");
    }
}

fn may_read(who: Who, of: Of) -> bool {
    match of {
        Of::Public => true,
        Of::Private => matches!(who, Who::Owner | Who::Admin),
        Of::Nobody => who == Who::Admin,
    }
}

/// The status of a change or deletion that answers `done` to who may.
fn change(who: Who, of: Of, done: u16) -> u16 {
    match (who, of) {
        (Who::Nobody, _) => 401,
        (Who::Admin, _) => done,
        (Who::Owner, Of::Private | Of::Public) => done,
        (_, Of::Public) => 403,
        _ => 404,
    }
}

fn body_of(method: &str, path: &str) -> &'static str {
    match (method, path) {
        ("patch", "/images/{id}") => r#"{"visibility": "public"}"#,
        ("post", "/images/{id}/shares") => r#"{"expires_in_s": 60}"#,
        ("patch", "/admin/users/{user}") => r#"{"max_images": 7}"#,
        ("post", "/account/tokens") => r#"{"name": "x", "scopes": ["read"]}"#,
        _ => "",
    }
}

/// The queries with which an address is another representation, with rights of its own.
fn queries_of(method: &str, path: &str) -> &'static [&'static str] {
    match (method, path) {
        ("get", "/images/{id}") => &["", "?format=cast", "?width=20&format=png"],
        ("get", "/images/{id}/play") => &["", "?format=cast"],
        _ => &[""],
    }
}

/// A stream has no end, and its status is that of HEAD.
fn method_for<'a>(method: &'a str, path: &str) -> &'a str {
    if path.ends_with("/events") { "head" } else { method }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_address_has_a_row() {
    let house = House::open(&[]).await;
    let document: Value = house.app.get("/openapi.json").await.is(200).json();
    let (mut documented, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in ["get", "post", "put", "patch", "delete"] {
            if let Some(operation) = item.get(method) {
                documented.insert((method.to_owned(), path.clone()));
                ids.extend(operation["operationId"].as_str());
            }
        }
    }
    let rows = ROWS.iter().map(|(method, path, _)| (method.to_string(), path.to_string()));
    let rows: BTreeSet<(String, String)> = rows.collect();
    assert_eq!(documented, rows);
    // generated clients name their functions after them
    assert_eq!(ids.len(), rows.len(), "{ids:?}");
    let is_camel_case = |id: &&str| {
        id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.chars().all(|c| c.is_ascii_alphabetic())
            && id.contains(|c: char| c.is_ascii_uppercase())
    };
    assert!(ids.iter().all(is_camel_case), "{ids:?}");
}

/// The document says of each address which credentials it takes, and whether it needs them.
#[tokio::test]
async fn the_document_says_who_may_call_what() {
    let house = House::open(&[]).await;
    let document: Value = house.app.get("/openapi.json").await.is(200).json();
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes["token"]["scheme"], "bearer");
    assert_eq!(schemes["password"]["scheme"], "basic");
    assert_eq!(schemes["session"]["in"], "cookie");
    for (method, path, row) in ROWS {
        let operation = &document["paths"][path][method];
        let security = operation["security"].as_array().unwrap_or_else(|| panic!("{path}"));
        let accepts = |scheme: &str| security.iter().any(|it| it.get(scheme).is_some());
        let is_optional = security.iter().any(|it| it == &serde_json::json!({}));
        let (tokens, sessions, nothing) = match row {
            Everyone | Link | SignIn => (false, false, false),
            Lists | Reads => (true, true, true),
            Uploads | Changes(..) | Admin(_) => (true, true, false),
            Session => (false, true, false),
        };
        let said = (accepts("token") && accepts("password"), accepts("session"), is_optional);
        assert_eq!(said, (tokens, sessions, nothing), "{method} {path}");
        assert_eq!(operation["responses"].get("401").is_some(), sessions, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_principal_may_do_what_the_table_says() {
    let house = House::open(&[]).await;
    let owner = house.token(&house.owner, Scopes::ALL).await;
    let tokens = [
        (Who::Nobody, None),
        (Who::Owner, Some(owner.clone())),
        (Who::Other, Some(house.token(&house.other, Scopes::ALL).await)),
        (Who::Admin, Some(house.token(&house.admin, Scopes::ALL).await)),
        (Who::AdminAsUser, {
            let all_but_admin = [Scope::Read, Scope::Upload, Scope::Delete].into_iter().collect();
            Some(house.token(&house.admin, all_but_admin).await)
        }),
    ];
    let token_of = |who: Who| tokens.iter().find(|(one, _)| *one == who).unwrap().1.as_deref();
    let mut side = 8;
    for (method, path, row) in ROWS {
        let (sent, body) = (method_for(method, path), body_of(method, path));
        match row {
            Everyone | Lists => {
                for who in EVERYONE {
                    let path = path.replace("{slug}", "busy");
                    house.send(sent, &path, token_of(who), body).await.is(200);
                }
            }
            Uploads => {
                house.send(sent, path, None, body).await.is(401);
                for who in &EVERYONE[1..] {
                    side += 1;
                    house.upload(token_of(*who).unwrap(), side).await;
                }
            }
            Reads | Changes(..) => {
                for of in [Of::Private, Of::Public, Of::Nobody] {
                    for who in EVERYONE {
                        side += 1;
                        let image = house.upload(&owner, side).await;
                        let id = image.id.parse().unwrap();
                        let principal = Principal::User(Caller {
                            id: house.owner.id,
                            role: Role::User,
                            scopes: Scopes::ALL,
                        });
                        let share = house.app.pipeline.create_share(id, &principal, None).await;
                        let share = share.unwrap().unwrap().1.id.to_string();
                        let sql_id = image.id.replace('-', "");
                        match of {
                            Of::Private => {}
                            Of::Public => {
                                let public = r#"{"visibility": "public"}"#;
                                house.send("patch", &image.at, Some(&owner), public).await.is(200);
                            }
                            Of::Nobody => {
                                let sql = "UPDATE images SET owner_id = NULL WHERE id = x";
                                house.run(&format!("{sql}'{sql_id}'")).await;
                            }
                        }
                        let at = path.replace("{id}", &image.id).replace("{share}", &share);
                        let at = at.replace("{x},{y}", "1,2").replace("{lon},{lat}", "1,2");
                        let expected = match row {
                            // the picture has no place on Earth
                            Reads if may_read(who, of) && path.contains("/point/") => 400,
                            Reads if may_read(who, of) => 200,
                            Reads => 404,
                            Changes(_, done) => change(who, of, *done),
                            _ => unreachable!("only these two rows are handled here"),
                        };
                        for query in queries_of(method, path) {
                            let at = format!("{at}{query}");
                            let answer = house.send(sent, &at, token_of(who), body).await;
                            assert_eq!(answer.status, expected, "{method} {at} {who:?} {of:?}");
                            if *row == Reads {
                                check_conditions(&house, &at, token_of(who), expected).await;
                            }
                        }
                    }
                }
            }
            Session => {
                for who in EVERYONE {
                    let path = path.replace("{token}", "x").replace("{session}", "x");
                    house.send(sent, &path, token_of(who), body).await.is(401);
                }
            }
            Admin(done) => {
                for who in EVERYONE {
                    let path = path.replace("{user}", &house.other.id.to_string());
                    let expected = match who {
                        Who::Nobody => 401,
                        Who::Admin => *done,
                        _ => 403,
                    };
                    // the last row deletes the user, whose token is void then
                    if who != Who::Other || *method != "delete" {
                        house.send(sent, &path, token_of(who), body).await.is(expected);
                    }
                }
            }
            Link => {
                let path = path.replace("{secret}", &"x".repeat(32));
                for who in &EVERYONE {
                    house.send(sent, &path, token_of(*who), body).await.is(404);
                }
            }
            SignIn => {}
        }
    }
}

/// What may not be read is not there, whatever condition the request has.
async fn check_conditions(house: &House, path: &str, token: Option<&str>, expected: u16) {
    house.send("head", path, token, "").await.is(expected);
    if expected != 404 {
        return;
    }
    for (name, value) in [("if-none-match", "*"), ("if-match", "\"x\""), ("range", "bytes=0-0")] {
        let mut request = house.app.request(Method::HEAD, path).header(name, value);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        house.app.send(request).await.is(404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_may_do_what_its_scopes_say() {
    let house = House::open(&[]).await;
    let all = house.token(&house.owner, Scopes::ALL).await;
    for has in Scope::ALL {
        let token = house.token(&house.owner, [has].into_iter().collect()).await;
        for (method, path, row) in ROWS {
            let needs = match row {
                Lists | Reads => Scope::Read,
                Changes(scope, _) => *scope,
                Uploads => Scope::Upload,
                _ => continue,
            };
            if has == needs {
                continue;
            }
            let path = path.replace("{id}", "00000000-0000-7000-8000-000000000000");
            let path = path.replace("{x},{y}", "1,2").replace("{lon},{lat}", "1,2");
            let (sent, body) = (method_for(method, &path), body_of(method, &path));
            let answer = house.send(sent, &path, Some(&token), body).await.is(403);
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains("insufficient_scope"), "{challenge}");
            assert!(challenge.contains(needs.as_str()), "{challenge}");
        }
    }
    // each scope is enough for its own
    let image = house.upload(&all, 8).await;
    let read = house.token(&house.owner, [Scope::Read].into_iter().collect()).await;
    house.send("get", &image.at, Some(&read), "").await.is(200);
    let delete = house.token(&house.owner, [Scope::Delete].into_iter().collect()).await;
    house.send("delete", &image.at, Some(&delete), "").await.is(204);
}
