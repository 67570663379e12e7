//! Metrics of this process, under the names that Prometheus client libraries use, from Linux's
//! `/proc`. Elsewhere there are none.

use std::fs;

/// Ticks per second of the times in `/proc` (`USER_HZ`), which is 100 in Linux's ABI.
const TICKS_PER_S: f64 = 100.0;

/// Sets the `HELP` text of each.
pub(crate) fn describe() {
    use metrics::{describe_counter, describe_gauge};
    describe_counter!("process_cpu_seconds_total", "CPU time, user and system, in whole seconds");
    describe_gauge!("process_resident_memory_bytes", "Resident memory");
    describe_gauge!("process_threads", "Threads");
    describe_gauge!("process_open_fds", "Open file descriptors");
    describe_gauge!("process_max_fds", "Most file descriptors that may be open");
}

/// Sets them.
pub fn measure() {
    // the name of the program, in parentheses, may contain anything
    let stat = read("stat");
    let fields: Vec<&str> = match stat.rsplit_once(')') {
        Some((_, fields)) => fields.split_whitespace().collect(),
        None => return,
    };
    // proc_pid_stat(5) counts from 1, and the first of these is its third
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
    if let (Some(user), Some(system), Some(threads)) = (field(14), field(15), field(20)) {
        let seconds = (user + system) / TICKS_PER_S;
        metrics::counter!("process_cpu_seconds_total").absolute(seconds as u64);
        metrics::gauge!("process_threads").set(threads);
    }
    if let Some(kib) = number_after(&read("status"), "VmRSS:") {
        metrics::gauge!("process_resident_memory_bytes").set(kib * 1024.0);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // without the one that reads this folder
        metrics::gauge!("process_open_fds").set(open.count().saturating_sub(1) as f64);
    }
    if let Some(max) = number_after(&read("limits"), "Max open files") {
        metrics::gauge!("process_max_fds").set(max);
    }
}

fn read(file: &str) -> String {
    fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default()
}

/// The first number in the line that begins with `label`.
fn number_after(text: &str, label: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(label))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_found_in_proc() {
        assert!(number_after(&read("status"), "VmRSS:") > Some(1000.0), "KiB of memory");
        assert!(number_after(&read("limits"), "Max open files") > Some(10.0), "files");
        assert_eq!(number_after("Max open files   unlimited  unlimited", "Max open files"), None);
    }
}
