//! Camera raws: their largest JPEG preview is drawn.

use std::io::Cursor;

use asciify::{Error, Header, Limits, probe};
use testkit::instruments::{JPEG_STRIP, RawIfd, SENSOR_DATA, raw};
use testkit::pictures::{app1, drawn, encoded, lopsided, named, text};
use testkit::samples::{bytes, rare_jpegs};
use testkit::tiffs::{by_hand, page, values};

const SPEC: &str = "width=24&match=ramp";
const DNG_VERSION: (u16, u32) = (50_706, 0x0401);
const MAKE: (u16, u32) = (271, 0x0041);

fn jpeg(scale: u32) -> Vec<u8> {
    let picture = lopsided();
    encoded(&picture.resize_exact(48 * scale, 32 * scale, image::imageops::Nearest), named("JPEG"))
}

fn header(file: &[u8]) -> Header {
    probe(Cursor::new(file), &Limits::default()).expect("a picture")
}

/// An IFD without SubIFDs.
fn ifd<'a>(tags: &'a [(u16, u32)], strip: &'a [u8]) -> RawIfd<'a> {
    RawIfd { tags, strip, sub_ifds: Vec::new() }
}

const THUMBNAIL: [(u16, u32); 7] =
    [(254, 1), (256, 4), (257, 4), (258, 8), (259, 1), (262, 2), (277, 3)];

#[test]
fn the_largest_preview_is_drawn_wherever_it_is() {
    let (small, large) = (jpeg(1), jpeg(3));
    let wanted = text(&large, SPEC);
    let thumbnail: Vec<(u16, u32)> = [&THUMBNAIL[..], &[DNG_VERSION]].concat();
    let sensor = || ifd(&SENSOR_DATA, &[7; 128]);
    let nikon = [&THUMBNAIL[..], &[MAKE]].concat();
    let main = [&SENSOR_DATA[..], &[MAKE]].concat();
    let canon = [&JPEG_STRIP[..], &[MAKE]].concat();
    let files = [
        // DNG: a thumbnail, then SubIFDs
        raw(&[RawIfd {
            tags: &thumbnail,
            strip: &[9; 48],
            sub_ifds: vec![sensor(), ifd(&JPEG_STRIP, &small), ifd(&JPEG_STRIP, &large)],
        }]),
        // NEF: the same without DNGVersion
        raw(&[RawIfd {
            tags: &nikon,
            strip: &[9; 48],
            sub_ifds: vec![ifd(&JPEG_STRIP, &large), sensor()],
        }]),
        // PEF: in the chain
        raw(&[ifd(&main, &[7; 128]), ifd(&JPEG_STRIP, &small), ifd(&JPEG_STRIP, &large)]),
        // ARW: a preview in the first IFD
        raw(&[RawIfd { tags: &canon, strip: &large, sub_ifds: vec![sensor()] }]),
    ];
    for (kind, file) in files.iter().enumerate() {
        let header = header(file);
        assert_eq!(
            (header.format.name(), header.width, header.height, header.frames),
            ("camera raw", 144, 96, 1),
            "file {kind}"
        );
        assert_eq!((header.bands, header.bit_depth, header.is_whole), (3, 8, true));
        assert_eq!(text(file, SPEC), wanted, "file {kind}");
    }
    // one that the limits do not allow gives way
    let limits = Limits { max_pixels: 48 * 32, ..Limits::default() };
    assert_eq!(probe(Cursor::new(&files[0]), &limits).expect("a picture").width, 48);
}

#[test]
fn previews_may_be_where_jpeg_interchange_format_says() {
    let large = jpeg(3);
    // the strip holds the JPEG behind other bytes, so that only the other tags find it
    let strip = [&[0; 8][..], &large].concat();
    let tags = |start: u32| [(259, 6), MAKE, (513, start), (514, large.len() as u32)];
    let sensor = || vec![ifd(&SENSOR_DATA, &[7; 128])];
    let probe_start = raw(&[RawIfd { tags: &tags(0), strip: &strip, sub_ifds: sensor() }]);
    let start = probe_start.windows(large.len()).position(|it| it == large).expect("the JPEG");
    let file = raw(&[RawIfd { tags: &tags(start as u32), strip: &strip, sub_ifds: sensor() }]);
    assert_eq!(text(&file, SPEC), text(&large, SPEC));
    // JpgFromRaw of RW2, whose version is its own
    let mut rw2 = raw(&[ifd(&[(46, 0)], &large)]);
    rw2[2] = 0x55;
    let at = rw2.len() - 4 - 3 * 12 + 4;
    rw2[at..at + 8].copy_from_slice([large.len() as u32, 8].map(u32::to_le_bytes).as_flattened());
    rw2[at - 2..at].copy_from_slice(&[7, 0]);
    assert_eq!(text(&rw2, SPEC), text(&large, SPEC));
    // its strip may be where no other tag says
    rw2[at + 16..at + 20].fill(0xff);
    assert!(header(&rw2).is_whole);
    // RAF
    let mut raf = [&b"FUJIFILMCCD-RAW 0201"[..], &[0; 64]].concat();
    raf.extend([100, large.len() as u32].map(u32::to_be_bytes).as_flattened());
    raf.resize(100, 0);
    raf.extend(&large);
    assert_eq!(text(&raf, SPEC), text(&large, SPEC));
    assert!(!header(&raf[..raf.len() - 9]).is_whole);
}

#[test]
fn the_preview_of_an_orf_is_in_its_maker_note() {
    let large = jpeg(3);
    let ifd = |entries: &[(u16, u16, u32, u32)]| {
        let mut ifd = (entries.len() as u16).to_le_bytes().to_vec();
        for (tag, field_type, count, value) in entries {
            ifd.extend([*tag, *field_type].map(u16::to_le_bytes).as_flattened());
            ifd.extend([*count, *value].map(u32::to_le_bytes).as_flattened());
        }
        [ifd, vec![0; 4]].concat()
    };
    let length = large.len() as u32;
    // the IFDs of a file have 18 bytes for an entry, and 12 more for each other one
    let main = ifd(&[(34_665, 4, 1, 8 + 18)]);
    let exif = ifd(&[(37_500, 7, 60 + length, 8 + 18 + 18)]);
    // offsets in the maker note count from its beginning
    let note = ifd(&[(0x2020, 13, 1, 12 + 18)]);
    let settings = ifd(&[(0x0101, 4, 1, 12 + 18 + 30), (0x0102, 4, 1, length)]);
    let parts = [&main[..], &exif, b"OLYMPUS\0II\x03\0", &note, &settings, &large].concat();
    let file = [&b"IIRO\x08\0\0\0"[..], &parts].concat();
    assert_eq!((header(&file).width, text(&file, SPEC)), (144, text(&large, SPEC)));
    // without it, there is no preview
    let other = file.iter().map(|it| if *it == b'Y' { b'y' } else { *it }).collect::<Vec<u8>>();
    let err = drawn(&other, SPEC).expect_err("another maker");
    assert!(err.to_string().contains("without a JPEG preview"), "{err}");
}

#[test]
fn a_preview_is_turned_as_the_first_ifd_says() {
    let plain = jpeg(3);
    let own = [&plain[..2], &app1(3), &plain[2..]].concat();
    let turned = [&plain[..2], &app1(6), &plain[2..]].concat();
    let tags = [&JPEG_STRIP[..], &[DNG_VERSION, (274, 6)]].concat();
    let file = raw(&[ifd(&tags, &own)]);
    assert_eq!((header(&file).orientation, header(&file).width), (6, 96));
    assert_eq!(text(&file, SPEC), text(&turned, SPEC));
    let tags = [&JPEG_STRIP[..], &[DNG_VERSION]].concat();
    assert_eq!(text(&raw(&[ifd(&tags, &own)]), SPEC), text(&own, SPEC));
}

#[test]
fn sensor_data_are_no_preview() {
    let lossless = bytes(rare_jpegs::LOSSLESS_DEEP);
    let small = jpeg(1);
    let cfa = [(254, 0), (259, 7), (262, 32_803)];
    let untold = [(259, 6)];
    let dng = |sub_ifds| {
        let tags = [&SENSOR_DATA[..], &[DNG_VERSION]].concat();
        raw(&[RawIfd { tags: &tags, strip: &[7; 128], sub_ifds }])
    };
    // a lossless JPEG of 16 bits, as of CR2, and a JPEG of a colour filter array
    let large = jpeg(3);
    let file = dng(vec![ifd(&untold, &lossless), ifd(&cfa, &large), ifd(&JPEG_STRIP, &small)]);
    assert_eq!((header(&file).width, text(&file, SPEC)), (48, text(&small, SPEC)));
    for file in [dng(Vec::new()), dng(vec![ifd(&untold, &lossless), ifd(&cfa, &large)])] {
        let err = drawn(&file, SPEC).expect_err("no preview");
        assert!(matches!(err, Error::FormatNotRead { .. }), "{err:?}");
        assert!(
            err.to_string().starts_with("this is a camera raw without a JPEG preview"),
            "{err}"
        );
    }
    // a thumbnail is better than nothing
    let tags = [&THUMBNAIL[..], &[DNG_VERSION]].concat();
    let file = raw(&[RawIfd {
        tags: &tags,
        strip: &[255; 48],
        sub_ifds: vec![ifd(&SENSOR_DATA, &[7; 128])],
    }]);
    assert_eq!((header(&file).format.name(), header(&file).width), ("camera raw", 4));
    assert!(text(&file, SPEC).starts_with('@'));
}

#[test]
fn what_is_cut_off_is_told() {
    let sensor = || vec![ifd(&SENSOR_DATA, &[7; 128])];
    let tags = [&JPEG_STRIP[..], &[DNG_VERSION]].concat();
    let mut file = raw(&[RawIfd { tags: &tags, strip: &jpeg(3), sub_ifds: sensor() }]);
    assert!(header(&file).is_whole);
    // sensor data beyond the end
    let entry = [&273_u16.to_le_bytes()[..], &4_u16.to_le_bytes(), &1_u32.to_le_bytes()].concat();
    let at = file.windows(8).position(|it| it == entry).expect("a strip") + 8;
    file[at..at + 4].copy_from_slice(&0x00ff_ffff_u32.to_le_bytes());
    assert!(!header(&file).is_whole);
    assert_eq!(text(&file, SPEC), text(&jpeg(3), SPEC));
}

#[test]
fn plain_tiffs_stay_tiffs() {
    let data = values(|it| it as u8 * 4);
    let wanted = text(&by_hand(&[(&page(&[8], &[]), &data)]), SPEC);
    for others in [&[(271, &[65][..])][..], &[(34_665, &[8])], &[(271, &[65]), (330, &[8])]] {
        let file = by_hand(&[(&page(&[8], others), &data)]);
        assert_eq!(
            (header(&file).format.name(), text(&file, SPEC)),
            ("TIFF", wanted.clone()),
            "{others:?}"
        );
    }
}
