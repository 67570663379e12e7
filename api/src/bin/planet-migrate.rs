//! `planet-migrate`: for the operator: brings the schema up to date, checks an installation, revives
//! jobs.

use std::{process::ExitCode, time::Duration};

use common::{
    catalog::{self, Catalog},
    env::Env,
    fault::{Doing, Fault},
    job::JobId,
    pipeline::{Closeness, check, counted, obituary},
    program::{live, patiently, startup_wait},
    store::{self, Store},
    telemetry,
};
use migration::Standing;

const ABOUT: &str = "\
Takes care of an installation of Planet Image API. It may run while the service does.

  planet-migrate             brings the database up to date; any number may do so at the same time
  planet-migrate check       holds every image and render against the store, names what is missing,
                             changed, dead or left undone; exit code 1 when there is anything
  planet-migrate dead        lists the jobs that were given up, with their reasons
  planet-migrate retry JOB   gives that job all its tries again; JOB may be: all";

const COMMANDS: &[&str] = &["check", "dead", "retry"];

/// Dead jobs that are listed.
const MOST: u64 = 1_000;

#[derive(Clone, Copy)]
enum Task {
    Migrate,
    Check,
    ListDead,
    Revive(Option<JobId>),
}

impl Task {
    /// `Err` says what would be right after one of [`COMMANDS`].
    fn of(words: &[&str]) -> Result<Self, &'static str> {
        let job = "retry: expected the id of a job, as planet-migrate dead lists them, or all";
        match words {
            ["check"] => Ok(Task::Check),
            ["check", ..] => Err("check: expected nothing more than settings"),
            ["dead"] => Ok(Task::ListDead),
            ["dead", ..] => Err("dead: expected nothing more than settings"),
            ["retry", "all"] => Ok(Task::Revive(None)),
            ["retry", id] => id.parse().map(|id| Task::Revive(Some(JobId(id)))).map_err(|_| job),
            ["retry", ..] => Err(job),
            _ => Ok(Task::Migrate),
        }
    }
}

fn main() -> ExitCode {
    let mut env = Env::of_process();
    let log = telemetry::Config::read(&mut env);
    let catalog = catalog::Config::read(&mut env);
    let store = store::Config::read(&mut env);
    let closeness = Closeness::read(&mut env);
    let wait = startup_wait(&mut env);
    let words = env.words().iter().map(|word| word.to_string()).collect::<Vec<_>>();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let is_known = words.first().is_some_and(|word| COMMANDS.contains(word));
    let task = Task::of(&words);
    if let Err(complaint) = task {
        env.complain(complaint.into());
    }
    let allowed = if is_known { &words } else { COMMANDS };
    if let Err(code) = env.settle("planet-migrate", ABOUT, allowed) {
        return code;
    }
    telemetry::log(log);
    let place = Place { catalog, store, wait };
    match task.unwrap_or(Task::Migrate) {
        Task::Migrate => live(migrate(place)),
        Task::Check => live(verify(place, closeness)),
        Task::ListDead => live(list_dead(place)),
        Task::Revive(job) => live(revive(place, job)),
    }
}

/// Where the installation is.
struct Place {
    catalog: catalog::Config,
    store: store::Config,
    wait: Duration,
}

impl Place {
    /// The catalog of an installation that is there; nothing is made.
    async fn catalog(&self) -> Result<Catalog, Fault> {
        let missing = || {
            let place = self.catalog.place();
            let why = format!("there is none at {place}; DATABASE_URL names another place");
            Fault::new("find the data", why)
        };
        let found = patiently(self.wait, async || Catalog::find(&self.catalog).await).await?;
        let catalog = found.ok_or_else(missing)?;
        match migration::standing(catalog.connection()).await.doing("look at the schema")? {
            Standing::Missing => Err(missing()),
            Standing::Older => {
                let why =
                    "the database is of an older version: planet-migrate brings it up to date";
                Err(Fault::new("read the data", why))
            }
            Standing::Current => Ok(catalog),
        }
    }

    async fn store(&self) -> Result<Store, Fault> {
        let found = patiently(self.wait, async || Store::find(&self.store).await).await?;
        found.ok_or_else(|| {
            let place = self.store.place();
            let why = format!("there is none at {place}; STORE_URL names another place");
            Fault::new("find the originals and renders", why)
        })
    }
}

async fn migrate(place: Place) -> Result<(), Fault> {
    let catalog = patiently(place.wait, async || Catalog::open(&place.catalog).await).await?;
    migration::up(catalog.connection()).await.doing("migrate the database")?;
    tracing::info!("the database is up to date");
    Ok(())
}

async fn verify(place: Place, closeness: Closeness) -> Result<ExitCode, Fault> {
    let (catalog, store) = (place.catalog().await?, place.store().await?);
    let checked = check(&catalog, &store, closeness, |line| println!("{line}")).await?;
    println!("{checked}");
    Ok(if checked.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn list_dead(place: Place) -> Result<(), Fault> {
    let dead = place.catalog().await?.dead(MOST).await?;
    dead.iter().for_each(|job| println!("{}", obituary(job)));
    if dead.is_empty() {
        // apart from the list, which is empty for whoever counts its lines
        eprintln!("no job was given up");
    }
    Ok(())
}

async fn revive(place: Place, job: Option<JobId>) -> Result<(), Fault> {
    let revived = place.catalog().await?.revive(job).await?;
    println!("{} will be tried again", counted(revived, "job"));
    match (job, revived) {
        (Some(_), 0) => Err(Fault::new("revive a job", "no dead job has that id")),
        _ => Ok(()),
    }
}
