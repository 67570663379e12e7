//! Regions and bounding boxes of images.

use serde_json::json;
use testkit::{
    app::TestApp,
    pictures::{lopsided, png, text},
    tiffs::{GeoTags, geotiff},
};

#[tokio::test]
async fn a_region_is_drawn_as_an_image_of_its_pixels() {
    let app = TestApp::spawn().await;
    let picture = lopsided();
    let image = app.upload(png(&picture)).await;
    let crop = png(&picture.crop_imm(12, 16, 24, 8));
    for region in ["12,16,24,8", "pct:25,50,50,25"] {
        let drawn = app.text(&format!("{}?width=30&region={region}", image.at)).await;
        assert_eq!(drawn, text(&crop, "width=30"), "{region}");
    }
    // its page checks it as well
    let outside = format!("{}?region=48,0,1,1", image.at);
    app.ask(&outside, &[("accept", "text/html")]).await.is(400);
}

#[tokio::test]
async fn the_metadata_of_a_geotiff_say_where_it_lies() {
    let app = TestApp::spawn().await;
    let image = app.upload(geotiff(&GeoTags::default())).await;
    let metadata = app.get(&format!("{}/metadata", image.at)).await.is(200).json();
    assert_eq!(
        metadata["geo"],
        json!({
            "crs": "EPSG:32633",
            "bounds": [300_000.0, 4_999_600.0, 300_600.0, 5_000_000.0],
            "transform": [10.0, 0.0, 300_000.0, 0.0, -10.0, 5_000_000.0],
            "dtype": "uint16",
            "nodata_value": 7.0,
            "scales": [0.0001],
            "offsets": [-0.1],
            "overviews": [],
        })
    );
}

#[tokio::test]
async fn a_bounding_box_is_the_region_under_it() {
    let app = TestApp::spawn().await;
    let image = app.upload(geotiff(&GeoTags::default())).await;
    let draw = async |query: &str| app.text(&format!("{}?width=20&{query}", image.at)).await;
    let region = draw("region=10,5,20,15").await;
    assert_ne!(region, draw("region=0,0,20,15").await);
    let own = "bbox=300100,4999800,300300,4999950";
    assert_eq!(draw(&format!("{own}&coord_crs=32633")).await, region);
    assert_eq!(draw(&format!("{own}&coord_crs=EPSG:32633")).await, region);
    // pixels 10 to 30 and 5 to 20, a little less, in degrees
    let degrees = "bbox=12.45826,45.12348,12.46066,45.12468";
    assert_eq!(draw(degrees).await, region);

    let plain = app.upload(png(&lopsided())).await;
    for (at, query, told) in [
        (&image.at, "bbox=1,2,3", "bbox must be minx,miny,maxx,maxy"),
        (&image.at, "bbox=1,2,3,4", "bbox must overlap the image, whose own bounds are 300000,"),
        (
            &image.at,
            "bbox=1,2,3,4&coord_crs=2154",
            "coord_crs must be 32633 (the image's own), 4326",
        ),
        (&image.at, "bbox=1,2,3,4&coord_crs=metres", "coord_crs: expected an EPSG code"),
        (&image.at, "coord_crs=4326", "coord_crs: needs bbox"),
        (&image.at, "bbox=1,2,3,4&region=square", "bbox and region: give one of them"),
        (&plain.at, "bbox=1,2,3,4", "the image has no coordinates"),
    ] {
        let answer = app.get(&format!("{at}?{query}")).await.is(400);
        answer.tells_problem("bad-parameter", &[told]);
        app.get(&format!("{at}/thumbnail?{query}")).await.is(400);
    }
}

#[tokio::test]
async fn titilers_names_of_options_are_understood() {
    let app = TestApp::spawn().await;
    let image =
        app.upload(testkit::pictures::encoded(&lopsided(), testkit::pictures::named("TIFF"))).await;
    let draw = async |query: &str| app.text(&format!("{}?color=full&{query}", image.at)).await;
    assert_eq!(draw("bidx=2").await, draw("bands=2").await);
    assert_eq!(draw("bidx=3&bidx=2&bidx=1").await, draw("bands=3,2,1").await);
    assert_eq!(draw("rescale=0,100").await, draw("stretch=0:100").await);
    assert_eq!(
        draw("rescale=0,100&rescale=5,200&rescale=0,50").await,
        draw("stretch=0:100,5:200,0:50").await
    );
    let index = draw("expression=(b1-b2)/(b1%2Bb2)&rescale=-1,1&colormap_name=rdylgn").await;
    assert_eq!(index, draw("expression=(b1-b2)/(b1+b2)&stretch=-1:1&colormap_name=rdylgn").await);
    assert_ne!(index, draw("expression=(b1-b2)/(b1%2Bb2)&stretch=-1:1").await);
    assert_eq!(
        draw("bidx=1&algorithm=hillshade&algorithm_params=%7B%22azimuth%22:90%7D").await,
        draw("bands=1&algorithm=hillshade&azimuth=90").await
    );
    for (query, told) in [
        ("expression=b1*", "expression: at character 4: expected a band"),
        ("expression=b1-b4", "expression must be of bands that the image has: b1 to b3, not b4"),
        ("colormap_name=viridis", "colormap_name must be none, as three values are shown"),
        ("colormap_name=jet2", "colormap_name must be none, gray, viridis"),
        ("algorithm=hillshade&algorithm_params=90", "algorithm_params: expected a JSON object of"),
        ("rescale=0", "rescale: expected two numbers joined by a comma"),
        ("rescale=0,1,2", "rescale: expected two numbers joined by a comma"),
        ("rescale=0,9&stretch=none", "rescale and stretch mean the same: give one of them"),
        ("bidx=1&bidx=2", "bands must be"),
        ("bands=1&bands=2", "given twice"),
    ] {
        let answer = app.get(&format!("{}?{query}", image.at)).await.is(400);
        answer.tells_problem("bad-parameter", &[told]);
    }
}
