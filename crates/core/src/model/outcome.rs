//! Exit codes: what each means, and which one wins.

/// How a command ended, as its exit code. The variants stand in order of precedence: where
/// several hold, the one listed first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// 130: stopped by Ctrl-C or SIGTERM, after a clean stop.
    Interrupted,
    /// 78: the fleet is invalid.
    InvalidFleet,
    /// 64: the command line is wrong.
    Usage,
    /// 7: the source is not to be trusted (signature, path, MAC, policy).
    Untrusted,
    /// 8: sign-in or consent failed for every selected tenant.
    SignIn,
    /// 1: an unexpected error.
    Error,
    /// 5: the plan is stale.
    Stale,
    /// 3: some tenants failed or were not observed.
    Partial,
    /// 4: refused (safety limit, verdict, a due write that is held, a file refused on opening).
    Refused,
    /// 6: a due write is in progress elsewhere, or waits for the first of its kind.
    Elsewhere,
    /// 9: a token expires inside `--fail-within`, or something of `--fail-on` needs attention.
    Expiring,
    /// 2: changes or drift (only with `--detailed-exitcode`).
    Changes,
    /// 0: done, or nothing to do.
    Done,
}

impl Outcome {
    /// All outcomes, first in precedence first.
    pub const ALL: [Self; 13] = [
        Self::Interrupted,
        Self::InvalidFleet,
        Self::Usage,
        Self::Untrusted,
        Self::SignIn,
        Self::Error,
        Self::Stale,
        Self::Partial,
        Self::Refused,
        Self::Elsewhere,
        Self::Expiring,
        Self::Changes,
        Self::Done,
    ];

    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Interrupted => 130,
            Self::InvalidFleet => 78,
            Self::Usage => 64,
            Self::Untrusted => 7,
            Self::SignIn => 8,
            Self::Stale => 5,
            Self::Refused => 4,
            Self::Partial => 3,
            Self::Elsewhere => 6,
            Self::Error => 1,
            Self::Expiring => 9,
            Self::Changes => 2,
            Self::Done => 0,
        }
    }

    /// Every exit code that applies, the one that wins first: what a script reads where two things
    /// are wrong at once.
    pub fn exits(outcomes: impl IntoIterator<Item = Self>) -> Vec<u8> {
        let mut all: Vec<Self> = outcomes.into_iter().filter(|one| *one != Self::Done).collect();
        all.sort();
        all.dedup();
        if all.is_empty() {
            all.push(Self::Done);
        }
        all.into_iter().map(Self::code).collect()
    }

    /// The one that wins of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn precedence_is_the_documented_order() {
        let codes: Vec<u8> = Outcome::ALL.iter().map(|outcome| outcome.code()).collect();
        assert_eq!(codes, [130, 78, 64, 7, 8, 1, 5, 3, 4, 6, 9, 2, 0]);
        assert!(Outcome::ALL.is_sorted());
        assert_eq!(Outcome::Done.and(Outcome::Partial).and(Outcome::Changes), Outcome::Partial);
    }

    #[test]
    fn every_exit_code_that_applies_is_told() {
        let exits = |all: &[Outcome]| Outcome::exits(all.iter().copied());
        assert_eq!(exits(&[Outcome::Expiring, Outcome::Partial, Outcome::Expiring]), [3, 9]);
        assert_eq!(exits(&[Outcome::Done, Outcome::Changes]), [2]);
        assert_eq!(exits(&[]), [0]);
    }
}
