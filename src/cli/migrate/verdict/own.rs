//! What becomes of a promise about positions where sources look for theirs in topics of their own.

use std::collections::HashSet;

use super::promise::{Promise, Verdict, broken, not_known};
use super::{OFFSETS, listed};
use crate::plan::{self, ConnectorKind, Observed, OwnOffsets, Plan, StoredConnector};

/// What is where it was put is kept only where its source finds it there.
pub(super) fn found(promise: Promise, applied: &Plan, observed: &Observed) -> Promise {
    // Those that workers run write there.
    let at_rest = |name: &String| {
        let stored = observed.stored_connectors.get(name);
        !observed.is_in_use() || stored.is_none_or(StoredConnector::is_at_rest)
    };
    let own = of_sources(applied, observed).filter(|(name, _)| at_rest(name));
    let unfound = plan::unfound(own, &applied.positions);
    if promise.verdict == Verdict::Kept && !unfound.is_empty() {
        return broken(OFFSETS, listed(unfound.into_iter()));
    }
    seen(promise, applied, observed)
}

/// Nothing is kept where a source looks in a place that was not looked at.
pub(super) fn seen(promise: Promise, applied: &Plan, observed: &Observed) -> Promise {
    match plan::unseen(of_sources(applied, observed)) {
        Some(unseen) if promise.verdict == Verdict::Kept => {
            not_known(OFFSETS, format!("{}; {unseen}", promise.detail))
        }
        _ => promise,
    }
}

/// What the sources that were to be moved have in topics of their own.
fn of_sources<'a>(
    applied: &Plan,
    observed: &'a Observed,
) -> impl Iterator<Item = (&'a String, &'a OwnOffsets)> {
    let moving = applied.connectors.iter().filter(|c| !c.already_moved);
    let sources = moving.filter(|c| c.kind != ConnectorKind::Sink);
    let names: HashSet<&str> = sources.map(|c| c.name.as_str()).collect();
    let own = observed.own_offsets.iter();
    own.filter(move |(name, _)| names.contains(name.as_str()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::promise::kept;
    use super::*;
    use crate::model::connector_config::TargetState;
    use crate::model::worker_config::{OwnStore, Place};
    use crate::plan::tests::builder::{SOURCE, WORKER, choices, cluster, deployment, make};
    use crate::plan::{ConnectGroup, Held};

    const KEY: &str = r#"["src",{"filename":"f"}]"#;
    const VALUE: &str = r#"{"position":5}"#;

    fn applied() -> Plan {
        let file = deployment(WORKER, &[SOURCE]).with_offsets(&[(KEY, Some(VALUE))]);
        make(&file, &choices(), Some(&cluster())).expect("a plan")
    }

    /// A source that has this in a topic of its own, a tombstone perhaps; nothing: it was not read.
    fn holding(place: Place, held: &[Option<&'static str>]) -> Observed {
        let mut observed = cluster();
        let held = held.first();
        let held = held.map(|value| Held::from([(KEY.into(), value.map(Bytes::from))]));
        let store = OwnStore {
            topic: "own".to_owned(),
            place,
            is_named: true,
        };
        let own = OwnOffsets {
            store,
            held,
            is_open: false,
        };
        observed.own_offsets.insert("src".to_owned(), own);
        observed
    }

    fn judged(observed: &Observed) -> Promise {
        found(kept(OFFSETS, "read back".to_owned()), &applied(), observed)
    }

    #[test]
    fn what_is_read_back_is_kept_only_where_the_source_finds_it() {
        assert_eq!(judged(&cluster()).verdict, Verdict::Kept);
        let there = holding(Place::Here, &[Some(VALUE)]);
        assert_eq!(judged(&there).verdict, Verdict::Kept);
        for other in [None, Some(r#"{"position":9}"#)] {
            let mut other = holding(Place::Here, &[other]);
            let broken = judged(&other);
            assert_eq!(broken.verdict, Verdict::Broken, "{broken:?}");
            assert!(broken.detail.contains("offset topic own"), "{broken:?}");
            // Once workers run it, it writes there.
            let mut running = crate::plan::StoredConnector {
                config: indexmap::IndexMap::new(),
                target: TargetState::Started,
                has_run: true,
                may_have_run: true,
                running_tasks: 1,
            };
            other.connect_group = Some(ConnectGroup {
                state: "Stable".to_owned(),
                protocol_type: "connect".to_owned(),
                members: vec!["worker".to_owned()],
                urls: Vec::new(),
            });
            let stored = &mut other.stored_connectors;
            stored.insert("src".to_owned(), running.clone());
            assert_eq!(judged(&other).verdict, Verdict::Kept);
            (running.target, running.running_tasks) = (TargetState::Stopped, 0);
            let stored = &mut other.stored_connectors;
            stored.insert("src".to_owned(), running);
            assert_eq!(judged(&other).verdict, Verdict::Broken);
        }
    }

    #[test]
    fn what_was_not_looked_at_is_not_known() {
        for unread in [Place::Here, Place::Elsewhere, Place::Unnamed] {
            let promise = judged(&holding(unread, &[]));
            assert_eq!(promise.verdict, Verdict::NotKnown, "{promise:?}");
            assert!(promise.detail.starts_with("read back; not looked at"));
        }
        for unclear in [Place::HereOrElsewhere, Place::WorkersOrElsewhere] {
            let promise = judged(&holding(unclear, &[Some(VALUE)]));
            assert_eq!(promise.verdict, Verdict::NotKnown, "{promise:?}");
        }
    }
}
