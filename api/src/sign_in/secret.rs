//! Secrets: made at random, compared and stored by their hash, and never shown in a log.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::rand::{SecureRandom, SystemRandom};
use sha2::{Digest, Sha256};

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub String);

impl Secret {
    /// 256 random bits, as 43 characters of base64url (RFC 4648, 5).
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        SystemRandom::new().fill(&mut bytes).expect("the system has random numbers");
        Secret(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Whether `text` has the form of [`Secret::random`].
    pub fn is_random(text: &str) -> bool {
        text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    }

    /// The code challenge of a code verifier, `S256` (RFC 7636, 4.2).
    pub fn code_challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(&self.0))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B
        let verifier = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".into());
        assert_eq!(verifier.code_challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_random_secret_has_its_own_form_and_is_not_shown() {
        let secret = Secret::random();
        assert!(Secret::is_random(&secret.0) && secret != Secret::random());
        assert!(!format!("{secret:?}").contains(&secret.0));
    }
}
