//! `org.apache.kafka.connect.storage.StringConverter`.

use std::borrow::Cow;

use bytes::Bytes;

use super::converter::ConverterError;
use super::schema::{Schema, Type};
use super::settings::Settings;
use super::text::Text;
use super::value::{SchemaAndValue, Value};

/// Text in a character set, `converter.encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StringConverter {
    serializer: Charset,
    deserializer: Charset,
}

/// The character sets that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Iso88591,
    UsAscii,
}

impl StringConverter {
    /// The serializer and the deserializer inside have a setting of their own, which goes before `converter.encoding`.
    pub(super) fn new(settings: Settings<'_>, is_key: bool) -> Result<Self, ConverterError> {
        let keys = if is_key {
            ["key.serializer.encoding", "key.deserializer.encoding"]
        } else {
            ["value.serializer.encoding", "value.deserializer.encoding"]
        };
        let common = settings.string("converter.encoding").unwrap_or("UTF-8");
        let [serializer, deserializer] = keys.map(|key| match settings.0.get(key) {
            Some(encoding) => Charset::named(key, encoding),
            None => Charset::named("converter.encoding", common),
        });
        Ok(Self {
            serializer: serializer?,
            deserializer: deserializer?,
        })
    }

    pub(super) fn serialize(self, value: &Value) -> Option<Cow<'_, [u8]>> {
        if let (Charset::Utf8, Value::String(text)) = (self.serializer, value) {
            return Some(text.to_utf8());
        }
        if value.is_null() {
            return None;
        }
        let text = value.to_java();
        Some(Cow::Owned(self.serializer.encode(&text)))
    }

    pub(super) fn deserialize(self, bytes: Option<&Bytes>) -> SchemaAndValue {
        let value = bytes.map_or(Value::Null, |bytes| {
            Value::String(self.deserializer.decode(bytes))
        });
        SchemaAndValue::new(Schema::optional(Type::String), value)
    }
}

impl Charset {
    /// Finds a character set by the names that `Charset.forName` knows it by, in any case.
    fn named(key: &'static str, name: &str) -> Result<Self, ConverterError> {
        const UTF_8: &[&str] = &["UTF-8", "UTF8", "unicode-1-1-utf-8"];
        #[rustfmt::skip]
        const ISO_8859_1: &[&str] = &[
            "ISO-8859-1", "819", "8859_1", "cp819", "csISOLatin1", "IBM-819", "IBM819", "iso-ir-100", "ISO_8859-1",
            "ISO_8859-1:1987", "ISO_8859_1", "ISO8859-1", "ISO8859_1", "l1", "latin1",
        ];
        #[rustfmt::skip]
        const US_ASCII: &[&str] = &[
            "US-ASCII", "646", "ANSI_X3.4-1968", "ANSI_X3.4-1986", "ASCII", "ascii7", "cp367", "csASCII", "default",
            "IBM367", "iso-ir-6", "ISO646-US", "iso_646.irv:1983", "ISO_646.irv:1991", "us",
        ];
        let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        match name {
            _ if is_one_of(UTF_8) => Ok(Self::Utf8),
            _ if is_one_of(ISO_8859_1) => Ok(Self::Iso88591),
            _ if is_one_of(US_ASCII) => Ok(Self::UsAscii),
            _ => Err(ConverterError::Encoding {
                key,
                encoding: name.to_owned(),
            }),
        }
    }

    /// What the set does not have becomes `?`.
    fn encode(self, text: &Text) -> Vec<u8> {
        let highest = match self {
            Self::Utf8 => return text.to_utf8().into_owned(),
            Self::Iso88591 => 0xff,
            Self::UsAscii => 0x7f,
        };
        let byte = |code| u8::try_from(code).ok().filter(|byte| *byte <= highest);
        text.code_points()
            .map(|code| byte(code).unwrap_or(b'?'))
            .collect()
    }

    fn decode(self, bytes: &Bytes) -> Text {
        let of_ascii = |byte: &u8| match byte {
            0..0x80 => char::from(*byte),
            _ => char::REPLACEMENT_CHARACTER,
        };
        match self {
            Self::Utf8 => Text::decode_utf8(bytes),
            _ if bytes.is_ascii() => Text::decode_utf8(bytes),
            Self::Iso88591 => Text::from(bytes.iter().copied().map(char::from).collect::<String>()),
            Self::UsAscii => Text::from(bytes.iter().map(of_ascii).collect::<String>()),
        }
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;

    fn converter(settings: &[(&str, &str)]) -> Result<StringConverter, ConverterError> {
        let settings: IndexMap<_, _> = settings
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        StringConverter::new(Settings(&settings), true)
    }

    #[test]
    fn a_string_is_neither_copied_into_bytes_nor_out_of_them() {
        let converter = converter(&[]).unwrap();
        let value = Value::from("Zürich");
        assert!(matches!(
            converter.serialize(&value),
            Some(Cow::Borrowed(b"Z\xc3\xbcrich"))
        ));
        let bytes = Bytes::from_static(b"Z\xc3\xbcrich");
        let Value::String(text) = converter.deserialize(Some(&bytes)).value else {
            panic!("a string");
        };
        assert_eq!(text.as_bytes().as_ptr(), bytes.as_ptr());
    }

    #[test]
    fn each_side_may_have_an_encoding_of_its_own() {
        let converter = converter(&[
            ("converter.encoding", " latin1 "),
            ("key.serializer.encoding", "ascii"),
            ("value.deserializer.encoding", "UTF-8"),
        ])
        .unwrap();
        let value = Value::from("Zürich \u{1f600}");
        assert_eq!(&*converter.serialize(&value).unwrap(), b"Z?rich ?");
        let read = converter.deserialize(Some(&Bytes::from_static(b"Z\xfc")));
        assert_eq!(read.value, Value::from("Zü"));
    }

    #[test]
    fn an_unknown_encoding_is_refused_by_its_name() {
        let error = converter(&[("converter.encoding", "UTF-16")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "converter.encoding: the native engine does not know the encoding UTF-16, only UTF-8, ISO-8859-1 and US-ASCII"
        );
    }
}
