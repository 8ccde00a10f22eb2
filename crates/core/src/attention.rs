//! What needs a person, most urgent first: the one list that every outlet shows.
//!
//! [`list`] is computed once from the plan, the ledger with its notes, the policy and what the
//! session saw of the clone. Outlets (`status`, `plan`, exit codes) render it and add nothing of
//! their own, so that no two of them disagree about what is wrong.
//!
//! The key of a matter is its identity: tenant, token, code and renewal period, never its text. A
//! matter ends only by a reading that disproves it: while its token could not be read, or outside
//! the selection, it stays as last known, with the time of that knowledge.
//!
//! To add a cause: its row in [`crate::rules::codes`], its line in `code`, and the place that raises
//! it in `raise`. A code without a row does not compile, and a test asks for an example of each
//! cause and shows it in every outlet.

pub(crate) mod advice;
mod code;
mod raise;
mod renewed;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, HashMap};

use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fleet::{Desired, Policy};
use crate::ledger::LedgerView;
use crate::model::{Kind, TenantId, Timestamp, TokenRef, shell_word};
use crate::plan::{Observed, Plan, PlannedTenant, Reason};
use crate::rules::freshness::{self, LastReading};
use crate::rules::last_known::Readings;

pub use code::{Cause, Code, FailOn, FailOnError, Severity};
pub use renewed::{is_renewal, proved_until};

/// One matter that needs a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Matter {
    /// The identity of the matter: the same in every run for as long as it lasts.
    pub key: String,
    pub code: Code,
    pub severity: Severity,
    /// Whom it concerns; `null` for the fleet as a whole.
    pub tenant: Option<MatterTenant>,
    /// Which token; `null` for the tenant as a whole. A token without name and id stands for all of
    /// its kind.
    pub token: Option<TokenRef>,
    /// Since when it is so, where that is known.
    pub since: Option<Timestamp>,
    /// By when it must be settled, where there is a deadline.
    pub due: Option<Timestamp>,
    /// What happened, and why it matters.
    pub message: String,
    /// What to do next, as a sentence; the command is in `command`.
    pub next: String,
    /// The command that does it, for a shell.
    pub command: Option<String>,
    /// When it was last known to be so; `null` where this run saw it.
    pub as_of: Option<Timestamp>,
    /// Whether a reviewed `suspend` covers it.
    pub suspended: bool,
    /// The command that does it for every matter of this code at once.
    #[serde(skip)]
    pub command_for_all: Option<String>,
    /// How many devices depend on the token, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<u64>,
    /// Whether the file that settles it is in Git already. Such a token is never renewed again:
    /// Apple ends an enrollment token with the next download.
    #[serde(skip)]
    pub in_git: InGit,
    /// Whether only the notes have it: it was told, and its token cannot be read now.
    #[serde(skip)]
    pub is_remembered: bool,
    /// About an expiry: the days that count before it.
    #[serde(skip)]
    pub window: Option<Window>,
}

/// The days before an expiry that count, by the fleet's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From when on the renewal is due.
    pub due_from: Timestamp,
    /// From when on it is critical.
    pub critical_from: Timestamp,
}

impl Window {
    pub(crate) fn before(expires: Timestamp, renew_before: Duration, critical: Duration) -> Self {
        Self { due_from: expires.plus(-renew_before), critical_from: expires.plus(-critical) }
    }
}

/// Whether a new file of an expiring token waits in Git.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InGit {
    /// None that is known of.
    #[default]
    No,
    /// It is not uploaded yet.
    Due,
    /// Its upload is held.
    Held,
    /// It was uploaded, or may have been, and no reading shows it yet.
    Sent,
}

/// The tenant that a matter concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MatterTenant {
    pub name: String,
    pub tenant_id: Option<TenantId>,
}

impl Matter {
    /// Whether a schedule should fail because of it. What a reviewed `suspend` covers does not
    /// count, except that suspending never hides an expiry.
    pub fn is_urgent(&self) -> bool {
        self.severity <= Severity::Urgent && !self.is_parked()
    }

    /// Whether a reviewed `suspend` says "not now". It is shown every time, but behind what is new,
    /// and no exit code counts it.
    ///
    /// What is parked is a write: a hold that was known, and what keeps an upload from arriving. That a
    /// credential does not work, expires, is gone or another one, or could not be looked at, is none,
    /// and may have begun after the line was reviewed.
    pub fn is_parked(&self) -> bool {
        self.suspended && self.is_about_a_write()
    }

    fn is_about_a_write(&self) -> bool {
        // Some codes name a hold, and what is wrong with a credential as well.
        let is = |cause: Cause| cause.code() == self.code;
        if self.severity == Severity::Notice {
            return true;
        }
        if self.severity == Severity::Critical {
            return [Reason::TopicChange, Reason::WrongDestination, Reason::Duplicate]
                .map(Cause::Held)
                .into_iter()
                .any(is);
        }
        let uploads = [Cause::CannotLand, Cause::CanaryFailed, Cause::RequestDisputed];
        let holds = Reason::ALL.iter().copied().map(Cause::Held);
        !is(Cause::Expired) && (uploads.into_iter().any(is) || holds.into_iter().any(is))
    }

    /// Whether it concerns this token of its tenant.
    pub fn is_about(&self, token: &TokenRef) -> bool {
        self.token.as_ref().is_some_and(|about| about.same_token(token))
    }

    /// Whether it is about a whole tenant, or about all its tokens of this kind.
    pub fn is_about_all(&self, kind: Kind) -> bool {
        self.token.as_ref().is_none_or(|about| {
            about.kind == kind
                && about.kind != Kind::Push
                && about.name.is_none()
                && about.id.is_none()
        })
    }

    /// `contoso push`, `contoso vpp London`, `contoso`, or the empty text for the fleet.
    pub fn subject(&self) -> String {
        let tenant = self.tenant.as_ref().map(|tenant| tenant.name.clone()).unwrap_or_default();
        match &self.token {
            None => tenant,
            Some(token) => match token.name.as_ref().or(token.id.as_ref()) {
                Some(name) => format!("{tenant} {} {name}", token.kind),
                None => format!("{tenant} {}", token.kind),
            },
        }
    }
}

/// What the session saw of the clone and its remote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloneState {
    /// Branches with a renewal that is not merged yet.
    pub open_renewals: Vec<OpenRenewal>,
    /// How many commits of the base this clone lacks.
    pub behind: usize,
    /// How many commits of the base's branch the remote lacks.
    pub unpushed: usize,
    /// Whether the remote had all of these before.
    pub is_lost_there: bool,
    /// The fleet's files with changes that are not committed.
    pub dirty: Vec<String>,
    /// What this clone read before, as it remembers.
    pub readings: Readings,
    /// What the settings said of the record before and no longer say, one clause each.
    pub moved: Vec<String>,
    /// By how many seconds this machine's clock is wrong, where it is.
    pub clock_off: Option<i64>,
}

/// A renewal that waits to be merged: on a branch, or not even committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenRenewal {
    /// Empty where the file lies in the worktree of this clone, not committed.
    pub branch: String,
    /// The name of the tenant's folder under `tenants/`.
    pub tenant: String,
    pub token: TokenRef,
    /// Who brought it; `null` where the branch's commit is not in this clone.
    pub by: Option<String>,
    /// When it was brought.
    pub at: Option<Timestamp>,
    /// The remote of the fleet; `null` where there is none.
    pub remote: Option<String>,
    /// Whether that remote has the branch.
    pub pushed: bool,
    /// Other branches that wait with a file of this token, none of them a newer one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

impl OpenRenewal {
    /// `A new file waits on the branch renew/contoso/push-2027-11-20, brought by Dana on 2026-11-20.`
    pub fn told(&self) -> String {
        if self.is_uncommitted() {
            return "A new file lies in the worktree of this clone, and is not committed."
                .to_owned();
        }
        let by = self.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let on = self.at.map(|at| format!(" on {}", advice::day(at))).unwrap_or_default();
        let brought = if by.is_empty() && on.is_empty() {
            String::new()
        } else {
            format!(", brought{by}{on}")
        };
        let others = match self.others.as_slice() {
            [] => String::new(),
            others => format!(
                " Other files of this token wait on {}. Have only the newest merged, this one, and close the pull requests of the others.",
                others.join(", ")
            ),
        };
        format!("A new file waits for review on the branch {}{brought}.{others}", self.branch)
    }

    /// Whether it is on no branch: nobody else can see the file.
    pub fn is_uncommitted(&self) -> bool {
        self.branch.is_empty()
    }

    /// What to do with it, and the command for that.
    pub fn next(&self) -> (&'static str, String) {
        if self.is_uncommitted() {
            let next = "Do not download it again, and do not drop these files. Commit them on a branch, push it, and have it reviewed and merged:";
            return (next, "git status".to_owned());
        }
        let branch = shell_word(&self.branch);
        match (&self.remote, self.pushed) {
            (Some(remote), true) => (
                "Do not download it again. Review this branch and have it merged:",
                format!("git fetch {} {branch} && git log -1 -p FETCH_HEAD", shell_word(remote)),
            ),
            (Some(remote), false) => (
                "Do not download it again. The branch is in this clone only. Push it, then have it reviewed and merged:",
                format!("git push {} {branch}", shell_word(remote)),
            ),
            (None, _) => (
                "Do not download it again. Review this branch and merge it:",
                format!("git log -1 -p {branch}"),
            ),
        }
    }
}

/// Everything that the list is made from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub plan: &'a Plan,
    pub fleet: &'a [Desired],
    /// The ledger and its notes; `None` while they are unknown.
    pub ledger: Option<&'a LedgerView>,
    pub policy: &'a Policy,
    pub clone: &'a CloneState,
}

impl Input<'_> {
    /// The newest reading of all of a tenant.
    fn last_reading(&self, tenant: &PlannedTenant) -> Option<LastReading> {
        let id = tenant.tenant_id;
        freshness::last_reading(
            self.plan.generated_at,
            tenant.observed == Observed::Complete,
            id.and_then(|id| self.clone.readings.get(&id)?.whole),
            self.ledger.zip(id).and_then(|(ledger, id)| ledger.tenants.get(&id)),
        )
    }
}

/// The list, most urgent first, and the limits of the policy that it was judged by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attention {
    pub matters: Vec<Matter>,
    pub critical: Duration,
    pub renew_before: Duration,
    /// How old the reading of a tenant may be.
    pub drift_within: Duration,
    /// The newest reading of each tenant of the plan, by the name of its folder.
    pub readings: BTreeMap<String, LastReading>,
}

impl Attention {
    /// Whether `plan --detailed-exitcode` counts it as a change.
    pub fn is_critical(&self) -> bool {
        self.matters.iter().any(|one| one.severity == Severity::Critical && one.is_urgent())
    }
}

/// Computes the list. Same input, same list.
pub fn list(input: &Input<'_>) -> Attention {
    let mut matters = raise::all(input);
    join_same_keys(&mut matters);
    matters.sort_by_cached_key(|one| {
        let parked = one.severity <= Severity::Urgent && one.is_parked();
        // Of the same matter, the one that takes most devices down comes first.
        let devices = std::cmp::Reverse(one.devices);
        (parked, one.severity, one.code.rank(), devices, one.due.is_none(), one.due, one.subject())
    });
    let reading = |one: &PlannedTenant| Some((one.name.clone(), input.last_reading(one)?));
    Attention {
        matters,
        critical: input.policy.critical,
        renew_before: input.policy.renew_before,
        drift_within: input.policy.drift_within,
        readings: input.plan.tenants.iter().filter_map(reading).collect(),
    }
}

/// The identity of one renewal: of which token, and of which credential by the day on which it
/// expires. It outlasts the stages of the renewal and every text, as the key of a matter does.
pub fn renewal_key(tenant: &MatterTenant, token: &TokenRef, expires: Timestamp) -> String {
    raise::key(tenant.tenant_id, &tenant.name, Some(token), Cause::RenewalDue, Some(expires))
}

/// The identity of the matter that no tenant of a sign-in profile can be signed in to, for one reason.
pub fn sign_in_key(profile: Option<&str>) -> String {
    raise::sign_in_key(profile)
}

/// That the remote could not be asked for what is in force, so that all that is shown is older.
pub fn base_unknown(why: &str) -> Matter {
    raise::base_unknown(why)
}

/// What a run saw of its clone that needs a person, for commands that show no list.
pub fn of_clone(clone: &CloneState) -> Vec<Matter> {
    raise::of_clone(clone)
}

/// Two causes may speak of one matter, such as a token whose certificate expired in Intune and in
/// Git. It is told once, with both sentences.
fn join_same_keys(matters: &mut Vec<Matter>) {
    // Two folders with one tenant id have the same keys, and each is told.
    let identity = |one: &Matter| (one.key.clone(), one.subject());
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    let mut joined: Vec<Matter> = Vec::with_capacity(matters.len());
    for matter in matters.drain(..) {
        match seen.get(&identity(&matter)).and_then(|index| joined.get_mut(*index)) {
            Some(first) => {
                first.severity = first.severity.min(matter.severity);
                if !first.message.contains(&matter.message) {
                    first.message = format!("{} {}", first.message, matter.message);
                }
            }
            None => {
                seen.insert(identity(&matter), joined.len());
                joined.push(matter);
            }
        }
    }
    *matters = joined;
}

/// A length of time as settings and command lines write it.
pub(crate) fn setting(time: Duration) -> String {
    match (time.num_days(), time.num_hours()) {
        (days, hours) if days > 0 && hours == days * 24 => format!("{days}d"),
        (_, hours) => format!("{hours}h"),
    }
}
