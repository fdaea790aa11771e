//! Writing an offsets file as Java would.

use std::io::{self, Write};

use super::OffsetEntry;
use super::grammar::{
    BASE_HANDLE, BYTE_ARRAY, BYTE_ARRAY_DESCRIPTION, HASH_MAP, HASH_MAP_DESCRIPTION, HEADER, SIZES,
    TC_ARRAY, TC_BLOCKDATA, TC_CLASSDESC, TC_ENDBLOCKDATA, TC_NULL, TC_OBJECT, TC_REFERENCE,
};

const LOAD_FACTOR: f32 = 0.75;
const SMALLEST_TABLE: u32 = 16;
const LARGEST_TABLE: u32 = 1 << 30;

/// Handle of the `byte[]` class: the map's class and the map come first.
const BYTE_ARRAY_HANDLE: u32 = BASE_HANDLE + 2;

/// Writes `entries` as `ObjectOutputStream` writes a `HashMap<byte[], byte[]>` that they were put into one by one.
///
/// # Errors
/// Those of `to`; `InvalidInput` for what no Java map can hold: two null keys, more than 2³¹−1 entries, or an array of
/// 2 GiB and more. Nothing is written then, except in the last case.
pub fn write(entries: &[OffsetEntry], to: &mut impl Write) -> io::Result<()> {
    if entries.iter().filter(|e| e.key.is_none()).nth(1).is_some() {
        return Err(invalid("two entries have a null key"));
    }
    let count =
        i32::try_from(entries.len()).map_err(|_| invalid("more entries than a Java map holds"))?;
    let mut to = io::BufWriter::with_capacity(64 * 1024, to);
    write_map_header(count, &mut to)?;
    let mut class_written = false;
    for entry in entries {
        for element in [&entry.key, &entry.value] {
            match element {
                None => to.write_all(&[TC_NULL])?,
                Some(array) => write_array(array, &mut class_written, &mut to)?,
            }
        }
    }
    to.write_all(&[TC_ENDBLOCKDATA])?;
    to.flush()
}

fn write_map_header(count: i32, to: &mut impl Write) -> io::Result<()> {
    let (buckets, threshold) = table(count.unsigned_abs());
    to.write_all(&HEADER)?;
    to.write_all(&[TC_OBJECT])?;
    write_class(HASH_MAP, HASH_MAP_DESCRIPTION, to)?;
    to.write_all(&LOAD_FACTOR.to_be_bytes())?;
    to.write_all(&threshold.to_be_bytes())?;
    to.write_all(&[TC_BLOCKDATA, SIZES])?;
    to.write_all(&buckets.to_be_bytes())?;
    to.write_all(&count.to_be_bytes())
}

fn write_array(array: &[u8], class_written: &mut bool, to: &mut impl Write) -> io::Result<()> {
    let length = i32::try_from(array.len())
        .map_err(|_| invalid("an array is longer than a Java array can be"))?;
    to.write_all(&[TC_ARRAY])?;
    if std::mem::replace(class_written, true) {
        to.write_all(&[TC_REFERENCE])?;
        to.write_all(&BYTE_ARRAY_HANDLE.to_be_bytes())?;
    } else {
        write_class(BYTE_ARRAY, BYTE_ARRAY_DESCRIPTION, to)?;
    }
    to.write_all(&length.to_be_bytes())?;
    to.write_all(array)
}

fn write_class(name: &str, description: &[u8], to: &mut impl Write) -> io::Result<()> {
    let length = u16::try_from(name.len()).expect("the class names here are short");
    to.write_all(&[TC_CLASSDESC])?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(name.as_bytes())?;
    to.write_all(description)
}

/// Returns the bucket count and the threshold of a `HashMap` that has grown to `count` entries.
fn table(count: u32) -> (u32, u32) {
    if count == 0 {
        // The table is allocated at the first put.
        return (SMALLEST_TABLE, 0);
    }
    let mut buckets = SMALLEST_TABLE;
    while buckets < LARGEST_TABLE && count > buckets / 4 * 3 {
        buckets *= 2;
    }
    if buckets == LARGEST_TABLE {
        return (buckets, i32::MAX.unsigned_abs());
    }
    (buckets, buckets / 4 * 3)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what)
}
