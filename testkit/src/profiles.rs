//! Builds ICC profiles from their tags, and files that carry them.

use image::{DynamicImage, ImageBuffer, Rgb};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::pictures::{encoded, named, one_pixel, png, riff};
use crate::seeds::{chunk, deflated};

/// A colour space of three primaries and one power function.
#[derive(Debug, Clone, Copy)]
pub struct Space {
    /// XYZ of red, green and blue under D50.
    pub colorants: [[f64; 3]; 3],
    /// The exponent of coded values.
    pub gamma: f64,
}

/// The primaries of sRGB. With `gamma` 1, its light.
pub const SRGB: [[f64; 3]; 3] = [
    [0.436_07, 0.222_49, 0.013_92],
    [0.385_15, 0.716_87, 0.097_08],
    [0.143_07, 0.060_61, 0.714_10],
];

/// Apple's Display P3, with a power function in place of that of sRGB.
pub const DISPLAY_P3: Space = Space {
    colorants: [
        [0.515_12, 0.241_20, -0.001_05],
        [0.291_98, 0.692_25, 0.041_89],
        [0.157_10, 0.066_57, 0.784_07],
    ],
    gamma: 2.2,
};

/// Adobe RGB (1998).
pub const ADOBE_RGB: Space = Space {
    colorants: [
        [0.609_74, 0.311_11, 0.019_47],
        [0.205_28, 0.625_67, 0.060_87],
        [0.149_19, 0.063_22, 0.744_57],
    ],
    gamma: 2.199_218_75,
};

/// ProPhoto RGB (ISO 22028-2: ROMM RGB), without the straight part of its curve.
pub const PRO_PHOTO: Space = Space {
    colorants: [
        [0.797_67, 0.288_04, 0.0],
        [0.135_19, 0.711_87, 0.0],
        [0.031_35, 0.000_09, 0.824_91],
    ],
    gamma: 1.8,
};

/// The primaries of sRGB in another order: the file's blue, red and green are shown as red, green and
/// blue.
pub const GBR: Space = Space { colorants: [SRGB[1], SRGB[2], SRGB[0]], gamma: 2.2 };

impl Space {
    /// The coded values, 0 to 1, of a colour of sRGB that is inside of the space.
    pub fn coded(&self, srgb: [f64; 3]) -> [f64; 3] {
        let xyz = xyz(srgb);
        let determinant = |of: [[f64; 3]; 3]| {
            let [[a, b, c], [d, e, f], [g, h, i]] = of;
            a * (e * i - f * h) - d * (b * i - c * h) + g * (b * f - c * e)
        };
        [0, 1, 2].map(|channel| {
            let mut replaced = self.colorants;
            replaced[channel] = xyz;
            let light = determinant(replaced) / determinant(self.colorants);
            light.clamp(0.0, 1.0).powf(1.0 / self.gamma)
        })
    }

    /// Its profile.
    pub fn profile(&self) -> Vec<u8> {
        let curve = || tone_curve(self.gamma);
        let [red, green, blue] = self.colorants.map(xyz_tag);
        let tags = [(b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue)];
        let curves = [(b"rTRC", curve()), (b"gTRC", curve()), (b"bTRC", curve())];
        icc(b"RGB ", b"XYZ ", &[tags, curves].concat())
    }

    /// A picture of sRGB in 16 bits, coded in this space.
    pub fn encoded(&self, picture: &DynamicImage) -> DynamicImage {
        let mut picture = picture.to_rgb16();
        for pixel in picture.pixels_mut() {
            let coded = self.coded(pixel.0.map(|value| f64::from(value) / 65_535.0));
            pixel.0 = coded.map(|value| (value * 65_535.0).round() as u16);
        }
        picture.into()
    }
}

/// Linear light of a coded value of sRGB.
pub fn linear(coded: f64) -> f64 {
    if coded <= 0.04045 { coded / 12.92 } else { ((coded + 0.055) / 1.055).powf(2.4) }
}

/// The inverse of [`linear`].
pub fn coded(light: f64) -> f64 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// XYZ under D50 of sRGB.
fn xyz(srgb: [f64; 3]) -> [f64; 3] {
    let light = srgb.map(linear);
    [0, 1, 2].map(|row| (0..3).map(|it| light[it] * SRGB[it][row]).sum())
}

/// CIE L*, a* and b* under D50 of sRGB.
pub fn lab(srgb: [f64; 3]) -> [f64; 3] {
    let white = xyz([1.0; 3]);
    let xyz = xyz(srgb);
    let [x, y, z] = [0, 1, 2].map(|it| {
        let ratio: f64 = xyz[it] / white[it];
        if ratio > 0.008_856 { ratio.cbrt() } else { 7.787 * ratio + 16.0 / 116.0 }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// A picture of 6 × 4 areas of colours, some of them grey: 96 × 64 pixels times `scale`.
pub fn patches(scale: u32) -> DynamicImage {
    let area = 16 * scale;
    ImageBuffer::<Rgb<u16>, _>::from_fn(96 * scale, 64 * scale, |x, y| {
        let (column, row) = ((x / area) as u16, (y / area) as u16);
        Rgb(match row {
            0 => [16_000 + 8_000 * column; 3],
            1 => [8_000 * column + 15_000, 55_000 - 7_000 * column, 20_000],
            2 => [55_000, 7_000 * column + 15_000, 50_000 - 6_000 * column],
            _ => [7_000 * column + 15_000, 30_000, 7_000 * column + 16_000],
        })
    })
    .into()
}

/// A profile of that device colour space and connection space.
pub fn icc(space: &[u8; 4], pcs: &[u8; 4], tags: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut profile = vec![0; 128];
    profile[8..12].copy_from_slice(&[4, 0x20, 0, 0]);
    profile[12..16].copy_from_slice(if space == b"RGB " { b"mntr" } else { b"prtr" });
    profile[16..20].copy_from_slice(space);
    profile[20..24].copy_from_slice(pcs);
    profile[24..36].copy_from_slice([2026, 1, 1, 0, 0, 0].map(u16::to_be_bytes).as_flattened());
    profile[36..40].copy_from_slice(b"acsp");
    profile[68..80].copy_from_slice(&fixed(&[0.9642, 1.0, 0.8249]));
    profile.extend((tags.len() as u32).to_be_bytes());
    let mut at = profile.len() + 12 * tags.len();
    for (signature, data) in tags {
        profile.extend(*signature);
        profile.extend([at as u32, data.len() as u32].map(u32::to_be_bytes).as_flattened());
        at += data.len().next_multiple_of(4);
    }
    for (_, data) in tags {
        profile.extend(data);
        profile.resize(profile.len().next_multiple_of(4), 0);
    }
    let length = profile.len() as u32;
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile
}

/// A profile of grey with a power function.
pub fn grey(gamma: f64) -> Vec<u8> {
    icc(b"GRAY", b"XYZ ", &[(b"kTRC", tone_curve(gamma))])
}

/// Numbers as `s15Fixed16Number`.
fn fixed(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| ((value * 65_536.0).round() as i32).to_be_bytes()).collect()
}

/// An `XYZType`.
fn xyz_tag(xyz: [f64; 3]) -> Vec<u8> {
    [b"XYZ \0\0\0\0", &fixed(&xyz)[..]].concat()
}

/// A `curveType` of a power function.
pub fn tone_curve(gamma: f64) -> Vec<u8> {
    let gamma = ((gamma * 256.0).round() as u16).to_be_bytes();
    [b"curv\0\0\0\0\0\0\0\x01", &gamma[..]].concat()
}

/// A `curveType` of values, 0 to 1.
pub fn sampled_curve(values: &[f64]) -> Vec<u8> {
    let mut curve = [b"curv\0\0\0\0", &(values.len() as u32).to_be_bytes()[..]].concat();
    curve.extend(values.iter().flat_map(|value| ((value * 65_535.0).round() as u16).to_be_bytes()));
    curve
}

/// A `parametricCurveType`.
pub fn parametric_curve(kind: u16, parameters: &[f64]) -> Vec<u8> {
    [b"para\0\0\0\0", &kind.to_be_bytes()[..], &[0; 2], &fixed(parameters)].concat()
}

/// How a table of colours is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// `lut8Type`.
    Lut8,
    /// `lut16Type`.
    Lut16,
    /// `lutAToBType`.
    LutAToB,
}

/// A profile whose tag A2B0 has the colours `srgb` of every point of a grid, as L*a*b*.
pub fn table_profile(
    space: &[u8; 4],
    table: Table,
    grid: u8,
    srgb: impl Fn(&[f64]) -> [f64; 3],
) -> Vec<u8> {
    let channels = if space == b"CMYK" { 4_u8 } else { 3 };
    let mut values = Vec::new();
    for point in 0..usize::from(grid).pow(channels.into()) {
        let position = |channel: u8| {
            let index = point / usize::from(grid).pow((channels - 1 - channel).into());
            (index % usize::from(grid)) as f64 / f64::from(grid - 1)
        };
        let device: Vec<f64> = (0..channels).map(position).collect();
        let [l, a, b] = lab(srgb(&device));
        values.extend([l / 100.0, (a + 128.0) / 255.0, (b + 128.0) / 255.0]);
    }
    let bytes = || values.iter().map(|value| (value * 255.0).round() as u8);
    let words = |white: f64| {
        let values = values.iter();
        values.flat_map(move |value| ((value * white).round() as u16).to_be_bytes())
    };
    let header = [channels, 3, grid, 0];
    let identity = fixed(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    let mut data = Vec::new();
    match table {
        Table::Lut8 => {
            data.extend([b"mft1\0\0\0\0", &header[..], &identity].concat());
            (0..channels).for_each(|_| data.extend(0..=255));
            data.extend(bytes());
            (0..3).for_each(|_| data.extend(0..=255));
        }
        Table::Lut16 => {
            data.extend([b"mft2\0\0\0\0", &header[..], &identity, &[0, 2, 0, 2]].concat());
            (0..channels).for_each(|_| data.extend([0, 0, 0xff, 0xff]));
            data.extend(words(65_280.0));
            (0..3).for_each(|_| data.extend([0, 0, 0xff, 0xff]));
        }
        Table::LutAToB => {
            // offsets of B curves, matrix, M curves, table and A curves
            let a_curves = 32 + 3 * 16;
            let clut = a_curves + u32::from(channels) * 12;
            let offsets = [32, 0, 0, clut, a_curves].map(u32::to_be_bytes);
            data.extend(
                [b"mAB \0\0\0\0", &[channels, 3, 0, 0][..], offsets.as_flattened()].concat(),
            );
            (0..3).for_each(|_| data.extend(parametric_curve(0, &[1.0])));
            (0..channels).for_each(|_| data.extend(b"curv\0\0\0\0\0\0\0\0"));
            let mut points = [0; 16];
            points[..channels.into()].fill(grid);
            data.extend([&points[..], &[2, 0, 0, 0]].concat());
            data.extend(words(65_535.0));
        }
    }
    icc(space, b"Lab ", &[(b"A2B0", data)])
}

/// Small files with profiles of every kind.
pub fn files() -> impl Iterator<Item = (String, Vec<u8>)> {
    let picture = one_pixel();
    let file = png(&picture);
    let identity = |rgb: &[f64]| [rgb[0], rgb[1], rgb[2]];
    let ink = jpeg((8, 8), ColorType::Cmyk, &[100; 256]);
    let with_ink =
        |table| jpeg_with_profile(&table_profile(b"CMYK", table, 2, identity), 300, &ink);
    let files = [
        ("PNG of Display P3", png_with_profile(&DISPLAY_P3.profile(), &file)),
        ("PNG of PQ", png_with(b"cICP", &[9, 16, 0, 1], &file)),
        ("PNG of a gamma", png_with(b"gAMA", &100_000_u32.to_be_bytes(), &file)),
        ("WebP of Adobe RGB", {
            let file = encoded(&picture, named("WebP"));
            webp_with_profile(&ADOBE_RGB.profile(), (1, 1), &file)
        }),
        ("BMP of ProPhoto", bmp_v5(&picture, b"DEBM", [0; 12], &PRO_PHOTO.profile())),
        ("BMP of numbers", bmp_v5(&picture, &[0; 4], [1 << 28; 12], &[])),
        ("JPEG of ink by lut8Type", with_ink(Table::Lut8)),
        ("JPEG of ink by lut16Type", with_ink(Table::Lut16)),
        ("JPEG of ink by lutAToBType", with_ink(Table::LutAToB)),
    ];
    files.into_iter().map(|(name, file)| (name.to_owned(), file))
}

/// A PNG with a chunk behind its header.
pub fn png_with(kind: &[u8; 4], data: &[u8], file: &[u8]) -> Vec<u8> {
    let mut inserted = Vec::new();
    chunk(&mut inserted, kind, data);
    // the signature and IHDR
    [&file[..33], &inserted, &file[33..]].concat()
}

/// A PNG with a profile.
pub fn png_with_profile(profile: &[u8], file: &[u8]) -> Vec<u8> {
    png_with(b"iCCP", &[&b"made\0\0"[..], &deflated(profile)].concat(), file)
}

/// A JPEG of pixels of that kind, of quality 95 and without subsampling.
pub fn jpeg(sides: (u32, u32), kind: ColorType, pixels: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 95);
    encoder.set_sampling_factor(SamplingFactor::F_1_1);
    encoder.encode(pixels, sides.0 as u16, sides.1 as u16, kind).expect("it is small");
    file
}

/// A JPEG with a profile in parts of that length, the last one first.
pub fn jpeg_with_profile(profile: &[u8], part_bytes: usize, file: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = profile.chunks(part_bytes).collect();
    let numbered = parts.iter().zip(1..=parts.len() as u8).rev();
    let segments = numbered.flat_map(|(part, number)| {
        let length = (part.len() as u16 + 16).to_be_bytes();
        let mut segment = [&[0xff, 0xe2], &length[..], b"ICC_PROFILE\0"].concat();
        segment.extend([number, parts.len() as u8]);
        segment.extend(*part);
        segment
    });
    [&file[..2], &segments.collect::<Vec<u8>>(), &file[2..]].concat()
}

/// A still WebP of that width and height with a profile.
pub fn webp_with_profile(profile: &[u8], (width, height): (u32, u32), file: &[u8]) -> Vec<u8> {
    let side = |side: u32| (side - 1).to_le_bytes();
    let ([w0, w1, w2, _], [h0, h1, h2, _]) = (side(width), side(height));
    let header = riff(b"VP8X", &[0x20, 0, 0, 0, w0, w1, w2, h0, h1, h2]);
    let chunks = [&header[..], &riff(b"ICCP", profile), &file[12..]].concat();
    riff(b"RIFF", &[b"WEBP", &chunks[..]].concat())
}

/// A BMP of 24 bits with a BITMAPV5HEADER: its colour space, the bytes from `bV4Endpoints` to
/// `bV4GammaBlue`, and a profile.
pub fn bmp_v5(
    picture: &DynamicImage,
    space: &[u8; 4],
    numbers: [u32; 12],
    profile: &[u8],
) -> Vec<u8> {
    let pixels = picture.to_rgb8();
    let (width, height) = pixels.dimensions();
    let row_bytes = (3 * width).next_multiple_of(4);
    let pixel_bytes = row_bytes * height;
    let mut file = b"BM\0\0\0\0\0\0\0\0".to_vec();
    file.extend(
        [14 + 124, 124, width, height, 1 | 24 << 16, 0, pixel_bytes]
            .map(u32::to_le_bytes)
            .as_flattened(),
    );
    file.extend([0; 4 * 8]);
    file.extend(space);
    file.extend(numbers.map(u32::to_le_bytes).as_flattened());
    let profile_at = if profile.is_empty() { 0 } else { 124 + pixel_bytes };
    file.extend([0, profile_at, profile.len() as u32, 0].map(u32::to_le_bytes).as_flattened());
    for row in pixels.rows().rev() {
        let start = file.len();
        row.for_each(|pixel| file.extend([pixel.0[2], pixel.0[1], pixel.0[0]]));
        file.resize(start + row_bytes as usize, 0);
    }
    file.extend(profile);
    file
}
