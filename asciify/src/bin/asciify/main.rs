//! `asciify`: draws image files as text.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use asciify::write::Output;
use asciify::{Bbox, Grid, Limits, OPTIONS, OptionDoc, OptionKind, Palette, Spec, SpecError};
use asciify::{WGS_84, escape_controls, probe, render};
use clap::{ArgMatches, error::ErrorKind as UsageError};
use clap_complete::Shell;
use indicatif::{ProgressBar, ProgressStyle};

use command::{command, completions, exit, exit_with, limits, manual};

mod command;
mod terminal;

/// Bytes to read from a file at once.
const BUFFER_BYTES: usize = 1 << 16;
/// How much of a stream is read to identify its format.
const START_BYTES: u64 = 4096;
/// The longest stream, in bytes: streams are kept in memory.
const MAX_STREAM_BYTES: u64 = 1 << 30;

fn main() -> ExitCode {
    #[cfg(feature = "isolation")]
    asciify::isolation::init();
    let arguments = command().try_get_matches().unwrap_or_else(|err| exit(&err));
    match run(&arguments) {
        Ok(code) => code,
        // the reader of the output has closed it, as head does
        Err(err) if err.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(err) => {
            report(&err);
            ExitCode::FAILURE
        }
    }
}

/// Draws every file.
///
/// # Errors
/// The output cannot be written.
fn run(arguments: &ArgMatches) -> io::Result<ExitCode> {
    if let Some(shell) = arguments.get_one::<Shell>("completions") {
        return io::stdout().write_all(&completions(*shell)).map(|()| ExitCode::SUCCESS);
    }
    if arguments.get_flag("man") {
        return io::stdout().write_all(&manual()?).map(|()| ExitCode::SUCCESS);
    }
    let path = arguments.get_one::<PathBuf>("output").filter(|path| *path != "-");
    let to_terminal = path.is_none() && io::stdout().is_terminal();
    let chosen = chosen_output(arguments, path);
    let spec = spec(arguments, to_terminal, chosen)
        .unwrap_or_else(|err| exit_with(UsageError::InvalidValue, err));
    let output = chosen.unwrap_or(match spec.color() {
        Palette::None => Output::Txt,
        _ => Output::Ansi,
    });
    let files = files(arguments);
    if output == Output::Png && to_terminal {
        let message = "png is a binary format: write it to a file with --output PATH";
        exit_with(UsageError::InvalidValue, message);
    }
    if !matches!(output, Output::Txt | Output::Ansi) && files.len() > 1 {
        let message = format!("{output} can contain only one picture: give one FILE");
        exit_with(UsageError::TooManyValues, message);
    }
    if let Some(path) = path
        && files.iter().any(|file| is_same_file(file, path))
    {
        let message = format!("{} is an input file: give --output another PATH", path.display());
        exit_with(UsageError::ArgumentConflict, message);
    }
    let limits = limits(arguments);
    let crs = arguments.get_one::<u32>("coord_crs").copied().unwrap_or(WGS_84);
    let bbox = arguments.get_one::<Bbox>("bbox").map(|bbox| (*bbox, crs));
    let mut destination = Destination::new(path);
    let progress = progress(files.len(), to_terminal);
    let mut code = ExitCode::SUCCESS;
    let mut heading = Heading { files: files.len(), written: 0 };
    for file in &files {
        match draw(file, (&spec, bbox), output, &limits) {
            Ok((text, truncated)) => {
                destination.write(heading.of(file).as_bytes())?;
                destination.write(&text)?;
                if let Some(err) = truncated {
                    let message = format!("{}: {err}; the available part is drawn", file.display());
                    progress.suspend(|| report(&message));
                    code = ExitCode::FAILURE;
                }
            }
            Err(err) => {
                progress.suspend(|| report(&format_args!("{}: {err}", file.display())));
                code = ExitCode::FAILURE;
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(code)
}

/// The output format: given, or that of the path's extension. `None` leaves it to the colours.
fn chosen_output(arguments: &ArgMatches, path: Option<&PathBuf>) -> Option<Output> {
    let extension = path.and_then(|path| path.extension()).map(OsStr::to_ascii_lowercase);
    let named = |name: &OsStr| name.to_str().and_then(Output::named);
    match (arguments.get_one::<String>("format"), extension) {
        (Some(format), _) => named(format.as_ref()),
        (None, Some(extension)) => Some(named(&extension).unwrap_or_else(|| {
            let known = Output::NAMES.join(", .");
            let message = format!("--output: expected a PATH that ends in .{known}, or a --format");
            exit_with(UsageError::InvalidValue, message)
        })),
        (None, None) => None,
    }
}

/// The files to draw: standard input if none is given, unless that is a terminal.
fn files(arguments: &ArgMatches) -> Vec<PathBuf> {
    match arguments.get_many("files") {
        Some(files) => files.cloned().collect(),
        None if io::stdin().is_terminal() => {
            let message = "no image: give a FILE, or an image on standard input";
            exit_with(UsageError::MissingRequiredArgument, message)
        }
        None => vec!["-".into()],
    }
}

/// The line before each of several pictures, in the form that `head` uses.
struct Heading {
    files: usize,
    written: usize,
}

impl Heading {
    fn of(&mut self, file: &Path) -> String {
        self.written += 1;
        let gap = if self.written > 1 { "\n" } else { "" };
        let name = if file == "-" { "standard input".into() } else { file.to_string_lossy() };
        let name = escape_controls(&name);
        if self.files > 1 { format!("{gap}==> {name} <==\n") } else { String::new() }
    }
}

/// Reports a problem on standard error.
fn report(problem: &dyn Display) {
    // standard error may be closed
    let _ignored = writeln!(io::stderr(), "asciify: {}", escape_controls(&problem.to_string()));
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let [one, other] = [one, other].map(Path::canonicalize);
    matches!((one, other), (Ok(one), Ok(other)) if one == other && one.is_file())
}

/// Where the output goes: standard output, or a file that is created at the first write.
struct Destination<'a> {
    /// `None` is standard output.
    path: Option<&'a PathBuf>,
    writer: Option<Box<dyn Write>>,
}

impl<'a> Destination<'a> {
    fn new(path: Option<&'a PathBuf>) -> Self {
        Self { path, writer: None }
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let path = self.path;
        let mut write = || -> io::Result<()> {
            let writer = match &mut self.writer {
                Some(writer) => writer,
                None => self.writer.insert(match path {
                    Some(path) => Box::new(File::create(path)?),
                    None => Box::new(io::stdout().lock()),
                }),
            };
            writer.write_all(text)?;
            writer.flush()
        };
        let name = path.map_or("standard output".into(), |path| path.to_string_lossy());
        let named = |err: io::Error| io::Error::new(err.kind(), format!("{name}: {err}"));
        write().map_err(named)
    }
}

/// A progress bar, visible if there are several pictures, they do not go to the terminal, and
/// standard error is a terminal.
fn progress(files: usize, to_terminal: bool) -> ProgressBar {
    if files < 2 || to_terminal || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files, {eta} left");
    let bar = ProgressBar::new(files as u64);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The picture in the output format, and an error if the file was cut off.
///
/// # Errors
/// The file cannot be read or drawn.
fn draw(
    file: &Path,
    wanted: Wanted<'_>,
    output: Output,
    limits: &Limits,
) -> Result<(Vec<u8>, Option<asciify::Error>), Box<dyn Error>> {
    let open = || {
        let file = File::open(file)?;
        let is_regular = file.metadata()?.is_file();
        Ok((file, is_regular))
    };
    let (grids, truncated) = if file == "-" {
        draw_from(Cursor::new(read_stream(io::stdin().lock())?), wanted, limits)?
    } else {
        match open().map_err(asciify::Error::Read)? {
            (file, true) => {
                draw_from(BufReader::with_capacity(BUFFER_BYTES, file), wanted, limits)?
            }
            // a pipe or a device
            (file, false) => draw_from(Cursor::new(read_stream(file)?), wanted, limits)?,
        }
    };
    let title = file.file_name().unwrap_or_default().to_string_lossy();
    let written = |grid| output.to_vec(grid, wanted.0.background(), &title);
    Ok((grids.iter().flat_map(written).collect(), truncated))
}

/// The options, and a bounding box with the EPSG code of its coordinates.
type Wanted<'a> = (&'a Spec, Option<(Bbox, u32)>);

/// The grid for what is wanted, and an error if the source was cut off.
fn draw_from(
    mut source: impl BufRead + Seek,
    (spec, bbox): Wanted<'_>,
    limits: &Limits,
) -> Result<(Vec<Grid>, Option<asciify::Error>), Box<dyn Error>> {
    if source.fill_buf().map_err(asciify::Error::Read)?.is_empty() {
        return Err(asciify::Error::Malformed("the file is empty".into()).into());
    }
    let header = probe(&mut source, limits)?;
    let mut spec = spec.clone();
    if let Some((bbox, crs)) = bbox {
        spec.set("region", &header.region(bbox, crs)?.to_string())?;
    }
    let grids = render(source, &[spec], limits)?;
    Ok((grids, header.check_whole().err()))
}

/// A whole stream, since decoders seek. If its start is no image, the rest is not read.
///
/// # Errors
/// It cannot be read, is no image, or is too long.
fn read_stream(mut stream: impl Read) -> Result<Vec<u8>, asciify::Error> {
    let mut bytes = Vec::new();
    stream.by_ref().take(START_BYTES).read_to_end(&mut bytes).map_err(asciify::Error::Read)?;
    if let Err(refusal) = probe(Cursor::new(&bytes), &Limits::default())
        && matches!(refusal, asciify::Error::Unknown { .. } | asciify::Error::FormatNotRead { .. })
        && !bytes.is_empty()
    {
        return Err(refusal);
    }
    stream.take(MAX_STREAM_BYTES).read_to_end(&mut bytes).map_err(asciify::Error::Read)?;
    if bytes.len() as u64 >= MAX_STREAM_BYTES {
        let message = "a stream of more than 1 GiB: save it as a file";
        return Err(asciify::Error::Read(io::Error::new(ErrorKind::FileTooLarge, message)));
    }
    Ok(bytes)
}

/// The spec that the arguments give. Sizes and colours default to those of the terminal.
///
/// # Errors
/// A value that an option does not accept.
fn spec(
    arguments: &ArgMatches,
    to_terminal: bool,
    chosen: Option<Output>,
) -> Result<Spec, SpecError> {
    let mut spec = Spec::default();
    let given = |name| arguments.get_one::<String>(name).is_some();
    if !given("width") && !given("height") {
        let (columns, rows) = terminal::size(to_terminal);
        // the last row is the prompt's
        let sides = [("width", columns), ("height", rows.map(|rows| rows.saturating_sub(1)))];
        for (name, side) in sides {
            if let Some(side) = side
                && let Some(OptionKind::Whole { min, max }) =
                    OptionDoc::named(name).map(|it| it.kind)
            {
                spec.set(name, &side.clamp(min, max).to_string())?;
            }
        }
    }
    if matches!(chosen, None | Some(Output::Ansi)) {
        spec.set("color", terminal::colors(to_terminal, chosen == Some(Output::Ansi)))?;
    }
    for OptionDoc { name, .. } in OPTIONS {
        if let Some(value) = arguments.get_one::<String>(name) {
            spec.set(name, value)?;
        }
    }
    Ok(spec)
}
