//! Why a text is no spec.

use crate::spec::expression::ExpressionError;
use crate::spec::options::OPTIONS;

/// Why a text cannot be read as a [`Spec`](crate::Spec), or an option cannot be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// There is no option of that name.
    #[error("there is no option {name:?}; the options are {}", option_names())]
    UnknownOption {
        /// The name that was given, shortened to 40 characters.
        name: String,
    },
    /// The option does not accept the value.
    #[error("{name} must be {accepts}")]
    BadValue {
        /// Which option.
        name: &'static str,
        /// The values that it accepts: see [`OptionDoc::accepts`](crate::OptionDoc::accepts).
        accepts: String,
    },
    /// The value of `expression` is none.
    #[error("expression: {0}")]
    BadExpression(#[from] ExpressionError),
    /// The option was given twice.
    #[error("{name} is given more than once")]
    Repeated {
        /// Which option.
        name: &'static str,
    },
}

impl SpecError {
    pub(super) fn unknown(name: &str) -> Self {
        const ECHOED: usize = 40;
        Self::UnknownOption { name: name.chars().take(ECHOED).collect() }
    }
}

fn option_names() -> String {
    OPTIONS.iter().map(|option| option.name).collect::<Vec<_>>().join(", ")
}
