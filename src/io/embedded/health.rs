//! How a worker is (KIP-1017).

use std::time::Duration;

use axum::http::StatusCode;
use tokio::time::Instant;

/// How long a worker may be out of step with its group before it is called unhealthy: what `/health` of a JVM worker waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// What `GET /health` answers.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::io) enum Health {
    /// The worker has not taken up its first assignment.
    #[default]
    Starting,
    Healthy,
    /// A round goes on, or the coordinator is not known, since then: every worker is so for a moment now and then.
    OutOfStep(Instant),
    /// Why the worker can not do what it is asked.
    Unhealthy(String),
}

impl Health {
    /// Returns what comes of it when the worker is in step with its group or not, and something stands in the way or nothing.
    pub(in crate::io) fn then(
        &self,
        is_in_step: bool,
        trouble: Option<&str>,
        now: Instant,
    ) -> Self {
        match (self, trouble) {
            (Self::Starting, _) if !is_in_step => Self::Starting,
            (_, Some(reason)) => Self::Unhealthy(reason.to_owned()),
            _ if is_in_step => Self::Healthy,
            (Self::OutOfStep(since), None) => Self::OutOfStep(*since),
            _ => Self::OutOfStep(now),
        }
    }

    /// Returns status code, status and message.
    pub(super) fn answer(&self, now: Instant) -> (StatusCode, &'static str, String) {
        let unhealthy = |reason: &str| {
            let message = format!(
                "Worker was unable to handle this request and may be unable to handle other requests. {reason}"
            );
            (StatusCode::INTERNAL_SERVER_ERROR, "unhealthy", message)
        };
        match self {
            Self::Starting => (
                StatusCode::SERVICE_UNAVAILABLE,
                "starting",
                "Worker is still starting up.".to_owned(),
            ),
            Self::OutOfStep(since) if now.duration_since(*since) >= PATIENCE => {
                let seconds = now.duration_since(*since).as_secs();
                unhealthy(&format!(
                    "The worker is currently ensuring membership in the cluster, which began {seconds} s ago."
                ))
            }
            Self::Healthy | Self::OutOfStep(_) => {
                let message = "Worker has completed startup and is ready to handle requests.";
                (StatusCode::OK, "healthy", message.to_owned())
            }
            Self::Unhealthy(reason) => unhealthy(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_has_started_when_it_is_first_in_step_with_its_group() {
        let now = Instant::now();
        let starting = Health::Starting.then(false, None, now);
        assert_eq!(starting.answer(now).0, StatusCode::SERVICE_UNAVAILABLE);
        // As a JVM worker that can not read a topic before it has joined.
        let starting = starting.then(false, Some("Topic c can not be read"), now);
        assert_eq!(starting, Health::Starting);
        let started = starting.then(true, None, now);
        assert_eq!(started.answer(now).0, StatusCode::OK);
    }

    #[test]
    fn a_round_is_unhealthy_only_when_it_does_not_end() {
        let began = Instant::now();
        let (soon, late) = (
            began + Duration::from_secs(9),
            began + Duration::from_secs(21),
        );
        let moving = Health::Healthy.then(false, None, began);
        assert_eq!(moving.answer(soon).0, StatusCode::OK);
        let still = moving.then(false, None, soon);
        let (code, status, message) = still.answer(late);
        assert_eq!((code.as_u16(), status), (500, "unhealthy"));
        assert!(message.ends_with("which began 21 s ago."), "{message}");
        assert_eq!(still.then(true, None, late), Health::Healthy);
    }

    #[test]
    fn what_stands_in_the_way_is_told_until_it_is_gone() {
        let now = Instant::now();
        let ill = Health::Healthy.then(true, Some("Topic c can not be read"), now);
        let (code, _, message) = ill.answer(now);
        assert_eq!(code.as_u16(), 500);
        assert!(message.ends_with("Topic c can not be read"), "{message}");
        let lost = ill.then(false, Some("Topic c can not be read"), now);
        assert_eq!(lost, ill);
        assert_eq!(lost.then(true, None, now), Health::Healthy);
    }
}
