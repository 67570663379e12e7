//! Environment variables of the tests.

use std::io::Write;

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
    let required = variable(SERVERS_REQUIRED);
    assert!(required.is_none(), "{SERVERS_REQUIRED} is set, but not all of {variables:?}");
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // directly: the test harness only shows the output of failed tests
    let line = format!("left out: {suite}::{test} (scripts/test runs it)\n");
    std::io::stderr().write_all(line.as_bytes()).expect("stderr is open");
    None
}

/// The value of a variable; `None` if it is missing or empty.
#[expect(clippy::disallowed_methods, reason = "the one place of the tests that reads variables")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
