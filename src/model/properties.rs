//! Java `.properties`, read as `java.util.Properties.load(InputStream)` reads them, and edited line by line.

use indexmap::IndexMap;

/// The map a `.properties` file stands for: keys in order of first appearance, the last value of a key.
pub type Properties = IndexMap<String, String>;

/// A parsed `.properties` file that can be written back byte for byte.
#[derive(Debug, Clone, Default)]
pub struct Document {
    map: Properties,
}

impl Document {
    /// Returns the effective settings.
    pub fn to_map(&self) -> Properties {
        self.map.clone()
    }
}
