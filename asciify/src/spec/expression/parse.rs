//! Parses expressions, by precedence climbing. Errors say where in the text they are.

use super::error::{ExpressionError, quoted};
use super::node::{FUNCTIONS, Node, Operator};
use super::token::{Kind, Token, tokens};
use crate::spec::bands::Band;

/// The longest text of an expression, in characters.
const MAX_CHARS: usize = 1000;
/// How deep parentheses, functions, signs and powers may be nested.
const MAX_DEPTH: usize = 64;
/// The most bands of an expression: they are read together.
const MAX_BANDS: usize = 16;

/// How tightly operators bind. `**` groups from the right, the others from the left.
const COMPARISON: u8 = 1;
const OR: u8 = 2;
const AND: u8 = 3;
const SUM: u8 = 4;
const PRODUCT: u8 = 5;
/// A sign before a number binds less than a power: `-b1**2` is `-(b1**2)`.
const SIGN: u8 = 6;
const POWER: u8 = 7;

const OPERATORS: [(&str, Operator, u8); 13] = [
    ("<", Operator::Less, COMPARISON),
    ("<=", Operator::LessOrEqual, COMPARISON),
    (">", Operator::Greater, COMPARISON),
    (">=", Operator::GreaterOrEqual, COMPARISON),
    ("==", Operator::Equal, COMPARISON),
    ("!=", Operator::NotEqual, COMPARISON),
    ("|", Operator::Or, OR),
    ("&", Operator::And, AND),
    ("+", Operator::Add, SUM),
    ("-", Operator::Subtract, SUM),
    ("*", Operator::Multiply, PRODUCT),
    ("/", Operator::Divide, PRODUCT),
    ("**", Operator::Power, POWER),
];

/// One expression, or three.
pub(super) struct Parsed {
    /// The canonical text of each, and how it is computed.
    pub(super) values: Vec<(String, Node)>,
    /// Those that they need, each once.
    pub(super) bands: Vec<Band>,
}

/// Reads one expression, or three joined by semicolons.
///
/// # Errors
/// Where the text is no expression.
pub(super) fn expressions(text: &str) -> Result<Parsed, ExpressionError> {
    let end = text.chars().count();
    if end > MAX_CHARS {
        let reason = format!("an expression has at most {MAX_CHARS} characters");
        return Err(ExpressionError::new(MAX_CHARS, reason));
    }
    let tokens = tokens(text)?;
    let mut parser =
        Parser { tokens: &tokens, end, next: 0, bands: Vec::new(), written: Vec::new() };
    let mut values = Vec::new();
    loop {
        let node = parser.expression(0, 0)?;
        values.push((std::mem::take(&mut parser.written).concat(), node));
        match parser.peek() {
            None => break,
            Some(token) if token.text == ";" && values.len() < 3 => parser.next += 1,
            Some(token) => return Err(unexpected(token, "an operator or the end")),
        }
    }
    if values.len() == 2 {
        let reason = "two expressions are given, but one, or three joined by semicolons, are drawn";
        return Err(ExpressionError::new(end, reason));
    }
    if parser.bands.is_empty() {
        return Err(ExpressionError::new(0, "the expression has no band, such as b1"));
    }
    Ok(Parsed { values, bands: parser.bands })
}

fn unexpected(token: &Token, expected: &str) -> ExpressionError {
    ExpressionError::new(token.at, format!("expected {expected}, not {}", quoted(&token.text)))
}

struct Parser<'a> {
    tokens: &'a [Token],
    /// The length of the text in characters.
    end: usize,
    /// The index of the next token.
    next: usize,
    bands: Vec<Band>,
    /// The canonical text of what was read.
    written: Vec<&'a str>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.next)
    }

    fn is_next(&self, sign: &str) -> bool {
        self.peek().is_some_and(|token| token.text == sign)
    }

    /// Takes the next token.
    fn take(&mut self, expected: &str) -> Result<&'a Token, ExpressionError> {
        let token = self.peek().ok_or_else(|| {
            ExpressionError::new(self.end, format!("expected {expected}, not the end"))
        })?;
        self.next += 1;
        self.written.push(&token.text);
        Ok(token)
    }

    /// Takes a sign.
    fn expect(&mut self, sign: &str, expected: &str) -> Result<(), ExpressionError> {
        let token = self.take(expected)?;
        if token.text == sign { Ok(()) } else { Err(unexpected(token, expected)) }
    }

    /// The operator that follows, its precedence, and whether it is written. Of two operands that only
    /// a space separates, a plus became that space when the query of an address was decoded.
    fn operator(&self) -> Option<(Operator, u8, bool)> {
        let token = self.peek()?;
        let named = OPERATORS.iter().find(|(sign, ..)| *sign == token.text);
        match (named, &token.kind) {
            (Some((_, operator, precedence)), _) => Some((*operator, *precedence, true)),
            (None, Kind::Sign) if token.text != "(" => None,
            (None, _) if self.is_joined() => None,
            (None, _) => Some((Operator::Add, SUM, false)),
        }
    }

    /// Whether the next token follows the last one without a space.
    fn is_joined(&self) -> bool {
        let last = self.next.checked_sub(1).map(|last| &self.tokens[last]);
        last.zip(self.peek()).is_some_and(|(last, next)| last.end == next.at)
    }

    /// Operands joined by operators that bind more than `least`.
    fn expression(&mut self, least: u8, depth: usize) -> Result<Node, ExpressionError> {
        if depth > MAX_DEPTH {
            let at = self.peek().map_or(self.end, |token| token.at);
            let reason = format!("the expression is nested deeper than {MAX_DEPTH}");
            return Err(ExpressionError::new(at, reason));
        }
        let mut left = self.operand(depth + 1)?;
        let mut is_comparison = false;
        while let Some((operator, precedence, is_written)) = self.operator() {
            if precedence <= least {
                break;
            }
            if is_comparison && precedence == COMPARISON {
                let at = self.peek().map_or(self.end, |token| token.at);
                let reason = "comparisons cannot be chained: join them as in (1<b1)&(b1<3)";
                return Err(ExpressionError::new(at, reason));
            }
            is_comparison = precedence == COMPARISON;
            match is_written {
                true => drop(self.take("an operator")?),
                false => self.written.push("+"),
            }
            // a power groups from the right, and may have a sign
            let above = if operator == Operator::Power { SIGN } else { precedence };
            let right = self.expression(above, depth + 1)?;
            left = Node::Binary(operator, Box::new([left, right]));
        }
        Ok(left)
    }

    fn operand(&mut self, depth: usize) -> Result<Node, ExpressionError> {
        let expected = "a band, a number, a function or an opening parenthesis";
        let token = self.take(expected)?;
        match (&token.kind, token.text.as_str()) {
            (Kind::Number(number), _) => Ok(Node::Number(*number)),
            (Kind::Name, name) if self.is_next("(") && (self.is_joined() || is_function(name)) => {
                self.call(token, depth)
            }
            (Kind::Name, _) => self.band(token).map(Node::Band),
            (Kind::Sign, "(") => {
                let inside = self.expression(0, depth)?;
                self.expect(")", "an operator or a closing parenthesis")?;
                Ok(inside)
            }
            (Kind::Sign, "-") => Ok(Node::Negative(Box::new(self.expression(SIGN, depth)?))),
            _ => Err(unexpected(token, expected)),
        }
    }

    fn call(&mut self, name: &Token, depth: usize) -> Result<Node, ExpressionError> {
        let named = FUNCTIONS.iter().find(|(known, ..)| *known == name.text);
        let (_, function, least, most) = *named.ok_or_else(|| {
            let known = FUNCTIONS.map(|(name, ..)| name).join(", ");
            let reason = format!("there is no function {}, but {known}", quoted(&name.text));
            ExpressionError::new(name.at, reason)
        })?;
        self.expect("(", "an opening parenthesis")?;
        let mut arguments = vec![self.expression(0, depth)?];
        while self.is_next(",") {
            self.take("a comma")?;
            arguments.push(self.expression(0, depth)?);
        }
        self.expect(")", "an operator, a comma or a closing parenthesis")?;
        if (least..=most).contains(&arguments.len()) {
            return Ok(Node::Call(function, arguments));
        }
        let takes = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let plural = if most == 1 { "" } else { "s" };
        let reason = format!("{} takes {takes} value{plural}, not {}", name.text, arguments.len());
        Err(ExpressionError::new(name.at, reason))
    }

    /// The index of a band among those of the expression: `b` and its number, counted from 1 and
    /// without zeros before it, or its name.
    fn band(&mut self, name: &Token) -> Result<usize, ExpressionError> {
        let number = name.text.strip_prefix('b').filter(|it| !it.starts_with('0') || *it == "0");
        let band = match number.filter(|it| it.bytes().all(|c| c.is_ascii_digit())) {
            Some(digits) if !digits.is_empty() => digits.parse().ok(),
            _ => name.text.parse().ok(),
        };
        let band: Band = band.ok_or_else(|| {
            let reason = format!("{} is no band: they are counted from b1", quoted(&name.text));
            ExpressionError::new(name.at, reason)
        })?;
        if let Some(known) = self.bands.iter().position(|it| *it == band) {
            return Ok(known);
        }
        if self.bands.len() == MAX_BANDS {
            let reason = format!("an expression has at most {MAX_BANDS} bands");
            return Err(ExpressionError::new(name.at, reason));
        }
        self.bands.push(band);
        Ok(self.bands.len() - 1)
    }
}

fn is_function(name: &str) -> bool {
    FUNCTIONS.iter().any(|(known, ..)| *known == name)
}
