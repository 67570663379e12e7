//! VICAR (JPL, "The VICAR File Format"): a label of keywords and values, then records of a line, or of
//! a pixel.

use std::collections::BTreeMap;

use crate::error::{Error, Limits};
use crate::format::Format;
use crate::formats::decoder::{Driver, Probed};
use crate::formats::reader::ByteReader;
use crate::formats::values::Values;
use crate::formats::values::layout::{Interleave, Layout};
use crate::formats::values::sample_type::{Kind, SampleType};

const FORMAT: Format = Format::new("VICAR", "image/x-vicar", "vic").also(&["vicar"]);

pub(super) const DRIVER: Driver = Driver {
    format: FORMAT,
    identify: |start| start.starts_with(b"LBLSIZE="),
    probe: |reader, _limits: &Limits| probe(reader),
};

/// The most bytes of a label that are read. The items that describe the file come first.
const MAX_LABEL_BYTES: u64 = 1 << 16;

fn probe(mut reader: ByteReader<'_>) -> Result<Probed, Error> {
    let start = reader.bytes(reader.end.min(64), 64)?;
    let label_bytes = number_of(&system_items(&start), "LBLSIZE");
    let label_bytes = label_bytes.ok_or_else(|| reader.malformed("its LBLSIZE is no number"))?;
    reader.awaited = "its label is complete";
    reader.seek_to(0)?;
    let items = system_items(&reader.bytes(label_bytes, MAX_LABEL_BYTES)?);
    let text = |keyword: &str| items.get(keyword).map_or("", String::as_str);
    let number = |keyword: &str| number_of(&items, keyword);
    let size = |keyword: &str| {
        let size = number(keyword).map(|it| u32::try_from(it).unwrap_or(u32::MAX));
        size.ok_or_else(|| reader.malformed(format_args!("its label has no {keyword}")))
    };
    if !matches!(text("COMPRESS"), "" | "NONE") {
        return Err(reader.unsupported("compression (COMPRESS)"));
    }
    let (sides, bands) = ((size("NS")?, size("NL")?), number("NB").unwrap_or(1).max(1));
    let bands = u32::try_from(bands).unwrap_or(u32::MAX);
    let sample_type = sample_type(text("FORMAT"), text("INTFMT"), text("REALFMT"));
    let sample_type =
        sample_type.ok_or_else(|| reader.unsupported("samples of a FORMAT, INTFMT or REALFMT"))?;
    let interleave = match text("ORG") {
        "" | "BSQ" => Interleave::Band,
        "BIL" => Interleave::Line,
        "BIP" => Interleave::Pixel,
        _ => return Err(reader.malformed("its ORG is none of BSQ, BIL and BIP")),
    };
    // binary data before each record, and records of it before the first
    let (prefix, header_records) = (number("NBB").unwrap_or(0), number("NLB").unwrap_or(0));
    let (width, height, planes) = (u64::from(sides.0), u64::from(sides.1), u64::from(bands));
    let samples = if interleave == Interleave::Pixel { planes } else { width };
    let record = prefix.saturating_add(samples.saturating_mul(sample_type.bytes()));
    let (pixel_step, row_step, band_step) = match interleave {
        Interleave::Band => (sample_type.bytes(), record, record.saturating_mul(height)),
        Interleave::Line => (sample_type.bytes(), record.saturating_mul(planes), record),
        Interleave::Pixel => (record, record.saturating_mul(width), sample_type.bytes()),
    };
    let header_bytes = header_records.saturating_mul(number("RECSIZE").unwrap_or(record));
    let layout = Layout {
        sample_type,
        sides,
        bands,
        start: label_bytes.saturating_add(header_bytes).saturating_add(prefix),
        pixel_step,
        row_step,
        band_step,
        frame_step: 0,
    };
    reader.awaited = "its first row is complete";
    if layout.start.saturating_add(layout.row_bytes()) > reader.end {
        return Err(reader.cut_off());
    }
    // EOL: more of the label follows the image
    let trailer = u64::from(number("EOL") == Some(1));
    let is_whole = layout.end(1).saturating_add(trailer) <= reader.end;
    Ok(Values {
        format: FORMAT,
        sides,
        bands,
        frames: 1,
        sample_type,
        scale: 1.0,
        zero: 0.0,
        missing: Vec::new(),
        is_bottom_up: false,
        is_whole,
        rows: layout,
    }
    .probed())
}

/// The kind of numbers. Labels without INTFMT and REALFMT are of a VAX.
fn sample_type(format: &str, integers: &str, reals: &str) -> Option<SampleType> {
    let (kind, bits) = match format {
        "BYTE" => (Kind::Unsigned, 8),
        "HALF" | "WORD" => (Kind::Signed, 16),
        "FULL" | "LONG" => (Kind::Signed, 32),
        "REAL" => (Kind::Float, 32),
        "DOUB" => (Kind::Float, 64),
        "COMP" | "COMPLEX" => (Kind::Complex, 64),
        _ => return None,
    };
    let is_integer = matches!(kind, Kind::Unsigned | Kind::Signed);
    let (kind, is_little_endian) = match if is_integer { integers } else { reals } {
        "LOW" => (kind, true),
        "HIGH" | "IEEE" => (kind, false),
        "RIEEE" => (kind, true),
        "" if is_integer => (kind, true),
        "" | "VAX" if kind == Kind::Float => (Kind::VaxFloat, true),
        _ => return None,
    };
    SampleType::new(kind, bits, is_little_endian)
}

fn number_of(items: &BTreeMap<String, String>, keyword: &str) -> Option<u64> {
    items.get(keyword)?.parse().ok()
}

/// The items that describe the file: those before the first property or task.
fn system_items(label: &[u8]) -> BTreeMap<String, String> {
    let mut items = BTreeMap::new();
    let label = label.split(|byte| *byte == 0).next().unwrap_or_default();
    let label = String::from_utf8_lossy(label);
    let mut rest = label.as_ref();
    while let Some((keyword, behind)) = rest.split_once('=') {
        let (keyword, behind) = (keyword.trim(), behind.trim_start());
        if matches!(keyword, "PROPERTY" | "TASK") {
            break;
        }
        let (value, after) = match behind.strip_prefix('\'') {
            Some(text) => text.split_once('\'').unwrap_or((text, "")),
            None => behind.split_once(char::is_whitespace).unwrap_or((behind, "")),
        };
        items.entry(keyword.to_owned()).or_insert_with(|| value.trim().to_owned());
        rest = after;
    }
    items
}
