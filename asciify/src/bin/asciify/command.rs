//! The command line: its flags, which are the library's options, its help, completions and manual.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;

use asciify::{OPTIONS, OptionDoc};
use clap::{
    Arg, ArgAction, Command, ValueHint,
    builder::{
        EnumValueParser, PossibleValue, PossibleValuesParser, StringValueParser, TypedValueParser,
    },
    error::ErrorKind,
    value_parser,
};
use clap_complete::Shell;

/// What can be written.
pub(crate) const FORMATS: [&str; 5] = ["txt", "ansi", "html", "svg", "png"];

const EXAMPLES: &str = "\
Examples:
  asciify photo.jpg                                        as wide as the terminal, in its colours
  asciify --symbols quad --color_on both photo.jpg         blocks in two colours a cell
  asciify --width 120 --format png -o look.png photo.jpg   a picture of the text
  curl -s https://host/photo.jpg | asciify                 from standard input

On a terminal, the width defaults to the terminal's, and the colours to what COLORTERM and TERM
promise, unless NO_COLOR is set; elsewhere to 80 columns without colours.

Of a JPEG or PNG that was cut off, what is there is drawn, and exit code 1 tells; the service
refuses it. Each of several pictures follows a line with its name.";

/// The flags and their help.
pub(crate) fn command() -> Command {
    let format = Arg::new("format")
        .long("format")
        .help("What to write: by default what PATH ends in, else ansi where there are colours, else txt")
        .value_parser(PossibleValuesParser::new(FORMATS));
    let output = Arg::new("output")
        .long("output")
        .short('o')
        .value_name("PATH")
        .help("Writes to a file instead of standard output, which is -")
        .value_parser(value_parser!(PathBuf));
    let completions = Arg::new("completions")
        .long("completions")
        .value_name("SHELL")
        .help("Prints completions for that shell, and does nothing else")
        .value_parser(EnumValueParser::<Shell>::new())
        .exclusive(true);
    let man = Arg::new("man")
        .long("man")
        .help("Prints the manual page, and does nothing else")
        .action(ArgAction::SetTrue)
        .exclusive(true);
    let files = Arg::new("files")
        .value_name("FILE")
        .help("Image files; standard input where there is none, or -")
        .value_parser(value_parser!(PathBuf))
        .num_args(1..);
    Command::new("asciify")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Draw images as text.")
        .after_help(EXAMPLES)
        .args(OPTIONS.iter().map(flag))
        .args([format, output, completions, man, files])
}

/// The library's option as a flag; what it accepts is said, and checked, by the library.
fn flag(option: &OptionDoc) -> Arg {
    let flag = Arg::new(option.name)
        .long(option.name)
        .alias(option.name.replace('_', "-"))
        .value_name("VALUE")
        .allow_hyphen_values(true)
        .value_parser(Words(option.words()))
        .hide_possible_values(true) // the help names them
        .value_hint(ValueHint::Other)
        .help(format!("{} Accepts {}.", option.help, option.accepts));
    match option.accepts {
        "true or false" => flag.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => flag,
    }
}

/// Any text; completions offer these words.
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

/// Ends the program: the command line is no good.
pub(crate) fn refuse(kind: ErrorKind, wrong: impl Display) -> ! {
    command().error(kind, wrong).exit()
}

/// What has a shell complete the command line.
pub(crate) fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "asciify", &mut script);
    script
}

/// The manual page. Its examples keep their lines.
pub(crate) fn manual() -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let command = command().after_help(None).override_usage("asciify [OPTION]... [FILE]...");
    clap_mangen::Man::new(command).render(&mut page)?;
    let (_, examples) = EXAMPLES.split_once('\n').unwrap_or_default();
    let examples = examples.replace('\\', "\\\\").replace('-', "\\-");
    write!(page, ".SH EXAMPLES\n.nf\n{examples}\n.fi\n")?;
    Ok(page)
}
