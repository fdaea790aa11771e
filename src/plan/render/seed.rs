//! What `offsets seed` will write, for the eye.

use crate::plan::offset_seed::SeedPlan;
use crate::plan::{SeedRecord, Step, Stopped};

use super::{Page, count, findings, visible};

/// Connectors that are listed one by one.
const CONNECTORS_SHOWN: usize = 20;

/// Returns the page, coloured, and wrapped at `width` columns if it is for a terminal.
pub fn seed(plan: &SeedPlan, width: Option<usize>) -> String {
    let mut page = Page {
        width,
        ..Page::default()
    };
    page.heading(&format!(
        "Offset topic {} ({})",
        visible(&plan.topic),
        count(partitions(plan.partitions), "partition")
    ));
    for connector in plan.connectors.iter().take(CONNECTORS_SHOWN) {
        let renamed = if connector.name == connector.old_name {
            String::new()
        } else {
            format!(" (from {})", visible(&connector.old_name))
        };
        page.line(format_args!(
            "  {}{renamed}: {}, {} to write",
            visible(&connector.name),
            count(connector.positions, "position"),
            connector.to_seed
        ));
    }
    let more = plan.connectors.len().saturating_sub(CONNECTORS_SHOWN);
    if more > 0 {
        page.line(format_args!("  and {}", count(more, "more connector")));
    }
    page.line(format_args!(
        "  standalone worker: {}",
        stopped(&plan.stopped)
    ));
    findings::show(&plan.findings, &[], &mut page);
    page.heading("To do");
    if plan.records.is_empty() {
        page.line(format_args!("  nothing to do"));
    } else {
        let gone = plan.records.iter().filter(|r| is_tombstone(r)).count();
        let ended = if gone > 0 {
            format!(" ({} ended)", count(gone, "old position"))
        } else {
            String::new()
        };
        page.line(format_args!("  {}{ended}", Step::Seed(plan.records.len())));
    }
    page.text
}

fn is_tombstone(record: &SeedRecord) -> bool {
    record.value.is_none()
}

fn partitions(number: i32) -> usize {
    usize::try_from(number).unwrap_or(0)
}

fn stopped(stopped: &Stopped) -> String {
    match stopped {
        Stopped::Proven(how) => format!("not seen at work: {how}"),
        Stopped::Asserted => "stopped, as --source-stopped says".to_owned(),
        Stopped::Unknown(why) => format!("not known to be stopped: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::plan::offset_seed::SeedConnector;
    use crate::plan::{Class, Finding};

    fn record(value: Option<&'static str>) -> SeedRecord {
        SeedRecord {
            connector: "a".to_owned(),
            key: Bytes::new(),
            value: value.map(|value| Bytes::from_static(value.as_bytes())),
            partition: Some(0),
        }
    }

    #[test]
    fn the_page_says_what_is_written_where_and_why_not() {
        let plan = SeedPlan {
            topic: "o".to_owned(),
            partitions: 25,
            connectors: vec![
                SeedConnector {
                    name: "a".to_owned(),
                    old_name: "a\u{1b}".to_owned(),
                    positions: 3,
                    to_seed: 2,
                },
                SeedConnector {
                    name: "b".to_owned(),
                    old_name: "b".to_owned(),
                    positions: 1,
                    to_seed: 0,
                },
            ],
            records: vec![record(Some("{}")), record(None)],
            findings: vec![Finding {
                id: "P57".to_owned(),
                class: Class::Block,
                subject: "a".to_owned(),
                message: "there are others".to_owned(),
                remedy: "--overwrite-offsets".to_owned(),
                accepted: false,
            }],
            stopped: Stopped::Asserted,
        };
        let page = anstream::adapter::strip_str(&seed(&plan, None)).to_string();
        assert_eq!(
            page,
            "Offset topic o (25 partitions)\n  \
             a (from a\\u{1b}): 3 positions, 2 to write\n  \
             b: 1 position, 0 to write\n  \
             standalone worker: stopped, as --source-stopped says\n\n\
             Findings: 1 block\n  \
             block P57: there are others\n    \
             -> --overwrite-offsets\n\n\
             To do\n  \
             seed 2 offsets and read them back (1 old position ended)\n"
        );
    }
}
