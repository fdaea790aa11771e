//! Connect's data: schemas and values, records, and the converters between them and bytes.
//!
//! Learned from `org.apache.kafka.connect.data`, `.storage`, `.converters` and `.json` of Kafka 4.3.1. What a worker on a JVM
//! writes for a value, reads from bytes, or refuses with which words, is what these converters write, read and refuse.
//!
//! * [`schema`], [`value`], [`text`], [`decimal`]: what a record holds.
//! * [`record`]: records on their way from a source and to a sink.
//! * [`converter`]: one enum of converters, found by class name or alias, dispatched without `dyn`.
//! * [`throwable`]: a refusal as a user of the JVM sees it.

pub mod converter;
pub mod decimal;
mod header;
mod java_date;
mod java_float;
mod java_map;
mod java_string;
mod json;
mod number_converter;
pub mod record;
pub mod schema;
mod settings;
mod string_converter;
pub mod text;
pub mod throwable;
pub mod value;

pub use converter::{Converter, ConverterError, HeaderConverter, converter, header_converter};
pub use decimal::Decimal;
pub use json::JsonConverter;
pub use number_converter::NumberConverter;
pub use record::{Header, SinkRecord, SourceOffset, SourceRecord, TimestampType};
pub use schema::{ConnectSchema, Field, Schema, SchemaBuilder, Type};
pub use string_converter::StringConverter;
pub use text::Text;
pub use throwable::Throwable;
pub use value::{SchemaAndValue, Struct, Value};
