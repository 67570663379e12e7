//! `planet-migrate`: for the operator: brings the schema up to date, checks an installation, revives
//! jobs.

use std::process::ExitCode;

use common::{
    catalog::{self, Catalog},
    env::Env,
    fault::{Doing, Fault},
    job::JobId,
    pipeline::{Closeness, check, obituary},
    program::{live, patiently, startup_wait},
    store::{self, Store},
    telemetry,
};

const ABOUT: &str = "\
Takes care of an installation of Planet Image API. It may run while the service does.

  planet-migrate             brings the database up to date; any number may do so at the same time
  planet-migrate check       holds every image and render against the store, names what is missing,
                             changed, dead or left undone; exit code 1 when there is anything
  planet-migrate dead        lists the jobs that were given up, with their reasons
  planet-migrate retry JOB   gives that job all its tries again; JOB may be: all";

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
    fn of(words: &[&str]) -> Option<Self> {
        match words {
            [] => Some(Task::Migrate),
            ["check"] => Some(Task::Check),
            ["dead"] => Some(Task::ListDead),
            ["retry", "all"] => Some(Task::Revive(None)),
            ["retry", job] => job.parse().ok().map(|job| Task::Revive(Some(JobId(job)))),
            _ => None,
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
    let task = Task::of(&words);
    if task.is_none() && words.first() == Some(&"retry") {
        env.complain("retry: expected the id of a job, or all".into());
    }
    let known: &[&str] =
        if task.is_some() || words.first() == Some(&"retry") { &words } else { &[] };
    if let Err(code) = env.settle("planet-migrate", ABOUT, known) {
        return code;
    }
    telemetry::log(log);
    let task = task.unwrap_or(Task::Migrate);
    live(async move {
        let catalog = patiently(wait, async || Catalog::open(&catalog).await).await?;
        match task {
            Task::Migrate => {
                migration::up(catalog.connection()).await.doing("migrate the database")?;
                tracing::info!("the database is up to date");
                Ok(())
            }
            Task::Check => {
                let store = patiently(wait, async || Store::open(&store).await).await?;
                let tell = |line| println!("{line}");
                let checked = check(&catalog, &store, closeness, tell).await?;
                println!(
                    "{} images, {} renders, {} of these originals and texts hashed: {} wrong",
                    checked.images, checked.renders, checked.hashed, checked.wrong
                );
                match checked.wrong {
                    0 => Ok(()),
                    wrong => {
                        Err(Fault::new("check the installation", format!("{wrong} are wrong")))
                    }
                }
            }
            Task::ListDead => {
                catalog.dead(MOST).await?.iter().for_each(|job| println!("{}", obituary(job)));
                Ok(())
            }
            Task::Revive(job) => {
                let revived = catalog.revive(job).await?;
                println!("{revived} jobs will be tried again");
                match (job, revived) {
                    (Some(_), 0) => Err(Fault::new("revive a job", "no dead job has that id")),
                    _ => Ok(()),
                }
            }
        }
    })
}
