//! Sizes: the columns and rows of a picture's grid.

use asciify::Spec;

use testkit::pictures::{drawn, lopsided, png, tall, wide};

#[test]
fn sizes_follow_from_the_proportions_of_the_picture() {
    for (spec, picture, grid) in [
        ("width=80", (640, 480), (80, 30)),
        ("width=80&cell=1", (640, 480), (80, 60)),
        ("height=30", (640, 480), (80, 30)),
        ("", (100, 100), (80, 40)),
        // halves are rounded up: 5 columns of a square are 2.5 rows
        ("width=5", (100, 100), (5, 3)),
        ("width=80", (500, 1), (80, 1)),
        ("height=1", (1, 500), (1, 1)),
        // at most 1000 rows: the width shrinks as well
        ("width=80", (1, 500), (4, 1000)),
        ("height=80", (500, 1), (1000, 1)),
        ("width=80&height=40", (100, 100), (80, 40)),
        ("width=80&height=20", (100, 100), (40, 20)),
        ("width=80&height=200", (100, 100), (80, 40)),
        ("width=1&height=1", (30, 9), (1, 1)),
        ("width=80&height=20&fit=cover", (100, 100), (80, 20)),
        ("width=7&height=1000&fit=stretch", (100, 100), (7, 1000)),
        // fit has no effect with one size
        ("width=80&fit=cover", (100, 100), (80, 40)),
        ("width=1000&cell=10", (u32::MAX, 1), (1000, 1)),
        ("width=1000&cell=10", (1, u32::MAX), (1, 1000)),
    ] {
        let parsed: Spec = spec.parse().expect("a valid spec");
        assert_eq!(parsed.size(picture.0, picture.1), grid, "{spec:?} of {picture:?}");
    }
}

#[test]
fn grids_have_the_size_that_the_spec_says() {
    for picture in [lopsided(), tall(), wide()] {
        let file = png(&picture);
        for spec in [
            "width=1",
            "width=80",
            "height=7",
            "width=50&height=9",
            "width=9&height=50&fit=cover",
            "width=63&height=41&fit=stretch",
        ] {
            let parsed: Spec = spec.parse().expect("a valid spec");
            let (columns, rows) = parsed.size(picture.width(), picture.height());
            let grid = drawn(&file, spec).expect("a valid file");
            assert_eq!((grid.columns(), grid.rows()), (columns as usize, rows as usize), "{spec}");
        }
    }
}

#[test]
fn cover_shows_the_middle() {
    // thirds of black, white, black; a grid of the middle third's proportions shows only white
    let picture = image::GrayImage::from_fn(30, 10, |x, _| {
        image::Luma([if (10..20).contains(&x) { 255 } else { 0 }])
    });
    let grid = drawn(&png(&picture.into()), "width=20&height=10&fit=cover&match=ramp")
        .expect("a valid file");
    assert!(grid.lines().flatten().all(|cell| cell.symbol == '@'), "{grid:?}");
}
