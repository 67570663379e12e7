//! PDS3 (NASA's Planetary Data System, Standards Reference 3.8, appendix A.20): a label that describes
//! an IMAGE in the same file.

mod label;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Driver, Probed};
use crate::formats::reader::ByteReader;
use crate::formats::values::Values;
use crate::formats::values::layout::{Interleave, Layout};
use crate::formats::values::sample_type::{Kind, SampleType};

use label::{Label, Value};

const FORMAT: Format = Format::new("PDS3", "image/x-pds", "img").also(&["pds"]);

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| {
        [&b"PDS_VERSION_ID"[..], b"CCSD3Z", b"NJPL1I"].iter().any(|it| start.starts_with(it))
    },
    probe: |reader, _limits: &Limits| probe(reader),
};

/// The longest label, in bytes. Real ones have less than 100,000.
const MAX_LABEL_BYTES: u64 = 1 << 18;

/// Keywords of values that mean "no data".
const MISSING: [&str; 4] = ["MISSING_CONSTANT", "INVALID_CONSTANT", "NULL", "CORE_NULL"];

fn probe(mut reader: ByteReader<'_>) -> Result<Probed, Error> {
    reader.awaited = "its label is complete";
    let label = Label::parse(&reader.bytes(reader.end.min(MAX_LABEL_BYTES), MAX_LABEL_BYTES)?);
    if !label.is_complete {
        return Err(match reader.end < MAX_LABEL_BYTES {
            true => reader.cut_off(),
            false => {
                reader.malformed(format_args!("its label has no END in {MAX_LABEL_BYTES} bytes"))
            }
        });
    }
    let pointer = label.pointer(|name| name == "IMAGE");
    let pointer = pointer.or_else(|| label.pointer(|name| name.ends_with("_IMAGE")));
    let Some((object, place)) = pointer else {
        return Err(Error::Unsupported(
            "this PDS3 label describes no IMAGE: convert its data to TIFF (gdal_translate)"
                .to_owned(),
        ));
    };
    let start = image_offset(&label, place, &reader)?;
    let text = |keyword| label.values_in(object, keyword).first().map_or("", |it| it.text.as_str());
    let encoding = text("ENCODING_TYPE");
    if !matches!(encoding, "" | "NONE" | "N/A") {
        return Err(reader.unsupported(&format!("{} (ENCODING_TYPE)", compression_name(encoding))));
    }
    let size = |keyword| {
        let size = text(keyword).parse::<u64>().ok();
        let size = size.map(|it| u32::try_from(it).unwrap_or(u32::MAX));
        size.ok_or_else(|| reader.malformed(format_args!("its IMAGE has no {keyword}")))
    };
    let (sides, bits) = ((size("LINE_SAMPLES")?, size("LINES")?), size("SAMPLE_BITS")?);
    let bands = if text("BANDS").is_empty() { 1 } else { size("BANDS")?.max(1) };
    let sample_type = sample_type(text("SAMPLE_TYPE"), bits)
        .ok_or_else(|| reader.unsupported("samples of a SAMPLE_TYPE or SAMPLE_BITS"))?;
    let interleave = match text("BAND_STORAGE_TYPE") {
        "LINE_INTERLEAVED" => Interleave::Line,
        "SAMPLE_INTERLEAVED" => Interleave::Pixel,
        "" | "BAND_SEQUENTIAL" | "N/A" => Interleave::Band,
        _ if bands == 1 => Interleave::Band,
        _ => return Err(reader.unsupported("a BAND_STORAGE_TYPE")),
    };
    let bytes = |keyword| text(keyword).parse::<u64>().unwrap_or(0);
    let (prefix, suffix) = (bytes("LINE_PREFIX_BYTES"), bytes("LINE_SUFFIX_BYTES"));
    let layout = layout(start, sides, bands, sample_type, interleave, (prefix, suffix));
    reader.awaited = "its first row is complete";
    if layout.start.saturating_add(layout.row_bytes()) > reader.end {
        return Err(reader.cut_off());
    }
    let real = |keyword, default| {
        text(keyword).parse().ok().filter(|it: &f64| it.is_finite()).unwrap_or(default)
    };
    let missing = MISSING.iter().flat_map(|keyword| label.values_in(object, keyword));
    Ok(Values {
        format: FORMAT,
        sides,
        bands,
        frames: 1,
        sample_type,
        scale: real("SCALING_FACTOR", 1.0),
        zero: real("OFFSET", 0.0),
        missing: missing.filter_map(|it| number(&it.text, sample_type)).collect(),
        is_bottom_up: text("LINE_DISPLAY_DIRECTION") == "UP",
        is_whole: layout.end(1) <= reader.end,
        rows: layout,
    }
    .probed()
    .with_band_names(band_names(&label, object, bands)))
}

/// The names of the bands, if there is one for each: BAND_NAME of the image, or FILTER_NAME of the
/// instrument.
fn band_names(label: &Label, object: &str, bands: u32) -> Vec<Option<String>> {
    let of_each = |values: &&[Value]| values.len() == bands as usize && bands > 1;
    let names = [label.values_in(object, "BAND_NAME"), label.values("FILTER_NAME")];
    let names = names.iter().find(|values| of_each(values));
    let name = |value: &Value| Some(value.text.clone()).filter(|text| !text.is_empty());
    names.map_or_else(Vec::new, |values| values.iter().map(name).collect())
}

/// Where the image begins, by the value of its pointer: a number of a record or of a byte, from 1.
fn image_offset(label: &Label, place: &[Value], reader: &ByteReader<'_>) -> Result<u64, Error> {
    let [place] = place else { return Err(is_detached()) };
    let Ok(place_from_1) = place.text.parse::<u64>() else { return Err(is_detached()) };
    let unit = match place.unit.as_str() {
        "BYTES" => 1,
        _ => {
            let bytes = label.values("RECORD_BYTES").first().and_then(|it| it.text.parse().ok());
            bytes.ok_or_else(|| reader.malformed("its label has no RECORD_BYTES"))?
        }
    };
    let place = place_from_1.checked_sub(1).map(|it| it.saturating_mul(unit));
    place.ok_or_else(|| reader.malformed("its ^IMAGE is 0; it counts from 1"))
}

fn is_detached() -> Error {
    Error::Unsupported(
        "the image of this PDS3 label is in another file: convert both to one TIFF (gdal_translate)"
            .to_owned(),
    )
}

/// The name of an encoding, if it is a plain word.
fn compression_name(encoding: &str) -> String {
    const MAX_BYTES: usize = 40;
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
    match encoding.len() <= MAX_BYTES && encoding.chars().all(is_plain) {
        true => format!("the compression {encoding}"),
        false => "a compression".to_owned(),
    }
}

/// SAMPLE_TYPE and SAMPLE_BITS (appendix C).
fn sample_type(name: &str, bits: u32) -> Option<SampleType> {
    let is_little_endian = ["LSB_", "PC_", "VAX_"].iter().any(|it| name.starts_with(it));
    let kind = match name {
        _ if name.ends_with("UNSIGNED_INTEGER") => Kind::Unsigned,
        _ if name.ends_with("INTEGER") => Kind::Signed,
        "VAX_REAL" | "VAX_DOUBLE" => Kind::VaxFloat,
        "REAL" | "FLOAT" | "IEEE_REAL" | "SUN_REAL" | "MAC_REAL" | "PC_REAL" => Kind::Float,
        _ => return None,
    };
    SampleType::new(kind, bits, is_little_endian)
}

fn layout(
    start: u64,
    sides: (u32, u32),
    bands: u32,
    sample_type: SampleType,
    interleave: Interleave,
    (prefix, suffix): (u64, u64),
) -> Layout {
    let sample_bytes = sample_type.bytes();
    let planes = u64::from(bands);
    let per_pixel = if interleave == Interleave::Pixel { planes } else { 1 };
    let pixel_step = sample_bytes.saturating_mul(per_pixel);
    let line = u64::from(sides.0).saturating_mul(pixel_step);
    let line = line.saturating_add(prefix).saturating_add(suffix);
    let (row_step, band_step) = match interleave {
        Interleave::Band => (line, line.saturating_mul(sides.1.into())),
        Interleave::Line => (line.saturating_mul(planes), line),
        Interleave::Pixel => (line, sample_bytes),
    };
    let start = start.saturating_add(prefix);
    Layout { sample_type, sides, bands, start, pixel_step, row_step, band_step, frame_step: 0 }
}

/// A number of a label: decimal, or the bits of a sample in another base, such as `16#FF7FFFFB#`.
fn number(text: &str, sample_type: SampleType) -> Option<f64> {
    let Some((base, digits)) = text.split_once('#') else {
        let number: f64 = text.parse().ok()?;
        // labels have more digits than samples of 32 bits
        return Some(match (sample_type.is_integer(), sample_type.bits()) {
            (false, 32) => (number as f32).into(),
            _ => number,
        });
    };
    let base = base.parse().ok().filter(|base| (2..=16).contains(base))?;
    let bits = u64::from_str_radix(digits.trim_end_matches('#'), base).ok()?;
    Some(sample_type.value_of_bits(bits))
}
