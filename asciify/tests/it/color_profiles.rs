//! Colour profiles: a picture looks the same in whatever colour space it is stored.

use std::io::Cursor;
use std::slice::from_ref;

use asciify::{Cell, Limits, probe};
use image::DynamicImage;
use jpeg_encoder::ColorType;
use testkit::cpu;
use testkit::heifs::{boxed, coded, heif};
use testkit::mutator::with_mutations;
use testkit::pictures::{alpha, drawn, encoded, named, png, text};
use testkit::profiles::{
    ADOBE_RGB, DISPLAY_P3, GBR, PRO_PHOTO, SRGB, Space, Table, bmp_v5, coded as coded_srgb, grey,
    icc, jpeg, jpeg_with_profile, linear, parametric_curve, patches, png_with, png_with_profile,
    sampled_curve, table_profile, webp_with_profile,
};
use testkit::samples::{bytes, foreign, lossy_webps};
use tiff::encoder::TiffEncoder;
use tiff::encoder::colortype::{CMYK8, CMYK16, ColorType as TiffColor, RGB8, RGB16};
use tiff::tags::Tag;

/// A cell for each area of [`patches`].
const AREAS: &str =
    "width=6&height=4&fit=stretch&tone=natural&symbols=half&color=full&color_on=both";

/// Red, green and blue of each cell: the mean light of its halves.
fn colors(file: &[u8], spec: &str) -> Vec<[u8; 3]> {
    let grid = drawn(file, spec).expect("a valid file");
    let mean = |cell: &Cell| {
        let [foreground, background] =
            [cell.foreground, cell.background].map(|it| it.map_or([0; 3], |it| it.rgb()));
        let halves = match cell.symbol {
            ' ' => [background; 2],
            '█' => [foreground; 2],
            _ => [foreground, background],
        };
        [0, 1, 2].map(|channel| {
            let light = |half: [u8; 3]| linear(f64::from(half[channel]) / 255.0);
            (coded_srgb((light(halves[0]) + light(halves[1])) / 2.0) * 255.0).round() as u8
        })
    };
    grid.lines().flatten().map(mean).collect()
}

/// The largest difference of any value of two lists of colours.
fn difference(left: &[[u8; 3]], right: &[[u8; 3]]) -> u8 {
    assert_eq!(left.len(), right.len());
    let values = left.as_flattened().iter().zip(right.as_flattened());
    values.map(|(left, right)| left.abs_diff(*right)).max().unwrap_or(0)
}

/// Colours of sRGB as they look with the profile [`GBR`].
fn exchanged(colors: &[[u8; 3]]) -> Vec<[u8; 3]> {
    colors.iter().map(|[r, g, b]| [*b, *r, *g]).collect()
}

fn assert_near(found: &[[u8; 3]], wanted: &[[u8; 3]], most: u8, what: &str) {
    assert!(difference(found, wanted) <= most, "{what}:\n{found:?}\n{wanted:?}");
}

fn sides(picture: &DynamicImage) -> (u32, u32) {
    (picture.width(), picture.height())
}

fn rgb8(picture: &DynamicImage) -> DynamicImage {
    picture.to_rgb8().into()
}

/// A TIFF with a profile.
fn tiff_with_profile<C: TiffColor>(
    profile: &[u8],
    sides: (u32, u32),
    values: &[C::Inner],
) -> Vec<u8>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).expect("it is in memory");
    let mut image = encoder.new_image::<C>(sides.0, sides.1).expect("it is in memory");
    image.encoder().write_tag(Tag::IccProfile, profile).expect("it is in memory");
    image.write_data(values).expect("as many values as pixels");
    file.into_inner()
}

/// A picture with a profile in every container, with a bound of the rounding of its values.
fn containers(picture: &DynamicImage, profile: &[u8]) -> Vec<(&'static str, u8, Vec<u8>)> {
    let (sides, bytes) = (sides(picture), picture.to_rgb8().into_raw());
    let in_bytes = rgb8(picture);
    let plain_jpeg = jpeg(sides, ColorType::Rgb, &bytes);
    let webp = encoded(&in_bytes, named("WebP"));
    let icon_png = png_with_profile(profile, &png(&in_bytes));
    let mut icon = b"\0\0\x01\0\x01\0\0\0\0\0\x01\0\x20\0".to_vec();
    icon.extend([icon_png.len() as u32, 22].map(u32::to_le_bytes).as_flattened());
    icon.extend(icon_png);
    let words = picture.to_rgb16().into_raw();
    vec![
        ("PNG", 5, png_with_profile(profile, &png(&in_bytes))),
        ("PNG of 16 bits", 1, png_with_profile(profile, &png(picture))),
        ("JPEG", 10, jpeg_with_profile(profile, 60_000, &plain_jpeg)),
        ("JPEG with parts", 10, jpeg_with_profile(profile, 100 + profile.len() / 200, &plain_jpeg)),
        ("WebP", 5, webp_with_profile(profile, sides, &webp)),
        ("TIFF", 5, tiff_with_profile::<RGB8>(profile, sides, &bytes)),
        ("TIFF of 16 bits", 1, tiff_with_profile::<RGB16>(profile, sides, &words)),
        ("BMP", 5, bmp_v5(picture, b"DEBM", [0; 12], profile)),
        ("ICO", 5, icon),
    ]
}

#[test]
fn one_picture_in_any_space_and_container_has_the_same_colours() {
    // at scale 4, a JPEG is read at an eighth of its size
    for scale in [1, 4] {
        let picture = patches(scale);
        let wanted = colors(&png(&picture), AREAS);
        for (name, space) in
            [("Display P3", DISPLAY_P3), ("Adobe RGB", ADOBE_RGB), ("ProPhoto", PRO_PHOTO)]
        {
            let stored = space.encoded(&picture);
            let ignored = colors(&png(&stored), AREAS);
            assert!(difference(&ignored, &wanted) > 12, "{name} differs from sRGB");
            for (container, most, file) in containers(&stored, &space.profile()) {
                let what = format!("{name} in a {container} of {:?}", sides(&picture));
                assert_near(&colors(&file, AREAS), &wanted, most, &what);
            }
        }
    }
}

#[test]
fn without_colours_the_text_follows_the_profile_s_luminance() {
    let picture = patches(1);
    let spec = "width=60&height=20&fit=stretch&tone=natural&match=ramp";
    let wanted = text(&png(&picture), spec);
    for space in [PRO_PHOTO, Space { colorants: SRGB, gamma: 1.0 }] {
        let stored = png(&space.encoded(&picture));
        let found = text(&png_with_profile(&space.profile(), &stored), spec);
        let differs = |other: &str| {
            wanted.chars().zip(other.chars()).filter(|(left, right)| left != right).count()
        };
        // rounding may choose the next character of an area
        assert!(differs(&found) <= 60, "{found}\n{wanted}");
        assert!(differs(&text(&stored, spec)) > 400);
    }
}

#[test]
fn primaries_in_another_order_exchange_channels_in_every_decoder() {
    // the same curve as sRGB's, so that only channels differ
    let curve = parametric_curve(3, &[2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.040_45]);
    let xyz = |of: [f64; 3]| {
        let numbers = of.map(|it| ((it * 65_536.0_f64).round() as i32).to_be_bytes());
        [b"XYZ \0\0\0\0", numbers.as_flattened()].concat()
    };
    let [red, green, blue] = GBR.colorants.map(xyz);
    let profile = icc(
        b"RGB ",
        b"XYZ ",
        &[
            (b"rXYZ", red),
            (b"gXYZ", green),
            (b"bXYZ", blue),
            (b"rTRC", curve.clone()),
            (b"gTRC", curve.clone()),
            (b"bTRC", curve),
        ],
    );
    let spec = "width=3&height=2&fit=stretch&tone=natural&symbols=half&color=full&color_on=both";
    // lossy, at half of its size and as a whole
    let webp = bytes(lossy_webps::PLAIN);
    let with_profile = webp_with_profile(&profile, (40, 24), &webp);
    for spec in [spec, "width=20&tone=natural&symbols=half&color=full&color_on=both"] {
        assert_near(&colors(&with_profile, spec), &exchanged(&colors(&webp, spec)), 2, spec);
    }
    // the items of a HEIF file have properties
    let tile = coded(&foreign("libheif-tile.heic"));
    let plain = colors(&heif(b"heic", from_ref(&tile), &[]), spec);
    for kind in [b"prof", b"rICC"] {
        let mut tile = tile.clone();
        tile.properties.push(boxed(b"colr", &[&kind[..], &profile].concat()));
        let found = colors(&heif(b"heic", from_ref(&tile), &[]), spec);
        assert_near(&found, &exchanged(&plain), 2, "HEIC");
    }
    // alpha and what is behind it stay
    let clear = png(&alpha());
    for spec in [format!("{spec}&alpha=dark"), format!("{spec}&alpha=light")] {
        let found = colors(&png_with_profile(&profile, &clear), &spec);
        assert_near(&found, &exchanged(&colors(&clear, &spec)), 2, &spec);
    }
}

#[test]
fn code_points_of_heif_count() {
    let spec = "width=6&height=6&fit=stretch&tone=natural&symbols=half&color=full&color_on=both";
    let with = |primaries: u16, transfer: u16| {
        let mut tile = coded(&foreign("libheif-tile.heic"));
        for property in &mut tile.properties {
            if property[4..12] == *b"colrnclx" {
                property[12..16]
                    .copy_from_slice(&[primaries, transfer].map(u16::to_be_bytes).concat());
            }
        }
        colors(&heif(b"heic", from_ref(&tile), &[]), spec)
    };
    let plain = with(1, 13);
    assert_eq!(with(2, 2), plain);
    assert!(difference(&with(12, 13), &plain) > 8, "Display P3");
    assert!(difference(&with(1, 8), &plain) > 30, "linear");
    // reserved code points count as sRGB
    assert_eq!(with(200, 13), plain);
}

#[test]
fn grey_with_a_profile_of_grey_or_of_colours_is_as_bright() {
    let srgb = DynamicImage::from(patches(1).to_luma16());
    let mut stored = srgb.to_luma16();
    stored.pixels_mut().for_each(|pixel| {
        pixel.0 = pixel.0.map(|it| (linear(f64::from(it) / 65_535.0) * 65_535.0).round() as u16);
    });
    let wanted = colors(&png(&srgb), AREAS);
    let stored = png(&stored.into());
    let linear_rgb = Space { colorants: SRGB, gamma: 1.0 }.profile();
    for profile in [grey(1.0), linear_rgb] {
        assert_near(&colors(&png_with_profile(&profile, &stored), AREAS), &wanted, 1, "grey");
    }
    assert!(difference(&colors(&stored, AREAS), &wanted) > 20);
}

#[test]
fn the_first_valid_chunk_of_a_png_counts() {
    let picture = png(&patches(1));
    let (gamma, chromaticities, srgb) =
        ((b"gAMA", 100_000_u32.to_be_bytes().to_vec()), (b"cHRM", chrm()), (b"sRGB", vec![0]));
    let with = |chunks: &[(&[u8; 4], Vec<u8>)]| {
        let file =
            chunks.iter().fold(picture.clone(), |file, (kind, data)| png_with(kind, data, &file));
        colors(&file, AREAS)
    };
    let profile = |space: Space| {
        let with = png_with_profile(&space.profile(), &picture);
        let length = u32::from_be_bytes([with[33], with[34], with[35], with[36]]) as usize;
        (b"iCCP", with[41..41 + length].to_vec())
    };
    let plain = colors(&picture, AREAS);
    let cicp = |values: [u8; 4]| (b"cICP", values.to_vec());
    let (p3, adobe) = (with(&[cicp([12, 13, 0, 1])]), with(&[profile(ADOBE_RGB)]));
    let linear = with(from_ref(&gamma));
    assert!(difference(&p3, &plain) > 8 && difference(&adobe, &plain) > 8);
    assert!(difference(&linear, &plain) > 50 && difference(&adobe, &p3) > 8);
    assert_eq!(with(&[cicp([12, 13, 0, 1]), profile(ADOBE_RGB), srgb.clone(), gamma.clone()]), p3);
    assert_eq!(with(&[gamma.clone(), srgb.clone(), profile(ADOBE_RGB)]), adobe);
    assert_eq!(with(&[gamma.clone(), srgb.clone(), chromaticities.clone()]), plain);
    // what is not valid is passed over: reserved code points, a damaged profile
    assert_eq!(with(&[cicp([99, 13, 0, 1]), gamma.clone()]), linear);
    assert_eq!(with(&[(b"iCCP", b"name\0\0nothing".to_vec()), gamma.clone()]), linear);
    // the power function that encoders write for sRGB
    assert_eq!(with(&[(b"gAMA", 45_455_u32.to_be_bytes().to_vec())]), plain);
    assert_eq!(with(&[(b"gAMA", vec![0; 4]), (b"cHRM", vec![0; 32])]), plain);
    assert_near(&with(&[chromaticities]), &p3, 1, "cHRM of Display P3");
}

/// cHRM of Display P3.
fn chrm() -> Vec<u8> {
    let values = [31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000_u32];
    values.map(u32::to_be_bytes).concat()
}

#[test]
fn a_linear_picture_is_as_bright_as_its_gamma_says() {
    // 128 of sRGB is 55 of linear light
    let picture = DynamicImage::from(image::RgbImage::from_pixel(64, 32, image::Rgb([55; 3])));
    let file = png_with(b"gAMA", &100_000_u32.to_be_bytes(), &png(&picture));
    let found = colors(&file, "width=4&tone=natural&symbols=half&color=full&color_on=both");
    assert!(found.iter().all(|it| it.iter().all(|value| value.abs_diff(128) <= 1)), "{found:?}");
}

#[test]
fn white_of_hdr_is_white_and_brighter_light_is_clipped() {
    let spec = "width=4&tone=natural&symbols=half&color=full&color_on=both";
    // codes of 203 cd/m², of a quarter of it, and of 1000 cd/m² (ITU-R BT.2100)
    for (transfer, codes) in [(16, [0.581, 0.4415, 0.7518]), (18, [0.75, 0.5, 1.0])] {
        for (code, wanted) in codes.into_iter().zip([255, 137, 255]) {
            let pixel = image::Rgb([(code * 65_535.0) as u16; 3]);
            let picture = image::ImageBuffer::<_, Vec<u16>>::from_pixel(16, 16, pixel);
            let file = png_with(b"cICP", &[9, transfer, 0, 1], &png(&picture.into()));
            for found in colors(&file, spec) {
                let is_near = |value: &u8| value.abs_diff(wanted) <= 2;
                assert!(found.iter().all(is_near), "{transfer} {code}: {found:?}");
            }
        }
    }
}

#[test]
fn calibrated_colours_of_a_bmp_count() {
    let picture = patches(1);
    let unit = f64::from(1_u32 << 30);
    let stored = DISPLAY_P3.encoded(&picture);
    let wanted = colors(&png(&picture), AREAS);
    let mut numbers = [(2.2 * 65_536.0) as u32; 12];
    // as XYZ under D65
    let xyz = [[0.4866, 0.2290, 0.0], [0.2657, 0.6917, 0.0451], [0.1982, 0.0793, 1.0439]];
    numbers[..9].copy_from_slice(&xyz.map(|it| it.map(|it| (it * unit) as u32)).concat());
    assert_near(&colors(&bmp_v5(&stored, &[0; 4], numbers, &[]), AREAS), &wanted, 5, "XYZ");
    // as chromaticities
    let xyz = [[0.68, 0.32, 0.0], [0.265, 0.69, 0.045], [0.15, 0.06, 0.79]];
    numbers[..9].copy_from_slice(&xyz.map(|it| it.map(|it| (it * unit) as u32)).concat());
    assert_near(&colors(&bmp_v5(&stored, &[0; 4], numbers, &[]), AREAS), &wanted, 5, "x, y, z");
    let plain = colors(&encoded(&rgb8(&picture), named("BMP")), AREAS);
    assert_eq!(colors(&bmp_v5(&picture, &[0; 4], [0; 12], &[]), AREAS), plain, "no numbers");
    assert_eq!(colors(&bmp_v5(&picture, b"BGRs", numbers, &[]), AREAS), plain, "sRGB");
}

/// sRGB of ink for which cyan absorbs blue, magenta red, and yellow green.
fn odd_inks(ink: &[f64]) -> [f64; 3] {
    [ink[1], ink[2], ink[0]].map(|it| (1.0 - it) * (1.0 - ink[3]))
}

#[test]
fn tables_of_cmyk_are_used_in_jpeg_and_tiff() {
    let inks: [[u8; 4]; 4] = [[255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 0], [0, 0, 0, 204]];
    let wanted = inks.map(|ink| {
        odd_inks(&ink.map(|it| f64::from(it) / 255.0)).map(|it| (it * 255.0).round() as u8)
    });
    let pixels: Vec<u8> = inks.iter().flat_map(|ink| ink.repeat(16 * 16)).collect();
    let words: Vec<u16> = pixels.iter().map(|value| u16::from(*value) * 257).collect();
    let spec = "width=1&height=4&fit=stretch&tone=natural&symbols=half&color=full&color_on=both";
    for table in [Table::Lut8, Table::Lut16, Table::LutAToB] {
        let profile = table_profile(b"CMYK", table, 3, odd_inks);
        let tiffs = [
            tiff_with_profile::<CMYK8>(&profile, (16, 64), &pixels),
            tiff_with_profile::<CMYK16>(&profile, (16, 64), &words),
        ];
        for file in tiffs {
            assert_near(&colors(&file, spec), &wanted, 8, "TIFF");
        }
        for kind in [ColorType::Cmyk, ColorType::CmykAsYcck] {
            let file = jpeg_with_profile(&profile, 60_000, &jpeg((16, 64), kind, &pixels));
            // JPEG's rounding, where ink is dark
            assert_near(&colors(&file, spec), &wanted, 10, "JPEG");
        }
    }
    // a profile for other pixels is none
    let plain = jpeg((16, 64), ColorType::Cmyk, &pixels);
    for profile in [GBR.profile(), grey(1.0)] {
        let file = jpeg_with_profile(&profile, 60_000, &plain);
        assert_eq!(colors(&file, spec), colors(&plain, spec));
    }
}

#[test]
fn tables_of_rgb_are_used() {
    let picture = patches(1);
    let wanted = exchanged(&colors(&png(&picture), AREAS));
    for table in [Table::Lut8, Table::Lut16, Table::LutAToB] {
        let profile = table_profile(b"RGB ", table, 17, |rgb| [rgb[2], rgb[0], rgb[1]]);
        let header = |file: &[u8]| {
            probe(Cursor::new(file), &Limits::default()).expect("a valid file").decoded_bytes
        };
        for (container, most, file) in containers(&picture, &profile) {
            let what = format!("{table:?} in {container}");
            assert_near(&colors(&file, AREAS), &wanted, most.max(4), &what);
        }
        let (with, without) = (png_with_profile(&profile, &png(&picture)), png(&picture));
        // six bytes for each point
        assert!(header(&with) >= header(&without) + 17 * 17 * 17 * 6);
        let clear = png(&alpha());
        let spec = format!("{AREAS}&alpha=light");
        let found = colors(&png_with_profile(&profile, &clear), &spec);
        assert_near(&found, &exchanged(&colors(&clear, &spec)), 4, "alpha");
    }
}

#[test]
fn a_profile_of_srgb_changes_nothing() {
    let picture = patches(1);
    let plain = colors(&png(&picture), AREAS);
    let values: Vec<f64> = (0..1024).map(|value| linear(f64::from(value) / 1023.0)).collect();
    let sampled = sampled_curve(&values);
    let parametric = parametric_curve(3, &[2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.040_45]);
    for curve in [sampled, parametric] {
        let numbers =
            |of: [f64; 3]| of.map(|it| ((it * 65_536.0_f64).round() as i32).to_be_bytes());
        let xyz = |of: [f64; 3]| [b"XYZ \0\0\0\0", numbers(of).as_flattened()].concat();
        let [red, green, blue] = SRGB.map(xyz);
        let curves = [(b"rTRC", curve.clone()), (b"gTRC", curve.clone()), (b"bTRC", curve)];
        let tags = [[(b"rXYZ", red), (b"gXYZ", green), (b"bXYZ", blue)], curves].concat();
        let profile = icc(b"RGB ", b"XYZ ", &tags);
        assert_eq!(colors(&png_with_profile(&profile, &png(&picture)), AREAS), plain);
    }
}

#[test]
fn a_profile_that_cannot_be_used_counts_as_srgb() {
    let picture = patches(1);
    let plain = colors(&png(&picture), AREAS);
    let good = ADOBE_RGB.profile();
    let no_volume = Space { colorants: [SRGB[0]; 3], gamma: 2.2 };
    let huge = [&good[..], &vec![0; 4 << 20]].concat();
    let broken = [
        Vec::new(),
        good[..100].to_vec(),
        good[..good.len() - 30].to_vec(),
        no_volume.profile(),
        grey(1.0),
        table_profile(b"CMYK", Table::Lut8, 2, odd_inks),
        icc(b"RGB ", b"XYZ ", &[]),
        huge,
    ];
    for (nth, profile) in broken.iter().enumerate() {
        assert_eq!(colors(&png_with_profile(profile, &png(&picture)), AREAS), plain, "{nth}");
    }
    // a part of a profile is missing
    let file = jpeg(sides(&picture), ColorType::Rgb, &picture.to_rgb8());
    let mut cut = jpeg_with_profile(&good, 200, &file);
    let second = cut.windows(13).position(|it| it == b"ICC_PROFILE\0\x02").expect("two parts");
    cut[second] = b'X';
    assert_eq!(colors(&cut, AREAS), colors(&file, AREAS));
}

#[test]
fn damaged_profiles_are_used_or_counted_as_srgb() {
    let file = jpeg((16, 16), ColorType::Rgb, &[100; 768]);
    let inks = jpeg((16, 16), ColorType::Cmyk, &[100; 1024]);
    let seeds = [
        ("matrix", PRO_PHOTO.profile()),
        ("grey", grey(1.8)),
        ("8 bits", table_profile(b"RGB ", Table::Lut8, 3, |rgb| [rgb[0], rgb[1], rgb[2]])),
        ("16 bits", table_profile(b"CMYK", Table::Lut16, 2, odd_inks)),
        ("curves", table_profile(b"CMYK", Table::LutAToB, 2, odd_inks)),
    ];
    let seeds = seeds.map(|(name, profile)| (name.to_owned(), profile)).to_vec();
    with_mutations(seeds, 400, |profile| {
        for file in [&file, &inks] {
            let file = jpeg_with_profile(profile, 60_000, file);
            drawn(&file, "width=2&color=full&color_on=both").expect("the picture is valid");
        }
    });
}

#[test]
fn a_profile_of_many_tags_and_texts_takes_no_longer_than_its_length() {
    // a text whose records share their bytes, and many tags that share it and a table
    let mut texts = b"mluc\0\0\0\0".to_vec();
    texts.extend([3_000_u32, 12].map(u32::to_be_bytes).as_flattened());
    for _ in 0..3_000 {
        texts.extend(*b"enUS");
        texts.extend([40_000_u32, 40_000].map(u32::to_be_bytes).as_flattened());
    }
    texts.resize(600_000, b' ');
    let table = table_profile(b"RGB ", Table::Lut8, 60, |rgb| [rgb[0], rgb[1], rgb[2]]);
    let mut tags = vec![(b"desc", texts), (b"A2B0", table[144..].to_vec())];
    tags.extend(vec![(b"cprt", Vec::new()); 1_000]);
    tags.extend(vec![(b"B2A0", Vec::new()); 1_000]);
    let mut profile = icc(b"RGB ", b"Lab ", &tags);
    let (shared, others) = profile[132..132 + 2_002 * 12].split_at_mut(24);
    for (nth, entry) in others.as_chunks_mut::<12>().0.iter_mut().enumerate() {
        let of = if nth < 1_000 { &shared[4..12] } else { &shared[16..24] };
        entry[4..].copy_from_slice(of);
    }
    let file = png_with_profile(&profile, &png(&patches(1)));
    let (found, time) = cpu::of(|| colors(&file, AREAS));
    assert_near(&found, &colors(&png(&patches(1)), AREAS), 4, "the table is used");
    // without optimisation, tens of times as long as in a release build
    assert!(time.as_secs() < 20, "{time:?}");
}
