//! What holds for every sequence of bytes that is taken for an offsets file.

use bytes::Bytes;
use connectctl::model::offset_file::{read, write};

pub(super) fn check(data: &[u8]) {
    let file = Bytes::copy_from_slice(data);
    let Ok(map) = read(file.clone()) else {
        return;
    };
    // An entry takes two bytes, and only references repeat content.
    assert!(map.entries.len() <= data.len() / 2);
    let whole = data.len() - usize::try_from(map.trailing).expect("within the file");
    assert!(
        read(file.slice(..whole - 1)).is_err(),
        "a cut file was read"
    );
    let content = |entry: &Option<Bytes>| entry.as_ref().map_or(0, Bytes::len);
    let size: usize = map
        .entries
        .iter()
        .map(|e| content(&e.key) + content(&e.value))
        .sum();
    if size > 1 << 20 {
        return;
    }
    let mut written = Vec::new();
    write(&map.entries, &mut written).expect("what was read can be written");
    let again = read(written.into()).expect("what was written can be read");
    assert_eq!(again.entries, map.entries);
    assert_eq!(again.trailing, 0);
}
