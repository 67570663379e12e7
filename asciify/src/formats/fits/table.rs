//! Columns of binary tables (section 7.3).

use super::header::Header;
use crate::formats::values::sample_type::{Kind, SampleType};

const MAX_COLUMNS: i64 = 999;

/// A column of the table.
#[derive(Clone, Copy)]
pub(super) struct Column {
    /// Its offset in a row.
    offset: usize,
    /// The code of its type: table 18.
    code: char,
    /// The code of the elements that a descriptor points to.
    element: char,
}

impl Column {
    /// Length in bytes and offset in the heap of a variable-length array (7.3.5).
    pub(super) fn descriptor(self, row: &[u8]) -> (u64, u64) {
        let at = |offset: usize| row.get(self.offset + offset..);
        let short =
            |offset| at(offset).and_then(<[u8]>::first_chunk).map(|it| u32::from_be_bytes(*it));
        let long =
            |offset| at(offset).and_then(<[u8]>::first_chunk).map(|it| u64::from_be_bytes(*it));
        let (count, offset) = match self.code {
            'P' => (short(0).map(u64::from), short(4).map(u64::from)),
            _ => (long(0), long(8)),
        };
        let bytes = bytes_of(self.element).unwrap_or(1);
        (count.unwrap_or(0).saturating_mul(bytes), offset.unwrap_or(0))
    }

    /// A number of the types E, D, I, J or K.
    pub(super) fn number(self, row: &[u8]) -> Option<f64> {
        let (kind, bits) = match self.code {
            'E' => (Kind::Float, 32),
            'D' => (Kind::Float, 64),
            'I' => (Kind::Signed, 16),
            'J' => (Kind::Signed, 32),
            'K' => (Kind::Signed, 64),
            _ => return None,
        };
        let mut number = f64::NAN;
        let sample_type = SampleType::new(kind, bits, false)?;
        sample_type.read(
            row.get(self.offset..)?,
            sample_type.bytes() as usize,
            [&mut number].into_iter(),
        );
        Some(number)
    }
}

/// The columns of a table (7.3.1), by name. Those behind the end of a row are left out.
pub(super) fn columns(header: &Header, row_bytes: u64) -> Vec<(String, Column)> {
    let mut columns = Vec::new();
    let mut offset = 0_u64;
    for nth in 1..=header.integer("TFIELDS").unwrap_or(0).min(MAX_COLUMNS) {
        let form = header.text(&format!("TFORM{nth}")).unwrap_or_default();
        let digits = form.bytes().take_while(u8::is_ascii_digit).count();
        let count: u64 = if digits == 0 { 1 } else { form[..digits].parse().unwrap_or(u64::MAX) };
        let mut codes = form[digits..].chars();
        let Some(code) = codes.next() else { break };
        let bytes = match (code, bytes_of(code)) {
            ('X', _) => count.div_ceil(8),
            (_, Some(bytes)) => count.saturating_mul(bytes),
            (_, None) => break,
        };
        let column = Column { offset: offset as usize, code, element: codes.next().unwrap_or('B') };
        offset = offset.saturating_add(bytes);
        if offset > row_bytes {
            break;
        }
        let name = header.text(&format!("TTYPE{nth}")).unwrap_or_default();
        columns.push((name.trim().to_ascii_uppercase(), column));
    }
    columns
}

/// Bytes of a value of a type: table 18.
fn bytes_of(code: char) -> Option<u64> {
    match code {
        'L' | 'B' | 'A' => Some(1),
        'I' => Some(2),
        'J' | 'E' => Some(4),
        'K' | 'D' | 'C' | 'P' => Some(8),
        'M' | 'Q' => Some(16),
        _ => None,
    }
}
