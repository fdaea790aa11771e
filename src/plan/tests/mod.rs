//! Tests of the plan as a whole, on deployments built in a few words.

mod aborted;
pub(crate) mod builder;
mod listeners;
mod model_cluster;
mod own_store;
mod permissions;
mod target;
mod unseen_groups;
mod warnings;
mod whole;
