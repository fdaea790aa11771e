//! The Kafka client layer: kafka-protocol as codec; our own connections, routing, retry, deadlines and security.
