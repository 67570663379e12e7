//! Builds TIFFs of any sample format, from their tags.

use std::io::Cursor;

use tiff::encoder::colortype::ColorType;
use tiff::encoder::{Compression, Predictor, TiffEncoder, TiffValue};
use tiff::tags::Tag;

/// Width and height of all of them, in pixels.
pub const SIDES: (u32, u32) = (60, 20);

/// One value per pixel: its column.
pub fn values<T>(value: impl Fn(f64) -> T) -> Vec<T> {
    (0..SIDES.1).flat_map(|_| (0..SIDES.0).map(f64::from)).map(value).collect()
}

/// An LZW-compressed TIFF of `values`, row-major; `no_data` is the text of its tag GDAL_NODATA.
pub fn tiff<C: ColorType>(
    values: &[C::Inner],
    predictor: Predictor,
    no_data: Option<&str>,
) -> Vec<u8>
where
    [C::Inner]: TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let encoder = TiffEncoder::new(&mut file).expect("it is in memory");
    let mut encoder = encoder.with_compression(Compression::Lzw).with_predictor(predictor);
    let mut image = encoder.new_image::<C>(SIDES.0, SIDES.1).expect("it is in memory");
    image.rows_per_strip(7).expect("a few rows");
    if let Some(no_data) = no_data {
        image.encoder().write_tag(Tag::Unknown(42_113), no_data).expect("it is in memory");
    }
    image.write_data(values).expect("as many values as pixels");
    file.into_inner()
}

/// Tags and their values.
pub type Tags<'a> = [(u16, &'a [u32])];

/// A little-endian TIFF: an IFD for each page, with its tags and its data in one strip.
pub fn by_hand(pages: &[(&Tags<'_>, &[u8])]) -> Vec<u8> {
    let mut file = b"II\x2a\0\0\0\0\0".to_vec();
    let mut link = 4;
    for (tags, data) in pages {
        let data_at = file.len() as u32;
        file.extend(*data);
        let mut entries = Vec::new();
        let strip = [(273, &[data_at][..]), (279, &[data.len() as u32][..])];
        let mut all: Vec<(u16, &[u32])> = tags.iter().copied().chain(strip).collect();
        all.sort_by_key(|(tag, _)| *tag);
        for (tag, values) in &all {
            let value = match values {
                [only] => *only,
                many => {
                    let at = file.len() as u32;
                    many.iter().for_each(|value| file.extend(value.to_le_bytes()));
                    at
                }
            };
            entries.extend(tag.to_le_bytes());
            entries.extend(4_u16.to_le_bytes());
            entries.extend([values.len() as u32, value].map(u32::to_le_bytes).as_flattened());
        }
        let at = file.len() as u32;
        file[link..link + 4].copy_from_slice(&at.to_le_bytes());
        file.extend((all.len() as u16).to_le_bytes());
        file.extend(entries);
        link = file.len();
        file.extend([0; 4]);
    }
    file
}

/// The tags of a page of [`SIDES`] with one sample per pixel, and `others`, which take precedence.
pub fn page<'a>(bits: &'a [u32], others: &[(u16, &'a [u32])]) -> Vec<(u16, &'a [u32])> {
    let mut tags: Vec<(u16, &[u32])> =
        vec![(256, &[SIDES.0]), (257, &[SIDES.1]), (258, bits), (277, &[1]), (262, &[1])];
    for other in others {
        tags.retain(|(tag, _)| tag != &other.0);
        tags.push(*other);
    }
    tags
}

/// Numbers of any width, packed from the most significant bit; rows start at a byte.
pub fn packed(bits: u32, value: impl Fn(u32) -> u64) -> Vec<u8> {
    let mut data = Vec::new();
    for _ in 0..SIDES.1 {
        let mut row = Vec::new();
        let bit = |value: u64, bit: u32| (value >> (bits - 1 - bit) & 1) as u8;
        (0..SIDES.0).for_each(|x| row.extend((0..bits).map(|at| bit(value(x), at))));
        row.resize(row.len().next_multiple_of(8), 0);
        data.extend(row.chunks(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)));
    }
    data
}

/// A frame of Zstandard (RFC 8878) with that Window_Descriptor, of blocks that repeat a byte: of each,
/// the number of bytes and the byte.
pub fn zstd(window: u8, blocks: &[(u32, u8)]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0, window];
    for (index, (bytes, value)) in blocks.iter().enumerate() {
        let is_last = u32::from(index + 1 == blocks.len());
        frame.extend(&(is_last | 1 << 1 | bytes << 3).to_le_bytes()[..3]);
        frame.push(*value);
    }
    frame
}

/// A blob of LERC2, version 2, of one byte at each of so many pixels across and down.
pub fn lerc(sides: (u32, u32), value: u8) -> Vec<u8> {
    const BYTE: u32 = 1;
    let pixels = sides.0 * sides.1;
    let mut blob = b"Lerc2 ".to_vec();
    // the length of the blob is 62
    let integers = [2, sides.1, sides.0, pixels, 8, 62, BYTE];
    integers.iter().for_each(|it| blob.extend(it.to_le_bytes()));
    // the error, the least and the greatest value
    [0.5, value.into(), f64::from(value)].iter().for_each(|it| blob.extend(it.to_le_bytes()));
    // no mask
    blob.extend([0; 4]);
    blob
}

/// The tags of a [`geotiff`]. Empty ones are left out.
#[derive(Clone, Copy)]
pub struct GeoTags<'a> {
    /// Pairs of a GeoKey and its value.
    pub keys: &'a [u16],
    /// ModelPixelScale.
    pub scale: &'a [f64],
    /// ModelTiepoint.
    pub tie_point: &'a [f64],
    /// ModelTransformation.
    pub matrix: &'a [f64],
}

impl Default for GeoTags<'_> {
    /// Pixels of 10 m in UTM zone 33 north.
    fn default() -> Self {
        Self {
            keys: &[1024, 1, 1025, 1, 3072, 32_633],
            scale: &[10.0, 10.0, 0.0],
            tie_point: &[0.0, 0.0, 0.0, 300_000.0, 5_000_000.0, 0.0],
            matrix: &[],
        }
    }
}

/// A GeoTIFF of 60 × 40 pixels of 16 bits, brighter to the right and to the bottom, with a scale, an
/// offset and a value of missing samples.
pub fn geotiff(tags: &GeoTags<'_>) -> Vec<u8> {
    const METADATA: &str = "<GDALMetadata>\
        <Item name=\"SCALE\" sample=\"0\" role=\"scale\">0.0001</Item>\
        <Item name=\"OFFSET\" sample=\"0\" role=\"offset\">-0.1</Item></GDALMetadata>";
    let (width, height) = (60, 40);
    let values = (0..height).flat_map(|y| (0..width).map(move |x| 1000 + 50 * x + 20 * y));
    let values: Vec<u16> = values.collect();
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).expect("it is in memory");
    let image = encoder.new_image::<tiff::encoder::colortype::Gray16>(60, 40);
    let mut image = image.expect("it is in memory");
    let directory = image.encoder();
    for (tag, numbers) in [(33_550, tags.scale), (33_922, tags.tie_point), (34_264, tags.matrix)] {
        if !numbers.is_empty() {
            directory.write_tag(Tag::Unknown(tag), numbers).expect("it is in memory");
        }
    }
    let keys = tags.keys.as_chunks().0;
    let mut key_directory = vec![1, 1, 0, keys.len() as u16];
    keys.iter().for_each(|[key, value]| key_directory.extend([*key, 0, 1, *value]));
    directory.write_tag(Tag::Unknown(34_735), &key_directory[..]).expect("it is in memory");
    for (tag, text) in [(42_112, METADATA), (42_113, "7")] {
        directory.write_tag(Tag::Unknown(tag), text).expect("it is in memory");
    }
    image.write_data(&values).expect("it is in memory");
    file.into_inner()
}
