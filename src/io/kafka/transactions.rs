//! Whether the principal may use a transactional id, asked without beginning or ending a transaction.

use kafka_protocol::messages::{EndTxnRequest, ProducerId, TransactionalId};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::protocol::errors::ErrorCode;

/// A producer id that no coordinator has given to anybody: they count up from 0.
const NOBODY: i64 = i64::MAX;

/// The last version in which the end of a transaction changes nothing but that transaction (KIP-890).
const BEFORE_EPOCHS: i16 = 4;

impl Cluster {
    /// Asks whether the principal may write transactions of this id; a refusal is an error.
    ///
    /// It asks the coordinator to abort the transaction of a producer that does not exist. The permission is looked at first, and
    /// then the answer is that there is no such producer, whatever the real one is doing.
    pub async fn may_use_transactional_id(&self, id: &str) -> Result<(), KafkaError> {
        let mut retry = self.retry();
        loop {
            let error = match self.end_nothing(id, retry.deadline()).await {
                Ok(code) if code.is_authorization() || code.retriable => {
                    BrokerError::new("EndTxn", Resource::transactional_id(id), code.code).into()
                }
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            retry.pause_if_transient(error).await?;
        }
    }

    async fn end_nothing(&self, id: &str, deadline: Instant) -> Result<ErrorCode, KafkaError> {
        let coordinator = self.find_transaction_coordinator(id, deadline).await?;
        let connection = coordinator.connect(self, deadline).await?;
        let request = EndTxnRequest::default()
            .with_transactional_id(TransactionalId(StrBytes::from_string(id.to_owned())))
            .with_producer_id(ProducerId(NOBODY))
            .with_producer_epoch(0)
            .with_committed(false);
        let answer = connection.call(&request, BEFORE_EPOCHS, deadline).await?;
        Ok(ErrorCode::of(answer.error_code))
    }
}
