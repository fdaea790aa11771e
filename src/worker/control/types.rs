//! What a control run is given, is told, and wants done.

use indexmap::IndexMap;

use super::{Record, Report};
use crate::model::connector_config::TargetState;
use crate::worker::{Millis, Trouble};

/// What a control run is to do.
#[derive(Debug, Clone)]
pub struct Job {
    pub connectors: Vec<Connector>,
    /// How long the group may take to answer, and how long a write is tried again.
    pub patience: Millis,
    /// `session.timeout.ms`: how long the coordinator keeps a member that it does not hear of.
    pub session: Millis,
}

/// One connector of the job.
#[derive(Debug, Clone)]
pub struct Connector {
    pub name: String,
    /// `name` included.
    pub config: IndexMap<String, String>,
    pub registration: Registration,
    /// What it becomes in the end.
    pub final_state: TargetState,
}

/// What the config topic has of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    Create,
    /// It is there with another configuration, perhaps with tasks: it is stopped as a leader stops it, then changed.
    Update,
    /// It is there as it should be, STOPPED.
    Present,
}

/// What the run is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Begins.
    Start,
    /// Members of the group, each as a reader knows it; empty: nobody is in it. Or why that is not known.
    Group(Result<Vec<String>, Trouble>),
    /// This worker is alone in the group and leads it; again after it had lost its generation.
    Joined {
        generation: i32,
        /// When the request was sent that the coordinator answered with it.
        sent: Millis,
    },
    /// The coordinator has confirmed the generation, and no round is under way.
    Confirmed {
        /// When the heartbeat was sent.
        sent: Millis,
    },
    /// Others are in the group; this worker is out of it, or why that is not known.
    OtherMembers {
        others: Vec<String>,
        left: Result<(), Trouble>,
    },
    /// This worker cannot be a member.
    GroupFailed(Trouble),
    /// All records of [`Action::Write`] are acknowledged.
    Written,
    WriteFailed {
        reason: Trouble,
        why: WriteFailure,
    },
    /// What came of [`Action::Check`].
    Checked {
        check: Check,
        finding: Finding,
    },
    /// The coordinator says that this worker is no member any more, or why that is not known.
    Left(Result<(), Trouble>),
    /// [`Control::deadline`] has come.
    Timeout {
        /// Why the last request to the coordinator came to nothing; `None`: it is still waited for.
        failed: Option<Trouble>,
    },
    /// The user wants out.
    Interrupted,
}

/// Why records were not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteFailure {
    /// The topic takes no batch of this size.
    TooLarge,
    /// It may pass: try again.
    Passing,
    Lasting,
}

/// What a check came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// All is as it should be; what that is.
    Good(String),
    /// What could be looked at is as it should be; and what could not.
    Unseen(String),
    /// There was nothing to look at; why.
    Nothing(String),
    /// What is not.
    Bad(Trouble),
}

/// Something that is looked at and compared with what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Check {
    /// The storage topics can be read and written.
    Topics,
    /// Every connector is stored with its configuration, STOPPED.
    Connectors,
    /// Every seeded offset is the one that a worker finds.
    Offsets,
    /// The sinks' groups stand where they stood.
    Sinks,
    /// The worker's REST API answers with the stored connectors.
    Rest,
    /// Every connector has its final target state.
    States,
}

/// What the run wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask who is in the group.
    LookAtGroup,
    Check(Check),
    /// Join the group, and stay in it until [`Action::Leave`].
    Join,
    /// Have the coordinator confirm the generation with a heartbeat sent now.
    Confirm,
    /// Write these records to the config topic as one batch.
    Write {
        records: Vec<Record>,
        /// When the write must be over, or given up; `None`: no generation stands behind it.
        until: Option<Millis>,
    },
    /// Leave the group and wait for the answer.
    Leave,
    Finish(Report),
}
