//! What connectors are asked beside the worker's loop, which has to go on: a config provider's file may be on a disk that
//! hangs, and a loop that waits for it sends no heartbeat.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::worker::herder::Event;

/// Connectors that are asked at once, as many as `DistributedHerder` starts at once.
const AT_ONCE: usize = 8;

/// The questions to connectors that have no answer yet.
#[derive(Debug)]
pub(super) struct PluginCalls {
    slots: Arc<Semaphore>,
    /// How many there were.
    begun: u64,
    /// Number of the last question to each connector.
    open: HashMap<String, u64>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Called {
    connector: String,
    number: u64,
    event: Event,
}

impl Default for PluginCalls {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            begun: 0,
            open: HashMap::new(),
        }
    }
}

impl PluginCalls {
    /// Returns the question, to be asked beside the loop; `told` says how the herder hears of the answer.
    pub(super) fn begin<T, F>(
        &mut self,
        connector: &str,
        call: F,
        told: fn(String, Result<T, String>) -> Event,
    ) -> impl Future<Output = Called> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, String> + Send + 'static,
    {
        self.begun += 1;
        let number = self.begun;
        let connector = connector.to_owned();
        self.open.insert(connector.clone(), number);
        let slots = Arc::clone(&self.slots);
        async move {
            // Never closed.
            let slot = slots.acquire().await;
            let outcome = tokio::task::spawn_blocking(call).await;
            drop(slot);
            let outcome = outcome.unwrap_or_else(|panicked| Err(panicked.to_string()));
            Called {
                number,
                event: told(connector.clone(), outcome),
                connector,
            }
        }
    }

    /// Returns what an answer says, unless the connector was asked again meanwhile: what it says of an earlier configuration
    /// must not be taken for the present one.
    pub(super) fn take(&mut self, called: Called) -> Option<Event> {
        if self.open.get(&called.connector) != Some(&called.number) {
            return None;
        }
        self.open.remove(&called.connector);
        Some(called.event)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn told(connector: String, outcome: Result<(), String>) -> Event {
        Event::Connector { connector, outcome }
    }

    fn outcome(event: Option<Event>) -> Option<(String, Result<(), String>)> {
        match event? {
            Event::Connector { connector, outcome } => Some((connector, outcome)),
            _ => None,
        }
    }

    #[tokio::test]
    async fn a_connector_that_hangs_keeps_nobody_waiting() {
        let mut calls = PluginCalls::default();
        let (release, released) = mpsc::channel::<()>();
        let hang = move || released.recv().map_err(|error| error.to_string());
        let hanging = tokio::spawn(calls.begin("hangs", hang, told));
        let other = calls.begin("other", || Err("wrong".to_owned()), told).await;
        let said = Err("wrong".to_owned());
        assert_eq!(outcome(calls.take(other)), Some(("other".to_owned(), said)));
        release.send(()).unwrap();
        let hung = hanging.await.unwrap();
        let said = Some(("hangs".to_owned(), Ok(())));
        assert_eq!(outcome(calls.take(hung)), said);
        assert!(calls.open.is_empty());
    }

    #[tokio::test]
    async fn of_two_answers_the_one_to_the_last_question_counts() {
        let mut calls = PluginCalls::default();
        let first = calls.begin("c", || Err("the earlier configuration".to_owned()), told);
        let second = calls.begin("c", || Ok(()), told);
        let (second, first) = (second.await, first.await);
        assert_eq!(outcome(calls.take(first)), None);
        let said = Some(("c".to_owned(), Ok(())));
        assert_eq!(outcome(calls.take(second)), said);
    }
}
