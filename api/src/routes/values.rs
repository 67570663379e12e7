//! Values: those of a pixel or a point, and statistics of bands.

use asciify::GeoError;
use axum::{
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use common::{
    account::principal::Principal,
    image::{Image, ImageId},
};

use crate::{
    access::Reads,
    app::App,
    caching::caching_of,
    extract::{Id, Place},
    negotiate::{VARY_BY_CLIENT, negotiate},
    pages::plain_values,
    problem::{BAD_PARAMETER, NOT_ACCEPTABLE, Problem, ProblemBody},
    responses::Json,
    value_responses::{BandStatisticsBody, PointBody, StatisticsBody},
    values_query::{PixelQuery, StatisticsQuery},
};

/// Returns the value of each band, or of an expression, at a point.
///
/// The image says where it lies, as `geo` in its metadata; coordinates are converted as those of
/// `bbox`. Values are those of the file at full resolution; null is "no data". Only the tile or the
/// strip of the pixel is decoded. The keys are those of TiTiler.
///
/// The answer is JSON, or text for people with `Accept: text/plain`. curl, Wget and HTTPie get text
/// unless they are given an `Accept`.
#[utoipa::path(
    get, path = "/images/{id}/point/{lon},{lat}", operation_id = "getPoint", tag = "values",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("lon" = f64, Path, description = "Longitude, or the first coordinate in `coord_crs`."),
        ("lat" = f64, Path, description = "Latitude, or the second coordinate in `coord_crs`."),
        ("coord_crs" = Option<String>, Query, description = "EPSG code of the coordinates, 4326 by default."),
        ("bands" = Option<String>, Query, description = "The bands, by number or name, joined by commas; all but alpha by default. TiTiler's `bidx`, once or more, means the same."),
        ("expression" = Option<String>, Query, description = "Arithmetic on bands in place of their values, such as `(b8-b4)/(b8+b4)`: see `GET /images/{id}`. It is then the name of the band."),
        ("nodata" = Option<String>, Query, description = "The value of pixels without data, or `nan`, in place of the file's own."),
        ("unscale" = Option<bool>, Query, description = "Applies the scales and offsets that the file states."),
        ("frame" = Option<u32>, Query, minimum = 0, maximum = 999_999, description = "The frame or page, counted from 0."),
    ),
    responses(
        (status = 200, description = "The values.", content((PointBody = "application/json"), (String = "text/plain"))),
        (status = 400, description = "A parameter is invalid, the image has no coordinates, or the point lies outside.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` excludes JSON and text.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be decoded.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn point(
    State(app): State<App>,
    headers: HeaderMap,
    Reads(reader): Reads,
    place: Place,
    query: PixelQuery,
) -> Result<Response, Problem> {
    let accepts = "two numbers joined by a comma, such as 12.45,45.12";
    let point = place.parts.and_then(|(x, y)| Some((coordinate(&x)?, coordinate(&y)?)));
    let point = point.ok_or_else(|| Problem::parameter("point", accepts))?;
    let image = image(&app, place.id, &reader).await?;
    let (width, height) = (image.metadata.width, image.metadata.height);
    let geo = image.metadata.geo.as_ref().ok_or_else(|| {
        let detail = "the image has no place on Earth: its file states no coordinates; \
                      /images/ID/pixel/X,Y has the values of a pixel";
        Problem::new(BAD_PARAMETER, detail)
    })?;
    let pixel = geo.pixel_at(point, query.crs, (width, height));
    let pixel = pixel.map_err(|err: GeoError| Problem::new(BAD_PARAMETER, err.to_string()))?;
    let values = read(&app, &headers, &image, query, (pixel, [point.0, point.1])).await?;
    Ok(([(header::CACHE_CONTROL, caching_of(&app, &image, &reader))], values).into_response())
}

/// Returns the value of each band, or of an expression, of a pixel.
///
/// The pixel is counted from 0, from the left and from the top of the upright image. As
/// `/images/{id}/point/{lon},{lat}`, for images without coordinates, too.
#[utoipa::path(
    get, path = "/images/{id}/pixel/{x},{y}", operation_id = "getPixel", tag = "values",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("x" = u32, Path, description = "Column, from 0."),
        ("y" = u32, Path, description = "Row, from 0."),
        ("bands" = Option<String>, Query, description = "The bands, by number or name, joined by commas; all but alpha by default. TiTiler's `bidx`, once or more, means the same."),
        ("expression" = Option<String>, Query, description = "Arithmetic on bands in place of their values, such as `(b8-b4)/(b8+b4)`: see `GET /images/{id}`. It is then the name of the band."),
        ("nodata" = Option<String>, Query, description = "The value of pixels without data, or `nan`, in place of the file's own."),
        ("unscale" = Option<bool>, Query, description = "Applies the scales and offsets that the file states."),
        ("frame" = Option<u32>, Query, minimum = 0, maximum = 999_999, description = "The frame or page, counted from 0."),
    ),
    responses(
        (status = 200, description = "The values; `coordinates` are the pixel's.", content((PointBody = "application/json"), (String = "text/plain"))),
        (status = 400, description = "A parameter is invalid, or the pixel lies outside.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` excludes JSON and text.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be decoded.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn pixel(
    State(app): State<App>,
    headers: HeaderMap,
    Reads(reader): Reads,
    place: Place,
    query: PixelQuery,
) -> Result<Response, Problem> {
    if query.has_crs {
        return Err(Problem::new(BAD_PARAMETER, "coord_crs: a pixel has no coordinates on Earth"));
    }
    let image = image(&app, place.id, &reader).await?;
    let (width, height) = (image.metadata.width, image.metadata.height);
    let pixel = place.parts.and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
    // later pages may have other sides
    let is_inside = |(x, y): &(u32, u32)| query.spec.frame() > 0 || *x < width && *y < height;
    let pixel = pixel.filter(is_inside).ok_or_else(|| {
        let (right, bottom) = (width.saturating_sub(1), height.saturating_sub(1));
        let detail = format!(
            "pixel: expected a column from 0 to {right} and a row from 0 to {bottom}, joined by a \
             comma: the image has {width} × {height} pixels"
        );
        Problem::new(BAD_PARAMETER, detail)
    })?;
    let coordinates = [f64::from(pixel.0), f64::from(pixel.1)];
    let values = read(&app, &headers, &image, query, (pixel, coordinates)).await?;
    Ok(([(header::CACHE_CONTROL, caching_of(&app, &image, &reader))], values).into_response())
}

/// Returns statistics of the values of each band, or of an expression.
///
/// Keys and meanings are those of TiTiler: bands are `b1`, `b2`, …, and `percentile_2` is the 2nd
/// percentile. They are computed from at most `max_size` pixels a side (1024): of a larger image, so
/// many columns or rows at equal distances are taken, from the smallest overview that has them. So
/// they are estimates then; `valid_pixels` says of how many. Pixels without data do not count.
///
/// The answer is JSON, or a histogram of each band drawn as text, with `Accept: text/plain`. curl,
/// Wget and HTTPie get text unless they are given an `Accept`.
#[utoipa::path(
    get, path = "/images/{id}/statistics", operation_id = "getStatistics", tag = "values",
    params(
        ("id" = String, Path, description = "Id of the image."),
        ("p" = Option<Vec<f64>>, Query, description = "A percentile from 0 to 100; may be repeated. 2 and 98 by default."),
        ("histogram_bins" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "Bins of the histogram; 10 by default."),
        ("histogram_range" = Option<String>, Query, description = "The least and the greatest value of the histogram, joined by a comma; those of the band by default."),
        ("max_size" = Option<u32>, Query, minimum = 1, maximum = 4000, description = "The longest side that is read, in pixels; 1024 by default."),
        ("bands" = Option<String>, Query, description = "The bands, by number or name, joined by commas; all but alpha by default. TiTiler's `bidx`, once or more, means the same."),
        ("region" = Option<String>, Query, description = "A part of the image: see `GET /images/{id}`."),
        ("bbox" = Option<String>, Query, description = "A bounding box instead of `region`: see `GET /images/{id}`."),
        ("coord_crs" = Option<String>, Query, description = "EPSG code of the coordinates of `bbox`."),
        ("expression" = Option<String>, Query, description = "Arithmetic on bands in place of their values, such as `(b8-b4)/(b8+b4)`: see `GET /images/{id}`. It is then the name of the band."),
        ("nodata" = Option<String>, Query, description = "The value of pixels without data, or `nan`, in place of the file's own."),
        ("unscale" = Option<bool>, Query, description = "Applies the scales and offsets that the file states."),
        ("frame" = Option<u32>, Query, minimum = 0, maximum = 999_999, description = "The frame or page, counted from 0."),
    ),
    responses(
        (status = 200, description = "The statistics of each band, by its name.", content(
            (std::collections::BTreeMap<String, BandStatisticsBody> = "application/json"), (String = "text/plain"),
        )),
        (status = 400, description = "A parameter is invalid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "No such image.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 406, description = "`Accept` excludes JSON and text.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The image cannot be decoded.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Busy, or a dependency is unavailable.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn statistics(
    State(app): State<App>,
    headers: HeaderMap,
    Reads(reader): Reads,
    Id(id): Id,
    query: StatisticsQuery,
) -> Result<Response, Problem> {
    let is_text = prefers_text(&headers)?;
    let options = query.options_for(&app, id, &reader).await?;
    let image = image(&app, id, &reader).await?;
    let percentiles = options.percentiles.clone();
    let bands = app.pipeline.statistics(&image, options).await;
    let bands = bands.map_err(|err| Problem::from(&err))?;
    let body = match is_text {
        true => text(plain_values::statistics(&bands, &percentiles)),
        false => json(&StatisticsBody::new(bands, &percentiles)),
    };
    Ok(([(header::CACHE_CONTROL, caching_of(&app, &image, &reader))], body).into_response())
}

async fn image(app: &App, id: ImageId, reader: &Principal) -> Result<Image, Problem> {
    app.pipeline.image(id, reader).await?.ok_or_else(Problem::no_image)
}

/// The values of a pixel, under the coordinates that were asked for.
async fn read(
    app: &App,
    headers: &HeaderMap,
    image: &Image,
    query: PixelQuery,
    (pixel, coordinates): ((u32, u32), [f64; 2]),
) -> Result<Response, Problem> {
    let is_text = prefers_text(headers)?;
    let PixelQuery { spec, bands, .. } = query;
    let values = app.pipeline.pixel_values(image, spec, bands, pixel).await;
    let values = values.map_err(|err| Problem::from(&err))?;
    Ok(match is_text {
        true => text(plain_values::pixel(&values)),
        false => json(&PointBody::new(coordinates, values)),
    })
}

fn coordinate(text: &str) -> Option<f64> {
    text.parse().ok().filter(|it: &f64| it.is_finite())
}

/// Whether the client gets text, rather than JSON.
fn prefers_text(headers: &HeaderMap) -> Result<bool, Problem> {
    let offers = ["application/json", "text/plain"];
    let chosen = negotiate(headers, &offers);
    let detail = || format!("available are {}", offers.join(", "));
    Ok(chosen.ok_or_else(|| Problem::new(NOT_ACCEPTABLE, detail()))? == "text/plain")
}

fn text(text: String) -> Response {
    ([(header::VARY, VARY_BY_CLIENT)], text).into_response()
}

fn json(body: &impl serde::Serialize) -> Response {
    ([(header::VARY, VARY_BY_CLIENT)], Json(body)).into_response()
}
