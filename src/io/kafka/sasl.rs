//! Logging in on a connection (KIP-43, KIP-152): SaslHandshake, then tokens in SaslAuthenticate.

use bytes::Bytes;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslHandshakeRequest};
use kafka_protocol::protocol::StrBytes;

use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::wire::Wire;
use crate::protocol::errors;

/// The credentials of a principal, by mechanism.
#[derive(Clone)]
pub enum Sasl {
    /// `PLAIN` (RFC 4616).
    Plain { username: String, password: String },
}

impl std::fmt::Debug for Sasl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sasl({})", self.mechanism())
    }
}

impl Sasl {
    /// Returns the mechanism's registered name.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
        }
    }
}

/// Logs in on a connection whose versions are negotiated.
pub(super) async fn authenticate(sasl: &Sasl, wire: &mut Wire) -> Result<(), KafkaError> {
    let mechanism = sasl.mechanism();
    handshake(wire, mechanism).await?;
    match sasl {
        Sasl::Plain { username, password } => {
            let token = format!("\0{username}\0{password}");
            send_token(wire, mechanism, token.into()).await?;
        }
    }
    Ok(())
}

/// Chooses the mechanism.
async fn handshake(wire: &mut Wire, mechanism: &str) -> Result<(), KafkaError> {
    let request =
        SaslHandshakeRequest::default().with_mechanism(StrBytes::from_string(mechanism.to_owned()));
    let response = wire.call(&request, i16::MAX).await?;
    match response.error_code {
        errors::NONE => Ok(()),
        errors::UNSUPPORTED_SASL_MECHANISM => Err(KafkaError::UnsupportedMechanism {
            address: wire.address.clone(),
            mechanism: mechanism.to_owned(),
            offered: response
                .mechanisms
                .iter()
                .map(ToString::to_string)
                .collect(),
        }),
        code => Err(BrokerError::new("SaslHandshake", wire.address.clone(), code).into()),
    }
}

/// Sends one token and returns the broker's.
async fn send_token(wire: &mut Wire, mechanism: &str, token: Bytes) -> Result<Bytes, KafkaError> {
    let request = SaslAuthenticateRequest::default().with_auth_bytes(token);
    let response = wire.call(&request, i16::MAX).await?;
    if response.error_code == errors::NONE {
        return Ok(response.auth_bytes);
    }
    let code = errors::ErrorCode::of(response.error_code);
    Err(KafkaError::Authentication {
        address: wire.address.clone(),
        mechanism: mechanism.to_owned(),
        message: response
            .error_message
            .map_or_else(|| code.to_string(), |text| text.to_string()),
    })
}
