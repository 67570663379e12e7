//! Secrets that programs and links carry: random texts, of which only hashes are stored.

use ring::rand::{SecureRandom, SystemRandom};

use crate::render::sha256_hex;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Random characters of a secret: 190 bits.
const RANDOM: usize = 32;
/// Characters of the checksum of a token.
const CHECKSUM: usize = 6;
const TOKEN_PREFIX: &str = "planet_";

/// A new secret of a link: 32 characters.
pub fn new_link_secret() -> String {
    random_base62()
}

/// Whether `text` has the form of [`new_link_secret`].
pub fn is_link_secret(text: &str) -> bool {
    text.len() == RANDOM && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a part of `text` has the form of the random part of a secret, and is no hexadecimal number.
pub fn may_have_secret(text: &str) -> bool {
    let runs = text.split(|c: char| !c.is_ascii_alphanumeric());
    let mut random = runs.filter(|run| [RANDOM, RANDOM + CHECKSUM].contains(&run.len()));
    random.any(|run| !run.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A new token: `planet_`, 32 random characters, and the CRC-32 of what comes before, so that a
/// mistyped token is refused without a query, and scanners for secrets can tell one.
pub fn new_token() -> String {
    let body = format!("{TOKEN_PREFIX}{}", random_base62());
    format!("{body}{}", checksum(&body))
}

/// The last characters of a token, by which its user can tell it.
pub fn token_tail(token: &str) -> &str {
    &token[token.len() - 4..]
}

/// Whether `text` has the form of [`new_token`], with its checksum.
pub fn is_token(text: &str) -> bool {
    let is_long = text.len() == TOKEN_PREFIX.len() + RANDOM + CHECKSUM && text.is_ascii();
    is_long && text.starts_with(TOKEN_PREFIX) && {
        let (body, given) = text.split_at(text.len() - CHECKSUM);
        checksum(body) == given
    }
}

/// What is stored of a secret.
pub fn hash(secret: &str) -> String {
    sha256_hex(secret.as_bytes())
}

fn random_base62() -> String {
    let random = SystemRandom::new();
    let mut text = String::with_capacity(RANDOM);
    while text.len() < RANDOM {
        let mut bytes = [0; RANDOM];
        random.fill(&mut bytes).expect("the system has random numbers");
        // without the bytes that would make some characters more likely
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let chars = fair.map(|byte| char::from(BASE62[usize::from(byte % 62)]));
        text.extend(chars.take(RANDOM - text.len()));
    }
    text
}

/// The CRC-32 of `text` (ISO 3309, as in PNG) in base 62, six digits.
fn checksum(text: &str) -> String {
    let mut crc = u32::MAX;
    for byte in text.bytes() {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1));
        }
    }
    let mut rest = !crc;
    let mut digits = [b'0'; CHECKSUM];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_token_is_recognised() {
        let token = new_token();
        assert!(is_token(&token) && token.len() == 45 && token != new_token());
        for place in 7..token.len() {
            let mut typo = token.clone().into_bytes();
            typo[place] = if typo[place] == b'x' { b'y' } else { b'x' };
            assert!(!is_token(std::str::from_utf8(&typo).unwrap()), "{place}");
        }
        assert!(!is_token("") && !is_token(&token[1..]) && !is_token(&token.replace('_', "-")));
    }

    #[test]
    fn the_checksum_is_crc_32() {
        // the check value of CRC-32 is cbf43926
        let value = "123456789";
        let number = checksum(value).bytes().fold(0u64, |number, digit| {
            let digit = BASE62.iter().position(|one| *one == digit).unwrap();
            number * 62 + digit as u64
        });
        assert_eq!(number, 0xcbf4_3926);
        assert!(
            is_link_secret(&new_link_secret())
                && !is_link_secret("../../../../../../etc/passwd/xx/")
        );
    }
}
