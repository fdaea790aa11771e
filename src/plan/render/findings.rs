//! What the plan has to say, the worst first; many of one kind are a few and a count.

use crate::plan::{Class, Finding, Reason};

use super::{ARROW, BLOCK, FAINT, Page, WARN, count, visible};

/// Findings of one id that are told in full.
const SHOWN: usize = 3;

/// `reasons` stand beside the diff of the worker file, where there is one.
pub(super) fn show(findings: &[Finding], reasons: &[Reason], page: &mut Page) {
    page.heading(&heading(findings));
    if findings.is_empty() {
        page.line(format_args!("  none"));
    }
    let (mended, told): (Vec<&Finding>, Vec<&Finding>) =
        findings.iter().partition(|f| f.class == Class::Fixed);
    let mut rest = told.as_slice();
    while let Some(first) = rest.first() {
        let same = |f: &&Finding| {
            f.id == first.id && f.class == first.class && f.accepted == first.accepted
        };
        let of_one_kind = rest.iter().take_while(|f| same(f)).count();
        let (group, after) = rest.split_at(of_one_kind);
        let alike = group.iter().all(|f| f.remedy == first.remedy);
        for finding in group.iter().take(SHOWN) {
            one(finding, page);
            if !alike {
                remedy(finding, page);
            }
        }
        if alike && group.len() <= SHOWN {
            remedy(first, page);
        }
        if group.len() > SHOWN {
            let more = group.len() - SHOWN;
            page.line(format_args!(
                "  and {} of {}",
                count(more, "more finding"),
                first.id
            ));
            if alike {
                remedy(first, page);
            }
        }
        rest = after;
    }
    fixed(reasons, &mended, page);
}

/// `Findings: 1 block, 2 warn, 5 fixed`
fn heading(findings: &[Finding]) -> String {
    let of = |class| {
        findings
            .iter()
            .filter(|f| f.class == class && !f.accepted)
            .count()
    };
    let accepted = findings.iter().filter(|f| f.accepted).count();
    let counts = [
        (of(Class::Block), "block"),
        (accepted, "accepted"),
        (of(Class::Warn), "warn"),
        (of(Class::Info), "info"),
        (of(Class::Fixed), "fixed"),
    ];
    let shown: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    match shown.as_slice() {
        [] => "Findings".to_owned(),
        shown => format!("Findings: {}", shown.join(", ")),
    }
}

/// Changes of the worker file have their reason beside the diff; here their ids are enough.
fn fixed(reasons: &[Reason], mended: &[&Finding], page: &mut Page) {
    let (in_diff, others): (Vec<&Finding>, Vec<&Finding>) = mended
        .iter()
        .partition(|f| reasons.iter().any(|r| r.key == f.subject));
    for finding in others.iter().take(SHOWN * SHOWN) {
        let line = format!(
            "  fixed {}: {}; {}",
            finding.id, finding.message, finding.remedy
        );
        page.styled(FAINT, &line);
    }
    if others.len() > SHOWN * SHOWN {
        let more = others.len() - SHOWN * SHOWN;
        page.line(format_args!("  and {} fixed", count(more, "more finding")));
    }
    let mut ids: Vec<&str> = in_diff.iter().map(|f| f.id.as_str()).collect();
    ids.dedup();
    if !ids.is_empty() {
        let line = format!("  fixed in distributed.properties: {}", ids.join(", "));
        page.styled(FAINT, &line);
    }
}

fn one(finding: &Finding, page: &mut Page) {
    let (style, word) = match (finding.class, finding.accepted) {
        (Class::Block, false) => (BLOCK, "block"),
        (Class::Block, true) => (WARN, "accepted"),
        (Class::Warn, _) => (WARN, "warn"),
        (Class::Fixed, _) => (FAINT, "fixed"),
        (Class::Info, _) => (FAINT, "info"),
    };
    page.line(format_args!(
        "  {style}{word} {}{style:#}: {}",
        finding.id,
        visible(&finding.message)
    ));
}

fn remedy(finding: &Finding, page: &mut Page) {
    if !finding.remedy.is_empty() {
        let mut lines = finding.remedy.split('\n');
        let words = lines.next().unwrap_or_default();
        page.line(format_args!(
            "    {FAINT}{ARROW}{}{FAINT:#}",
            visible(words)
        ));
        // Commands: they are pasted, and a line break would end one too early.
        for command in lines {
            page.verbatim(FAINT, &format!("       {command}"));
        }
    }
}
