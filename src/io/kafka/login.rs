//! One SASL exchange without its connection: what to send first, and what to answer.

use rsasl::config::SASLConfig;
use rsasl::mechname::Mechname;
use rsasl::prelude::{SASLClient, Session, State};

use crate::io::kafka::oauth::TokenError;
use crate::io::kafka::sasl::{Credentials, Sasl};

/// Why we cannot go on; what a broker says against us is not among these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum LoginError {
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A broker that cannot prove that it knows the password.
    #[error("the broker's answer does not fit the login: {0}")]
    Broker(String),
}

/// A login in progress.
pub(super) enum Exchange {
    /// Everything is said in the first message.
    Once(Vec<u8>),
    /// SCRAM: the client proves that it knows the password, then the broker does.
    Scram(Box<Session>),
    /// A token, which the broker answers with nothing, or with a reason that has to be acknowledged.
    Bearer(Vec<u8>),
}

impl Exchange {
    /// Prepares the exchange; gets a token if the mechanism needs one.
    pub(super) async fn begin(sasl: &Sasl) -> Result<Self, LoginError> {
        Ok(match sasl {
            Sasl::Plain(own) => {
                Self::Once(format!("\0{}\0{}", own.username, own.password.reveal()).into_bytes())
            }
            Sasl::ScramSha256(own) | Sasl::ScramSha512(own) => {
                Self::Scram(Box::new(scram(own, sasl.mechanism())?))
            }
            Sasl::OauthBearer(own) => Self::Bearer(own.first_message().await?),
        })
    }

    /// Returns the message that opens the exchange.
    pub(super) fn first(&mut self) -> Result<Vec<u8>, LoginError> {
        match self {
            Self::Once(message) | Self::Bearer(message) => Ok(std::mem::take(message)),
            Self::Scram(session) => {
                let mut message = Vec::new();
                session
                    .step(None, &mut message)
                    .map_err(|error| broker(&error))?;
                Ok(message)
            }
        }
    }

    /// Returns the answer to a broker's message, or nothing when the login is complete.
    pub(super) fn answer(&mut self, challenge: &[u8]) -> Result<Option<Vec<u8>>, LoginError> {
        match self {
            Self::Once(_) => Ok(None),
            // RFC 7628, 3.2.3: a non-empty answer is a refusal, to be acknowledged before the broker says so.
            Self::Bearer(_) => Ok((!challenge.is_empty()).then(|| vec![1])),
            Self::Scram(session) => {
                let mut message = Vec::new();
                let state = session
                    .step(Some(challenge), &mut message)
                    .map_err(|error| broker(&error))?;
                Ok(matches!(state, State::Running).then_some(message))
            }
        }
    }
}

fn scram(own: &Credentials, mechanism: &str) -> Result<Session, LoginError> {
    let config =
        SASLConfig::with_credentials(None, own.username.clone(), own.password.reveal().to_owned())
            .map_err(|error| broker(&error))?;
    let name = Mechname::parse(mechanism.as_bytes()).map_err(|error| broker(&error))?;
    SASLClient::new(config)
        .start_suggested(&[name])
        .map_err(|error| broker(&error))
}

fn broker(error: &dyn std::fmt::Display) -> LoginError {
    LoginError::Broker(error.to_string())
}
