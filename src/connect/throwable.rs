//! A refusal as a user of the JVM sees it in a task's trace and in the headers of a dead letter queue.

use std::error::Error;
use std::fmt;

/// A Java exception: its class, its message, and what caused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Throwable {
    class: &'static str,
    message: Option<String>,
    cause: Option<Box<Throwable>>,
}

const DATA_EXCEPTION: &str = "org.apache.kafka.connect.errors.DataException";

impl Throwable {
    /// Returns an exception of a class given by its full name.
    pub fn new(class: &'static str, message: impl Into<String>) -> Self {
        Self {
            class,
            message: Some(message.into()),
            cause: None,
        }
    }

    /// Returns Connect's `DataException`.
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(DATA_EXCEPTION, message)
    }

    /// Returns Connect's `SchemaBuilderException`.
    pub fn schema_builder(message: impl Into<String>) -> Self {
        Self::new(
            "org.apache.kafka.connect.errors.SchemaBuilderException",
            message,
        )
    }

    /// Returns Kafka's `SerializationException`.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new(
            "org.apache.kafka.common.errors.SerializationException",
            message,
        )
    }

    #[must_use]
    pub fn with_cause(mut self, cause: Self) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// Returns the full name of the class, as in `__connect.errors.exception.class.name`.
    pub fn class(&self) -> &'static str {
        self.class
    }

    /// Returns what `getMessage()` returns, as in `__connect.errors.exception.message`.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    pub fn caused_by(&self) -> Option<&Self> {
        self.cause.as_deref()
    }

    /// Returns what `printStackTrace` prints without the lines that name places in Java's code.
    pub fn stack_trace(&self) -> String {
        let causes = std::iter::successors(self.caused_by(), |throwable| throwable.caused_by());
        causes.fold(self.to_java(), |trace, cause| {
            trace + "\nCaused by: " + &cause.to_java()
        })
    }

    /// Returns what `toString()` returns.
    pub fn to_java(&self) -> String {
        match &self.message {
            Some(message) => format!("{}: {message}", self.class),
            None => self.class.to_owned(),
        }
    }
}

impl fmt::Display for Throwable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().unwrap_or(self.class))
    }
}

impl Error for Throwable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_names_the_causes() {
        let cause =
            Throwable::serialization("Size of data received by IntegerDeserializer is not 4");
        let thrown = Throwable::data("Failed to deserialize integer: ").with_cause(cause);
        assert_eq!(
            thrown.stack_trace(),
            "org.apache.kafka.connect.errors.DataException: Failed to deserialize integer: \n\
             Caused by: org.apache.kafka.common.errors.SerializationException: Size of data received by \
             IntegerDeserializer is not 4"
        );
        assert_eq!(thrown.to_string(), "Failed to deserialize integer: ");
    }
}
