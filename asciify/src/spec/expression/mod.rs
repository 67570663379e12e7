//! The option `expression`: arithmetic on the values of bands, such as `(b8-b4)/(b8+b4)`.
//!
//! Names and precedence are those of numexpr, which TiTiler uses. `b8` is the eighth band; other names,
//! also `B08`, are looked up in the file.

mod error;
mod node;
mod parse;
mod token;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::spec::bands::Band;

pub use error::ExpressionError;
use node::Node;
use parse::Parsed;

/// For so many pixels, the values of a node stay in the first cache of a processor.
const PIXELS_AT_A_TIME: usize = 512;

/// One expression, which is drawn as grey or by a colour map, or three joined by semicolons, which are
/// red, green and blue.
#[derive(Debug, Clone)]
pub struct Expression {
    /// In canonical form.
    text: String,
    /// The text of each value, and how it is computed.
    values: Vec<(String, Node)>,
    /// Those that it needs, each once.
    bands: Vec<Band>,
}

impl Expression {
    /// How many values it gives: one or three.
    pub(crate) fn count(&self) -> usize {
        self.values.len()
    }

    /// The text of each value.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(text, _)| text.as_str())
    }

    /// The bands that it needs, each once.
    pub(crate) fn bands(&self) -> &[Band] {
        &self.bands
    }

    /// How many operations a pixel takes: one each for an operator or a function that costs little.
    pub(crate) fn operations(&self) -> u64 {
        self.values.iter().map(|(_, node)| node.operations()).sum()
    }

    /// Adds its values to `values`, for pixels that have these values of [`bands`](Self::bands). NaN
    /// where a value is no finite number, or a band of it is NaN: also one that a condition leaves out.
    pub(crate) fn put(&self, pixels: &[f64], values: &mut Vec<f64>) {
        let (bands, count) = (self.bands.len(), self.count());
        let needed_by = |(_, node): &(String, Node)| BTreeSet::from_iter(node.bands());
        let needed: Vec<_> = self.values.iter().map(needed_by).collect();
        let mut free = Vec::new();
        for pixels in pixels.chunks(PIXELS_AT_A_TIME * bands) {
            let start = values.len();
            values.resize(start + pixels.len() / bands * count, f64::NAN);
            for (nth, ((_, node), needed)) in self.values.iter().zip(&needed).enumerate() {
                let computed = node.values(pixels, bands, &mut free);
                let places = values[start..].iter_mut().skip(nth).step_by(count);
                for ((place, value), pixel) in places.zip(&computed).zip(pixels.chunks_exact(bands))
                {
                    if value.is_finite() && !needed.iter().any(|band| pixel[*band].is_nan()) {
                        *place = *value;
                    }
                }
                free.push(computed);
            }
        }
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Expression {}

impl Hash for Expression {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// Without spaces, and in lower case. Joined by semicolons if they are three.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let Parsed { values, bands } = parse::expressions(text)?;
        let texts: Vec<&str> = values.iter().map(|(text, _)| text.as_str()).collect();
        Ok(Self { text: texts.join(";"), values, bands })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values for a pixel of these bands.
    fn values(text: &str, pixel: &[f64]) -> Vec<f64> {
        let expression: Expression = text.parse().unwrap_or_else(|err| panic!("{text}: {err}"));
        let value = |band: &Band| match band {
            Band::Number(number) => pixel[usize::from(*number) - 1],
            Band::Name(name) => panic!("{name} is no number"),
        };
        let (pixel, mut values) =
            (expression.bands().iter().map(value).collect::<Vec<_>>(), vec![]);
        expression.put(&pixel, &mut values);
        values
    }

    #[test]
    fn operators_bind_as_in_numexpr() {
        // b1 is 6 and b2 is 3
        for (text, value) in [
            ("(b1-b2)/(b1+b2)", 3.0 / 9.0),
            ("b1-b2-1+b2*0", 2.0),
            ("b1/b2/2", 1.0),
            ("2**b2**2*b1/b1", 512.0),
            ("-b1**2*b2/b2", -36.0),
            ("b1*-b2", -18.0),
            ("2**-b2*b1", 0.75),
            ("--b1*b2/b2", 6.0),
            ("b1>b2", 1.0),
            ("b1+b2<=8.5", 0.0),
            ("(b1==6)+(b2!=6)*2", 3.0),
            ("where(b1>=b2,b1*2,b2)", 12.0),
            ("where(b1<b2,b1*2,b2)", 3.0),
            ("min(b1,b2,5)+max(b1,b2)", 9.0),
            ("sqrt(b1*b1)+abs(-b2)", 9.0),
            ("log10(b1*0+1e3)+log(exp(b2))", 6.0),
            ("1.5e-1*b1+.5*b2", 2.4),
            // a plus that an address made a space
            ("(b1-b2)/(b1 b2)", 3.0 / 9.0),
            ("b1 2*b2 (b1)", 18.0),
            ("B1 - -b2", 9.0),
            ("(b1>5)&(b2<3)|(b2==3)", 1.0),
            ("b1&b2*0", 0.0),
        ] {
            let value_of = values(text, &[6.0, 3.0]);
            assert!((value_of[0] - value).abs() < 1e-12, "{text}: {value_of:?}");
        }
        assert_eq!(values("b2;b1;b2", &[6.0, 3.0]), [3.0, 6.0, 3.0]);
    }

    #[test]
    fn a_message_says_what_is_wrong_and_where() {
        for (text, message) in [
            ("", "at character 1: expected a band, a number, a function or an opening"),
            (
                "(b1-b2",
                "at character 7: expected an operator or a closing parenthesis, not the end",
            ),
            ("b1+*b2", "at character 4: expected a band, a number, a function or an opening"),
            ("b1)", "at character 3: expected an operator or the end, not \")\""),
            ("b1 # b2", "at character 4: \"#\" has no meaning"),
            ("1.2.3*b1", "at character 1: \"1.2.3\" is no number"),
            ("2b1", "at character 1: \"2b1\" is no number"),
            ("1+2", "at character 1: the expression has no band"),
            ("b0", "at character 1: \"b0\" is no band: they are counted from b1"),
            ("1-b70000", "at character 3: \"b70000\" is no band"),
            ("b1*ndvi(b2)", "at character 4: there is no function \"ndvi\", but sqrt, abs, log,"),
            ("where(b1,b2)", "at character 1: where takes 3 values, not 2"),
            ("sqrt(b1,b2)", "at character 1: sqrt takes 1 value, not 2"),
            ("1<b1<3", "at character 5: comparisons cannot be chained"),
            ("b1;b2", "at character 6: two expressions are given"),
            ("b1;b2;b3;b4", "at character 9: expected an operator or the end, not \";\""),
            ("(b1)(b2)", "at character 5: expected an operator or the end, not \"(\""),
            (
                &format!("{}b1{}", "(".repeat(99), ")".repeat(99)),
                "at character 66: the expression is",
            ),
            (&"b1+".repeat(400), "at character 1001: an expression has at most 1000 characters"),
            (&(1..18).map(|band| format!("+b{band}")).collect::<String>()[1..], "at most 16 bands"),
            (&format!("b1+{}(b1)", "x".repeat(200)), "xxx…\", but"),
        ] {
            let told = text.parse::<Expression>().expect_err(text).to_string();
            assert!(told.contains(message), "{text}: {told}");
            assert!(told.len() < 250, "{told}");
        }
    }

    #[test]
    fn spaces_and_case_do_not_matter() {
        for text in ["(b8-nir)/(b8+NIR)", " ( B8 - nir )/( b8 + nir ) ", "(b8-nir)/(b8 nir)"] {
            let expression: Expression = text.parse().expect("an expression");
            assert_eq!(expression.to_string(), "(b8-nir)/(b8+nir)");
            let bands: Vec<String> = expression.bands().iter().map(Band::to_string).collect();
            assert_eq!(bands, ["8", "nir"]);
        }
        // a number with zeros before it is a name
        let named: Expression = "B08*b8".parse().expect("an expression");
        assert_eq!(named.bands(), ["b08".parse().expect("a name"), Band::Number(8)]);
    }

    #[test]
    fn what_needs_a_value_that_is_missing_has_none() {
        for text in ["b1+b2", "where(b2>0,1,b1)", "max(b1,b2)", "b1>b2", "b2*0+b1"] {
            assert!(values(text, &[1.0, f64::NAN])[0].is_nan(), "{text}");
        }
        for text in ["b1/0", "-b1/0", "sqrt(0-b1)", "log(b1-1)", "exp(b1*1e5)"] {
            assert!(values(text, &[1.0])[0].is_nan(), "{text}");
        }
    }
}
