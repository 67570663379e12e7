//! Our programs as child processes, killed on drop. A failed test prints their logs.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
};

use testkit::wait::{INTERVAL, eventually, soon};
use tokio::time::sleep;

/// Lines of a log that a failed test prints.
const TAIL: usize = 40;

/// A running or ended program.
pub(crate) struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts `program` in `folder` with `settings` and nothing else in its environment.
    pub(crate) fn start(program: &Path, folder: &Path, settings: &[(&str, String)]) -> Self {
        Process::start_with(program, &[], folder, settings)
    }

    /// The same with arguments.
    pub(crate) fn start_with(
        program: &Path,
        args: &[&str],
        folder: &Path,
        settings: &[(&str, String)],
    ) -> Self {
        static COUNT: AtomicU16 = AtomicU16::new(1);
        assert!(
            program.is_file(),
            "{} is missing: cargo build --workspace --bins",
            program.display()
        );
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{count}", program.file_stem().unwrap().display());
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).unwrap();
        let child = Command::new(program)
            .args(args)
            .env_clear()
            .env("HOME", folder)
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Process { name, log, child }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// A line of its `/proc/PID/status` in MiB: `VmRSS`, or `VmHWM`, the peak.
    pub(crate) fn memory_mib(&self, line: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let value = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
        let kib: u64 = value.trim_matches([':', ' ', '\t', 'k', 'B']).trim().parse().unwrap();
        kib / 1024
    }

    /// Sends a signal, such as `TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    /// Sends SIGKILL, and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        assert_eq!(status.signal(), Some(9), "{} had ended by itself: {status}", self.name);
    }

    /// Waits for the end of the process.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        soon(&what, async {
            loop {
                match self.child.try_wait().unwrap() {
                    Some(status) => return status,
                    None => sleep(INTERVAL).await,
                }
            }
        })
        .await
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// The listening address in its log.
    pub(crate) async fn address(&self) -> String {
        eventually(&format!("the address of {}", self.name), async || {
            let log = self.log();
            let address = log.split("listening on ").nth(1)?;
            let end = address.find(['"', '\n'])?;
            Some(address[..end].to_owned())
        })
        .await
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let status = self.child.try_wait();
        let _gone_already = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n");
            eprintln!("---- {} (pid {}, {status:?})\n{tail}", self.name, self.child.id());
        }
    }
}

/// A free port of this machine, below the range of outgoing connections: none of them can take it
/// while the program is not running.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % 9_000) as u16;
    let mut ports =
        std::iter::repeat_with(|| 10_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000);
    let free =
        ports.by_ref().take(10_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.expect("a free port")
}
