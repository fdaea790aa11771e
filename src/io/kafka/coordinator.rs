//! Which broker coordinates a group, or the transactions of a transactional id.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::find_coordinator_response::Coordinator as Found;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_protocol::protocol::StrBytes;
use tokio::time::Instant;

use crate::io::kafka::acl::Resource;
use crate::io::kafka::cluster::Cluster;
use crate::io::kafka::connection::Connection;
use crate::io::kafka::error::{BrokerError, KafkaError};
use crate::io::kafka::retry::Items;
use crate::protocol::errors;

/// What a coordinator is looked for by; the number is the key type of FindCoordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
enum KeyType {
    Group = 0,
    TransactionalId = 1,
}

impl KeyType {
    fn resource(self, key: &str) -> Resource {
        match self {
            Self::Group => Resource::group(key),
            Self::TransactionalId => Resource::transactional_id(key),
        }
    }
}

/// From this version on (KIP-699) one request may ask for many groups.
const MANY_KEYS: i16 = 4;

/// A broker as FindCoordinator names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Coordinator {
    broker: i32,
    address: String,
}

impl Coordinator {
    pub(super) async fn connect(
        &self,
        cluster: &Cluster,
        deadline: Instant,
    ) -> Result<Arc<Connection>, KafkaError> {
        cluster.at(self.broker, &self.address, deadline).await
    }

    /// Opens a connection that nobody else uses.
    pub(super) async fn open(
        &self,
        cluster: &Cluster,
        deadline: Instant,
    ) -> Result<Connection, KafkaError> {
        cluster.open(self.broker, &self.address, deadline).await
    }
}

impl Cluster {
    /// Connects to the coordinator of one group.
    pub(super) async fn coordinator(
        &self,
        group: &str,
        deadline: Instant,
    ) -> Result<Arc<Connection>, KafkaError> {
        let coordinator = self.find_coordinator(group, deadline).await?;
        coordinator.connect(self, deadline).await
    }

    /// Asks which broker coordinates one group.
    pub(super) async fn find_coordinator(
        &self,
        group: &str,
        deadline: Instant,
    ) -> Result<Coordinator, KafkaError> {
        self.find_one(KeyType::Group, group, deadline).await
    }

    /// Asks which broker coordinates the transactions of a transactional id.
    pub(super) async fn find_transaction_coordinator(
        &self,
        transactional_id: &str,
        deadline: Instant,
    ) -> Result<Coordinator, KafkaError> {
        self.find_one(KeyType::TransactionalId, transactional_id, deadline)
            .await
    }

    async fn find_one(
        &self,
        kind: KeyType,
        key: &str,
        deadline: Instant,
    ) -> Result<Coordinator, KafkaError> {
        let found = self.find(kind, &[key.to_owned()], deadline).await?;
        let found = found.into_iter().next().ok_or_else(|| {
            KafkaError::protocol("the broker", "FindCoordinator without a coordinator")
        })?;
        Ok(found_at(kind, found).map_err(|error| error.by(&self.caller()))?)
    }

    /// Finds the coordinators of all open groups; a group whose coordinator cannot be told is settled with the reason.
    pub(super) async fn coordinators<T>(
        &self,
        items: &mut Items<T>,
        deadline: Instant,
    ) -> Result<BTreeMap<Coordinator, Vec<String>>, KafkaError> {
        let groups: Vec<String> = items.open().into_iter().collect();
        let mut by_coordinator: BTreeMap<Coordinator, Vec<String>> = BTreeMap::new();
        for found in self.find(KeyType::Group, &groups, deadline).await? {
            let group = found.key.to_string();
            match found_at(KeyType::Group, found) {
                Ok(coordinator) => by_coordinator.entry(coordinator).or_default().push(group),
                Err(error) => items.settle(&group, Err(error)),
            }
        }
        Ok(by_coordinator)
    }

    async fn find(
        &self,
        kind: KeyType,
        keys: &[String],
        deadline: Instant,
    ) -> Result<Vec<Found>, KafkaError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let connection = self.any(deadline).await?;
        let version = connection.version::<FindCoordinatorRequest>(i16::MAX)?;
        let text = |key: &String| StrBytes::from_string(key.clone());
        if version >= MANY_KEYS {
            let request = FindCoordinatorRequest::default()
                .with_key_type(kind as i8)
                .with_coordinator_keys(keys.iter().map(text).collect());
            let response = connection.request(&request, version, deadline).await?;
            return Ok(response.coordinators);
        }
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let request = FindCoordinatorRequest::default()
                .with_key(text(key))
                .with_key_type(kind as i8);
            let response = connection.request(&request, version, deadline).await?;
            found.push(single(text(key), response));
        }
        Ok(found)
    }
}

/// Brings the answer of an old broker into the shape of the new.
fn single(key: StrBytes, response: FindCoordinatorResponse) -> Found {
    Found::default()
        .with_key(key)
        .with_node_id(response.node_id)
        .with_host(response.host)
        .with_port(response.port)
        .with_error_code(response.error_code)
        .with_error_message(response.error_message)
}

fn found_at(kind: KeyType, found: Found) -> Result<Coordinator, BrokerError> {
    if found.error_code != errors::NONE {
        let resource = kind.resource(&found.key);
        let error = BrokerError::new("FindCoordinator", resource, found.error_code);
        return Err(error.with_message(found.error_message.as_deref()));
    }
    let host = found.host;
    let address = if host.contains(':') {
        format!("[{host}]:{}", found.port)
    } else {
        format!("{host}:{}", found.port)
    };
    Ok(Coordinator {
        broker: found.node_id.0,
        address,
    })
}
