//! Signs ID tokens, rightly and wrongly.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::{
    hmac,
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
        RsaEncoding, RsaKeyPair,
    },
};
use serde_json::{Value, json};

/// How an ID token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// RS256, with the RSA key.
    Rs256,
    /// PS256, with the RSA key.
    Ps256,
    /// ES256.
    Es256,
    /// ES384.
    Es384,
    /// EdDSA.
    EdDsa,
    /// `alg: none`, without a signature.
    None,
    /// HS256, with the modulus of the public RSA key as its secret.
    Hs256,
    /// RS256, with an extension that must be understood.
    Critical,
    /// RS256 in the header, but a signature of other bytes.
    Forged,
    /// ES256, although the key of its `kid` is that of RSA.
    Mixed,
}

/// The keys of a provider.
pub(crate) struct Signer {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
    ed25519: Ed25519KeyPair,
    rng: SystemRandom,
    /// Part of the id of each key.
    pub generation: u32,
}

impl Signer {
    pub fn new() -> Self {
        let rng = SystemRandom::new();
        // ring makes no RSA keys; this is of `openssl genpkey -algorithm RSA -outform DER`
        let rsa = RsaKeyPair::from_pkcs8(include_bytes!("../data/provider-rsa.pk8"));
        let ec = |algorithm: &'static EcdsaSigningAlgorithm| {
            let key = EcdsaKeyPair::generate_pkcs8(algorithm, &rng).expect("a key");
            EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &rng).expect("a key")
        };
        let ed25519 = Ed25519KeyPair::generate_pkcs8(&rng).expect("a key");
        Signer {
            rsa: rsa.expect("an RSA key"),
            p256: ec(&ECDSA_P256_SHA256_FIXED_SIGNING),
            p384: ec(&ECDSA_P384_SHA384_FIXED_SIGNING),
            ed25519: Ed25519KeyPair::from_pkcs8(ed25519.as_ref()).expect("a key"),
            rng,
            generation: 1,
        }
    }

    fn kid(&self, name: &str) -> String {
        format!("{name}-{}", self.generation)
    }

    /// The public keys (RFC 7517, 5), and one that has to be ignored.
    pub fn jwks(&self) -> Value {
        let rsa: PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
        let ec = |name: &str, crv: &str, key: &EcdsaKeyPair| {
            let point = &key.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({"kty": "EC", "kid": self.kid(name), "crv": crv, "x": encode(x), "y": encode(y)})
        };
        let ed25519 = encode(self.ed25519.public_key().as_ref());
        json!({ "keys": [
            {"kty": "RSA", "kid": self.kid("rsa"), "use": "sig", "n": encode(&rsa.n), "e": encode(&rsa.e)},
            ec("p256", "P-256", &self.p256),
            ec("p384", "P-384", &self.p384),
            {"kty": "OKP", "kid": self.kid("ed25519"), "crv": "Ed25519", "x": ed25519},
            {"kty": "oct", "k": 7},
        ]})
    }

    /// A JWT with `claims`, in compact serialisation. `kid` replaces the id of the key.
    pub fn sign(&self, signing: Signing, kid: Option<&str>, claims: &Value) -> String {
        let (alg, key) = match signing {
            Signing::Rs256 | Signing::Critical | Signing::Forged => ("RS256", "rsa"),
            Signing::Ps256 => ("PS256", "rsa"),
            Signing::Es256 => ("ES256", "p256"),
            Signing::Mixed => ("ES256", "rsa"),
            Signing::Es384 => ("ES384", "p384"),
            Signing::EdDsa => ("EdDSA", "ed25519"),
            Signing::None => ("none", "rsa"),
            Signing::Hs256 => ("HS256", "rsa"),
        };
        let kid = kid.map_or_else(|| self.kid(key), str::to_owned);
        let mut header = json!({ "alg": alg, "kid": kid, "typ": "JWT" });
        if signing == Signing::Critical {
            header["crit"] = json!(["urn:example:x"]);
            header["urn:example:x"] = json!(true);
        }
        let encoded = |json: &Value| encode(json.to_string().as_bytes());
        let signed = format!("{}.{}", encoded(&header), encoded(claims));
        let bytes = signed.as_bytes();
        let rsa = |padding: &'static dyn RsaEncoding, bytes: &[u8]| {
            let mut signature = vec![0; self.rsa.public().modulus_len()];
            self.rsa.sign(padding, &self.rng, bytes, &mut signature).expect("a signature");
            signature
        };
        let ec =
            |key: &EcdsaKeyPair| key.sign(&self.rng, bytes).expect("a signature").as_ref().to_vec();
        let signature = match signing {
            Signing::Rs256 | Signing::Critical => rsa(&RSA_PKCS1_SHA256, bytes),
            Signing::Forged => rsa(&RSA_PKCS1_SHA256, b"other bytes"),
            Signing::Ps256 => rsa(&RSA_PSS_SHA256, bytes),
            Signing::Es256 | Signing::Mixed => ec(&self.p256),
            Signing::Es384 => ec(&self.p384),
            Signing::EdDsa => self.ed25519.sign(bytes).as_ref().to_vec(),
            Signing::None => Vec::new(),
            Signing::Hs256 => {
                let public: PublicKeyComponents<Vec<u8>> = self.rsa.public().into();
                let key = hmac::Key::new(hmac::HMAC_SHA256, &public.n);
                hmac::sign(&key, bytes).as_ref().to_vec()
            }
        };
        format!("{signed}.{}", encode(&signature))
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
