//! GeoTIFFs: where a picture lies, and the region under a bounding box.

use std::io::Cursor;

use asciify::{Geo, Limits, probe};
use testkit::pictures::png;
use testkit::tiffs::{GeoTags, geotiff};

fn geo(tags: &GeoTags<'_>) -> Option<Geo> {
    let file = geotiff(tags);
    probe(Cursor::new(file), &Limits::default()).expect("a TIFF").geo
}

#[test]
fn a_geotiff_says_where_it_lies() {
    let tags = GeoTags::default();
    let found = geo(&tags).expect("a place");
    assert_eq!(found.crs, Some(32_633));
    assert_eq!(found.transform, [10.0, 0.0, 300_000.0, 0.0, -10.0, 5_000_000.0]);
    assert_eq!(found.bounds(60, 40), [300_000.0, 4_999_600.0, 300_600.0, 5_000_000.0]);
    assert_eq!((found.dtype.as_str(), found.nodata), ("uint16", Some(7.0)));
    assert_eq!((found.scales, found.offsets), (vec![0.0001], vec![-0.1]));

    // coordinates of the middle of a pixel
    let points = [1024, 1, 1025, 2, 3072, 32_633];
    let found = geo(&GeoTags { keys: &points, ..tags }).expect("a place");
    assert_eq!(found.transform, [10.0, 0.0, 299_995.0, 0.0, -10.0, 5_000_005.0]);

    // longitude and latitude, and a tie point inside
    let degrees = [1024, 2, 2048, 4326];
    let tie_point = [30.0, 20.0, 0.0, 15.0, 50.0, 0.0];
    let scale = [0.5, 0.25, 0.0];
    let found = geo(&GeoTags { keys: &degrees, tie_point: &tie_point, scale: &scale, ..tags });
    let found = found.expect("a place");
    assert_eq!((found.crs, found.bounds(60, 40)), (Some(4326), [0.0, 45.0, 30.0, 55.0]));

    // a matrix comes first
    let mut matrix = [0.0; 16];
    matrix[..8].copy_from_slice(&[1.0, 2.0, 0.0, 3.0, 4.0, 5.0, 0.0, 6.0]);
    let found = geo(&GeoTags { matrix: &matrix, ..tags }).expect("a place");
    assert_eq!(found.transform, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);

    let user_defined = [1024, 1, 3072, 32_767];
    assert_eq!(geo(&GeoTags { keys: &user_defined, ..tags }).expect("a place").crs, None);
    assert_eq!(geo(&GeoTags { scale: &[], ..tags }), None);
    assert_eq!(geo(&GeoTags { scale: &[f64::NAN, 1.0, 0.0], ..tags }), None);
    let file = png(&testkit::pictures::lopsided());
    assert_eq!(probe(Cursor::new(file), &Limits::default()).expect("a PNG").geo, None);
}
