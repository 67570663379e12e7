//! The tokens of an expression.

use super::error::{ExpressionError, quoted};

/// A token, and where it begins and ends, in characters from 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) end: usize,
    /// In lower case.
    pub(super) text: String,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Number(f64),
    Name,
    /// An operator, a parenthesis, a comma or a semicolon.
    Sign,
}

/// Signs; those of two characters come before their beginnings.
const SIGNS: [&str; 17] =
    ["**", "<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "&", "|", "(", ")", ",", ";"];

/// Splits a text. Spaces separate tokens.
///
/// # Errors
/// A character belongs to no token, or a number is none.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ExpressionError> {
    let text: Vec<char> = text.chars().collect();
    let (mut tokens, mut at) = (Vec::new(), 0);
    while at < text.len() {
        if text[at].is_whitespace() {
            at += 1;
            continue;
        }
        let token = token(&text, at)?;
        at = token.end;
        tokens.push(token);
    }
    Ok(tokens)
}

/// The token that begins at a character.
fn token(text: &[char], at: usize) -> Result<Token, ExpressionError> {
    let token = |end: usize, kind: fn(&str) -> Option<Kind>| {
        let text = text[at..end].iter().collect::<String>().to_lowercase();
        let refuse = || ExpressionError::new(at, format!("{} is no number", quoted(&text)));
        Ok(Token { at, end, kind: kind(&text).ok_or_else(refuse)?, text })
    };
    let end_of = |is_part: &dyn Fn(usize, char) -> bool| {
        (at..text.len()).find(|here| !is_part(*here, text[*here])).unwrap_or(text.len())
    };
    match text[at] {
        '0'..='9' | '.' => {
            // the sign of an exponent belongs to the number
            let follows_e = |here: usize| here > at && matches!(text[here - 1], 'e' | 'E');
            let is_part = |here: usize, c: char| {
                c.is_ascii_alphanumeric() || c == '.' || matches!(c, '+' | '-') && follows_e(here)
            };
            token(end_of(&is_part), |text| {
                text.parse().ok().filter(|it: &f64| it.is_finite()).map(Kind::Number)
            })
        }
        c if c.is_ascii_alphabetic() || c == '_' => {
            token(end_of(&|_, c| c.is_ascii_alphanumeric() || c == '_'), |_| Some(Kind::Name))
        }
        c => {
            let is_here =
                |sign: &&&str| sign.chars().eq(text[at..].iter().copied().take(sign.len()));
            let sign = SIGNS.iter().find(is_here).ok_or_else(|| {
                ExpressionError::new(at, format!("{} has no meaning", quoted(&c.to_string())))
            })?;
            token(at + sign.len(), |_| Some(Kind::Sign))
        }
    }
}
