//! What files, storage records and REST bodies say. Pure: no socket, file or clock.

pub mod connector_config;
pub mod jaas;
pub mod offset_file;
pub mod offset_key;
pub mod password;
pub mod placeholder;
pub mod properties;
pub mod raw_json;
pub mod rest;
pub mod secrets;
pub mod shell;
pub mod storage_records;
pub mod worker_config;
