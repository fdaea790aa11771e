//! `--accept`: findings that do not stop what is done, by their ids.

use crate::plan::findings::CATALOGUE;

/// Refuses an id that no finding has: what is misspelt would accept nothing.
pub(super) fn accepted(text: &str) -> Result<String, String> {
    match split(text).into_iter().map(id).find(|id| !is_known(id)) {
        None => Ok(text.to_owned()),
        Some(id) => Err(format!(
            "no finding has the id {id}; the plan prints the ids, such as P32 or no-position"
        )),
    }
}

/// Splits `P32,P57:orders` at the commas; one that is in a connector's name stays: no known id follows it.
fn split(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    let mut from = 0;
    while let Some(comma) = rest[from..].find(',').map(|at| from + at) {
        let (one, next) = (&rest[..comma], &rest[comma + 1..]);
        if one.contains(':') && !is_known(id(next.split(',').next().unwrap_or_default())) {
            from = comma + 1;
            continue;
        }
        found.push(one);
        (rest, from) = (next, 0);
    }
    found.push(rest);
    found
}

/// Returns the id of `ID` or `ID:NAME`.
fn id(accepted: &str) -> &str {
    accepted.split_once(':').map_or(accepted, |(id, _)| id)
}

fn is_known(id: &str) -> bool {
    let mut known = CATALOGUE.iter();
    known.any(|pitfall| pitfall.id.eq_ignore_ascii_case(id))
}

/// Returns what several `--accept` name, one by one.
pub(super) fn each(accepted: &[String]) -> impl Iterator<Item = &str> {
    accepted.iter().flat_map(|text| split(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_ids_stand_one_by_one_or_with_commas_which_names_may_have_too() {
        let is = |text: &str, expected: &[&str]| {
            let taken = [accepted(text).unwrap()];
            assert_eq!(each(&taken).collect::<Vec<_>>(), expected, "{text}");
        };
        is("P32", &["P32"]);
        is("P32,p57:a", &["P32", "p57:a"]);
        is("P57:a,b,c,P32", &["P57:a,b,c", "P32"]);
        is("P57:a,P32:b,c", &["P57:a", "P32:b,c"]);
        for wrong in ["nothing", "P32,nothing", "P32,", ",P32"] {
            assert!(accepted(wrong).is_err(), "{wrong}");
        }
    }
}
