//! TLS and SASL of a connection, as values.

use std::sync::Arc;

use crate::io::kafka::sasl::Sasl;

/// How a connection is secured; the default is PLAINTEXT.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// `Some` for SSL and SASL_SSL; trust, client key and host name checking are inside.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// `Some` for SASL_PLAINTEXT and SASL_SSL.
    pub sasl: Option<Sasl>,
}
