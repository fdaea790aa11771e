//! The judge of the cutover, on moves that owe nothing to connectctl: it must see what is exact and what is not.

use crate::support::cutover::{Cutover, Mover};
use crate::support::{kafka, require_kafka};

fn by_hand(group: &str) -> Cutover {
    Cutover {
        mover: Mover::Hand,
        ..Cutover::new(group, &kafka::shared().bootstrap())
    }
}

#[test]
fn the_judge_finds_a_right_move_exact_whatever_the_names_and_partitions() {
    require_kafka!();
    let cutover = Cutover {
        sources: vec!["Erste Quelle".to_owned(), "zweite Quelle äöü €".to_owned()],
        sink: "Senke für alles".to_owned(),
        offset_partitions: Some(7),
        ..by_hand("judge-exact")
    };
    let verdict = cutover.run();
    assert!(verdict.is_exact(), "\n{verdict}");
}

#[test]
fn the_judge_sees_ten_lines_lost_where_a_seeded_position_is_ten_lines_too_far() {
    require_kafka!();
    let cutover = Cutover {
        shift: 10,
        ..by_hand("judge-loss")
    };
    let verdict = cutover.run();
    let counts = |t: crate::support::cutover::Tally| (t.lost, t.duplicated, t.foreign);
    assert_eq!(counts(verdict.topic), (10, 0, 0), "\n{verdict}");
    assert_eq!(counts(verdict.sink), (10, 0, 0), "\n{verdict}");
}

#[test]
fn the_judge_sees_ten_lines_twice_where_a_seeded_position_is_ten_lines_behind() {
    require_kafka!();
    let cutover = Cutover {
        shift: -10,
        ..by_hand("judge-repeat")
    };
    let verdict = cutover.run();
    let counts = |t: crate::support::cutover::Tally| (t.lost, t.duplicated, t.foreign);
    assert_eq!(counts(verdict.topic), (0, 10, 0), "\n{verdict}");
    assert_eq!(counts(verdict.sink), (0, 10, 0), "\n{verdict}");
}
