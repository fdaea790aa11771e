//! Generated inputs, the same at every run.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

/// Returns values of a strategy.
pub fn generated<T>(strategy: impl Strategy<Value = T>, count: usize) -> Vec<T> {
    let mut runner = TestRunner::deterministic();
    let next = |_| {
        let tree = strategy.new_tree(&mut runner);
        tree.expect("the strategy filters nothing").current()
    };
    (0..count).map(next).collect()
}

/// Files of words that are nasty together.
pub fn of_words(words: &'static [&'static [u8]], longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(words), 0..longest).prop_map(|words| words.concat())
}
