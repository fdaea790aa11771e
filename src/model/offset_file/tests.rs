use bytes::Bytes;
use proptest::prelude::*;

use super::{OffsetEntry, OffsetFileError, Place, RootClass, read, write};

/// Files written by the JVM; `fixtures/README.md` says how.
const ONE: &str = "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f724900097468726573686f6c6478703f4000000000000c77080000001000000001757200025b42acf317f8060854e00200007870000000325b226c6f63616c2d66696c652d736f75726365222c7b2266696c656e616d65223a222f746d702f746573742e747874227d5d7571007e00020000000f7b22706f736974696f6e223a33357d78";
const NULLS: &str = "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f724900097468726573686f6c6478703f4000000000000c7708000000100000000370757200025b42acf317f8060854e0020000787000000007 7b226f223a337d7571007e00020000000e5b226331222c7b2270223a317d5d7571007e0002000000077b226f223a317d7571007e00020000000e5b226331222c7b2270223a327d5d7078";
const EMPTY_MAP: &str = "aced0005737200116a6176612e7574696c2e486173684d61700507dac1c31660d103000246000a6c6f6164466163746f724900097468726573686f6c6478703f400000000000007708000000100000000078";

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex
        .bytes()
        .filter(u8::is_ascii_hexdigit)
        .map(|b| u8::try_from(char::from(b).to_digit(16).unwrap()).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect()
}

fn entry(key: Option<&str>, value: Option<&str>) -> OffsetEntry {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    OffsetEntry {
        key: key.map(bytes),
        value: value.map(bytes),
    }
}

fn written(entries: &[OffsetEntry]) -> Vec<u8> {
    let mut file = Vec::new();
    write(entries, &mut file).unwrap();
    file
}

#[test]
fn a_file_of_one_offset_is_read() {
    let map = read(bytes_of(ONE).into()).unwrap();
    let key = r#"["local-file-source",{"filename":"/tmp/test.txt"}]"#;
    assert_eq!(map.entries, [entry(Some(key), Some(r#"{"position":35}"#))]);
    assert_eq!(map.trailing, 0);
    assert_eq!(map.class, RootClass::HashMap);
    assert_eq!((map.threshold, map.buckets), (12, 16));
}

#[test]
fn null_keys_and_values_are_read() {
    let map = read(bytes_of(NULLS).into()).unwrap();
    assert_eq!(
        map.entries,
        [
            entry(None, Some(r#"{"o":3}"#)),
            entry(Some(r#"["c1",{"p":1}]"#), Some(r#"{"o":1}"#)),
            entry(Some(r#"["c1",{"p":2}]"#), None),
        ]
    );
}

#[test]
fn what_java_wrote_is_written_the_same() {
    for file in [ONE, NULLS, EMPTY_MAP].map(bytes_of) {
        let map = read(file.clone().into()).unwrap();
        assert_eq!(written(&map.entries), file);
    }
}

#[test]
fn entries_share_the_memory_of_the_file() {
    let file = Bytes::from(bytes_of(ONE));
    let range = file.as_ptr_range();
    let map = read(file).unwrap();
    let key = map.entries[0].key.clone().unwrap();
    assert!(range.contains(&key.as_ptr()));
}

#[test]
fn every_cut_of_a_file_is_an_error_at_its_end() {
    for file in [ONE, NULLS, EMPTY_MAP].map(bytes_of) {
        let file = Bytes::from(file);
        assert_eq!(read(file.slice(..0)), Err(OffsetFileError::Empty));
        for length in 1..file.len() {
            match read(file.slice(..length)) {
                Err(OffsetFileError::Truncated {
                    offset,
                    from,
                    wanted,
                    ..
                }) => {
                    assert_eq!(offset, length as u64);
                    assert!(from <= offset && from + wanted > offset);
                }
                other => panic!("{length} bytes: {other:?}"),
            }
        }
    }
}

#[test]
fn bytes_after_the_map_are_counted() {
    let mut file = bytes_of(ONE);
    file.extend_from_slice(b"rest");
    assert_eq!(read(file.into()).unwrap().trailing, 4);
}

#[test]
fn a_count_of_two_billion_in_a_short_file_is_a_truncation() {
    let mut file = bytes_of(EMPTY_MAP);
    let count = file.len() - 5;
    file[count..count + 4].copy_from_slice(&i32::MAX.to_be_bytes());
    let error = read(file.into()).unwrap_err();
    assert!(
        matches!(
            error,
            OffsetFileError::UnexpectedByte {
                found: 0x78,
                place: Place::Key(1, 2_147_483_647),
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn an_array_longer_than_the_file_is_a_truncation() {
    let mut file = bytes_of(ONE);
    let length = file.len() - 1 - 15 - 4;
    file[length..length + 4].copy_from_slice(&i32::MAX.to_be_bytes());
    let error = read(file.into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "truncated at byte 180: expected the bytes of an array (2147483647 bytes from byte 164) \
         in the value of entry 1 of 1"
    );
}

#[test]
fn a_negative_count_is_refused() {
    let mut file = bytes_of(EMPTY_MAP);
    let count = file.len() - 5;
    file[count..count + 4].copy_from_slice(&(-1_i32).to_be_bytes());
    assert_eq!(
        read(file.into()).unwrap_err().to_string(),
        "byte 77: the number of entries is -1, which Java refuses"
    );
}

#[test]
fn other_files_are_refused_by_their_first_bytes() {
    assert_eq!(
        read(Bytes::from_static(b"name=x\n"))
            .unwrap_err()
            .to_string(),
        "not a Java serialisation stream: the file begins with 6e 61 6d 65, expected ac ed 00 05"
    );
}

#[test]
fn a_reference_to_the_map_itself_is_refused() {
    // null -> TC_REFERENCE to handle 0x7e0001
    let mut file = bytes_of(EMPTY_MAP);
    let end = file.len() - 5;
    file.truncate(end);
    file.extend_from_slice(&[0, 0, 0, 1, 0x70, 0x71, 0, 0x7e, 0, 1, 0x78]);
    assert_eq!(
        read(file.into()).unwrap_err().to_string(),
        "byte 82: the value of entry 1 of 1 is a java.util.HashMap, expected byte[]"
    );
}

#[test]
fn references_forward_and_below_the_first_handle_are_refused() {
    for handle in [0x007e_0002_u32, 0x0000_0000, 0xffff_ffff] {
        let mut file = bytes_of(EMPTY_MAP);
        file.truncate(file.len() - 5);
        file.extend_from_slice(&[0, 0, 0, 1, 0x71]);
        file.extend_from_slice(&handle.to_be_bytes());
        file.push(0x70);
        let error = read(file.into()).unwrap_err();
        assert_eq!(error, OffsetFileError::BadReference { offset: 81, handle });
    }
}

#[test]
fn a_second_null_key_is_refused_on_both_ways() {
    let twice = [entry(None, Some("{}")), entry(None, None)];
    assert_eq!(
        write(&twice, &mut Vec::new()).unwrap_err().kind(),
        std::io::ErrorKind::InvalidInput
    );
    let mut file = bytes_of(EMPTY_MAP);
    file.truncate(file.len() - 5);
    file.extend_from_slice(&[0, 0, 0, 2, 0x70, 0x70, 0x70, 0x70, 0x78]);
    let error = read(file.into()).unwrap_err();
    assert!(
        matches!(error, OffsetFileError::RepeatedKey { offset: 83, .. }),
        "{error}"
    );
}

#[test]
fn tables_grow_as_a_hash_map_grows() {
    let sizes = |count: usize| {
        let entries: Vec<_> = (0..count)
            .map(|n| entry(Some(&n.to_string()), None))
            .collect();
        let map = read(written(&entries).into()).unwrap();
        (map.buckets, map.threshold)
    };
    assert_eq!(sizes(0), (16, 0));
    assert_eq!(sizes(1), (16, 12));
    assert_eq!(sizes(12), (16, 12));
    assert_eq!(sizes(13), (32, 24));
    assert_eq!(sizes(24), (32, 24));
    assert_eq!(sizes(25), (64, 48));
    assert_eq!(sizes(1000), (2048, 1536));
}

#[test]
fn keys_with_equal_bytes_are_found() {
    let keys = ["a", "b", "a", "c", "a", "b"];
    let entries: Vec<_> = keys.iter().map(|key| entry(Some(key), None)).collect();
    let map = read(written(&entries).into()).unwrap();
    assert_eq!(map.repeated_keys(), ["a", "b"]);
}

fn any_entries() -> impl Strategy<Value = Vec<OffsetEntry>> {
    let array = || prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
    let value = prop::option::of(array());
    prop::collection::vec((array(), value), 0..60).prop_map(|pairs| {
        let entry = |(key, value)| OffsetEntry {
            key: Some(key),
            value,
        };
        pairs.into_iter().map(entry).collect()
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(mut entries in any_entries(), null in any::<Option<u8>>()) {
        if let Some(position) = null.map(usize::from).filter(|p| *p < entries.len()) {
            entries[position].key = None;
        }
        let map = read(written(&entries).into()).unwrap();
        prop_assert_eq!(map.entries, entries);
        prop_assert_eq!(map.trailing, 0);
    }

    #[test]
    fn no_change_of_bytes_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut file = bytes_of(NULLS);
        let at = at.index(file.len());
        file[at] = byte;
        file.truncate(cut.index(file.len()) + 1);
        let _ = read(file.into());
    }
}
