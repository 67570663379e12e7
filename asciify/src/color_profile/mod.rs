//! Colour profiles: what the coded values of a picture mean.
//!
//! A profile of transfer functions and a matrix costs next to nothing: the functions replace those
//! of sRGB in the tables that rows are read by, and the matrix is applied to the samples, where
//! light is linear. Luminance is weighted for the profile's own primaries. A profile that is a table
//! of colours converts rows before they are read.

mod icc;
mod lut;
mod matrix;
mod transfer;

use std::rc::Rc;

use crate::light::{Linearization, Row, SRGB, Transfer, WEIGHTS, WHITE, srgb_transfer};

use icc::Description;
use matrix::Matrix;

pub(crate) use icc::{ColorModel, MAX_ICC_BYTES};
pub(crate) use lut::Lut;
pub(crate) use matrix::Primaries;

/// Matrices that differ less than this from the identity are left out.
const MAX_SRGB_ERROR: f64 = 0.005;

/// What the coded values of a picture mean; sRGB by default.
#[derive(Clone, Default)]
pub(crate) struct ColorProfile(Option<Rc<Kind>>);

enum Kind {
    /// Transfer functions, then the matrix to light of sRGB; `None` where primaries are those of
    /// sRGB.
    Matrix(Box<Linearization>, Option<Matrix>),
    Lut(Lut),
}

impl ColorProfile {
    /// Of an ICC profile for pixels of that model. `None` where it cannot be used: it is damaged,
    /// too large, or for pixels of another model.
    pub(crate) fn from_icc(profile: &[u8], model: ColorModel) -> Option<Self> {
        match icc::read(profile, model)? {
            Description::Matrix(transfers, columns) => {
                Some(Self::new(transfers, matrix::from_xyz_columns(columns, matrix::D50)?))
            }
            Description::Grey(transfer) => {
                Some(Self::new([0; 3].map(|_| transfer.clone()), matrix::IDENTITY))
            }
            Description::Lut(pipeline) => Some(Self(Some(Rc::new(Kind::Lut(Lut::new(pipeline)))))),
            Description::Cicp(primaries, transfer) => Self::from_cicp(primaries, transfer),
        }
    }

    /// Of `ColourPrimaries` and `TransferCharacteristics` (ITU-T H.273, 8.1 and 8.2). White of PQ
    /// and HLG is 203 cd/m², and what is brighter is clipped. `None` for reserved values.
    pub(crate) fn from_cicp(primaries: u16, transfer: u16) -> Option<Self> {
        let matrix = Primaries::of_h273(primaries)?.to_srgb()?;
        let transfer = transfer::of_h273(transfer)?;
        Some(Self::new([0; 3].map(|_| transfer.clone()), matrix))
    }

    /// Of powers of the coded red, green and blue, and of primaries; those of sRGB where they are
    /// `None`. `None` where that makes no sense.
    pub(crate) fn from_powers(
        exponents: Option<[f64; 3]>,
        primaries: Option<Primaries>,
    ) -> Option<Self> {
        let transfers = match exponents {
            None => [0; 3].map(|_| srgb_transfer()),
            Some([red, green, blue]) => {
                let is_valid = |exponent: f64| (0.01..100.0).contains(&exponent);
                if ![red, green, blue].into_iter().all(is_valid) {
                    return None;
                }
                let first = transfer::power(red);
                let other = |it: f64| if it == red { first.clone() } else { transfer::power(it) };
                let (green, blue) = (other(green), other(blue));
                [first, green, blue]
            }
        };
        Some(Self::new(transfers, primaries.unwrap_or(Primaries::BT709).to_srgb()?))
    }

    fn new(transfers: [Transfer; 3], to_srgb: Matrix) -> Self {
        let differences = to_srgb.iter().flatten().zip(matrix::IDENTITY.iter().flatten());
        let is_near = |(value, wanted): (&f64, &f64)| (value - wanted).abs() < MAX_SRGB_ERROR;
        let has_srgb_primaries = { differences }.all(is_near);
        if has_srgb_primaries && transfers.iter().all(transfer::is_srgb) {
            return Self::default();
        }
        let matrix = (!has_srgb_primaries).then_some(to_srgb);
        let weights = matrix.map_or(WEIGHTS, |matrix| {
            [0, 1, 2].map(|column| (0..3).map(|row| WEIGHTS[row] * matrix[row][column]).sum())
        });
        Self(Some(Rc::new(Kind::Matrix(Box::new(Linearization::new(transfers, weights)), matrix))))
    }

    /// Whether the coded values are those of sRGB.
    pub(crate) fn is_srgb(&self) -> bool {
        self.0.is_none()
    }

    /// An upper estimate of the memory that it takes, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        match self.0.as_deref() {
            None => 0,
            Some(Kind::Matrix(..)) => Linearization::MAX_BYTES,
            Some(Kind::Lut(lut)) => lut.bytes(),
        }
    }

    /// The table of a profile for CMYK. Formats convert its pixels themselves.
    pub(crate) fn cmyk(&self) -> Option<&Lut> {
        self.lut().filter(|lut| lut.channels() == 4)
    }

    fn lut(&self) -> Option<&Lut> {
        match self.0.as_deref() {
            Some(Kind::Lut(lut)) => Some(lut),
            _ => None,
        }
    }

    /// A row and the tables by which it is read. It is in `converted`, which is replaced, if the
    /// profile is a table of colours.
    pub(crate) fn apply<'a>(
        &'a self,
        row: Row<'a>,
        converted: &'a mut Vec<u16>,
    ) -> (Row<'a>, &'a Linearization) {
        match self.0.as_deref() {
            Some(Kind::Matrix(linearization, _)) => (row, linearization.as_ref()),
            Some(Kind::Lut(lut)) if lut.channels() < 4 => (lut.convert(row, converted), &SRGB),
            _ => (row, &SRGB),
        }
    }

    /// Turns samples into light of sRGB. All are parallel by index, 0 to [`WHITE`], and premultiplied
    /// by `opacity`; `None` is opaque. What sRGB cannot show is clipped.
    pub(crate) fn finish(
        &self,
        luminance: &mut [u32],
        channels: Option<&mut [Vec<u32>; 3]>,
        opacity: Option<&[u32]>,
    ) {
        let Some(Kind::Matrix(_, matrix)) = self.0.as_deref() else { return };
        // sums of weights may be rounded up
        luminance.iter_mut().for_each(|light| *light = (*light).min(WHITE));
        let Some((matrix, [red, green, blue])) = matrix.as_ref().zip(channels) else { return };
        let pixels = red.iter_mut().zip(green.iter_mut()).zip(blue.iter_mut());
        for (index, ((red, green), blue)) in pixels.enumerate() {
            let white = opacity.map_or(WHITE, |opacity| opacity[index]);
            let light = [*red, *green, *blue].map(f64::from);
            let clipped = |light: f64| (light.clamp(0.0, white.into()) + 0.5) as u32;
            [*red, *green, *blue] = matrix::apply(matrix, light).map(clipped);
        }
    }
}
