//! Who said something first, where histories run beside each other.
//!
//! Every commit that the base contains speaks, and not its chain of first parents alone: whoever
//! writes a merge decides which of its parents is the first, and a fast-forward makes a branch's own
//! line the base's. What no merge can change is which commits come before which. So a claim is first
//! where no other one comes before it; where two are, neither came first, and nobody knows.

use serde::{Deserialize, Serialize};

use crate::model::Timestamp;

/// What a commit says that none of its parents said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim<V> {
    pub value: V,
    /// That commit.
    pub commit: String,
    /// When the base's first parents had it.
    pub since: Timestamp,
}

/// The claims of one thing. Commits come after those that they come after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims<V> {
    all: Vec<Claim<V>>,
    /// The places of those that no other one comes before.
    first: Vec<usize>,
}

impl<V> Default for Claims<V> {
    fn default() -> Self {
        Self { all: Vec::new(), first: Vec::new() }
    }
}

impl<V: PartialEq> Claims<V> {
    /// Adds a claim whose commit comes after those of all others; [`Claims::settle`] says otherwise.
    pub fn add(&mut self, claim: Claim<V>) {
        if self.all.is_empty() {
            self.first.push(0);
        }
        self.all.push(claim);
    }

    /// Adds one of which it is known whether another one comes before it.
    pub fn add_settled(&mut self, claim: Claim<V>, is_first: bool) {
        if is_first {
            self.first.push(self.all.len());
        }
        self.all.push(claim);
    }

    /// Each, with whether no other one comes before it.
    pub fn settled(&self) -> impl Iterator<Item = (&Claim<V>, bool)> {
        self.all.iter().enumerate().map(|(place, claim)| (claim, self.first.contains(&place)))
    }

    /// Whether there is nothing to settle: all say the same.
    pub fn agree(&self) -> bool {
        self.all.windows(2).all(|two| matches!(two, [one, other] if one.value == other.value))
    }

    /// Finds those that no other one comes before. `after` gives of a commit what tells the commits
    /// that come after it.
    pub fn settle<F: Fn(&str) -> bool>(&mut self, mut after: impl FnMut(&str) -> F) {
        let mut is_later = vec![false; self.all.len()];
        self.first.clear();
        for (place, claim) in self.all.iter().enumerate() {
            if is_later.get(place) == Some(&false) {
                self.first.push(place);
                let comes_after = after(&claim.commit);
                for (later, other) in is_later.iter_mut().zip(&self.all).skip(place + 1) {
                    *later |= comes_after(&other.commit);
                }
            }
        }
    }

    /// Those that no other one comes before.
    pub fn firsts(&self) -> impl Iterator<Item = &Claim<V>> {
        self.first.iter().filter_map(|&place| self.all.get(place))
    }

    /// The first claim of a value.
    pub fn of(&self, value: &V) -> Option<&Claim<V>> {
        self.all.iter().find(|claim| claim.value == *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(all: &[(&str, &str)]) -> Claims<String> {
        let mut claims = Claims::default();
        for (value, commit) in all {
            let since = Timestamp::new(chrono::DateTime::UNIX_EPOCH);
            claims.add(Claim { value: (*value).to_owned(), commit: (*commit).to_owned(), since });
        }
        claims
    }

    fn firsts(claims: &Claims<String>) -> Vec<&str> {
        claims.firsts().map(|claim| claim.value.as_str()).collect()
    }

    #[test]
    fn on_one_line_the_oldest_is_first() {
        let mut one = claims(&[("a", "1"), ("b", "2"), ("a", "3")]);
        assert_eq!(firsts(&one), ["a"]);
        one.settle(|commit| {
            let commit = commit.to_owned();
            move |other: &str| *other > *commit
        });
        assert_eq!(firsts(&one), ["a"]);
        assert!(!one.agree() && claims(&[("a", "1"), ("a", "2")]).agree());
    }

    #[test]
    fn of_two_lines_neither_is_first_whichever_was_merged_into_the_other() {
        for all in
            [[("a", "a1"), ("b", "b1"), ("a", "a2")], [("b", "b1"), ("a", "a1"), ("b", "b2")]]
        {
            let mut two = claims(&all);
            two.settle(|commit| {
                let commit = commit.to_owned();
                move |other: &str| other[..1] == commit[..1] && *other > *commit
            });
            let mut found = firsts(&two);
            found.sort_unstable();
            assert_eq!(found, ["a", "b"]);
        }
    }
}
