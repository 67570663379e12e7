//! `--interactive` of an address: the image of a service, which the test plays.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use percent_encoding::percent_decode_str;
use testkit::pictures::text;

use crate::tmux::{PLAIN, Terminal, drawn, picture};

/// A response: status, media type and body; `None` for one that never comes.
type Answer = Option<(u16, &'static str, String)>;

/// A request: its path and query, and the value of `Authorization`.
type Answers = dyn Fn(&str, &str) -> Answer + Send + Sync;

const PROBLEM: &str = "application/problem+json";
const ID: &str = "01a20f99-48b9-701c-bde0-968a90457218";

/// Starts a service. Returns its address.
fn serve(answers: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let answers: Arc<Answers> = Arc::new(answers);
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answers = answers.clone();
            thread::spawn(move || answer(&connection, &*answers));
        }
    });
    address
}

/// Answers one request.
fn answer(mut connection: &TcpStream, answers: &Answers) -> Option<()> {
    let mut lines = BufReader::new(connection).lines().map_while(Result::ok);
    let first = lines.next()?;
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let authorization = head.iter().filter_map(|line| line.split_once(": "));
    let authorization = authorization
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value)
        .next()
        .unwrap_or_default();
    let path = first.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
    let path = path.replace("%2C", ",");
    let Some((status, media_type, body)) = answers(&path, authorization) else {
        // until the client leaves
        lines.next();
        return None;
    };
    let location = if status == 308 { "location: https://elsewhere.example\r\n" } else { "" };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} -\r\ncontent-type: {media_type}\r\n{location}");
    write!(connection, "{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}").ok()
}

fn metadata() -> String {
    format!(
        r#"{{"id":"{ID}","name":"moon.png","media_type":"image/png","format":"PNG","bytes":9,
        "width":640,"height":368,"frames":1,"bands":3,"bit_depth":8,"band_names":null,"geo":null,
        "orientation":1,"sha256":"","created_at":"","status":"ready","links":{{}}}}"#
    )
}

/// What a service responds that has the picture.
fn of_picture(file: &[u8], path: &str) -> Answer {
    let path = path.strip_prefix(&format!("/images/{ID}")).expect("the path of the image");
    Some(match path.split_once('?').unwrap_or((path, "")) {
        ("/metadata", "") => (200, "application/json", metadata()),
        ("", query) => {
            let spec = query.strip_suffix("&format=ansi").expect("text for a terminal");
            (200, "text/plain; charset=utf-8", text(file, spec))
        }
        (pixel, query) => {
            let place = pixel.strip_prefix("/pixel/").expect("a pixel");
            let [x, y] = [0, 1].map(|at| place.split(',').nth(at).expect("two numbers"));
            let name = percent_decode_str(query).decode_utf8_lossy();
            let name = name.strip_prefix("expression=").unwrap_or("b1");
            let body = format!(
                r#"{{"coordinates":[{x},{y}],"values":[{x},{y},null],
                "band_names":["b1","b2","b3"],"band_descriptions":["{name}","b2","b3"]}}"#
            );
            (200, "application/json", body)
        }
    })
}

#[test]
fn an_image_of_a_service_is_looked_at() {
    let file = picture();
    let Some(terminal) = Terminal::start(&[]) else { return };
    let served = file.clone();
    let service = serve(move |path, authorization| match authorization {
        "Bearer secret" => of_picture(&served, path),
        _ => Some((401, PROBLEM, r#"{"detail":"sign in"}"#.to_owned())),
    });
    let address = format!("{service}/images/{ID}");
    terminal.type_in(&format!("HOME=/nowhere asciify -i {address}"));
    let printed = terminal.printed();
    assert!(
        printed.ends_with(
            ": it needs a token: put one that may read into PLANET_TOKEN, or into ~/.netrc"
        ),
        "{printed}"
    );
    // a password of this host
    let netrc = "machine 127.0.0.1 login me password secret";
    std::fs::write(terminal.folder.path().join(".netrc"), netrc).expect("a file");
    terminal.type_in("export HOME=$PWD");
    terminal.clear();
    terminal.type_in(&format!("asciify -i {PLAIN} {address}?width=7"));
    let status = terminal.wait_for(&drawn(&file, ""));
    assert!(status.contains("moon.png"), "{status}");
    terminal.keys(&["+"]);
    terminal.wait_for(&drawn(&file, "&region=160,92,320,184"));
    // the values under the pointer
    terminal.pointer(35, (1, 1));
    let values = "162,96  b1 162  b2 96  b3 no data";
    terminal.wait(values, |shown| shown.last()?.starts_with(values).then_some(()));
    terminal.keys(&["e"]);
    terminal.tmux(&["send-keys", "-l", "b1+b2"]);
    terminal.keys(&["Enter"]);
    let values = "162,96  b1+b2 162";
    terminal.wait(values, |shown| shown.last()?.starts_with(values).then_some(()));
    terminal.keys(&["b", "q"]);
    let command = terminal.printed();
    let url = format!("{address}?width=80&height=23&region=160,92,320,184");
    assert_eq!(command, format!("curl -n '{url}'"));
    terminal.assert_restored(0);
}

#[test]
fn keys_do_not_wait_for_a_service_and_what_it_refuses_is_said() {
    let file = picture();
    let Some(terminal) = Terminal::start(&[]) else { return };
    let served = file.clone();
    let service = serve(move |path, _| match path {
        // it never answers for this part, and cannot draw that one
        slow if slow.contains("region=160,92,320,184") => None,
        busy if busy.contains("region=240,138,160,92") => {
            let detail = r#"{"detail":"too many renders at the moment"}"#;
            Some((503, PROBLEM, detail.to_owned()))
        }
        path => of_picture(&served, path),
    });
    terminal.type_in(&format!("asciify -i {PLAIN} {service}/images/{ID}"));
    terminal.wait_for(&drawn(&file, ""));
    let says = |words: &str| {
        terminal.wait(words, |shown| shown.last()?.starts_with(words).then_some(()));
    };
    terminal.keys(&["+"]);
    says("drawing…");
    terminal.keys(&["+"]);
    says("error: too many renders at the moment");
    terminal.keys(&["-"]);
    says("drawing…");
    terminal.keys(&["0"]);
    terminal.wait_for(&drawn(&file, ""));
    terminal.keys(&["+"]);
    says("drawing…");
    terminal.keys(&["q"]);
    terminal.assert_restored(0);
}

#[test]
fn an_address_that_is_none_of_an_image_is_refused_with_words() {
    let Some(terminal) = Terminal::start(&[]) else { return };
    let service = serve(|path, _| {
        Some(match path.split('/').nth(2) {
            Some("other") => (200, "text/html", "<html>".to_owned()),
            Some("missing") => (404, "text/html", String::new()),
            Some("moved") => (308, "text/html", String::new()),
            _ => (404, PROBLEM, r#"{"detail":"no such image"}"#.to_owned()),
        })
    });
    let closed = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
    let closed = format!("http://{}/images/{ID}", closed.expect("a port"));
    let of = |id: &str| format!("{service}/images/{id}");
    let ours = "this is no image of a Planet Image API: ";
    for (address, message) in [
        (of(ID), "no such image; a private image needs a token".to_owned()),
        (of("other"), format!("{ours}its response is of another form")),
        (of("missing"), format!("{ours}it responds with 404 Not Found")),
        (of("moved"), "it is at https://elsewhere.example: give that address".to_owned()),
        (service.clone(), "expected the address of an image, such as".to_owned()),
        (closed, "it cannot be reached: Connection refused".to_owned()),
    ] {
        terminal.clear();
        terminal.type_in(&format!("HOME=/nowhere asciify -i {address}"));
        let wanted = format!("asciify: {address}: {message}");
        terminal.wait(&wanted, |_| terminal.printed().starts_with(&wanted).then_some(()));
    }
}
