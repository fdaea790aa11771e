//! The flow: look → show → ask → look again → apply → look → verdict.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use anyhow::anyhow;

use super::look::{Look, Reach, look, offsets_file};
use super::next::{Done, Next};
use super::report::{self, Draft, Report};
use super::{Session, changes, next, verdict};
use crate::cli::args::ReportFormat;
use crate::cli::connect::with_hint;
use crate::cli::consent;
use crate::cli::error::{CliError, Kind, Outcome};
use crate::cli::runtime;
use crate::io::apply::{self, Applied, ApplyError, Means, Target};
use crate::io::consent::{Approved, Consent};
use crate::io::observe::{self, Advertised};
use crate::io::offset_store::WatchedFile;
use crate::io::worker;
use crate::plan::findings::GROUP_IN_USE;
use crate::plan::{Finding, Stopped, render};
use crate::worker::control::{self, Report as ControlReport, Subject};

/// How often a plan may change under the user's yes before the run gives up.
const ROUNDS: usize = 3;

pub(super) async fn run(session: &Session<'_>) -> Result<Outcome, CliError> {
    let mut reach = None;
    let mut seen = look(session, &mut reach).await?;
    for _ in 0..ROUNDS {
        show(session, &seen)?;
        refuse_blocked(session, &seen)?;
        refuse_what_cannot_run(&seen)?;
        if seen.plan.steps().is_empty() {
            return nothing_to_do(session, &seen);
        }
        if session.args.dry_run {
            session.ui.note("dry run: nothing was written");
            if session.args.output == ReportFormat::Text {
                let again = next::again(session.args);
                session.ui.note(&format!("next, to do it: {again}"));
            }
            return Ok(Outcome::Pending);
        }
        let consent = consent::ask(session.ui, session.args.yes).await?;
        let again = look(session, &mut reach).await?;
        let changed = changes::between(&seen, &again);
        if changed.is_empty() {
            return Box::pin(carry_out(session, again, consent, reach)).await;
        }
        for change in changed {
            session.ui.warning(&change);
        }
        if session.args.yes && !changes::is_within(&seen, &again) {
            // What stops the new plan says more than that it is another.
            refuse_blocked(session, &again)?;
            let error = anyhow!(
                "the plan changed while it was being confirmed, and --yes stands for the first one: nothing was written"
            );
            return Err(CliError::new(Kind::Refused, error).hint(
                "is the standalone worker still running, or somebody else at work? Then run the same command again",
            ));
        }
        session.ui.note("This is the plan now:");
        seen = again;
    }
    let error = anyhow!("what the plan rests on keeps changing: nothing was written");
    Err(CliError::new(Kind::Refused, error)
        .hint("is the standalone worker still running? Stop it, then run the same command again"))
}

/// The plan is data: stdout, where a reader or a program takes it. With `-o json` a question needs it on the terminal too.
fn show(session: &Session<'_>, seen: &Look) -> Result<(), CliError> {
    match session.args.output {
        ReportFormat::Text => {
            let page = render::text(&seen.plan, session.ui.width());
            session.ui.data(&page)
        }
        ReportFormat::Json if session.args.dry_run => {
            let mut text = serde_json::to_string_pretty(&render::json(&seen.plan))
                .map_err(anyhow::Error::from)?;
            text.push('\n');
            session.ui.data(&text)
        }
        ReportFormat::Json => {
            if session.ui.can_ask() && !session.args.yes {
                let page = render::text(&seen.plan, session.ui.note_width());
                session.ui.note(&page);
            }
            Ok(())
        }
    }
}

fn refuse_blocked(session: &Session<'_>, seen: &Look) -> Result<(), CliError> {
    let blocked: Vec<_> = seen.plan.blocked().collect();
    if blocked.is_empty() {
        return Ok(());
    }
    let error = anyhow!("refused, nothing was written:{}", reasons(&blocked));
    let refused = CliError::new(Kind::Refused, error);
    let mut hints: Vec<String> = Vec::new();
    for finding in &blocked {
        let hint = format!("{}: {}", finding.id, finding.remedy);
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    let more = hints.len().saturating_sub(HINTS);
    hints.truncate(HINTS);
    let accepted: Vec<&str> = session.args.accepted().collect();
    hints.extend(strangers(&accepted, &blocked));
    if more > 0 {
        hints.push(format!(
            "and {more} more; --accept ID takes all findings of that id"
        ));
    }
    let refused = hints.into_iter().fold(refused, CliError::hint);
    Err(if blocked.iter().any(|f| f.id == GROUP_IN_USE) {
        let command = next::registration(session.args, seen);
        refused.hint(format!("to register with the workers that run: {command}"))
    } else {
        refused
    })
}

/// With `--verify run` every connector must be one that this process has.
fn refuse_what_cannot_run(seen: &Look) -> Result<(), CliError> {
    let plan = &seen.plan;
    if !plan.runs {
        return Ok(());
    }
    let moving = plan.connectors.iter().filter(|c| !c.already_moved);
    let configs = moving.map(|c| (c.name.as_str(), &c.config));
    worker::check(&plan.worker, configs).map_err(|error| {
        let hint = error.hint();
        let error = anyhow::Error::new(error).context("--verify run cannot run this here, nothing was written");
        with_hint(CliError::new(Kind::Refused, error), hint).hint(
            "leave --verify run away: the default proves everything that can be proven without moving data",
        )
    })
}

/// Says of each `--accept ID:NAME` that nothing of this id has this name.
fn strangers(accept: &[&str], blocked: &[&Finding]) -> Vec<String> {
    let mut hints = Vec::new();
    for (id, name) in accept
        .iter()
        .filter_map(|accepted| accepted.split_once(':'))
    {
        let of = blocked.iter().filter(|f| f.id.eq_ignore_ascii_case(id));
        let of: Vec<&str> = of.map(|f| f.subject.as_str()).collect();
        if !of.is_empty() && !of.contains(&name) {
            let of = of[..of.len().min(HINTS)].join(", ");
            hints.push(format!(
                "--accept {id}:{name} accepts none of these: {id} is about {of}"
            ));
        }
    }
    hints
}

/// Hints of a refusal; more are counted.
const HINTS: usize = 8;

/// One line per blocking finding; of many with one id the first few, and how many more.
fn reasons(blocked: &[&Finding]) -> String {
    const SHOWN: usize = 3;
    let mut lines = Vec::new();
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    for f in blocked {
        let number = told.entry(&f.id).or_default();
        *number += 1;
        if *number <= SHOWN {
            lines.push(format!("\n  {} {}: {}", f.id, f.subject, f.message));
        }
    }
    let more = told.iter().filter(|(_, number)| **number > SHOWN);
    lines.extend(more.map(|(id, number)| format!("\n  and {} more of {id}", number - SHOWN)));
    lines.concat()
}

fn nothing_to_do(session: &Session<'_>, seen: &Look) -> Result<Outcome, CliError> {
    let promises = verdict::judge(
        &seen.plan,
        seen.observed.as_ref(),
        seen,
        &Applied::default(),
    );
    let broken = verdict::is_broken(&promises);
    let outcome = if broken {
        "unverified"
    } else {
        "nothing-to-do"
    };
    let draft = Draft::new(seen).with_promises(promises);
    let next = next_commands(session, seen, &seen.plan.stopped, broken);
    let report = Report::new(session, draft, outcome, None, next);
    // A report of a run that ended well tells what was handed over, and stays.
    if !session.args.dry_run && !report::is_saved(session) {
        report.save(session)?;
    }
    // A dry run has printed its document, the plan.
    if session.args.output != ReportFormat::Json || !session.args.dry_run {
        print(session, &report)?;
    }
    if broken {
        let error = anyhow!("there is nothing to do, but a promise is broken (see above)");
        let broken = CliError::new(Kind::Unverified, error);
        let broken = report.hints().into_iter().fold(broken, CliError::hint);
        return Err(
            broken.hint("mend what the broken promise names, then run the same command again")
        );
    }
    Ok(Outcome::Done)
}

async fn carry_out(
    session: &Session<'_>,
    seen: Look,
    consent: Consent,
    reach: Option<Reach>,
) -> Result<Outcome, CliError> {
    let draft = Draft::new(&seen);
    keep(session, &draft);
    let address = advertised(&seen).await;
    let Look {
        inputs,
        plan,
        observed,
    } = seen;
    let approved = Approved::new(plan, consent)
        .ok_or_else(|| CliError::new(Kind::Refused, anyhow!("a finding stops the plan")))?;
    let target = reach
        .as_ref()
        .zip(observed.as_ref())
        .map(|(reach, observed)| Target {
            cluster: &reach.cluster,
            observed,
        });
    let means = Means {
        out: &session.args.out,
        target,
        rest: reach.as_ref().and_then(|reach| reach.rest.as_ref()),
        offsets_file: offsets_file(&inputs).map(|(path, sha256)| WatchedFile { path, sha256 }),
        timeout: session.global.timeout,
        journal: session.journal,
        interrupt: &session.interrupt,
    };
    let failed = |error| apply_failed(session, error);
    let mut ran = apply::apply(&approved, &means).await.map_err(failed)?;
    keep(session, &draft.clone().with_ran(approved.plan(), &ran));
    if let Some(error) = cut_short(session, &mut ran) {
        return Err(error);
    }
    let after = look(session, &mut reach.clone())
        .await
        .map_err(|error| not_verified(session, error))?;
    let mut promises = verdict::judge(approved.plan(), observed.as_ref(), &after, &ran);
    if ran.control.is_some() {
        promises.push(verdict::advertised_address(&address));
    }
    let broken = verdict::is_broken(&promises);
    if !broken && approved.plan().deletes() {
        match verdict::old_names_stay(&promises) {
            Some(left_out) => promises.push(left_out),
            None => apply::delete_old(&approved, &means).await.map_err(failed)?,
        }
    }
    let verified = Verified {
        broken,
        stopped: approved.plan().stopped.clone(),
        left_stopped: ran.run.is_some_and(|run| run.is_broken()),
        unregistered: ran.control.is_some_and(|report| !report.registered),
    };
    conclude(session, draft.with_promises(promises), &verified, &after)
}

/// Keeps what is known so far for the report of a run that is cut short.
fn keep(session: &Session<'_>, draft: &Draft) {
    *session
        .applying
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Some(draft.clone());
}

/// Asked before anything is written: whatever comes of it is known before a connector gets its final state.
async fn advertised(seen: &Look) -> Advertised {
    let cluster_id = seen.observed.as_ref().and_then(|o| o.cluster_id.as_deref());
    observe::advertised(&seen.plan.worker, cluster_id).await
}

/// What has run in this process once is moved, and no further run of the command starts it.
const RESUME: &str = "what ran already stays STOPPED then: start the workers and resume it: PUT /connectors/NAME/resume";

/// Returns the error of a run that ends with what came of the workers of this process.
fn cut_short(session: &Session<'_>, ran: &mut Applied) -> Option<CliError> {
    if let Some(report) = ran.control.as_ref().filter(|report| report.interrupted) {
        return Some(left_when_interrupted(session, report));
    }
    let run = ran.run.as_mut()?;
    match run.failed.take() {
        Some(error) if run.interrupted => Some(interrupted_and_failed(session, &error)),
        Some(error) => Some(apply_failed(session, error)),
        None if run.interrupted => {
            let said = "the worker has ended; the connectors that it ran are STOPPED";
            session.ui.note(said);
            Some(runtime::interrupted().hint(RESUME))
        }
        None => None,
    }
}

/// Ctrl-C came while connectors ran here, and their worker did not end as it was told to.
fn interrupted_and_failed(session: &Session<'_>, error: &ApplyError) -> CliError {
    session.ui.note(&error.to_string());
    let interrupted = if error.is_finished_by_another_run() {
        runtime::interrupted()
    } else {
        CliError::new(Kind::Interrupted, anyhow!("interrupted"))
    };
    with_hint(interrupted, error.hint())
}

/// Ctrl-C came while the embedded worker was at work.
fn left_when_interrupted(session: &Session<'_>, report: &ControlReport) -> CliError {
    let group = report.promises.iter().find(|p| p.subject == Subject::Group);
    let broken = group.filter(|promise| promise.verdict == control::Verdict::Broken);
    session.ui.note(&match broken {
        None => "the embedded worker has left its group; every connector that it stored is STOPPED".to_owned(),
        Some(promise) => format!(
            "every connector that the embedded worker stored is STOPPED; its place in the group ends with its session ({})",
            promise.detail
        ),
    });
    runtime::interrupted()
}

/// What became of a run that was carried out.
struct Verified {
    /// A promise is broken.
    broken: bool,
    /// What was known of the standalone worker before the run.
    stopped: Stopped,
    /// A connector failed while it ran here, and all of them were stopped.
    left_stopped: bool,
    /// The embedded worker did not come to register everything.
    unregistered: bool,
}

/// Nothing is to be started while a promise is broken.
fn next_commands(
    session: &Session<'_>,
    after: &Look,
    stopped: &Stopped,
    broken: bool,
) -> Vec<Next> {
    if broken {
        return Vec::new();
    }
    next::commands(&Done::new(session.args, after, stopped))
}

/// Saves and prints the report of a run that was carried out and judged.
fn conclude(
    session: &Session<'_>,
    draft: Draft,
    verified: &Verified,
    after: &Look,
) -> Result<Outcome, CliError> {
    let broken = verified.broken;
    let outcome = if broken { "unverified" } else { "done" };
    let next = next_commands(session, after, &verified.stopped, broken);
    let report = Report::new(session, draft, outcome, None, next);
    let path = report.save(session)?;
    print(session, &report)?;
    session.ui.note(&format!("report: {}", path.display()));
    if broken {
        let error = anyhow!("applied, but a promise is broken (see above)");
        let unverified = CliError::new(Kind::Unverified, error);
        let unverified = report.hints().into_iter().fold(unverified, CliError::hint);
        if verified.left_stopped {
            return Err(unverified.hint(
                "the connectors are STOPPED, and the topics are the truth: mend what the broken promise names, start the workers, \
                 and resume each: PUT /connectors/NAME/resume",
            ));
        }
        let unverified =
            unverified.hint("run the same command again: it does only what is missing");
        return Err(if verified.unregistered {
            let command = next::registration(session.args, after);
            unverified.hint(format!(
                "if workers of this group run by now, register with them: {command}"
            ))
        } else {
            unverified
        });
    }
    Ok(Outcome::Done)
}

/// All steps were carried out, and the last look at what came of them failed.
fn not_verified(session: &Session<'_>, error: CliError) -> CliError {
    report::save_unfinished(session, "unverified", &format!("{:#}", error.error));
    CliError {
        kind: Kind::Unverified,
        error: error
            .error
            .context("applied, but what came of it was not seen"),
        hints: error.hints,
    }
    .hint("run the same command again: it does only what is missing")
}

fn print(session: &Session<'_>, report: &Report) -> Result<(), CliError> {
    match session.args.output {
        ReportFormat::Text => session.ui.data(&report.summary(session.ui.width())),
        ReportFormat::Json => session.ui.data(&report.json()?),
    }
}

fn apply_failed(session: &Session<'_>, error: ApplyError) -> CliError {
    let kind = if error.is_verification() {
        Kind::Unverified
    } else {
        Kind::Failed
    };
    report::save_unfinished(session, "failed", &error.to_string());
    let hint = error.hint();
    let again = error.is_finished_by_another_run()
        && !hint.as_ref().is_some_and(|hint| hint.contains("run "));
    let failed = with_hint(CliError::new(kind, error), hint);
    if again {
        return failed.hint("run the same command again: it does only what is missing");
    }
    failed
}
