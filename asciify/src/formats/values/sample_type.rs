//! How numbers are stored: integers and floating point of either byte order, of IEEE 754 and of the
//! VAX, and complex numbers.

/// A kind of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unsigned,
    /// In two's complement.
    Signed,
    /// IEEE 754.
    Float,
    /// F_floating of 32 bits or D_floating of 64 bits (VAX Architecture Reference Manual, 2.2):
    /// words of 16 bits, the most significant first, each with its low byte first.
    VaxFloat,
    /// Two numbers of IEEE 754, real and imaginary.
    Complex,
}

/// How the samples of a picture are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SampleType {
    kind: Kind,
    /// Bytes of a sample: 1, 2, 4 or 8.
    bytes: u32,
    is_little_endian: bool,
}

impl SampleType {
    /// `None` where there are no such numbers. `bits` counts both parts of a complex number.
    pub(crate) fn new(kind: Kind, bits: u32, is_little_endian: bool) -> Option<Self> {
        let exists = match kind {
            Kind::Unsigned | Kind::Signed => matches!(bits, 8 | 16 | 32 | 64),
            Kind::Float | Kind::VaxFloat => matches!(bits, 32 | 64),
            Kind::Complex => bits == 64,
        };
        exists.then_some(Self { kind, bytes: bits / 8, is_little_endian })
    }

    /// Bits of a sample.
    pub(crate) fn bits(self) -> u32 {
        8 * self.bytes
    }

    /// Bytes of a sample.
    pub(crate) fn bytes(self) -> u64 {
        self.bytes.into()
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self.kind, Kind::Unsigned | Kind::Signed)
    }

    /// The least and the greatest value; 0 and 1 for floating point.
    pub(crate) fn value_range(self) -> (f64, f64) {
        let bits = self.bits() as i32;
        match self.kind {
            Kind::Unsigned => (0.0, libm::ldexp(1.0, bits) - 1.0),
            Kind::Signed => (-libm::ldexp(1.0, bits - 1), libm::ldexp(1.0, bits - 1) - 1.0),
            Kind::Float | Kind::VaxFloat | Kind::Complex => (0.0, 1.0),
        }
    }

    /// Puts the samples that begin every `step` bytes of `data` into `slots`. Of complex numbers,
    /// they are the magnitudes. Slots without a sample keep their value.
    pub(crate) fn read<'a>(
        self,
        data: &[u8],
        step: usize,
        slots: impl Iterator<Item = &'a mut f64>,
    ) {
        let little = self.is_little_endian;
        match (self.kind, self.bytes) {
            (Kind::Unsigned, 1) => put(data, step, false, slots, |[it]: [u8; 1]| it.into()),
            (Kind::Unsigned, 2) => {
                put(data, step, little, slots, |it| u16::from_be_bytes(it).into())
            }
            (Kind::Unsigned, 4) => {
                put(data, step, little, slots, |it| u32::from_be_bytes(it).into())
            }
            (Kind::Unsigned, _) => {
                put(data, step, little, slots, |it| u64::from_be_bytes(it) as f64)
            }
            (Kind::Signed, 1) => put(data, step, false, slots, |it| i8::from_be_bytes(it).into()),
            (Kind::Signed, 2) => put(data, step, little, slots, |it| i16::from_be_bytes(it).into()),
            (Kind::Signed, 4) => put(data, step, little, slots, |it| i32::from_be_bytes(it).into()),
            (Kind::Signed, _) => put(data, step, little, slots, |it| i64::from_be_bytes(it) as f64),
            (Kind::Float, 4) => put(data, step, little, slots, |it| f32::from_be_bytes(it).into()),
            (Kind::Float, _) => put(data, step, little, slots, f64::from_be_bytes),
            (Kind::VaxFloat, 4) => put(data, step, false, slots, |it: [u8; 4]| vax(&it)),
            (Kind::VaxFloat, _) => put(data, step, false, slots, |it: [u8; 8]| vax(&it)),
            (Kind::Complex, _) => put(data, step, false, slots, |it: [u8; 8]| {
                let [real, imaginary] =
                    [[it[0], it[1], it[2], it[3]], [it[4], it[5], it[6], it[7]]].map(|it| {
                        if little { f32::from_le_bytes(it) } else { f32::from_be_bytes(it) }
                    });
                libm::hypot(real.into(), imaginary.into())
            }),
        }
    }

    /// The number that has these bits, as labels state values that no decimal number has exactly.
    pub(crate) fn value_of_bits(self, bits: u64) -> f64 {
        match (self.kind, self.bytes) {
            (Kind::Signed, bytes) => ((bits << (64 - 8 * bytes)) as i64 >> (64 - 8 * bytes)) as f64,
            (Kind::Float, 4) => f32::from_bits(bits as u32).into(),
            (Kind::Float, 8) => f64::from_bits(bits),
            _ => bits as f64,
        }
    }
}

/// [`SampleType::read`] for samples of `N` bytes, which `value` takes in big-endian order.
fn put<'a, const N: usize>(
    data: &[u8],
    step: usize,
    is_little_endian: bool,
    slots: impl Iterator<Item = &'a mut f64>,
    value: impl Fn([u8; N]) -> f64,
) {
    let ordered = |mut bytes: [u8; N]| {
        if is_little_endian {
            bytes.reverse();
        }
        value(bytes)
    };
    if step == N {
        slots.zip(data.as_chunks::<N>().0).for_each(|(slot, bytes)| *slot = ordered(*bytes));
        return;
    }
    for (slot, bytes) in slots.zip(data.chunks(step.max(1))) {
        if let Some(bytes) = bytes.first_chunk() {
            *slot = ordered(*bytes);
        }
    }
}

/// The value of a VAX number: a sign, an exponent of 8 bits, which exceeds the true one by 128, and
/// a fraction whose highest bit is not stored. A reserved operand is NaN.
fn vax(bytes: &[u8]) -> f64 {
    let bits = bytes.chunks(2).fold(0_u64, |bits, word| {
        bits << 16 | word.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    });
    let fraction_bits = 8 * bytes.len() as u32 - 9;
    let is_negative = bits >> (fraction_bits + 8) & 1 == 1;
    let exponent = (bits >> fraction_bits & 0xff) as i32;
    let fraction = (bits & ((1 << fraction_bits) - 1) | 1 << fraction_bits) as f64;
    match (exponent, is_negative) {
        (0, true) => f64::NAN,
        (0, false) => 0.0,
        _ => {
            let magnitude = libm::ldexp(fraction, exponent - 128 - fraction_bits as i32 - 1);
            if is_negative { -magnitude } else { magnitude }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, bits: u32, is_little_endian: bool, data: &[u8]) -> f64 {
        let mut value = f64::INFINITY;
        let sample_type = SampleType::new(kind, bits, is_little_endian).expect("it exists");
        sample_type.read(data, data.len(), std::iter::once(&mut value));
        value
    }

    #[test]
    fn numbers_of_every_kind_are_read_in_either_byte_order() {
        for (kind, bits, big_endian, value) in [
            (Kind::Unsigned, 8, &[200][..], 200.0),
            (Kind::Signed, 8, &[200], -56.0),
            (Kind::Unsigned, 16, &[0xff, 0xfe], 65_534.0),
            (Kind::Signed, 16, &[0xff, 0xfe], -2.0),
            (Kind::Unsigned, 32, &[0xff, 0xff, 0xff, 0xfe], 4_294_967_294.0),
            (Kind::Signed, 32, &[0xff, 0xff, 0xff, 0xfe], -2.0),
            (Kind::Signed, 64, &[0xff; 8], -1.0),
            (Kind::Float, 32, &[0x3f, 0xc0, 0, 0], 1.5),
            (Kind::Float, 64, &[0xbf, 0xf8, 0, 0, 0, 0, 0, 0], -1.5),
        ] {
            let reversed: Vec<u8> = big_endian.iter().rev().copied().collect();
            assert_eq!(read(kind, bits, false, big_endian), value, "{kind:?} of {bits} bits");
            assert_eq!(read(kind, bits, true, &reversed), value, "{kind:?} of {bits} bits");
        }
        let complex = [0x40, 0x40, 0, 0, 0xc0, 0x80, 0, 0];
        assert_eq!(read(Kind::Complex, 64, false, &complex), 5.0);
    }

    #[test]
    fn vax_numbers_have_their_words_swapped() {
        // 1, -12.5 and pi, as a VAX stores them
        for (bytes, value) in [
            (&[0x80, 0x40, 0, 0][..], 1.0),
            (&[0x48, 0xc2, 0, 0], -12.5),
            (&[0x49, 0x41, 0xdb, 0x0f], f64::from(std::f32::consts::PI)),
            (&[0, 0, 0, 0], 0.0),
            (&[0x80, 0x40, 0, 0, 0, 0, 0, 0], 1.0),
        ] {
            assert_eq!(read(Kind::VaxFloat, 8 * bytes.len() as u32, true, bytes), value);
        }
        assert!(read(Kind::VaxFloat, 32, true, &[0, 0x80, 0, 0]).is_nan());
    }

    #[test]
    fn bits_of_a_label_are_a_number() {
        let of = |kind, bits, value| {
            SampleType::new(kind, bits, false).expect("it exists").value_of_bits(value)
        };
        assert_eq!(of(Kind::Signed, 16, 0x8000), -32_768.0);
        assert_eq!(of(Kind::Unsigned, 16, 0x8000), 32_768.0);
        assert_eq!(of(Kind::Float, 32, 0xff7f_fffb), f64::from(f32::from_bits(0xff7f_fffb)));
    }
}
