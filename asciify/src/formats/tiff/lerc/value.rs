//! The data types of LERC.

/// A number of LERC data.
pub(super) trait Value: Copy + Default + PartialEq {
    /// Its code in a header.
    const CODE: i32;
    /// Its length in bytes.
    const BYTES: usize;

    /// From its little-endian bytes, of which there must be [`BYTES`](Self::BYTES).
    fn from_le(bytes: &[u8]) -> Self;
    /// The nearest value towards 0; the ends of the range outside of it.
    fn from_f64(value: f64) -> Self;
    fn to_f64(self) -> f64;
    /// Appends its little-endian bytes.
    fn put_le(self, bytes: &mut Vec<u8>);
}

macro_rules! value {
    ($($type:ty: $code:literal),*) => {$(
        impl Value for $type {
            const CODE: i32 = $code;
            const BYTES: usize = size_of::<$type>();

            fn from_le(bytes: &[u8]) -> Self {
                bytes.try_into().map_or(Self::default(), Self::from_le_bytes)
            }

            fn from_f64(value: f64) -> Self {
                value as Self
            }

            fn to_f64(self) -> f64 {
                self.into()
            }

            fn put_le(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
        }
    )*};
}

value!(i8: 0, u8: 1, i16: 2, u16: 3, i32: 4, u32: 5, f32: 6, f64: 7);
