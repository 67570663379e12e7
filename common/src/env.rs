//! Settings: read from flags and environment variables; all errors are reported together.
//!
//! `MAX_SIDE_PX=4096` and `--max-side-px=4096` are the same setting; the flag wins. Values are
//! never printed, because URLs contain passwords; nor are arguments that may be one. The call that
//! reads a setting also names its default and its help, so `--help` lists exactly what the program
//! reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    ops::RangeInclusive,
    path::Path,
    process::ExitCode,
    time::Duration,
};

use url::Url;

use self::names::{kebab, nearest, redact};

mod file;
mod names;

/// A setting, as `--help` lists it.
pub struct Setting {
    /// The environment variable; the flag is its kebab-case form.
    pub name: &'static str,
    /// The value when the setting is absent or empty.
    pub default: String,
    /// What it is, with its unit, in one line.
    pub help: &'static str,
}

/// A subcommand, as `--help` lists it.
pub struct Command {
    /// The word on the command line.
    pub name: &'static str,
    /// The arguments that follow it; empty when it takes none.
    pub args: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
}

/// The settings that were given, and those that the program reads.
#[derive(Default)]
pub struct Env {
    /// `None` is a value that is not UTF-8.
    given: BTreeMap<String, Option<String>>,
    flags: BTreeSet<String>,
    /// A flag at the end of the command line, without its value.
    incomplete: Option<String>,
    /// Arguments that are not flags.
    args: Vec<String>,
    settings: Vec<Setting>,
    errors: Vec<String>,
    warning: Option<String>,
    help: bool,
    version: bool,
}

impl Env {
    /// The settings of this process: its flags, else its environment, else the file `.env` of the
    /// working folder.
    ///
    /// Call this before any thread is started: it adds the file's variables to the environment,
    /// where the AWS SDK reads its own.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_process() -> Self {
        let file = file::load(Path::new(".env"));
        let mut env = Env::new(std::env::vars_os(), std::env::args_os().skip(1));
        match file {
            Ok(warning) => env.warning = warning,
            Err(error) => env.reject(error),
        }
        env
    }

    /// The settings in `vars`, and in `args`, which win.
    pub fn new<S: Into<OsString>>(
        vars: impl IntoIterator<Item = (S, S)>,
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut env = Env::default();
        for (name, value) in vars {
            // a name that is not UTF-8 is not a setting
            if let Ok(name) = name.into().into_string() {
                env.given.insert(name, value.into().into_string().ok());
            }
        }
        let mut args = args.into_iter().map(|arg| arg.into().into_string().ok());
        while let Some(arg) = args.next() {
            let Some(arg) = arg else {
                env.reject("an argument is not UTF-8".into());
                continue;
            };
            match arg.as_str() {
                "--help" | "-h" => env.help = true,
                "--version" | "-V" => env.version = true,
                _ => match arg.strip_prefix("--") {
                    Some(flag) => env.flag(flag, &mut args),
                    None => env.args.push(arg),
                },
            }
        }
        env
    }

    fn flag(&mut self, flag: &str, rest: &mut impl Iterator<Item = Option<String>>) {
        let (flag, value) = match flag.split_once('=') {
            Some((flag, value)) => (flag, Some(Some(value.to_owned()))),
            None => (flag, rest.next()),
        };
        let name = flag.replace('-', "_").to_uppercase();
        match value {
            Some(value) => {
                self.given.insert(name.clone(), value);
                self.flags.insert(name);
            }
            None => self.incomplete = Some(name),
        }
    }

    /// The arguments that are not flags, such as the subcommand `health`.
    pub fn args(&self) -> Vec<&str> {
        self.args.iter().map(String::as_str).collect()
    }

    /// Reads a setting as text: the given value, or `default`.
    pub fn text(&mut self, name: &'static str, default: &str, help: &'static str) -> String {
        self.expand_short_flag(name);
        // two parts of one program may read the same setting
        if !self.settings.iter().any(|setting| setting.name == name) {
            self.settings.push(Setting { name, default: default.to_owned(), help });
        }
        match self.given.get(name) {
            Some(Some(value)) if !value.is_empty() => value.clone(),
            Some(None) => {
                self.reject(format!("{name}: expected UTF-8"));
                default.to_owned()
            }
            _ => default.to_owned(),
        }
    }

    /// Behind the subcommand `check`, `--sample` is short for `--check-sample`.
    fn expand_short_flag(&mut self, name: &str) {
        let Some(command) = self.args.first() else { return };
        let prefix = format!("{}_", command.to_uppercase());
        let Some(short) = name.strip_prefix(&prefix) else { return };
        if self.incomplete.as_deref() == Some(short) {
            self.incomplete = Some(name.to_owned());
        }
        if self.flags.remove(short)
            && let Some(value) = self.given.remove(short)
        {
            self.given.insert(name.to_owned(), value);
            self.flags.insert(name.to_owned());
        }
    }

    /// Reads a setting with `parse`; `accepts` describes what it accepts. When it returns `None`,
    /// the setting is rejected and the value of `default` is used.
    pub fn parsed<T>(
        &mut self,
        name: &'static str,
        default: &str,
        accepts: &str,
        help: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let value = self.text(name, default, help);
        parse(&value).unwrap_or_else(|| {
            self.reject(format!("{name}: expected {accepts}"));
            parse(default).expect("every default is valid")
        })
    }

    /// Reads a whole number within `range`.
    pub fn number(
        &mut self,
        name: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
        help: &'static str,
    ) -> u64 {
        let accepts = match *range.end() {
            u64::MAX => format!("a whole number, at least {}", range.start()),
            end => format!("a whole number from {} to {end}", range.start()),
        };
        self.parsed(name, &default.to_string(), &accepts, help, |value| {
            value.parse().ok().filter(|number| range.contains(number))
        })
    }

    /// Reads a duration in seconds, with an optional fraction, of at least 10 ms.
    pub fn period(&mut self, name: &'static str, default: &str, help: &'static str) -> Duration {
        let accepts = "a number of seconds, at least 0.01";
        self.parsed(name, default, accepts, help, |value| {
            seconds(value).filter(|period| *period >= Duration::from_millis(10))
        })
    }

    /// Reads a duration in seconds, with an optional fraction, possibly zero.
    pub fn seconds(&mut self, name: &'static str, default: &str, help: &'static str) -> Duration {
        self.parsed(name, default, "a number of seconds, such as 5 or 0.5", help, seconds)
    }

    /// Reads a URL with one of `schemes`.
    pub fn url(
        &mut self,
        name: &'static str,
        default: &str,
        schemes: &[&str],
        help: &'static str,
    ) -> Url {
        let accepts = format!("a URL that starts with {}:", schemes.join(": or "));
        self.parsed(name, default, &accepts, help, |value| {
            Url::parse(value).ok().filter(|url| schemes.contains(&url.scheme()))
        })
    }

    /// Reads a secret: the value of `name`, or the content of the file that the setting `file` names,
    /// without the line break at its end. `None` when neither is set.
    pub fn secret(
        &mut self,
        name: &'static str,
        file: &'static str,
        help: &'static str,
    ) -> Option<String> {
        let value = self.text(name, "", help);
        let path = self.text(file, "", "file that has the secret, instead of its own setting");
        match (value.is_empty(), path.is_empty()) {
            (false, false) => {
                self.reject(format!("{name}: set together with {file}; set one of them"))
            }
            (false, true) => return Some(value),
            (true, true) => {}
            (true, false) => match std::fs::read_to_string(&path) {
                Ok(secret) if !secret.trim_end().is_empty() => {
                    return Some(secret.trim_end().to_owned());
                }
                Ok(_) => self.reject(format!("{file}: the file is empty")),
                Err(err) => self.reject(format!("{file}: could not read the file: {}", err.kind())),
            },
        }
        None
    }

    /// Adds an error, such as one that only the caller can detect. It must not contain values.
    pub fn reject(&mut self, error: String) {
        self.errors.push(error);
    }

    /// Every setting that was read so far, in order.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Every error so far.
    pub fn errors(&self) -> &[String] {
        &self.errors
    }

    /// A warning about the settings, such as unknown names in `.env`.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Call this when every setting was read. `Err` when the program must end here: help or the
    /// version was printed (exit code 0), or there are errors, which are printed (exit code 2).
    ///
    /// # Errors
    /// The exit code.
    pub fn settle(
        mut self,
        program: &str,
        about: &str,
        commands: &[Command],
    ) -> Result<(), ExitCode> {
        if self.help {
            print!("{}", self.usage(program, about, commands));
            return Err(ExitCode::SUCCESS);
        }
        if self.version {
            println!("{program} {}", env!("CARGO_PKG_VERSION"));
            return Err(ExitCode::SUCCESS);
        }
        self.check_flags();
        self.check_args(commands);
        if self.errors.is_empty() {
            return Ok(());
        }
        // a warning may explain an error
        for line in self.errors.iter().chain(&self.warning) {
            eprintln!("{program}: {line}");
        }
        eprintln!("{program}: try --help");
        Err(ExitCode::from(2))
    }

    fn check_flags(&mut self) {
        let names = || self.settings.iter().map(|setting| setting.name);
        for flag in self.flags.iter().chain(&self.incomplete) {
            let wrong = match names().any(|name| name == flag) {
                true if self.incomplete.as_ref() == Some(flag) => "a value is missing".to_owned(),
                true => continue,
                false => match nearest(flag, names()) {
                    Some(near) => format!("no such setting; is --{} meant?", kebab(near)),
                    None => "no such setting".to_owned(),
                },
            };
            self.errors.push(format!("--{}: {wrong}", redact(&kebab(flag))));
        }
    }

    /// Reports the first wrong argument only: the others may be its arguments.
    fn check_args(&mut self, commands: &[Command]) {
        let Some((first, rest)) = self.args.split_first() else { return };
        let error = match commands.iter().find(|command| command.name == first) {
            Some(command) if command.args.is_empty() && !rest.is_empty() => {
                format!("{first}: expected no arguments; settings look like --log-format=human")
            }
            Some(_) => return,
            None => {
                let names: Vec<&str> = commands.iter().map(|command| command.name).collect();
                let known = match &names[..] {
                    [] => "there are none".to_owned(),
                    [only] => format!("there is {only}"),
                    several => format!("there are {}", several.join(", ")),
                };
                let first = redact(first);
                format!("{first}: no such command: {known}; settings look like --log-format=human")
            }
        };
        self.errors.push(error);
    }

    /// The text of `--help`: of the program, or of the subcommand on the command line.
    pub fn usage(&self, program: &str, about: &str, commands: &[Command]) -> String {
        let first = self.args.first();
        let command = first.and_then(|first| commands.iter().find(|one| one.name == first));
        let mut out = match command {
            Some(command) => {
                let call = format!("{} {}", command.name, command.args);
                let help = command.help;
                format!("{help}\n\nUsage: {program} {} [--SETTING=VALUE]…\n", call.trim_end())
            }
            None if commands.is_empty() => {
                format!("{about}\n\nUsage: {program} [--SETTING=VALUE]…\n")
            }
            None => {
                let mut out = format!(
                    "{about}\n\nUsage: {program} [COMMAND] [--SETTING=VALUE]…\n\nCommands:\n"
                );
                for Command { name, args, help } in commands {
                    let call = format!("{name} {args}");
                    out.push_str(&format!("  {call:<12} {help}\n"));
                }
                out
            }
        };
        out.push_str(
            "\nEvery setting is an environment variable or a flag: MAX_SIDE_PX=4096 and \
             --max-side-px=4096 are\nthe same.\n\nSettings:\n",
        );
        for Setting { name, default, help } in &self.settings {
            let default = if default.is_empty() { "empty" } else { default };
            out.push_str(&format!("  {name}\n      {help} [default: {default}]\n"));
        }
        out
    }
}

fn seconds(value: &str) -> Option<Duration> {
    let seconds: f64 = value.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok().filter(|d| d.as_secs() < 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(vars: &[(&str, &str)], args: &[&str]) -> Env {
        let vars = vars.iter().map(|(k, v)| (k.to_string(), v.to_string()));
        Env::new(vars, args.iter().map(|arg| arg.to_string()))
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_an_empty_variable_is_none() {
        let mut env = env(&[("A", "1"), ("B", "2"), ("C", "")], &["--a=7"]);
        let read = ["A", "B", "C"].map(|name| env.number(name, 3, 0..=9, "help"));
        assert_eq!(read, [7, 2, 3]);
        assert!(env.errors().is_empty());
    }

    #[test]
    fn behind_a_subcommand_its_settings_have_short_flags() {
        let mut check = env(&[("CHECK_SAMPLE", "1")], &["check", "--sample", "7"]);
        assert_eq!(check.number("CHECK_SAMPLE", 3, 0..=9, "help"), 7);
        let command = Command { name: "check", args: "", help: "help" };
        assert!(check.settle("planet-admin", "about", &[command]).is_ok());
        let mut other = env(&[("CHECK_SAMPLE", "1")], &["dead", "--sample", "7"]);
        assert_eq!(other.number("CHECK_SAMPLE", 3, 0..=9, "help"), 1);
    }

    #[test]
    fn every_error_is_reported_and_no_value_is_shown() {
        let mut env = env(&[("N", "hunter2"), ("U", "ftp://me:hunter2@host")], &["--t", "hunter2"]);
        env.number("N", 3, 1..=9, "help");
        env.url("U", "memory:", &["memory", "amqp"], "help");
        env.seconds("T", "5", "help");
        assert_eq!(
            env.errors(),
            [
                "N: expected a whole number from 1 to 9",
                "U: expected a URL that starts with memory: or amqp:",
                "T: expected a number of seconds, such as 5 or 0.5",
            ]
        );
    }

    #[test]
    fn a_secret_is_a_value_or_a_file() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("secret").display().to_string();
        let read = |vars: &[(&str, &str)]| {
            let mut env = env(vars, &[]);
            (env.secret("S", "S_FILE", "help"), env.errors().to_vec())
        };
        assert_eq!(read(&[]), (None, vec![]));
        assert_eq!(read(&[("S", "hunter2")]), (Some("hunter2".into()), vec![]));
        let (none, errors) = read(&[("S_FILE", &path)]);
        assert!(none.is_none() && errors[0].starts_with("S_FILE: could not read"), "{errors:?}");
        std::fs::write(&path, "hunter2\n").expect("write a secret");
        assert_eq!(read(&[("S_FILE", &path)]), (Some("hunter2".into()), vec![]));
        let (_, errors) = read(&[("S", "hunter3"), ("S_FILE", &path)]);
        assert_eq!(errors, ["S: set together with S_FILE; set one of them"]);
    }

    #[test]
    fn unknown_flags_and_commands_are_refused() {
        let mut env = env(&[], &["--bnid=127.0.0.1:1", "serve"]);
        env.text("BIND", "127.0.0.1:8080", "help");
        let health = Command { name: "health", args: "", help: "help" };
        assert!(env.settle("planet", "about", &[health]).is_err());
    }
}
