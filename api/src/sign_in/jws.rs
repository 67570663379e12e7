//! Signatures of JSON Web Tokens (RFC 7515), verified with the keys of a JWK set (RFC 7517, 7518, 8037).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde::Deserialize;
use serde_json::Value;

/// A token in compact serialisation (RFC 7515, 7.1) whose signature was not verified yet.
pub(crate) struct Token<'a> {
    header: Header,
    /// What is signed: the header and the payload as they stand in the token.
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// The header members that matter (RFC 7515, 4.1). Keys in a header are never used.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

/// A public key.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Jwk {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl<'a> Token<'a> {
    /// Reads a token.
    ///
    /// # Errors
    /// It is malformed, its algorithm is not one of those that are accepted, or it has extensions
    /// that must be understood (`crit`).
    pub fn parse(text: &'a str) -> Result<Self, &'static str> {
        let (signed, signature) = text.rsplit_once('.').ok_or("it is not a JWT")?;
        let (header, payload) = signed.split_once('.').ok_or("it is not a JWT")?;
        let decode = |part| URL_SAFE_NO_PAD.decode(part).map_err(|_| "it is not base64url");
        let header: Header =
            serde_json::from_slice(&decode(header)?).map_err(|_| "its header is malformed")?;
        if !ALGORITHMS.contains(&header.alg.as_str()) {
            return Err("its algorithm is not accepted");
        }
        if header.crit.is_some() {
            return Err("it has a critical extension");
        }
        let (payload, signature) = (decode(payload)?, decode(signature)?);
        Ok(Token { header, signed, payload, signature })
    }

    /// The id of the key that signed it.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The one key of `keys` that may have signed it: of the algorithm's family, with its `kid`.
    /// Without a `kid`, there must be only one (OpenID Connect Core, 10.1).
    pub fn key<'k>(&self, keys: &'k [Jwk]) -> Option<&'k Jwk> {
        let mut fitting = keys.iter().filter(|key| key.fits(&self.header));
        let first = fitting.next();
        first.filter(|_| fitting.next().is_none())
    }

    /// The payload, if `key` signed it.
    ///
    /// # Errors
    /// It did not.
    pub fn verify(&self, key: &Jwk) -> Result<&[u8], &'static str> {
        let verified = key.verify(&self.header.alg, self.signed.as_bytes(), &self.signature);
        verified.map(|()| self.payload.as_slice()).ok_or("its signature is wrong")
    }
}

/// The accepted algorithms (RFC 7518, 3.1; RFC 8037, 3.1): those of public keys only.
const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

impl Jwk {
    fn fits(&self, header: &Header) -> bool {
        let family = match header.alg.as_str() {
            "RS256" | "PS256" => ("RSA", None),
            "ES256" => ("EC", Some("P-256")),
            "ES384" => ("EC", Some("P-384")),
            _ => ("OKP", Some("Ed25519")),
        };
        (self.kty.as_str(), family.1.and(self.crv.as_deref())) == family
            && self.r#use.as_ref().is_none_or(|usage| usage == "sig")
            && self.alg.as_ref().is_none_or(|alg| *alg == header.alg)
            && header.kid.as_ref().is_none_or(|kid| self.kid.as_ref() == Some(kid))
    }

    fn verify(&self, algorithm: &str, signed: &[u8], signature: &[u8]) -> Option<()> {
        let member = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?.as_bytes()).ok();
        let rsa = |parameters: &'static RsaParameters| {
            let key = RsaPublicKeyComponents { n: member(&self.n)?, e: member(&self.e)? };
            key.verify(parameters, signed, signature).ok()
        };
        let verify = |algorithm: &'static dyn VerificationAlgorithm, key: Vec<u8>| {
            UnparsedPublicKey::new(algorithm, key).verify(signed, signature).ok()
        };
        // an uncompressed point (SEC 1, 2.3.3)
        let point = || Some([vec![4], member(&self.x)?, member(&self.y)?].concat());
        match algorithm {
            "RS256" => rsa(&RSA_PKCS1_2048_8192_SHA256),
            "PS256" => rsa(&RSA_PSS_2048_8192_SHA256),
            "ES256" => verify(&ECDSA_P256_SHA256_FIXED, point()?),
            "ES384" => verify(&ECDSA_P384_SHA384_FIXED, point()?),
            "EdDSA" => verify(&ED25519, member(&self.x)?),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_of_the_standard_is_verified() {
        // RFC 8037, appendix A.2 and A.4
        let keys: [Jwk; 1] = [serde_json::from_str(
            r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        )
        .unwrap()];
        let text = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1\
                    PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
        let token = Token::parse(text).unwrap();
        let key = token.key(&keys).expect("its key");
        assert_eq!(token.verify(key), Ok(&b"Example of Ed25519 signing"[..]));
        let forged = text.replacen("RXhh", "RXhi", 1);
        let token = Token::parse(&forged).unwrap();
        assert!(token.verify(key).is_err());
    }

    #[test]
    fn a_signature_of_a_point_is_verified() {
        // RFC 7515, appendix A.3
        let keys: [Jwk; 1] = [serde_json::from_str(
            r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        )
        .unwrap()];
        let text = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let token = Token::parse(text).unwrap();
        let key = token.key(&keys).expect("its key");
        assert!(token.verify(key).is_ok_and(|payload| payload.starts_with(b"{\"iss\":\"joe\"")));
    }

    #[test]
    fn a_key_of_another_family_use_or_id_is_not_taken() {
        let key = |json: &str| serde_json::from_str::<Jwk>(json).unwrap();
        let header = |alg: &str, kid: Option<&str>| Header {
            alg: alg.into(),
            kid: kid.map(Into::into),
            crit: None,
        };
        let rsa = key(r#"{"kty":"RSA","kid":"a","n":"","e":""}"#);
        assert!(rsa.fits(&header("RS256", Some("a"))) && rsa.fits(&header("PS256", None)));
        assert!(!rsa.fits(&header("RS256", Some("b"))) && !rsa.fits(&header("ES256", Some("a"))));
        assert!(!key(r#"{"kty":"RSA","use":"enc"}"#).fits(&header("RS256", None)));
        assert!(!key(r#"{"kty":"RSA","alg":"PS256"}"#).fits(&header("RS256", None)));
        assert!(!key(r#"{"kty":"EC","crv":"P-384"}"#).fits(&header("ES256", None)));
        assert!(!key(r#"{"kty":"OKP","crv":"X25519"}"#).fits(&header("EdDSA", None)));
    }
}
