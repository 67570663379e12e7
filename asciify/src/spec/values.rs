//! The values of the options that are chosen by a word. The first of each is the default.

use crate::named_enum::named_enum;

named_enum! {
    /// How a picture fits a grid of both a given width and a given height.
    Fit {
        /// The whole picture, undistorted, as large as fits; the grid becomes smaller, without
        /// padding.
        Contain = "contain",
        /// The whole grid, undistorted; the picture is cropped evenly at both ends.
        Cover = "cover",
        /// The whole grid and the whole picture; the picture is distorted.
        Stretch = "stretch",
    }

    /// How many colours there are.
    Palette {
        /// The reader's own foreground and background.
        None = "none",
        /// The terminal's 16, with xterm's default values.
        Of16 = "16",
        /// The 240 of xterm's 256 that users do not change.
        Of256 = "256",
        /// All of sRGB.
        Full = "full",
    }

    /// What has colours.
    ColorOn {
        /// The symbols.
        Foreground = "foreground",
        /// The symbols and the background behind them.
        Both = "both",
    }

    /// How a ramp shows tones between two of its symbols.
    Dither {
        /// Not at all.
        None = "none",
        /// Error diffusion: Floyd and Steinberg, 1976.
        FloydSteinberg = "floyd-steinberg",
        /// A regular threshold matrix: Bayer, 1973.
        Bayer = "bayer",
        /// A threshold matrix without visible structure: void-and-cluster, Ulichney, 1993.
        BlueNoise = "blue-noise",
    }

    /// How characters are chosen.
    Match {
        /// All together by direct binary search, so that shapes and tones look like the picture.
        Shape = "shape",
        /// Each by the brightness of its cell.
        Ramp = "ramp",
    }

    /// How the picture's brightness is mapped to coverage.
    Tone {
        /// The picture's darkest and brightest parts are stretched to the whole range.
        Auto = "auto",
        /// Black is the bare background and white the densest character, in proportion to
        /// lightness.
        Natural = "natural",
        /// The same, in proportion to light.
        Linear = "linear",
    }

    /// The background that the text will be shown on.
    Background {
        /// Light text on a dark background.
        Dark = "dark",
        /// Dark text on a light background.
        Light = "light",
    }

    /// What is made of a single value before it is drawn.
    Algorithm {
        /// Nothing.
        None = "none",
        /// The light on the surface whose elevations the values are.
        Hillshade = "hillshade",
    }
}
