//! Exit codes: what each means, and which one wins.

/// How a command ended, as its exit code. The variants stand in order of precedence: where
/// several hold, the one listed first wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    Interrupted,
    InvalidFleet,
    Usage,
    Untrusted,
    SignIn,
    Error,
    Stale,
    Partial,
    Refused,
    Elsewhere,
    Expiring,
    Changes,
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

    /// What it means, and what to do next.
    fn meaning(self) -> (&'static str, &'static str) {
        match self {
            Self::Interrupted => (
                "stopped by Ctrl-C or SIGTERM; an upload that was under way was finished and recorded",
                "run it again",
            ),
            Self::InvalidFleet => (
                "applecart.yaml is invalid, or every selected tenant is; from `validate`, any mistake",
                "correct the lines that are named",
            ),
            Self::Usage => ("the command line is wrong", "read the command's `--help`"),
            Self::Untrusted => (
                "the source is not trusted: a missing signature, a commit that the base does not contain, \
                 a revision that cannot be found, or a sealed file that was changed",
                "do what the message says; do not go around it",
            ),
            Self::SignIn => {
                ("sign-in or consent failed for every selected tenant", "run `applecart doctor`")
            }
            Self::Error => ("any other error", "read the message"),
            Self::Stale => (
                "the plan is stale, or a tenant was suspended or reverted since",
                "plan again, and have that reviewed",
            ),
            Self::Partial => (
                "some tenants failed or could not be read, wait to be tried again, or the ledger is unknown",
                "read which; the others were done",
            ),
            Self::Refused => (
                "refused: a safety limit, a file that must not be uploaded, or a due upload that is held \
                 and not suspended",
                "read the hold; `applecart explain CODE` says what releases it",
            ),
            Self::Elsewhere => (
                "a due upload is in progress elsewhere, or waits for the first of its kind",
                "run it again after the other run, or after `settle`",
            ),
            Self::Expiring => (
                "a token expires inside `--fail-within`, or something of `--fail-on` needs a person",
                "read the attention list",
            ),
            Self::Changes => (
                "changes, uploads that wait to be tried again, holds or critical attention; only with \
                 `--detailed-exitcode`",
                "review the plan",
            ),
            Self::Done => ("done, or nothing to do", ""),
        }
    }

    /// The page of exit codes, in Markdown.
    pub fn reference() -> String {
        let mut text = String::from(
            "# Exit codes\n\nGenerated from the program. Where several hold, the one that stands first here \
             is the exit code; the JSON of `plan`,\n`status` and `apply` lists all of them as `exits`.\n\n\
             | code | what happened | what to do |\n|---|---|---|\n",
        );
        for outcome in Self::ALL {
            let (meaning, next) = outcome.meaning();
            text.push_str(&format!("| `{}` | {meaning} | {next} |\n", outcome.code()));
        }
        text
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
