//! Values of pixels and points, and statistics.

use serde_json::json;
use testkit::{
    app::TestApp,
    pictures::{lopsided, png, sample},
    samples::foreign,
    tiffs::{GeoTags, geotiff},
};

const TEXT: &[(&str, &str)] = &[("accept", "text/plain")];

#[tokio::test]
async fn a_point_has_the_values_of_its_pixel() {
    let app = TestApp::spawn().await;
    let image = app.upload(geotiff(&GeoTags::default())).await;
    let at = &image.at;
    let body = |coordinates: serde_json::Value, value: serde_json::Value| {
        json!({
            "coordinates": coordinates,
            "values": [value],
            "band_names": ["b1"],
            "band_descriptions": ["b1"],
        })
    };
    let pixel = app.get(&format!("{at}/pixel/3,2")).await.is(200);
    assert_eq!(pixel.header("vary"), "accept, user-agent");
    assert_eq!(pixel.json(), body(json!([3.0, 2.0]), json!(1190.0)));
    let own = "point/300035,4999975?coord_crs=32633";
    let point = app.get(&format!("{at}/{own}")).await.is(200).json();
    assert_eq!(point, body(json!([300_035.0, 4_999_975.0]), json!(1190.0)));
    // column 20 and row 12, in degrees
    let point = app.get(&format!("{at}/point/12.459492,45.12411")).await.is(200).json();
    let column = 20.0;
    let row = (point["values"][0].as_f64().expect("a value") - 1000.0 - 50.0 * column) / 20.0;
    assert!((0.0..40.0).contains(&row) && row.fract() == 0.0, "{point}");
    let missing = app.get(&format!("{at}/pixel/3,2?nodata=1190&bidx=1")).await.is(200).json();
    assert_eq!(missing, body(json!([3.0, 2.0]), json!(null)));
    let text = app.ask(&format!("{at}/{own}"), TEXT).await.is(200).text();
    assert_eq!(text, "b1  1190\n");
    // a plus is a space in a query
    let computed = app.get(&format!("{at}/pixel/3,2?expression=(b1-190)/(b1+810)")).await.is(200);
    let name = "(b1-190)/(b1+810)";
    assert_eq!(
        (&computed.json()["values"], &computed.json()["band_names"]),
        (&json!([0.5]), &json!([name]))
    );

    let plain = app.upload(png(&lopsided())).await;
    let rgb = app.get(&format!("{}/pixel/0,0?bands=3,1", plain.at)).await.is(200).json();
    assert_eq!(rgb["band_names"], json!(["b3", "b1"]));
    for (at, path, told) in [
        (at, "point/1,2", "the point must lie in the image, whose bounds are 300000,"),
        (at, "point/1", "point: expected two numbers"),
        (at, "point/1,nan", "point: expected two numbers"),
        (at, "point/1,2?coord_crs=2154", "coord_crs must be 32633 (the image's own), 4326"),
        (at, "point/1,2?width=3", "there is no parameter \"width\" here; bands, bidx, expression"),
        (at, "pixel/60,0", "pixel: expected a column from 0 to 59 and a row from 0 to 39"),
        (at, "pixel/-1,0", "pixel: expected a column from 0 to 59"),
        (at, "pixel/1,1?coord_crs=4326", "coord_crs: a pixel has no coordinates"),
        (at, "pixel/1,1?bands=2", "bands must be 1"),
        (
            at,
            "pixel/1,1?expression=b2-b1",
            "expression must be of bands that the image has: b1, not b2",
        ),
        (at, "pixel/1,1?expression=(b1", "expression: at character 4: expected an operator or a"),
        (
            &plain.at,
            "point/1,2",
            "no place on Earth: its file states no coordinates; /images/ID/pixel",
        ),
    ] {
        let answer = app.get(&format!("{at}/{path}")).await.is(400);
        answer.tells_problem("bad-parameter", &[told]);
    }
    for path in ["/images/x/pixel/1,1", "/images/01a20f99-48b9-701c-bde0-968a90457218/pixel/1,1"] {
        app.get(path).await.is(404).tells_problem("not-found", &["no such image"]);
    }
    let html = &[("accept", "text/html")];
    app.ask(&format!("{at}/pixel/1,1"), html).await.is(406);
}

#[tokio::test]
async fn statistics_are_json_or_a_drawn_histogram() {
    let app = TestApp::spawn().await;
    let image = app.upload(geotiff(&GeoTags::default())).await;
    let at = format!("{}/statistics", image.at);
    let get = async |query: &str| app.get(&format!("{at}?{query}")).await.is(200).json();
    let all = get("").await;
    let band = &all["b1"];
    assert_eq!(all.as_object().map(serde_json::Map::len), Some(1));
    assert_eq!((&band["min"], &band["max"]), (&json!(1000.0), &json!(4730.0)));
    assert_eq!((&band["count"], &band["valid_percent"]), (&json!(2400.0), &json!(100.0)));
    assert_eq!(band["histogram"][0].as_array().map(Vec::len), Some(10));
    assert_eq!(band["histogram"][1].as_array().map(Vec::len), Some(11));
    assert!(band["percentile_2"].is_number() && band["percentile_98"].is_number());
    let few = get("p=25&p=50.5&histogram_bins=3&histogram_range=0,3&bands=1&unscale=true").await;
    let few = &few["b1"];
    assert!(few["percentile_25"].is_number() && few["percentile_50.5"].is_number());
    assert!(few["percentile_2"].is_null());
    assert_eq!(few["histogram"][1], json!([0.0, 1.0, 2.0, 3.0]));
    let part = get("bbox=300100,4999800,300300,4999950&coord_crs=32633&max_size=10").await;
    assert_eq!(part["b1"]["valid_pixels"], json!(80.0));
    let computed = get("expression=b1/10&p=50").await;
    let computed = &computed["b1/10"];
    assert_eq!((&computed["min"], &computed["max"]), (&json!(100.0), &json!(473.0)));
    assert_eq!(computed["description"], "b1/10");
    let nothing = get("nodata=1000&region=0,0,1,1").await;
    assert_eq!((&nothing["b1"]["min"], &nothing["b1"]["count"]), (&json!(null), &json!(0.0)));

    let text = app.ask(&format!("{at}?histogram_bins=2"), TEXT).await.is(200).text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0] == "b1" && lines[1].starts_with("  1000 to 2865  "), "{text}");
    assert!(lines[1].ends_with("######") && lines[3].contains("1000 to 4730, mean 2865"), "{text}");
    for (query, told) in [
        ("p=101", "p: expected numbers from 0 to 100"),
        ("histogram_bins=0", "histogram_bins: expected a whole number from 1 to 1000"),
        ("histogram_range=2,1", "histogram_range: expected two numbers"),
        ("max_size=0", "max_size: expected a whole number from 1 to 4000"),
        ("color=full", "there is no parameter \"color\" here"),
        ("bidx=1&bands=1", "bidx and bands mean the same"),
        ("region=99,0,1,1", "region must be"),
    ] {
        let answer = app.get(&format!("{at}?{query}")).await.is(400);
        answer.tells_problem("bad-parameter", &[told]);
    }
}

#[tokio::test]
async fn a_picture_that_another_process_decodes_has_values() {
    let app = TestApp::spawn().await;
    let plain = app.upload(png(&sample())).await;
    let pixel = json!(sample().to_rgb8().get_pixel(13, 6).0.map(f64::from));
    let get = async |at: &str, path: &str| app.get(&format!("{at}/{path}")).await.is(200).json();
    for name in ["libavif-lossless.avif", "libjxl-lossless.jxl"] {
        let at = app.upload(foreign(name)).await.at;
        assert_eq!(get(&at, "pixel/13,6").await["values"], pixel, "{name}");
        for query in ["statistics", "statistics?region=5,3,11,9&expression=b3-b1"] {
            assert_eq!(get(&at, query).await, get(&plain.at, query).await, "{name} {query}");
        }
        app.get(&format!("{at}/pixel/24,0")).await.is(400).tells_problem(
            "bad-parameter",
            &["pixel: expected a column from 0 to 23 and a row from 0 to 15"],
        );
        let point = app.get(&format!("{at}/point/1,2")).await.is(400);
        point
            .tells_problem("bad-parameter", &["no place on Earth: its file states no coordinates"]);
    }
}

#[tokio::test]
async fn an_expression_that_takes_too_long_is_refused() {
    let app = TestApp::spawn().await;
    let side = 2000;
    let picture = [format!("P5 {side} {side} 255\n").into_bytes(), vec![7; side * side]].concat();
    let at = app.upload(picture).await.at;
    let expensive = format!("b1{}", "%2Btan(exp(b1))".repeat(70));
    let ask = async |path: &str| app.get(&format!("{at}{path}expression={expensive}")).await;
    for path in ["?width=80&", "/statistics?max_size=2000&"] {
        ask(path).await.is(400).tells_problem(
            "bad-parameter",
            &[
                "expression must be of at most 2000 million operations on all pixels that are read",
                "on each of 4000000: shorten it, or choose a smaller region",
            ],
        );
    }
    ask("?width=80&stretch=0:1&region=0,0,50,50&").await.is(200);
    ask("/pixel/1,1?").await.is(200);
}
