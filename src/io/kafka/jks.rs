//! Java key stores (`JKS`): certificates and keys, with the checks of `sun.security.provider.JavaKeyStore`.
//!
//! Layout, big-endian: magic `FEEDFEED`, version 1 or 2, number of entries; per entry a tag (1 key, 2 certificate), an
//! alias in modified UTF-8, a time, and certificates, each with a type in version 2; at the end SHA-1 over password
//! (UTF-16BE), the words `Mighty Aphrodite` and everything before. A key is an `EncryptedPrivateKeyInfo` of Sun's own
//! algorithm 1.3.6.1.4.1.42.2.17.1.1.
//!
//! Own code, not the crate `jks` 0.3: that one allocates what a length in the file says and aborts on a damaged file,
//! indexes without looking, and cannot read a trust store without its password, which the JVM can.

use sha1::{Digest, Sha1};

pub(super) const MAGIC: [u8; 4] = [0xFE, 0xED, 0xFE, 0xED];
/// `JCEKS` differs in its key entries.
pub(super) const JCEKS_MAGIC: [u8; 4] = [0xCE, 0xCE, 0xCE, 0xCE];

/// A key that is still encrypted, and the certificates that belong to it.
#[derive(Debug)]
pub(super) struct KeyEntry {
    pub(super) encrypted: Vec<u8>,
    pub(super) chain: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
pub(super) struct JavaKeyStore {
    pub(super) keys: Vec<KeyEntry>,
    pub(super) certificates: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum JksError {
    #[error("the store is cut off at byte {0}")]
    Truncated(usize),
    #[error("version {0} of the format is unknown")]
    Version(u32),
    #[error("an entry has the unknown tag {0}")]
    Tag(u32),
    #[error("the password is wrong, or the store is damaged")]
    Digest,
    #[error("a key is not encrypted with Sun's key protector")]
    KeyFormat,
}

/// Reads a store. Without a password its integrity is not checked, as in the JVM.
pub(super) fn read(bytes: &[u8], password: Option<&str>) -> Result<JavaKeyStore, JksError> {
    let mut reader = Reader {
        bytes,
        at: MAGIC.len(),
    };
    let version = reader.u32()?;
    if !(1..=2).contains(&version) {
        return Err(JksError::Version(version));
    }
    let mut store = JavaKeyStore::default();
    for _ in 0..reader.u32()? {
        let tag = reader.u32()?;
        reader.text()?;
        reader.take(8)?;
        match tag {
            1 => store.keys.push(KeyEntry {
                encrypted: reader.block()?,
                chain: reader.chain(version)?,
            }),
            2 => store.certificates.push(reader.certificate(version)?),
            _ => return Err(JksError::Tag(tag)),
        }
    }
    let content = &bytes[..reader.at];
    let stored = reader.take(20)?;
    match password.map(|password| digest(password, content)) {
        Some(expected) if expected != stored => Err(JksError::Digest),
        _ => Ok(store),
    }
}

/// Returns the PKCS#8 key of an entry.
pub(super) fn decrypt(entry: &KeyEntry, password: &str) -> Result<Vec<u8>, JksError> {
    let protected = protected_key(&entry.encrypted).ok_or(JksError::KeyFormat)?;
    let (salt, rest) = protected.split_at_checked(20).ok_or(JksError::KeyFormat)?;
    let (hidden, check) = rest
        .len()
        .checked_sub(20)
        .map(|length| rest.split_at(length))
        .ok_or(JksError::KeyFormat)?;
    let password = utf16(password);
    let mut key = Vec::with_capacity(hidden.len());
    let mut block = salt.to_vec();
    for piece in hidden.chunks(20) {
        block = Sha1::new()
            .chain_update(&password)
            .chain_update(&block)
            .finalize()
            .to_vec();
        key.extend(piece.iter().zip(&block).map(|(hidden, mask)| hidden ^ mask));
    }
    let expected = Sha1::new()
        .chain_update(&password)
        .chain_update(&key)
        .finalize();
    if expected.as_slice() == check {
        Ok(key)
    } else {
        Err(JksError::Digest)
    }
}

fn digest(password: &str, content: &[u8]) -> Vec<u8> {
    Sha1::new()
        .chain_update(utf16(password))
        .chain_update(b"Mighty Aphrodite")
        .chain_update(content)
        .finalize()
        .to_vec()
}

fn utf16(password: &str) -> Vec<u8> {
    password.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// Takes the octets out of an `EncryptedPrivateKeyInfo` of Sun's algorithm.
fn protected_key(der: &[u8]) -> Option<&[u8]> {
    /// `SEQUENCE { OBJECT IDENTIFIER 1.3.6.1.4.1.42.2.17.1.1 }`, the identifier's content.
    const SUN_KEY_PROTECTOR: &[u8] = &[0x2B, 6, 1, 4, 1, 42, 2, 17, 1, 1];
    let (whole, _) = der_value(der, 0x30)?;
    let (algorithm, rest) = der_value(whole, 0x30)?;
    let (identifier, _) = der_value(algorithm, 0x06)?;
    let (octets, _) = der_value(rest, 0x04)?;
    (identifier == SUN_KEY_PROTECTOR).then_some(octets)
}

/// Returns the content of a DER value with this tag, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7F => (usize::from(first), rest),
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
            let length = bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], JksError> {
        let taken = self
            .bytes
            .get(self.at..)
            .and_then(|rest| rest.get(..length))
            .ok_or(JksError::Truncated(self.bytes.len()))?;
        self.at += length;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, JksError> {
        Ok(self
            .take(4)?
            .iter()
            .fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn text(&mut self) -> Result<(), JksError> {
        let length = self
            .take(2)?
            .iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte));
        self.take(length).map(drop)
    }

    fn block(&mut self) -> Result<Vec<u8>, JksError> {
        let length = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        self.take(length).map(<[u8]>::to_vec)
    }

    fn certificate(&mut self, version: u32) -> Result<Vec<u8>, JksError> {
        if version == 2 {
            self.text()?;
        }
        self.block()
    }

    fn chain(&mut self, version: u32) -> Result<Vec<Vec<u8>>, JksError> {
        (0..self.u32()?)
            .map(|_| self.certificate(version))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, b'a']);
        bytes.extend([0; 8]);
        bytes.extend([0, 5, b'X', b'.', b'5', b'0', b'9', 0, 0, 0, 3, 7, 8, 9]);
        let check = digest("pässword", &bytes);
        bytes.extend(check);
        bytes
    }

    #[test]
    fn a_store_is_read_with_its_password_or_without_any() {
        for password in [Some("pässword"), None] {
            assert_eq!(
                read(&store(), password).unwrap().certificates,
                [vec![7, 8, 9]]
            );
        }
        assert_eq!(read(&store(), Some("other")).unwrap_err(), JksError::Digest);
    }

    #[test]
    fn no_prefix_of_a_store_is_a_store_and_no_length_is_trusted() {
        let whole = store();
        for length in 4..whole.len() {
            assert_eq!(
                read(&whole[..length], None).unwrap_err(),
                JksError::Truncated(length)
            );
        }
        for at in 8..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] = 0xFF;
            assert!(read(&damaged, Some("pässword")).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_key_in_another_format_is_refused() {
        for encrypted in [
            vec![],
            vec![0x30, 0x84, 0xFF],
            vec![0x30, 2, 0x30, 0],
            vec![0x30, 0x80],
        ] {
            let entry = KeyEntry {
                encrypted,
                chain: Vec::new(),
            };
            assert_eq!(decrypt(&entry, "x").unwrap_err(), JksError::KeyFormat);
        }
    }
}
