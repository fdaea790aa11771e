//! How much members above the average give up, so that members below it can get something.

use super::item::Kind;
use super::load::Load;

/// A number of items that one member gives up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Which load, by its place.
    pub(super) load: usize,
    pub(super) kind: Kind,
    /// At least 1.
    pub(super) count: usize,
}

/// Returns what must be cut until nobody has more than its part of `totals`, the configured connectors and tasks.
pub(super) fn cuts(loads: &[Load<'_>], totals: [usize; 2]) -> Vec<Cut> {
    let nobody_has_any = loads.iter().all(Load::is_empty);
    if nobody_has_any || totals == [0, 0] {
        return Vec::new();
    }
    let kinds = Kind::ALL.into_iter().zip(totals);
    kinds
        .flat_map(|(kind, total)| cuts_of(loads, kind, total))
        .collect()
}

fn cuts_of(loads: &[Load<'_>], kind: Kind, total: usize) -> Vec<Cut> {
    let least = total / loads.len();
    let mut with_one_more = total % loads.len();
    let having = |count| loads.iter().filter(|l| l.count(kind) == count).count();
    let (at_least, above) = (having(least), having(least + 1));
    if above == with_one_more && at_least + above == loads.len() {
        return Vec::new();
    }
    let mut cuts = Vec::new();
    for (load, count) in loads.iter().map(|l| l.count(kind)).enumerate() {
        if count <= least {
            continue;
        }
        let most = if with_one_more > 0 {
            with_one_more -= 1;
            least + 1
        } else {
            least
        };
        if count > most {
            let count = count - most;
            cuts.push(Cut { load, kind, count });
        }
    }
    cuts
}
