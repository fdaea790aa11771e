//! Whether a broker's certificate is believed: what the JVM's trust manager decides, on top of webpki.
//!
//! Three things differ from rustls' own verifier. A certificate that stands itself in the trust store is believed, also
//! when it is marked as an authority (`openssl req -x509` makes such ones). The host name is not compared when
//! `ssl.endpoint.identification.algorithm` is empty; the chain always is. And reasons are told apart for people.

use std::sync::Arc;

use crate::io::kafka::error::TlsFault;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    AlertDescription, CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::time::ASN1Time;

#[derive(Debug)]
pub(super) struct BrokerVerifier {
    pub(super) roots: RootCertStore,
    /// The trust store's certificates as they are.
    pub(super) trusted: Vec<CertificateDer<'static>>,
    pub(super) check_host_name: bool,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

/// A certificate that the JVM would accept and this program cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsupported {
    #[error(
        "is of X.509 version {0}, only version 3 is supported; issue it again with a subjectAltName"
    )]
    Version(u32),
    #[error(
        "has no subjectAltName, only the common name {common_name}, and host names are no longer compared with common names; issue it again with a subjectAltName, or set ssl.endpoint.identification.algorithm= (empty)"
    )]
    CommonNameOnly { common_name: String },
}

impl ServerCertVerifier for BrokerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)
            .map_err(|error| self::error(unsupported_version(end_entity), error))?;
        if self.trusted.contains(end_entity) {
            check_validity(end_entity, now)?;
        } else {
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                &self.roots,
                intermediates,
                now,
                self.algorithms.all,
            )?;
        }
        if self.check_host_name {
            verify_server_name(&certificate, server_name)
                .map_err(|error| self::error(common_name_only(end_entity), error))?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Prefers our own reason to webpki's.
fn error(reason: Option<Unsupported>, error: Error) -> Error {
    match reason {
        Some(reason) => CertificateError::Other(OtherError(Arc::new(reason))).into(),
        None => error,
    }
}

fn parsed<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(parsed)
}

fn unsupported_version(certificate: &CertificateDer<'_>) -> Option<Unsupported> {
    // The field counts from 0.
    let version = parsed(certificate)?.version().0.saturating_add(1);
    (version != 3).then_some(Unsupported::Version(version))
}

fn common_name_only(certificate: &CertificateDer<'_>) -> Option<Unsupported> {
    let certificate = parsed(certificate)?;
    if certificate.subject_alternative_name().ok()?.is_some() {
        return None;
    }
    let common_name = certificate
        .subject()
        .iter_common_name()
        .next()?
        .as_str()
        .ok()?;
    Some(Unsupported::CommonNameOnly {
        common_name: common_name.to_owned(),
    })
}

fn check_validity(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let certificate = parsed(certificate).ok_or(CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs())
        .ok()
        .and_then(|seconds| ASN1Time::from_timestamp(seconds).ok())
        .ok_or(CertificateError::BadEncoding)?;
    if now < certificate.validity().not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > certificate.validity().not_after {
        return Err(CertificateError::Expired.into());
    }
    Ok(())
}

/// Returns what went wrong in TLS, for people, if that is what an I/O error is about.
pub(super) fn explained(error: &std::io::Error) -> Option<(TlsFault, String)> {
    let error = error.get_ref()?.downcast_ref::<Error>()?;
    Some(explained_to(error, "broker"))
}

/// Returns what went wrong in TLS, for people; `peer` is what the other side is called.
pub(in crate::io) fn explained_to(error: &Error, peer: &str) -> (TlsFault, String) {
    match error {
        Error::InvalidCertificate(reason) => {
            let (fault, reason) = certificate_fault(reason);
            (fault, format!("the {peer}'s certificate {reason}"))
        }
        Error::InvalidMessage(_) => (TlsFault::PlainPort, "the answer is not TLS".to_owned()),
        Error::AlertReceived(alert) => (
            alert_fault(*alert),
            format!("the {peer} ended it with the alert {alert:?}"),
        ),
        Error::PeerIncompatible(reason) => (
            TlsFault::Other,
            format!("the {peer} and ssl.enabled.protocols have nothing in common ({reason:?})"),
        ),
        other => (TlsFault::Other, other.to_string()),
    }
}

/// As [`explained`], for an error of the handshake itself: a plain listener hangs up when it reads TLS.
pub(super) fn explained_handshake(error: &std::io::Error) -> (TlsFault, String) {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
    match (explained(error), error.kind()) {
        (Some(explained), _) => explained,
        (None, UnexpectedEof | ConnectionReset | ConnectionAborted) => (
            TlsFault::CutOff,
            "it hung up instead of answering in TLS".to_owned(),
        ),
        (None, _) => (TlsFault::Other, error.to_string()),
    }
}

/// Returns what is said of the certificate, to be put after its name.
fn certificate_fault(reason: &CertificateError) -> (TlsFault, String) {
    let untrusted = |text: &str| (TlsFault::UntrustedCertificate, text.to_owned());
    match reason {
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => (
            TlsFault::HostNameMismatch,
            format!(
                "is made out to {}, not to {}",
                presented
                    .iter()
                    .map(|name| name_of(name))
                    .collect::<Vec<_>>()
                    .join(", "),
                expected.to_str()
            ),
        ),
        CertificateError::NotValidForName => (
            TlsFault::HostNameMismatch,
            "is made out to another host".to_owned(),
        ),
        CertificateError::UnknownIssuer => {
            untrusted("is not signed by an authority in the trust store")
        }
        CertificateError::BadSignature => untrusted("is not signed by the authority that it names"),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (TlsFault::Other, "has expired".to_owned())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (TlsFault::Other, "is not valid yet".to_owned())
        }
        CertificateError::Other(OtherError(own)) if own.is::<Unsupported>() => {
            (TlsFault::Other, own.to_string())
        }
        other => (TlsFault::Other, format!("is refused: {other}")),
    }
}

/// `DnsName("kafka")` as rustls shows a name, without what is around it.
fn name_of(shown: &str) -> &str {
    shown.split('"').nth(1).unwrap_or(shown)
}

fn alert_fault(alert: AlertDescription) -> TlsFault {
    match alert {
        AlertDescription::BadCertificate
        | AlertDescription::CertificateRequired
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::AccessDenied => TlsFault::ClientCertificate,
        _ => TlsFault::Other,
    }
}
