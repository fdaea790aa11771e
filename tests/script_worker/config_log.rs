//! The language of the scripts in `fixtures/scripts/config_log`.

use connectctl::model::storage_records::{ConfigChange, ConnectorState};
use connectctl::worker::config_log::ConfigLog;

use super::script::{self, Machine, Words};

#[test]
fn a_worker_folds_the_config_topic_as_the_scripts_say() {
    script::run_all::<ConfigLog>("config_log");
}

impl Machine for ConfigLog {
    fn with(_: &Words) -> Self {
        Self::new("configs")
    }

    fn step(&mut self, _: u64, event: &Words) -> Vec<String> {
        match event.name() {
            "start" => {
                self.start();
                Vec::new()
            }
            // `read 7 connector-x {"properties":{}}`; a value `null` is a tombstone.
            "read" => {
                let mut words = event.rest().splitn(3, ' ');
                let offset = words.next().and_then(|word| word.parse().ok());
                let offset = offset.unwrap_or_else(|| event.unknown());
                let key = words.next().filter(|key| *key != "null");
                let value = words.next().filter(|value| *value != "null");
                let read = self.read(offset, key.map(str::as_bytes), value.map(str::as_bytes));
                match read {
                    Ok(ConfigChange::None) => Vec::new(),
                    Ok(change) => vec![format!("news {change:?}")],
                    Err(ignored) => vec![ignored.to_string()],
                }
            }
            _ => event.unknown(),
        }
    }

    fn state(&self) -> String {
        let mut state = vec![format!("offset={}", self.state().offset)];
        for (name, connector) in &self.state().connectors {
            state.push(format!("{name}=[{}]", rendered(connector)));
        }
        state.join(" ")
    }
}

fn rendered(connector: &ConnectorState) -> String {
    let mut words = vec![format!("{:?}", connector.target)];
    if let Some(count) = connector.task_count {
        words.push(format!("committed={count}"));
    }
    let tasks: Vec<_> = connector.tasks.keys().map(i32::to_string).collect();
    words.push(format!("tasks=[{}]", tasks.join(" ")));
    for (is, word) in [
        (connector.is_applied, "applied"),
        (connector.inconsistent, "inconsistent"),
        (connector.has_run, "has-run"),
        (connector.may_have_run, "may-have-run"),
    ] {
        if is {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}
