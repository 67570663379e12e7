use image::{Rgb, RgbImage};

use super::*;

const SCALES: [u32; 3] = [2, 4, 8];

/// Files of libwebp's `cwebp`: nothing that writes lossy WebP is at hand here. What follows is the
/// most that the luma of a mean may be off, and that it may be off on average.
const FILES: [(&str, u32, u32); 8] = [
    (PLAIN, 1, 1),
    (BEST, 1, 1),
    (ONE, 0, 0),
    // these are smoothed by a filter that is left out
    (PARTITIONS, 10, 2),
    (SEGMENTS, 7, 2),
    (SIMPLE, 6, 1),
    (STRONG, 14, 2),
    (LOW, 26, 5),
];

fn file(hex: &str) -> Vec<u8> {
    let digit = |digit: u8| (digit as char).to_digit(16).expect("a digit") as u8;
    hex.as_bytes().as_chunks().0.iter().map(|[a, b]| digit(*a) << 4 | digit(*b)).collect()
}

/// What is in the one chunk of `hex`, behind the headers.
fn frame(hex: &str) -> Vec<u8> {
    file(hex).split_off(20)
}

fn sides(frame: &[u8]) -> (u32, u32) {
    let side = |at| u32::from(u16::from_le_bytes([frame[at], frame[at + 1]]) & 0x3fff);
    (side(6), side(8))
}

/// What was read, as a picture.
fn means(frame: &[u8], scale: u32) -> Option<RgbImage> {
    let (width, height) = sides(frame);
    let mut means = Vec::new();
    rows(frame, scale, |row| means.extend_from_slice(row.as_flattened()))?;
    RgbImage::from_raw(width.div_ceil(scale), height.div_ceil(scale), means)
}

/// The mean of each cell of the whole picture.
fn expected(whole: &RgbImage, scale: u32) -> RgbImage {
    let (width, height) = whole.dimensions();
    RgbImage::from_fn(width.div_ceil(scale), height.div_ceil(scale), |x, y| {
        let (left, top) = (x * scale, y * scale);
        let (right, bottom) = ((left + scale).min(width), (top + scale).min(height));
        let cell = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        let pixels: Vec<_> = cell.map(|(x, y)| whole.get_pixel(x, y)).collect();
        Rgb([0, 1, 2].map(|channel| {
            let sum: usize = pixels.iter().map(|pixel| usize::from(pixel[channel])).sum();
            ((sum + pixels.len() / 2) / pixels.len()) as u8
        }))
    })
}

fn luma(Rgb([r, g, b]): &Rgb<u8>) -> u32 {
    (299 * u32::from(*r) + 587 * u32::from(*g) + 114 * u32::from(*b) + 500) / 1000
}

#[test]
fn cells_are_the_means_of_the_picture() {
    for (nr, (hex, most, on_average)) in FILES.into_iter().enumerate() {
        let whole = image::load_from_memory(&file(hex)).expect("a WebP").to_rgb8();
        for scale in SCALES {
            let what = format!("file {nr} at {scale}");
            let means = means(&frame(hex), scale).expect(&what);
            let expected = expected(&whole, scale);
            assert_eq!(means.dimensions(), expected.dimensions(), "{what}");
            let (mut far, mut colours_far) = (0, 0);
            for (x, y, mean) in means.enumerate_pixels() {
                let wanted = expected.get_pixel(x, y);
                let off = luma(mean).abs_diff(luma(wanted));
                assert!(off <= most, "{what}, {x}, {y}: {mean:?} for {wanted:?}");
                far += off;
                colours_far +=
                    (0..3).map(|it| u32::from(mean[it].abs_diff(wanted[it]))).sum::<u32>();
            }
            let count = means.width() * means.height();
            assert!(far <= on_average * count, "{what}: {far} of {count}");
            // the other decoder blends the colours of neighbours
            assert!(colours_far <= 6 * on_average * count, "{what}: {colours_far} of {count}");
        }
    }
}

#[test]
fn what_is_rare_is_left_alone() {
    let plain = frame(PLAIN);
    let with = |at: usize, value: u8| {
        let mut frame = plain.clone();
        frame[at] = value;
        frame
    };
    assert!(means(&plain, 8).is_some());
    assert!(means(&with(0, plain[0] | 1), 8).is_none(), "it needs an earlier frame");
    assert!(means(&with(0, plain[0] | 8), 8).is_none(), "a version of the future");
    assert!(means(&with(0, plain[0] & !16), 8).is_none(), "it is not to be shown");
    assert!(means(&with(3, 0), 8).is_none(), "no start code");
    assert!(means(&with(10, plain[10] | 128), 8).is_none(), "colours of another kind");
    assert!(rows(&with(6, 0), 8, |_| ()).is_none(), "no width");
    assert!(rows(&plain, 3, |_| ()).is_none(), "a scale that divides no macroblock");
}

#[test]
fn what_is_cut_off_is_left_alone() {
    for (hex, ..) in FILES {
        let frame = frame(hex);
        assert!(rows(&frame, 8, |_| ()).is_some());
        // the last bytes may be zeros, which are nothing to miss
        for length in 0..frame.len() - 8 {
            assert!(rows(&frame[..length], 8, |_| ()).is_none(), "{length} of {}", frame.len());
        }
    }
}

#[test]
fn damage_never_panics() {
    for (hex, ..) in FILES {
        let frame = frame(hex);
        for at in 0..frame.len() {
            for value in [0, 0xff, frame[at] ^ 1, frame[at] ^ 0x40, frame[at].wrapping_mul(37)] {
                let mut damaged = frame.clone();
                damaged[at] = value;
                let (width, height) = sides(&damaged);
                if u64::from(width) * u64::from(height) > 1 << 20 {
                    continue;
                }
                let mut count = 0;
                let read = rows(&damaged, 4, |row| {
                    assert_eq!(row.len(), width.div_ceil(4) as usize);
                    count += 1;
                });
                assert!(read.is_none() || count == height.div_ceil(4));
            }
        }
    }
}

/// 40 × 24, without the filter, quality 60.
const PLAIN: &str = "\
    52494646c00000005745425056503820b40000007405009d012a280018003eb5469e4b0301aa80000168968009\
    d32847c07c40016a5108878dc8f5e8904c6b0c8bf89ff37c06352000d64ba3df2af7c1126df1dffc2ac203c504\
    373671db78dfddc6f92e7f8b694f3585f58981d864e43507595ddbbdfb62103f05dd75c691c6282f02f5d26043\
    7416041d003f3256822b023268cc8f741bafef11d6d12c0cc5a1880a6aa0836f043ac2c631fb6089f81ca95e17\
    404ebf37cdcf3caef2f5b792b72d07173c177000\
";

/// 40 × 24, without the filter, quality 100.
const BEST: &str = "\
    52494646100300005745425056503820040300007405009d012a2800180000000025a000033ea17b0db69dd092\
    4722d5bdd338541f47ce1898f6040a65b0d23c2060f4d3817f7ef000feeb90fef23d96caaa35fe1233856c8e75\
    5304e7936d01b68d55e9f5896ac4378f67566fe9fd63d4fcc777f4b12e1964a5ce2ecafc6c71a65dd8a91cb62c\
    56fa3a3c41fd13384fe8da97a37928c791bfcebffe350eb3fffe6cbfaa2bfe2c7c2f361866e4677f1c57b11559\
    499f943368fbbf2ea8ede9a3bee3f14a0e9e14413ffff853f7ffffd1b39f3fffdd568bdff7367fdc0bfdd7ffcf\
    fd6038cb7cd7ffff436ffcb9e4c9bafffed59f6bde5503ffc53ff51fcceffcdafff915ffb5103feae7baffefff\
    aa2bfeebfb407f701fc71cb557b877663741eb5b57e072e52ecb7eb6eee69f5a60616bb2ec4dd9a9e6b6765312\
    c4727a703f951cadb1728cc66ac75106b472efa01a11b5901f0f855755d739e64fb3a8df183d5f70cfb497df05\
    1db85c08a886f13c3ef1ff7fabbbd94e6a462ff1ff401cf1cbce99ef03bea8350a7967df7b7f31e0fe12ff8947\
    ed883c9d3dbfd57ff1739bcb4fffe521ffaf7e12ffd16fffa1e7fa5847fe0d77fc764ff93bc767fc69bafffa86\
    3ff5efd830c61b8c92527a622a0f29532483fc07078812143de6566319c77f4efdf78fab0f5108f321db90f2fd\
    876e1f29cb7ba89b22b98b6e2b858836c07019b062c92aed60896d59652e703ffe2c3b1ffffc09df80fcf1ff85\
    35fda156dc0ff05807a2dde7cc6881b4d5340cfb7161e04717e788df3606e0dbf16271d4fb134149bbfdaaad14\
    77616ca40a8609c8f272e6b5f7940c50cb7b9f046c19fb4e6effea9a454d94c400b7d34981648c999ef7fe8f3a\
    129d8f791247bffeb443e7f04f4f1eff9d1f01ef7dddffe77efa613b0bfecbe8f3908a47e3c491dcb5fd7143cf\
    74e425ec43675e7e1110f1e7ff3e131ebaebe97c61d5e0f1d15df7f8f756ba4e34d56375cbf98bdcd9fae8bc0b\
    454176f9efd48f2f02af34fc103343a5acaf5ff2b22ca045a3124dfb1340d786735a72828823255bf14e607ef0\
    11532eb387f873a1f3b8cd36c949f4d9864b0be53bff92cb4d0000\
";

/// 33 × 150 in eight partitions, with the strong filter, quality 30.
const PARTITIONS: &str = "\
    52494646c00100005745425056503820b4010000300c009d012a2100960004036825a400033e9e9baa5f931d8c\
    6d7e35a21d3c67fb135ceff8d7bee43d5bf143ff59c4ef51cb10450ba5f0e3058110a72f29d570d0cc43fffe06\
    c77d3c7fc5c6f67e91e4e2f81feba7db2f10b73fafc7fb0e7a4ceb4d4b646dffe5fbfa00003300002200001600\
    001f0000570000260000180000d2f9c1b7fff16fa6b3ef6621ffc2e97c958fcd4c1630fcfa316efb000c2dd84d\
    d748fc5c1289199cf02418594488f3d4ee480005678441c3dbaa75695edee7645d49f94b8da54e974eafe5acd8\
    a0b577a84695840021f9afec595f5a6dd82f7b4bbbef5da7b5dd77048c00c1e6fa56183cfad533540beae2c01e\
    9f93ddf2b11d2b8b2b44f467d23a800017a2f50daf500438b3d98208dc0fbd9940c0765215d3e7179f8d25c7c3\
    241daabcce88a798b53b886fa4c4a7e715c4cbe05d7a50aed208cefc9b1ed3308c4d2fc65db7d0ae9b535ffe4e\
    4cb33268ff272650dd81958000e06b3be9c54680df9d255d63dcd58f07f68d44b6cf09481623baf2ca9b381411\
    3c05c7124000c9ab80c0bbf6295e142f3989299ddb93c6a1b4ffd470c000ccca12a6bf150360197fb70f8363d5\
    0288ec3fc000\
";

/// 67 × 45 in four segments, quality 50.
const SEGMENTS: &str = "\
    524946466601000057454250565038205a010000500a009d012a43002d003edd4e9b4228a4af1bbba600f00dc5\
    36005a90a0aabf10bf31f8e9cdfc5fd1403d76c0c5a108740c2aaad5de5736a680e0d4c35f24a02fbcd6d930b6\
    ec77940bf9eed57d36a5a1b367c6aa3ac524a269c000f7a59e5cefdb0a3fca42f8853096843f628f85b716df50\
    e4552fc8a7bd8d132053f1272dd55734b3a00e18fa803a89b6a4fce29ca8fac9b4bd04c00ee94669b47d50cae9\
    c09089da88431951baae35542ba4fb1ef2b09fced16e5fa51763f06ab79547bee9b2d6a8db8a867f09d2373196\
    064746573b963e0e997701d24446c6dff773e51b8a2863dde1628ad1bd5daf8c5f6b04cb792846738479cde602\
    e726783ebbd15d990fa778ed9f8fcf50a872f2229294473e209343553d2dc7f1b34cfc5ce301f5134da28dd51e\
    e6f039af94d8153e4b4da32caab690600b2cc98f92abd7316099d5b5d63258d541dffc237fd8a8f7ffe11bfec0\
    2f616e22ac00\
";

/// 67 × 45 with the simple filter, quality 50.
const SIMPLE: &str = "\
    524946462601000057454250565038201a010000b207009d012a43002d003ea92eaa553621a6261dd6c015096a\
    00c6afd10c37c3dfe4d007ea07bffddca83496466e083332145e8aaa158d1f60c5be4a4ffbd9f59cd7e001fc00\
    00fecaf3cbe2d224ecbffc59fad8f6601df9b395a3d0bc2f0152d03db3568491aa48c9e8af72f65ee3f8dc411a\
    45e9689dbe944e1835f31a81f5fcd3ff09fff9bfebafa02d9cedce52b1747bf4c10a2a48e49a4a36a0c44672f8\
    71d3b614f284719ce33137b0b25dd16b8ddbb4bcc43fd238c8f09e1f96847552df8c12757e2e28224b2e569f84\
    446d2a82981c9f06575b0467f7b1f95c63d48ab37fa27a4be060333752026bbbf2066c16ec0e6e57a6b73f7e9b\
    f10aa55ed7b84625c87b6e0cab832adf576e41f6bc0c1f96d70053ba24900000\
";

/// 67 × 45 with the strong filter, quality 40.
const STRONG: &str = "\
    524946460c0100005745425056503820000100007006009d012a43002d000b805a25a402f377b1757a35f66e4d\
    a03bb00f5ffbb950748e67c4ded18924ec1e53827371cac0adffc4dff705dc9e382e0000fecaf3cbe2d224ecbf\
    c2b34762c57ac9260ed0e97597f152f407fce4e9fe1b8bae89e9c9e20d811cb3993230c366291846f7bfa1864c\
    687c672cfd337f546e558d54e4dfae922b92a2496b53dcc47efbe6334a9c9c3ed7d810092891f7e7dda32f76df\
    d43c656c18a03dc8ff290e551817c3079abf82a0d8da387bf10eb3dfcbcea3a08ffc21ea2b391ae9e247c0bd78\
    7873064a0ce5c2509c6b66400bb5cb973bab9fbf4df885568122b4b6ae094f24fa7fee497c0f679ffb24be0429\
    d1d945800000\
";

/// 67 × 45, quality 0.
const LOW: &str = "\
    524946467e000000574542505650382072000000b004009d012a43002d003ffdfeff7fbfbfb8b239980aabf03f\
    896a00b7387c4901a4171c98d099ca3bed9488a60000fc1fcf17c4dd3fe2c109128aadbe701f6fb4873ff89f48\
    8b6a3401fde1f7b9d02c5295ec3487d547981a06ec67b0e841f50a70a426ea8af6a9d306fc8fdb07b6980000\
";

/// 1 × 1.
const ONE: &str = "\
    5249464634000000574542505650382028000000b001009d012a0100010002c04c25a00274ba0005d40000fdc7\
    1ff94afdd97a49d5975a1683e00000\
";
