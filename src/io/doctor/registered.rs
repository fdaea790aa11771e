//! Which connectors are registered, as far as it matters to the clients that a worker makes for them.

use crate::model::storage_records::ConfigState;
use crate::plan::ConnectorKind;
use crate::plan::kinds::kind_of;

/// What is registered in the config topic.
#[derive(Debug, Clone, Default)]
pub(super) struct Registered {
    /// Groups of the sinks whose consumers log in as the worker file says.
    pub(super) sink_groups: Vec<String>,
    /// Sinks with a login of their own.
    pub(super) own_logins: usize,
    /// Names of connectors that are not sinks.
    pub(super) sources: Vec<String>,
    /// Sinks that write what they cannot deliver to a topic.
    dead_letters: bool,
    connectors: usize,
}

impl Registered {
    pub(super) fn of(state: &ConfigState) -> Self {
        let mut found = Self {
            connectors: state.connectors.len(),
            ..Self::default()
        };
        for (name, connector) in &state.connectors {
            let settings = &connector.properties.settings;
            let config = settings
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
                .collect();
            let class = settings.get("connector.class").cloned().flatten();
            let kind = kind_of(&class.unwrap_or_default(), &config, None);
            if kind != ConnectorKind::Sink {
                found.sources.push(name.clone());
                continue;
            }
            found.dead_letters |= config
                .get("errors.deadletterqueue.topic.name")
                .is_some_and(|topic| !topic.trim().is_empty());
            if config.keys().any(|key| is_login(key)) {
                found.own_logins += 1;
            } else {
                let own = config.get("consumer.override.group.id").cloned();
                let group = own.unwrap_or_else(|| format!("connect-{name}"));
                found.sink_groups.push(group);
            }
        }
        found
    }

    /// Returns whether a worker of this group makes consumers for its connectors, or may have to when there are some.
    pub(super) fn needs_consumers(&self) -> bool {
        self.connectors == 0 || !self.sink_groups.is_empty() || self.own_logins > 0
    }

    /// As [`Self::needs_consumers`], of producers and of admin clients, which create topics for them.
    pub(super) fn needs_producers(&self) -> bool {
        self.connectors == 0 || !self.sources.is_empty() || self.dead_letters
    }
}

fn is_login(key: &str) -> bool {
    key.strip_prefix("consumer.override.").is_some_and(|key| {
        key.starts_with("sasl.") || key.starts_with("ssl.") || key == "security.protocol"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(connectors: &[(&str, &str)]) -> Registered {
        let mut state = ConfigState::new();
        for (offset, (name, properties)) in (0..).zip(connectors) {
            let key = format!("connector-{name}");
            let value = format!(r#"{{"properties":{{{properties}}}}}"#);
            state
                .apply(offset, Some(key.as_bytes()), Some(value.as_bytes()))
                .unwrap();
        }
        Registered::of(&state)
    }

    const SINK: &str = r#""connector.class":"FileStreamSink","topics":"t""#;
    const SOURCE: &str = r#""connector.class":"FileStreamSource""#;

    #[test]
    fn without_connectors_every_client_may_be_needed() {
        let none = of(&[]);
        assert!(none.needs_consumers() && none.needs_producers());
    }

    #[test]
    fn a_source_needs_a_producer_and_a_sink_a_consumer() {
        let source = of(&[("a", SOURCE)]);
        assert!(source.needs_producers() && !source.needs_consumers());
        let sink = of(&[("a", SINK)]);
        assert!(!sink.needs_producers() && sink.needs_consumers());
        let letters = format!(r#"{SINK},"errors.deadletterqueue.topic.name":"d""#);
        assert!(of(&[("a", &letters)]).needs_producers());
    }

    #[test]
    fn the_group_of_a_sink_has_its_name_unless_it_names_another() {
        let named = format!(r#"{SINK},"consumer.override.group.id":"g""#);
        let login = format!(r#"{SINK},"consumer.override.sasl.jaas.config":"x""#);
        let found = of(&[("a", SINK), ("b", &named), ("c", &login), ("d", SOURCE)]);
        assert_eq!(found.sink_groups, ["connect-a", "g"]);
        assert_eq!(found.own_logins, 1);
        assert_eq!(found.sources, ["d"]);
    }
}
