//! Messages of a Connect group: what the worker's own classes make of ours, and we of theirs.

use std::fmt::Debug;

use bytes::Bytes;
use connectctl::protocol::connect_group::{Assignment, ConnectGroupError, Subscription, Work};

use crate::support::hex::{hex, unhex};
use crate::support::random::Random;
use crate::support::{java, require_kafka};

const GROUP_MESSAGES: &str = include_str!("support/java/GroupMessages.java");

const NAMES: &[&str] = &[
    "",
    "a",
    "file source",
    "é",
    "😀",
    "\u{e000}",
    "tab\t",
    "a-0",
    "x\0y",
];

fn name(random: &mut Random) -> String {
    if random.percent(2) {
        // Almost the longest: damage can lengthen it, and Java must be able to write what it read.
        return "n".repeat(0x7ff0);
    }
    (*random.pick(NAMES)).to_owned()
}

fn work(random: &mut Random) -> Work {
    let mut work = Work::default();
    for _ in 0..random.below(6) {
        let name = name(random);
        for _ in 0..random.below(4) {
            let task = *random.pick(&[-1, 0, 1, 2, 77, i32::MAX, i32::MIN]);
            work.insert(&name, task);
        }
    }
    work
}

fn number(random: &mut Random) -> i64 {
    *random.pick(&[-1, 0, 5, i64::MAX, i64::MIN])
}

fn assignment(random: &mut Random) -> Assignment {
    Assignment {
        version: *random.pick(&[0, 1, 2, 3]),
        error: *random.pick(&[0, 1, -1]),
        leader: name(random),
        leader_url: name(random),
        config_offset: number(random),
        assigned: work(random),
        revoked: work(random),
        delay_ms: *random.pick(&[0, 300_000, i32::MAX, -1]),
    }
}

fn subscription(random: &mut Random) -> Subscription {
    let version = *random.pick(&[0, 1, 2, 3]);
    Subscription {
        version,
        url: name(random),
        config_offset: number(random),
        allocation: random.percent(70).then(|| assignment(random)),
    }
}

/// Cuts a message, lengthens it, or changes bytes of it, mostly.
///
/// No byte becomes ED: for half of a surrogate pair Java reads one U+FFFD where Rust reads one for each byte.
fn damaged(random: &mut Random, bytes: &Bytes) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    match random.below(5) {
        0 => {}
        1 => bytes.truncate(random.index(bytes.len() + 1)),
        2 => bytes.extend([0, 0, 0, 1, 0xff]),
        _ => {
            for _ in 0..=random.below(2) {
                let at = random.index(bytes.len());
                bytes[at] = *random.pick(&[0, 1, 2, 0x7f, 0x80, 0xc3, 0xe2, 0xf0, 0xff]);
            }
        }
    }
    bytes
}

/// A message, and what is left of it in a version.
trait Message: Sized + PartialEq + Debug {
    fn read(bytes: &[u8]) -> Result<Self, ConnectGroupError>;
    fn write(&self) -> Bytes;
    fn in_version(&self, version: i16) -> Self;
}

impl Message for Assignment {
    fn read(bytes: &[u8]) -> Result<Self, ConnectGroupError> {
        Self::decode(bytes)
    }

    fn write(&self) -> Bytes {
        self.encode().expect("no text is too long")
    }

    fn in_version(&self, version: i16) -> Self {
        let mut same = self.clone();
        same.version = version;
        if version == 0 {
            same.revoked = Work::default();
            same.delay_ms = 0;
        }
        same
    }
}

impl Message for Subscription {
    fn read(bytes: &[u8]) -> Result<Self, ConnectGroupError> {
        Self::decode(bytes)
    }

    fn write(&self) -> Bytes {
        self.encode().expect("no text is too long")
    }

    fn in_version(&self, version: i16) -> Self {
        let allocation = self.allocation.as_ref().filter(|_| version > 0);
        Self {
            version,
            url: self.url.clone(),
            config_offset: self.config_offset,
            allocation: allocation.map(|a| a.in_version(version)),
        }
    }
}

/// Both read the same, refuse the same, and write the same length; the order of connectors is no part of a message.
fn compare<M: Message>(mode: &str, generate: impl Fn(&mut Random) -> M) {
    let mut random = Random::new(4);
    let questions: Vec<_> = (0..6000)
        .map(|_| {
            let written = generate(&mut random).write();
            let question = damaged(&mut random, &written);
            let is_intact = question == written;
            (question, is_intact)
        })
        .collect();
    let lines: String = questions.iter().map(|(q, _)| hex(q) + "\n").collect();
    let output = java::run(GROUP_MESSAGES, &[mode], lines.as_bytes()).success();
    let answers: Vec<_> = output.text().lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), questions.len());
    let (mut read, mut refused) = (0, 0);
    for ((question, is_intact), answer) in questions.iter().zip(answers) {
        let ours = M::read(question);
        if answer == "error" {
            assert!(
                ours.is_err(),
                "{}: {ours:?}, Java refuses it",
                hex(question)
            );
            refused += 1;
            continue;
        }
        let ours = ours.unwrap_or_else(|e| panic!("{}: {e}, Java reads it", hex(question)));
        for (version, theirs) in (0..).zip(answer.split('\t')) {
            let theirs = unhex(theirs);
            let expected = ours.in_version(version);
            assert_eq!(
                M::read(&theirs).as_ref(),
                Ok(&expected),
                "{}",
                hex(question)
            );
            if *is_intact {
                assert_eq!(expected.write().len(), theirs.len(), "{}", hex(question));
            }
        }
        read += 1;
    }
    assert!(read > 2000 && refused > 1000, "{read} {refused}");
}

#[test]
fn subscriptions_are_read_and_refused_as_by_the_worker() {
    require_kafka!();
    compare("subscriptions", subscription);
}

#[test]
fn assignments_are_read_and_refused_as_by_the_worker() {
    require_kafka!();
    compare("assignments", assignment);
}
