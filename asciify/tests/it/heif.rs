//! HEIF: grids, transformations and alpha planes are drawn as their parts are; false claims are
//! refused before anything is decoded.

use std::io::Cursor;
use std::slice::from_ref;

use asciify::{Error, Limits, probe};
use testkit::attacks::draw;
use testkit::heifs::{
    Item, alpha_type, boxed, coded, crop, full, grid, heif, mirror, rotation, size, tiled,
};
use testkit::mutator::with_mutations;
use testkit::pictures::{drawn, exif, lopsided, png};
use testkit::samples::foreign;

/// The foreign files with a picture of 64 × 64 pixels, and their brands.
const TILES: [(&str, &[u8; 4]); 2] =
    [("libheif-tile.heic", b"heic"), ("libavif-tile.avif", b"avif")];

/// Red, green and blue of each pixel, row by row.
fn pixels(file: &[u8]) -> Vec<Vec<[u8; 3]>> {
    let header = probe(Cursor::new(file), &Limits::default()).expect("a valid file");
    let (width, height) = (header.width, header.height);
    let spec = format!(
        "width={width}&height={height}&fit=stretch&symbols=chars:%23&color=full&tone=natural"
    );
    let grid = drawn(file, &spec).expect("a valid file");
    let rows = grid.lines().map(|row| {
        row.iter().map(|cell| cell.foreground.map_or([0; 3], |colour| colour.rgb())).collect()
    });
    rows.collect()
}

/// The pixel of each column and row of a picture of that width and height.
fn picture(
    (width, height): (usize, usize),
    pixel: impl Fn(usize, usize) -> [u8; 3],
) -> Vec<Vec<[u8; 3]>> {
    (0..height).map(|y| (0..width).map(|x| pixel(x, y)).collect()).collect()
}

#[test]
fn a_grid_is_its_tiles_side_by_side() {
    for (name, brand) in TILES {
        let tile = coded(&foreign(name));
        let single = pixels(&heif(brand, from_ref(&tile), &[]));
        let file = tiled(brand, &tile, 2, 3);
        let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
        assert_eq!((header.width, header.height), (160, 96), "{name}");
        let expected = picture((160, 96), |x, y| single[y % 64][x % 64]);
        assert!(pixels(&file) == expected, "{name}");
    }
}

#[test]
fn transformations_apply_in_their_order_and_exif_is_ignored() {
    for (name, brand) in TILES {
        let tile = coded(&foreign(name));
        let stored = pixels(&heif(brand, from_ref(&tile), &[]));
        let with = |properties: &[Vec<u8>]| {
            let mut shown = tile.clone();
            shown.properties.extend_from_slice(properties);
            let block = [&[0; 4][..], &exif(3)].concat();
            let exif = Item { kind: *b"Exif", data: block, properties: Vec::new() };
            pixels(&heif(brand, &[shown, exif], &[(b"cdsc", 2, &[1])]))
        };
        let square = (64, 64);
        assert!(with(&[]) == stored, "{name}");
        assert!(with(&[rotation(1)]) == picture(square, |x, y| stored[x][63 - y]), "{name}");
        assert!(with(&[rotation(2)]) == picture(square, |x, y| stored[63 - y][63 - x]));
        assert!(with(&[rotation(3)]) == picture(square, |x, y| stored[63 - x][y]));
        assert!(with(&[mirror(0)]) == picture(square, |x, y| stored[63 - y][x]));
        assert!(with(&[mirror(1)]) == picture(square, |x, y| stored[y][63 - x]));
        // 40 × 20 pixels whose middle is 4 right of and 6 above the middle
        let part = crop(40, 20, 8, -12);
        assert!(with(from_ref(&part)) == picture((40, 20), |x, y| stored[y + 16][x + 16]));
        let both = with(&[part.clone(), rotation(1), mirror(1)]);
        assert!(both == picture((20, 40), |x, y| stored[16 + 19 - x][16 + 39 - y]), "{name}");
        // the crop is of the rotated picture
        let other = with(&[rotation(1), part]);
        assert!(other == picture((40, 20), |x, y| stored[x + 16][63 - y - 16]), "{name}");
    }
}

#[test]
fn an_alpha_plane_hides() {
    for (name, brand) in TILES {
        let tile = coded(&foreign(name));
        let mut alpha = tile.clone();
        alpha.properties.push(alpha_type());
        let file = heif(brand, &[tile.clone(), alpha.clone()], &[(b"auxl", 2, &[1])]);
        let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
        assert_eq!(header.bands, 4, "{name}");
        let spec = "width=16&height=16&fit=stretch&match=ramp&tone=natural&alpha=dark";
        let (hidden, shown) = (drawn(&file, spec), drawn(&heif(brand, from_ref(&tile), &[]), spec));
        // luma rises to the right and downwards
        let [hidden, shown] =
            [hidden, shown].map(|grid| asciify::write::txt(&grid.expect("valid")));
        assert!(hidden != shown && hidden.matches(' ').count() > shown.matches(' ').count());
        // an image of another kind is no alpha plane
        alpha.properties.pop();
        let file = heif(brand, &[tile, alpha], &[(b"auxl", 2, &[1])]);
        let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
        assert_eq!(header.bands, 3, "{name}");
    }
}

#[test]
fn false_claims_are_refused() {
    for (name, brand) in TILES {
        let tile = coded(&foreign(name));
        let tiles = |count: usize, grid: Item| {
            let items: Vec<Item> = [grid].into_iter().chain(vec![tile.clone(); count]).collect();
            let ids: Vec<u16> = (2..items.len() as u16 + 1).collect();
            heif(brand, &items, &[(b"dimg", 1, &ids)])
        };
        let with = |properties: &[Vec<u8>]| {
            let mut shown = tile.clone();
            shown.properties.extend_from_slice(properties);
            heif(brand, &[shown], &[])
        };
        let mut other_size = tile.clone();
        other_size.properties[1] = size(64, 128);
        let mut no_configuration = tile.clone();
        no_configuration.properties.remove(0);
        let mut unknown = tile.clone();
        unknown.kind = *b"unci";
        let mut cut = tiled(brand, &tile, 2, 2);
        cut.pop();
        // many references to one tile
        let one_tile = |rows, columns, width, height| {
            let many = vec![2; usize::from(rows) * usize::from(columns)];
            heif(brand, &[grid(rows, columns, width, height), tile.clone()], &[(b"dimg", 1, &many)])
        };
        let mut large = tiled(brand, &tile, 1, 1);
        large.splice(24..24, boxed(b"meta", &vec![0; (1 << 20) + 1]));
        // extents without offset and length take no bytes
        let mut extents =
            full(b"iloc", 0, &[0, 0, 0, 2, 0, 1, 0, 0, 0xff, 0xff, 0, 2, 0, 0, 0xff, 0xff]);
        extents = full(b"meta", 0, &extents);
        extents.splice(0..0, boxed(b"ftyp", &[&brand[..], &[0; 4], b"mif1"].concat()));
        for (file, reason) in [
            (tiles(3, grid(2, 2, 100, 100)), "do not cover"),
            (tiles(4, grid(2, 2, 64, 100)), "do not cover"),
            (tiles(4, grid(2, 2, 100, 129)), "do not cover"),
            (one_tile(255, 255, 16_300, 16_300), "overlap"),
            (with(&[crop(65, 20, 0, 0)]), "cropped"),
            (with(&[crop(60, 20, 6, 0)]), "cropped"),
            (with(&[boxed(b"clap", &[0; 32])]), "cropped"),
            (heif(brand, &[other_size], &[]), "twice, differently"),
            (heif(brand, &[no_configuration], &[]), "configuration"),
            (heif(brand, &[unknown], &[]), "unci"),
            (cut, "cut off"),
            (large, "more than 1 MiB"),
            (extents, "where its pictures are"),
        ] {
            let err = probe(Cursor::new(&file), &Limits::default()).map(drop);
            let err = err.and_then(|()| drawn(&file, "width=8").map(drop)).expect_err(reason);
            assert!(!matches!(err, Error::Unknown { .. } | Error::Read(_)), "{name}: {err}");
            assert!(err.to_string().contains(reason), "{name}, {reason}: {err}");
        }
    }
}

#[test]
fn the_codec_tells_the_format_whatever_the_brands_announce() {
    for ((name, _), format) in TILES.into_iter().zip(["HEIC", "AVIF"]) {
        let tile = coded(&foreign(name));
        for brand in [b"heic", b"avif", b"mif1"] {
            let file = heif(brand, from_ref(&tile), &[]);
            let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
            assert_eq!(header.format.name(), format, "{name}");
            assert!(drawn(&file, "width=8").is_ok(), "{name}");
        }
    }
}

#[test]
fn colours_multiplied_by_alpha_are_divided_by_it() {
    let (plain, multiplied) =
        (pixels(&foreign("libavif-clear.avif")), pixels(&foreign("libavif-premultiplied.avif")));
    let pairs = plain.iter().flatten().zip(multiplied.iter().flatten());
    // both are lossy, and edges are sharp
    let sum: u32 = pairs.map(|(one, other)| u32::from(one[1].abs_diff(other[1]))).sum();
    let average = sum / (24 * 16);
    assert!(average < 12, "{average}");
}

/// A tile whose `colr` property states these primaries and matrix coefficients.
fn with_coding(tile: &Item, primaries: u8, matrix: u8) -> Item {
    let mut tile = tile.clone();
    tile.properties.retain(|property| &property[4..8] != b"colr");
    let codes = [&b"nclx"[..], &[0, primaries, 0, 13, 0, matrix, 0x80]].concat();
    tile.properties.push(boxed(b"colr", &codes));
    tile
}

#[test]
fn every_matrix_of_colours_is_converted_or_refused_by_name() {
    for (name, brand) in TILES {
        let tile = coded(&foreign(name));
        let of = |primaries, matrix| heif(brand, &[with_coding(&tile, primaries, matrix)], &[]);
        let bt_709 = pixels(&of(1, 1));
        // derived from the primaries of BT.709 and of BT.2020
        let off = |one: &[Vec<[u8; 3]>], other: &[Vec<[u8; 3]>]| {
            let pairs = one.iter().flatten().zip(other.iter().flatten());
            pairs.flat_map(|(one, other)| [0, 1, 2].map(|it| one[it].abs_diff(other[it]))).max()
        };
        assert!(off(&pixels(&of(1, 12)), &bt_709) <= Some(1), "{name}");
        assert!(pixels(&of(9, 12)) != pixels(&of(1, 12)), "{name}");
        for matrix in [8, 11] {
            assert!(pixels(&of(1, matrix)) != bt_709, "{name} {matrix}");
        }
        for (matrix, coding) in [(10, "BT.2020"), (13, "primaries"), (14, "ICtCp"), (16, "YCgCo-R")]
        {
            let err = probe(Cursor::new(of(9, matrix)), &Limits::default()).expect_err(coding);
            assert!(matches!(err, Error::Unsupported(_)), "{name}: {err}");
            assert!(err.to_string().contains(coding), "{name}: {err}");
        }
    }
}

#[test]
fn film_grain_is_applied() {
    let (plain, grainy) =
        (pixels(&foreign("libavif-tile.avif")), pixels(&foreign("libavif-grain.avif")));
    let pairs = plain.iter().flatten().zip(grainy.iter().flatten());
    let sum: u32 = pairs.map(|(one, other)| u32::from(one[1].abs_diff(other[1]))).sum();
    let average = sum as f32 / (64.0 * 64.0);
    assert!((1.0..30.0).contains(&average), "{average}");
}

#[test]
fn of_a_sequence_the_primary_item_is_drawn() {
    let file = foreign("libavif-sequence.avif");
    let header = probe(Cursor::new(&file), &Limits::default()).expect("a valid file");
    assert_eq!((header.width, header.height, header.frames), (48, 32, 1));
    let pairs = pixels(&file).concat().into_iter().zip(pixels(&png(&lopsided())).concat());
    let off = pairs.flat_map(|(one, other)| [0, 1, 2].map(|it| one[it].abs_diff(other[it])));
    let off: Vec<u8> = off.collect();
    let average = off.iter().map(|it| u32::from(*it)).sum::<u32>() as usize / off.len();
    assert!(average < 10, "{average}");
}

#[test]
fn an_item_of_too_many_frames_is_refused() {
    let tile = coded(&foreign("libavif-tile.avif"));
    let mut repeated = tile.clone();
    repeated.data = tile.data.repeat(9);
    let err = drawn(&heif(b"avif", &[repeated], &[]), "width=8").expect_err("many frames");
    assert!(err.to_string().contains("too many frames"), "{err}");
}

#[test]
fn damaged_files_are_drawn_or_refused() {
    for format in ["HEIC", "AVIF"] {
        let seeds: Vec<(String, Vec<u8>)> =
            draw::seeds().into_iter().filter(|(name, _)| name.contains(format)).collect();
        let (mut drawn, mut refused) = (0, 0);
        let rounds = 2_000_usize.div_ceil(seeds.len());
        with_mutations(seeds, rounds, |bytes| match draw::attack(bytes) {
            Ok(()) => drawn += 1,
            Err(_) => refused += 1,
        });
        assert!(drawn > 100 && refused > 100, "{format}: {drawn} drawn, {refused} refused");
    }
}
