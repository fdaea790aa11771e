//! Keys made from what REST shows of a partition, where its exact bytes can be known.

use bytes::Bytes;
use serde_json::Value;

use crate::model::raw_json::push_string;

/// Why the bytes of a key cannot be told from what REST shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unknowable {
    /// The worker keeps the order in which the connector gave the fields; REST shows that of a Java `HashMap`.
    #[error("the partition has {0} fields, and REST does not show their order")]
    Fields(usize),
    #[error("the partition has a number that is not whole, which Java and JSON spell differently")]
    Float,
    #[error("the partition is not a flat object")]
    Shape,
}

/// Returns the key under which a worker keeps the offset of a partition that REST shows.
pub fn key_from_rest(connector: &str, partition: &Value) -> Result<Bytes, Unknowable> {
    let mut key = b"[".to_vec();
    push_string(connector, &mut key);
    key.push(b',');
    match partition {
        Value::Null => key.extend_from_slice(b"null"),
        Value::Object(fields) if fields.len() > 1 => return Err(Unknowable::Fields(fields.len())),
        Value::Object(fields) => {
            key.push(b'{');
            for (name, value) in fields {
                push_string(name, &mut key);
                key.push(b':');
                push_scalar(value, &mut key)?;
            }
            key.push(b'}');
        }
        _ => return Err(Unknowable::Shape),
    }
    key.push(b']');
    Ok(key.into())
}

fn push_scalar(value: &Value, key: &mut Vec<u8>) -> Result<(), Unknowable> {
    match value {
        Value::String(text) => push_string(text, key),
        Value::Number(number) if number.is_f64() => return Err(Unknowable::Float),
        Value::Number(_) | Value::Bool(_) | Value::Null => {
            key.extend_from_slice(value.to_string().as_bytes());
        }
        Value::Array(_) | Value::Object(_) => return Err(Unknowable::Shape),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(partition: &Value) -> Result<String, Unknowable> {
        key_from_rest("c", partition).map(|key| String::from_utf8(key.to_vec()).unwrap())
    }

    #[test]
    fn single_fields_are_spelled_as_jackson_does() {
        assert_eq!(
            key(&json!({"filename": "/a/\u{1F600}\u{1}é"})).unwrap(),
            "[\"c\",{\"filename\":\"/a/\\uD83D\\uDE00\\u0001é\"}]"
        );
        assert_eq!(key(&json!({"p": 3})).unwrap(), r#"["c",{"p":3}]"#);
        assert_eq!(key(&Value::Null).unwrap(), r#"["c",null]"#);
        assert_eq!(key(&json!({})).unwrap(), r#"["c",{}]"#);
    }

    #[test]
    fn what_rest_does_not_tell_is_not_guessed() {
        assert_eq!(key(&json!({"a": 1, "b": 2})), Err(Unknowable::Fields(2)));
        assert_eq!(key(&json!({"a": 1.5})), Err(Unknowable::Float));
        assert_eq!(key(&json!({"a": [1]})), Err(Unknowable::Shape));
        assert_eq!(key(&json!("a")), Err(Unknowable::Shape));
    }
}
