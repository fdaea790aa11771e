//! Every address of a cluster, tried: the bootstrap servers and what the brokers advertise.

use std::collections::BTreeMap;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::io::kafka::cluster::{Cluster, address_of};
use crate::io::kafka::connection::Connection;
use crate::io::kafka::error::KafkaError;

/// What came of trying the addresses of a cluster.
#[derive(Debug, Default)]
pub struct Reached {
    /// Brokers that answered and took the login, by id; `host:port`.
    pub brokers: BTreeMap<i32, String>,
    /// Brokers that cannot be used at the address that they advertise.
    pub unreachable: BTreeMap<i32, KafkaError>,
    /// Bootstrap servers that cannot be used, while others can.
    pub useless_bootstrap: Vec<KafkaError>,
}

/// Which address was tried.
#[derive(Debug)]
enum Tried {
    Broker(i32, String),
    Bootstrap(usize),
}

impl Cluster {
    /// Logs in at every broker's advertised address and at every other bootstrap server, at the same time.
    pub async fn reach_all(&self) -> Result<Reached, KafkaError> {
        let brokers = self.describe().await?.brokers;
        let deadline = self.retry().deadline();
        let mut trying = JoinSet::new();
        let mut advertised = Vec::new();
        for broker in brokers {
            let (cluster, address) = (self.clone(), address_of(&broker));
            advertised.push(address.clone());
            trying.spawn(async move {
                let opened = cluster.at(broker.id, &address, deadline).await.map(drop);
                (Tried::Broker(broker.id, address), opened)
            });
        }
        for (index, address) in self.settings().bootstrap.iter().enumerate() {
            if !advertised.contains(address) {
                let (cluster, address) = (self.clone(), address.clone());
                trying.spawn(async move {
                    let opened = cluster.try_address(&address, deadline).await;
                    (Tried::Bootstrap(index), opened)
                });
            }
        }
        let mut reached = Reached::default();
        let mut useless = BTreeMap::new();
        while let Some(tried) = trying.join_next().await {
            let (tried, opened) = tried.map_err(|e| KafkaError::protocol("the cluster", e))?;
            match (tried, opened) {
                (Tried::Broker(id, address), Ok(())) => _ = reached.brokers.insert(id, address),
                (Tried::Broker(id, _), Err(error)) => _ = reached.unreachable.insert(id, error),
                (Tried::Bootstrap(_), Ok(())) => {}
                (Tried::Bootstrap(index), Err(error)) => _ = useless.insert(index, error),
            }
        }
        reached.useless_bootstrap = useless.into_values().collect();
        Ok(reached)
    }

    async fn try_address(&self, address: &str, deadline: Instant) -> Result<(), KafkaError> {
        let opened = Connection::open_given(address, self.settings(), deadline).await;
        opened.map(drop)
    }
}
