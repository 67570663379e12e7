//! What is written down is true: `.env.example` lists the settings that the programs read, the
//! README's map shows the folders that there are, and documents list the formats that are read.

use std::{collections::BTreeMap, fs, path::Path};

use common::{catalog, env::Env, pipeline, program, store, telemetry, trace};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).expect("a file of the project")
}

/// Every setting that any of our programs reads, with its default.
fn settings() -> BTreeMap<String, String> {
    let mut env = Env::default();
    api::Config::read(&mut env);
    pipeline::Config::read(&mut env);
    worker::Config::read(&mut env);
    worker::metrics_bind(&mut env);
    program::startup_wait(&mut env);
    telemetry::Config::read(&mut env, "planet");
    trace::Config::read(&mut env, "planet");
    pipeline::AuditOptions::read(&mut env);
    pipeline::transfer_concurrency(&mut env);
    catalog::Config::read_target(&mut env);
    store::Config::read_target(&mut env);
    let settings = env.settings().iter();
    settings.map(|setting| (setting.name.to_owned(), setting.default.clone())).collect()
}

#[test]
fn the_example_file_lists_every_setting_with_its_default() {
    let (ours, foreign): (BTreeMap<_, _>, BTreeMap<_, _>) = read(".env.example")
        .lines()
        .filter_map(|line| line.strip_prefix("# ")?.split_once('='))
        .filter(|(name, _)| {
            name.bytes().all(|b| b.is_ascii_uppercase() || b"_0123456789".contains(&b))
        })
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .partition(|(name, _)| settings().contains_key(name));
    assert_eq!(ours, settings());

    let compose = read("docker-compose.yml");
    for name in foreign.keys().filter(|name| !name.starts_with("AWS_")) {
        assert!(compose.contains(&format!("${{{name}:-")), "{name} is not a setting");
    }
}

#[test]
fn compose_hands_every_setting_to_its_containers() {
    let compose = read("docker-compose.yml");
    let by_the_containers = ["BIND", "DRAIN_S", "METRICS_BIND", "SPOOL_DIR"];
    for name in settings().keys().filter(|name| !by_the_containers.contains(&name.as_str())) {
        assert!(compose.contains(&format!("\n  {name}:")), "{name} does not arrive");
    }
}

#[test]
fn a_release_has_no_failpoints() {
    let features = |edges: &str| {
        let tree = std::process::Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--workspace", "--invert", "common", "--edges", edges])
            .current_dir(root())
            .output()
            .expect("run cargo");
        String::from_utf8(tree.stdout).expect("UTF-8")
    };
    assert!(features("features").contains("failpoints"), "tests have them");
    let released = features("features,no-dev");
    assert!(released.contains("common") && !released.contains("failpoints"), "{released}");
}

#[test]
fn the_tests_that_reliability_md_names_exist() {
    let mut sources = String::new();
    let mut folders = ["api/tests", "asciify/src", "asciify/tests", "common/tests", "worker/src"]
        .map(|it| root().join(it))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of tests") {
            let path = entry.expect("a file").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push_str(&fs::read_to_string(path).expect("a source"));
            }
        }
    }
    let promises = read("docs/reliability.md");
    let table = promises.split("| what happens").nth(1).expect("the table");
    let named = table.split('`').skip(1).step_by(2).filter(|name| name.contains('_'));
    let tests: Vec<&str> = named.take_while(|name| !name.starts_with("planet_")).collect();
    assert!(tests.len() > 20);
    for name in tests {
        assert!(sources.contains(&format!("fn {name}(")), "{name} is no test");
    }
}

#[test]
fn the_documents_list_every_format() {
    let names: Vec<&str> = asciify::formats().map(asciify::Format::name).collect();
    let (last, names) = names.split_last().expect("formats");
    let list = format!("{} and {last}", names.join(", "));
    for file in ["README.md", "docs/usage.md", "api/src/problem/kinds.rs"] {
        let text = read(file).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&list), "{file} does not list {list}");
    }
}

#[test]
fn the_map_shows_the_folders_that_there_are() {
    let readme = read("README.md");
    let map = readme.split("## The map").nth(1).unwrap();
    let mapped: Vec<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("/`"))
        .map(|(name, _)| name)
        .collect();
    let mut there: Vec<String> = fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| !name.starts_with('.') && !["target", "data"].contains(&name.as_str()))
        .collect();
    there.sort();
    let mut sorted = mapped.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, there);
}

#[test]
fn every_setting_in_the_readme_is_read() {
    let readme = read("README.md");
    let table = readme.split("## Settings").nth(1).unwrap().split("## ").next().unwrap();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let names = row.split('|').nth(1).unwrap();
        for name in names.split(',').map(|name| name.trim().trim_matches('`')) {
            assert!(settings().contains_key(name), "{name} is not a setting");
        }
    }
}
