//! Failpoints: named places where a test ends the process, as SIGKILL does.
//!
//! Only programs that are built together with tests have them. Without the feature `failpoints`,
//! [`hit`] is empty.

/// Kills the process here if the variable `FAILPOINT` is `name`.
#[cfg(feature = "failpoints")]
#[expect(
    clippy::disallowed_methods,
    reason = "not a setting: a test sets it for its child process"
)]
pub fn hit(name: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    if std::env::var("FAILPOINT").is_ok_and(|at| at == name) {
        let _killed_by_then = kill_process(getpid(), Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// Does nothing.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &str) {}
