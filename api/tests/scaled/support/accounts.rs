//! Accounts of a site: an identity provider, users and their tokens.

use testkit::provider::{CLIENT_ID, CLIENT_SECRET, FakeProvider};
use uuid::Uuid;

use super::site::Site;

/// The users of a site. The provider stops when this is dropped.
pub(crate) struct Accounts {
    _provider: FakeProvider,
    /// A token of each user, with all of their rights.
    pub users: Vec<String>,
    /// A token of an admin.
    pub admin: String,
}

impl Accounts {
    /// Turns accounts on for processes that start from now on, and makes `count` users and an admin.
    pub(crate) async fn open(site: &mut Site, count: usize) -> Self {
        let provider = FakeProvider::start().await;
        for (name, value) in [
            ("PUBLIC_URL", "https://planet.example.org"),
            ("SIGN_IN_ALLOW", "*"),
            ("OIDC_ISSUER", &provider.issuer),
            ("OIDC_CLIENT_ID", CLIENT_ID),
            ("OIDC_CLIENT_SECRET", CLIENT_SECRET),
            // so that quotas and rates are counted, and not reached
            ("QUOTA_IMAGES", "1000000"),
            ("UPLOADS_PER_MINUTE", "60000"),
        ] {
            site.set(name, value);
        }
        let mut users = Vec::new();
        for _ in 0..count {
            users.push(token(site, "user", "read,upload,delete").await);
        }
        let admin = token(site, "admin", "read,upload,delete,admin").await;
        Accounts { _provider: provider, users, admin }
    }
}

/// Makes a user, and a token for them.
async fn token(site: &Site, role: &str, scopes: &str) -> String {
    let id = Uuid::now_v7();
    let insert = format!(
        "INSERT INTO users (id, issuer, subject, name, role, state, created_at, seen_at) \
         VALUES ('{id}', 'https://id.example', '{id}', '{role}', '{role}', 'active', 0, 0) \
         RETURNING role"
    );
    site.database.rows(&insert).await;
    let made = site.admin_output(&["token", "create", &id.to_string(), "soak", scopes, "1"]);
    assert!(made.status.success(), "{made:?}");
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}
