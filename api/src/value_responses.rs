//! The JSON bodies of values: their names are those of TiTiler.

use std::collections::BTreeMap;

use asciify::BandStatistics;
use common::pipeline::BandValue;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// The values of a pixel.
#[derive(Serialize, ToSchema)]
pub(crate) struct PointBody {
    /// Those of the request: longitude and latitude, or column and row.
    #[schema(example = json!([12.45, 45.12]))]
    coordinates: [f64; 2],
    /// The value of each band; null is "no data".
    values: Vec<Option<f64>>,
    /// `b1` for the first band.
    #[schema(example = json!(["b1"]))]
    band_names: Vec<String>,
    /// The name of each band in the file; `b1` where it has none.
    #[schema(example = json!(["B04"]))]
    band_descriptions: Vec<String>,
}

impl PointBody {
    pub(crate) fn new(coordinates: [f64; 2], values: Vec<BandValue>) -> Self {
        let (labels, values): (Vec<_>, Vec<_>) = values.into_iter().unzip();
        let (band_names, band_descriptions) =
            labels.into_iter().map(|label| (label.name, label.description)).unzip();
        PointBody { coordinates, values, band_names, band_descriptions }
    }
}

/// The statistics of each band, by its name, in the order of the bands.
pub(crate) struct StatisticsBody(Vec<(String, BandStatisticsBody)>);

impl StatisticsBody {
    pub(crate) fn new(bands: Vec<BandStatistics>, percentiles: &[f64]) -> Self {
        let body = |band: BandStatistics| {
            (band.label.name.clone(), BandStatisticsBody::new(band, percentiles))
        };
        StatisticsBody(bands.into_iter().map(body).collect())
    }
}

impl Serialize for StatisticsBody {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, body)| (name, body)))
    }
}

/// Statistics of the values of a band. What needs a value is null if there is none.
#[derive(Serialize, ToSchema)]
pub(crate) struct BandStatisticsBody {
    /// The least value.
    #[schema(required = true)]
    min: Option<f64>,
    /// The greatest value.
    #[schema(required = true)]
    max: Option<f64>,
    /// The mean.
    #[schema(required = true)]
    mean: Option<f64>,
    /// How many values there are.
    count: f64,
    /// Their sum.
    sum: f64,
    /// Their standard deviation (of a population).
    #[schema(required = true)]
    std: Option<f64>,
    /// The lowest value that at least half of them do not exceed.
    #[schema(required = true)]
    median: Option<f64>,
    /// The most frequent value; of several, the lowest.
    #[schema(required = true)]
    majority: Option<f64>,
    /// The least frequent value; of several, the lowest.
    #[schema(required = true)]
    minority: Option<f64>,
    /// How many different values there are.
    unique: f64,
    /// How many values each bin has, and the ends of the bins, one more than there are bins.
    #[schema(value_type = Vec<Vec<f64>>)]
    histogram: (Vec<u64>, Vec<f64>),
    /// Pixels that have a value, in percent of all, with two decimals.
    valid_percent: f64,
    /// Pixels without data.
    masked_pixels: f64,
    /// Pixels that have a value.
    valid_pixels: f64,
    /// The name of the band in the file; `b1` where it has none.
    description: String,
    /// `percentile_2` and the others that were asked for.
    #[serde(flatten)]
    percentiles: BTreeMap<String, Option<f64>>,
}

impl BandStatisticsBody {
    fn new(band: BandStatistics, percentiles: &[f64]) -> Self {
        let number = |value: f64| Some(value).filter(|it| it.is_finite());
        let pixels = band.valid_pixels + band.masked_pixels;
        let valid = band.valid_pixels as f64 / pixels.max(1) as f64;
        let values = band.percentiles.iter().map(|value| number(*value));
        let names = percentiles.iter().map(|percent| format!("percentile_{percent}"));
        BandStatisticsBody {
            min: number(band.min),
            max: number(band.max),
            mean: number(band.mean),
            count: band.valid_pixels as f64,
            sum: band.sum,
            std: number(band.std),
            median: number(band.median),
            majority: number(band.majority),
            minority: number(band.minority),
            unique: band.unique as f64,
            histogram: (band.histogram.counts, band.histogram.edges),
            valid_percent: (valid * 10_000.0).round() / 100.0,
            masked_pixels: band.masked_pixels as f64,
            valid_pixels: band.valid_pixels as f64,
            description: band.label.description,
            percentiles: names.zip(values).collect(),
        }
    }
}
