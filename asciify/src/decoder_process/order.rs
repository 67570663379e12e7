//! What the decoding process is asked to do: its arguments.

use std::ffi::OsString;

use crate::error::Limits;
use crate::spec::Spec;

/// The first argument of a decoding process.
pub(super) const DECODE: &str = "--decode-in-isolation";

/// The exit code of a decoding process after a panic.
pub(crate) const PANICKED: i32 = 101;

/// A file to decode, and what decoding may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) limits: Limits,
    /// The length of the file in bytes.
    pub(crate) file_bytes: u64,
    /// Memory that the process may allocate, in bytes.
    pub(crate) memory_bytes: u64,
    /// CPU time that the process may use, in seconds.
    pub(crate) cpu_s: u64,
    /// What the file is sampled for.
    pub(crate) specs: Vec<Spec>,
    /// The bands, counted from 0, whose values are wanted in place of samples, for the only spec.
    pub(crate) values: Option<Vec<usize>>,
}

/// In place of bands: samples are wanted.
const SAMPLES: &str = "samples";

impl Order {
    /// The arguments that [`parse`](Self::parse) reads.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = String> {
        let Self { limits, file_bytes, memory_bytes, cpu_s, specs, values } = self;
        let numbers = [
            limits.max_side_px.into(),
            limits.max_pixels,
            limits.max_frames.into(),
            limits.max_decoded_bytes,
            limits.max_decoder_cpu_s,
            *file_bytes,
            *memory_bytes,
            *cpu_s,
        ]
        .map(|it: u64| it.to_string());
        let bands = values.as_ref().map_or(SAMPLES.to_owned(), |bands| {
            bands.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
        });
        let words = [DECODE.to_owned()].into_iter().chain(numbers).chain([bands]);
        words.chain(specs.iter().map(Spec::to_string))
    }

    /// The order that the arguments of a program give, without its name. `None` for other
    /// arguments.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = OsString>) -> Option<Self> {
        if arguments.next()? != DECODE {
            return None;
        }
        let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
        Some(Self {
            limits: Limits {
                max_side_px: number()?.try_into().ok()?,
                max_pixels: number()?,
                max_frames: number()?.try_into().ok()?,
                max_decoded_bytes: number()?,
                max_decoder_cpu_s: number()?,
            },
            file_bytes: number()?,
            memory_bytes: number()?,
            cpu_s: number()?,
            values: match arguments.next()?.to_str()? {
                SAMPLES => None,
                bands => Some(bands.split(',').map(|it| it.parse().ok()).collect::<Option<_>>()?),
            },
            specs: arguments.map(|it| it.to_str()?.parse().ok()).collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_back_from_its_arguments() {
        let specs = ["width=7&symbols=ramp:%20.%23", "frame=2&bands=3,2,1&stretch=0:0.5"];
        let order = Order {
            values: Some(vec![2, 0]),
            limits: Limits::default(),
            file_bytes: 5,
            memory_bytes: u64::MAX,
            cpu_s: 7,
            specs: specs.map(|spec| spec.parse().unwrap()).to_vec(),
        };
        let arguments: Vec<OsString> = order.arguments().map(OsString::from).collect();
        assert_eq!(Order::parse(arguments.clone().into_iter()).as_ref(), Some(&order));
        assert_eq!(Order::parse(arguments.into_iter().skip(1)), None);
        let samples = Order { values: None, ..order };
        let arguments = samples.arguments().map(OsString::from);
        assert_eq!(Order::parse(arguments), Some(samples.clone()));
        assert_eq!(Order::parse(["photo.avif".into()].into_iter()), None);
    }
}
