//! Environment variables of the tests.

use std::io::Write;
use std::process::Command;

/// With this variable, a test whose servers are missing fails; without it, the test is skipped.
/// `scripts/test` sets it.
const SERVERS_REQUIRED: &str = "TEST_SERVERS_REQUIRED";

/// The values of `variables`, which name the servers that a test needs; `None`, with a message on
/// stderr, if one of them is missing. `suite` names the tests in that message.
///
/// # Panics
/// If one of them is missing although `TEST_SERVERS_REQUIRED` is set.
pub fn servers<const N: usize>(suite: &str, variables: [&str; N]) -> Option<[String; N]> {
    let values = variables.map(variable);
    if values.iter().all(Option::is_some) {
        return Some(values.map(Option::unwrap_or_default));
    }
    leave_out(suite, &format!("not all of {variables:?} are set"));
    None
}

/// Whether a program that a test needs is installed; if not, with a message on stderr. `suite` names the
/// tests in that message, and `arguments` let the program do nothing.
///
/// # Panics
/// If it is missing although `TEST_SERVERS_REQUIRED` is set.
pub fn has_program(suite: &str, program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    if output.is_err() {
        leave_out(suite, &format!("{program} is missing"));
    }
    output.is_ok()
}

/// Reports that a test is left out.
///
/// # Panics
/// If it must not be.
fn leave_out(suite: &str, why: &str) {
    let required = variable(SERVERS_REQUIRED);
    assert!(required.is_none(), "{SERVERS_REQUIRED} is set, but {why}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // directly: the test harness only shows the output of failed tests
    let line = format!("left out: {suite}::{test} (scripts/test runs it)\n");
    std::io::stderr().write_all(line.as_bytes()).expect("stderr is open");
}

/// The value of a variable; `None` if it is missing or empty.
#[expect(clippy::disallowed_methods, reason = "the one place of the tests that reads variables")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
