//! Builds files of instruments: FITS, VICAR and PDS3 from their keywords and data, and camera raws.

/// Keywords and values.
pub type Cards<'a> = [(&'a str, &'a str)];

/// A header and its data, each filled up to whole blocks (FITS 4.0, section 3).
pub fn hdu(cards: &Cards<'_>, data: &[u8]) -> Vec<u8> {
    let card = |(keyword, value): &(&str, &str)| format!("{keyword:8}= {value:<70}");
    let mut unit = cards.iter().map(card).collect::<String>().into_bytes();
    unit.extend(format!("{:80}", "END").bytes());
    unit.resize(unit.len().next_multiple_of(2880), b' ');
    unit.extend(data);
    unit.resize(unit.len().next_multiple_of(2880), 0);
    unit
}

/// A FITS file of one array, whose first row of `data` is the lowest.
pub fn fits(bitpix: i32, axes: &[u32], others: &Cards<'_>, data: &[u8]) -> Vec<u8> {
    array("SIMPLE", "                   T", bitpix, axes, others, data)
}

/// The same as an extension: it follows another [`hdu`].
pub fn fits_extension(bitpix: i32, axes: &[u32], others: &Cards<'_>, data: &[u8]) -> Vec<u8> {
    array("XTENSION", "'IMAGE   '", bitpix, axes, others, data)
}

fn array(
    first: &str,
    value: &str,
    bitpix: i32,
    axes: &[u32],
    others: &Cards<'_>,
    data: &[u8],
) -> Vec<u8> {
    let mut cards = vec![
        (first.to_owned(), value.to_owned()),
        ("BITPIX".to_owned(), bitpix.to_string()),
        ("NAXIS".to_owned(), axes.len().to_string()),
    ];
    let lengths = axes.iter().enumerate();
    cards.extend(lengths.map(|(nth, length)| (format!("NAXIS{}", nth + 1), length.to_string())));
    let mut cards: Vec<(&str, &str)> =
        cards.iter().map(|(keyword, value)| (keyword.as_str(), value.as_str())).collect();
    cards.extend(others);
    hdu(&cards, data)
}

/// A VICAR file of a label of 512 bytes and its data.
pub fn vicar(items: &str, data: &[u8]) -> Vec<u8> {
    let mut file =
        format!("LBLSIZE=512  TYPE='IMAGE'  DIM=3  {items}  TASK='TEST'  NL=1").into_bytes();
    assert!(file.len() < 512, "the label is too long");
    file.resize(512, 0);
    file.extend(data);
    file
}

/// A PDS3 file of a label of 1024 bytes, whose IMAGE has these statements, and its data.
pub fn pds3(statements: &str, data: &[u8]) -> Vec<u8> {
    pds3_at("3", statements, data)
}

/// The same with another value of the pointer to the image.
pub fn pds3_at(pointer: &str, statements: &str, data: &[u8]) -> Vec<u8> {
    let label = format!(
        "PDS_VERSION_ID = PDS3\r\nRECORD_TYPE = FIXED_LENGTH\r\nRECORD_BYTES = 512\r\n\
         ^IMAGE = {pointer}\r\n/* LINES = 3 */\r\nOBJECT = IMAGE\r\n{}\r\nEND_OBJECT = IMAGE\r\nEND\r\n",
        statements.replace("; ", "\r\n")
    );
    assert!(label.len() < 1024, "the label is too long");
    let mut file = label.into_bytes();
    file.resize(1024, b' ');
    file.extend(data);
    file
}

/// An IFD of a [`raw`].
pub struct RawIfd<'a> {
    /// Tags and their values, without those of the strip and of SubIFDs.
    pub tags: &'a [(u16, u32)],
    /// The bytes of the strip.
    pub strip: &'a [u8],
    /// SubIFDs.
    pub sub_ifds: Vec<RawIfd<'a>>,
}

/// A camera raw that is a little-endian TIFF, of a chain of IFDs.
pub fn raw(chain: &[RawIfd<'_>]) -> Vec<u8> {
    let mut file = b"II\x2a\0\0\0\0\0".to_vec();
    let mut link = 4;
    for ifd in chain {
        let (at, next) = append(&mut file, ifd);
        file[link..link + 4].copy_from_slice(&at.to_le_bytes());
        link = next;
    }
    file
}

/// Appends an IFD. Returns its offset, and that of the offset of the next one.
fn append(file: &mut Vec<u8>, ifd: &RawIfd<'_>) -> (u32, usize) {
    let sub_ifds: Vec<u32> = ifd.sub_ifds.iter().map(|it| append(file, it).0).collect();
    let strip = file.len() as u32;
    file.extend(ifd.strip);
    let list = file.len() as u32;
    sub_ifds.iter().for_each(|it| file.extend(it.to_le_bytes()));
    let mut entries: Vec<(u16, u32, u32)> =
        ifd.tags.iter().map(|(tag, value)| (*tag, 1, *value)).collect();
    entries.extend([(273, 1, strip), (279, 1, ifd.strip.len() as u32)]);
    match sub_ifds.as_slice() {
        [] => {}
        [only] => entries.push((330, 1, *only)),
        many => entries.push((330, many.len() as u32, list)),
    }
    entries.sort_unstable();
    let at = file.len() as u32;
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, count, value) in entries {
        file.extend([tag, 4].map(u16::to_le_bytes).as_flattened());
        file.extend([count, value].map(u32::to_le_bytes).as_flattened());
    }
    let next = file.len();
    file.extend([0; 4]);
    (at, next)
}

/// The tags of a preview in JPEG, as a strip.
pub const JPEG_STRIP: [(u16, u32); 3] = [(254, 1), (259, 7), (262, 6)];
/// The tags of sensor data: 8 × 8 samples of 16 bits of a colour filter array.
pub const SENSOR_DATA: [(u16, u32); 6] =
    [(256, 8), (257, 8), (258, 16), (259, 1), (262, 32_803), (277, 1)];
