//! Limits that a decoding process sets for itself.

use rustix::io;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::order::Order;

/// Address space for code, which no memory limit counts, in bytes.
const CODE_BYTES: u64 = 1 << 30;

/// Limits the memory and the CPU time of this process as `order` says. It can open no files, write
/// none, start no process, and leaves no core dump.
///
/// # Errors
/// The system refuses a limit.
pub(crate) fn limit_this_process(order: &Order) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    limit(Resource::Data, order.memory_bytes)?;
    // for systems where the limit of data does not count mappings
    limit(Resource::As, order.memory_bytes.saturating_add(CODE_BYTES))?;
    // a second later, the system kills a process that ignores the signal
    limit_to(Resource::Cpu, order.cpu_s, order.cpu_s.saturating_add(1))?;
    for resource in [Resource::Core, Resource::Fsize, Resource::Nofile, Resource::Nproc] {
        limit(resource, 0)?;
    }
    Ok(())
}

fn limit(resource: Resource, to: u64) -> io::Result<()> {
    limit_to(resource, to, to)
}

/// Lowers a limit. One that is lower already stays.
fn limit_to(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let at_most = |is: Option<u64>, to: u64| Some(is.map_or(to, |is| is.min(to)));
    let Rlimit { current, maximum } = getrlimit(resource);
    setrlimit(resource, Rlimit { current: at_most(current, soft), maximum: at_most(maximum, hard) })
}
