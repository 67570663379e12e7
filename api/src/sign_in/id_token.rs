//! The claims of an ID token, and what they must be (OpenID Connect Core, 2 and 3.1.3.7).

use serde::Deserialize;
use serde_json::{Map, Value};

/// How far the clocks of the provider and of this process may differ, in seconds.
const LEEWAY_S: f64 = 60.0;

/// The claims of an ID token.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    iss: String,
    pub sub: String,
    aud: Audience,
    /// Seconds since 1970, as are `iat` and `nbf`. A claim of another type is refused, not ignored.
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: String,
    azp: Option<String>,
    /// All other claims.
    #[serde(flatten)]
    pub profile: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What the claims must agree with.
pub(crate) struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    /// Seconds since 1970.
    pub now: f64,
}

impl Claims {
    /// The claims of a verified payload.
    ///
    /// # Errors
    /// One is missing, or is not what is expected: its name.
    pub fn read(payload: &[u8], expected: &Expected<'_>) -> Result<Self, String> {
        let claims: Claims =
            serde_json::from_slice(payload).map_err(|err| format!("its claims: {err}"))?;
        let wrong = match &claims {
            _ if claims.iss != expected.issuer => "iss",
            _ if !claims.is_for(expected.client_id) => "aud or azp",
            _ if claims.nonce != expected.nonce => "nonce",
            _ if claims.exp + LEEWAY_S <= expected.now => "exp: it has expired",
            _ if claims.iat - LEEWAY_S > expected.now => "iat: it is of the future",
            _ if claims.nbf.is_some_and(|nbf| nbf - LEEWAY_S > expected.now) => {
                "nbf: it is not valid yet"
            }
            _ => return Ok(claims),
        };
        Err(format!("its claim {wrong}"))
    }

    /// The client must be an audience; where there are several, it must also be the authorized party.
    fn is_for(&self, client_id: &str) -> bool {
        let (is_audience, is_alone) = match &self.aud {
            Audience::One(one) => (one == client_id, true),
            Audience::Several(all) => (all.iter().any(|one| one == client_id), all.len() == 1),
        };
        is_audience && self.azp.as_deref().map_or(is_alone, |azp| azp == client_id)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: f64 = 1_700_000_000.0;

    /// Whether claims are accepted that differ from valid ones in `changes`; null removes a claim.
    fn accepted(changes: Value) -> bool {
        let mut claims = json!({
            "iss": "https://id.example", "sub": "7", "aud": "planet", "nonce": "n",
            "exp": NOW + 300.0, "iat": NOW,
        });
        let members = claims.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            match value.is_null() {
                true => drop(members.remove(name)),
                false => drop(members.insert(name.clone(), value.clone())),
            }
        }
        let expected =
            Expected { issuer: "https://id.example", client_id: "planet", nonce: "n", now: NOW };
        Claims::read(claims.to_string().as_bytes(), &expected).is_ok()
    }

    #[test]
    fn every_claim_is_required_and_must_be_right() {
        assert!(accepted(json!({})));
        for claim in ["iss", "sub", "aud", "nonce", "exp", "iat"] {
            assert!(!accepted(json!({ claim: null })), "without {claim}");
        }
        for wrong in [
            json!({"iss": "https://id.example/"}),
            json!({"aud": "other"}),
            json!({"aud": ["other"]}),
            json!({"aud": []}),
            json!({"aud": ["planet", "other"]}),
            json!({"aud": ["planet", "other"], "azp": "other"}),
            json!({"azp": "other"}),
            json!({"nonce": "m"}),
            json!({"sub": 7}),
            json!({"exp": "9999999999"}),
            json!({"nbf": "0"}),
        ] {
            assert!(!accepted(wrong.clone()), "{wrong}");
        }
        for right in [
            json!({"aud": ["planet"]}),
            json!({"aud": ["planet", "other"], "azp": "planet"}),
            json!({"azp": "planet"}),
            json!({"email": 7}),
        ] {
            assert!(accepted(right.clone()), "{right}");
        }
    }

    #[test]
    fn clocks_may_differ_by_a_minute() {
        for (claim, seconds, is_accepted) in [
            ("exp", -50.0, true),
            ("exp", -70.0, false),
            ("nbf", 50.0, true),
            ("nbf", 70.0, false),
            ("iat", 50.0, true),
            ("iat", 70.0, false),
        ] {
            assert_eq!(accepted(json!({ claim: NOW + seconds })), is_accepted, "{claim} {seconds}");
        }
    }
}
