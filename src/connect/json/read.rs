//! Bytes → tree, as the `ObjectMapper` of Connect's `JsonDeserializer` reads them.
//!
//! RFC 8259 plus leading zeros of numbers. What follows the first value is not looked at. The limits are those of
//! `com.fasterxml.jackson.core.StreamReadConstraints`.

use bytes::Bytes;
use indexmap::IndexMap;

use super::super::text::Text;
use super::super::throwable::Throwable;
use super::fault::Expected;
use super::node::Node;
use crate::model::connector_config::jackson_utf8;

const DEEPEST: usize = 1000;
/// In bytes.
const LONGEST_NAME: usize = 50_000;

/// Reads the first value of a text; bytes without one are [`Node::Missing`].
///
/// # Errors
/// Jackson's exception.
pub(super) fn read(bytes: &Bytes) -> Result<Node, Throwable> {
    let text = match jackson_utf8(bytes) {
        Ok(std::borrow::Cow::Borrowed(text)) => bytes.slice_ref(text),
        Ok(std::borrow::Cow::Owned(text)) => text.into(),
        Err(message) => {
            return Err(Throwable::new("java.io.CharConversionException", message));
        }
    };
    let reader = Reader {
        text,
        at: 0,
        begun: Vec::new(),
        after_comma: false,
        last: "null",
    };
    reader.document()
}

/// A place in a text.
pub(super) struct Reader {
    pub(super) text: Bytes,
    pub(super) at: usize,
    /// Where the open containers begin.
    pub(super) begun: Vec<usize>,
    /// Whether a comma came last.
    pub(super) after_comma: bool,
    /// Jackson's name of the last token.
    pub(super) last: &'static str,
}

/// A container that is not complete.
enum Open {
    Array(Vec<Node>),
    /// With the name whose value comes next.
    Object(IndexMap<Text, Node>, Text),
}

impl Reader {
    /// A loop instead of recursion, so that depth costs no stack.
    fn document(mut self) -> Result<Node, Throwable> {
        if self.peek().is_none() {
            return Ok(Node::Missing);
        }
        let mut open = Vec::new();
        loop {
            let Some(mut node) = self.begin(&mut open)? else {
                continue;
            };
            loop {
                match open.pop() {
                    None => return Ok(node),
                    Some(container) => match self.add(container, node)? {
                        Ok(complete) => node = complete,
                        Err(more) => {
                            open.push(more);
                            break;
                        }
                    },
                }
            }
        }
    }

    /// Passes a scalar, an empty container, or the beginning of a container, which is then open.
    fn begin(&mut self, open: &mut Vec<Open>) -> Result<Option<Node>, Throwable> {
        let container = match self.peek() {
            Some(b'{') => {
                self.enter("START_OBJECT")?;
                if self.peek() == Some(b'}') {
                    self.leave();
                    return Ok(Some(Node::Object(IndexMap::new())));
                }
                Open::Object(IndexMap::new(), self.name()?)
            }
            Some(b'[') => {
                self.enter("START_ARRAY")?;
                if self.peek() == Some(b']') {
                    self.leave();
                    return Ok(Some(Node::Array(Vec::new())));
                }
                Open::Array(Vec::new())
            }
            _ => return self.scalar().map(Some),
        };
        open.push(container);
        Ok(None)
    }

    /// Adds a value; returns the container when that was its last, and the open one otherwise.
    fn add(&mut self, container: Open, node: Node) -> Result<Result<Node, Open>, Throwable> {
        match container {
            Open::Array(mut elements) => {
                elements.push(node);
                if self.next_of(b']')? {
                    return Ok(Err(Open::Array(elements)));
                }
                Ok(Ok(Node::Array(elements)))
            }
            Open::Object(mut members, name) => {
                members.insert(name, node);
                if self.next_of(b'}')? {
                    let name = self.name()?;
                    return Ok(Err(Open::Object(members, name)));
                }
                Ok(Ok(Node::Object(members)))
            }
        }
    }

    /// Passes a comma or the end of a container; returns whether it was a comma.
    fn next_of(&mut self, end: u8) -> Result<bool, Throwable> {
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.after_comma = true;
                Ok(true)
            }
            Some(byte) if byte == end => {
                self.leave();
                Ok(false)
            }
            _ => Err(self.unexpected(Expected::Separator)),
        }
    }

    fn enter(&mut self, token: &'static str) -> Result<(), Throwable> {
        self.begun.push(self.at);
        self.at += 1;
        self.after_comma = false;
        self.last = token;
        let depth = self.begun.len();
        if depth > DEEPEST {
            return Err(too_much(
                "Document nesting depth",
                depth,
                DEEPEST,
                "NestingDepth",
            ));
        }
        Ok(())
    }

    fn leave(&mut self) {
        self.last = match self.next_byte() {
            Some(b']') => "END_ARRAY",
            _ => "END_OBJECT",
        };
        self.at += 1;
        self.begun.pop();
        self.after_comma = false;
    }

    fn name(&mut self) -> Result<Text, Throwable> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected(Expected::Name));
        }
        let name = self.string("field name", "name")?;
        let length = name.as_bytes().len();
        if length > LONGEST_NAME {
            return Err(too_much("Name length", length, LONGEST_NAME, "NameLength"));
        }
        // Jackson decodes names by another way than values, which refuses it.
        if name.has_lone_surrogates() {
            let half = name.utf16().find(|unit| (0xd800..0xe000).contains(unit));
            let half = half.unwrap_or_default();
            return Err(self.fault(
                self.at,
                &format!("Invalid UTF-8: Illegal surrogate character 0x{half:x}"),
            ));
        }
        self.last = "FIELD_NAME";
        self.after_comma = false;
        if self.peek() != Some(b':') {
            return Err(self.unexpected(Expected::Colon));
        }
        self.at += 1;
        Ok(name)
    }

    pub(super) fn pass(&mut self, any_of: &[u8]) -> bool {
        let found = self.next_byte().is_some_and(|byte| any_of.contains(&byte));
        self.at += usize::from(found);
        found
    }

    /// Passes whitespace and returns the byte after it, without passing it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while self.pass(b" \t\n\r") {}
        self.next_byte()
    }

    pub(super) fn next_byte(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }
}

pub(super) fn too_much(what: &str, is: usize, most: usize, limit: &str) -> Throwable {
    Throwable::new(
        "com.fasterxml.jackson.core.exc.StreamConstraintsException",
        format!(
            "{what} ({is}) exceeds the maximum allowed ({most}, from `StreamReadConstraints.getMax{limit}()`)"
        ),
    )
}
