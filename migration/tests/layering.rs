//! Imports inside this crate run one way: no circle of files, and no import through `lib.rs`.

#[test]
fn imports_run_one_way() {
    testkit::layering::assert_layered(env!("CARGO_MANIFEST_DIR"));
}
