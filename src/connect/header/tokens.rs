//! Tokens of a header's text (`Values.Parser`): the delimiters, and what stands between them.

/// A place in a text and the token that was looked at there.
#[derive(Debug)]
pub(super) struct Tokens<'a> {
    original: &'a str,
    at: usize,
    next: Option<&'a str>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(original: &'a str) -> Self {
        Self {
            original,
            at: 0,
            next: None,
        }
    }

    pub(super) fn original(&self) -> &'a str {
        self.original
    }

    /// Returns where the next token begins, unless blank ones were passed in looking for it.
    pub(super) fn mark(&self) -> usize {
        self.at - self.next.map_or(0, str::len)
    }

    pub(super) fn rewind_to(&mut self, mark: usize) {
        self.at = mark;
        self.next = None;
    }

    pub(super) fn has_next(&self) -> bool {
        self.next.is_some() || self.at < self.original.len()
    }

    pub(super) fn next(&mut self) -> &'a str {
        self.next.take().unwrap_or_else(|| self.consume())
    }

    /// Returns the text of the next tokens; `None`, and nothing passed, where there are not as many.
    pub(super) fn next_of(&mut self, count: usize) -> Option<&'a str> {
        let start = self.mark();
        for _ in 0..count {
            if !self.has_next() {
                self.rewind_to(start);
                return None;
            }
            self.next();
        }
        Some(&self.original[start..self.at])
    }

    /// Passes the next token if it is this one, blanks around it aside; blank tokens before it are passed in any case.
    pub(super) fn can_consume(&mut self, expected: &str) -> bool {
        if !self.has_next() {
            return false;
        }
        let mut token = self.next.take().unwrap_or_else(|| self.consume());
        while trimmed(token).is_empty() && self.at < self.original.len() {
            token = self.consume();
        }
        if trimmed(token) == expected {
            return true;
        }
        self.next = Some(token);
        false
    }

    fn consume(&mut self) -> &'a str {
        let start = self.at;
        let mut escaped = false;
        for (offset, character) in self.original[start..].char_indices() {
            match character {
                '\\' => escaped = !escaped,
                ':' | ',' | '{' | '}' | '[' | ']' | '"' if !escaped => {
                    self.at = start + offset.max(1);
                    return &self.original[start..self.at];
                }
                _ => escaped = false,
            }
        }
        self.at = self.original.len();
        &self.original[start..]
    }
}

/// `String.trim`.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|character| character <= ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_tokens_unless_they_are_escaped() {
        let mut tokens = Tokens::new(r#"a:b\:c[ "é"#);
        let mut found = Vec::new();
        while tokens.has_next() {
            found.push(tokens.next());
        }
        assert_eq!(found, ["a", ":", r"b\:c", "[", " ", "\"", "é"]);
    }

    #[test]
    fn blanks_before_a_token_are_lost_when_it_was_looked_for() {
        let mut tokens = Tokens::new("[ ,1");
        assert!(tokens.can_consume("["));
        assert!(!tokens.can_consume("]"));
        assert_eq!(tokens.next(), ",");
        assert_eq!(tokens.next_of(2), None);
        assert_eq!(tokens.next_of(1), Some("1"));
    }
}
