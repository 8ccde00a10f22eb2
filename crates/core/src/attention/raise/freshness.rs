//! That nobody has read a tenant for too long.

use super::tenant::OneTenant;
use super::words::{Words, of_problem, of_table};
use crate::attention::{Cause, Matter};
use crate::model::{Problem, shell_word};
use crate::plan::Observed;
use crate::report::at_most_in_words;
use crate::rules::freshness::{LastReading, Witness, is_stale};

impl OneTenant<'_> {
    /// One matter for a tenant that was not read for too long, in the place of the problems that pass
    /// by themselves: after that time "try again" is no advice any more, and a cause that changes from
    /// run to run (a timeout, then throttling) would be a new matter each time.
    ///
    /// A problem with a remedy of its own (no consent, a file with a mistake) stays the matter: who
    /// settles it has the tenant read again. So does one that passes, where nothing was ever read.
    pub(super) fn reading_stale(&self) -> Option<Matter> {
        let problems = &self.tenant.problems;
        if self.tenant.observed == Observed::Complete
            || problems.iter().any(|problem| !problem.code.is_passing())
        {
            return None;
        }
        let last = self.input.last_reading(self.tenant);
        let within = self.input.policy.drift_within;
        let is_first = last.is_none() && !problems.is_empty();
        if is_first || !is_stale(last, self.input.plan.generated_at, within) {
            return None;
        }
        let words = self.stale(last, problems.first(), &at_most_in_words(within));
        let matter = self.matter(Cause::ReadingStale, None, None, words);
        Some(Matter { since: last.map(|last| last.at.plus(within)), ..matter })
    }

    fn stale(&self, last: Option<LastReading>, problem: Option<&Problem>, within: &str) -> Words {
        let known = match last {
            None => "Neither this clone nor the ledger knows of a reading of it.".to_owned(),
            Some(LastReading { at, witness: Witness::Ledger }) => format!(
                "This clone has never read all of it, and the ledger's last reading is from {at}."
            ),
            Some(LastReading { at, .. }) => format!("All of it was last read on {at}."),
        };
        let name = shell_word(&self.tenant.name);
        let promise = format!(
            "A change in Intune is to be told within {within}; until this tenant is read again, none is."
        );
        match problem {
            Some(problem) => {
                let now = of_problem(problem, &name);
                let why = now.message.trim_end_matches('.');
                let message =
                    format!("{known} This run could not ({}): {why}. {promise}", problem.code);
                let (_, next) = of_table(Cause::ReadingStale);
                Words::of_code(message, next, &name, &name)
            }
            None => Words {
                command_for_all: self.scope.run("applecart status"),
                ..Words::new(format!("{known} {promise}"), "Read it from Intune:")
                    .run(format!("applecart status --select {name}"))
            },
        }
    }
}
