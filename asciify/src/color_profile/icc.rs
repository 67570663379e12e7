//! Reads ICC profiles (ICC.1:2022) with moxcms. It only parses them: its own transforms differ
//! between processors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use moxcms::{
    ColorProfile as Parsed, DataColorSpace, LutDataType, LutMultidimensionalType, LutStore,
    LutType, LutWarehouse, ParsingOptions, ToneReprCurve, Xyzd,
};

use super::lut::{DEFAULT_GRID, Pipeline};
use super::matrix::{self, Matrix};
use super::transfer;
use crate::light::{Transfer, coded, from_lab};

/// The longest profile that is read, in bytes.
pub(crate) const MAX_ICC_BYTES: u64 = 4 << 20;
/// Values of a table of colours.
const MAX_CLUT_VALUES: usize = 2_000_000;
/// Values of a tone curve.
const MAX_CURVE_VALUES: usize = 40_000;

/// Where the table of tags begins: its length, then its entries.
const TAG_TABLE: usize = 128;
/// Bytes of an entry: signature, offset and length.
const TAG_ENTRY_BYTES: usize = 12;
/// The tags that are read.
const TAGS: [&[u8; 4]; 9] =
    [b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"A2B0", b"A2B1"];

/// The values of a pixel, as its format has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColorModel {
    Grey,
    Rgb,
    Cmyk,
}

/// What a profile says.
pub(super) enum Description {
    /// The transfer functions of red, green and blue, and the XYZ under D50 of each, as columns.
    Matrix([Transfer; 3], Matrix),
    Grey(Transfer),
    Lut(Pipeline),
    /// `ColourPrimaries` and `TransferCharacteristics` of ITU-T H.273.
    Cicp(u16, u16),
}

/// Reads a profile for pixels of that model. `None` if it is damaged, beyond the limits, or for
/// pixels of another model. Grey pixels may have a profile for RGB.
pub(super) fn read(profile: &[u8], model: ColorModel) -> Option<Description> {
    if profile.len() as u64 > MAX_ICC_BYTES {
        return None;
    }
    // what is borrowed is not used again after a panic
    catch_unwind(AssertUnwindSafe(|| describe(profile, model))).ok().flatten()
}

fn describe(profile: &[u8], model: ColorModel) -> Option<Description> {
    let options = ParsingOptions {
        max_profile_size: usize::MAX,
        max_allowed_clut_size: MAX_CLUT_VALUES,
        max_allowed_trc_size: MAX_CURVE_VALUES,
    };
    let parsed = Parsed::new_from_slice_with_options(&with_few_tags(profile)?, options).ok()?;
    match (model, parsed.color_space) {
        (ColorModel::Grey | ColorModel::Rgb, DataColorSpace::Rgb)
        | (ColorModel::Grey, DataColorSpace::Gray)
        | (ColorModel::Cmyk, DataColorSpace::Cmyk) => {}
        _ => return None,
    }
    // curves and tables of HDR profiles are made for readers without this tag
    if let Some([_, _, _, _, _, _, _, _, primaries, transfer @ (16 | 18), ..]) =
        tag(profile, b"cicp")
    {
        return Some(Description::Cicp((*primaries).into(), (*transfer).into()));
    }
    if let Some(lut) = parsed.lut_a_to_b_perceptual.or(parsed.lut_a_to_b_colorimetric) {
        return pipeline(lut, parsed.color_space, parsed.pcs).map(Description::Lut);
    }
    if parsed.color_space == DataColorSpace::Gray {
        let transfer = curve(&parsed.gray_trc?)?;
        return Some(Description::Grey(match parsed.pcs {
            DataColorSpace::Lab => Arc::new(move |value| light_of_lightness(transfer(value))),
            _ => transfer,
        }));
    }
    let curves = [parsed.red_trc?, parsed.green_trc?, parsed.blue_trc?];
    let red = curve(&curves[0])?;
    // tables of equal curves are shared
    let other =
        |it: &ToneReprCurve| if *it == curves[0] { Some(Arc::clone(&red)) } else { curve(it) };
    let (green, blue) = (other(&curves[1])?, other(&curves[2])?);
    let colorants = [parsed.red_colorant, parsed.green_colorant, parsed.blue_colorant];
    let row = |of: fn(&Xyzd) -> f64| [0, 1, 2].map(|column| of(&colorants[column]));
    Some(Description::Matrix([red, green, blue], [row(|it| it.x), row(|it| it.y), row(|it| it.z)]))
}

/// The profile with each tag that is read once, and no others: any number of tags may share their
/// bytes.
fn with_few_tags(profile: &[u8]) -> Option<Vec<u8>> {
    let entries: Vec<_> = TAGS.iter().filter_map(|signature| entry(profile, signature)).collect();
    let mut copy = profile.to_vec();
    let table = copy.get_mut(TAG_TABLE..)?;
    table.get_mut(..4)?.copy_from_slice(&(entries.len() as u32).to_be_bytes());
    table.get_mut(4..4 + entries.len() * TAG_ENTRY_BYTES)?.copy_from_slice(entries.as_flattened());
    Some(copy)
}

/// The first entry of a tag.
fn entry(profile: &[u8], signature: &[u8; 4]) -> Option<[u8; TAG_ENTRY_BYTES]> {
    let (count, entries) = profile.get(TAG_TABLE..)?.split_first_chunk()?;
    let entries = entries.as_chunks().0.iter().take(u32::from_be_bytes(*count) as usize);
    entries.copied().find(|entry| entry.starts_with(signature))
}

/// The data of a tag, from its type on.
fn tag<'a>(profile: &'a [u8], signature: &[u8; 4]) -> Option<&'a [u8]> {
    let [_, _, _, _, o0, o1, o2, o3, l0, l1, l2, l3] = entry(profile, signature)?;
    let offset = u32::from_be_bytes([o0, o1, o2, o3]) as usize;
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    profile.get(offset..)?.get(..length)
}

/// `curveType` and `parametricCurveType` (10.6, 10.18).
fn curve(curve: &ToneReprCurve) -> Option<Transfer> {
    match curve {
        ToneReprCurve::Lut(values) => match values.as_slice() {
            [] => Some(transfer::power(1.0)),
            [0] => None,
            [gamma] => Some(transfer::power(f64::from(*gamma) / 256.0)),
            values => Some(transfer::sampled(levels(values))),
        },
        ToneReprCurve::Parametric(parameters) => {
            let parameters: Vec<f64> = parameters.iter().copied().map(f64::from).collect();
            transfer::parametric(&parameters)
        }
    }
}

/// Values of 16 bits as 0 to 1.
fn levels(values: &[u16]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value) / 65_535.0).collect()
}

/// Values of 8 bits become values of 16.
fn in_16_bits(store: LutStore) -> Vec<u16> {
    match store {
        LutStore::Store8(values) => {
            values.into_iter().map(|value| u16::from(value) * 257).collect()
        }
        LutStore::Store16(values) => values,
    }
}

fn pipeline(lut: LutWarehouse, space: DataColorSpace, pcs: DataColorSpace) -> Option<Pipeline> {
    let channels = match space {
        DataColorSpace::Gray => 1,
        DataColorSpace::Rgb => 3,
        _ => 4,
    };
    let pipeline = match lut {
        LutWarehouse::Lut(lut) => tables(lut, pcs)?,
        LutWarehouse::Multidimensional(lut) => curves_and_matrix(lut, pcs)?,
    };
    let points = pipeline.grid.iter().product::<usize>();
    let is_valid = pipeline.curves.len() == channels
        && pipeline.grid.len() == channels
        && pipeline.grid.iter().all(|points| *points >= 2)
        && 3 * points <= MAX_CLUT_VALUES
        && pipeline.values.as_ref().is_none_or(|values| values.len() == 3 * points);
    is_valid.then_some(pipeline)
}

/// `lut8Type` and `lut16Type` (10.10, 10.11).
fn tables(lut: LutDataType, pcs: DataColorSpace) -> Option<Pipeline> {
    let channels = usize::from(lut.num_input_channels);
    let split = |store: LutStore, entries: u16| -> Vec<Transfer> {
        let values = levels(&in_16_bits(store));
        values
            .chunks_exact(entries.max(2).into())
            .map(|it| transfer::sampled(it.to_vec()))
            .collect()
    };
    let decode = decoding(pcs, lut.lut_type == LutType::Lut16)?;
    let outputs = split(lut.output_table, lut.num_output_table_entries);
    let [red, green, blue] = <[Transfer; 3]>::try_from(outputs).ok()?;
    Some(Pipeline {
        curves: split(lut.input_table, lut.num_input_table_entries),
        grid: vec![lut.num_clut_grid_points.into(); channels],
        values: Some(in_16_bits(lut.clut_table)),
        to_srgb: Box::new(move |[a, b, c]| decode([red(a), green(b), blue(c)])),
    })
}

/// `lutAToBType` (10.12): A curves, table of colours, M curves, matrix, B curves. The first two and
/// the next two may be missing.
fn curves_and_matrix(lut: LutMultidimensionalType, pcs: DataColorSpace) -> Option<Pipeline> {
    let channels = usize::from(lut.num_input_channels);
    let all = |curves: &[ToneReprCurve], count: usize| -> Option<Vec<Transfer>> {
        match curves {
            [] => Some((0..count).map(|_| transfer::power(1.0)).collect()),
            curves => curves.iter().map(curve).collect(),
        }
    };
    let three = |curves: &[ToneReprCurve]| <[Transfer; 3]>::try_from(all(curves, 3)?).ok();
    let (m_curves, b_curves) = (three(&lut.m_curves)?, three(&lut.b_curves)?);
    let (matrix, bias) = (lut.matrix.v, lut.bias.v);
    let decode = decoding(pcs, false)?;
    let grid = match lut.clut {
        Some(_) => lut.grid_points.iter().take(channels).map(|it| (*it).into()).collect(),
        None if channels == 3 => vec![DEFAULT_GRID; 3],
        None => return None,
    };
    let through = |curves: &[Transfer; 3], values: [f64; 3]| {
        [0, 1, 2].map(|it| curves[it](values[it].clamp(0.0, 1.0)))
    };
    Some(Pipeline {
        curves: all(&lut.a_curves, channels)?,
        grid,
        values: lut.clut.map(in_16_bits),
        to_srgb: Box::new(move |values| {
            let mixed = matrix::apply(&matrix, through(&m_curves, values));
            let mixed = [0, 1, 2].map(|it| mixed[it] + bias[it]);
            decode(through(&b_curves, mixed))
        }),
    })
}

/// From values of the profile connection space, 0 to 1, to coded sRGB. `is_legacy`: white has L* of
/// FF00 in `lut16Type` (10.10, 6.3.4.2).
fn decoding(
    pcs: DataColorSpace,
    is_legacy: bool,
) -> Option<impl Fn([f64; 3]) -> [f64; 3] + 'static> {
    let to_srgb = matrix::from_xyz_columns(matrix::IDENTITY, matrix::D50)?;
    let is_lab = match pcs {
        DataColorSpace::Lab => true,
        DataColorSpace::Xyz => false,
        _ => return None,
    };
    let scale = if is_legacy { 65_535.0 / 65_280.0 } else { 1.0 };
    Some(move |values: [f64; 3]| {
        if is_lab {
            let [l, a, b] = values.map(|value| value * scale);
            return from_lab(100.0 * l, 255.0 * a - 128.0, 255.0 * b - 128.0);
        }
        // u1Fixed15Number
        matrix::apply(&to_srgb, values.map(|value| value * 65_535.0 / 32_768.0)).map(coded)
    })
}

/// Light, 0 to 1, of CIE L*, 0 to 1.
fn light_of_lightness(lightness: f64) -> f64 {
    let root = (100.0 * lightness + 16.0) / 116.0;
    match root > 6.0 / 29.0 {
        true => root * root * root,
        false => 2700.0 * lightness / 24_389.0,
    }
}
