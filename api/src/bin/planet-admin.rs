//! `planet-admin`: the operator's program: migrates the database, checks and moves an installation,
//! lists and retries dead jobs, and administers users.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use asciify::escape_controls;
use common::{
    account::{
        audit,
        principal::Principal,
        scopes::{Scope, Scopes},
        secret::{hash, new_token, token_tail},
        settings::Settings,
        token::{MAX_TOKEN_NAME, token_name},
        user::{Role, User, UserState},
    },
    catalog::{self, Catalog, NewToken, UserChange},
    env::{Command, Env},
    fault::{Doing, Fault},
    job::JobId,
    pipeline::{
        AuditEvent, AuditOptions, AuditReport, TransferEvent, TransferRoute, audit,
        describe_dead_job, pluralize, transfer, transfer_concurrency,
    },
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
        name: "move",
        args: "[release]",
        help: "Copy an installation that runs to another store, and to another database: \
               --to-store=s3://BUCKET --to-database=postgres://… Then start the service there: this \
               one refuses changes from then on, until move release. Can be repeated",
    },
];

const USER_USAGE: &str = "user: expected list; or block, unblock or delete, and a user";
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
/// Users that one query reads.
const USERS: u64 = 500;

enum Task {
    Migrate,
    Check,
    ListDead,
    Retry(Option<JobId>),
    Users,
    ChangeUser(String, UserVerb),
    CreateToken { user: String, name: String, scopes: Scopes, days: u64 },
    Adopt { user: String, public: bool },
    Move,
    Release,
}

#[derive(Clone, Copy)]
enum UserVerb {
    Block,
    Unblock,
    Delete,
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
            ["move"] => Task::Move,
            ["move", "release"] => Task::Release,
            ["move", ..] => return Err("move: expected nothing more, or release".into()),
            _ => return Ok(None),
        }))
    }
}

fn main() -> ExitCode {
    let mut env = Env::from_process();
    let log = telemetry::Config::read(&mut env, "planet-admin");
    let catalog = catalog::Config::read(&mut env);
    let store = store::Config::read(&mut env);
    let options = AuditOptions::read(&mut env);
    let accounts = Settings::read(&mut env);
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
        Task::Move => run(move_to(installation, target, concurrency)),
        Task::Release => run(async move { installation.catalog().await?.unfreeze().await }),
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

/// The user with that id, or the only one with that e-mail address.
async fn find_user(catalog: &Catalog, name: &str) -> Result<User, Fault> {
    let doing = "find the user";
    if let Ok(id) = name.parse() {
        return catalog.user(id).await?.ok_or_else(|| Fault::new(doing, "no user has that id"));
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = catalog.users(after, USERS).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        let is_named =
            |user: &User| user.email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(name));
        found.extend(page.into_iter().filter(is_named));
    }
    match (found.pop(), found.len()) {
        (None, _) => {
            let why = "no user has that e-mail address, or their provider did not verify it: user list \
                       shows the ids";
            Err(Fault::new(doing, why))
        }
        (Some(user), 0) => Ok(user),
        (Some(_), _) => {
            let why = "several users have that e-mail address: name one by id, as user list shows";
            Err(Fault::new(doing, why))
        }
    }
}

/// The same, who has not to be blocked or about to be deleted.
async fn find_active_user(catalog: &Catalog, name: &str) -> Result<User, Fault> {
    let user = find_user(catalog, name).await?;
    match user.state {
        UserState::Active => Ok(user),
        UserState::Blocked => {
            Err(Fault::new("find the user", "the user is blocked: unblock them first"))
        }
        UserState::Leaving => Err(being_deleted()),
    }
}

fn being_deleted() -> Fault {
    Fault::new("find the user", "the account is being deleted, with all of its images")
}

async fn list_users(installation: Installation) -> Result<(), Fault> {
    let catalog = installation.catalog().await?;
    let mut after = None;
    loop {
        let page = catalog.users(after, USERS).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.id);
        for user in &page {
            let email = user.email.as_deref().unwrap_or("-");
            let (role, state) = (user.role.as_str(), user.state.as_str());
            print_line(&format!(
                "{} {role} {state} {email} {:?} {} {}",
                user.id,
                user.name,
                pluralize(user.images_used, "image"),
                pluralize(user.bytes_used, "byte"),
            ));
        }
    }
}

async fn change_user(
    installation: Installation,
    user: String,
    verb: UserVerb,
) -> Result<(), Fault> {
    let catalog = installation.catalog().await?;
    let user = find_user(&catalog, &user).await?;
    let state = |state| UserChange { state: Some(state), ..UserChange::default() };
    let action = match verb {
        UserVerb::Block => {
            let changed = catalog.change_user(user.id, state(UserState::Blocked)).await?;
            changed.ok_or_else(being_deleted)?;
            "user blocked"
        }
        UserVerb::Unblock => {
            let changed = catalog.change_user(user.id, state(UserState::Active)).await?;
            changed.ok_or_else(being_deleted)?;
            "user unblocked"
        }
        UserVerb::Delete => {
            catalog.begin_leaving(user.id).await?;
            let mut after = None;
            while let Some((last, _)) = catalog.hide_images(user.id, after).await? {
                after = Some(last);
            }
            "account deletion begun"
        }
    };
    audit::audit(action, &Principal::Open, &user.id);
    println!("{action}: {}", user.id);
    Ok(())
}

async fn create_token(
    installation: Installation,
    user: String,
    name: String,
    scopes: Scopes,
    life: Duration,
    max: u64,
) -> Result<(), Fault> {
    let doing = "make a token";
    let catalog = installation.catalog().await?;
    let user = find_active_user(&catalog, &user).await?;
    let name = token_name(&name).ok_or_else(|| {
        Fault::new(doing, format!("its name must have 1 to {MAX_TOKEN_NAME} characters"))
    })?;
    if scopes == Scopes::NONE || (scopes.contains(Scope::Admin) && user.role != Role::Admin) {
        return Err(Fault::new(doing, "it needs a scope, and only admins have the scope admin"));
    }
    let secret = new_token();
    let new = NewToken {
        user: user.id,
        hash: &hash(&secret),
        tail: token_tail(&secret),
        name: &name,
        scopes,
        life: Some(life),
    };
    let token = catalog.create_token(&new, max).await?;
    let token = token.ok_or_else(|| Fault::new(doing, "the user has MAX_TOKENS already"))?;
    audit::audit("token made", &Principal::Open, &token.id);
    println!("{secret}");
    Ok(())
}

async fn adopt(installation: Installation, user: String, public: bool) -> Result<(), Fault> {
    let catalog = installation.catalog().await?;
    let user = find_active_user(&catalog, &user).await?;
    let (mut all, mut after) = (0, None);
    while let Some((last, some)) = catalog.adopt_images(user.id, public, after).await? {
        after = Some(last);
        all += some;
    }
    audit::audit("images adopted", &Principal::Open, &user.id);
    println!("{} belong to {} now", pluralize(all, "image"), user.id);
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
