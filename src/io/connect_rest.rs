//! HTTP client for the REST API of a Connect worker or cluster.
