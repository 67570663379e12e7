//! Drawing: tones, shapes, colours and backgrounds, and that the output can be read back.

use std::collections::HashSet;
use std::io::Cursor;

use asciify::write::{self, Output};
use asciify::{Background, Format, Grid, GridError, Limits, Spec, formats, render};
use image::{DynamicImage, GrayImage, Luma};

use testkit::pictures::{
    checker, deep, disc, drawn, encoded, gradient, lopsided, named, png, text,
};

#[test]
fn a_ramp_is_denser_where_the_picture_is_brighter() {
    let row = text(&png(&gradient()), "width=64&match=ramp");
    let first = row.lines().next().expect("a row");
    assert!(first.starts_with(' ') && first.ends_with('@'), "{first:?}");
    let mut steps: Vec<char> = first.chars().collect();
    steps.dedup();
    assert!(steps.len() >= 12, "{first:?}");
    assert_eq!(
        steps.iter().collect::<HashSet<_>>().len(),
        steps.len(),
        "a character came twice: {first:?}"
    );
}

#[test]
fn lines_are_drawn_with_characters_of_their_shape() {
    // the character in the middle, where a white line of a seventh of the picture's width crosses
    // it
    let crossing = |is_near: fn(i32, i32) -> bool| {
        let picture = GrayImage::from_fn(70, 70, |x, y| {
            Luma([if is_near(x as i32 - 35, y as i32 - 35) { 255 } else { 0 }])
        });
        let drawn = text(&png(&picture.into()), "width=7&height=7&fit=stretch&cell=1&tone=natural");
        drawn.lines().nth(3).and_then(|row| row.chars().nth(3)).expect("seven rows of seven")
    };
    assert!("|!;:lI1".contains(crossing(|x, _| x.abs() < 2)));
    assert!("-=~+".contains(crossing(|_, y| y.abs() < 2)));
    assert!("/%".contains(crossing(|x, y| (x + y).abs() < 3)));
    assert!("\\N".contains(crossing(|x, y| (x - y).abs() < 3)));
}

#[test]
fn shapes_on_a_transparent_backdrop_are_visible() {
    for shade in [0, 255] {
        let shape = image::RgbaImage::from_fn(40, 40, |x, y| {
            let inside = (10..30).contains(&x) && (10..30).contains(&y);
            image::Rgba([shade, shade, shade, if inside { 255 } else { 0 }])
        });
        let file = png(&shape.into());
        for background in ["dark", "light"] {
            for matching in ["shape", "ramp"] {
                let spec = format!("width=20&background={background}&match={matching}");
                let drawn = text(&file, &spec);
                let (edge, middle) = (drawn.chars().next(), drawn.chars().nth(5 * 21 + 10));
                assert!((edge == Some(' ')) != (middle == Some(' ')), "{shade} {spec}\n{drawn}");
            }
        }
        let chosen = |alpha| text(&file, &format!("width=20&alpha={alpha}"));
        assert_ne!(chosen("dark"), chosen("light"));
    }
}

#[test]
fn on_a_light_background_the_foreground_draws_dark_parts() {
    let file = png(&gradient());
    for matching in ["shape", "ramp"] {
        let row = text(&file, &format!("width=64&background=light&match={matching}"));
        assert!(!row.starts_with(' ') && row.trim_end_matches('\n').ends_with(' '), "{row}");
    }
}

#[test]
fn natural_tones_are_comparable_and_auto_uses_the_whole_range() {
    let grey = |low: u8, high: u8| {
        let picture =
            GrayImage::from_fn(80, 20, |x, _| Luma([low + (x as u8) * ((high - low) / 79)]));
        png(&picture.into())
    };
    let (dark, bright) = (grey(0, 79), grey(90, 248));
    for tone in ["natural", "linear"] {
        let spec = format!("width=40&match=ramp&tone={tone}");
        assert!(!text(&dark, &spec).contains('@') && !text(&bright, &spec).contains(' '), "{tone}");
    }
    for file in [dark, bright] {
        let drawn = text(&file, "width=40&match=ramp");
        assert!(drawn.contains('@') && drawn.contains(' '), "{drawn}");
    }
}

#[test]
fn every_spec_is_drawn_as_if_alone() {
    let texts = [
        "width=80",
        "height=3",
        "width=7&height=30&fit=cover",
        "width=200&invert=true",
        "width=80&cell=1",
        "width=80&match=ramp&tone=linear",
        "width=80&background=light&alpha=light",
        "width=1",
    ];
    let specs: Vec<Spec> = texts.iter().map(|spec| spec.parse().expect("a valid spec")).collect();
    // some specs need this one at full size, some at an eighth
    let photo = lopsided().resize_exact(640, 480, image::imageops::FilterType::Triangle);
    let files = [disc(), deep(), lopsided()].map(|picture| png(&picture));
    for file in files.into_iter().chain([encoded(&photo, named("JPEG"))]) {
        let together =
            render(Cursor::new(&file), &specs, &Limits::default()).expect("a valid file");
        assert_eq!(together.len(), specs.len());
        for (spec, grid) in texts.iter().zip(together) {
            assert_eq!(drawn(&file, spec).expect("a valid file"), grid, "{spec}");
        }
    }
}

#[test]
fn a_png_of_few_colours_is_drawn_like_one_of_many() {
    // black, a transparent white, yellow and blue, at two bits per pixel
    let (palette, alphas) = ([0, 0, 0, 255, 255, 255, 255, 220, 0, 0, 0, 255], [255, 0]);
    let index = |x: u32, y: u32| (x / 5 + y / 3) % 4;
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, 32, 24);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(&palette[..]);
    encoder.set_trns(&alphas[..]);
    let packed: Vec<u8> = (0..24)
        .flat_map(|y| (0..8).map(move |byte| (y, byte)))
        .map(|(y, byte)| (0..4).fold(0, |bits, x| bits << 2 | index(4 * byte + x, y) as u8))
        .collect();
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&packed).expect("all rows");
    writer.finish().expect("the end");

    let many = image::RgbaImage::from_fn(32, 24, |x, y| {
        let index = index(x, y) as usize;
        let rgb = &palette[3 * index..][..3];
        image::Rgba([rgb[0], rgb[1], rgb[2], alphas.get(index).copied().unwrap_or(255)])
    });
    let many = encoded(&many.into(), named("PNG"));
    for spec in ["width=16", "width=16&alpha=light&color=full&symbols=quad&color_on=both"] {
        let (found, wanted) = (drawn(&file, spec), drawn(&many, spec));
        assert_eq!(found.expect("a picture"), wanted.expect("a picture"), "{spec}");
    }
}

#[test]
fn the_negative_inverted_is_the_picture() {
    let picture = checker();
    let mut negative = picture.clone();
    negative.invert();
    for spec in ["width=8", "width=32&height=16&fit=stretch"] {
        let inverted = format!("{spec}&invert=true");
        assert_eq!(text(&png(&negative), &inverted), text(&png(&picture), spec));
        assert_ne!(text(&png(&picture), &inverted), text(&png(&picture), spec));
    }
}

#[test]
fn lossless_formats_agree() {
    let expected = text(&png(&disc()), "width=40");
    // JPEG is lossy, as are the previews of camera raws, and no crate writes the others
    let others = ["JPEG", "camera raw", "HEIC", "AVIF", "JPEG XL", "JPEG 2000"];
    let lossless = |format: &Format| !others.contains(&format.name());
    for format in formats().filter(lossless) {
        assert_eq!(text(&encoded(&disc(), format), "width=40"), expected, "{format}");
    }
}

#[test]
fn depths_agree() {
    let picture = GrayImage::from_fn(32, 8, |x, _| Luma([(x * 8) as u8]));
    let eight = DynamicImage::from(picture);
    let expected = text(&png(&eight), "width=16");
    for deeper in [
        DynamicImage::from(eight.to_luma16()),
        DynamicImage::from(eight.to_rgb16()),
        DynamicImage::from(eight.to_rgba16()),
        DynamicImage::from(eight.to_luma_alpha16()),
        DynamicImage::from(eight.to_luma_alpha8()),
        DynamicImage::from(eight.to_rgba8()),
    ] {
        assert_eq!(text(&png(&deeper), "width=16"), expected, "{:?}", deeper.color());
    }
}

#[test]
fn text_reads_back() {
    let grid = drawn(&png(&disc()), "width=33").expect("a valid file");
    let text = write::txt(&grid);
    assert_eq!(text.parse(), Ok(grid.clone()));
    assert_eq!(text.trim_end_matches('\n').parse(), Ok(grid.clone()));
    assert_eq!(text.lines().count(), grid.rows());
    assert!(text.lines().all(|row| row.len() == grid.columns()));
    assert_eq!(
        grid.cell(16, 8).map(|it| it.symbol),
        text.lines().nth(8).and_then(|row| row.chars().nth(16))
    );
    assert_eq!((grid.cell(33, 0), grid.cell(0, grid.rows())), (None, None));

    assert_eq!("".parse::<Grid>(), Err(GridError::Empty));
    assert_eq!("\n\n".parse::<Grid>(), Err(GridError::Empty));
    assert_eq!("ab\nc\n".parse::<Grid>(), Err(GridError::Ragged { row: 2, is: 1, first: 2 }));
    assert_eq!("ab\n\n".parse::<Grid>(), Err(GridError::Ragged { row: 2, is: 0, first: 2 }));
}

#[test]
fn characters_that_are_not_one_column_wide_are_refused() {
    // control characters, line ends, a combining and a wide character
    for symbol in ['\u{9b}', '\u{7f}', '\r', '\t', '\u{85}', '\u{2028}', '\u{301}', '漢'] {
        let text = format!("a\n{symbol}\n");
        assert_eq!(text.parse::<Grid>(), Err(GridError::Symbol { row: 2 }), "{symbol:?}");
    }
}

#[test]
fn pages_and_drawings_hold_the_same_text() {
    let file = png(&lopsided());
    for spec in
        ["width=40", "width=40&color=full", "width=40&symbols=chars:%20%3C%26%3E%22'&color=16"]
    {
        let grid = drawn(&file, spec).expect("a picture");
        let text = write::txt(&grid);

        let write = |output: Output| {
            let file = output.to_vec(&grid, Background::Dark, "a <title>");
            String::from_utf8(file).expect("UTF-8")
        };
        let page = write(Output::Html);
        let (_, picture) = page.split_once("<pre role=\"img\"").expect("a picture");
        let (_, picture) = picture.split_once(">\n").expect("its first row");
        let (picture, _) = picture.split_once("</pre>").expect("its end");
        assert_eq!(without_tags(picture), text, "{spec}");

        let drawing = write(Output::Svg);
        let mut rows = vec![vec![' '; grid.columns()]; grid.rows()];
        for element in drawing.split("<text").skip(1).filter(|it| it.contains("</text>")) {
            let number = |name: &str| -> usize {
                let (_, value) = element.split_once(&format!(" {name}=\"")).expect(name);
                value.split('"').next().expect(name).parse().expect(name)
            };
            let (_, symbols) = element.split_once('>').expect("a tag");
            let (symbols, _) = symbols.split_once("</text>").expect("its end");
            let row = &mut rows[number("y") / 20][number("x") / 10..];
            row.iter_mut().zip(without_tags(symbols).chars()).for_each(|(cell, it)| *cell = it);
        }
        let rows: Vec<String> =
            rows.into_iter().map(|row| row.into_iter().chain(['\n']).collect()).collect();
        assert_eq!(rows.concat(), text, "{spec}");
    }
}

fn without_tags(markup: &str) -> String {
    let texts: Vec<&str> =
        markup.split('<').map(|it| it.rsplit('>').next().unwrap_or(it)).collect();
    unescaped(&texts.concat())
}

fn unescaped(text: &str) -> String {
    let references =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    references.into_iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[test]
fn a_brighter_picture_is_never_darker() {
    let flat = |value: u8| png(&GrayImage::from_pixel(40, 40, Luma([value])).into());
    for look in
        ["tone=natural", "tone=linear", "tone=natural&match=ramp", "tone=natural&symbols=braille"]
    {
        let spec = format!("width=20&{look}");
        let light = |value: u8| -> u64 {
            let grid = drawn(&flat(value), &spec).expect("a picture");
            let picture = Output::Png.to_vec(&grid, Background::Dark, "");
            let picture = image::load_from_memory(&picture);
            picture.expect("a PNG").into_luma8().iter().map(|it| u64::from(*it)).sum()
        };
        let lights: Vec<u64> = (0..=255).step_by(17).map(light).collect();
        // the font of the PNG is not the mean of the measured ones, so two mixtures may differ a
        // little
        let never_less = |pair: &[u64]| pair[1] * 100 >= pair[0] * 97;
        assert!(lights.windows(2).all(never_less), "{spec}: {lights:?}");
        assert!(lights[0] == 0 && lights[15] > lights[5], "{spec}: {lights:?}");
    }
}

#[test]
fn the_same_picture_and_spec_give_the_same_bytes_on_every_thread() {
    let file = png(&lopsided());
    for spec in ["width=60", "width=30&color=256&symbols=quad&color_on=both", "width=30&color=full"]
    {
        let draw = || write::ansi(&drawn(&file, spec).expect("a picture"));
        let first = draw();
        std::thread::scope(|scope| {
            let others: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            for other in others {
                assert_eq!(other.join().expect("it ends"), first, "{spec}");
            }
        });
    }
}
