//! The option `colormap_name`: the colours of a single value.

use std::fmt;
use std::str::FromStr;

use crate::named_enum::named_enum;

named_enum! {
    /// The name of a colour map, as TiTiler and matplotlib have it.
    ColorMapName {
        /// No colour map: grey.
        None = "none",
        /// From black to white.
        Gray = "gray",
        /// From dark blue over green to yellow, in even steps of lightness.
        Viridis = "viridis",
        /// From dark blue over red to yellow, in even steps of lightness.
        Plasma = "plasma",
        /// From black over red to pale yellow, in even steps of lightness.
        Inferno = "inferno",
        /// From black over purple to pale yellow, in even steps of lightness.
        Magma = "magma",
        /// From red over yellow to green: vegetation.
        RdYlGn = "rdylgn",
        /// From red over yellow to blue.
        RdYlBu = "rdylbu",
        /// From red over white to blue.
        RdBu = "rdbu",
        /// From red over yellow to violet.
        Spectral = "spectral",
        /// From brown over white to blue-green: wetness.
        BrBg = "brbg",
        /// From pale yellow to dark green.
        YlGn = "ylgn",
        /// From pale yellow over orange to dark red.
        YlOrRd = "ylorrd",
        /// From white to dark blue.
        Blues = "blues",
        /// From white to dark green.
        Greens = "greens",
        /// From white to dark red.
        Reds = "reds",
        /// From sea over lowland and mountains to snow: elevations.
        Terrain = "terrain",
    }
}

/// What comes after the name of a map whose direction is reversed.
const REVERSED: &str = "_r";

/// The colours of a single value, from its black to its white.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ColorMap {
    /// Which map.
    pub name: ColorMapName,
    /// Whether its last colour is that of the lowest value. Never of no map.
    pub is_reversed: bool,
}

impl ColorMap {
    /// Whether values are shown as grey.
    pub fn is_none(self) -> bool {
        self.name == ColorMapName::None
    }
}

/// The name, with `_r` after it if the map is reversed.
impl fmt::Display for ColorMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, if self.is_reversed { REVERSED } else { "" })
    }
}

/// A text is no value of the option `colormap_name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `none` nor the name of a colour map, nor such a name with _r after it")]
pub struct ColorMapError;

/// Reads what is written; case does not matter.
impl FromStr for ColorMap {
    type Err = ColorMapError;

    fn from_str(text: &str) -> Result<Self, ColorMapError> {
        let text = text.to_lowercase();
        let (name, is_reversed) = match text.strip_suffix(REVERSED) {
            Some(name) => (name, true),
            None => (text.as_str(), false),
        };
        let map = ColorMapName::named(name).map(|name| Self { name, is_reversed });
        let is_map = |it: &Self| it.name != ColorMapName::None || !is_reversed;
        map.filter(is_map).ok_or(ColorMapError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_meaning_go_both_ways() {
        for text in ["none", "viridis", "rdylgn_r"] {
            assert_eq!(text.parse::<ColorMap>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("RdYlGn_r".parse::<ColorMap>(), "rdylgn_r".parse());
        for wrong in ["", "none_r", "_r", "viridis_r_r", "jet "] {
            assert_eq!(wrong.parse::<ColorMap>(), Err(ColorMapError), "{wrong}");
        }
    }
}
