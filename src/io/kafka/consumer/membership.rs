//! The member's side of the group: join, assign as the leader, heartbeat, give back, leave (`ConsumerCoordinator`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::assignment::{self, Malformed};
use super::polls::Polled;
use super::settings::{ConsumerSettings, Subscription};
use super::{Assigned, ConsumerEvent};
use crate::io::kafka::cluster::{Cluster, Missing, described};
use crate::io::kafka::error::KafkaError;
use crate::io::kafka::group::{GroupClient, Join, JoinAnswer, Sync};
use crate::protocol::errors::{self, ErrorCode};

const PROTOCOL_TYPE: &str = "consumer";

/// How long to wait before asking again for topics that do not exist yet.
const MISSING_TOPICS: Duration = Duration::from_secs(5);

pub(super) struct Membership {
    cluster: Cluster,
    client: GroupClient,
    settings: Arc<ConsumerSettings>,
    polled: Polled,
    events: mpsc::Sender<ConsumerEvent>,
    /// Empty: the group gives one.
    member_id: String,
    /// -1: there is none.
    generation: i32,
    /// Partitions of the topics that this member, as the leader, has assigned.
    assigned_counts: Option<BTreeMap<String, i32>>,
    /// Of the last subscription.
    topics: BTreeSet<String>,
}

/// Why the member has to join again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// The group rebalances, or what is read has changed: partitions are given back first.
    Rebalance,
    /// The group has gone on without this member.
    Lost,
    /// The owner has not come for more in time: the group is left until it does.
    Overdue,
}

/// What came of a heartbeat.
enum Beat {
    Taken,
    /// It may have been, or the coordinator cannot say: the next one tells.
    Missed,
    Again(Again),
}

/// What an answer without success means.
enum Trouble {
    Again,
    Passing(KafkaError),
    Fatal(KafkaError),
}

impl Membership {
    pub(super) fn new(
        cluster: &Cluster,
        settings: Arc<ConsumerSettings>,
        polled: Polled,
        events: mpsc::Sender<ConsumerEvent>,
    ) -> Self {
        Self {
            client: GroupClient::new(cluster, &settings.group),
            cluster: cluster.clone(),
            settings,
            polled,
            events,
            member_id: String::new(),
            generation: -1,
            assigned_counts: None,
            topics: BTreeSet::new(),
        }
    }

    /// Stays a member until it is to leave.
    pub(super) async fn run(mut self, leaving: oneshot::Receiver<()>) {
        tokio::select! {
            error = self.stay() => {
                // Nobody listens any more when the consumer is dropped.
                let _ = self.events.send(ConsumerEvent::Failed(error)).await;
            }
            _ = leaving => {}
        }
        if self.member_id.is_empty() {
            return;
        }
        // A join that was under way has taken the connection with it.
        self.client.forget();
        let left = self
            .client
            .leave(&self.member_id, "the consumer is being closed");
        if let Err(error) = left.await {
            tracing::warn!(%error, group = self.client.group(), "the group was not left in good order");
        }
    }

    /// Joins again and again; returns what will not pass.
    async fn stay(&mut self) -> KafkaError {
        let mut pause = self.settings.retry_backoff;
        loop {
            let round = self.round().await;
            if !matches!(round, Err(Trouble::Passing(_))) {
                pause = self.settings.retry_backoff;
            }
            match round {
                Ok(Some(Again::Rebalance)) => self.give_back().await,
                Ok(Some(Again::Lost)) => self.lose().await,
                Ok(Some(Again::Overdue)) => {
                    self.leave_overdue().await;
                    self.lose().await;
                    self.polled.back().await;
                }
                Ok(None) | Err(Trouble::Again) => {}
                Err(Trouble::Passing(error)) => {
                    tracing::warn!(%error, group = self.client.group(), "joining the group is tried again");
                    sleep(pause).await;
                    pause = (pause * 2).min(self.settings.retry_backoff_max);
                }
                Err(Trouble::Fatal(error)) => return error,
            }
        }
    }

    /// Joins and stays in one generation until it ends; `None`: there was none.
    async fn round(&mut self) -> Result<Option<Again>, Trouble> {
        self.topics = self.subscribed().await?;
        let joined = self.join().await?;
        let Some(joined) = joined else {
            return Ok(None);
        };
        let assignments = if joined.leader == joined.member_id {
            self.assign(&joined).await?
        } else {
            self.assigned_counts = None;
            Vec::new()
        };
        let sync = Sync {
            generation: joined.generation,
            member_id: joined.member_id.clone(),
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocol: joined
                .protocol
                .unwrap_or_else(|| assignment::RANGE.to_owned()),
            assignments,
        };
        let answer = self.client.sync(&sync).await.map_err(passing_or_fatal)?;
        if answer.code.is_error() {
            return Err(self.refused("SyncGroup", answer.code));
        }
        self.generation = joined.generation;
        let partitions = assignment::partitions(&answer.assignment).map_err(malformed)?;
        tracing::info!(
            group = self.client.group(),
            generation = self.generation,
            partitions = partitions.len(),
            "partitions are assigned"
        );
        let assigned = Assigned {
            generation: self.generation,
            member_id: self.member_id.clone(),
            partitions,
        };
        // The receiver goes with this task.
        let _ = self.events.send(ConsumerEvent::Assigned(assigned)).await;
        Ok(Some(self.heartbeats().await?))
    }

    /// Returns the topics to subscribe to, as they exist now where a pattern says which.
    async fn subscribed(&self) -> Result<BTreeSet<String>, Trouble> {
        match &self.settings.subscription {
            Subscription::Topics(topics) => Ok(topics.iter().cloned().collect()),
            Subscription::Pattern(pattern) => {
                let topics = self.cluster.topics(None).await.map_err(passing_or_fatal)?;
                let matching = topics.into_iter().filter(|(name, topic)| {
                    // As Java's `exclude.internal.topics`.
                    !topic.internal && topic.error.is_none() && pattern.is_match(name)
                });
                Ok(matching.map(|(name, _)| name).collect())
            }
        }
    }

    async fn join(&mut self) -> Result<Option<JoinAnswer>, Trouble> {
        let metadata = assignment::subscription(&self.topics).map_err(malformed)?;
        let join = Join {
            member_id: self.member_id.clone(),
            session_timeout: self.settings.session_timeout,
            rebalance_timeout: self.settings.max_poll_interval,
            protocol_type: PROTOCOL_TYPE.to_owned(),
            protocols: vec![(assignment::RANGE.to_owned(), metadata)],
            reason: String::new(),
        };
        let answer = self.client.join(&join).await.map_err(passing_or_fatal)?;
        if answer.code.code == errors::MEMBER_ID_REQUIRED {
            self.member_id = answer.member_id;
            return Ok(None);
        }
        if answer.code.is_error() {
            return Err(self.refused("JoinGroup", answer.code));
        }
        self.member_id.clone_from(&answer.member_id);
        Ok(Some(answer))
    }

    /// Decides as the leader who reads what.
    async fn assign(
        &mut self,
        joined: &JoinAnswer,
    ) -> Result<Vec<(String, bytes::Bytes)>, Trouble> {
        let mut members = BTreeMap::new();
        let mut all = BTreeSet::new();
        for (member, metadata) in &joined.members {
            let topics = assignment::topics(metadata).map_err(malformed)?;
            all.extend(topics.iter().cloned());
            members.insert(member.clone(), topics);
        }
        let counts = self.partition_counts(all).await?;
        let given = assignment::range(&members, &counts);
        self.assigned_counts = Some(counts);
        let encoded = given.into_iter().map(|(member, partitions)| {
            let assignment = assignment::assignment(&partitions).map_err(malformed)?;
            Ok((member, assignment))
        });
        encoded.collect()
    }

    /// Asks how many partitions the topics have; one that does not exist has none, and may be created by being asked for.
    async fn partition_counts(
        &self,
        topics: BTreeSet<String>,
    ) -> Result<BTreeMap<String, i32>, Trouble> {
        if topics.is_empty() {
            return Ok(BTreeMap::new());
        }
        let names = topics.into_iter().collect();
        let deadline = self.cluster.retry().deadline();
        let missing = Missing::MayBeCreated;
        let answer = self.cluster.metadata_and(missing, Some(names), deadline);
        let answer = answer.await.map_err(passing_or_fatal)?;
        let mut counts = BTreeMap::new();
        for (name, topic) in described(answer) {
            match topic.error {
                None => _ = counts.insert(name, topic.partition_count()),
                Some(error) if error.is_authorization() => {
                    return Err(Trouble::Fatal(error.by(&self.cluster.caller()).into()));
                }
                Some(_) => {}
            }
        }
        Ok(counts)
    }

    /// Says that the member is alive, until the generation is over.
    async fn heartbeats(&mut self) -> Result<Again, Trouble> {
        let mut alive = Instant::now();
        let mut looked = Instant::now();
        loop {
            if self
                .is_overdue_before(self.settings.heartbeat_interval)
                .await
            {
                return Ok(Again::Overdue);
            }
            match self.beat().await? {
                Beat::Taken => alive = Instant::now(),
                Beat::Again(again) => return Ok(again),
                Beat::Missed => {}
            }
            if alive.elapsed() > self.settings.session_timeout {
                // Whether the group has gone on is for a coordinator to say, and this one says nothing.
                tracing::info!(
                    group = self.client.group(),
                    "the coordinator is looked for again"
                );
                self.client.forget();
                alive = Instant::now();
            }
            if looked.elapsed() >= self.look_interval() {
                looked = Instant::now();
                if self.has_changed().await {
                    return Ok(Again::Rebalance);
                }
            }
        }
    }

    /// Waits for so long; true: it has turned out meanwhile that the owner does not come for more.
    async fn is_overdue_before(&mut self, wait: Duration) -> bool {
        tokio::select! {
            () = self.polled.overdue(self.settings.max_poll_interval) => true,
            () = sleep(wait) => false,
        }
    }

    async fn beat(&mut self) -> Result<Beat, Trouble> {
        let beat = self.client.heartbeat(self.generation, &self.member_id);
        let code = match beat.await {
            Ok(code) => code,
            Err(error) if !error.passes() => return Err(Trouble::Fatal(error)),
            Err(error) => {
                tracing::debug!(%error, "a heartbeat was not answered");
                return Ok(Beat::Missed);
            }
        };
        match code.code {
            errors::NONE => Ok(Beat::Taken),
            errors::REBALANCE_IN_PROGRESS => Ok(Beat::Again(Again::Rebalance)),
            errors::UNKNOWN_MEMBER_ID | errors::ILLEGAL_GENERATION => {
                self.reset(code);
                Ok(Beat::Again(Again::Lost))
            }
            _ => {
                let error: KafkaError = self.client.failed("Heartbeat", code).into();
                if !code.retriable {
                    return Err(Trouble::Fatal(error));
                }
                tracing::debug!(%error, "a heartbeat was not taken");
                Ok(Beat::Missed)
            }
        }
    }

    /// Forgets the generation, and who it was in the group when the group has forgotten it.
    fn reset(&mut self, code: ErrorCode) {
        self.generation = -1;
        if code.code == errors::UNKNOWN_MEMBER_ID {
            self.member_id.clear();
        }
    }

    fn look_interval(&self) -> Duration {
        let is_missing = self
            .assigned_counts
            .as_ref()
            .is_some_and(|counts| self.topics.iter().any(|topic| !counts.contains_key(topic)));
        if is_missing {
            self.settings.metadata_max_age.min(MISSING_TOPICS)
        } else {
            self.settings.metadata_max_age
        }
    }

    /// True when there is more or less to read than the group shares.
    async fn has_changed(&self) -> bool {
        let is_pattern = matches!(self.settings.subscription, Subscription::Pattern(_));
        if is_pattern && self.subscribed().await.is_ok_and(|now| now != self.topics) {
            return true;
        }
        let Some(assigned) = &self.assigned_counts else {
            return false;
        };
        let mut topics: BTreeSet<String> = assigned.keys().cloned().collect();
        topics.extend(self.topics.iter().cloned());
        let counts = self.partition_counts(topics).await;
        counts.is_ok_and(|counts| counts != *assigned)
    }

    /// Has everything committed before the group is joined again; the session is kept meanwhile.
    async fn give_back(&mut self) {
        let (done, mut given) = oneshot::channel();
        if self.events.send(ConsumerEvent::Revoke(done)).await.is_err() {
            return;
        }
        let mut is_member = true;
        loop {
            tokio::select! {
                _ = &mut given => break,
                is_overdue = self.is_overdue_before(self.settings.heartbeat_interval), if is_member => {
                    if is_overdue {
                        self.leave_overdue().await;
                        is_member = false;
                        continue;
                    }
                    let beat = self.client.heartbeat(self.generation, &self.member_id);
                    if let Err(error) = beat.await {
                        tracing::debug!(%error, "a heartbeat was not answered");
                    }
                }
            }
        }
        if !is_member {
            self.polled.back().await;
        }
    }

    /// Leaves the partitions to the others: whoever reads them here has been at what it read last for too long.
    async fn leave_overdue(&mut self) {
        tracing::warn!(
            group = self.client.group(),
            generation = self.generation,
            max_poll_interval_ms = self.settings.max_poll_interval.as_millis(),
            "the group is left: what was read last is still being put after max.poll.interval.ms; \
             a sink that is slower by nature needs a longer one"
        );
        let left = self
            .client
            .leave(&self.member_id, "max.poll.interval.ms is over");
        if let Err(error) = left.await {
            tracing::warn!(%error, group = self.client.group(), "the group was not left in good order");
        }
        self.member_id.clear();
        self.generation = -1;
    }

    async fn lose(&mut self) {
        tracing::warn!(
            group = self.client.group(),
            "the group goes on without this member"
        );
        // The receiver goes with this task.
        let _ = self.events.send(ConsumerEvent::Lost).await;
    }

    /// Says what the refusal of a join or a sync means.
    fn refused(&mut self, operation: &'static str, code: ErrorCode) -> Trouble {
        match code.code {
            errors::UNKNOWN_MEMBER_ID | errors::ILLEGAL_GENERATION => {
                self.reset(code);
                Trouble::Again
            }
            errors::REBALANCE_IN_PROGRESS => Trouble::Again,
            _ => {
                let error: KafkaError = self.client.failed(operation, code).into();
                if code.retriable {
                    Trouble::Passing(error)
                } else {
                    Trouble::Fatal(error)
                }
            }
        }
    }
}

fn passing_or_fatal(error: KafkaError) -> Trouble {
    // A broker that is gone for hours comes back; a certificate that is not trusted does not become so.
    if error.passes() {
        Trouble::Passing(error)
    } else {
        Trouble::Fatal(error)
    }
}

fn malformed(error: Malformed) -> Trouble {
    Trouble::Fatal(KafkaError::protocol("the group", error))
}
