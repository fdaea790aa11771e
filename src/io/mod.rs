//! The only place with sockets, files, clocks and processes.

pub mod apply;
pub mod connect_rest;
pub mod consent;
pub mod doctor;
pub mod embedded;
pub mod files;
mod ignored;
pub mod interrupt;
pub mod isolation;
pub mod kafka;
pub mod native;
pub mod observe;
pub mod offset_store;
pub mod providers;
pub mod rest_tls;
pub mod sink_consumers;
pub mod sink_groups;
pub mod standalone;
pub mod storage_topics;
pub mod worker;
