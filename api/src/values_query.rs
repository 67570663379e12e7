//! The queries of values: of a pixel, and of statistics.

use asciify::{Band, Spec, StatisticsOptions, WGS_84};
use axum::{extract::FromRequestParts, http::request::Parts};
use common::{account::principal::Principal, image::ImageId};

use crate::{
    app::App,
    extract::{RenderQuery, coord_crs, excerpt, parse_render_query, query},
    problem::{BAD_PARAMETER, Problem},
};

/// Options that choose values. Others are about drawing.
const OPTIONS: [&str; 4] = ["expression", "frame", "nodata", "unscale"];
/// The most bands that can be named.
const MAX_BANDS: usize = 256;
/// The largest `max_size`, the most bins of a histogram, and the most percentiles.
const MAX_SIZE_PX: u32 = 4000;
const MAX_BINS: u32 = 1000;
const MAX_PERCENTILES: usize = 100;

/// The query of the values of a pixel.
pub(crate) struct PixelQuery {
    pub spec: Spec,
    /// Without any, all.
    pub bands: Vec<Band>,
    /// The EPSG code of coordinates.
    pub crs: u32,
    /// Whether the code was given.
    pub has_crs: bool,
}

/// The query of statistics.
pub(crate) struct StatisticsQuery {
    render: RenderQuery,
    options: StatisticsOptions,
}

/// Parameters that are taken one by one.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The values of a parameter, in their order.
    fn take_all(&mut self, name: &str) -> Vec<String> {
        let taken = self.0.extract_if(.., |(given, _)| given == name);
        taken.map(|(_, value)| value).collect()
    }

    fn take(&mut self, name: &str) -> Option<String> {
        self.take_all(name).into_iter().next()
    }

    /// A whole number from 1 to `max`.
    fn number(&mut self, name: &str, default: u32, max: u32) -> Result<u32, Problem> {
        let Some(text) = self.take(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| (1..=max).contains(number));
        number.ok_or_else(|| Problem::parameter(name, &format!("a whole number from 1 to {max}")))
    }

    /// The bands of `bands`, or of TiTiler's `bidx`: any number of them.
    fn bands(&mut self) -> Result<Vec<Band>, Problem> {
        let (own, titilers) = (self.take_all("bands"), self.take_all("bidx"));
        if !own.is_empty() && !titilers.is_empty() {
            let detail = "bidx and bands mean the same: give one of them";
            return Err(Problem::new(BAD_PARAMETER, detail));
        }
        let texts = own.iter().chain(&titilers).flat_map(|text| text.split(','));
        let bands = texts.map(str::parse).collect::<Result<Vec<Band>, _>>().ok();
        bands.filter(|bands| bands.len() <= MAX_BANDS).ok_or_else(|| {
            Problem::parameter("bands", "numbers from 1, or names of bands, joined by commas")
        })
    }

    /// What is left, which are options that choose values, and `others`.
    fn rest(self, app: &App, others: &[&str]) -> Result<RenderQuery, Problem> {
        let is_known = |name: &str| OPTIONS.contains(&name) || others.contains(&name);
        if let Some((name, _)) = self.0.iter().find(|(name, _)| !is_known(name)) {
            let known = [&["bands", "bidx"], &OPTIONS[..], others].concat().join(", ");
            let detail = format!("there is no parameter {:?} here; {known} are", excerpt(name));
            return Err(Problem::new(BAD_PARAMETER, detail));
        }
        parse_render_query(&self.0, &app.pipeline.config().presets)
    }
}

impl FromRequestParts<App> for PixelQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let mut parameters = Parameters(query(&parts.uri)?);
        let bands = parameters.bands()?;
        let crs = parameters.take("coord_crs").map(|code| coord_crs(&code)).transpose()?;
        let spec = parameters.rest(app, &["coord_crs"])?.spec;
        Ok(PixelQuery { spec, bands, crs: crs.unwrap_or(WGS_84), has_crs: crs.is_some() })
    }
}

impl FromRequestParts<App> for StatisticsQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let mut parameters = Parameters(query(&parts.uri)?);
        let bands = parameters.bands()?;
        let max_size_px = parameters.number("max_size", 1024, MAX_SIZE_PX)?;
        let bins = parameters.number("histogram_bins", 10, MAX_BINS)?;
        let percentiles = parameters.take_all("p");
        let percentiles: Option<Vec<f64>> = percentiles
            .iter()
            .map(|text| text.parse().ok().filter(|it| (0.0..=100.0).contains(it)))
            .collect();
        let percentiles = percentiles.filter(|it| it.len() <= MAX_PERCENTILES);
        let percentiles =
            percentiles.ok_or_else(|| Problem::parameter("p", "numbers from 0 to 100"))?;
        let percentiles = if percentiles.is_empty() { vec![2.0, 98.0] } else { percentiles };
        let range = |text: String| {
            let number = |text: &str| text.parse::<f64>().ok().filter(|it| it.is_finite());
            let ends = text.split_once(',').and_then(|(low, high)| number(low).zip(number(high)));
            ends.filter(|(low, high)| low < high).ok_or_else(|| {
                Problem::parameter(
                    "histogram_range",
                    "two numbers joined by a comma, the lower first",
                )
            })
        };
        let histogram_range = parameters.take("histogram_range").map(range).transpose()?;
        let others =
            ["region", "bbox", "coord_crs", "max_size", "p", "histogram_bins", "histogram_range"];
        let render = parameters.rest(app, &others)?;
        let spec = render.spec.clone();
        let options =
            StatisticsOptions { spec, bands, max_size_px, percentiles, bins, histogram_range };
        Ok(StatisticsQuery { render, options })
    }
}

impl StatisticsQuery {
    /// The options for an image: a bounding box becomes a region.
    ///
    /// # Errors
    /// See [`RenderQuery::spec_for`].
    pub(crate) async fn options_for(
        self,
        app: &App,
        id: ImageId,
        reader: &Principal,
    ) -> Result<StatisticsOptions, Problem> {
        let spec = self.render.spec_for(app, id, reader).await?;
        Ok(StatisticsOptions { spec, ..self.options })
    }
}
