//! Settings and commands that are wrong: told with what would be right, and never with a value.

use std::process::Command;

use rustix::fs::{CWD, FileType, mknodat};

use crate::programs::{PLANET, PLANET_ADMIN, PLANET_API, run};

#[test]
fn wrong_settings_are_told_all_at_once_and_without_their_values() {
    let vars = [
        ("BIND", "hunter2"),
        ("DATABASE_URL", "mysql://me:hunter2@host/db"),
        ("MAX_UPLOADS", "0"),
        ("PRESETS", "hunter2"),
    ];
    for program in [PLANET, PLANET_API] {
        let output = run(program, &["--max-frames=hunter2", "--nonsense=hunter2", "dance"], &vars);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        for mistake in
            ["BIND", "DATABASE_URL", "MAX_UPLOADS", "PRESETS", "MAX_FRAMES", "--nonsense", "dance"]
        {
            assert!(text.contains(mistake), "{mistake} is missing:\n{text}");
        }
        assert!(!text.contains("hunter2"), "{text}");
    }
    let output = run(PLANET_ADMIN, &[], &vars);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_may_be_a_secret_is_never_repeated() {
    for (args, vars, named) in [
        (&["postgres://me:hunter2@host"] as &[_], &[] as &[_], "no such command"),
        (&["DATABASE_URL=hunter2"], &[], "settings look like --"),
        (&["--postgres://me:hunter2@host"], &[], "no such setting"),
        (&[], &[("DATABASE_URL", "postgres://host/db?sslmode=hunter2")], "DATABASE_URL"),
        (&[], &[("DATABASE_URL", "sqlite://planet.db?hunter2=1")], "DATABASE_URL"),
        (&[], &[("DATABASE_URL", "sqlite:")], "DATABASE_URL"),
        (&[], &[("DATABASE_URL", "sqlite::memory:")], "DATABASE_URL"),
        (&[], &[("POLL_S", "0")], "POLL_S"),
        (&[], &[("JANITOR_S", "0.001")], "JANITOR_S"),
        (&[], &[("UPLOAD_LEASE_S", "0")], "UPLOAD_LEASE_S"),
    ] {
        let output = run(PLANET, args, vars);
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(named) && !text.contains("hunter2"), "{named}: {text}");
    }
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let no_text = OsStr::from_bytes(b"hunter2\xff");
    let run = |command: &mut Command| {
        let output = command.output().expect("run a program");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let text = run(Command::new(PLANET).env("STORE_URL", no_text).env("WHATEVER", no_text));
    assert!(text.contains("STORE_URL: expected UTF-8") && !text.contains("WHATEVER"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let text = run(Command::new(PLANET).arg(no_text));
    assert!(text.contains("UTF-8") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_file_of_settings_is_read_from_its_own_folder_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("inner")).expect("a folder");
    let settings = folder.path().join(".env");
    let run = |inside: &str| {
        let mut planet = Command::new(PLANET);
        let output = planet.current_dir(folder.path().join(inside)).arg("--nonsense=").output();
        String::from_utf8(output.expect("run a program").stderr).expect("UTF-8")
    };
    std::fs::write(&settings, "MAX_UPLOADS=many\n").expect("write settings");
    assert!(run("").contains("MAX_UPLOADS"));
    assert!(!run("inner").contains("MAX_UPLOADS"));
    for (text, line) in
        [("A=b\n\nPRESETS=hunter2, hunter2\n", 3), ("A='b\n\nc'\nB=\"hunter2\nC=d\n", 4)]
    {
        std::fs::write(&settings, text).expect("write settings");
        let said = run("");
        assert!(said.contains(&format!(".env, line {line}: expected NAME=value")), "{said}");
        assert!(said.contains("quotes") && !said.contains("hunter2"), "{said}");
    }
    std::fs::remove_file(&settings).expect("remove settings");
    std::fs::create_dir(&settings).expect("a folder");
    assert!(run("").contains(".env: not read, since it is not a file"));
    std::fs::remove_dir(&settings).expect("remove the folder");
    mknodat(CWD, &settings, FileType::Fifo, 0o600.into(), 0).expect("a FIFO");
    assert!(run("").contains(".env: not read, since it is not a file"));
}

#[test]
fn a_name_in_the_file_of_settings_that_nobody_reads_is_told_with_the_nearest() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let of_others = "COMPOSE_PROJECT_NAME=a\nPORT=80\nAWS_PROFILE=b\nMETRICS_BIND=\n";
    let run = |settings: &str, args: &[&str]| {
        std::fs::write(folder.path().join(".env"), settings).expect("write settings");
        let mut program = Command::new(PLANET_ADMIN);
        let output = program.current_dir(folder.path()).env_clear().args(args).output();
        String::from_utf8(output.expect("run a program").stderr).expect("UTF-8")
    };
    let settings = format!("{of_others}MAX_SIZE_PX=hunter2\nFAVOURITE=hunter2\n");
    // while it works, and when it cannot
    for args in [&["check"] as &[_], &["--max-sid-px=1"]] {
        let said = run(&settings, args);
        let names = "MAX_SIZE_PX (is MAX_SIDE_PX meant?), FAVOURITE";
        assert!(said.contains(&format!(".env: no program reads {names}")), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let said = run(of_others, &["check"]);
    assert!(!said.contains("no program"), "{said}");
}

#[test]
fn a_mistake_on_the_command_line_is_told_with_what_would_be_right() {
    for (program, args, right) in [
        (PLANET, &["--max-sid-px=1"] as &[_], "--max-sid-px: no such setting; is --max-side-px"),
        (PLANET, &["--foo"], "--foo: no such setting"),
        (PLANET, &["--bind"], "--bind: a value is missing"),
        (PLANET, &["check"], "check: no such command: there are none"),
        (
            PLANET,
            &["--presets=nonsense"],
            "PRESETS: entry 1: expected NAME?OPTIONS, as in default?",
        ),
        (PLANET_API, &["healthy"], "there is health"),
        (PLANET_ADMIN, &["chekc"], "there are migrate, check, dead, retry"),
        (PLANET_ADMIN, &["dead", "all"], "dead: expected no arguments"),
        (PLANET_ADMIN, &["check", "all"], "check: expected no arguments"),
        (PLANET_ADMIN, &["migrate", "now"], "migrate: expected no arguments"),
        (PLANET_ADMIN, &["retry"], "retry: expected the id of a job"),
        (PLANET_ADMIN, &["retry", "7"], "retry: expected the id of a job"),
    ] {
        let output = run(program, args, &[]);
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(output.status.code() == Some(2) && said.contains(right), "{args:?}: {said}");
    }
}

#[test]
fn the_admin_program_explains_its_commands() {
    let stdout = |args: &[&str]| {
        let output = run(PLANET_ADMIN, args, &[]);
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    // without a command, the help goes to stderr
    let output = run(PLANET_ADMIN, &[], &[]);
    assert!(output.status.code() == Some(2) && output.stdout.is_empty());
    let help = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(help, stdout(&["--help"]));
    for command in ["migrate", "check", "dead", "retry JOB"] {
        assert!(help.contains(&format!("\n  {command} ")), "{command}: {help}");
        let name = command.split(' ').next().expect("a word");
        let own = stdout(&[name, "--help"]);
        let usage = format!("Usage: planet-admin {command} [--SETTING=VALUE]…");
        assert!(own.contains(&usage) && !own.contains("Commands:"), "{own}");
    }
}
