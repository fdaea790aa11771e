//! What holds for every sequence of bytes that is taken for an offset key.

use bytes::Bytes;
use connectctl::model::offset_file::OffsetEntry;
use connectctl::model::offset_key::{OffsetKey, unwrap_envelope};

pub(super) fn check(data: &[u8]) {
    let raw = Bytes::copy_from_slice(data);
    if let Ok(key) = OffsetKey::parse(&raw) {
        let same = key.renamed(key.connector());
        let other = OffsetKey::parse(&key.renamed("other \"é😀")).expect("a renamed key is a key");
        assert_eq!(other.connector(), "other \"é😀");
        assert_eq!(other.partition(), key.partition());
        if key.deviation().is_none() {
            assert_eq!(
                same, raw,
                "a canonical key changed when renamed to its own name"
            );
        }
    }
    let entry = OffsetEntry {
        key: Some(raw.clone()),
        value: Some(raw),
    };
    if let Ok(Some(plain)) = unwrap_envelope(&entry) {
        assert_eq!(plain.key, plain.value);
    }
}
