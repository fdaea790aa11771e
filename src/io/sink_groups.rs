//! The sinks' groups against how they were: nobody in them, and the committed offsets where they stood.

use std::collections::BTreeMap;

use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::groups::GroupMember;
pub use crate::io::kafka::groups::Positions;

/// Asks where the groups stand and who is in them, and returns every difference, in order, as a sentence fragment.
///
/// A member is one even before it commits: a worker commits once in a flush interval, and delivers all the while.
pub async fn moved(
    cluster: &Cluster,
    stood: &BTreeMap<String, Positions>,
) -> Result<Vec<String>, KafkaError> {
    let groups: Vec<_> = stood.keys().cloned().collect();
    let now = cluster.committed_offsets_of(&groups).await?;
    let mut wrong = Vec::new();
    for (group, committed) in now {
        wrong.extend(differences(&group, &stood[&group], &committed?));
    }
    wrong.extend(members(cluster, stood).await?);
    wrong.sort();
    Ok(wrong)
}

async fn members(
    cluster: &Cluster,
    stood: &BTreeMap<String, Positions>,
) -> Result<Vec<String>, KafkaError> {
    let groups: Vec<_> = stood.keys().cloned().collect();
    let mut wrong = Vec::new();
    for (group, described) in cluster.describe_groups(&groups).await? {
        let members: Vec<_> = described?
            .members
            .iter()
            .map(GroupMember::to_string)
            .collect();
        if !members.is_empty() {
            wrong.push(format!(
                "somebody consumes in {group}: {}",
                members.join(", ")
            ));
        }
    }
    Ok(wrong)
}

/// Both ways: a position that is new is somebody's commit too.
fn differences(group: &str, before: &Positions, now: &Positions) -> Vec<String> {
    let moved = before.iter().filter_map(|(at, before)| {
        let now = now.get(at);
        (now != Some(before)).then(|| {
            let now = now.map_or("gone".to_owned(), ToString::to_string);
            format!("{} was at {before} and is {now}", place(group, at))
        })
    });
    let new = now
        .iter()
        .filter(|(at, _)| !before.contains_key(*at))
        .map(|(at, now)| format!("{} had no position and is at {now}", place(group, at)));
    moved.chain(new).collect()
}

fn place(group: &str, (topic, partition): &(String, i32)) -> String {
    format!("{group} {topic}-{partition}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(of: &[(i32, i64)]) -> Positions {
        let at = |(partition, offset): &(i32, i64)| (("t".to_owned(), *partition), *offset);
        of.iter().map(at).collect()
    }

    #[test]
    fn a_position_that_moved_went_or_came_is_told() {
        let before = positions(&[(0, 5), (1, 6), (2, 7)]);
        assert!(differences("g", &before, &before).is_empty());
        assert_eq!(
            differences("g", &before, &positions(&[(0, 5), (1, 9), (3, 1)])),
            [
                "g t-1 was at 6 and is 9",
                "g t-2 was at 7 and is gone",
                "g t-3 had no position and is at 1",
            ]
        );
        assert_eq!(
            differences("g", &Positions::new(), &positions(&[(0, 0)])),
            ["g t-0 had no position and is at 0"]
        );
    }
}
