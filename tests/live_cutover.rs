//! The cutover of the README, counted by Kafka's own consumer and in the sink's own file.

use crate::support::cutover::Cutover;
use crate::support::{kafka, require_kafka};

#[test]
fn a_cutover_loses_nothing_and_repeats_nothing() {
    require_kafka!();
    let verdict = Cutover::new("cutover-plain", &kafka::shared().bootstrap()).run();
    assert!(verdict.is_exact(), "\n{verdict}");
}

#[test]
fn two_sources_with_spaces_and_umlauts_and_seven_offset_partitions_are_cut_over_exactly() {
    require_kafka!();
    let cutover = Cutover {
        sources: vec!["Erste Quelle".to_owned(), "zweite Quelle äöü €".to_owned()],
        sink: "Senke für alles".to_owned(),
        offset_partitions: Some(7),
        ..Cutover::new("cutover-two", &kafka::shared().bootstrap())
    };
    let verdict = cutover.run();
    assert!(verdict.is_exact(), "\n{verdict}");
}

#[test]
fn a_seeded_position_ten_lines_too_far_is_reported_as_ten_lost_lines() {
    require_kafka!();
    let cutover = Cutover {
        shift: 10,
        ..Cutover::new("cutover-lossy", &kafka::shared().bootstrap())
    };
    let verdict = cutover.run();
    assert!(!verdict.is_exact());
    assert_eq!(
        (
            verdict.topic.lost,
            verdict.topic.duplicated,
            verdict.sink.lost
        ),
        (10, 0, 10),
        "\n{verdict}"
    );
}
