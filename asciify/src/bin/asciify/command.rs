//! The command line: flags, help, shell completions and the manual page.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;

use asciify::write::Output;
use asciify::{Limits, OPTIONS, OptionDoc, OptionKind, escape_controls, is_display_control};
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
  asciify --width 120 --format png -o look.png photo.jpg   a picture of the text
  curl -s https://host/photo.jpg | asciify                 from standard input

On a terminal, the picture fits its columns and rows, and has the colours that COLORTERM and TERM
announce. Otherwise the default is 80 columns, or COLUMNS, without colours. CLICOLOR_FORCE=1,
FORCE_COLOR=1 and the format ansi ask for colours everywhere. NO_COLOR=1 and CLICOLOR=0 ask for none;
--color and --format decide over NO_COLOR, and that over the others.

A JPEG or PNG that was cut off is drawn as far as it goes, and the exit code is 1. If there are
several files, a line with the file's name precedes each picture.";

/// The flags and their help.
pub(crate) fn command() -> Command {
    let format = Arg::new("format")
        .long("format")
        .help("Output format. Default: the extension of PATH, otherwise ansi with colours and txt without.")
        .value_parser(PossibleValuesParser::new(Output::NAMES));
    let output = Arg::new("output")
        .long("output")
        .short('o')
        .value_name("PATH")
        .help("Writes to a file. - is standard output, the default.")
        .value_parser(value_parser!(PathBuf));
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
        .args(LIMITS.map(|(name, help)| limit(name, help)))
        .args([format, output, completions, man, files])
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
