//! Why nothing can be decided.

/// Why a round has no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssignorError {
    /// The broker listed members without the one that it told to lead them.
    #[error("the leader {leader} is not among the members that the broker lists: {members:?}")]
    LeaderNotAMember {
        leader: String,
        members: Vec<String>,
    },
}
