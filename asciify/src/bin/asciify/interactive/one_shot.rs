//! The command that shows the same picture once.

use asciify::{Palette, Spec, is_display_control};
use percent_encoding::percent_decode_str;

/// What a command draws.
pub(crate) enum Subject {
    /// A file, by its path, with other flags that `asciify` needs.
    File { path: Vec<u8>, flags: Vec<String> },
    /// An image of a service, with the flags of curl that send a token.
    Address { address: String, curl_flags: &'static str },
}

impl Subject {
    /// The command line that draws it with the options of `spec`, for a POSIX shell.
    pub(crate) fn command(&self, spec: &Spec, is_animation: bool) -> String {
        match self {
            Self::File { path, flags } => {
                let mut flags = flags.clone();
                if is_animation && spec.frame() == 0 {
                    // without it, an animation is played
                    flags.push("--frame=0".to_owned());
                }
                command(spec, &flags, path)
            }
            Self::Address { address, curl_flags } => {
                // a query may have these as they are
                let query = spec.to_string().replace("%2C", ",").replace("%3A", ":");
                format!("curl {curl_flags}{}", quoted(format!("{address}?{query}").as_bytes()))
            }
        }
    }
}

/// The command line of `asciify` that draws a file with the options of `spec` and with other `flags`.
fn command(spec: &Spec, flags: &[String], path: &[u8]) -> String {
    let spec_text = spec.to_string();
    let mut options: Vec<(&str, String)> = spec_text
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name, percent_decode_str(value).decode_utf8_lossy().into_owned()))
        .collect();
    // what depends on the terminal if it is not given
    if spec.color() == Palette::None {
        options.push(("color", Palette::None.to_string()));
    }
    let options = options.iter().map(|(name, value)| format!("--{name}={value}"));
    let words = options.chain(flags.iter().cloned()).map(|word| quoted(word.as_bytes()));
    // a name that begins with a dash is no flag behind this
    let separator = path.starts_with(b"-").then(|| "--".to_owned());
    let words = words.chain(separator).chain([quoted(path)]);
    words.fold("asciify".to_owned(), |command, word| command + " " + &word)
}

/// A word for a POSIX shell, as it is typed (POSIX.1-2024, Shell Command Language, 2.2). Characters that
/// would control the terminal, and bytes that are not UTF-8, are octal numbers in `$'…'`.
fn quoted(word: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"%+,-./:=@_".contains(byte);
    match str::from_utf8(word) {
        Ok(text) if !word.is_empty() && word.iter().all(is_plain) => text.to_owned(),
        Ok(text) if !text.contains(is_display_control) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let escaped = word.utf8_chunks().map(|chunk| {
                let valid = chunk.valid().chars().map(|c| match c {
                    '\'' | '\\' => format!("\\{c}"),
                    c if is_display_control(c) => octal(c.to_string().as_bytes()),
                    c => c.to_string(),
                });
                valid.collect::<String>() + &octal(chunk.invalid())
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

fn octal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:03o}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn of(spec: &str, what: &[u8]) -> String {
        command(&spec.parse().expect("a spec"), &[], what)
    }

    #[test]
    fn it_names_all_options() {
        assert_eq!(of("", b"a.tif"), "asciify --width=80 --color=none a.tif");
        let spec = "width=9&height=4&color=256&bands=4,3,2&stretch=2%25:98%25&region=1,2,3,4";
        let options =
            "--width=9 --height=4 --color=256 --bands=4,3,2 --stretch=2%:98% --region=1,2,3,4";
        assert_eq!(of(spec, b"a.tif"), format!("asciify {options} a.tif"));
        assert_eq!(of("color=full", b"-a"), "asciify --width=80 --color=full -- -a");
        let flags = ["--max-pixels=5".to_owned()];
        let spec: Spec = "color=16".parse().expect("a spec");
        let command = command(&spec, &flags, b"a");
        assert_eq!(command, "asciify --width=80 --color=16 --max-pixels=5 a");
    }

    #[test]
    fn an_image_of_a_service_is_drawn_by_curl() {
        let address = "http://localhost:8080/images/01a2".to_owned();
        let subject = Subject::Address { address, curl_flags: "-n " };
        let spec: Spec = "color=256&expression=b1%2Bb2".parse().expect("a spec");
        let url = "http://localhost:8080/images/01a2?width=80&color=256&expression=b1%2Bb2";
        assert_eq!(subject.command(&spec, true), format!("curl -n '{url}'"));
    }

    #[test]
    #[cfg(unix)]
    fn a_shell_reads_every_word_as_it_was() {
        use std::os::unix::ffi::OsStrExt;

        for word in [
            &b"plain-1.tif"[..],
            b"",
            b"two words",
            b"it's",
            b"$HOME `id` \"x\" \\ * ? ~ ; & |",
            "Jüpiter 木星".as_bytes(),
            b"\x1b]0;title\x07",
            b"a\nb\t\\'c",
            b"caf\xe9 \xff1",
            "\u{202e}gnp.exe".as_bytes(),
        ] {
            let word = std::ffi::OsStr::from_bytes(word);
            let quoted = quoted(word.as_bytes());
            assert!(!quoted.contains(is_display_control), "{quoted:?}");
            let script = format!("printf %s {quoted}");
            let output = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
            assert_eq!(output.stdout, word.as_bytes(), "{quoted}");
        }
    }
}
