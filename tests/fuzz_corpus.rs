//! The checks of `fuzz/checks` over `fuzz/corpus`: each file, each of its cuts, and each with bytes changed.

use std::fs;
use std::path::Path;

#[path = "../fuzz/checks/connector_config.rs"]
mod connector_config;
#[path = "../fuzz/checks/offset_file.rs"]
mod offset_file;
#[path = "../fuzz/checks/offset_key.rs"]
mod offset_key;
#[path = "../fuzz/checks/properties.rs"]
pub(crate) mod properties;
#[path = "../fuzz/checks/record_batch.rs"]
mod record_batch;

/// Changes of a byte that turn up new paths: lengths to the extremes, tags to their neighbours.
const CHANGES: &[fn(u8) -> u8] = &[|_| 0, |_| 0xff, |_| 0x7f, |b| b ^ 1, |b| b.wrapping_add(1)];

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut files = 0;
    for file in fs::read_dir(&folder).expect("the corpus is in the clone") {
        let data = fs::read(file.expect("readable").path()).expect("readable");
        check(&data);
        for length in 0..data.len() {
            check(&data[..length]);
        }
        for at in 0..data.len() {
            for change in CHANGES {
                let mut changed = data.clone();
                changed[at] = change(changed[at]);
                check(&changed);
            }
        }
        files += 1;
    }
    assert!(files >= 8, "{target}: {files} files");
}

#[test]
fn offset_files_hold_what_the_fuzz_target_checks() {
    replay("offset_file", offset_file::check);
}

#[test]
fn offset_keys_hold_what_the_fuzz_target_checks() {
    replay("offset_key", offset_key::check);
}

#[test]
fn record_batches_hold_what_the_fuzz_target_checks() {
    replay("record_batch", record_batch::check);
}

#[test]
fn properties_hold_what_the_fuzz_target_checks() {
    replay("properties", properties::check);
}

#[test]
fn connector_files_hold_what_the_fuzz_target_checks() {
    replay("connector_config", connector_config::check);
}
