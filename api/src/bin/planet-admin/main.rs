//! `planet-admin`: the operator's program: migrates the database, checks and moves an installation,
//! lists and retries dead jobs, and administers users.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use asciify::{Limits, escape_controls};
use common::{
    account::{audit, principal::Principal, scopes::Scopes, settings::Settings},
    catalog::{self, Catalog},
    env::{Command, Env},
    fault::{Doing, Fault},
    file_name::clean_name,
    job::JobId,
    periods::Periods,
    pipeline::{
        AdoptError, Adoption, AuditEvent, AuditOptions, AuditReport, Decoding, Submitted,
        TransferEvent, TransferRoute, adopt_object, audit, describe_dead_job, pluralize, transfer,
        transfer_concurrency,
    },
    program::{decode_if_asked, retry_for, run, startup_wait, stop_signal},
    store::{self, Store},
    telemetry,
};

use installation::Installation;
use users::{UserVerb, adopt, change_user, create_token, list_users};

mod installation;
mod users;

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
    Command {
        name: "user",
        args: "VERB [USER]",
        help: "list; or block, unblock or delete a user, who is named by id or e-mail address",
    },
    Command {
        name: "token",
        args: "create USER NAME SCOPES [DAYS]",
        help: "Make a token, such as for CI, and print it; SCOPES such as read,upload; 90 days by \
               default",
    },
    Command {
        name: "adopt",
        args: "USER [public]",
        help: "Give the images without owner to a user, and make them public if so asked",
    },
    Command {
        name: "adopt-object",
        args: "KEY [NAME]",
        help: "Make an image of an object that is in the bucket already, or of a file, whose path may \
               be relative to the store's folder. It is copied, and stays where it is",
    },
    Command {
        name: "move",
        args: "[release]",
        help: "Copy an installation that runs to another store, and to another database: \
               --to-store=s3://BUCKET --to-database=postgres://… Then start the service there: this \
               one refuses changes from then on, until move release. Can be repeated",
    },
];

const USER_USAGE: &str = "user: expected list; or block, unblock or delete, and a user";
const ADOPT_OBJECT_USAGE: &str = "adopt-object: expected the name of an object in the bucket, or \
    the path of a file, and a name for the image if it is to have another one";
const TOKEN_USAGE: &str =
    "token: expected create, a user, a name, scopes such as read,upload, and days";
/// How many days a token is valid.
const TOKEN_DAYS: u64 = 90;

/// Dead jobs that are listed, or retried by one statement.
const MAX_DEAD: u64 = 1_000;
/// How often a check tells how far it has come.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);
/// The exit code of a check that was interrupted: that of SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;
enum Task {
    Migrate,
    Check,
    ListDead,
    Retry(Option<JobId>),
    Users,
    ChangeUser(String, UserVerb),
    CreateToken { user: String, name: String, scopes: Scopes, days: u64 },
    Adopt { user: String, public: bool },
    AdoptObject { object: String, name: Option<String> },
    Move,
    Release,
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
            ["user", "list"] => Task::Users,
            ["user", verb, user] => Task::ChangeUser(
                (*user).to_owned(),
                match *verb {
                    "block" => UserVerb::Block,
                    "unblock" => UserVerb::Unblock,
                    "delete" => UserVerb::Delete,
                    _ => return Err(USER_USAGE.to_owned()),
                },
            ),
            ["user", ..] => return Err(USER_USAGE.to_owned()),
            ["token", "create", user, name, scopes, rest @ ..] => Task::CreateToken {
                user: (*user).to_owned(),
                name: (*name).to_owned(),
                scopes: scopes.parse::<Scopes>().map_err(|err| format!("token create: {err}"))?,
                days: match rest {
                    [] => TOKEN_DAYS,
                    [days] => days
                        .parse::<u64>()
                        .ok()
                        .filter(|days| (1..=3_650).contains(days))
                        .ok_or("token create: expected 1 to 3650 days at the end")?,
                    _ => return Err(TOKEN_USAGE.to_owned()),
                },
            },
            ["token", ..] => return Err(TOKEN_USAGE.to_owned()),
            ["adopt", user] => Task::Adopt { user: (*user).to_owned(), public: false },
            ["adopt", user, "public"] => Task::Adopt { user: (*user).to_owned(), public: true },
            ["adopt", ..] => return Err("adopt: expected a user, and public if so wanted".into()),
            ["adopt-object", object, rest @ ..] if !object.is_empty() && rest.len() < 2 => {
                let name = rest.first().or(object.rsplit('/').next().as_ref()).copied();
                let name = name.and_then(|name| clean_name(name.to_owned()));
                Task::AdoptObject { object: (*object).to_owned(), name }
            }
            ["adopt-object", ..] => return Err(ADOPT_OBJECT_USAGE.to_owned()),
            ["move"] => Task::Move,
            ["move", "release"] => Task::Release,
            ["move", ..] => return Err("move: expected nothing more, or release".into()),
            _ => return Ok(None),
        }))
    }
}

fn main() -> ExitCode {
    decode_if_asked();
    let mut env = Env::from_process();
    let log = telemetry::Config::read(&mut env, "planet-admin");
    let catalog = catalog::Config::read(&mut env);
    let store = store::Config::read(&mut env);
    let options = AuditOptions::read(&mut env);
    let accounts = Settings::read(&mut env);
    let (decoding, periods) = (Decoding::read(&mut env), Periods::read(&mut env));
    let concurrency = transfer_concurrency(&mut env);
    let target = (catalog::Config::read_target(&mut env), store::Config::read_target(&mut env));
    let wait = startup_wait(&mut env);
    let task = Task::parse(&env.args()).unwrap_or_else(|error| {
        env.reject(error);
        None
    });
    if matches!(task, Some(Task::Move)) && target.1.is_none() {
        env.reject("move: --to-store is missing".into());
    }
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
        Task::Users => run(list_users(installation)),
        Task::ChangeUser(user, verb) => run(change_user(installation, user, verb)),
        Task::CreateToken { user, name, scopes, days } => {
            let life = Duration::from_secs(days * 86_400);
            run(create_token(installation, user, name, scopes, life, accounts.max_tokens))
        }
        Task::Adopt { user, public } => run(adopt(installation, user, public)),
        Task::AdoptObject { object, name } => {
            run(adopt_one(installation, decoding.limits, periods, object, name))
        }
        Task::Move => run(move_to(installation, target, concurrency)),
        Task::Release => run(async move { installation.catalog().await?.unfreeze().await }),
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

/// Makes an image of an object.
async fn adopt_one(
    installation: Installation,
    limits: Limits,
    periods: Periods,
    object: String,
    name: Option<String>,
) -> Result<(), Fault> {
    let (catalog, store) = (installation.catalog().await?, installation.store().await?);
    let (limits, periods, object) = (&limits, &periods, object.as_str());
    let adoption = Adoption { catalog: &catalog, store: &store, limits, periods, object, name };
    let Submitted { image, created } = match adopt_object(adoption).await {
        Ok(submitted) => submitted,
        Err(AdoptError::Fault(fault)) => return Err(fault),
        Err(refusal) => return Err(Fault::new("adopt an object", refusal)),
    };
    audit::audit("object adopted", &Principal::Open, &image.id);
    match created {
        true => print_line(&format!("{object} is image {} now", image.id)),
        false => print_line(&format!("{object} is image {} already", image.id)),
    }
    Ok(())
}

/// Moves until SIGINT or SIGTERM; the same command goes on.
async fn move_to(
    installation: Installation,
    (to_catalog, to_store): (Option<catalog::Config>, Option<store::Config>),
    concurrency: usize,
) -> Result<ExitCode, Fault> {
    let (from, from_store) = (installation.catalog().await?, installation.store().await?);
    let source = installation.catalog.location();
    let to_store = to_store.ok_or_else(|| Fault::new("move", "there is no new store"))?;
    let is_same = to_store.location() == installation.store.location()
        || to_catalog.as_ref().is_some_and(|to| to.location() == source);
    if is_same {
        return Err(Fault::new("move", "the new place is the old one"));
    }
    let to = match &to_catalog {
        Some(config) => {
            let catalog = Catalog::open(config).await?;
            migration::up(catalog.connection()).await.doing("migrate the new database")?;
            Some(catalog)
        }
        None => None,
    };
    let to_store = Store::open(&to_store).await?;
    let stop = stop_signal()?;
    let mut told = Instant::now();
    let mut observer = |event: TransferEvent<'_>| match event {
        TransferEvent::Progress(report) if told.elapsed() >= PROGRESS_INTERVAL => {
            told = Instant::now();
            eprintln!("{report} so far");
        }
        TransferEvent::Progress(_) => {}
        TransferEvent::Frozen => eprintln!("changes are refused from now on"),
    };
    let (to, to_store) = (to.as_ref(), &to_store);
    let route = TransferRoute { from: &from, from_store: &from_store, to, to_store, concurrency };
    let report = transfer(route, &source, &stop, &mut observer).await?;
    report.problems.iter().for_each(|line| print_line(line));
    println!("{report}");
    if report.stopped {
        eprintln!("stopped: the same command goes on");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    if !report.problems.is_empty() {
        eprintln!("not moved: delete these images or repair the store, and try again");
        return Ok(ExitCode::FAILURE);
    }
    println!("moved: start the service with the new settings, and stop this one");
    Ok(ExitCode::SUCCESS)
}

/// Prints a line that may quote a file, with its control characters escaped.
fn print_line(line: &str) {
    println!("{}", escape_controls(line));
}
