//! The options, in words for their users.

use crate::glyphs::symbol_set::SymbolSet;
use crate::spec::values::{Background, ColorOn, Dither, Fit, Match, Palette, Tone};

/// How one option is named, what it accepts, and what it does, in words for its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionDoc {
    /// The query parameter's and the flag's name.
    pub name: &'static str,
    /// The values, as a message says them: "a whole number from 1 to 1000".
    pub accepts: &'static str,
    /// What it does; one sentence.
    pub help: &'static str,
}

impl OptionDoc {
    /// Those of its values that are words, for whoever completes them.
    pub fn words(&self) -> &'static [&'static str] {
        match self.name {
            "fit" => Fit::NAMES,
            "invert" => &["true", "false"],
            "match" => Match::NAMES,
            "tone" => Tone::NAMES,
            "background" => Background::NAMES,
            "alpha" => &["auto", "dark", "light"],
            "symbols" => SymbolSet::NAMES,
            "color" => Palette::NAMES,
            "color_on" => ColorOn::NAMES,
            "dither" => Dither::NAMES,
            "bands" => &["auto"],
            "stretch" => &["auto", "none"],
            _ => &[],
        }
    }
}

/// Every option, in the order of the canonical form. New ones go to the end.
pub const OPTIONS: &[OptionDoc] = &[
    OptionDoc {
        name: "width",
        accepts: "a whole number from 1 to 1000",
        help: "Columns. 80 if neither width nor height is given; otherwise a missing one follows from the picture's shape.",
    },
    OptionDoc {
        name: "height",
        accepts: "a whole number from 1 to 1000",
        help: "Rows. With both sizes given, fit says what they mean.",
    },
    OptionDoc {
        name: "fit",
        accepts: "contain, cover or stretch",
        help: "With both sizes given: contain draws the whole picture as large as fits (default), cover fills the grid and crops, stretch fills it and distorts.",
    },
    OptionDoc {
        name: "cell",
        accepts: "a number from 0.1 to 10 with at most three decimals",
        help: "Width of a character cell divided by its height, as your font has it; 0.5 by default.",
    },
    OptionDoc {
        name: "invert",
        accepts: "true or false",
        help: "Draws the negative; false by default.",
    },
    OptionDoc {
        name: "match",
        accepts: "shape or ramp",
        help: "How characters are chosen: shape lets them follow the picture's edges (default), ramp goes by brightness alone.",
    },
    OptionDoc {
        name: "tone",
        accepts: "auto, natural or linear",
        help: "How brightness becomes ink: auto uses the whole range for this picture (default), natural keeps pictures comparable, linear goes by light instead of by lightness.",
    },
    OptionDoc {
        name: "background",
        accepts: "dark or light",
        help: "The ground that the text will stand on: light ink on dark (default), or dark ink on light.",
    },
    OptionDoc {
        name: "alpha",
        accepts: "auto, dark, light or a colour such as ff8000",
        help: "What shows through where the picture is transparent: auto takes the ground on which it stays visible (default).",
    },
    OptionDoc {
        name: "symbols",
        accepts: "ascii, blocks, half, quad, sextant, octant, braille, ramp: and 2 to 256 characters of one column from the barest to the densest, or chars: and 1 to 256 characters of these sets",
        help: "What is drawn with: ascii by default; sextants and octants need a font that has them.",
    },
    OptionDoc {
        name: "color",
        accepts: "none, 16, 256 or full",
        help: "Colours: none (default), the terminal's 16, xterm's 256, or all.",
    },
    OptionDoc {
        name: "color_on",
        accepts: "foreground or both",
        help: "What has colours: the symbols (default), or both them and the ground behind them.",
    },
    OptionDoc {
        name: "dither",
        accepts: "none, floyd-steinberg, bayer or blue-noise",
        help: "How a ramp shows tones that it lacks: not at all (default), by handing errors on, or by a pattern.",
    },
    OptionDoc {
        name: "brightness",
        accepts: "a number from -1 to 1 with at most three decimals",
        help: "Adds to the picture's lightness; 0 by default.",
    },
    OptionDoc {
        name: "contrast",
        accepts: "a number from 0 to 10 with at most three decimals",
        help: "Spreads lightness around its middle; 1 by default.",
    },
    OptionDoc {
        name: "gamma",
        accepts: "a number from 0.1 to 10 with at most three decimals",
        help: "Above 1 makes dark parts lighter, below 1 darker; 1 by default.",
    },
    OptionDoc {
        name: "sharpen",
        accepts: "a number from 0 to 10 with at most three decimals",
        help: "Strengthens edges; 0 by default.",
    },
    OptionDoc {
        name: "frame",
        accepts: "a whole number from 0 to 999999",
        help: "Which frame of an animation or page of a TIFF is drawn; 0, the first, by default.",
    },
    OptionDoc {
        name: "bands",
        accepts: "auto, the number of one band, or those of three, such as 4,3,2",
        help: "Which bands are shown, counted from 1: one as grey, three as red, green and blue; auto takes the first three, or the only one (default).",
    },
    OptionDoc {
        name: "stretch",
        accepts: "auto, none, or two numbers such as 0:3000",
        help: "Which values are black and white: auto takes the 2nd and the 98th percentile of a TIFF's values of more than 8 bits, and else none (default); none takes the least and the most that the format can hold.",
    },
];
