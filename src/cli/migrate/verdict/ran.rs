//! What is said of connectors that ran in this process: that they ran, and where they were before and after.

use super::promise::{Promise, broken, kept, not_performed};
use super::{OFFSETS, listed, own};
use crate::io::apply::RunReport;
use crate::plan::{Observed, Plan, SeedRecord};

const RAN: &str = "connectors ran in this process";

pub(super) fn connectors(run: &RunReport) -> Promise {
    let outcomes = || run.connectors.iter();
    let failed: Vec<String> = outcomes()
        .filter_map(|(name, outcome)| Some(format!("{name}: {}", outcome.as_ref().err()?)))
        .collect();
    let promise = if run.interrupted || run.failed.is_some() {
        let so_far = outcomes().map(|(name, outcome)| match outcome {
            Ok(reached) => format!("{name}: {reached}"),
            Err(reason) => format!("{name}: {reason}"),
        });
        cut_short(run, failed.is_empty(), &listed(so_far))
    } else if failed.is_empty() {
        let names = outcomes().map(|(name, _)| name.clone());
        kept(RAN, format!("RUNNING without an error: {}", listed(names)))
    } else {
        broken(RAN, failed.join("; "))
    };
    Promise {
        ms: u64::try_from(run.took.as_millis()).ok(),
        ..promise
    }
}

/// A run that did not come to its end proves nothing of those that ran, and says so of each.
fn cut_short(run: &RunReport, all_well: bool, so_far: &str) -> Promise {
    match &run.failed {
        Some(error) => broken(RAN, format!("{error}. {so_far}")),
        None if all_well => not_performed(RAN, &format!("interrupted. {so_far}")),
        None => broken(RAN, format!("interrupted. {so_far}")),
    }
}

/// Compares the sources' positions with those that they began with.
pub(super) fn positions(applied: &Plan, after: &Observed) -> Promise {
    let mut wrong = Vec::new();
    let mut said = Vec::new();
    for position in applied.positions.iter() {
        match moved(position, after) {
            Ok(line) => said.push(line),
            Err(line) => wrong.push(line),
        }
    }
    if wrong.is_empty() {
        own::seen(kept(OFFSETS, listed(said.into_iter())), applied, after)
    } else {
        broken(OFFSETS, listed(wrong.into_iter()))
    }
}

/// Says where a source went, or that it went back.
fn moved(position: &SeedRecord, after: &Observed) -> Result<String, String> {
    let name = &position.connector;
    let shown = |value: Option<&[u8]>| {
        let value = value.map(String::from_utf8_lossy);
        value.map_or_else(|| "none".to_owned(), std::borrow::Cow::into_owned)
    };
    let before = position.value.as_deref();
    // What a source has in a topic of its own goes over what the workers' topic has of it.
    let own = after
        .own_offsets
        .get(name)
        .and_then(|own| own.held.as_ref());
    let now = if let Some(own) = own {
        own.get(&position.key).and_then(Option::as_deref)
    } else {
        let held = after.stored_offsets.get(&position.key);
        held.and_then(|held| held.value.as_deref())
    };
    if now == before {
        let before = shown(before);
        return Ok(format!("{name} at {before}: idle, not contradicted"));
    }
    let line = format!("{name} from {} to {}", shown(before), shown(now));
    match (number(before), number(now)) {
        (Some(before), Some(now)) if now < before => Err(format!("{line}: it went back")),
        (Some(_), None) => Err(format!("{line}: it lost its position")),
        _ => Ok(line),
    }
}

/// The position of a file source, the only source of this process.
fn number(value: Option<&[u8]>) -> Option<i64> {
    let value: serde_json::Value = serde_json::from_slice(value?).ok()?;
    value.get("position")?.as_i64()
}

/// Says where the group of a sink went; that it did not go back is judged elsewhere.
pub(super) fn sink(from: &str, to: &str, before: &Observed, after: &Observed) -> String {
    let Some(old) = before.sink_groups.get(from) else {
        return format!("{to} began without committed offsets");
    };
    let now = |at: &(String, i32)| {
        let group = after.sink_groups.get(to)?;
        Some(group.positions.get(at)?.committed)
    };
    let lines = old.positions.iter().map(|(at, position)| {
        let ((topic, partition), before) = (at, position.committed);
        match now(at) {
            Some(now) if now != before => format!("{topic}-{partition} from {before} to {now}"),
            _ => format!("{topic}-{partition} at {before}: idle, not contradicted"),
        }
    });
    format!("{to}: {}", listed(lines))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::migrate::verdict::promise::Verdict;
    use crate::plan::StoredOffset;
    use crate::plan::tests::builder::{SOURCE, WORKER, choices, cluster, deployment, make};

    #[test]
    fn a_source_may_go_forward_and_stay_and_never_back() {
        let key = r#"["src",{"filename":"f"}]"#;
        let file = deployment(WORKER, &[SOURCE]).with_offsets(&[(key, Some(r#"{"position":5}"#))]);
        let plan = make(&file, &choices(), Some(&cluster())).expect("a plan");
        let judged = |value: &'static str| {
            let mut after = cluster();
            let held = StoredOffset {
                partition: 0,
                offset: 0,
                value: Some(value.into()),
                elsewhere: Vec::new(),
                otherwise: None,
            };
            after.stored_offsets.insert(key.into(), held);
            positions(&plan, &after)
        };
        let moved = judged(r#"{"position":27}"#);
        assert_eq!(
            moved.detail,
            r#"src from {"position":5} to {"position":27}"#
        );
        assert_eq!(moved.verdict, Verdict::Kept);
        let idle = judged(r#"{"position":5}"#);
        assert!(idle.detail.contains("idle, not contradicted"), "{idle:?}");
        assert_eq!(judged(r#"{"position":4}"#).verdict, Verdict::Broken);
        assert_eq!(judged("{}").verdict, Verdict::Broken);
    }
}
