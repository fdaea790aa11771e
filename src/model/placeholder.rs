//! `${provider:[path:]key}`, the references that Kafka's config providers resolve.
//!
//! The syntax is that of `org.apache.kafka.common.config.ConfigTransformer`: no part holds a `}`, the provider ends at
//! the first colon, the path at the second, and everything after it, colons included, is the key.

use std::collections::BTreeSet;

use crate::model::properties::Properties;

/// One reference inside a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Placeholder {
    /// The alias that `config.providers` gives to a provider.
    pub provider: String,
    /// Empty when the reference has only two parts.
    pub path: String,
    pub key: String,
}

impl std::fmt::Display for Placeholder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            provider,
            path,
            key,
        } = self;
        if path.is_empty() {
            write!(f, "${{{provider}:{key}}}")
        } else {
            write!(f, "${{{provider}:{path}:{key}}}")
        }
    }
}

/// Returns the references of a value, from left to right.
pub fn placeholders(value: &str) -> Vec<Placeholder> {
    pieces(value)
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Reference { placeholder, .. } => Some(placeholder),
            Piece::Text(_) => None,
        })
        .collect()
}

/// Whose values a config provider of a worker file fills in: the two read `config.providers` in their own ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// Those of the file itself (`AbstractConfig.instantiateConfigProviders`): the list is split at commas alone.
    WorkerFile,
    /// Those of connectors (`Worker.initConfigTransformer`): it is a list as others are, with blanks around the commas.
    Connectors,
}

/// Returns the aliases of `config.providers`.
pub fn aliases(worker: &Properties, of: Filled) -> impl Iterator<Item = &str> {
    let list = worker.get("config.providers");
    let aliases = list.into_iter().flat_map(|list| list.split(','));
    let aliases = aliases.map(move |alias| match of {
        Filled::WorkerFile => alias,
        Filled::Connectors => alias.trim_matches(|character| character <= ' '),
    });
    aliases.filter(|alias| !alias.is_empty())
}

/// Returns the setting that names the class of a config provider: without it, there is none.
pub fn class_key(alias: &str) -> String {
    format!("config.providers.{alias}.class")
}

/// The config providers that a worker file declares, by alias.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declared(BTreeSet<String>);

impl Declared {
    pub fn of(worker: &Properties, filled: Filled) -> Self {
        let aliases = aliases(worker, filled);
        let declared = aliases.filter(|alias| worker.contains_key(&class_key(alias)));
        Self(declared.map(str::to_owned).collect())
    }

    /// Returns whether one of them fills in a part of the value. Other text of that form is taken as it stands
    /// (`ConfigTransformer.transform`).
    pub fn fill_in(&self, value: &str) -> bool {
        let mut references = placeholders(value).into_iter();
        references.any(|reference| self.0.contains(&reference.provider))
    }
}

/// Returns the value with every reference replaced for which `lookup` knows a value.
///
/// A reference without a value stays as it is, as in the JVM. Replacements are not searched for references again.
pub fn replace(value: &str, mut lookup: impl FnMut(&Placeholder) -> Option<String>) -> String {
    let mut replaced = String::with_capacity(value.len());
    for piece in pieces(value) {
        match piece {
            Piece::Text(text) => replaced.push_str(text),
            Piece::Reference { raw, placeholder } => match lookup(&placeholder) {
                Some(found) => replaced.push_str(&found),
                None => replaced.push_str(raw),
            },
        }
    }
    replaced
}

enum Piece<'a> {
    Text(&'a str),
    Reference {
        raw: &'a str,
        placeholder: Placeholder,
    },
}

fn pieces(value: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = value;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        let end = start + length + 1;
        let (before, raw) = (&rest[..start], &rest[start..end]);
        match parse(&raw[2..raw.len() - 1]) {
            Some(placeholder) => {
                pieces.push(Piece::Text(before));
                pieces.push(Piece::Reference { raw, placeholder });
            }
            None => pieces.push(Piece::Text(&rest[..end])),
        }
        rest = &rest[end..];
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn parse(inside: &str) -> Option<Placeholder> {
    let (provider, rest) = inside.split_once(':')?;
    let (path, key) = rest.split_once(':').unwrap_or(("", rest));
    Some(Placeholder {
        provider: provider.to_owned(),
        path: path.to_owned(),
        key: key.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Vec<(String, String, String)> {
        placeholders(value)
            .into_iter()
            .map(|p| (p.provider, p.path, p.key))
            .collect()
    }

    fn parts(provider: &str, path: &str, key: &str) -> (String, String, String) {
        (provider.to_owned(), path.to_owned(), key.to_owned())
    }

    #[test]
    fn a_reference_has_two_or_three_parts_and_the_rest_belongs_to_the_key() {
        assert_eq!(shown("${env:HOME}"), [parts("env", "", "HOME")]);
        assert_eq!(shown("${env::HOME}"), [parts("env", "", "HOME")]);
        assert_eq!(
            shown("${file:/a b/c.properties:pass:word}"),
            [parts("file", "/a b/c.properties", "pass:word")]
        );
        assert_eq!(shown("${a${b:c}"), [parts("a${b", "", "c")]);
        assert_eq!(shown("${:}"), [parts("", "", "")]);
    }

    #[test]
    fn text_without_a_colon_or_an_end_is_no_reference() {
        assert_eq!(shown("${HOME} $env:x} ${env:x"), []);
        assert_eq!(shown("${x}${env:y}"), [parts("env", "", "y")]);
    }

    #[test]
    fn only_a_declared_provider_fills_in() {
        let provided = |pairs: &[(&str, &str)], value: &str| {
            let pairs = pairs.iter();
            let owned = pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            let worker: Properties = owned.collect();
            let of = [Filled::WorkerFile, Filled::Connectors];
            of.map(|filled| Declared::of(&worker, filled).fill_in(value))
        };
        let class = ("config.providers.env.class", "E");
        let listed = |aliases| [("config.providers", aliases), class];
        assert_eq!(provided(&listed("file,env"), "a${env:X}"), [true; 2]);
        assert_eq!(provided(&listed("env"), "${file:X:y} ${env}"), [false; 2]);
        // With blanks a worker file's own references stay, and those of its connectors are followed.
        assert_eq!(provided(&listed("file, env"), "${env:X}"), [false, true]);
        assert_eq!(
            provided(&[("config.providers", "env")], "${env:X}"),
            [false; 2]
        );
        assert_eq!(provided(&[class], "${env:X}"), [false; 2]);
    }

    #[test]
    fn replacing_keeps_what_is_unknown_and_does_not_look_into_what_it_put_in() {
        let replaced = replace("a ${e:x} b ${e:none} ${q} ${e:y}", |p| {
            match p.key.as_str() {
                "x" => Some("${e:y}".to_owned()),
                "y" => Some("Y".to_owned()),
                _ => None,
            }
        });
        assert_eq!(replaced, "a ${e:y} b ${e:none} ${q} Y");
    }
}
