//! `asciify`: draws image files as text.

use std::env;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, IsTerminal, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use asciify::{Grid, Limits, OPTIONS, OptionDoc, Palette, Spec, SpecError, probe, render, write};
use clap::{ArgMatches, error::ErrorKind as Wrong};
use clap_complete::Shell;
use indicatif::{ProgressBar, ProgressStyle};

use command::{FORMATS, command, completions, manual, refuse};

mod command;

/// Bytes that are read from a file at once.
const BUFFER: usize = 1 << 16;
/// Enough of a stream to tell its format.
const START_BYTES: u64 = 4096;
/// A stream is kept in memory.
const MAX_STREAM_BYTES: u64 = 1 << 30;

fn main() -> ExitCode {
    let asked = command().get_matches();
    match run(&asked) {
        Ok(code) => code,
        // Whoever read us has seen enough: no reason to complain.
        Err(err) if err.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(err) => {
            complain(&err);
            ExitCode::FAILURE
        }
    }
}

/// # Errors
/// The output cannot be written.
fn run(asked: &ArgMatches) -> io::Result<ExitCode> {
    if let Some(shell) = asked.get_one::<Shell>("completions") {
        return io::stdout().write_all(&completions(*shell)).map(|()| ExitCode::SUCCESS);
    }
    if asked.get_flag("man") {
        return io::stdout().write_all(&manual()?).map(|()| ExitCode::SUCCESS);
    }
    let output = asked.get_one::<PathBuf>("output").filter(|path| *path != "-");
    let to_terminal = output.is_none() && io::stdout().is_terminal();
    let spec = spec(asked, to_terminal).unwrap_or_else(|err| refuse(Wrong::InvalidValue, err));
    let format = format(asked, output, &spec);
    let files = files(asked);
    if format == "png" && to_terminal {
        refuse(Wrong::InvalidValue, "a png is no text: write it to a file with --output PATH");
    }
    if !matches!(format, "txt" | "ansi") && files.len() > 1 {
        refuse(Wrong::TooManyValues, format!("{format} holds one picture: give one file"));
    }
    if let Some(output) = output
        && files.iter().any(|file| is_same_file(file, output))
    {
        let wrong = format!("{} is an image to draw: give --output another PATH", shown(output));
        refuse(Wrong::ArgumentConflict, wrong);
    }
    let mut output = Output::new(output);
    let progress = progress(files.len(), to_terminal);
    let mut code = ExitCode::SUCCESS;
    let mut title = Title { files: files.len(), written: 0 };
    for file in &files {
        match draw(file, &spec, format) {
            Ok((text, missing)) => {
                output.write(title.of(file).as_bytes())?;
                output.write(&text)?;
                if let Some(err) = missing {
                    let told = format!("{}: {err}; what is there is drawn", shown(file));
                    progress.suspend(|| complain(&told));
                    code = ExitCode::FAILURE;
                }
            }
            Err(err) => {
                progress.suspend(|| complain(&format_args!("{}: {err}", shown(file))));
                code = ExitCode::FAILURE;
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(code)
}

/// The format that was asked for, or is meant by the ending of the output's name.
fn format(asked: &ArgMatches, output: Option<&PathBuf>, spec: &Spec) -> &'static str {
    let ending = output.and_then(|path| path.extension()).map(OsStr::to_ascii_lowercase);
    let known = |name: &OsStr| FORMATS.into_iter().find(|format| name == *format);
    match (asked.get_one::<String>("format"), ending) {
        (Some(format), _) => known(format.as_ref()).unwrap_or("txt"),
        (None, Some(ending)) => known(&ending).unwrap_or_else(|| {
            let known = FORMATS.join(", .");
            let wrong = format!("--output: expected a PATH that ends in .{known}, or a --format");
            refuse(Wrong::InvalidValue, wrong)
        }),
        (None, None) if spec.color() == Palette::None => "txt",
        (None, None) => "ansi",
    }
}

/// What to draw: without any files standard input, where something may come out of it.
fn files(asked: &ArgMatches) -> Vec<PathBuf> {
    match asked.get_many("files") {
        Some(files) => files.cloned().collect(),
        None if io::stdin().is_terminal() => {
            let wrong = "give it an image file, or one on standard input";
            refuse(Wrong::MissingRequiredArgument, wrong)
        }
        None => vec!["-".into()],
    }
}

/// The line before each of several pictures, as `head` has it.
struct Title {
    files: usize,
    written: usize,
}

impl Title {
    fn of(&mut self, file: &Path) -> String {
        self.written += 1;
        let gap = if self.written > 1 { "\n" } else { "" };
        let name = if file == "-" { "standard input".to_owned() } else { shown(file) };
        if self.files > 1 { format!("{gap}==> {name} <==\n") } else { String::new() }
    }
}

/// Tells the user, if anybody listens.
fn complain(what: &dyn Display) {
    let _nobody_listens = writeln!(io::stderr(), "asciify: {what}");
}

/// A path as a terminal may see it: what would steer the terminal is spelled out.
fn shown(path: &Path) -> String {
    let spelled = |c: char| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    path.to_string_lossy().chars().map(spelled).collect()
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let [one, other] = [one, other].map(Path::canonicalize);
    matches!((one, other), (Ok(one), Ok(other)) if one == other && one.is_file())
}

/// Standard output, or a file that is made when there is something to write.
struct Output<'a> {
    path: Option<&'a PathBuf>,
    open: Option<Box<dyn Write>>,
}

impl<'a> Output<'a> {
    fn new(path: Option<&'a PathBuf>) -> Self {
        Self { path, open: None }
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let path = self.path;
        let mut write = || -> io::Result<()> {
            let output = match &mut self.open {
                Some(output) => output,
                None => self.open.insert(match path {
                    Some(path) => Box::new(File::create(path)?),
                    None => Box::new(io::stdout().lock()),
                }),
            };
            output.write_all(text)?;
            output.flush()
        };
        let name = path.map_or("standard output".to_owned(), |path| shown(path));
        let named = |err: io::Error| io::Error::new(err.kind(), format!("{name}: {err}"));
        write().map_err(named)
    }
}

/// Shown on a terminal where the pictures go elsewhere, and there are several.
fn progress(files: usize, to_terminal: bool) -> ProgressBar {
    if files < 2 || to_terminal || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files, {eta} left");
    let bar = ProgressBar::new(files as u64);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The picture as text, and what is missing of the file if it was cut off.
fn draw(
    file: &Path,
    spec: &Spec,
    format: &str,
) -> Result<(Vec<u8>, Option<asciify::Error>), asciify::Error> {
    let open = || {
        let file = File::open(file)?;
        let is_plain = file.metadata()?.is_file();
        Ok((file, is_plain))
    };
    let (grids, missing) = if file == "-" {
        draw_from(Cursor::new(read_stream(io::stdin().lock())?), spec)?
    } else {
        match open().map_err(asciify::Error::Read)? {
            (file, true) => draw_from(BufReader::with_capacity(BUFFER, file), spec)?,
            // a pipe or a device
            (file, false) => draw_from(Cursor::new(read_stream(file)?), spec)?,
        }
    };
    let title = file.file_name().unwrap_or_default().to_string_lossy();
    let written = |grid| match format {
        "html" => write::html(grid, spec.background(), &title).into_bytes(),
        "svg" => write::svg(grid, spec.background(), &title).into_bytes(),
        "png" => write::png(grid, spec.background()),
        "ansi" => write::ansi(grid).into_bytes(),
        _ => write::txt(grid).into_bytes(),
    };
    Ok((grids.iter().flat_map(written).collect(), missing))
}

fn draw_from(
    mut source: impl BufRead + Seek,
    spec: &Spec,
) -> Result<(Vec<Grid>, Option<asciify::Error>), asciify::Error> {
    if source.fill_buf().map_err(asciify::Error::Read)?.is_empty() {
        return Err(asciify::Error::Malformed("the file is empty".into()));
    }
    let limits = Limits::default();
    let header = probe(&mut source, &limits)?;
    let grids = render(source, std::slice::from_ref(spec), &limits)?;
    Ok((grids, header.check_whole().err()))
}

/// All of a stream, since decoders go back and forth; as soon as it is no image, no more of it.
fn read_stream(mut stream: impl Read) -> Result<Vec<u8>, asciify::Error> {
    let mut bytes = Vec::new();
    stream.by_ref().take(START_BYTES).read_to_end(&mut bytes).map_err(asciify::Error::Read)?;
    if let Err(unknown @ asciify::Error::Unknown { .. }) =
        probe(Cursor::new(&bytes), &Limits::default())
        && !bytes.is_empty()
    {
        return Err(unknown);
    }
    stream.take(MAX_STREAM_BYTES).read_to_end(&mut bytes).map_err(asciify::Error::Read)?;
    if bytes.len() as u64 >= MAX_STREAM_BYTES {
        let much = "more than 1 GiB comes out of a pipe: save it as a file";
        return Err(asciify::Error::Read(io::Error::new(ErrorKind::FileTooLarge, much)));
    }
    Ok(bytes)
}

/// What was asked for; on a terminal, what it can show.
fn spec(asked: &ArgMatches, to_terminal: bool) -> Result<Spec, SpecError> {
    let mut spec = Spec::default();
    if to_terminal {
        let given = |name| asked.get_one::<String>(name).is_some();
        if let Some((terminal_size::Width(columns), _)) = terminal_size::terminal_size()
            && !given("width")
            && !given("height")
        {
            spec.set("width", &columns.clamp(1, 1000).to_string())?;
        }
        if !given("format") {
            spec.set("color", terminal_colors())?;
        }
    }
    for OptionDoc { name, .. } in OPTIONS {
        if let Some(value) = asked.get_one::<String>(name) {
            spec.set(name, value)?;
        }
    }
    Ok(spec)
}

/// What the terminal says of its colours (NO_COLOR: no-color.org).
#[expect(clippy::disallowed_methods, reason = "a terminal tells by variables what it can show")]
fn terminal_colors() -> &'static str {
    let is = |name: &str, holds: &str| env::var(name).is_ok_and(|value| value.contains(holds));
    let any = |name, all: &[&str]| all.iter().any(|holds| is(name, holds));
    if env::var("NO_COLOR").is_ok_and(|value| !value.is_empty()) || is("TERM", "dumb") {
        "none"
    } else if any("COLORTERM", &["truecolor", "24bit"])
        || any("TERM", &["direct", "kitty", "alacritty", "ghostty"])
    {
        "full"
    } else if is("TERM", "256color") {
        "256"
    } else if any("TERM", &["color", "xterm", "screen", "tmux", "rxvt", "linux"]) {
        "16"
    } else {
        "none"
    }
}
