//! Broker error codes: name, retriable, advice.
