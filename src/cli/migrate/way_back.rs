//! How to go back to the standalone worker: while its files still hold, and once the connectors have delivered.

use super::args::Verify;
use super::next::{Done, Next, said};
use super::read::OFFSETS_FILE_KEY;
use crate::model::connector_config::TargetState;
use crate::model::rest::put_command;
use crate::model::shell::{quoted, quoted_path};

/// Returns the commands, in order: first those that hold for a while only, where that while is not over.
pub(super) fn steps(done: &Done<'_>) -> Vec<Next> {
    let mut next = Vec::new();
    if done.plan.connectors.is_empty() {
        return next;
    }
    let until = until(done);
    if let Some(until) = until {
        next.extend(untouched(done, until));
    }
    next.extend(delivered(done, until.is_some()));
    next
}

/// Returns as long as what nothing can have been delivered; `None`: connectors have run, here or on workers.
fn until(done: &Done<'_>) -> Option<&'static str> {
    if done.args.verify == Verify::Run && !done.args.offline {
        return None;
    }
    let connectors = &done.plan.connectors;
    // One that was there before has delivered, whatever it does now.
    if connectors.iter().any(|c| c.already_moved) {
        return None;
    }
    // The consumers of a paused sink are in its group all the same.
    if connectors
        .iter()
        .all(|c| done.state(c) == TargetState::Stopped)
    {
        return Some("as long as no connector was resumed");
    }
    (!done.has_workers()).then_some("as long as no distributed worker was started")
}

/// The standalone worker goes on from what it has left.
fn untouched(done: &Done<'_>, until: &str) -> Vec<Next> {
    let read = done.plan.offsets.path.as_ref();
    let named = done.standalone.get(OFFSETS_FILE_KEY);
    let has_sources = done.sources().next().is_some();
    let copy = read.zip(named).filter(|_| has_sources);
    if let Some((read, named)) = copy.filter(|(read, named)| read.to_string_lossy() != **named) {
        return vec![
            said(
                &format!(
                    "the way back, {until}: first the offsets file to where the standalone worker reads it"
                ),
                &format!("cp {} {}", quoted_path(read), quoted(named)),
            ),
            said("then the standalone worker again", &standalone(done)),
        ];
    }
    let why = if has_sources {
        "the offsets file was not touched"
    } else {
        "the groups keep their positions"
    };
    let why = format!("the way back, {until}: {why}");
    vec![said(&why, &standalone(done))]
}

/// The offsets file is old, and would deliver again what came since.
fn delivered(done: &Done<'_>, is_to_come: bool) -> Vec<Next> {
    let when = if is_to_come || done.has_workers() {
        "once they have delivered: "
    } else {
        "as they have delivered: if workers run by then, "
    };
    let why = format!(
        "the way back, {when}stop the connectors, so that they flush and nothing moves any more"
    );
    let connectors = done.plan.connectors.iter();
    let names: Vec<&str> = connectors.map(|c| c.name.as_str()).collect();
    let mut next = vec![said(&why, &put_command(&done.url(), &names, "stop"))];
    next.extend(export(done));
    let mut again =
        "then stop these workers, unless others use them, and start the standalone worker again"
            .to_owned();
    if done.plan.connectors.iter().any(|c| c.group != c.old_group) {
        again.push_str("; a renamed sink goes on where its old group stands, and delivers again what came since");
    }
    next.push(said(&again, &standalone(done)));
    next
}

/// Returns how the positions become the file that the standalone worker reads.
fn export(done: &Done<'_>) -> Option<Next> {
    let sources: Vec<_> = done.sources().collect();
    let given = || {
        Some(
            done.plan
                .offsets
                .path
                .as_ref()?
                .to_string_lossy()
                .into_owned(),
        )
    };
    let named = done.standalone.get(OFFSETS_FILE_KEY).cloned();
    let to = named.or_else(given).filter(|_| !sources.is_empty())?;
    let worker = done.args.out.join("distributed.properties");
    let mut words = ["connectctl", "offsets", "export", "--worker-config"]
        .map(str::to_owned)
        .to_vec();
    words.extend([worker.to_string_lossy().into_owned(), "--to".to_owned(), to]);
    let mut why = "then their positions as the file that the standalone worker reads";
    // Of a name without a position an export has nothing, and says so.
    let have_none = sources.iter().all(|c| c.entries == 0);
    for source in sources {
        // In a cluster that others use, theirs are no business of the standalone worker.
        if done.args.target.adopt && (source.entries > 0 || have_none) {
            words.extend(["--connector".to_owned(), source.name.clone()]);
        } else if done.args.target.adopt {
            why = "then their positions as the file that the standalone worker reads; add --connector NAME for a source that had none and has one by then";
        }
        if source.old_name != source.name {
            let back = format!("{}={}", source.name, source.old_name);
            words.extend(["--rename".to_owned(), back]);
        }
    }
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    Some(said(why, &words.join(" ")))
}

fn standalone(done: &Done<'_>) -> String {
    let files = std::iter::once(&done.args.worker).chain(&done.args.connectors);
    let line = files.fold("connect-standalone.sh".to_owned(), |line, path| {
        line + " " + &quoted_path(path)
    });
    if done.args.connectors.is_empty() {
        let made = done.args.out.join("connectors");
        return format!(
            "{line}   # and make its connectors over REST again: {}",
            quoted_path(&made)
        );
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::migrate::next::tests::{done, in_use, planned, typed_line};
    use crate::plan::Observed;
    use crate::plan::tests::builder::cluster;

    const FILES: &str = "w.properties a.properties b.json";

    fn lines(words: &str, seen: &Observed) -> Vec<(String, String)> {
        let args = typed_line(format!("{FILES} {words}").trim());
        let plan = planned(&args, seen);
        let steps = steps(&done(&args, &plan, seen)).into_iter();
        steps.map(|next| (next.why, next.command)).collect()
    }

    const AGAIN: &str = "connect-standalone.sh w.properties a.properties b.json";
    const EXPORT: &str = "connectctl offsets export --worker-config distributed/distributed.properties --to /tmp/connect.offsets";

    #[test]
    fn the_file_holds_until_a_worker_starts_and_afterwards_positions_come_first() {
        let steps = lines("--out distributed", &cluster());
        assert_eq!(
            steps[0].0,
            "the way back, as long as no distributed worker was started: the offsets file was not touched"
        );
        assert_eq!(steps[0].1, AGAIN);
        assert!(
            steps[1]
                .0
                .starts_with("the way back, once they have delivered: stop the")
        );
        assert_eq!(
            steps[1].1,
            "curl -X PUT 'http://WORKER:8083/connectors/{src,local-file-sink}/stop'"
        );
        assert_eq!((&*steps[2].1, &*steps[3].1), (EXPORT, AGAIN));
        assert_eq!(steps.len(), 4);
    }

    #[test]
    fn what_runs_or_ran_has_delivered() {
        let here = lines("--verify run", &cluster());
        assert!(
            here[0]
                .0
                .starts_with("the way back, as they have delivered: if workers run")
        );
        assert_eq!((&*here[1].1, &*here[2].1), (EXPORT, AGAIN));
        let there = lines("--url http://w:8083", &in_use("http://w:8083"));
        assert!(
            there[0]
                .0
                .starts_with("the way back, once they have delivered: stop")
        );
        assert!(there[0].1.contains("'http://w:8083/connectors/{src,"));
        assert_eq!(there.len(), 3);
        let stopped = lines(
            "--url http://w:8083 --initial-state stopped",
            &in_use("http://w:8083"),
        );
        assert!(
            stopped[0].0.contains("as long as no connector was resumed"),
            "{stopped:?}"
        );
        assert_eq!(stopped[0].1, AGAIN);
    }

    #[test]
    fn a_file_that_the_standalone_worker_does_not_name_is_copied_first() {
        let args = typed_line(FILES);
        let seen = cluster();
        let mut plan = planned(&args, &seen);
        plan.offsets.path = Some("captured/my offsets".into());
        let steps = steps(&done(&args, &plan, &seen));
        assert_eq!(
            steps[0].command,
            "cp 'captured/my offsets' /tmp/connect.offsets"
        );
        assert_eq!(steps[1].command, AGAIN);
        assert_eq!(steps[3].command, EXPORT);
    }

    #[test]
    fn the_export_gives_the_old_names_and_names_in_the_cluster_of_others_who_has_positions() {
        let words = "--rename src=new --rename local-file-sink=new-sink";
        let steps = lines(words, &cluster());
        assert_eq!(steps[2].1, format!("{EXPORT} --rename new=src"));
        assert!(
            steps[3]
                .0
                .contains("a renamed sink goes on where its old group stands")
        );
        let args = typed_line(&format!("{FILES} {words} --adopt"));
        let seen = cluster();
        let mut plan = planned(&args, &seen);
        let mut second = plan.connectors[0].clone();
        (second.name, second.entries) = ("fresh".to_owned(), 0);
        second.old_name = second.name.clone();
        plan.connectors.push(second);
        let export = &super::steps(&done(&args, &plan, &seen))[2];
        assert_eq!(
            export.command,
            format!("{EXPORT} --connector new --rename new=src")
        );
        assert!(
            export.why.contains("add --connector NAME"),
            "{}",
            export.why
        );
    }
}
