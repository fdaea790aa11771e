//! Waiting until Kafka is there again.

use std::time::Duration;

use crate::io::kafka::error::KafkaError;

/// Pause before Kafka is asked again; a client has tried many times before it fails.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// Asks until there is an answer or what does not pass by itself; the connector is for the log.
///
/// A broker that is away for hours comes back, and a task that has FAILED would not.
pub(super) async fn outlasted<T, F>(
    connector: &str,
    mut attempt: impl FnMut() -> F,
) -> Result<T, KafkaError>
where
    F: Future<Output = Result<T, KafkaError>>,
{
    loop {
        match attempt().await {
            Err(error) if error.is_outage() => {
                tracing::warn!(connector, %error, "the task waits for Kafka");
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::io::kafka::error::BrokerError;
    use crate::protocol::errors;

    #[tokio::test]
    async fn an_outage_is_waited_for_and_a_refusal_is_not() {
        let gone = || KafkaError::GaveUp {
            attempts: 9,
            after: Duration::from_secs(60),
            source: Box::new(KafkaError::UnknownHost {
                address: "kafka:9092".into(),
                reason: "not found".into(),
            }),
        };
        let refused = || {
            let code = errors::TOPIC_AUTHORIZATION_FAILED;
            KafkaError::from(BrokerError::new("CreateTopics", "topic t", code))
        };
        let told = RefCell::new(vec![Err(refused()), Ok(7), Err(gone()), Err(gone())]);
        let attempt = || std::future::ready(told.borrow_mut().pop().expect("one more"));
        assert_eq!(outlasted("c", attempt).await.ok(), Some(7));
        let error = outlasted("c", attempt).await.unwrap_err();
        assert!(error.is_authorization(), "{error}");
    }
}
