//! The yes before something is changed: asked for on a terminal, or given with `--yes`.

use anyhow::anyhow;

use super::error::{CliError, Kind};
use super::output::Ui;
use crate::io::consent::Consent;

/// Asks whether the plan that was shown is to be applied; without a terminal and without `--yes` it is refused.
pub(super) async fn ask(ui: &Ui, yes: bool) -> Result<Consent, CliError> {
    if let Some(consent) = Consent::by_flag(yes) {
        return Ok(consent);
    }
    if !ui.can_ask() {
        let error = anyhow!("there is no terminal to ask on: nothing was written");
        return Err(CliError::new(Kind::Refused, error)
            .hint("add --yes to apply this plan, or --dry-run to see it only"));
    }
    let question = ui.confirm("Apply this plan?");
    Consent::ask(question).await?.ok_or_else(|| {
        CliError::new(
            Kind::Refused,
            anyhow!("the answer was no: nothing was written"),
        )
    })
}
