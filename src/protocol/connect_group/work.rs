//! A set of connectors and tasks.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::fmt;

/// The task number that stands for the connector itself.
pub const CONNECTOR_TASK: i32 = -1;

/// A set of connectors and tasks, by connector name. An item is a name and a task number or [`CONNECTOR_TASK`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Work(
    /// No set in it is empty.
    BTreeMap<String, BTreeSet<i32>>,
);

impl Work {
    /// Adds an item; false when it was there.
    pub fn insert(&mut self, connector: &str, task: i32) -> bool {
        if let Some(tasks) = self.0.get_mut(connector) {
            return tasks.insert(task);
        }
        self.0
            .insert(connector.to_owned(), BTreeSet::from([task]))
            .is_none()
    }

    /// Adds a connector; false when it was there.
    pub fn insert_connector(&mut self, connector: &str) -> bool {
        self.insert(connector, CONNECTOR_TASK)
    }

    /// Adds a task, 0-based; false when it was there.
    pub fn insert_task(&mut self, connector: &str, task: i32) -> bool {
        self.insert(connector, task)
    }

    /// Removes an item; false when it was not there.
    pub fn remove(&mut self, connector: &str, task: i32) -> bool {
        let Some(tasks) = self.0.get_mut(connector) else {
            return false;
        };
        let removed = tasks.remove(&task);
        if tasks.is_empty() {
            self.0.remove(connector);
        }
        removed
    }

    /// True when the item is in the set.
    pub fn contains(&self, connector: &str, task: i32) -> bool {
        self.0
            .get(connector)
            .is_some_and(|tasks| tasks.contains(&task))
    }

    /// True without a single item.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of items, connectors and tasks together.
    pub fn len(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }

    /// Iterates over all items by name, each connector before its tasks.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i32)> {
        self.0
            .iter()
            .flat_map(|(name, tasks)| tasks.iter().map(move |task| (name.as_str(), *task)))
    }

    /// Iterates over the connectors by name, without their tasks.
    pub fn connectors(&self) -> impl Iterator<Item = &str> {
        self.iter()
            .filter(|(_, task)| *task == CONNECTOR_TASK)
            .map(|(name, _)| name)
    }

    /// Iterates over the tasks by connector name and number, without the connectors.
    pub fn tasks(&self) -> impl Iterator<Item = (&str, i32)> {
        self.iter().filter(|(_, task)| *task != CONNECTOR_TASK)
    }

    /// Iterates over names with all their task numbers, [`CONNECTOR_TASK`] among them.
    pub fn by_connector(&self) -> btree_map::Iter<'_, String, BTreeSet<i32>> {
        self.0.iter()
    }

    /// Returns the items in this or the other set.
    pub fn union(&self, other: &Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// Returns the items in this set that are not in the other.
    pub fn difference(&self, other: &Self) -> Self {
        self.iter()
            .filter(|(name, task)| !other.contains(name, *task))
            .collect()
    }

    /// Returns the items in both sets.
    pub fn intersection(&self, other: &Self) -> Self {
        self.iter()
            .filter(|(name, task)| other.contains(name, *task))
            .collect()
    }
}

impl<'a> FromIterator<(&'a str, i32)> for Work {
    fn from_iter<I: IntoIterator<Item = (&'a str, i32)>>(items: I) -> Self {
        let mut work = Self::default();
        work.extend(items);
        work
    }
}

impl<'a> Extend<(&'a str, i32)> for Work {
    fn extend<I: IntoIterator<Item = (&'a str, i32)>>(&mut self, items: I) {
        for (connector, task) in items {
            self.insert(connector, task);
        }
    }
}

impl fmt::Display for Work {
    /// `orders orders-0 orders-1`, or `nothing`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (n, (connector, task)) in self.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            match task {
                CONNECTOR_TASK => write!(f, "{space}{connector}")?,
                _ => write!(f, "{space}{connector}-{task}")?,
            }
        }
        Ok(())
    }
}
