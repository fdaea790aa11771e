//! Credentials inside values of settings that are no secret themselves.

use std::borrow::Cow;
use std::ops::Range;

use super::{HIDDEN, is_secret};

/// Returns the text with the userinfo of every URL in it hidden.
///
/// A text without a scheme may be meant as a URL all the same: what stands before its last `@` is hidden.
pub fn redact_url(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, host)) if !text.contains("://") => format!("{HIDDEN}@{host}"),
        _ => hide(text, url_credentials(text)).into_owned(),
    }
}

/// Returns the value with every credential in it hidden.
pub(super) fn redact_value(value: &str) -> Cow<'_, str> {
    let mut found = url_credentials(value);
    found.extend(assigned_credentials(value));
    found.extend(bearer_credentials(value));
    found.extend(oracle_credentials(value));
    hide(value, found)
}

/// Replaces the ranges, which may overlap.
fn hide(text: &str, mut ranges: Vec<Range<usize>>) -> Cow<'_, str> {
    ranges.retain(|range| !range.is_empty());
    if ranges.is_empty() {
        return Cow::Borrowed(text);
    }
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    for range in ranges {
        if range.start >= at {
            shown.push_str(&text[at..range.start]);
            shown.push_str(HIDDEN);
        }
        at = at.max(range.end);
    }
    shown.push_str(&text[at..]);
    Cow::Owned(shown)
}

/// `scheme://user:password@host`: what stands between `//` and the last `@`.
fn url_credentials(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (scheme_end, _) in text.match_indices("://") {
        let start = scheme_end + 3;
        let rest = &text[start..];
        let end = rest
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>'))
            .unwrap_or(rest.len());
        let end = rest[..end].find("://").unwrap_or(end);
        if let Some(at) = userinfo_length(&rest[..end]) {
            found.push(start..start + at);
        }
    }
    found
}

/// Returns where the userinfo ends, given everything after `//`.
fn userinfo_length(rest: &str) -> Option<usize> {
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    if let Some(at) = rest[..authority].rfind('@') {
        return Some(at);
    }
    // A password may hold an unescaped `/`; what follows the colon is then no port.
    let colon = rest[..authority].find(':')?;
    let port = &rest[colon + 1..authority];
    let is_port = !port.is_empty()
        && port
            .split(',')
            .all(|p| p.ends_with(|c: char| c.is_ascii_digit()));
    if is_port { None } else { rest.rfind('@') }
}

/// `password=…`, `;Password=…`, `&token=…`, `password: "…"`: the value after a name that is secret.
fn assigned_credentials(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (sign, _) in text.match_indices(['=', ':']) {
        let before = text[..sign].trim_end_matches([' ', '"', '\'', '\\']);
        let name_start = before
            .rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-' | '_')))
            .map_or(0, |at| {
                at + before[at..].chars().next().map_or(1, char::len_utf8)
            });
        let name = &before[name_start..];
        if name.is_empty() || !is_secret(name) {
            continue;
        }
        let after = &text[sign + 1..];
        let start = after.len() - after.trim_start_matches([' ', '\\']).len();
        let value = &after[start..];
        let length = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => quoted_length(value, quote),
            // `token://…` is a scheme.
            Some('/') if text[sign..].starts_with("://") => 0,
            _ => value
                .find(|c| ends_assigned(text[..name_start].chars().next_back(), c))
                .unwrap_or(value.len()),
        };
        found.push(sign + 1 + start..sign + 1 + start + length);
    }
    found
}

/// Returns whether a character ends an unquoted value, given what stands before the name.
fn ends_assigned(before_name: Option<char>, character: char) -> bool {
    match before_name {
        // Properties of a connection string: a password may have blanks.
        Some(';') => character == ';',
        // Parameters of a URL.
        Some('?' | '&') => character == '&' || character.is_whitespace(),
        _ => character.is_whitespace() || matches!(character, '&' | ';' | ',' | '}' | ')'),
    }
}

/// Returns the length of a quoted string with both quotes; to the end if it is not closed.
fn quoted_length(value: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in value.char_indices().skip(1) {
        if character == quote && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    value.len()
}

/// `Bearer …` and `Basic …` of an HTTP header.
fn bearer_credentials(text: &str) -> Vec<Range<usize>> {
    let lower = text.to_ascii_lowercase();
    let mut found = Vec::new();
    for scheme in ["bearer ", "basic "] {
        for (start, _) in lower.match_indices(scheme) {
            let start = start + scheme.len();
            let length = text[start..]
                .find(|c: char| !(c.is_ascii_alphanumeric() || "-._~+/=".contains(c)))
                .unwrap_or(text.len() - start);
            // Shorter words are prose.
            if length >= 8 {
                found.push(start..start + length);
            }
        }
    }
    found
}

/// `jdbc:oracle:thin:user/password@host`: what stands before the `@`.
fn oracle_credentials(text: &str) -> Vec<Range<usize>> {
    let Some(at) = text.rfind('@') else {
        return Vec::new();
    };
    let driver = ["jdbc:oracle:thin:", "jdbc:oracle:oci:", "jdbc:oracle:oci8:"]
        .iter()
        .find(|driver| text.starts_with(**driver));
    driver
        .filter(|driver| driver.len() <= at)
        .map(|driver| driver.len()..at)
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn userinfo_of_urls_is_hidden() {
        for (value, expected) in [
            ("https://u:p@h:8081/x", "https://********@h:8081/x"),
            ("https://u@h", "https://********@h"),
            (
                "a=http://u:p@h,http://h2:1,http://v:q@h3",
                "a=http://********@h,http://h2:1,http://********@h3",
            ),
            (
                "mongodb+srv://u:p%40@h/db?x=1",
                "mongodb+srv://********@h/db?x=1",
            ),
            ("https://u:p/w@h/x", "https://********@h/x"),
            ("https://u:p@w@h", "https://********@h"),
            ("https://h/@path", "https://h/@path"),
            ("http://h:8081/a@b", "http://h:8081/a@b"),
            (
                "mongodb://h1:27017,h2:27017/db@x",
                "mongodb://h1:27017,h2:27017/db@x",
            ),
            ("http://[::1]:80/", "http://[::1]:80/"),
            ("no url", "no url"),
        ] {
            assert_eq!(redact_value(value), expected);
            assert_eq!(redact_url(value), expected);
        }
    }

    #[test]
    fn userinfo_is_hidden_also_where_the_scheme_was_forgotten() {
        assert_eq!(redact_url("u:p@h:8083"), "********@h:8083");
        assert_eq!(redact_url("http:/u:p@w@h"), "********@h");
        assert_eq!(redact_url("h:8083"), "h:8083");
    }

    #[test]
    fn credentials_given_by_name_inside_a_value_are_hidden() {
        for (value, expected) in [
            (
                "jdbc:postgresql://h/db?user=u&password=p&x=1",
                "jdbc:postgresql://h/db?user=u&password=********&x=1",
            ),
            (
                "jdbc:sqlserver://h;user=sa;Password=p w;x=1",
                "jdbc:sqlserver://h;user=sa;Password=********;x=1",
            ),
            (
                "Endpoint=sb://h/;SharedAccessKey=abc=;x=1",
                "Endpoint=sb://h/;SharedAccessKey=********;x=1",
            ),
            (
                "m required username=\"u\" password=\"a \\\" b\";",
                "m required username=\"u\" password=********;",
            ),
            (
                "{\"password\": \"p\", \"a\": 1}",
                "{\"password\": ********, \"a\": 1}",
            ),
            (
                "{\\\"password\\\":\\\"p\\\"}",
                "{\\\"password\\\":\\********",
            ),
            ("https://h/?sig=abc", "https://h/?sig=********"),
            ("a:9092,b:9092", "a:9092,b:9092"),
            ("password", "password"),
        ] {
            assert_eq!(redact_value(value), expected);
        }
    }

    #[test]
    fn tokens_of_http_headers_and_oracle_logins_are_hidden() {
        for (value, expected) in [
            (
                "X: y|Accept: Bearer abcdefgh.ij-k",
                "X: y|Accept: Bearer ********",
            ),
            ("basic dXNlcjpwYXNz", "basic ********"),
            ("a basic idea", "a basic idea"),
            (
                "jdbc:oracle:thin:scott/tiger@//h:1521/x",
                "jdbc:oracle:thin:********@//h:1521/x",
            ),
            (
                "jdbc:oracle:thin:@//h:1521/x",
                "jdbc:oracle:thin:@//h:1521/x",
            ),
        ] {
            assert_eq!(redact_value(value), expected);
        }
    }
}
