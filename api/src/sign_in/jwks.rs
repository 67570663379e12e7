//! The keys of a provider, cached.

use std::{sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use super::{
    error::SignInError,
    fetch::Fetch,
    jws::{Jwk, Token},
};

/// How long keys are used before they are requested again.
const MAX_AGE: Duration = Duration::from_secs(3600);
/// The least time between two requests because of a key that is not among them.
const UNKNOWN_KEY_INTERVAL: Duration = Duration::from_secs(30);
/// The least time between two requests while the provider is away.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// The keys of a provider. Requests that need them at the same time wait for one response.
#[derive(Default)]
pub(crate) struct Jwks(Mutex<State>);

#[derive(Default)]
struct State {
    keys: Option<Arc<[Jwk]>>,
    /// When they are requested again.
    due_at: Option<Instant>,
    /// When an unknown key may cause a request again.
    unknown_due_at: Option<Instant>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

impl Jwks {
    /// The key of `token`, from the set at `url`. While the provider is away, keys that were
    /// loaded before are used.
    ///
    /// # Errors
    /// The set was never loaded and is unavailable, or it has no such key.
    pub async fn key(
        &self,
        fetch: &Fetch,
        url: &Url,
        token: &Token<'_>,
    ) -> Result<Jwk, SignInError> {
        let mut state = self.0.lock().await;
        let is_due = |due_at: Option<Instant>| due_at.is_none_or(|due_at| due_at <= Instant::now());
        if is_due(state.due_at) {
            let failure = state.load(fetch, url).await.err();
            if let (Some(failure), None) = (failure, &state.keys) {
                return Err(failure);
            }
        } else if state.lacks(token) && is_due(state.unknown_due_at) {
            state.unknown_due_at = Some(Instant::now() + UNKNOWN_KEY_INTERVAL);
            state.load(fetch, url).await?;
        }
        let kid = token.kid().unwrap_or("none");
        let unknown = || {
            let why = format!("the key {kid} of the ID token is not among the provider's");
            SignInError::refused(why)
        };
        match &state.keys {
            Some(_) => state.find(token).ok_or_else(unknown),
            None => Err(SignInError::unavailable(url, "its keys could not be loaded")),
        }
    }
}

impl State {
    fn find(&self, token: &Token<'_>) -> Option<Jwk> {
        token.key(self.keys.as_deref()?).cloned()
    }

    /// Whether keys were loaded, without that of `token`.
    fn lacks(&self, token: &Token<'_>) -> bool {
        self.keys.is_some() && self.find(token).is_none()
    }

    async fn load(&mut self, fetch: &Fetch, url: &Url) -> Result<(), SignInError> {
        self.due_at = Some(Instant::now() + RETRY_INTERVAL);
        let set: JwkSet = fetch.get(url, None).await?;
        // keys of other kinds are not ours to use
        let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        self.keys = Some(keys.collect());
        self.due_at = Some(Instant::now() + MAX_AGE);
        Ok(())
    }
}
