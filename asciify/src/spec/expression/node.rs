//! The tree of an expression, and its values for many pixels at a time.

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

    /// The bands that it needs, some more than once.
    pub(super) fn bands(&self) -> Vec<usize> {
        match self {
            Self::Number(_) => Vec::new(),
            Self::Band(band) => vec![*band],
            Self::Negative(node) => node.bands(),
            Self::Binary(_, nodes) => nodes.iter().flat_map(Self::bands).collect(),
            Self::Call(_, nodes) => nodes.iter().flat_map(Self::bands).collect(),
        }
    }

    /// The value for each of `pixels`, of so many `bands` each. `free` are buffers that may be used,
    /// and for others to use.
    pub(super) fn values(
        &self,
        pixels: &[f64],
        bands: usize,
        free: &mut Vec<Vec<f64>>,
    ) -> Vec<f64> {
        let count = pixels.len() / bands;
        match self {
            Self::Number(number) => filled(free, count, *number),
            Self::Band(band) => {
                let mut values = filled(free, count, 0.0);
                for (value, pixel) in values.iter_mut().zip(pixels.chunks_exact(bands)) {
                    *value = pixel[*band];
                }
                values
            }
            Self::Negative(node) => {
                let mut values = node.values(pixels, bands, free);
                values.iter_mut().for_each(|value| *value = -*value);
                values
            }
            Self::Binary(operator, nodes) => {
                let [left, right] = &**nodes;
                let mut values = left.values(pixels, bands, free);
                let right = right.values(pixels, bands, free);
                operator.apply(&mut values, &right);
                free.push(right);
                values
            }
            Self::Call(function, nodes) => {
                let mut arguments: Vec<_> =
                    nodes.iter().map(|node| node.values(pixels, bands, free)).collect();
                let mut values = filled(free, count, f64::NAN);
                function.put(&arguments, &mut values);
                free.append(&mut arguments);
                values
            }
        }
    }
}

/// A buffer of so many values.
fn filled(free: &mut Vec<Vec<f64>>, count: usize, value: f64) -> Vec<f64> {
    let mut values = free.pop().unwrap_or_default();
    values.clear();
    values.resize(count, value);
    values
}

fn join(left: &mut [f64], right: &[f64], of: impl Fn(f64, f64) -> f64) {
    for (left, right) in left.iter_mut().zip(right) {
        *left = of(*left, *right);
    }
}

fn put(values: &mut [f64], argument: &[f64], of: impl Fn(f64) -> f64) {
    for (value, argument) in values.iter_mut().zip(argument) {
        *value = of(*argument);
    }
}

impl Operator {
    /// Replaces the values on its left by its own.
    fn apply(self, left: &mut [f64], right: &[f64]) {
        match self {
            Self::Add => join(left, right, |a, b| a + b),
            Self::Subtract => join(left, right, |a, b| a - b),
            Self::Multiply => join(left, right, |a, b| a * b),
            Self::Divide => join(left, right, |a, b| a / b),
            Self::Power => join(left, right, libm::pow),
            Self::Less => join(left, right, |a, b| f64::from(a < b)),
            Self::LessOrEqual => join(left, right, |a, b| f64::from(a <= b)),
            Self::Greater => join(left, right, |a, b| f64::from(a > b)),
            Self::GreaterOrEqual => join(left, right, |a, b| f64::from(a >= b)),
            Self::Equal => join(left, right, |a, b| f64::from(a == b)),
            Self::NotEqual => join(left, right, |a, b| f64::from(a != b)),
            Self::And => join(left, right, |a, b| f64::from(a != 0.0 && b != 0.0)),
            Self::Or => join(left, right, |a, b| f64::from(a != 0.0 || b != 0.0)),
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

    /// Replaces `values` by those of the arguments.
    fn put(self, arguments: &[Vec<f64>], values: &mut [f64]) {
        match (self, arguments) {
            (Self::Sqrt, [it]) => put(values, it, libm::sqrt),
            (Self::Abs, [it]) => put(values, it, f64::abs),
            (Self::Log, [it]) => put(values, it, libm::log),
            (Self::Log10, [it]) => put(values, it, libm::log10),
            (Self::Exp, [it]) => put(values, it, libm::exp),
            (Self::Sin, [it]) => put(values, it, libm::sin),
            (Self::Cos, [it]) => put(values, it, libm::cos),
            (Self::Tan, [it]) => put(values, it, libm::tan),
            (Self::Arctan, [it]) => put(values, it, libm::atan),
            (Self::Min, all) => {
                values.fill(f64::INFINITY);
                all.iter().for_each(|it| join(values, it, f64::min));
            }
            (Self::Max, all) => {
                values.fill(f64::NEG_INFINITY);
                all.iter().for_each(|it| join(values, it, f64::max));
            }
            (Self::Where, [condition, then, other]) => {
                let chosen = condition.iter().zip(then.iter().zip(other));
                for (value, (condition, (then, other))) in values.iter_mut().zip(chosen) {
                    *value = if *condition == 0.0 { *other } else { *then };
                }
            }
            // the parser counts arguments
            _ => {}
        }
    }
}
