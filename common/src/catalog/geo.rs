//! Where an image lies on the Earth, as the JSON object of its row.

use asciify::Geo;
use serde_json::{Value, json};

/// The object of a row.
pub(super) fn to_json(geo: &Geo) -> String {
    let Geo { crs, transform, dtype, nodata, scales, offsets, overviews } = geo;
    json!({
        "crs": crs, "transform": transform, "dtype": dtype, "nodata": nodata,
        "scales": scales, "offsets": offsets, "overviews": overviews,
    })
    .to_string()
}

/// What [`to_json`] wrote; `None` for anything else.
pub(super) fn from_json(text: &str) -> Option<Geo> {
    let row: Value = serde_json::from_str(text).ok()?;
    let numbers = |name: &str| -> Option<Vec<f64>> {
        row[name].as_array()?.iter().map(Value::as_f64).collect()
    };
    let integer = |value: &Value| value.as_u64().and_then(|it| u32::try_from(it).ok());
    Some(Geo {
        crs: integer(&row["crs"]),
        transform: numbers("transform")?.try_into().ok()?,
        dtype: row["dtype"].as_str()?.to_owned(),
        nodata: row["nodata"].as_f64(),
        scales: numbers("scales")?,
        offsets: numbers("offsets")?,
        overviews: row["overviews"].as_array()?.iter().map(integer).collect::<Option<_>>()?,
    })
}
