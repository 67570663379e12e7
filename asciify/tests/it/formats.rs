//! Valid but rare files: they are drawn like common ones.

use image::DynamicImage;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use testkit::pictures::{lopsided, png, text};

#[test]
fn an_icon_may_hold_any_png() {
    let grey = DynamicImage::from(lopsided().to_luma8());
    for picture in [lopsided(), grey] {
        let inside = png(&picture);
        let mut icon = b"\0\0\x01\0\x01\0\x30\x20\0\0\x01\0\x20\0".to_vec();
        icon.extend((inside.len() as u32).to_le_bytes());
        icon.extend(22_u32.to_le_bytes());
        icon.extend(&inside);
        assert_eq!(text(&icon, "width=24"), text(&inside, "width=24"));
    }
}

#[test]
fn chroma_of_a_jpeg_may_be_sampled_in_any_way() {
    const SPEC: &str = "width=24&match=ramp&tone=natural&symbols=ramp: .:-=%2b*%23%25@";
    let picture = lopsided().blur(4.0).to_rgb8();
    let jpeg = |sampling| {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, 100);
        encoder.set_sampling_factor(sampling);
        encoder.encode(&picture, 48, 32, ColorType::Rgb).expect("it is small");
        text(&file, SPEC)
    };
    let wanted = jpeg(SamplingFactor::F_1_1);
    use SamplingFactor::{F_1_2, F_1_4, F_2_1, F_2_2, F_2_4, F_4_1, F_4_2};
    for sampling in [F_2_1, F_1_2, F_2_2, F_2_4, F_4_1, F_4_2, F_1_4] {
        let drawn = jpeg(sampling);
        let differ = drawn.chars().zip(wanted.chars()).filter(|(it, of)| it != of).count();
        assert!(differ <= wanted.len() / 10, "{sampling:?}: {differ}\n{drawn}{wanted}");
    }
}
