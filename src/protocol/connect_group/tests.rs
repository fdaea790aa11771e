use bytes::Bytes;
use proptest::prelude::*;

use super::{Assignment, CONNECTOR_TASK, ConnectGroupError, ConnectProtocol, Subscription, Work};

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("ASCII");
            u8::from_str_radix(pair, 16).expect("hexadecimal")
        })
        .collect()
}

const URL: &str = "0017 687474703a2f2f3132372e302e302e313a32303230302f";
const LEADER: &str = "003c 636f6e6e6563742d3132372e302e302e313a32303230302d39356466313461312d356232662d343033312d623566642d65633632343236633539 6234";

fn work(items: &[(&str, i32)]) -> Work {
    items.iter().copied().collect()
}

fn assignment(version: i16, config_offset: i64) -> Assignment {
    Assignment {
        version,
        error: Assignment::OK,
        leader: "connect-127.0.0.1:20200-95df14a1-5b2f-4031-b5fd-ec62426c59b4".to_owned(),
        leader_url: "http://127.0.0.1:20200/".to_owned(),
        config_offset,
        assigned: Work::default(),
        revoked: Work::default(),
        delay_ms: 0,
    }
}

fn subscription(version: i16, config_offset: i64, allocation: Option<Assignment>) -> Subscription {
    Subscription {
        version,
        url: "http://127.0.0.1:20200/".to_owned(),
        config_offset,
        allocation,
    }
}

/// Subscriptions that workers of 4.3.1 sent.
#[test]
fn captured_subscriptions_are_read_and_written_alike() {
    let owning = Assignment {
        assigned: work(&[("src1", -1), ("src1", 0)]),
        ..assignment(2, 5)
    };
    let captured = [
        (
            format!("0002 {URL} ffffffffffffffff ffffffff"),
            subscription(2, -1, None),
        ),
        (
            format!("0001 {URL} ffffffffffffffff ffffffff"),
            subscription(1, -1, None),
        ),
        (
            format!("0000 {URL} ffffffffffffffff"),
            subscription(0, -1, None),
        ),
        (
            format!("0000 {URL} 0000000000000020"),
            subscription(0, 32, None),
        ),
        (
            format!(
                "0002 {URL} 0000000000000008 00000081 0002 0000 {LEADER} {URL} 0000000000000005
                 00000001 0004 73726331 00000002 ffffffff 00000000 00000000 00000000"
            ),
            subscription(2, 8, Some(owning)),
        ),
    ];
    for (hex, expected) in captured {
        let bytes = unhex(&hex);
        assert_eq!(Subscription::decode(&bytes).as_ref(), Ok(&expected));
        assert_eq!(expected.encode(), Ok(Bytes::from(bytes)));
    }
}

/// Assignments that leaders of 4.3.1 sent. Those with several connectors are in the order of a Java hash map.
#[test]
fn captured_assignments_are_read_and_written_alike() {
    let captured = [
        (
            "0002 0000 L U 0000000000000008 00000001 0004736e6b31 00000002 00000000 00000001 00000000 00000000",
            Assignment {
                assigned: work(&[("snk1", 0), ("snk1", 1)]),
                ..assignment(2, 8)
            },
        ),
        (
            "0002 0000 L U 0000000000000008 00000000 00000000 00003a98",
            Assignment {
                delay_ms: 15_000,
                ..assignment(2, 8)
            },
        ),
        (
            "0002 0000 L U 0000000000000008 00000000 00000001 0004736e6b31 00000002 ffffffff 00000000 00000000",
            Assignment {
                revoked: work(&[("snk1", -1), ("snk1", 0)]),
                ..assignment(2, 8)
            },
        ),
        (
            "0001 0000 L U 0000000000000020 00000000 00000003 00026273 00000002 ffffffff 00000000
             0004736e6b31 00000003 ffffffff 00000001 00000000 00026d62 00000001 ffffffff 00000000",
            Assignment {
                revoked: work(&[
                    ("bs", -1),
                    ("bs", 0),
                    ("mb", -1),
                    ("snk1", -1),
                    ("snk1", 0),
                    ("snk1", 1),
                ]),
                ..assignment(1, 32)
            },
        ),
        (
            "0000 0000 L U 0000000000000020 00000004 0004736e6b31 00000002 ffffffff 00000000
             00027472 00000001 ffffffff 00026372 00000002 ffffffff 00000000 000473726331 00000001 00000000",
            Assignment {
                assigned: work(&[
                    ("cr", -1),
                    ("cr", 0),
                    ("snk1", -1),
                    ("snk1", 0),
                    ("src1", 0),
                    ("tr", -1),
                ]),
                ..assignment(0, 32)
            },
        ),
    ];
    for (hex, expected) in captured {
        let bytes = unhex(&hex.replace('L', LEADER).replace('U', URL));
        assert_eq!(Assignment::decode(&bytes).as_ref(), Ok(&expected));
        let ours = expected.encode().expect("short texts");
        assert_eq!(ours.len(), bytes.len());
        assert_eq!(Assignment::decode(&ours), Ok(expected.clone()));
        if expected
            .assigned
            .by_connector()
            .chain(expected.revoked.by_connector())
            .count()
            < 2
        {
            assert_eq!(ours, bytes);
        }
    }
}

#[test]
fn the_allocation_takes_the_version_of_its_subscription() {
    let subscription = subscription(1, 8, Some(assignment(2, 8)));
    let again = Subscription::decode(&subscription.encode().expect("short")).expect("ours");
    assert_eq!(again.allocation.map(|a| a.version), Some(1));
}

#[test]
fn missing_and_null_fields_at_the_end_read_as_nothing() {
    let start = format!("0002 0000 {LEADER} {URL} 0000000000000008");
    let endings = [
        "",
        "ffffffff",
        "00000000",
        "ffffffff ffffffff",
        "00000000 00000000 00000000",
        "fffffffe 80000000 00000000 0102030405",
    ];
    for ending in endings {
        let bytes = unhex(&format!("{start} {ending}"));
        assert_eq!(Assignment::decode(&bytes), Ok(assignment(2, 8)), "{ending}");
    }
    let bytes = unhex(&format!("0002 {URL} 0000000000000008"));
    assert_eq!(Subscription::decode(&bytes), Ok(subscription(2, 8, None)));
}

#[test]
fn lengths_that_the_bytes_do_not_have_are_errors() {
    let start = format!("0002 0000 {LEADER} {URL} 0000000000000008");
    let decode = |ending: &str| Assignment::decode(&unhex(&format!("{start} {ending}")));
    assert_eq!(
        decode("7fffffff 0000"),
        Err(ConnectGroupError::TooMany {
            field: "assigned connectors",
            count: i32::MAX,
            left: 2
        })
    );
    assert_eq!(
        decode("00000001 0001 61 ffffffff"),
        Err(ConnectGroupError::NegativeLength {
            field: "task numbers",
            length: -1
        })
    );
    assert_eq!(
        decode("00000001 ffff 00000000"),
        Err(ConnectGroupError::NegativeLength {
            field: "connector name",
            length: -1
        })
    );
    assert_eq!(
        decode("00000000 00000000 0000"),
        Err(ConnectGroupError::Truncated {
            field: "delay",
            needed: 4,
            left: 2
        })
    );
    assert_eq!(
        Subscription::decode(&unhex("ffff")),
        Err(ConnectGroupError::NegativeVersion { version: -1 })
    );
    assert_eq!(
        Subscription::decode(&unhex(&format!("0001 {URL} 0000000000000000 00000000"))),
        Err(ConnectGroupError::Truncated {
            field: "version",
            needed: 2,
            left: 0
        })
    );
}

#[test]
fn a_name_that_no_length_can_express_is_refused() {
    let mut long = assignment(2, 0);
    long.assigned.insert_connector(&"é".repeat(0x4000));
    assert_eq!(
        long.encode(),
        Err(ConnectGroupError::TooLong {
            field: "connector name",
            length: 0x8000,
            most: 0x7fff
        })
    );
}

#[test]
fn protocols_are_found_by_their_names() {
    assert_eq!(
        ConnectProtocol::from_config("SessionED"),
        Some(ConnectProtocol::Sessioned)
    );
    assert_eq!(ConnectProtocol::from_config("default"), None);
    assert_eq!(ConnectProtocol::from_name("eager"), None);
    let offered: Vec<_> = ConnectProtocol::Sessioned
        .offered()
        .iter()
        .map(|p| (p.name(), p.version()))
        .collect();
    assert_eq!(
        offered,
        [("sessioned", 2), ("compatible", 1), ("default", 0)]
    );
    for protocol in ConnectProtocol::Sessioned.offered() {
        assert_eq!(ConnectProtocol::from_name(protocol.name()), Some(*protocol));
        assert_eq!(protocol.offered().first(), Some(protocol));
    }
}

#[test]
fn work_is_a_set() {
    let mut some = work(&[("b", 0), ("a", 1), ("a", CONNECTOR_TASK)]);
    assert!(!some.insert_connector("a"));
    assert!(some.insert_task("a", 0));
    assert_eq!(some.to_string(), "a a-0 a-1 b-0");
    assert_eq!(some.len(), 4);
    assert_eq!(some.connectors().collect::<Vec<_>>(), ["a"]);
    assert_eq!(some.tasks().count(), 3);
    let other = work(&[("a", 0), ("c", CONNECTOR_TASK)]);
    assert_eq!(some.union(&other).to_string(), "a a-0 a-1 b-0 c");
    assert_eq!(some.difference(&other).to_string(), "a a-1 b-0");
    assert_eq!(some.intersection(&other).to_string(), "a-0");
    assert!(some.remove("b", 0));
    assert!(!some.remove("b", 0));
    assert_eq!(some.by_connector().count(), 1);
    assert_eq!(Work::default().to_string(), "nothing");
}

fn any_work() -> impl Strategy<Value = Work> {
    prop::collection::vec(("\\PC{0,8}", -1..5_i32), 0..12)
        .prop_map(|items| items.iter().map(|(c, t)| (c.as_str(), *t)).collect())
}

fn any_assignment() -> impl Strategy<Value = Assignment> {
    let texts = ("\\PC{0,20}", "\\PC{0,20}");
    (
        0..4_i16,
        any::<i16>(),
        texts,
        any::<i64>(),
        any_work(),
        any_work(),
        any::<i32>(),
    )
        .prop_map(
            |(version, error, (leader, leader_url), config_offset, assigned, revoked, delay_ms)| {
                let has_all = version > 0;
                Assignment {
                    version,
                    error,
                    leader,
                    leader_url,
                    config_offset,
                    assigned,
                    revoked: if has_all { revoked } else { Work::default() },
                    delay_ms: if has_all { delay_ms } else { 0 },
                }
            },
        )
}

fn any_subscription() -> impl Strategy<Value = Subscription> {
    let allocation = prop::option::of(any_assignment());
    (0..4_i16, "\\PC{0,20}", any::<i64>(), allocation).prop_map(
        |(version, url, config_offset, allocation)| Subscription {
            version,
            url,
            config_offset,
            allocation: allocation
                .filter(|_| version > 0)
                .map(|a| Assignment { version, ..a }),
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_read(assignment in any_assignment(), subscription in any_subscription()) {
        let bytes = assignment.encode().expect("short texts");
        prop_assert_eq!(Assignment::decode(&bytes), Ok(assignment));
        let bytes = subscription.encode().expect("short texts");
        prop_assert_eq!(Subscription::decode(&bytes), Ok(subscription));
    }

    #[test]
    fn no_bytes_are_trusted(
        subscription in any_subscription(),
        cut in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        soup in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut bytes = subscription.encode().expect("short texts").to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        for bytes in [bytes, soup] {
            // Whatever is accepted means the same after a round trip.
            if let Ok(once) = Subscription::decode(&bytes) {
                let again = once.encode().map(|b| Subscription::decode(&b));
                let expected = Subscription {
                    allocation: once.allocation.clone().filter(|_| once.version > 0).map(|a| Assignment { version: once.version, ..a }),
                    ..once
                };
                if let Ok(again) = again {
                    prop_assert_eq!(again, Ok(expected));
                }
            }
            if let Ok(once) = Assignment::decode(&bytes) && once.version > 0 && let Ok(again) = once.encode() {
                prop_assert_eq!(Assignment::decode(&again), Ok(once));
            }
        }
    }
}
