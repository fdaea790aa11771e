//! Text → value (`Values.parseString`).

use super::super::schema::{Schema, SchemaBuilder, Type};
use super::super::text::Text;
use super::super::value::{SchemaAndValue, Value};
use super::merge::{SchemaMerger, converted};
use super::tokens::{Tokens, trimmed};
use super::{number, temporal};

/// Lists inside lists; a JVM's stack holds a few thousand.
const DEEPEST: usize = 500;

/// Why a text is not what it looked like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// A `DataException`: it is a string.
    Data,
    /// A `StackOverflowError`: it is bytes.
    TooDeep,
}

type Parsed = Result<Option<SchemaAndValue>, Failure>;

/// Returns the value of a text, `SchemaAndValue::default()` for `null`; `None` where it is nested too deep.
pub(super) fn parse(text: &Text) -> Option<SchemaAndValue> {
    let original = text.to_str();
    if original.is_empty() {
        return Some(string(&original));
    }
    let mut parser = ValueParser {
        tokens: Tokens::new(&original),
        depth: 0,
    };
    match parser.parse(false) {
        Ok(parsed) => Some(parsed.unwrap_or_default()),
        Err(Failure::Data) => Some(string(&original)),
        Err(Failure::TooDeep) => None,
    }
}

fn string(text: &str) -> SchemaAndValue {
    SchemaAndValue::new(Schema::required(Type::String), Value::from(text))
}

struct ValueParser<'a> {
    tokens: Tokens<'a>,
    depth: usize,
}

impl ValueParser<'_> {
    fn parse(&mut self, embedded: bool) -> Parsed {
        if !self.tokens.has_next() {
            return Ok(None);
        }
        if embedded && self.tokens.can_consume("\"") {
            return Ok(Some(self.quoted_string()));
        }
        if self.literal(embedded, "null") {
            return Ok(None);
        }
        for (word, value) in [("true", true), ("false", false)] {
            if self.literal(embedded, word) {
                let schema = Schema::required(Type::Boolean);
                return Ok(Some(SchemaAndValue::new(schema, Value::Boolean(value))));
            }
        }
        let start = self.tokens.mark();
        match self.container() {
            Ok(None) => {}
            Err(Failure::Data) => self.tokens.rewind_to(start),
            done => return done,
        }
        let token = self.tokens.next();
        match trimmed(token) {
            "" => Ok(Some(string(token))),
            token => self.scalar(embedded, token).map(Some),
        }
    }

    /// Passes a word, which outside of a list or map must be everything there is.
    fn literal(&mut self, embedded: bool, word: &str) -> bool {
        let start = self.tokens.mark();
        if self.tokens.can_consume(word) && (embedded || !self.tokens.has_next()) {
            return true;
        }
        self.tokens.rewind_to(start);
        false
    }

    /// Passes a list or a map; `None` when none begins here.
    fn container(&mut self) -> Parsed {
        if self.depth == DEEPEST {
            return Err(Failure::TooDeep);
        }
        self.depth += 1;
        let parsed = if self.tokens.can_consume("[") {
            self.array().map(Some)
        } else if self.tokens.can_consume("{") {
            self.map().map(Some)
        } else {
            Ok(None)
        };
        self.depth -= 1;
        parsed
    }

    fn scalar(&mut self, embedded: bool, token: &str) -> Result<SchemaAndValue, Failure> {
        let first = token.chars().next().unwrap_or_default();
        let starts_with_digit = number::is_digit(first);
        if starts_with_digit && let Some(temporal) = self.temporal(token) {
            return Ok(temporal);
        }
        if (starts_with_digit || matches!(first, '+' | '-'))
            && let Some(number) = number::parse(token)
        {
            return Ok(number);
        }
        if embedded {
            return Err(Failure::Data);
        }
        Ok(string(self.tokens.original()))
    }

    /// A time has two colons, which make five tokens of it unless they are escaped.
    fn temporal(&mut self, token: &str) -> Option<SchemaAndValue> {
        let start = self.tokens.mark();
        if let Some(rest) = self.tokens.next_of(4)
            && let Some(temporal) = temporal::parse(&format!("{token}{rest}"))
        {
            return Some(temporal);
        }
        self.tokens.rewind_to(start);
        temporal::parse(token)
    }

    /// Up to the next quote or the end; tokens of blanks are lost.
    fn quoted_string(&mut self) -> SchemaAndValue {
        let mut content = String::new();
        while self.tokens.has_next() {
            if self.tokens.can_consume("\"") {
                break;
            }
            content.push_str(self.tokens.next());
        }
        temporal::parse(&content).unwrap_or_else(|| string(&content))
    }

    fn array(&mut self) -> Result<SchemaAndValue, Failure> {
        let mut elements = Vec::new();
        let mut merger = SchemaMerger::default();
        while self.tokens.has_next() {
            if self.tokens.can_consume("]") {
                return aligned_array(merger, elements);
            }
            if self.tokens.can_consume(",") {
                return Err(Failure::Data);
            }
            let element = self.parse(true)?;
            merger.merge(element.as_ref());
            elements.push(element.map_or(Value::Null, |element| element.value));
            let after = self.tokens.mark();
            if self.tokens.can_consume("]") {
                self.tokens.rewind_to(after);
            } else if !self.tokens.can_consume(",") {
                return Err(Failure::Data);
            }
        }
        Err(Failure::Data)
    }

    fn map(&mut self) -> Result<SchemaAndValue, Failure> {
        let mut entries = Vec::new();
        let (mut keys, mut values) = (SchemaMerger::default(), SchemaMerger::default());
        while self.tokens.has_next() {
            if self.tokens.can_consume("}") {
                return aligned_map(keys, values, entries);
            }
            if self.tokens.can_consume(",") {
                return Err(Failure::Data);
            }
            let key = self.parse(true)?.filter(|key| !key.value.is_null());
            let key = key.ok_or(Failure::Data)?;
            if !self.tokens.can_consume(":") {
                return Err(Failure::Data);
            }
            let value = self.parse(true)?;
            keys.merge(Some(&key));
            values.merge(value.as_ref());
            put(
                &mut entries,
                key.value,
                value.map_or(Value::Null, |value| value.value),
            );
            self.tokens.can_consume(",");
        }
        Err(Failure::Data)
    }
}

/// A `LinkedHashMap`: of equal keys the last value, in the first one's place.
fn put(entries: &mut Vec<(Value, Value)>, key: Value, value: Value) {
    match entries.iter_mut().find(|(known, _)| *known == key) {
        Some(entry) => entry.1 = value,
        None => entries.push((key, value)),
    }
}

fn aligned_array(merger: SchemaMerger, elements: Vec<Value>) -> Result<SchemaAndValue, Failure> {
    let Some(common) = merger.into_common() else {
        let schema = Schema::required(Type::Array);
        return Ok(SchemaAndValue::new(schema, Value::Array(elements)));
    };
    let aligned = elements.into_iter().map(|value| converted(&common, value));
    let aligned: Option<Vec<_>> = aligned.collect();
    let value = Value::Array(aligned.ok_or(Failure::Data)?);
    Ok(SchemaAndValue::new(
        SchemaBuilder::array(common).build(),
        value,
    ))
}

fn aligned_map(
    keys: SchemaMerger,
    values: SchemaMerger,
    entries: Vec<(Value, Value)>,
) -> Result<SchemaAndValue, Failure> {
    let Some(keys) = keys.into_common() else {
        let schema = Schema::required(Type::Map);
        return Ok(SchemaAndValue::new(schema, Value::Map(entries)));
    };
    let values = values.into_common();
    let mut aligned = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let key = converted(&keys, key).ok_or(Failure::Data)?;
        let value = match &values {
            Some(schema) => converted(schema, value).ok_or(Failure::Data)?,
            None => value,
        };
        put(&mut aligned, key, value);
    }
    Ok(SchemaAndValue::new(
        SchemaBuilder::map(keys, values).build(),
        Value::Map(aligned),
    ))
}
