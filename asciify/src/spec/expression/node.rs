//! The tree of an expression, and its value.

/// A number that is computed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Number(f64),
    /// The index of the band in a pixel's values.
    Band(usize),
    Negative(Box<Node>),
    Binary(Operator, Box<[Node; 2]>),
    Call(Function, Vec<Node>),
}

/// An operator between two numbers. Comparisons give 1 or 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    /// 1 where neither is 0, else 0.
    And,
    /// 1 where one is not 0, else 0.
    Or,
}

/// A function, by its name in [`FUNCTIONS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Sqrt,
    Abs,
    Log,
    Log10,
    Exp,
    Sin,
    Cos,
    Tan,
    Arctan,
    Min,
    Max,
    Where,
}

/// Names of functions, and the least and the greatest number of their arguments.
pub(super) const FUNCTIONS: [(&str, Function, usize, usize); 12] = [
    ("sqrt", Function::Sqrt, 1, 1),
    ("abs", Function::Abs, 1, 1),
    ("log", Function::Log, 1, 1),
    ("log10", Function::Log10, 1, 1),
    ("exp", Function::Exp, 1, 1),
    ("sin", Function::Sin, 1, 1),
    ("cos", Function::Cos, 1, 1),
    ("tan", Function::Tan, 1, 1),
    ("arctan", Function::Arctan, 1, 1),
    ("min", Function::Min, 2, MAX_ARGUMENTS),
    ("max", Function::Max, 2, MAX_ARGUMENTS),
    ("where", Function::Where, 3, 3),
];
const MAX_ARGUMENTS: usize = 16;

/// How many operations a function of analysis, or a power, counts as: its time in that of an addition.
const OPERATIONS_OF_FUNCTION: u64 = 16;

impl Node {
    /// How many operations a pixel takes.
    pub(super) fn operations(&self) -> u64 {
        let of_all = |nodes: &[Self]| nodes.iter().map(Self::operations).sum::<u64>();
        match self {
            Self::Number(_) | Self::Band(_) => 0,
            Self::Negative(node) => 1 + node.operations(),
            Self::Binary(Operator::Power, nodes) => OPERATIONS_OF_FUNCTION + of_all(&**nodes),
            Self::Binary(_, nodes) => 1 + of_all(&**nodes),
            Self::Call(function, arguments) => function.operations() + of_all(arguments),
        }
    }

    /// The value for a pixel. NaN where it is no finite number, or where any band of it is NaN.
    pub(super) fn of(&self, pixel: &[f64]) -> f64 {
        let value = self.value(pixel).unwrap_or(f64::NAN);
        if value.is_finite() { value } else { f64::NAN }
    }

    /// `None` where a band has no value: also one that a condition leaves out.
    fn value(&self, pixel: &[f64]) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Band(band) => pixel.get(*band).copied().filter(|value| !value.is_nan()),
            Self::Negative(node) => node.value(pixel).map(|value| -value),
            Self::Binary(operator, nodes) => {
                let [left, right] = &**nodes;
                Some(operator.of(left.value(pixel)?, right.value(pixel)?))
            }
            Self::Call(function, arguments) => {
                let mut values = [0.0; MAX_ARGUMENTS];
                for (value, argument) in values.iter_mut().zip(arguments) {
                    *value = argument.value(pixel)?;
                }
                Some(function.of(&values[..arguments.len().min(values.len())]))
            }
        }
    }
}

impl Operator {
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
            Self::Power => libm::pow(left, right),
            Self::Less => f64::from(left < right),
            Self::LessOrEqual => f64::from(left <= right),
            Self::Greater => f64::from(left > right),
            Self::GreaterOrEqual => f64::from(left >= right),
            Self::Equal => f64::from(left == right),
            Self::NotEqual => f64::from(left != right),
            Self::And => f64::from(left != 0.0 && right != 0.0),
            Self::Or => f64::from(left != 0.0 || right != 0.0),
        }
    }
}

impl Function {
    fn operations(self) -> u64 {
        match self {
            Self::Sqrt | Self::Abs | Self::Min | Self::Max | Self::Where => 1,
            Self::Log
            | Self::Log10
            | Self::Exp
            | Self::Sin
            | Self::Cos
            | Self::Tan
            | Self::Arctan => OPERATIONS_OF_FUNCTION,
        }
    }

    fn of(self, arguments: &[f64]) -> f64 {
        match (self, arguments) {
            (Self::Sqrt, [it]) => libm::sqrt(*it),
            (Self::Abs, [it]) => it.abs(),
            (Self::Log, [it]) => libm::log(*it),
            (Self::Log10, [it]) => libm::log10(*it),
            (Self::Exp, [it]) => libm::exp(*it),
            (Self::Sin, [it]) => libm::sin(*it),
            (Self::Cos, [it]) => libm::cos(*it),
            (Self::Tan, [it]) => libm::tan(*it),
            (Self::Arctan, [it]) => libm::atan(*it),
            (Self::Min, all) => all.iter().copied().fold(f64::INFINITY, f64::min),
            (Self::Max, all) => all.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            (Self::Where, [condition, then, other]) => {
                if *condition == 0.0 {
                    *other
                } else {
                    *then
                }
            }
            _ => f64::NAN,
        }
    }
}
