//! `asciify`: draws image files as text on standard output.

use std::fs::File;
use std::io::{self, BufReader, Cursor, ErrorKind, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use asciify::{Limits, OPTIONS, OptionDoc, Palette, Spec, SpecError, probe, render, write};
use clap::{Arg, ArgMatches, Command, builder::PossibleValuesParser, error::ErrorKind as Wrong};

const FORMATS: [&str; 5] = ["txt", "ansi", "html", "svg", "png"];
/// Enough of a stream to tell its format.
const START_BYTES: u64 = 4096;
/// A stream is kept in memory.
const MAX_STREAM_BYTES: u64 = 1 << 30;

fn command() -> Command {
    let format = Arg::new("format")
        .long("format")
        .help("What to write: by default ansi where there are colours, else txt")
        .value_parser(PossibleValuesParser::new(FORMATS));
    let files = Arg::new("files")
        .value_name("FILE")
        .help("Image files; - is standard input")
        .required(true)
        .num_args(1..);
    Command::new("asciify")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Draw images as text.")
        .args(OPTIONS.iter().map(flag))
        .args([format, files])
}

/// The library's option as a flag; what it accepts is said, and checked, by the library.
fn flag(option: &OptionDoc) -> Arg {
    let flag = Arg::new(option.name)
        .long(option.name)
        .value_name("VALUE")
        .help(format!("{} Accepts {}.", option.help, option.accepts));
    match option.accepts {
        "true or false" => flag.num_args(0..=1).require_equals(true).default_missing_value("true"),
        _ => flag,
    }
}

fn main() -> ExitCode {
    let asked = command().get_matches();
    let spec = match spec(&asked) {
        Ok(spec) => spec,
        Err(err) => command().error(Wrong::InvalidValue, err).exit(),
    };
    let format = match asked.get_one::<String>("format") {
        Some(format) => format.as_str(),
        None if spec.color() == Palette::None => "txt",
        None => "ansi",
    };
    let files = asked.get_many::<String>("files").unwrap_or_default();
    if format == "png" && io::stdout().is_terminal() {
        let wrong = "a png is no text: write it to a file, such as with > picture.png";
        command().error(Wrong::InvalidValue, wrong).exit();
    }
    if !matches!(format, "txt" | "ansi") && files.len() > 1 {
        let wrong = format!("{format} holds one picture: give one file");
        command().error(Wrong::TooManyValues, wrong).exit();
    }
    let mut code = ExitCode::SUCCESS;
    for file in files {
        let text = match draw(file, &spec, format) {
            Ok(text) => text,
            Err(err) => {
                eprintln!("asciify: {file}: {err}");
                code = ExitCode::FAILURE;
                continue;
            }
        };
        match io::stdout().lock().write_all(&text) {
            Ok(()) => {}
            // Whoever read us has seen enough: no reason to complain.
            Err(err) if err.kind() == ErrorKind::BrokenPipe => return code,
            Err(err) => {
                eprintln!("asciify: standard output: {err}");
                return ExitCode::FAILURE;
            }
        }
    }
    code
}

fn draw(file: &str, spec: &Spec, format: &str) -> Result<Vec<u8>, asciify::Error> {
    let specs = std::slice::from_ref(spec);
    let limits = Limits::default();
    let open = || {
        let file = File::open(file)?;
        let is_plain = file.metadata()?.is_file();
        Ok((file, is_plain))
    };
    let grids = match file {
        "-" => render(Cursor::new(read_stream(io::stdin().lock())?), specs, &limits)?,
        _ => match open().map_err(asciify::Error::Read)? {
            (file, true) => render(BufReader::new(file), specs, &limits)?,
            // a pipe or a device
            (file, false) => render(Cursor::new(read_stream(file)?), specs, &limits)?,
        },
    };
    let title = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
    let written = |grid| match format {
        "html" => write::html(grid, spec.background(), &title).into_bytes(),
        "svg" => write::svg(grid, spec.background(), &title).into_bytes(),
        "png" => write::png(grid, spec.background()),
        "ansi" => write::ansi(grid).into_bytes(),
        _ => write::txt(grid).into_bytes(),
    };
    Ok(grids.iter().flat_map(written).collect())
}

/// All of a stream, since decoders go back and forth; as soon as it is no image, no more of it.
fn read_stream(mut stream: impl Read) -> Result<Vec<u8>, asciify::Error> {
    let mut bytes = Vec::new();
    stream.by_ref().take(START_BYTES).read_to_end(&mut bytes).map_err(asciify::Error::Read)?;
    if let Err(unknown @ asciify::Error::Unknown) = probe(Cursor::new(&bytes), &Limits::default()) {
        return Err(unknown);
    }
    stream.take(MAX_STREAM_BYTES).read_to_end(&mut bytes).map_err(asciify::Error::Read)?;
    if bytes.len() as u64 >= MAX_STREAM_BYTES {
        let much = "more than 1 GiB comes out of a pipe: save it as a file";
        return Err(asciify::Error::Read(io::Error::new(ErrorKind::FileTooLarge, much)));
    }
    Ok(bytes)
}

fn spec(asked: &ArgMatches) -> Result<Spec, SpecError> {
    let mut spec = Spec::default();
    for OptionDoc { name, .. } in OPTIONS {
        if let Some(value) = asked.get_one::<String>(name) {
            spec.set(name, value)?;
        }
    }
    Ok(spec)
}
