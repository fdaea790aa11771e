//! Signatures of what workers tell each other (KIP-507, `InternalRequestSignature`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::model::storage_records::SessionKey;

/// Header with the HMAC of the body, in base64.
pub(in crate::io::worker) const SIGNATURE: &str = "x-connect-authorization";
/// Header with the name of its algorithm.
pub(in crate::io::worker) const ALGORITHM: &str = "x-connect-request-signature-algorithm";

/// An HMAC by the name that Java gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::io::worker) enum Algorithm {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// Finds an algorithm; Java does not mind the case.
    pub(in crate::io::worker) fn of(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
    }

    pub(in crate::io::worker) fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "HmacSHA1",
            Self::Sha256 => "HmacSHA256",
            Self::Sha384 => "HmacSHA384",
            Self::Sha512 => "HmacSHA512",
        }
    }

    /// Returns the bytes of a key that Java's generator makes by default.
    pub(in crate::io::worker) fn key_size(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha512 => 64,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    fn of_ring(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    /// Returns the header value for a body.
    pub(in crate::io::worker) fn sign(self, key: &SessionKey, body: &[u8]) -> String {
        let key = hmac::Key::new(self.of_ring(), &key.key);
        STANDARD.encode(hmac::sign(&key, body))
    }

    fn verifies(self, key: &SessionKey, body: &[u8], signature: &[u8]) -> bool {
        let key = hmac::Key::new(self.of_ring(), &key.key);
        hmac::verify(&key, body, signature).is_ok()
    }
}

/// Returns a key of so many random bytes.
pub(in crate::io::worker) fn new_key(
    algorithm: &str,
    size: usize,
    created: i64,
) -> Option<SessionKey> {
    let mut key = vec![0; size];
    SystemRandom::new().fill(&mut key).ok()?;
    Some(SessionKey {
        key,
        algorithm: algorithm.to_owned(),
        creation_timestamp: created,
    })
}

/// Why a request from another worker is not believed; the status is the answer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::io::worker) struct NotSigned {
    pub(in crate::io::worker) status: u16,
    pub(in crate::io::worker) message: String,
}

/// Checks a request in the order in which the JVM does.
pub(in crate::io::worker) fn verify(
    signature: Option<&str>,
    algorithm: Option<&str>,
    accepted: &[String],
    key: Option<&SessionKey>,
    body: &[u8],
) -> Result<(), NotSigned> {
    let refused = |status, message: String| Err(NotSigned { status, message });
    let (Some(signature), Some(name)) = (signature, algorithm) else {
        let message = "Internal request missing required signature";
        return refused(400, message.to_owned());
    };
    let Some(algorithm) = Algorithm::of(name) else {
        return refused(400, format!("Algorithm {name} not available"));
    };
    let Ok(signature) = STANDARD.decode(signature) else {
        return refused(400, "the signature is not in base64".to_owned());
    };
    if !accepted.iter().any(|accepted| accepted == name) {
        let message = format!(
            "This worker does not support the '{name}' key signing algorithm used by other workers. This worker is \
             currently configured to use: {}. Check that all workers' configuration files permit the same set of \
             signature algorithms, and correct any misconfigured worker and restart it.",
            accepted.join(", ")
        );
        return refused(400, message);
    }
    let Some(key) = key else {
        let message = "This worker is still starting up and has not been able to read a session key from the config \
                       topic yet";
        return refused(503, message.to_owned());
    };
    if algorithm.verifies(key, body, &signature) {
        Ok(())
    } else {
        refused(
            403,
            "Internal request contained invalid signature.".to_owned(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request and the key of a captured one, made by a JVM worker.
    const BODY: &[u8] = br#"[{"connector.class":"FileStreamSource","file":"/tmp/zx.txt","task.class":"org.apache.kafka.connect.file.FileStreamSourceTask","tasks.max":"1","name":"zx","topic":"zz"}]"#;
    const SIGNED: &str = "9+zUltascNzYrlRo3ew00NSvmR53tX9SibiLpXXz5PA=";

    fn key() -> SessionKey {
        SessionKey {
            key: (0..32).collect(),
            algorithm: "HmacSHA256".to_owned(),
            creation_timestamp: 0,
        }
    }

    #[test]
    fn requests_are_signed_as_a_jvm_worker_signs_them() {
        assert_eq!(Algorithm::Sha256.sign(&key(), BODY), SIGNED);
        let accepted = ["HmacSHA256".to_owned()];
        let check = |signature, algorithm, accepted: &[String], key: Option<&SessionKey>, body| {
            let checked = verify(signature, algorithm, accepted, key, body);
            checked.map_err(|refused| refused.status)
        };
        let (ours, sha) = (Some(SIGNED), Some("HmacSHA256"));
        assert_eq!(check(ours, sha, &accepted, Some(&key()), BODY), Ok(()));
        assert_eq!(check(None, sha, &accepted, Some(&key()), BODY), Err(400));
        assert_eq!(
            check(ours, Some("HmacMD5"), &accepted, Some(&key()), BODY),
            Err(400)
        );
        assert_eq!(
            check(Some("!"), sha, &accepted, Some(&key()), BODY),
            Err(400)
        );
        assert_eq!(check(ours, sha, &[], Some(&key()), BODY), Err(400));
        assert_eq!(check(ours, sha, &accepted, None, BODY), Err(503));
        assert_eq!(check(ours, sha, &accepted, Some(&key()), b"[]"), Err(403));
    }

    #[test]
    fn keys_are_random_and_as_long_as_asked_for() {
        let new = || new_key("HmacSHA256", 32, 7).unwrap();
        assert_eq!(new().key.len(), 32);
        assert_ne!(new().key, new().key);
    }
}
