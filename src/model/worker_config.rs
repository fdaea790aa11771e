//! Worker settings: standalone and distributed.
