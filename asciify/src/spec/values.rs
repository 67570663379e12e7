//! The values of those options that are chosen by a word.

use crate::keywords::keywords;

keywords! {
    /// How a picture meets a grid of both a given width and a given height.
    Fit {
        /// The whole picture, undistorted, as large as fits; no padding.
        #[default]
        Contain = "contain",
        /// The whole grid, undistorted; what is too much is cropped evenly from both ends.
        Cover = "cover",
        /// The whole grid and the whole picture, distorted.
        Stretch = "stretch",
    }

    /// How many colours there are.
    Palette {
        /// The reader's own two.
        #[default]
        None = "none",
        /// The terminal's 16, as xterm has them.
        Of16 = "16",
        /// The 240 of xterm's 256 that look alike everywhere.
        Of256 = "256",
        /// All of sRGB.
        Full = "full",
    }

    /// What has colours.
    ColorOn {
        /// The symbols.
        #[default]
        Foreground = "foreground",
        /// The symbols and the ground behind them.
        Both = "both",
    }

    /// How a ramp shows tones between two of its symbols.
    Dither {
        /// Not at all.
        #[default]
        None = "none",
        /// What a cell lacks is handed on to the next ones.
        FloydSteinberg = "floyd-steinberg",
        /// By a regular pattern.
        Bayer = "bayer",
        /// By an even pattern without visible structure.
        BlueNoise = "blue-noise",
    }

    /// How characters are chosen.
    Match {
        /// All together, so that their shapes and their ink look like the picture.
        #[default]
        Shape = "shape",
        /// Each by the brightness of its cell.
        Ramp = "ramp",
    }

    /// How brightness becomes ink.
    Tone {
        /// The picture's own darkest and brightest parts take the whole range.
        #[default]
        Auto = "auto",
        /// Black is bare ground and white is the densest ink; lightness in between.
        Natural = "natural",
        /// The same, in proportion to light.
        Linear = "linear",
    }

    /// The ground that the text will stand on.
    Background {
        /// Light ink on a dark ground.
        #[default]
        Dark = "dark",
        /// Dark ink on a light ground.
        Light = "light",
    }
}
