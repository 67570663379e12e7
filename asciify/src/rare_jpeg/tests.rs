use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;

const SIDES: (usize, usize) = (24, 17);

/// What the encoded pictures show, of 8 bits.
fn smooth(x: usize, y: usize) -> [usize; 3] {
    [20 + 8 * x, 30 + 10 * y, 40 + 3 * (x + y)]
}

/// Finer than 8 bits can tell.
fn fine(x: usize, y: usize) -> usize {
    257 * smooth(x, y)[0] + x * y % 7
}

/// All that was read: the samples of each pixel of each row.
fn read(file: &[u8]) -> Option<Vec<Vec<Vec<usize>>>> {
    fn wide<T: Copy + Into<usize>, const N: usize>(row: &[[T; N]]) -> Vec<Vec<usize>> {
        row.iter().map(|pixel| pixel.map(T::into).to_vec()).collect()
    }
    let mut all = Vec::new();
    rows(file, |row| {
        all.push(match row {
            Row::Grey8(row) => wide(row),
            Row::Rgb8(row) => wide(row),
            Row::Grey16(row) => wide(row),
            Row::Rgb16(row) => wide(row),
            other => panic!("{other:?} is none of ours"),
        });
    })?;
    Some(all)
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// How far any sample is from the expected one, at most.
fn farthest(file: &[u8], expected: impl Fn(usize, usize) -> Vec<usize>) -> usize {
    let all = read(file).expect("a JPEG");
    assert_eq!((all[0].len(), all.len()), SIDES);
    let mut farthest = 0;
    for (y, row) in all.iter().enumerate() {
        for (x, pixel) in row.iter().enumerate() {
            let expected = expected(x, y);
            assert_eq!(pixel.len(), expected.len());
            for (is, wanted) in pixel.iter().zip(expected) {
                farthest = farthest.max(is.abs_diff(wanted));
            }
        }
    }
    farthest
}

#[test]
fn coefficients_become_the_picture() {
    let rgb = |x, y| smooth(x, y).to_vec();
    // colours are sampled for 2 × 2 pixels, and for 2 × 1
    assert!(farthest(&bytes(ARITHMETIC), rgb) <= 12);
    assert!(farthest(&bytes(ARITHMETIC_PROGRESSIVE), rgb) <= 9);
    let deep = |value: usize| (value * 16 * 65_535).div_ceil(4095);
    let deep_rgb = |x, y| smooth(x, y).map(deep).to_vec();
    let deep_grey = |x, y| vec![deep(smooth(x, y)[0])];
    assert!(farthest(&bytes(DEEP), deep_grey) <= 257);
    assert!(farthest(&bytes(DEEP_PROGRESSIVE), deep_rgb) <= 2 * 257);
    assert!(farthest(&bytes(DEEP_ARITHMETIC), deep_grey) <= 257);
}

#[test]
fn lossless_is_exact() {
    assert_eq!(farthest(&bytes(LOSSLESS), |x, y| smooth(x, y).to_vec()), 0);
    assert_eq!(farthest(&bytes(LOSSLESS_DEEP), |x, y| vec![fine(x, y)]), 0);
    // four bits of each sample were left out
    assert_eq!(farthest(&bytes(LOSSLESS_SHIFTED), |x, y| vec![fine(x, y) & !15]), 0);
}

#[test]
fn ordinary_ones_are_read_as_well() {
    use SamplingFactor::*;
    let (width, height) = (61, 43);
    let show = |x: usize, y: usize| [50 + 2 * x, 60 + 2 * y, 230 - x - y];
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| show(x, y).map(|it| it as u8)))
        .collect();
    for sampling in [F_1_1, F_2_1, F_1_2, F_2_2, F_4_1, F_4_2, F_1_4, F_2_4] {
        for (progressive, restart) in [(false, 0), (false, 3), (true, 0), (true, 5)] {
            let mut file = Vec::new();
            let mut encoder = Encoder::new(&mut file, 95);
            encoder.set_sampling_factor(sampling);
            encoder.set_progressive(progressive);
            encoder.set_restart_interval(restart);
            encoder.encode(&pixels, width as u16, height as u16, ColorType::Rgb).expect("small");
            let what = format!("{sampling:?}, {progressive}, {restart}");
            let all = read(&file).expect(&what);
            assert_eq!((all[0].len(), all.len()), (width, height), "{what}");
            for (y, row) in all.iter().enumerate() {
                for (x, pixel) in row.iter().enumerate() {
                    let wanted = show(x, y);
                    let luma = |rgb: &[usize]| (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000;
                    let far = luma(pixel).abs_diff(luma(&wanted));
                    assert!(far <= 3, "{what} at {x}, {y}: {pixel:?} for {wanted:?}");
                    // how colours are sampled more coarsely is the encoder's choice
                    let far = (0..3).map(|it| pixel[it].abs_diff(wanted[it])).max();
                    let most = if matches!(sampling, F_1_1) { 5 } else { 12 };
                    assert!(far <= Some(most), "{what} at {x}, {y}: {pixel:?} for {wanted:?}");
                }
            }
        }
    }
}

#[test]
fn what_is_cut_off_stays_grey() {
    for hex in ALL {
        let file = bytes(hex);
        for length in 0..file.len() {
            let Some(all) = read(&file[..length]) else { continue };
            assert_eq!((all[0].len(), all.len()), SIDES);
        }
    }
    let file = bytes(LOSSLESS);
    let all = read(&file[..file.len() * 3 / 4]).expect("its beginning");
    assert_eq!(all[0][7], smooth(7, 0));
    assert_eq!(all[16][23], [128; 3]);
}

#[test]
fn damage_costs_what_is_before_the_next_restart() {
    let mut file = bytes(LOSSLESS);
    let restart = file.windows(2).position(|it| it == [0xff, 0xd0]).expect("a restart");
    file[restart - 40] ^= 0x55;
    let all = read(&file).expect("the rest");
    assert_ne!(all[4][23], smooth(23, 4));
    assert!((5..17).all(|y| all[y][23] == smooth(23, y)));
}

#[test]
fn damage_never_panics() {
    for hex in ALL {
        let file = bytes(hex);
        for (seed, at) in (0..file.len()).enumerate() {
            for value in [0, 0xff, ((seed * 7_919) >> 3) as u8] {
                let mut damaged = file.clone();
                damaged[at] = value;
                let _refused = rows(&damaged, |_| {});
            }
        }
    }
}

#[test]
fn other_kinds_are_refused() {
    let file = bytes(ARITHMETIC);
    let frame = file.windows(2).position(|it| it == [0xff, 0xc9]).expect("a frame");
    // hierarchical; lossless in arithmetic coding; 9 bits; 2 components
    for (place, value) in [(1, 0xc5), (1, 0xcb), (4, 9), (9, 2)] {
        let mut other = file.clone();
        other[frame + place] = value;
        assert!(read(&other).is_none(), "{value:x}");
    }
    assert!(read(b"hello").is_none());
    assert!(read(&file[..frame + 30]).is_none());
}

/// Scans of three bytes each that walk over a megapixel.
#[test]
fn a_small_file_cannot_take_long() {
    let quantization = [&b"\xff\xdb\0\x43\0"[..], &[1; 64]].concat();
    let frame = b"\xff\xc2\0\x0b\x08\x04\0\x04\0\x01\x01\x11\0";
    // one code, for runs of 16 384 blocks or more
    let codes = [&b"\xff\xc4\0\x14\x10\x01"[..], &[0; 15], b"\xe0"].concat();
    let scan = b"\xff\xda\0\x08\x01\x01\0\x01\x3f\x10\x7f\xfe";
    let mut file = [&SOI[..], &quantization, frame, &codes].concat();
    for _ in 0..MOST_SCANS {
        file.extend_from_slice(scan);
    }
    let mut reader = Reader::default();
    assert!(reader.read(&file[2..]).is_some());
    assert_eq!((reader.scans, reader.effort / symbols::WALK), (MOST_SCANS, 0));
}

const ALL: [&str; 8] = [
    ARITHMETIC,
    ARITHMETIC_PROGRESSIVE,
    DEEP,
    DEEP_PROGRESSIVE,
    DEEP_ARITHMETIC,
    LOSSLESS,
    LOSSLESS_DEEP,
    LOSSLESS_SHIFTED,
];

/// SOF9, 4:2:0, a restart after each unit.
const ARITHMETIC: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a\
    070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffdb004301\
    03040405040509050509140d0b0d141414141414141414141414141414141414141414141414141414141414141414\
    1414141414141414141414141414141414ffc90011080011001803012200021101031101ffcc000a00101005011011\
    05ffdd00040001ffda000c03010002110311003f00ff00dcb3e60f1cd706600139bd672235e9bfe47d5c06c29fb6f7\
    f4277e69fa95d1bf6335e088ffd0ff00b0d589e39ae0cc001e911900b7c2e9af99115d4b7cc4aa76ee7f1d7490ffd1\
    d1d59d15fa984f99aa049f33381ed5aeff00ffd2d2cae3af7783a2432b5ea861d338ffd9";

/// SOF10, 4:2:2.
const ARITHMETIC_PROGRESSIVE: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a\
    070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffdb004301\
    03040405040509050509140d0b0d141414141414141414141414141414141414141414141414141414141414141414\
    1414141414141414141414141414141414ffca0011080011001803012100021101031101ffcc000600100110ffda00\
    0c03010002100310000001ff00b959a52d6121071af33825b3858d9e61eb887abf9283085affcc00041005ffda0008\
    010100010502138fefedfad837051d307093801affcc00041105ffda0008010301013f01161267a1f9603701260b6e\
    28ff00fb6440ffcc00041105ffda0008010201013f018b9b48ffcc00041005ffda0008010100063f025e13f388ffcc\
    00041005ffda0008010100013f2154691657c820ffda000c03010002000300000010d472f2ffcc00041105ffda0008\
    010301013f104c443c6650ffcc00041105ffda0008010201013f10df42ffcc00041005ffda0008010100013f10d2f1\
    89db2dae4e4814ffd9";

/// SOF1, 12 bits, grey, a restart after each row.
const DEEP: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a\
    070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffc1000b0c\
    0011001801011100ffc4001400010000000000000000000000000000000cffc4001810000203000000000000000000\
    00000000000b4784c2ffdd00040003ffda0008010100003f001552dc62ead91554b718bab64555adc62ead93ffd015\
    52dc62ead91554b718bab64555adc62ead93ffd11552dc62ead91554b718bab64555adc62ead93ffd9";

/// SOF2, 12 bits.
const DEEP_PROGRESSIVE: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb00430006040506050406060506070706080a100a0a09090a14\
    0e0f0c1017141818171416161a1d251f1a1b231c1616202c20232627292a29191f2d302d283025282928ffdb004301\
    0707070a080a130a0a13281a161a282828282828282828282828282828282828282828282828282828282828282828\
    2828282828282828282828282828282828ffc200110c0011001803011100021101031101ffc4001600010101000000\
    0000000000000000000008070affc4001801010101010100000000000000000000000409070a08ffda000c03010002\
    100310000001c92233474ae89ba5744a81e64e259d2ba26e95d122be3fc923a57449d4aa27ffc40016100101010000\
    0000000000000000000000000607ffda00080101000105028ec951d92a3b254764a8ec951d92a391c8e7ffc4001811\
    010003010000000000000000000000000700223242ffda0008010301013f01315cc5e18ae62f0c57317862b98bc315\
    cc5e18ae62f0c78863c431e27fffc40017110003010000000000000000000000000000020661ffda0008010201013f\
    014a6d129b44a6d129b44a6d129b441043ffc400171000030100000000000000000000000000000224a1ffda000801\
    0100063f0249f049f049f049f049f049f041043fffc40016100101010000000000000000000000000000a1c1ffda00\
    08010100013f219cce673399cce7366cdfffda000c0301000200030000001022adc57fffc400171100030100000000\
    0000000000000000000041a1c1ffda0008010301013f108ac82c8ac9ac8ac8acc0c0c8ffc400141101000000000000\
    00000000000000000030ffda0008010201013f101249247fffc40016100003000000000000000000000000000020c1\
    f0ffda0008010100013f10a043041041408249ffd9";

/// SOF10, 12 bits, grey, conditioned otherwise than by default.
const DEEP_ARITHMETIC: &str = "\
    ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a\
    070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffca000b0c\
    0011001801011100ffcc00040042ffda0008010100000001ff00fd214196754afea53f2d1d956894446d8e08ffcc00\
    041009ffda000801010001050216b415f36ea9781f5cc834922ab8ffcc00041009ffda0008010100063f0216244ce8\
    895e981ae0f131ed2e72d3deb0ffcc00041009ffda0008010100013f21a5e30009db2c0feee00235ffda0008010100\
    000010e6ffcc00041009ffda0008010100013f10516aa0f343a0ffd9";

/// SOF3, 8 bits, predictor 7, a restart after five rows.
const LOSSLESS: &str = "\
    ffd8ffee000e41646f626500640000000000ffc30011080011001803521100471100421100ffc40019000101010101\
    0100000000000000000000030200040706ffdd00040078ffda000c03520047004200070000f13f1df27e8d7d1afa35\
    f46be8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35eeab45b45b45b45b45b\
    45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45bdd568b68b68b68b68b68b68b68b68b68b68b68b6\
    8b68b68b68b68b68b68b68b68b68b68b7baad16d16d16d16d16d16d16d16d16d16d16d16d16d16d16d16d16d16d16d\
    16d16d16d16f755a2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2dff00ffd0f1\
    3f8ff36e8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35e\
    eab45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45bdd568b68b68b68b68b68b6\
    8b68b68b68b68b68b68b68b68b68b68b68b68b68b68b68b68b7baad16d16d16d16d16d16d16d16d16d16d16d16d16d\
    16d16d16d16d16d16d16d16d16d16f755a2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da2da\
    2da2da2dff00ffd1f13af85e8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35\
    f46be8d7d1afa35eeab45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45bdd568b\
    68b68b68b68b68b68b68b68b68b68b68b68b68b68b68b68b68b68b68b68b68b68b7baad16d16d16d16d16d16d16d16\
    d16d16d16d16d16d16d16d16d16d16d16d16d16d16d16f755a2da2da2da2da2da2da2da2da2da2da2da2da2da2da2d\
    a2da2da2da2da2da2da2da2dff00ffd2f13fb4f94e8d7d1afa35f46be8d7d1afa35f46be8d7d1afa35f46be8d7d1af\
    a35f46be8d7d1afa35f46be8d7d1afa35eeab45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b45b\
    45b45b45b45bffd9";

/// SOF3, 16 bits, grey, predictor 4.
const LOSSLESS_DEEP: &str = "\
    ffd8ffe000104a46494600010100000100010000ffc3000b100011001801011100ffc4001900010101010101000000\
    000000000000000103040c000fffda0008010100040000f8a09f404740474047404740474047404740474047404740\
    4740474047404740474047404740474047404740474047404795562aab15558af958aaac55562aaf963a22ab1d1155\
    8e88aaf98e88e88ac744744563a23a22b1f2c7445563a22ab1d1155f2b15558aaac555f455562aab15558be5558aaa\
    c55562be562aab15558aabe58e88aac7445563a22abe63a23a22b1d11d1158e88e88ac7cb1d11558e88aac744557ca\
    c55562aab1557d15558aaac55562f95562aab15558af958aaac55562aaff00ffd9";

/// SOF3, 16 bits of which 12 are kept, grey, predictor 6.
const LOSSLESS_SHIFTED: &str = "\
    ffd8ffe000104a46494600010100000100010000ffc3000b100011001801011100ffc4001700010101010000000000\
    000000000000000001080bffda0008010100060004e281a0340e80d03a0340e80d03a0340e80d03a0340e80d03a034\
    0e80d03a0340e8005055050152952854a51281412815544b2cb554412814128054a54a152952ca1284b28405055050\
    152952854a51281412815544b2cb554412814128054a54a152952ca1284b28405055050152952854a5ffd9";
