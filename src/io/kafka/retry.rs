//! When to try again: pauses that grow and jitter, until a deadline, and only for errors that can pass.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::io::kafka::acl::Caller;
use crate::io::kafka::error::{BrokerError, KafkaError};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// One operation with its deadline and the attempts made so far.
#[derive(Debug)]
pub(super) struct Retry {
    timeout: Duration,
    started: Instant,
    attempts: u32,
    last: Option<KafkaError>,
    caller: Option<Arc<Caller>>,
}

impl Retry {
    pub(super) fn within(timeout: Duration) -> Self {
        Self {
            timeout,
            started: Instant::now(),
            attempts: 0,
            last: None,
            caller: None,
        }
    }

    /// Says who asks: what a broker refuses is then refused to somebody.
    pub(super) fn of(self, caller: Arc<Caller>) -> Self {
        Self {
            caller: Some(caller),
            ..self
        }
    }

    /// Returns when the operation must be over.
    pub(super) fn deadline(&self) -> Instant {
        self.started + self.timeout
    }

    /// Waits before the next attempt; gives the error back when it will not pass or no time is left.
    pub(super) async fn pause_if_transient(&mut self, error: KafkaError) -> Result<(), KafkaError> {
        self.attempts += 1;
        if error.is_retriable() {
            self.wait(error).await
        } else {
            Err(self.signed(error))
        }
    }

    /// Waits before the next attempt whatever the error is, for callers who know that it can pass.
    pub(super) async fn pause(&mut self, error: KafkaError) -> Result<(), KafkaError> {
        self.attempts += 1;
        self.wait(error).await
    }

    fn signed(&self, error: KafkaError) -> KafkaError {
        match &self.caller {
            Some(caller) => error.by(caller),
            None => error,
        }
    }

    async fn wait(&mut self, error: KafkaError) -> Result<(), KafkaError> {
        let pause = jittered(pause_after(self.attempts));
        let too_late = Instant::now() + pause >= self.deadline();
        // An attempt cut short by the deadline says less than the one before it.
        let telling = match (&error, self.last.take()) {
            (KafkaError::Timeout { .. }, Some(earlier)) if too_late => earlier,
            _ => error,
        };
        if too_late {
            return Err(self.given_up(telling));
        }
        tracing::debug!(error = %telling, attempt = self.attempts, ?pause, "trying again");
        self.last = Some(telling);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn given_up(&self, error: KafkaError) -> KafkaError {
        let error = self.signed(error);
        if self.attempts < 2 {
            return error;
        }
        KafkaError::GaveUp {
            attempts: self.attempts,
            after: self.started.elapsed(),
            source: Box::new(error),
        }
    }
}

fn pause_after(attempts: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(10));
    doubled.min(LONGEST_PAUSE)
}

/// Returns between half of the pause and all of it, so that many clients do not come back at once.
fn jittered(pause: Duration) -> Duration {
    let half = pause / 2;
    let random = RandomState::new().build_hasher().finish() % 1000;
    half + half * u32::try_from(random).unwrap_or(0) / 1000
}

/// Items of one request, each with its own outcome; those with a passing error are asked again.
#[derive(Debug)]
pub(super) struct Items<T> {
    open: BTreeMap<String, Option<BrokerError>>,
    settled: BTreeMap<String, Result<T, BrokerError>>,
}

impl<T> Items<T> {
    pub(super) fn of<'a>(names: impl IntoIterator<Item = &'a String>) -> Self {
        Self {
            open: names.into_iter().map(|name| (name.clone(), None)).collect(),
            settled: BTreeMap::new(),
        }
    }

    /// Returns the items that still have to be asked.
    pub(super) fn open(&self) -> BTreeSet<String> {
        self.open.keys().cloned().collect()
    }

    pub(super) fn is_open(&self, name: &str) -> bool {
        self.open.contains_key(name)
    }

    /// Takes an item's outcome; an error that can pass leaves the item open.
    pub(super) fn settle(&mut self, name: &str, outcome: Result<T, BrokerError>) {
        match outcome {
            Err(error) if error.is_transient() => {
                if let Some(last) = self.open.get_mut(name) {
                    *last = Some(error);
                }
            }
            outcome => {
                if self.open.remove(name).is_some() {
                    self.settled.insert(name.to_owned(), outcome);
                }
            }
        }
    }

    /// Pauses when something is left to ask; returns false when all is settled or time is up.
    pub(super) async fn again(
        &mut self,
        round: Result<(), KafkaError>,
        retry: &mut Retry,
    ) -> Result<bool, KafkaError> {
        if let Err(error) = round {
            retry.pause_if_transient(error).await?;
            return Ok(true);
        }
        let Some((name, last)) = self.open.iter().next() else {
            self.sign(retry);
            return Ok(false);
        };
        let Some(error) = last.clone() else {
            return Err(KafkaError::protocol(
                "the broker",
                format_args!("{name} is missing in the answer"),
            ));
        };
        let left = retry.pause_if_transient(error.into()).await.is_ok();
        if !left {
            self.close();
            self.sign(retry);
        }
        Ok(left)
    }

    /// Says of every refusal to whom it was given.
    fn sign(&mut self, retry: &Retry) {
        let Some(caller) = &retry.caller else { return };
        for outcome in self.settled.values_mut() {
            if let Err(error) = outcome {
                *error = error.clone().by(caller);
            }
        }
    }

    /// Settles what is open with the last error seen.
    fn close(&mut self) {
        for (name, last) in std::mem::take(&mut self.open) {
            if let Some(error) = last {
                self.settled.insert(name, Err(error));
            }
        }
    }

    pub(super) fn finish(self) -> BTreeMap<String, Result<T, BrokerError>> {
        self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::errors;

    fn refused() -> KafkaError {
        KafkaError::Refused {
            address: "a:1".into(),
        }
    }

    fn broker(code: i16) -> BrokerError {
        BrokerError::new("CreateTopics", "topic t", code)
    }

    #[test]
    fn pauses_double_up_to_a_second() {
        let pauses: Vec<u128> = (1..8).map(|n| pause_after(n).as_millis()).collect();
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1000, 1000]);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
        for _ in 0..100 {
            let pause = jittered(LONGEST_PAUSE);
            assert!(pause >= LONGEST_PAUSE / 2 && pause <= LONGEST_PAUSE);
        }
    }

    #[tokio::test]
    async fn retries_end_at_the_deadline_with_the_cause() {
        let mut retry = Retry::within(Duration::from_millis(600));
        let mut attempts = 0;
        let error = loop {
            attempts += 1;
            if let Err(error) = retry.pause_if_transient(refused()).await {
                break error;
            }
        };
        assert!(attempts > 2, "{attempts}");
        assert!(retry.started.elapsed() < Duration::from_millis(700));
        assert!(
            matches!(error, KafkaError::GaveUp { attempts: n, .. } if n == attempts),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_timeout_at_the_end_does_not_hide_the_cause() {
        let mut retry = Retry::within(Duration::from_millis(100));
        retry.pause_if_transient(refused()).await.unwrap();
        tokio::time::sleep_until(retry.deadline()).await;
        let late = KafkaError::Timeout {
            address: "a:1".into(),
            what: "the connection".into(),
            after: Duration::from_millis(30),
        };
        let error = retry.pause_if_transient(late).await.unwrap_err();
        assert!(error.to_string().starts_with("a:1 refused"), "{error}");
    }

    #[tokio::test]
    async fn errors_that_do_not_pass_are_not_retried() {
        let mut retry = Retry::within(Duration::from_secs(5));
        let error = broker(errors::INVALID_CONFIG).into();
        let error = retry.pause_if_transient(error).await.unwrap_err();
        assert!(matches!(error, KafkaError::Broker(_)), "{error:?}");
    }

    #[tokio::test]
    async fn only_items_with_a_passing_error_are_asked_again() {
        let names = ["a".to_owned(), "b".to_owned(), "c".to_owned()];
        let mut items: Items<()> = Items::of(&names);
        let mut retry = Retry::within(Duration::from_millis(300));
        items.settle("a", Ok(()));
        items.settle("b", Err(broker(errors::NOT_CONTROLLER)));
        items.settle("c", Err(broker(errors::TOPIC_ALREADY_EXISTS)));
        assert!(items.again(Ok(()), &mut retry).await.unwrap());
        assert_eq!(items.open(), BTreeSet::from(["b".to_owned()]));
        while items.again(Ok(()), &mut retry).await.unwrap() {
            items.settle("b", Err(broker(errors::NOT_CONTROLLER)));
        }
        let outcome = items.finish();
        assert!(outcome["a"].is_ok());
        assert!(
            outcome["b"]
                .as_ref()
                .unwrap_err()
                .is(errors::NOT_CONTROLLER)
        );
        assert!(
            outcome["c"]
                .as_ref()
                .unwrap_err()
                .is(errors::TOPIC_ALREADY_EXISTS)
        );
    }

    #[tokio::test]
    async fn an_item_without_an_answer_is_an_error() {
        let names = ["a".to_owned()];
        let mut items: Items<()> = Items::of(&names);
        let mut retry = Retry::within(Duration::from_millis(300));
        let error = items.again(Ok(()), &mut retry).await.unwrap_err();
        assert!(error.to_string().contains("a is missing"), "{error}");
    }
}
