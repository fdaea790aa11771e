//! How to reach a cluster: addresses, client id, security, and how long to wait.

use std::time::Duration;

use crate::io::kafka::security::Security;

/// What a connection to a cluster needs.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// `host:port`, at least one.
    pub bootstrap: Vec<String>,
    pub client_id: String,
    pub security: Security,
    /// How long any one operation may take.
    pub timeout: Duration,
}

impl ClientSettings {
    /// Returns settings for an unencrypted, unauthenticated listener.
    pub fn plaintext(bootstrap: Vec<String>, timeout: Duration) -> Self {
        Self {
            bootstrap,
            client_id: "connectctl".to_owned(),
            security: Security::default(),
            timeout,
        }
    }
}
