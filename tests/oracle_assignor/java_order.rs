//! The order in which Java's hash maps and hash sets list texts.

/// Sorts ids as a `HashMap` filled in this order lists them: by bucket, and within a bucket as they came.
pub(super) fn sort<T>(members: &mut [T], id: impl Fn(&T) -> &str) {
    let mut buckets = 16;
    while members.len() > buckets / 4 * 3 {
        buckets *= 2;
    }
    members.sort_by_key(|member| spread(id(member)) as usize % buckets);
}

/// A bucket with more becomes a tree, and is listed from its root.
pub(super) const LONGEST: usize = 7;

/// The bucket of an id that is alike in all sizes.
pub(super) fn bucket(id: &str) -> u32 {
    spread(id) % 16
}

/// True for ids that are in the same bucket whatever the number of buckets (16 to 128).
///
/// A hash map of many members and a hash set of few of them have different numbers of buckets, and so list other ids in
/// different orders.
pub(super) fn is_alike_in_all_sizes(id: &str) -> bool {
    spread(id) % 128 < 16
}

/// `String.hashCode`, as `HashMap.hash` spreads it.
fn spread(text: &str) -> u32 {
    let add = |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit));
    let hash = text.encode_utf16().fold(0, add);
    hash ^ (hash >> 16)
}
