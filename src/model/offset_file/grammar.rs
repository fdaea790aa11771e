//! Constants of the Java Object Serialization Stream Protocol, version 5, and of the classes in an offsets file.

/// `STREAM_MAGIC` and `STREAM_VERSION`.
pub(super) const HEADER: [u8; 4] = [0xac, 0xed, 0x00, 0x05];

pub(super) const TC_NULL: u8 = 0x70;
pub(super) const TC_REFERENCE: u8 = 0x71;
pub(super) const TC_CLASSDESC: u8 = 0x72;
pub(super) const TC_OBJECT: u8 = 0x73;
pub(super) const TC_STRING: u8 = 0x74;
pub(super) const TC_ARRAY: u8 = 0x75;
pub(super) const TC_CLASS: u8 = 0x76;
pub(super) const TC_BLOCKDATA: u8 = 0x77;
pub(super) const TC_ENDBLOCKDATA: u8 = 0x78;
pub(super) const TC_LONGSTRING: u8 = 0x7c;
pub(super) const TC_PROXYCLASSDESC: u8 = 0x7d;
pub(super) const TC_ENUM: u8 = 0x7e;

/// `baseWireHandle`: objects and class descriptors are numbered from here in stream order.
pub(super) const BASE_HANDLE: u32 = 0x007e_0000;

pub(super) const HASH_MAP: &str = "java.util.HashMap";
pub(super) const LINKED_HASH_MAP: &str = "java.util.LinkedHashMap";
pub(super) const BYTE_ARRAY: &str = "[B";

/// What follows the class name: UID, flags (`SC_WRITE_METHOD | SC_SERIALIZABLE`), two fields, no annotation, no superclass.
pub(super) const HASH_MAP_DESCRIPTION: &[u8] =
    b"\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02F\x00\x0aloadFactorI\x00\x09threshold\x78\x70";

/// What follows the class name: UID, flags (`SC_SERIALIZABLE`), one field, no annotation; the superclass follows.
pub(super) const LINKED_HASH_MAP_DESCRIPTION: &[u8] =
    b"\x34\xc0\x4e\x5c\x10\x6c\xc0\xfb\x02\x00\x01Z\x00\x0baccessOrder\x78";

/// What follows the class name: UID, flags, no fields, no annotation, no superclass.
pub(super) const BYTE_ARRAY_DESCRIPTION: &[u8] =
    b"\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70";

/// Length of the block that holds the bucket count and the number of entries.
pub(super) const SIZES: u8 = 8;
