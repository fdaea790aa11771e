//! What the plan has to say, the worst first; many of one kind are a few and a count.

use crate::plan::{Class, Finding, Reason};

use super::{BLOCK, FAINT, Page, WARN, count, visible};

/// Findings of one id that are told in full.
const SHOWN: usize = 3;

/// `reasons` stand beside the diff of the worker file, where there is one.
pub(super) fn show(findings: &[Finding], reasons: &[Reason], page: &mut Page) {
    page.heading(&format!("Findings ({})", findings.len()));
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
        for finding in group.iter().take(SHOWN) {
            one(finding, page);
        }
        if group.len() > SHOWN {
            let more = group.len() - SHOWN;
            page.line(format_args!(
                "  and {} of {}",
                count(more, "more finding"),
                first.id
            ));
        }
        rest = after;
    }
    fixed(reasons, &mended, page);
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
    if !finding.remedy.is_empty() {
        page.line(format_args!(
            "    {FAINT}→ {}{FAINT:#}",
            visible(&finding.remedy)
        ));
    }
}
