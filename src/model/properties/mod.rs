//! Java `.properties`, read as `java.util.Properties.load(InputStream)` reads them, and edited line by line.
//!
//! [`lexer`] cuts the bytes into logical lines and says which bytes are key and value; [`unescape`] turns those into
//! text; [`Document`] keeps every byte and changes only the lines it must; [`escape`] writes new text.

mod document;
mod edit;
mod escape;
pub(crate) mod lexer;
mod unescape;

use indexmap::IndexMap;

pub use document::Document;
pub use escape::{escaped_key, escaped_value};
pub use unescape::{PropertiesError, PropertiesErrorKind};

/// The map a `.properties` file stands for: keys in order of first appearance, the last value of a key.
pub type Properties = IndexMap<String, String>;
