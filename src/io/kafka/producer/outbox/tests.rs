#![expect(
    clippy::single_range_in_vec_init,
    reason = "tickets are told of in ranges"
)]

use super::*;
use crate::io::kafka::error::BrokerError;

const IDENTITY: Option<ProducerId> = Some(ProducerId { id: 9, epoch: 0 });
const RENEWED: Option<ProducerId> = Some(ProducerId { id: 10, epoch: 0 });

fn settings() -> ProducerSettings {
    ProducerSettings {
        batch_size: 100,
        batch_limit: 100,
        ..ProducerSettings::default()
    }
}

/// An outbox with one batch per ticket.
fn filled(tickets: u64) -> Outbox {
    let mut outbox = Outbox::default();
    for ticket in 0..tickets {
        let record = NewRecord {
            value: Some(&[0; 90]),
            ..NewRecord::default()
        };
        outbox.push(&record, ticket, 90, &settings());
    }
    outbox
}

/// An outbox with that many batches after a first one that the broker has taken.
fn established(tickets: u64) -> Outbox {
    let mut outbox = filled(tickets + 1);
    assert_eq!(send(&mut outbox), Some((0, 0)));
    assert_eq!(acknowledged(&answer(&mut outbox, 0, 0)), [0..1]);
    outbox
}

/// Sends the next batch; returns its serial and sequence number.
fn send(outbox: &mut Outbox) -> Option<(u64, i32)> {
    let (serial, _, sequence) = send_as(outbox, IDENTITY)?;
    Some((serial, sequence))
}

/// Sends the next batch of a producer of this identity; returns its serial, producer id and sequence number.
fn send_as(outbox: &mut Outbox, identity: Option<ProducerId>) -> Option<(u64, i64, i32)> {
    let now = Instant::now() + settings().retry_backoff;
    let sending = outbox.send(now, true, identity, &settings()).unwrap()?;
    let batch = Batches::new(sending.bytes).next().unwrap().unwrap();
    Some((sending.serial, batch.producer_id?, batch.base_sequence))
}

fn answer(outbox: &mut Outbox, serial: u64, code: i16) -> Answer {
    let outcome = match code {
        errors::NONE => Ok(()),
        code => Err(BrokerError::new("Produce", "topic t", code).into()),
    };
    outbox.answered(serial, outcome, Instant::now(), &settings())
}

fn acknowledged(answer: &Answer) -> &[Range<u64>] {
    let Answer::Acknowledged(told) = answer else {
        panic!("{answer:?}");
    };
    &told.tickets
}

#[test]
fn batches_are_numbered_in_order_and_told_by_their_tickets() {
    let mut outbox = established(3);
    assert_eq!(send(&mut outbox), Some((1, 1)));
    assert_eq!(send(&mut outbox), Some((2, 2)));
    assert_eq!(acknowledged(&answer(&mut outbox, 1, 0)), [1..2]);
    assert_eq!(send(&mut outbox), Some((3, 3)));
    assert_eq!(send(&mut outbox), None);
    assert_eq!(acknowledged(&answer(&mut outbox, 3, 0)), [3..4]);
    assert_eq!(acknowledged(&answer(&mut outbox, 2, 46)), [2..3]);
}

#[test]
fn nothing_follows_the_first_batch_before_the_broker_has_taken_it() {
    let mut outbox = filled(2);
    assert_eq!(send(&mut outbox), Some((0, 0)));
    assert_eq!(send(&mut outbox), None);
    answer(&mut outbox, 0, errors::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(send(&mut outbox), Some((1, 0)));
    assert_eq!(send(&mut outbox), None);
    answer(&mut outbox, 1, errors::NONE);
    assert_eq!(send(&mut outbox), Some((2, 1)));
}

#[test]
fn what_is_refused_goes_again_in_order_with_its_numbers() {
    let mut outbox = established(3);
    assert_eq!(send(&mut outbox), Some((1, 1)));
    assert_eq!(send(&mut outbox), Some((2, 2)));
    let moved = answer(&mut outbox, 1, errors::NOT_LEADER_OR_FOLLOWER);
    assert!(matches!(
        moved,
        Answer::Again {
            news: true,
            renew: false
        }
    ));
    assert_eq!(send(&mut outbox), None, "held");
    let behind = answer(&mut outbox, 2, errors::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert!(matches!(
        behind,
        Answer::Again {
            news: false,
            renew: false
        }
    ));
    assert_eq!(send(&mut outbox), Some((3, 1)));
    assert_eq!(send(&mut outbox), Some((4, 2)));
    assert_eq!(send(&mut outbox), Some((5, 3)));
}

#[test]
fn a_lost_batch_leaves_no_gap() {
    let mut outbox = established(3);
    assert_eq!(send(&mut outbox), Some((1, 1)));
    assert_eq!(send(&mut outbox), Some((2, 2)));
    let lost = answer(&mut outbox, 1, errors::MESSAGE_TOO_LARGE);
    assert!(matches!(lost, Answer::Lost(..)), "{lost:?}");
    answer(&mut outbox, 2, errors::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(send(&mut outbox), Some((3, 1)));
    assert_eq!(send(&mut outbox), Some((4, 2)));
}

#[test]
fn a_batch_that_is_too_large_goes_in_two() {
    let mut outbox = Outbox::default();
    for ticket in [0, 1, 7] {
        let record = NewRecord {
            value: Some(b"v"),
            ..NewRecord::default()
        };
        outbox.push(&record, ticket, 5, &settings());
    }
    assert_eq!(send(&mut outbox), Some((0, 0)));
    answer(&mut outbox, 0, errors::MESSAGE_TOO_LARGE);
    assert_eq!(send(&mut outbox), Some((1, 0)));
    assert_eq!(acknowledged(&answer(&mut outbox, 1, 0)), [0..1]);
    assert_eq!(send(&mut outbox), Some((2, 1)));
    assert_eq!(acknowledged(&answer(&mut outbox, 2, 0)), [1..2, 7..8]);
}

#[test]
fn a_broker_that_lost_track_asks_for_a_new_identity() {
    let mut outbox = established(1);
    assert_eq!(send(&mut outbox), Some((1, 1)));
    let lost = answer(&mut outbox, 1, errors::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert!(matches!(lost, Answer::Again { renew: true, .. }));
    outbox.renewed();
    assert_eq!(send_as(&mut outbox, RENEWED), Some((2, 10, 0)));
}

#[test]
fn another_partition_s_new_identity_does_not_sign_a_batch_anew_whose_answer_was_lost() {
    let mut outbox = established(3);
    assert_eq!(send(&mut outbox), Some((1, 1)));
    answer(&mut outbox, 1, errors::REQUEST_TIMED_OUT);
    outbox.renewed();
    assert_eq!(send_as(&mut outbox, RENEWED), Some((2, 9, 1)));
    assert_eq!(send_as(&mut outbox, RENEWED), None, "not settled");
    let known = answer(&mut outbox, 2, errors::DUPLICATE_SEQUENCE_NUMBER);
    assert_eq!(acknowledged(&known), [1..2]);
    assert_eq!(send_as(&mut outbox, RENEWED), Some((3, 10, 0)));
    assert_eq!(
        send_as(&mut outbox, RENEWED),
        None,
        "the first of an identity"
    );
    answer(&mut outbox, 3, errors::NONE);
    assert_eq!(send_as(&mut outbox, RENEWED), Some((4, 10, 1)));
}

#[test]
fn what_cannot_be_compressed_anew_is_told_as_lost() {
    let mut outbox = Outbox::default();
    for ticket in [3, 5] {
        let mut told = Told::default();
        told.add(ticket, 10);
        let error = std::io::Error::other("no memory");
        outbox.uncompressed.push((error, told));
    }
    assert!(outbox.has_something());
    let sent = outbox.send(Instant::now(), false, IDENTITY, &settings());
    assert_eq!(sent.unwrap_err().1.tickets, [5..6]);
    let given_up = outbox.give_up();
    assert_eq!(given_up[0].tickets, [3..4]);
    assert!(!outbox.has_something());
}

#[test]
fn the_time_at_which_the_first_batch_has_waited_too_long_is_known() {
    let timeout = std::time::Duration::from_secs(9);
    assert_eq!(Outbox::default().expiry(timeout), None);
    let before = Instant::now();
    let outbox = filled(2);
    let expiry = outbox.expiry(timeout).unwrap();
    assert!(expiry >= before + timeout && expiry <= Instant::now() + timeout);
}

#[test]
fn what_waits_too_long_is_given_up() {
    let mut outbox = filled(2);
    let soon = Instant::now() + std::time::Duration::from_secs(1);
    let (expired, unsure, _) = outbox.expired(soon, std::time::Duration::from_secs(2));
    assert!(expired.is_empty() && !unsure);
    assert_eq!(send(&mut outbox), Some((0, 0)));
    answer(&mut outbox, 0, errors::REQUEST_TIMED_OUT);
    let (expired, unsure, last) = outbox.expired(soon, std::time::Duration::ZERO);
    let tickets: Vec<_> = expired.into_iter().flat_map(|told| told.tickets).collect();
    assert_eq!(tickets, [0..1, 1..2]);
    assert!(unsure, "it may have been written");
    assert!(last.is_some_and(|error| error.to_string().contains("REQUEST_TIMED_OUT")));
    assert!(!outbox.has_something());
}

#[test]
fn numbers_go_round() {
    assert_eq!(after(i32::MAX, 1), 0);
    assert_eq!(after(i32::MAX - 1, 3), 1);
    assert_eq!(after(4, 3), 7);
}
