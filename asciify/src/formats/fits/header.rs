//! Header units: cards of a keyword and a value, in blocks (FITS 4.0, sections 3.1 and 4).

use std::collections::BTreeMap;

use crate::error::Error;
use crate::format::Format;
use crate::formats::reader::ByteReader;

pub(super) const FORMAT: Format =
    Format::new("FITS", "image/fits", "fits").also(&["fit", "fts", "fz"]).read_in_parts();

const BLOCK_BYTES: u64 = 2880;
const CARD_BYTES: usize = 80;
/// Cards of all headers of a file that are read; real files have some thousands.
pub(super) const MAX_CARDS: u64 = 1 << 16;
/// Axes that FITS allows.
const MAX_AXES: i64 = 999;

/// How the keywords begin that are kept.
const KEPT: [&str; 13] = [
    "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "PCOUNT", "GCOUNT", "GROUPS", "BSCALE", "BZERO",
    "BLANK", "CTYPE3", "T", "Z",
];

/// A header.
pub(super) struct Header {
    /// Values by keyword, as they are written.
    values: BTreeMap<String, String>,
    /// The offset in the file of what follows the header.
    pub(super) data_offset: u64,
}

impl Header {
    /// Reads a header unit. `cards_left` says how many cards may follow in this file.
    ///
    /// # Errors
    /// The file ends before its END, or has too many cards.
    pub(super) fn read(reader: &mut ByteReader<'_>, cards_left: &mut u64) -> Result<Self, Error> {
        let mut values = BTreeMap::new();
        loop {
            let block: [u8; BLOCK_BYTES as usize] = reader.array()?;
            let (cards, _) = block.as_chunks::<CARD_BYTES>();
            let Some(left) = cards_left.checked_sub(cards.len() as u64) else {
                let reason = format_args!("its headers have more than {MAX_CARDS} cards");
                return Err(reader.malformed(reason));
            };
            *cards_left = left;
            for card in cards {
                let keyword = String::from_utf8_lossy(&card[..8]);
                let keyword = keyword.trim_end_matches(' ');
                if keyword == "END" {
                    return Ok(Self { values, data_offset: reader.position });
                }
                if &card[8..10] == b"= " && KEPT.iter().any(|it| keyword.starts_with(it)) {
                    let value = String::from_utf8_lossy(&card[10..]).trim().to_owned();
                    values.entry(keyword.to_owned()).or_insert(value);
                }
            }
        }
    }

    /// The text of a character string, without trailing spaces (4.2.1).
    pub(super) fn text(&self, keyword: &str) -> Option<String> {
        let quoted = self.values.get(keyword)?.strip_prefix('\'')?;
        // a quote is written twice
        let parts: Vec<&str> = quoted.split("''").collect();
        let mut text = String::new();
        for (index, part) in parts.iter().enumerate() {
            let (part, is_last) = match part.split_once('\'') {
                Some((part, _comment)) => (part, true),
                None => (*part, index + 1 == parts.len()),
            };
            text.push_str(part);
            if is_last {
                break;
            }
            text.push('\'');
        }
        Some(text.trim_end().to_owned())
    }

    /// A value that is no text, without its comment.
    fn word(&self, keyword: &str) -> Option<&str> {
        self.values.get(keyword)?.split('/').next().map(str::trim)
    }

    pub(super) fn integer(&self, keyword: &str) -> Option<i64> {
        let word = self.word(keyword)?;
        // some writers add a decimal point
        word.parse().ok().or_else(|| word.strip_suffix('.')?.parse().ok())
    }

    /// A finite number; `D` may begin its exponent (4.2.4).
    pub(super) fn real(&self, keyword: &str) -> Option<f64> {
        let number: f64 = self.word(keyword)?.replace(['D', 'd'], "E").parse().ok()?;
        number.is_finite().then_some(number)
    }

    pub(super) fn is_true(&self, keyword: &str) -> bool {
        self.word(keyword) == Some("T")
    }

    pub(super) fn has(&self, keyword: &str) -> bool {
        self.values.contains_key(keyword)
    }

    /// The lengths of the axes, of the keywords `NAXIS` or `ZNAXIS`. Empty if one is invalid.
    pub(super) fn axes(&self, keyword: &str) -> Vec<u64> {
        let count = self.integer(keyword).unwrap_or(0).clamp(0, MAX_AXES);
        let axis = |nth| u64::try_from(self.integer(&format!("{keyword}{nth}"))?).ok();
        (1..=count).map(axis).collect::<Option<_>>().unwrap_or_default()
    }

    /// The offset of the next header: data fill whole blocks (3.3.2 and 6.1). Saturates.
    pub(super) fn next_offset(&self) -> u64 {
        let count = |keyword, default| {
            self.integer(keyword).map_or(default, |it| u64::try_from(it).unwrap_or(0))
        };
        let axes = self.axes("NAXIS");
        let is_grouped = self.is_true("GROUPS") && axes.first() == Some(&0);
        let axes = if is_grouped { &axes[1..] } else { &axes };
        let values =
            axes.iter().fold(u64::from(!axes.is_empty()), |all, it| all.saturating_mul(*it));
        let bytes = self.integer("BITPIX").unwrap_or(0).unsigned_abs() / 8;
        let data = values
            .saturating_add(count("PCOUNT", 0))
            .saturating_mul(count("GCOUNT", 1))
            .saturating_mul(bytes);
        self.data_offset.saturating_add(data.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES))
    }
}
