//! The yes of the user, as a value: what applies a plan asks for it, and only a question or `--yes` makes it.

use crate::plan::Plan;
use crate::plan::offset_seed::SeedPlan;

/// One yes to one plan. It cannot be copied: a new plan needs a new one.
#[derive(Debug)]
pub struct Consent(());

impl Consent {
    /// Asks, and returns the consent when the answer is yes.
    pub async fn ask<E>(
        question: impl Future<Output = Result<bool, E>>,
    ) -> Result<Option<Self>, E> {
        Ok(question.await?.then_some(Self(())))
    }

    /// Returns the consent that `--yes` gave in advance.
    pub fn by_flag(yes: bool) -> Option<Self> {
        yes.then_some(Self(()))
    }
}

/// A plan that findings can stop.
pub trait Gated {
    /// Returns whether some finding stops it.
    fn is_stopped(&self) -> bool;
}

impl Gated for Plan {
    fn is_stopped(&self) -> bool {
        self.blocked().next().is_some()
    }
}

impl Gated for SeedPlan {
    fn is_stopped(&self) -> bool {
        self.blocked().next().is_some()
    }
}

/// A plan that may be applied: shown, not refused by any gate, and consented to.
#[derive(Debug)]
pub struct Approved<P> {
    plan: P,
    _consent: Consent,
}

impl<P: Gated> Approved<P> {
    /// Returns the approved plan, or `None` when a finding stops it, whatever the user said.
    pub fn new(plan: P, consent: Consent) -> Option<Self> {
        (!plan.is_stopped()).then_some(Self {
            plan,
            _consent: consent,
        })
    }

    pub fn plan(&self) -> &P {
        &self.plan
    }

    /// Returns the plan once it was applied.
    pub fn into_plan(self) -> P {
        self.plan
    }
}
