//! The only place with sockets, files, clocks and processes.

pub mod connect_rest;
pub mod files;
pub mod kafka;
pub mod providers;
pub mod storage_topics;
