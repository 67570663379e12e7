//! `planet-admin`: the operator's program: migrates the database, checks an installation, lists and
//! retries dead jobs.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use asciify::escape_controls;
use common::{
    catalog::{self, Catalog},
    env::{Command, Env},
    fault::{Doing, Fault},
    job::JobId,
    pipeline::{AuditEvent, AuditOptions, AuditReport, audit, describe_dead_job, pluralize},
    program::{retry_for, run, startup_wait, stop_signal},
    store::{self, Store},
    telemetry,
};
use migration::SchemaStatus;

const NAME: &str = "planet-admin";

const ABOUT: &str = "\
Administers an installation of Planet Image API. Every command may run while the service does.";

const COMMANDS: &[Command] = &[
    Command {
        name: "migrate",
        args: "",
        help: "Bring the database schema up to date; several may run at the same time",
    },
    Command {
        name: "check",
        args: "",
        help: "Compare every image and render with the store, and report problems and dead jobs; \
               exit code 1 if there are any. --sample=100 looks at one image in 100, \
               --concurrency=32 at 32 at the same time, --after=ID begins after an image",
    },
    Command { name: "dead", args: "", help: "List dead jobs, with their reasons" },
    Command { name: "retry", args: "JOB", help: "Retry a dead job; JOB is its id, or all" },
];

/// Dead jobs that are listed, or retried by one statement.
const MAX_DEAD: u64 = 1_000;
/// How often a check tells how far it has come.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// The exit code of a check that was interrupted: that of SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;

#[derive(Clone, Copy)]
enum Task {
    Migrate,
    Check,
    ListDead,
    Retry(Option<JobId>),
}

impl Task {
    /// `None` without one of [`COMMANDS`].
    ///
    /// # Errors
    /// What the command expects instead of its arguments.
    fn parse(args: &[&str]) -> Result<Option<Self>, String> {
        Ok(Some(match args {
            ["migrate", ..] => Task::Migrate,
            ["check", ..] => Task::Check,
            ["dead", ..] => Task::ListDead,
            ["retry", "all"] => Task::Retry(None),
            ["retry", rest @ ..] => {
                let id = if let [id] = rest { id.parse().ok() } else { None };
                let expected = || {
                    format!("retry: expected the id of a job, as {NAME} dead lists them, or all")
                };
                Task::Retry(Some(JobId(id.ok_or_else(expected)?)))
            }
            _ => return Ok(None),
        }))
    }
}

fn main() -> ExitCode {
    let mut env = Env::from_process();
    let log = telemetry::Config::read(&mut env);
    let catalog = catalog::Config::read(&mut env);
    let store = store::Config::read(&mut env);
    let options = AuditOptions::read(&mut env);
    let wait = startup_wait(&mut env);
    let task = Task::parse(&env.args()).unwrap_or_else(|error| {
        env.reject(error);
        None
    });
    let usage = env.usage(NAME, ABOUT, COMMANDS);
    if let Err(code) = env.settle(NAME, ABOUT, COMMANDS) {
        return code;
    }
    let Some(task) = task else {
        eprint!("{usage}");
        return ExitCode::from(2);
    };
    telemetry::install_logging(log);
    let installation = Installation { catalog, store, wait };
    match task {
        Task::Migrate => run(migrate(installation)),
        Task::Check => run(check(installation, options)),
        Task::ListDead => run(list_dead(installation)),
        Task::Retry(job) => run(retry(installation, job)),
    }
}

/// Where the installation is.
struct Installation {
    catalog: catalog::Config,
    store: store::Config,
    wait: Duration,
}

impl Installation {
    /// The existing catalog, with the current schema. Creates nothing.
    async fn catalog(&self) -> Result<Catalog, Fault> {
        let missing = || {
            let location = self.catalog.location();
            let why = format!("there is none at {location}; DATABASE_URL names another place");
            Fault::new("find the data", why)
        };
        let found = retry_for(self.wait, async || Catalog::find(&self.catalog).await).await?;
        let catalog = found.ok_or_else(missing)?;
        match migration::schema_status(catalog.connection()).await.doing("read the schema")? {
            SchemaStatus::Missing => Err(missing()),
            SchemaStatus::Outdated => {
                let why = "the database has an older schema: planet-admin migrate updates it";
                Err(Fault::new("read the data", why))
            }
            SchemaStatus::Current => Ok(catalog),
        }
    }

    /// The existing store. Creates nothing.
    async fn store(&self) -> Result<Store, Fault> {
        let found = retry_for(self.wait, async || Store::find(&self.store).await).await?;
        found.ok_or_else(|| {
            let location = self.store.location();
            let why = format!("there is none at {location}; STORE_URL names another place");
            Fault::new("find the originals and renders", why)
        })
    }
}

async fn migrate(installation: Installation) -> Result<(), Fault> {
    let Installation { catalog, wait, .. } = installation;
    let catalog = retry_for(wait, async || Catalog::open(&catalog).await).await?;
    migration::up(catalog.connection()).await.doing("migrate the database")?;
    tracing::info!("the database is up to date");
    Ok(())
}

/// Checks until SIGINT or SIGTERM. A check that ends early tells with which setting to go on.
async fn check(installation: Installation, options: AuditOptions) -> Result<ExitCode, Fault> {
    let (catalog, store) = (installation.catalog().await?, installation.store().await?);
    let stop = stop_signal()?;
    let (mut last, mut told) = (None, Instant::now());
    let mut observer = |event: AuditEvent<'_>| match event {
        AuditEvent::Problem(line) => print_line(&line),
        AuditEvent::Checked(id, report) => {
            last = Some(id);
            if told.elapsed() >= PROGRESS_INTERVAL {
                told = Instant::now();
                eprintln!("{report} so far, down to image {id}");
            }
        }
    };
    let checked = audit(&catalog, &store, &options, &stop, &mut observer).await;
    let ended_early = checked.as_ref().map_or(true, |report| report.stopped);
    if let Some(id) = last.filter(|_| ended_early) {
        eprintln!("to go on: {NAME} check --after={id}");
    }
    let report = checked?;
    println!("{report}");
    Ok(match report {
        AuditReport { stopped: true, .. } => ExitCode::from(INTERRUPTED),
        AuditReport { problems: 0, .. } => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

async fn list_dead(installation: Installation) -> Result<(), Fault> {
    let dead = installation.catalog().await?.dead(MAX_DEAD).await?;
    dead.iter().for_each(|job| print_line(&describe_dead_job(job)));
    if dead.is_empty() {
        // on stderr, so that stdout has one line per job
        eprintln!("there are no dead jobs");
    }
    Ok(())
}

async fn retry(installation: Installation, job: Option<JobId>) -> Result<(), Fault> {
    let catalog = installation.catalog().await?;
    let mut retried = 0;
    loop {
        let some = catalog.retry_dead(job, MAX_DEAD).await?;
        retried += some;
        if some < MAX_DEAD {
            break;
        }
    }
    println!("{} will be tried again", pluralize(retried, "job"));
    match (job, retried) {
        (Some(_), 0) => Err(Fault::new("retry a job", "no dead job has that id")),
        _ => Ok(()),
    }
}

/// Prints a line that may quote a file, with its control characters escaped.
fn print_line(line: &str) {
    println!("{}", escape_controls(line));
}
