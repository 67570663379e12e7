//! Settings: reads each from the flags or the environment, remembers every complaint, never a value.
//!
//! `MAX_SIDE_PX=4096` and `--max-side-px=4096` say the same; the flag wins. Values are never
//! printed, because URLs hold passwords; nor is an argument that may be one. Whoever reads a setting
//! names its default and its help in the same call, so `--help` lists exactly what the program
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

mod file;

/// One setting as `--help` shows it.
pub struct Setting {
    /// The environment variable; the flag is its kebab-case form.
    pub name: &'static str,
    /// Used when the setting is absent or empty.
    pub default: String,
    /// One line.
    pub help: &'static str,
}

/// The settings that were given, and those that the program asked for.
#[derive(Default)]
pub struct Env {
    /// `None` is a value that is not UTF-8.
    given: BTreeMap<String, Option<String>>,
    flags: BTreeSet<String>,
    /// The flag that ended the command line where its value was to follow.
    bare: Option<String>,
    words: Vec<String>,
    asked: Vec<Setting>,
    complaints: Vec<String>,
    doubt: Option<String>,
    help: bool,
    version: bool,
}

impl Env {
    /// The process's flags over its environment over the file `.env` of the working folder.
    ///
    /// Call it before any thread is started: the file's variables become the process's own, since
    /// the AWS SDK reads its variables itself.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process() -> Self {
        let file = file::load(Path::new(".env"));
        let mut env = Env::new(std::env::vars_os(), std::env::args_os().skip(1));
        match file {
            Ok(doubt) => env.doubt = doubt,
            Err(complaint) => env.complain(complaint),
        }
        env
    }

    /// Settings out of `vars`, then `args`.
    pub fn new<S: Into<OsString>>(
        vars: impl IntoIterator<Item = (S, S)>,
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut env = Env::default();
        for (name, value) in vars {
            // a variable with another name is none of ours
            if let Ok(name) = name.into().into_string() {
                env.given.insert(name, value.into().into_string().ok());
            }
        }
        let mut args = args.into_iter().map(|arg| arg.into().into_string().ok());
        while let Some(arg) = args.next() {
            let Some(arg) = arg else {
                env.complain("an argument is not UTF-8".into());
                continue;
            };
            match arg.as_str() {
                "--help" | "-h" => env.help = true,
                "--version" | "-V" => env.version = true,
                _ => match arg.strip_prefix("--") {
                    Some(flag) => env.flag(flag, &mut args),
                    None => env.words.push(arg),
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
            None => self.bare = Some(name),
        }
    }

    /// The words on the command line that are no flags, such as `health`.
    pub fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// The setting as it was given, or its default.
    pub fn text(&mut self, name: &'static str, default: &str, help: &'static str) -> String {
        // two parts of one program may read the same setting
        if !self.asked.iter().any(|setting| setting.name == name) {
            self.asked.push(Setting { name, default: default.to_owned(), help });
        }
        match self.given.get(name) {
            Some(Some(value)) if !value.is_empty() => value.clone(),
            Some(None) => {
                self.complain(format!("{name}: expected UTF-8"));
                default.to_owned()
            }
            _ => default.to_owned(),
        }
    }

    /// A setting that `parse` understands; `accepts` says what that is.
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
            self.complain(format!("{name}: expected {accepts}"));
            parse(default).expect("every default is valid")
        })
    }

    /// A whole number within `range`.
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

    /// A length of time that is not none, given in seconds; fractions are fine.
    pub fn period(&mut self, name: &'static str, default: &str, help: &'static str) -> Duration {
        let accepts = "a number of seconds, at least 0.01";
        self.parsed(name, default, accepts, help, |value| {
            seconds(value).filter(|period| *period >= Duration::from_millis(10))
        })
    }

    /// A length of time, possibly none, given in seconds; fractions are fine.
    pub fn seconds(&mut self, name: &'static str, default: &str, help: &'static str) -> Duration {
        self.parsed(name, default, "a number of seconds, such as 5 or 0.5", help, seconds)
    }

    /// A URL with one of `schemes`.
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

    /// Says what is wrong with a setting where only its reader can see it.
    pub fn complain(&mut self, complaint: String) {
        self.complaints.push(complaint);
    }

    /// Every setting that was asked for so far, in order.
    pub fn settings(&self) -> &[Setting] {
        &self.asked
    }

    /// Every complaint so far.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }

    /// What is odd about the settings, and no reason to stop.
    pub fn doubt(&self) -> Option<&str> {
        self.doubt.as_deref()
    }

    /// Call it when everything has been read: `Err` when the program shall end here, because help
    /// was asked for (exit code 0) or because a setting is wrong (2, all mistakes told at once).
    /// `words` are the words that the program takes.
    ///
    /// # Errors
    /// The exit code.
    pub fn settle(mut self, program: &str, about: &str, words: &[&str]) -> Result<(), ExitCode> {
        if self.help {
            print!("{}", self.usage(program, about));
            return Err(ExitCode::SUCCESS);
        }
        if self.version {
            println!("{program} {}", env!("CARGO_PKG_VERSION"));
            return Err(ExitCode::SUCCESS);
        }
        let names = || self.asked.iter().map(|setting| setting.name);
        for flag in self.flags.iter().chain(&self.bare) {
            let wrong = match names().any(|name| name == flag) {
                true if self.bare.as_ref() == Some(flag) => "a value is missing".to_owned(),
                true => continue,
                false => match nearest(flag, names()) {
                    Some(near) => format!("no such setting; is --{} meant?", kebab(near)),
                    None => "no such setting".to_owned(),
                },
            };
            self.complaints.push(format!("--{}: {wrong}", shown(&kebab(flag))));
        }
        // those behind it would be told the same
        if let Some(word) = self.words.iter().find(|word| !words.contains(&word.as_str())) {
            let commands = match words {
                [] => "it takes none".to_owned(),
                [only] => format!("there is {only}"),
                several => format!("there are {}", several.join(", ")),
            };
            self.complaints.push(format!(
                "{}: no such command: {commands}; settings look like --log-format=human",
                shown(word)
            ));
        }
        if self.complaints.is_empty() {
            return Ok(());
        }
        // what looks odd may be why
        for complaint in self.complaints.iter().chain(&self.doubt) {
            eprintln!("{program}: {complaint}");
        }
        eprintln!("{program}: try --help");
        Err(ExitCode::from(2))
    }

    fn usage(&self, program: &str, about: &str) -> String {
        let mut out = format!(
            "{about}\n\nUsage: {program} [--SETTING=VALUE]…\n\n\
             Every setting is an environment variable; MAX_SIDE_PX=4096 and --max-side-px=4096 say \
             the same.\n\nSettings:\n"
        );
        for Setting { name, default, help } in &self.asked {
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

/// A setting's name as a flag has it.
fn kebab(name: &str) -> String {
    name.replace('_', "-").to_lowercase()
}

/// The one of `names` that whoever wrote `name` may have meant.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let far = |near: &&str| strsim::osa_distance(name, near);
    names.min_by_key(far).filter(|near| far(near) <= 2)
}

/// A word that may be repeated: what looks like more than a name may hold a secret.
fn shown(word: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if word.chars().all(plain) { word } else { "…" }
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
        assert!(env.complaints().is_empty());
    }

    #[test]
    fn every_mistake_is_told_and_no_value_is_shown() {
        let mut env = env(&[("N", "hunter2"), ("U", "ftp://me:hunter2@host")], &["--t", "hunter2"]);
        env.number("N", 3, 1..=9, "help");
        env.url("U", "memory:", &["memory", "amqp"], "help");
        env.seconds("T", "5", "help");
        assert_eq!(
            env.complaints(),
            [
                "N: expected a whole number from 1 to 9",
                "U: expected a URL that starts with memory: or amqp:",
                "T: expected a number of seconds, such as 5 or 0.5",
            ]
        );
    }

    #[test]
    fn what_the_program_does_not_know_is_refused() {
        let mut env = env(&[], &["--bnid=127.0.0.1:1", "serve"]);
        env.text("BIND", "127.0.0.1:8080", "help");
        assert!(env.settle("planet", "about", &["health"]).is_err());
    }
}
