//! The command line: flags, help, shell completions and the manual page.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;

use asciify::write::Output;
use asciify::{Bbox, Limits, OPTIONS, OptionDoc, OptionKind, escape_controls, is_display_control};
use clap::{
    Arg, ArgAction, ArgMatches, Command, ValueHint,
    builder::{
        EnumValueParser, PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser,
    },
    error::ErrorKind,
    value_parser,
};
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  asciify photo.jpg                                        as large as the terminal, in its colours
  asciify --symbols quad --color_on both photo.jpg         blocks in two colours per cell
  asciify -w 120 --format png -o look.png photo.jpg        a picture of the text
  asciify --interactive scene.tif                          moves about in it, with keys and the pointer
  asciify --interactive https://HOST/images/ID             the same of an image of a service
  asciify --animate=no moving.gif                          its first frame; without it, it is played
  asciify --format cast -o moving.cast moving.gif          a recording for asciinema
  curl -s https://host/photo.jpg | asciify                 from standard input

On a terminal, the picture fits its columns and rows, and has the colours that COLORTERM and TERM
announce, on its background if it tells that. Otherwise the default is 80 columns, or COLUMNS, without
colours. CLICOLOR_FORCE=1,
FORCE_COLOR=1 and the format ansi ask for colours everywhere. NO_COLOR=1 and CLICOLOR=0 ask for none;
--color and --format decide over NO_COLOR, and that over the others.

--interactive also takes the address of an image of a Planet Image API, which then renders what is in
view. A token for a private image is PLANET_TOKEN, or the password of its host in ~/.netrc.

A JPEG or PNG that was cut off is drawn as far as it goes, and the exit code is 1. If there are
several files, a line with the file's name precedes each picture.";

/// The flags and their help.
pub(crate) fn command() -> Command {
    let format = Arg::new("format")
        .long("format")
        .help("Output format; cast is a recording of an animation (asciicast v2). Default: the extension of PATH, otherwise ansi with colours and txt without.")
        .value_parser(PossibleValuesParser::new(Output::NAMES.iter().copied().chain([CAST])));
    let size = Arg::new("size")
        .long("size")
        .value_name("WxH")
        .help("Columns and rows, such as 100x40: --width 100 --height 40.")
        .value_parser(parse_size)
        .conflicts_with_all(["width", "height"]);
    let animate = Arg::new("animate")
        .long("animate")
        .value_name("WHEN")
        .help("Plays an animation: yes, no, or auto. Default: auto, on a terminal if there is one FILE and no --frame. Ctrl-C ends it.")
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("yes")
        .value_parser(animate_words());
    let loops = Arg::new("loops")
        .long("loops")
        .value_name("NUMBER")
        .help("How often all frames are shown; 0 is without end. Default: as the file says.")
        .value_parser(value_parser!(u32).range(0..=1000));
    let speed = Arg::new("speed")
        .long("speed")
        .value_name("FACTOR")
        .help("How many times faster than the file says, 0.1 to 10.")
        .value_parser(parse_speed);
    let output = Arg::new("output")
        .long("output")
        .short('o')
        .value_name("PATH")
        .help("Writes to a file. - is standard output, the default.")
        .value_parser(value_parser!(PathBuf));
    let bbox = Arg::new("bbox")
        .long("bbox")
        .value_name("MINX,MINY,MAXX,MAXY")
        .help("Draws the smallest region of a GeoTIFF that contains a bounding box.")
        .allow_hyphen_values(true)
        .value_parser(value_parser!(Bbox))
        .conflicts_with("region");
    let coord_crs = Arg::new("coord_crs")
        .long("coord_crs")
        .alias("coord-crs")
        .value_name("EPSG")
        .help("The EPSG code of the coordinates of --bbox: 4326, 3857, UTM on WGS 84 (32601 to 32660, 32701 to 32760), or the image's own. Default: 4326.")
        .value_parser(value_parser!(u32))
        .requires("bbox");
    let interactive = Arg::new("interactive")
        .long("interactive")
        .short('i')
        .help("Shows one FILE, or the image of a service at https://HOST/images/ID, on the terminal, where keys and the pointer move and enlarge it; ? lists the keys. q quits and prints the command that shows the same.")
        .action(ArgAction::SetTrue)
        .conflicts_with_all([
            "animate", "fit", "format", "height", "loops", "output", "size", "speed", "width",
        ]);
    let completions = Arg::new("completions")
        .long("completions")
        .value_name("SHELL")
        .help("Prints completions for a shell and exits.")
        .value_parser(EnumValueParser::<Shell>::new())
        .exclusive(true);
    let man = Arg::new("man")
        .long("man")
        .help("Prints the manual page and exits.")
        .action(ArgAction::SetTrue)
        .exclusive(true);
    let files = Arg::new("files")
        .value_name("FILE")
        .help("Image files. - is standard input, the default.")
        .value_parser(value_parser!(PathBuf))
        .num_args(1..);
    Command::new("asciify")
        .version(env!("CARGO_PKG_VERSION"))
        .long_version(long_version())
        .about("Draws images as text.")
        .after_help(EXAMPLES)
        .args(OPTIONS.iter().map(flag))
        .args([interactive, size, bbox, coord_crs, animate, loops, speed])
        .args(LIMITS.map(|(name, help)| limit(name, help)))
        .args([format, output, completions, man, files])
}

/// The name and the extension of recordings, which are no [`Output`]: they have all frames.
pub(crate) const CAST: &str = "cast";

/// When an animation is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Animate {
    Yes,
    No,
    Auto,
}

/// The words of `--animate`.
fn animate_words() -> impl TypedValueParser<Value = Animate> {
    let words = ["yes", "on", "true", "no", "off", "false", "auto"];
    PossibleValuesParser::new(words).map(|word| match word.as_str() {
        "yes" | "on" | "true" => Animate::Yes,
        "auto" => Animate::Auto,
        _ => Animate::No,
    })
}

/// Columns and rows.
fn parse_size(text: &str) -> Result<(String, String), String> {
    let sides = text.split_once(['x', 'X', '×']);
    let is_number = |side: &str| !side.is_empty() && side.bytes().all(|it| it.is_ascii_digit());
    match sides {
        Some((width, height)) if is_number(width) && is_number(height) => {
            Ok((width.to_owned(), height.to_owned()))
        }
        _ => Err("expected columns and rows, such as 100x40".to_owned()),
    }
}

fn parse_speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| (0.1..=10.0).contains(speed));
    speed.ok_or_else(|| "expected a number from 0.1 to 10".to_owned())
}

/// The flags of [`Limits`], and their help. Their names are those of the service's settings.
const LIMITS: [(&str, &str); 5] = [
    ("max-side-px", "The longest side that is decoded, in pixels. Default: 65535."),
    (
        "max-pixels",
        "Width times height of what is decoded, in pixels: of the picture, or of a lower resolution \
         in its file. Default: 128000000.",
    ),
    ("max-frames", "Frames of an animation or pages of a TIFF. Default: 10000."),
    ("max-decoded-bytes", "Memory that decoding may take, in bytes. Default: 1073741824."),
    (
        "max-decoder-cpu-s",
        "CPU time of a process that decodes AVIF or JPEG XL, in seconds. Default: 120.",
    ),
];

/// A flag of a limit.
fn limit(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .alias(name.replace('-', "_"))
        .value_name("NUMBER")
        .value_parser(value_parser!(u64).range(1..))
        .hide_possible_values(true)
        .help(help)
}

/// The limits that the arguments give.
pub(crate) fn limits(arguments: &ArgMatches) -> Limits {
    let given = |name| arguments.get_one::<u64>(name).copied();
    let given_u32 = |name| given(name).map(|it| u32::try_from(it).unwrap_or(u32::MAX));
    let default = Limits::default();
    Limits {
        max_side_px: given_u32("max-side-px").unwrap_or(default.max_side_px),
        max_pixels: given("max-pixels").unwrap_or(default.max_pixels),
        max_frames: given_u32("max-frames").unwrap_or(default.max_frames),
        max_decoded_bytes: given("max-decoded-bytes").unwrap_or(default.max_decoded_bytes),
        max_decoder_cpu_s: given("max-decoder-cpu-s").unwrap_or(default.max_decoder_cpu_s),
    }
}

/// The flags that give these limits.
pub(crate) fn limit_flags(arguments: &ArgMatches) -> Vec<String> {
    let flag = |(name, _)| Some(format!("--{name}={}", arguments.get_one::<u64>(name)?));
    LIMITS.into_iter().filter_map(flag).collect()
}

/// The version, and the formats that this build reads.
fn long_version() -> String {
    let names: Vec<&str> = asciify::formats().map(asciify::Format::name).collect();
    format!("{}\nreads {}", env!("CARGO_PKG_VERSION"), names.join(", "))
}

/// An option of the library as a flag. The library checks the value, so that its message is used.
fn flag(option: &OptionDoc) -> Arg {
    let flag = Arg::new(option.name)
        .long(option.name)
        .alias(option.name.replace('_', "-"))
        .value_name("VALUE")
        .allow_hyphen_values(true)
        .value_parser(Words(option.words()))
        .hide_possible_values(true) // the help names them
        .value_hint(ValueHint::Other)
        .help(help(option));
    let flag = if option.name == "width" { flag.short('w') } else { flag };
    match option.kind {
        OptionKind::Flag => flag.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => flag,
    }
}

/// The help of an option, with the values that it accepts and its default.
fn help(option: &OptionDoc) -> String {
    let help = format!("{} Accepts {}.", option.help, option.accepts());
    match option.default {
        "" => help,
        default => format!("{help} Default: {default}."),
    }
}

/// Accepts any text; completions offer these words.
#[derive(Clone)]
struct Words(&'static [&'static str]);

impl TypedValueParser for Words {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let words = self.0.iter().copied().map(PossibleValue::new);
        (!self.0.is_empty()).then(|| Box::new(words) as _)
    }
}

/// Exits with a message about a wrong command line and exit code 2.
pub(crate) fn exit_with(kind: ErrorKind, message: impl Display) -> ! {
    command().error(kind, escape_controls(&message.to_string())).exit()
}

/// Ends the program after clap refused its arguments, or printed the help. Arguments may be the
/// names of files, which anyone may have chosen: control characters in them are escaped.
pub(crate) fn exit(err: &clap::Error) -> ! {
    let text = err.render().to_string();
    if !err.use_stderr() || !text.replace('\n', "").contains(is_display_control) {
        err.exit()
    }
    for line in text.lines() {
        // standard error may be closed
        let _ignored = writeln!(io::stderr(), "{}", escape_controls(line));
    }
    std::process::exit(err.exit_code())
}

/// The script with which a shell completes the command line.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "asciify", &mut script);
    script
}

/// The manual page, in roff. The lines of the examples are not joined.
///
/// # Errors
/// None: writing to memory does not fail.
pub(crate) fn manual() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let command = command().after_help(None).override_usage("asciify [OPTION]... [FILE]...");
    clap_mangen::Man::new(command).render(&mut page)?;
    let (_, examples) = EXAMPLES.split_once('\n').unwrap_or_default();
    let examples = examples.replace('\\', "\\\\").replace('-', "\\-");
    write!(page, ".SH EXAMPLES\n.nf\n{examples}\n.fi\n")?;
    Ok(page)
}
