//! Untrusted input with random damage: the same checks that `scripts/fuzz` runs with a fuzzer.

use std::collections::BTreeMap;

use testkit::attacks::{draw, spec, write};
use testkit::mutator::with_mutations;
use testkit::seeds::with_checksums;

#[test]
fn every_seed_is_a_valid_picture() {
    let all = testkit::seeds::files().into_iter();
    let refused: Vec<String> = all
        .filter_map(|(name, file)| {
            let err = draw::attack(&[&[0], &file[..]].concat()).err()?;
            Some(format!("{name}: {err}"))
        })
        .collect();
    assert_eq!(refused, [] as [&str; 0]);
}

#[test]
fn damaged_files_are_drawn_or_refused() {
    let (mut drawn, mut refused) = (0, 0);
    with_mutations(draw::seeds(), 25, |bytes| {
        let (choice, file) = bytes.split_first().unwrap_or((&0, &[]));
        for file in [file.to_vec(), with_checksums(file.to_vec())] {
            match draw::attack(&[&[*choice], &file[..]].concat()) {
                Ok(()) => drawn += 1,
                Err(_) => refused += 1,
            }
        }
    });
    assert!(drawn > 1000 && refused > 1000, "{drawn} drawn, {refused} refused");
}

#[test]
fn damaged_files_of_instruments_are_drawn_or_refused() {
    let files = testkit::seeds::instruments().into_iter();
    let seeds: Vec<_> = files.map(|(name, file)| (name, [&[0], &file[..]].concat())).collect();
    let (mut drawn, mut refused) = (BTreeMap::<String, u32>::new(), BTreeMap::new());
    for format in ["FITS", "VICAR", "PDS3", "camera raw"] {
        let seeds: Vec<_> =
            seeds.iter().filter(|(name, _)| name.starts_with(format)).cloned().collect();
        let rounds = 2000_usize.div_ceil(seeds.len());
        with_mutations(seeds, rounds, |bytes| {
            let outcome = draw::attack(bytes);
            let counts = if outcome.is_ok() { &mut drawn } else { &mut refused };
            *counts.entry(format.to_owned()).or_default() += 1;
        });
    }
    assert!(drawn.len() == 4 && drawn.values().all(|count| *count > 100), "{drawn:?}");
    assert!(refused.len() == 4 && refused.values().all(|count| *count > 100), "{refused:?}");
}

#[test]
fn damaged_options_have_a_canonical_form_or_are_refused() {
    with_mutations(spec::seeds(), 1000, spec::attack);
}

#[test]
fn damaged_texts_and_titles_are_written_safely() {
    with_mutations(write::seeds(), 300, write::attack);
}
