//! `asciify`: draws image files as text.

use std::error::Error;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, Cursor, ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use asciify::write::Output;
use asciify::{Bbox, Grid, Limits, OPTIONS, OptionDoc, OptionKind, Palette, ReadSeek, Spec};
use asciify::{SpecError, WGS_84, escape_controls, probe, render};
use clap::{ArgMatches, error::ErrorKind as UsageError};
use clap_complete::Shell;
use indicatif::{ProgressBar, ProgressStyle};

use animate::{PlayError, Show};
use command::{Animate, CAST, command, completions, exit, exit_with, limit_flags, limits, manual};
use input::Input;
use interactive::Show as View;
use interactive::one_shot::Subject;
use interactive::picture::{LocalPicture, Picture};
use interactive::remote::{self, RemotePicture, is_address};

mod animate;
mod command;
mod input;
mod interactive;
mod terminal;

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
    if arguments.get_flag("interactive") {
        return show_interactively(arguments, spec);
    }
    let files = files(arguments);
    let is_recording = is_recording(arguments, path);
    if is_recording && files.len() > 1 {
        let message = "cast can contain only one picture: give one FILE";
        exit_with(UsageError::TooManyValues, message);
    }
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
    let bbox = bbox(arguments);
    let mut destination = Destination::new(path);
    let progress = progress(files.len(), to_terminal);
    let mut code = ExitCode::SUCCESS;
    let mut heading = Heading { files: files.len(), written: 0 };
    let plays = is_recording || is_playing(arguments, to_terminal, output, &files);
    for file in &files {
        let mut input = Input::open(file);
        if plays
            && bbox.is_none()
            && let Ok(input) = &mut input
            && let Some(playback) = input.playback(&limits)
        {
            let number = |name| arguments.get_one::<u32>(name).copied();
            let speed = arguments.get_one::<f64>("speed").copied().unwrap_or(1.0);
            let show = Show::new(playback, spec, number("loops"), speed);
            return show_moving(show, file, is_recording, destination, to_terminal);
        }
        if is_recording {
            let moves_not = "it does not move: cast is a recording of an animation";
            report(&format_args!("{}: {moves_not}", file.display()));
            return Ok(ExitCode::FAILURE);
        }
        let drawn = input.and_then(|input| draw(input, file, (&spec, bbox), output, &limits));
        match drawn {
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

/// The bounding box that is to be drawn, with the EPSG code of its coordinates.
fn bbox(arguments: &ArgMatches) -> Option<(Bbox, u32)> {
    let crs = arguments.get_one::<u32>("coord_crs").copied().unwrap_or(WGS_84);
    arguments.get_one::<Bbox>("bbox").map(|bbox| (*bbox, crs))
}

/// Shows one file on the terminal until the reader quits.
///
/// # Errors
/// The terminal cannot be read or written.
fn show_interactively(arguments: &ArgMatches, mut spec: Spec) -> io::Result<ExitCode> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let message = "--interactive needs a terminal as standard input and output";
        exit_with(UsageError::Io, message);
    }
    let files: Vec<&PathBuf> = arguments.get_many("files").into_iter().flatten().collect();
    let &[file] = files.as_slice() else {
        exit_with(UsageError::WrongNumberOfValues, "--interactive shows one FILE")
    };
    if file.as_os_str() == "-" {
        let message = "--interactive reads keys from standard input: save the image as a FILE";
        exit_with(UsageError::ArgumentConflict, message);
    }
    let mut open = || -> Result<View, Box<dyn Error>> {
        let address = file.to_str().filter(|text| is_address(text));
        let (picture, name, subject) = match address {
            Some(address) => of_service(address)?,
            None => of_file(file, arguments)?,
        };
        let header = picture.header();
        if let Some((bbox, crs)) = bbox(arguments) {
            spec.set("region", &header.region(bbox, crs)?.to_string())?;
        }
        header.offers(&spec)?;
        Ok(View { picture, spec: spec.clone(), name, subject })
    };
    let show = match open() {
        Ok(show) => show,
        Err(err) => {
            report(&format_args!("{}: {err}", file.display()));
            return Ok(ExitCode::FAILURE);
        }
    };
    let cut_off = show.picture.header().check_whole().err();
    let code = interactive::run(show)?;
    if let Some(err) = cut_off.filter(|_| code == ExitCode::SUCCESS) {
        report(&format_args!("{}: {err}; the available part was shown", file.display()));
        return Ok(ExitCode::FAILURE);
    }
    Ok(code)
}

/// A picture to look at, its name, and what a command that draws it is for.
type Opened = (Box<dyn Picture>, String, Subject);

/// An image of a service.
///
/// # Errors
/// What is wrong with the address, or what the service says.
fn of_service(address: &str) -> Result<Opened, String> {
    let remote::Opened { picture, name, address, curl_flags } = RemotePicture::open(address)?;
    Ok((Box::new(picture), name, Subject::Address { address, curl_flags }))
}

/// # Errors
/// The file cannot be read, or its header exceeds the limits.
fn of_file(file: &Path, arguments: &ArgMatches) -> Result<Opened, Box<dyn Error>> {
    let limits = limits(arguments);
    let picture: Box<dyn Picture> = match Input::open(file)? {
        Input::File(source) => Box::new(LocalPicture::open(source, limits)?),
        Input::Bytes(bytes) => Box::new(LocalPicture::open(Cursor::new(bytes), limits)?),
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let path = file.as_os_str().as_encoded_bytes().to_vec();
    Ok((picture, name, Subject::File { path, flags: limit_flags(arguments) }))
}

/// Plays an animation, or records it.
///
/// # Errors
/// The output cannot be written.
fn show_moving(
    mut show: Show,
    file: &Path,
    is_recording: bool,
    mut destination: Destination<'_>,
    to_terminal: bool,
) -> io::Result<ExitCode> {
    let failed = |err: asciify::Error| {
        report(&format_args!("{}: {err}", file.display()));
        Ok(ExitCode::FAILURE)
    };
    if is_recording {
        let title = file.file_name().unwrap_or_default().to_string_lossy();
        return match show.record(&title) {
            Ok(recording) => destination.write(recording.as_bytes()).map(|()| ExitCode::SUCCESS),
            Err(err) => failed(err),
        };
    }
    match show.play(destination.open()?, to_terminal) {
        Ok(code) => Ok(code),
        Err(PlayError::Output(err)) => Err(err),
        Err(PlayError::Frame(err)) => failed(err),
    }
}

/// Whether the output is a recording.
fn is_recording(arguments: &ArgMatches, path: Option<&PathBuf>) -> bool {
    let format = arguments.get_one::<String>("format");
    let extension = path.and_then(|path| path.extension());
    format.map_or(extension.is_some_and(|it| it.eq_ignore_ascii_case(CAST)), |it| it == CAST)
}

/// Whether a file that moves is played.
fn is_playing(
    arguments: &ArgMatches,
    to_terminal: bool,
    output: Output,
    files: &[PathBuf],
) -> bool {
    let is_text = matches!(output, Output::Txt | Output::Ansi);
    let has_frame = arguments.get_one::<String>("frame").is_some();
    match arguments.get_one::<Animate>("animate").copied().unwrap_or(Animate::Auto) {
        Animate::No => false,
        Animate::Yes if has_frame => {
            let message = "--animate plays all frames: leave out --frame";
            exit_with(UsageError::ArgumentConflict, message)
        }
        Animate::Yes if files.len() > 1 || !is_text => {
            let message = "--animate plays one FILE as text";
            exit_with(UsageError::ArgumentConflict, message)
        }
        Animate::Yes => true,
        Animate::Auto => to_terminal && is_text && !has_frame && files.len() == 1,
    }
}

/// The output format: given, or that of the path's extension. `None` leaves it to the colours.
fn chosen_output(arguments: &ArgMatches, path: Option<&PathBuf>) -> Option<Output> {
    let extension = path.and_then(|path| path.extension()).map(OsStr::to_ascii_lowercase);
    let named = |name: &OsStr| name.to_str().and_then(Output::named);
    match (arguments.get_one::<String>("format"), extension) {
        (Some(format), _) => named(format.as_ref()),
        (None, Some(extension)) if extension == CAST => None,
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

    fn open(&mut self) -> io::Result<&mut dyn Write> {
        if self.writer.is_none() {
            self.writer = Some(match self.path {
                Some(path) => Box::new(File::create(path)?),
                None => Box::new(io::stdout().lock()),
            });
        }
        Ok(self.writer.as_mut().expect("it was opened"))
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let path = self.path;
        let mut write = || -> io::Result<()> {
            let writer = self.open()?;
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
    input: Input,
    file: &Path,
    wanted: Wanted<'_>,
    output: Output,
    limits: &Limits,
) -> Result<(Vec<u8>, Option<asciify::Error>), Box<dyn Error>> {
    let (grids, truncated) = match input {
        Input::File(file) => draw_from(file, wanted, limits)?,
        Input::Bytes(bytes) => draw_from(Cursor::new(bytes), wanted, limits)?,
    };
    let title = file.file_name().unwrap_or_default().to_string_lossy();
    let written = |grid| output.to_vec(grid, wanted.0.background(), &title);
    Ok((grids.iter().flat_map(written).collect(), truncated))
}

/// The options, and a bounding box with the EPSG code of its coordinates.
type Wanted<'a> = (&'a Spec, Option<(Bbox, u32)>);

/// The grid for what is wanted, and an error if the source was cut off.
fn draw_from(
    mut source: impl ReadSeek,
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
    if let Some((columns, rows)) = arguments.get_one::<(String, String)>("size") {
        spec.set("width", columns)?;
        spec.set("height", rows)?;
    } else if !given("width") && !given("height") {
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
    if to_terminal
        && matches!(chosen, None | Some(Output::Txt | Output::Ansi))
        && !given("background")
        && terminal::is_light()
    {
        spec.set("background", "light")?;
    }
    for OptionDoc { name, .. } in OPTIONS {
        if let Some(value) = arguments.get_one::<String>(name) {
            spec.set(name, value)?;
        }
    }
    Ok(spec)
}
