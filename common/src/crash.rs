//! Crash points: places where tests have a process die, as by SIGKILL.
//!
//! Only programs that are built together with tests have them. With the feature `crash-points` off,
//! nothing of them is left.

/// Ends the process here if it was told so: `CRASH_AT` names the point.
#[cfg(feature = "crash-points")]
#[expect(clippy::disallowed_methods, reason = "no setting: the process of a test tells its child")]
pub fn point(name: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    if std::env::var("CRASH_AT").is_ok_and(|at| at == name) {
        let _dead_by_then = kill_process(getpid(), Signal::KILL);
        loop {
            std::thread::park();
        }
    }
}

/// Nothing happens here.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub fn point(_name: &str) {}
