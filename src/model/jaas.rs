//! `sasl.jaas.config`: the login module and its options, read as the JVM reads them.
//!
//! Kafka's `JaasConfig` feeds the value to a `java.io.StreamTokenizer` with both kinds of comments and `-`, `_`, `$` as
//! letters. What follows from that and surprises: a value that begins with a digit must be quoted, a lone `/` starts a
//! comment, `\101` is an octal escape, and a quoted string ends at the end of its line.

use indexmap::IndexMap;

use super::password::Password;

/// The one login module of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginModule {
    /// The Java class, for example `org.apache.kafka.common.security.plain.PlainLoginModule`.
    pub class: String,
    /// Options in order of appearance; of a repeated option the last value.
    pub options: IndexMap<String, Password>,
}

/// Why a `sasl.jaas.config` is refused. Nothing of the value is in it but names that Kafka defines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JaasError {
    #[error("names no login module")]
    NoModule,
    #[error(
        "has no control flag (required, requisite, sufficient or optional) after the login module"
    )]
    NoControlFlag,
    #[error(
        "has something else than required, requisite, sufficient or optional after the login module"
    )]
    UnknownControlFlag,
    #[error("has no value for {} that ends at character {at}{}", option_name(*option), quoting(*number))]
    NoValue {
        /// The option, if its name is one that Kafka defines: another word may be a piece of a password.
        option: Option<&'static str>,
        /// The value begins with a digit, a dot or a minus and is not quoted.
        number: bool,
        /// Characters read so far, counted from 1.
        at: usize,
    },
    #[error("does not end with a semicolon")]
    NotTerminated,
    #[error("holds {0} login modules, a client needs exactly 1")]
    ManyModules(usize),
}

fn option_name(option: Option<&'static str>) -> String {
    option.map_or_else(
        || "the option".to_owned(),
        |name| format!("the option {name}"),
    )
}

fn quoting(number: bool) -> &'static str {
    if number {
        "; a value that begins with a digit, a dot or a minus must be quoted"
    } else {
        ""
    }
}

impl LoginModule {
    /// Returns an option's value, trimmed of nothing.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(Password::reveal)
    }
}

/// Reads a `sasl.jaas.config`.
pub fn parse(value: &str) -> Result<LoginModule, JaasError> {
    let mut tokens = Tokenizer::new(value);
    let mut modules = Vec::new();
    loop {
        match tokens.next() {
            Token::End => break,
            Token::Text(class) => modules.push(module(class, &mut tokens)?),
            Token::Number | Token::Other(_) => return Err(JaasError::NoModule),
        }
    }
    match modules.len() {
        0 => Err(JaasError::NoModule),
        1 => Ok(modules.remove(0)),
        many => Err(JaasError::ManyModules(many)),
    }
}

fn module(class: String, tokens: &mut Tokenizer) -> Result<LoginModule, JaasError> {
    match tokens.next() {
        Token::Text(flag) if is_control_flag(&flag) => {}
        Token::Text(_) => return Err(JaasError::UnknownControlFlag),
        Token::End | Token::Number | Token::Other(_) => return Err(JaasError::NoControlFlag),
    }
    let mut options = IndexMap::new();
    loop {
        let name = match tokens.next() {
            Token::Other(';') => return Ok(LoginModule { class, options }),
            Token::End => return Err(JaasError::NotTerminated),
            Token::Text(name) => Some(name),
            // The JVM stores such a value under a null name, where no login module finds it.
            Token::Number | Token::Other(_) => None,
        };
        let value = option_value(name.as_deref(), tokens)?;
        if let Some(name) = name {
            options.insert(name, value);
        }
    }
}

fn option_value(name: Option<&str>, tokens: &mut Tokenizer) -> Result<Password, JaasError> {
    let option = name.and_then(|name| KNOWN_OPTIONS.iter().copied().find(|known| *known == name));
    let missing = |number, tokens: &Tokenizer| JaasError::NoValue {
        option,
        number,
        at: tokens.at,
    };
    if tokens.next() != Token::Other('=') {
        return Err(missing(false, tokens));
    }
    match tokens.next() {
        Token::Text(value) => Ok(Password::new(value)),
        Token::Number | Token::Other('-') => Err(missing(true, tokens)),
        Token::End | Token::Other(_) => Err(missing(false, tokens)),
    }
}

fn is_control_flag(flag: &str) -> bool {
    ["required", "requisite", "sufficient", "optional"]
        .iter()
        .any(|known| flag.eq_ignore_ascii_case(known))
}

/// Options that an error may name.
const KNOWN_OPTIONS: &[&str] = &[
    "username",
    "password",
    "tokenauth",
    "clientId",
    "clientSecret",
    "scope",
    "unsecuredLoginStringClaim_sub",
    "unsecuredLoginLifetimeSeconds",
    "unsecuredLoginPrincipalClaimName",
    "unsecuredLoginScopeClaimName",
];

#[derive(Debug, PartialEq, Eq)]
enum Token {
    End,
    /// A word or a quoted string: the JVM does not tell them apart here.
    Text(String),
    /// A number, which the JVM parses and then has no text for.
    Number,
    Other(char),
}

/// `java.io.StreamTokenizer` as `JaasConfig` sets it up.
struct Tokenizer {
    characters: Vec<char>,
    at: usize,
}

impl Tokenizer {
    fn new(text: &str) -> Self {
        Self {
            characters: text.chars().collect(),
            at: 0,
        }
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    fn next(&mut self) -> Token {
        loop {
            let Some(first) = self.bump() else {
                return Token::End;
            };
            match first {
                '\0'..=' ' => {}
                '0'..='9' | '.' => return self.number(first),
                '-' => match self.peek() {
                    Some('0'..='9' | '.') => {
                        let digit = self.bump().unwrap_or_default();
                        return self.number(digit);
                    }
                    _ => return Token::Other('-'),
                },
                '"' | '\'' => return Token::Text(self.quoted(first)),
                '/' => {
                    if self.peek() == Some('*') {
                        self.bump();
                        if !self.block_comment() {
                            return Token::End;
                        }
                    } else {
                        self.line_comment();
                    }
                }
                letter if is_letter(letter) => return Token::Text(self.word(letter)),
                other => return Token::Other(other),
            }
        }
    }

    fn number(&mut self, first: char) -> Token {
        let mut dot = first == '.';
        while let Some(next) = self.peek() {
            if next == '.' && !dot {
                dot = true;
            } else if !next.is_ascii_digit() {
                break;
            }
            self.bump();
        }
        Token::Number
    }

    fn word(&mut self, first: char) -> String {
        let mut word = String::from(first);
        while let Some(next) = self.peek() {
            if !is_letter(next) && !next.is_ascii_digit() && next != '.' {
                break;
            }
            word.push(next);
            self.bump();
        }
        word
    }

    /// Reads to the closing quote, which is consumed, or to the end of the line, which is not.
    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        while let Some(next) = self.peek() {
            match next {
                '\n' | '\r' => break,
                '\\' => {
                    self.bump();
                    // A backslash before the end is the JVM's -1 as a character; such a value never gets its semicolon.
                    text.push(self.escape().unwrap_or('\u{ffff}'));
                }
                _ => {
                    self.bump();
                    if next == quote {
                        break;
                    }
                    text.push(next);
                }
            }
        }
        text
    }

    fn escape(&mut self) -> Option<char> {
        let escaped = self.bump()?;
        Some(match escaped {
            '0'..='7' => self.octal(escaped),
            'a' => '\u{7}',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            itself => itself,
        })
    }

    /// Up to three octal digits, and the third only if the first is at most 3, so that the result fits a byte.
    fn octal(&mut self, first: char) -> char {
        let most = if first <= '3' { 3 } else { 2 };
        let mut value = first.to_digit(8).unwrap_or_default();
        for _ in 1..most {
            let Some(digit) = self.peek().and_then(|next| next.to_digit(8)) else {
                break;
            };
            value = value * 8 + digit;
            self.bump();
        }
        char::from_u32(value).unwrap_or_default()
    }

    fn line_comment(&mut self) {
        while self.peek().is_some_and(|next| next != '\n' && next != '\r') {
            self.bump();
        }
    }

    /// Returns false if the comment does not end.
    fn block_comment(&mut self) -> bool {
        let mut star = false;
        while let Some(next) = self.bump() {
            if star && next == '/' {
                return true;
            }
            star = next == '*';
        }
        false
    }
}

/// Letters of a fresh `StreamTokenizer`: ASCII letters, everything from U+00A0 on, and the three that `JaasConfig` adds.
fn is_letter(character: char) -> bool {
    matches!(character, 'a'..='z' | 'A'..='Z' | '-' | '_' | '$' | '\u{a0}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";

    fn password(value: &str) -> String {
        parse(value).unwrap().option("password").unwrap().to_owned()
    }

    #[test]
    fn the_usual_form_is_read() {
        let module = parse(&format!(
            "{PLAIN} required username=\"alice\"  password='se cret';"
        ))
        .unwrap();
        assert_eq!(module.class, PLAIN);
        assert_eq!(module.option("username"), Some("alice"));
        assert_eq!(module.option("password"), Some("se cret"));
        assert!(!format!("{module:?}").contains("se cret"));
    }

    #[test]
    fn escapes_are_those_of_a_java_stream_tokenizer() {
        assert_eq!(
            password(r#"M required password="a\"b\\c\101\7\400\n";"#),
            "a\"b\\cA\u{7} 0\n"
        );
        assert_eq!(password(r#"M required password='"';"#), "\"");
        assert_eq!(password("M required password=a-b_c$1.2;"), "a-b_c$1.2");
        assert_eq!(password("M REQUIRED password=a password=é;"), "é");
    }

    #[test]
    fn comments_are_skipped_and_a_lone_slash_starts_one() {
        assert_eq!(password("M required // x\n password=a /* ; */;"), "a");
        assert_eq!(
            parse("M required password=a/b;"),
            Err(JaasError::NotTerminated)
        );
    }

    #[test]
    fn a_value_that_begins_like_a_number_must_be_quoted() {
        for value in ["1abc", "-1", ".5", "-abc"] {
            let refused = parse(&format!("M required password={value};")).unwrap_err();
            assert!(refused.to_string().contains("must be quoted"), "{refused}");
        }
    }

    #[test]
    fn what_the_jvm_refuses_is_refused() {
        assert_eq!(parse(" "), Err(JaasError::NoModule));
        assert_eq!(parse(";"), Err(JaasError::NoModule));
        assert_eq!(parse("M"), Err(JaasError::NoControlFlag));
        assert_eq!(parse("M;"), Err(JaasError::NoControlFlag));
        assert_eq!(parse("M maybe;"), Err(JaasError::UnknownControlFlag));
        assert_eq!(parse("M required"), Err(JaasError::NotTerminated));
        assert_eq!(
            parse("M required password=\"a\nb\";"),
            Err(JaasError::NoValue {
                option: None,
                number: false,
                at: 26
            })
        );
        assert_eq!(
            parse("M required; N required;"),
            Err(JaasError::ManyModules(2))
        );
    }

    #[test]
    fn an_error_never_repeats_a_piece_of_the_value() {
        for value in [
            "M required password=\"can\"ary;",
            "M canary password=x;",
            "M required canary canary;",
            "M required password=\"canary",
        ] {
            let refused = parse(value).unwrap_err();
            assert!(
                !format!("{refused} {refused:?}").contains("ary"),
                "{refused:?}"
            );
        }
    }
}
