//! Strict reading of an offsets file.

use bytes::Bytes;

use super::grammar::{
    BASE_HANDLE, BYTE_ARRAY, BYTE_ARRAY_DESCRIPTION, HASH_MAP, HASH_MAP_DESCRIPTION, HEADER,
    LINKED_HASH_MAP, LINKED_HASH_MAP_DESCRIPTION, SIZES, TC_ARRAY, TC_BLOCKDATA, TC_CLASS,
    TC_CLASSDESC, TC_ENDBLOCKDATA, TC_ENUM, TC_LONGSTRING, TC_NULL, TC_OBJECT, TC_PROXYCLASSDESC,
    TC_REFERENCE, TC_STRING,
};
use super::{OffsetEntry, OffsetFileError, OffsetMap, Place, RootClass};

/// Returns the entries of an offsets file, as slices of `file`.
///
/// Accepts what `ObjectOutputStream` writes for a `HashMap<byte[], byte[]>` or a `LinkedHashMap<byte[], byte[]>`: null
/// keys and values, arrays shared between entries, any load factor and capacity. Bytes after the map are counted, not
/// refused, as the JVM does.
///
/// # Errors
/// Any other content, and a file that ends anywhere before the map does. No byte sequence makes it panic, and memory
/// stays in proportion to the length of `file`, whatever counts and lengths it announces.
pub fn read(file: Bytes) -> Result<OffsetMap, OffsetFileError> {
    if file.is_empty() {
        return Err(OffsetFileError::Empty);
    }
    let mut reader = Reader::new(file);
    reader.header()?;
    let class = reader.root_class()?;
    let load_factor = reader.load_factor()?;
    let threshold = reader.i32("the threshold")?;
    reader.byte("the block of the map's sizes", |b| b == TC_BLOCKDATA)?;
    reader.byte("a block length of 8", |b| b == SIZES)?;
    let buckets = reader.i32("the bucket count")?;
    let count = reader.count()?;
    let entries = reader.entries(count)?;
    reader.place = Place::End;
    reader.byte("the end mark 0x78", |b| b == TC_ENDBLOCKDATA)?;
    if class == RootClass::LinkedHashMap {
        reader.byte("the boolean accessOrder", |b| b <= 1)?;
    }
    Ok(OffsetMap {
        entries,
        trailing: (reader.file.len() - reader.at) as u64,
        class,
        load_factor,
        threshold,
        buckets,
    })
}

struct Reader {
    file: Bytes,
    at: usize,
    place: Place,
    /// What each handle from [`BASE_HANDLE`] on stands for.
    handles: Vec<Handle>,
}

/// What a `TC_REFERENCE` may point to.
#[derive(Clone, Copy)]
enum Handle {
    Class(&'static str),
    Map,
    /// Where the array's length field is, and whether a key of the map is this array.
    Array {
        at: usize,
        is_key: bool,
    },
}

impl Reader {
    fn new(file: Bytes) -> Self {
        Self {
            file,
            at: 0,
            place: Place::Header,
            handles: Vec::new(),
        }
    }

    fn header(&mut self) -> Result<(), OffsetFileError> {
        let begin = &self.file[..self.file.len().min(HEADER.len())];
        if !HEADER.starts_with(begin) {
            let found: Vec<_> = begin.iter().map(|b| format!("{b:02x}")).collect();
            return Err(OffsetFileError::NotJavaSerialisation {
                found: found.join(" "),
            });
        }
        self.take(HEADER.len(), "the stream header ac ed 00 05")?;
        Ok(())
    }

    fn root_class(&mut self) -> Result<RootClass, OffsetFileError> {
        self.place = Place::Root;
        let at = self.at;
        let tag = self.byte("an object (0x73)", |_| true)?;
        if tag != TC_OBJECT {
            return Err(self.other_object(at, tag, "java.util.HashMap"));
        }
        self.byte("a class description (0x72)", |b| b == TC_CLASSDESC)?;
        let at = self.at;
        let name = self.class_name()?;
        let class = match name.as_str() {
            HASH_MAP => RootClass::HashMap,
            LINKED_HASH_MAP => {
                self.describe(LINKED_HASH_MAP, LINKED_HASH_MAP_DESCRIPTION)?;
                self.byte("the superclass description (0x72)", |b| b == TC_CLASSDESC)?;
                self.super_class()?;
                RootClass::LinkedHashMap
            }
            _ => return Err(self.unexpected_class(at, name, "java.util.HashMap")),
        };
        self.describe(HASH_MAP, HASH_MAP_DESCRIPTION)?;
        self.handles.push(Handle::Map);
        Ok(class)
    }

    fn super_class(&mut self) -> Result<(), OffsetFileError> {
        let at = self.at;
        let name = self.class_name()?;
        if name == HASH_MAP {
            return Ok(());
        }
        Err(self.unexpected_class(at, name, "java.util.HashMap as superclass"))
    }

    /// Reads what follows a known class name and gives the class its handle.
    fn describe(&mut self, class: &'static str, description: &[u8]) -> Result<(), OffsetFileError> {
        let offset = self.at as u64;
        if self.take(description.len(), "the class description")? != description {
            return Err(OffsetFileError::ForeignDescriptor { offset, class });
        }
        self.handles.push(Handle::Class(class));
        Ok(())
    }

    fn load_factor(&mut self) -> Result<f32, OffsetFileError> {
        let offset = self.at as u64;
        let value = f32::from_be_bytes(self.array("the load factor")?);
        if value > 0.0 {
            return Ok(value);
        }
        Err(OffsetFileError::BadNumber {
            offset,
            what: "the load factor",
            value: value.to_string(),
        })
    }

    fn count(&mut self) -> Result<u32, OffsetFileError> {
        self.non_negative("the number of entries")
    }

    fn entries(&mut self, count: u32) -> Result<Vec<OffsetEntry>, OffsetFileError> {
        // A real entry is longer than 32 bytes: a hostile count reserves no more than a few times the file's length.
        let rest = (self.file.len() - self.at) / 32;
        let mut entries = Vec::with_capacity(rest.min(count as usize));
        self.handles.reserve(2 * entries.capacity());
        let mut has_null_key = false;
        for number in 1..=count {
            self.place = Place::Key(number, count);
            let offset = self.at as u64;
            let key = self.element(true)?;
            if key.is_none() && std::mem::replace(&mut has_null_key, true) {
                let place = self.place;
                return Err(OffsetFileError::RepeatedKey { offset, place });
            }
            self.place = Place::Value(number, count);
            let value = self.element(false)?;
            entries.push(OffsetEntry { key, value });
        }
        Ok(entries)
    }

    fn element(&mut self, is_key: bool) -> Result<Option<Bytes>, OffsetFileError> {
        let at = self.at;
        match self.byte("a byte array, a reference or null", |_| true)? {
            TC_NULL => Ok(None),
            TC_ARRAY => self.new_array(is_key).map(Some),
            TC_REFERENCE => self.earlier_array(at, is_key).map(Some),
            tag => Err(self.other_object(at, tag, "byte[]")),
        }
    }

    fn new_array(&mut self, is_key: bool) -> Result<Bytes, OffsetFileError> {
        let at = self.at;
        match self.byte("the description of byte[]", |b| {
            b == TC_REFERENCE || b == TC_CLASSDESC
        })? {
            TC_REFERENCE => self.earlier_class(at)?,
            _ => self.byte_array_class()?,
        }
        let at = self.at;
        self.handles.push(Handle::Array { at, is_key });
        self.array_content()
    }

    fn byte_array_class(&mut self) -> Result<(), OffsetFileError> {
        let at = self.at;
        let name = self.class_name()?;
        if name == BYTE_ARRAY {
            return self.describe(BYTE_ARRAY, BYTE_ARRAY_DESCRIPTION);
        }
        Err(self.unexpected_class(at, readable(&name), "byte[]"))
    }

    fn array_content(&mut self) -> Result<Bytes, OffsetFileError> {
        let length = self.non_negative("the array length")? as usize;
        let from = self.at;
        self.take(length, "the bytes of an array")?;
        Ok(self.file.slice(from..from + length))
    }

    fn earlier_class(&mut self, at: usize) -> Result<(), OffsetFileError> {
        match self.referenced(at)? {
            (_, Handle::Class(BYTE_ARRAY)) => Ok(()),
            (_, Handle::Class(class)) => {
                Err(self.unexpected_class(at, format!("{class}[]"), "byte[]"))
            }
            (handle, _) => Err(OffsetFileError::BadReference {
                offset: at as u64,
                handle,
            }),
        }
    }

    fn earlier_array(&mut self, at: usize, is_key: bool) -> Result<Bytes, OffsetFileError> {
        let (handle, target) = self.referenced(at)?;
        let (from, was_key) = match target {
            Handle::Array { at, is_key } => (at, is_key),
            Handle::Map => return Err(self.unexpected_class(at, HASH_MAP.to_owned(), "byte[]")),
            Handle::Class(_) => {
                return Err(self.unexpected_class(at, "java.lang.Class".to_owned(), "byte[]"));
            }
        };
        if is_key && was_key {
            let place = self.place;
            return Err(OffsetFileError::RepeatedKey {
                offset: at as u64,
                place,
            });
        }
        if is_key {
            self.handles[(handle - BASE_HANDLE) as usize] = Handle::Array { at: from, is_key };
        }
        let back = std::mem::replace(&mut self.at, from);
        let content = self.array_content();
        self.at = back;
        content
    }

    fn referenced(&mut self, at: usize) -> Result<(u32, Handle), OffsetFileError> {
        let handle = u32::from_be_bytes(self.array("a handle")?);
        handle
            .checked_sub(BASE_HANDLE)
            .and_then(|index| self.handles.get(index as usize))
            .map(|target| (handle, *target))
            .ok_or(OffsetFileError::BadReference {
                offset: at as u64,
                handle,
            })
    }

    /// Names the object that begins with `tag` and has no place here.
    fn other_object(&mut self, at: usize, tag: u8, expected: &'static str) -> OffsetFileError {
        let class = match tag {
            TC_NULL => "null".to_owned(),
            TC_STRING | TC_LONGSTRING => "java.lang.String".to_owned(),
            TC_CLASS => "java.lang.Class".to_owned(),
            TC_ARRAY | TC_OBJECT | TC_ENUM => match self.described_class(tag) {
                Ok(name) => name,
                Err(error) => return error,
            },
            found => {
                return OffsetFileError::UnexpectedByte {
                    offset: at as u64,
                    expected: "an object",
                    found,
                    place: self.place,
                };
            }
        };
        self.unexpected_class(at, class, expected)
    }

    /// Reads the name in the class description that follows `TC_OBJECT`, `TC_ARRAY` or `TC_ENUM`.
    fn described_class(&mut self, tag: u8) -> Result<String, OffsetFileError> {
        let at = self.at;
        let known = |b| matches!(b, TC_CLASSDESC | TC_PROXYCLASSDESC | TC_REFERENCE);
        match self.byte("a class description", known)? {
            TC_CLASSDESC => Ok(readable(&self.class_name()?)),
            TC_PROXYCLASSDESC => Ok("java.lang.reflect.Proxy".to_owned()),
            _ => match self.referenced(at)? {
                (_, Handle::Class(class)) => Ok(readable(class)),
                (handle, _) => Err(OffsetFileError::BadReference {
                    offset: at as u64,
                    handle,
                }),
            },
        }
        .map(|name| {
            if tag == TC_ENUM {
                format!("{name} (enum)")
            } else {
                name
            }
        })
    }

    fn class_name(&mut self) -> Result<String, OffsetFileError> {
        let length = u16::from_be_bytes(self.array("the length of a class name")?);
        let name = self.take(length.into(), "a class name")?;
        // Class names are ASCII in practice; a name in modified UTF-8 only needs to be readable in an error.
        Ok(String::from_utf8_lossy(name).into_owned())
    }

    fn unexpected_class(
        &self,
        at: usize,
        class: String,
        expected: &'static str,
    ) -> OffsetFileError {
        OffsetFileError::UnexpectedClass {
            offset: at as u64,
            place: self.place,
            class,
            expected,
        }
    }

    fn non_negative(&mut self, what: &'static str) -> Result<u32, OffsetFileError> {
        let offset = self.at as u64;
        let value = self.i32(what)?;
        u32::try_from(value).map_err(|_| OffsetFileError::BadNumber {
            offset,
            what,
            value: value.to_string(),
        })
    }

    fn i32(&mut self, expected: &'static str) -> Result<i32, OffsetFileError> {
        Ok(i32::from_be_bytes(self.array(expected)?))
    }

    fn byte(
        &mut self,
        expected: &'static str,
        accepted: impl Fn(u8) -> bool,
    ) -> Result<u8, OffsetFileError> {
        let [found] = self.array(expected)?;
        if accepted(found) {
            return Ok(found);
        }
        Err(OffsetFileError::UnexpectedByte {
            offset: (self.at - 1) as u64,
            expected,
            found,
            place: self.place,
        })
    }

    fn array<const N: usize>(
        &mut self,
        expected: &'static str,
    ) -> Result<[u8; N], OffsetFileError> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N, expected)?);
        Ok(bytes)
    }

    fn take(&mut self, length: usize, expected: &'static str) -> Result<&[u8], OffsetFileError> {
        let from = self.at;
        if length > self.file.len() - from {
            return Err(OffsetFileError::Truncated {
                offset: self.file.len() as u64,
                expected,
                from: from as u64,
                wanted: length as u64,
                place: self.place,
            });
        }
        self.at += length;
        Ok(&self.file[from..self.at])
    }
}

/// Spells array class names as Java source does.
fn readable(class: &str) -> String {
    let element = class.trim_start_matches('[');
    let dimensions = class.len() - element.len();
    if dimensions == 0 {
        return class.to_owned();
    }
    let name = match element {
        "B" => "byte",
        "C" => "char",
        "D" => "double",
        "F" => "float",
        "I" => "int",
        "J" => "long",
        "S" => "short",
        "Z" => "boolean",
        object => object
            .strip_prefix('L')
            .and_then(|o| o.strip_suffix(';'))
            .unwrap_or(object),
    };
    format!("{name}{}", "[]".repeat(dimensions))
}
