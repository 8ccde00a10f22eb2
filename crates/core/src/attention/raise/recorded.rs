//! What the lines of the ledger raise by themselves, also those of tenants that are in no folder.

use std::collections::{BTreeSet, HashSet};

use super::words::{Words, key, matter, of_fleet};
use crate::attention::{Cause, Input, Matter, MatterTenant};
use crate::fleet::{Desired, name_of};
use crate::model::{Record, TenantId, Timestamp, TokenRef};
use crate::plan::CANNOT_LAND;
use crate::rules::requests;

/// What the ledger has of tenants that are in no folder. Nobody looks for them there, and their lines
/// count for the fleet's limits all the same.
pub(super) fn of_strangers(input: &Input<'_>) -> Vec<Matter> {
    let Some(ledger) = input.ledger else { return Vec::new() };
    let in_git: HashSet<TenantId> = input.fleet.iter().filter_map(Desired::tenant_id).collect();
    let planned: HashSet<TenantId> =
        input.plan.tenants.iter().filter_map(|tenant| tenant.tenant_id).collect();
    let recorded: BTreeSet<TenantId> =
        ledger.tenants.keys().chain(ledger.set_aside.keys()).copied().collect();
    let mut matters = Vec::new();
    let strangers = recorded.into_iter().filter(|id| !in_git.contains(id) && !planned.contains(id));
    for id in strangers {
        let past = ledger.tenant(id);
        let aside = ledger.set_aside.get(&id).and_then(|lines| lines.first());
        let name = past.name().or(aside.map(|line| &line.name));
        let name = name.map(|name| name_of(input.fleet, id, name.as_str()));
        let lines = Recorded { input, id, show: format!("applecart ledger show {id}") };
        if id == TenantId::FLEET {
            matters.extend(lines.line_broken().map(|told| of_fleet(Cause::LedgerLineBroken, told)));
            continue;
        }
        let raised = |cause: Cause, token: Option<&TokenRef>, words| Matter {
            tenant: Some(MatterTenant {
                name: name.clone().unwrap_or_else(|| id.to_string()),
                tenant_id: Some(id),
            }),
            token: token.cloned(),
            ..matter(key(Some(id), "", token, cause, None), cause, words)
        };
        matters.extend(lines.line_broken().map(|words| match past.records.is_empty() {
            // Nothing was ever uploaded there: who made up the tenant is told no more of it than the fleet.
            true => lines.of_nobody(words),
            false => raised(Cause::LedgerLineBroken, None, words),
        }));
        let mut tokens: Vec<&TokenRef> = Vec::new();
        for sending in past.all_unfinished() {
            if !tokens.iter().any(|known| known.same_token(sending.token)) {
                tokens.push(sending.token);
            }
        }
        matters.extend(tokens.into_iter().filter_map(|token| {
            let (words, since) = lines.without_outcome(token)?;
            let one = raised(Cause::IntentWithoutOutcome, Some(token), words);
            Some(Matter { since: Some(since), ..one })
        }));
    }
    matters
}

/// A tenant's lines of the ledger that no run with a right clock and a whole life writes.
pub(super) struct Recorded<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) id: TenantId,
    /// The command that shows them.
    pub(super) show: String,
}

const NO_RUN: &str = "No run writes such a line: find out who did.";
const WRONG_CLOCK: &str = "Correct the clock of that machine, or find out who forged the line.";

impl Recorded<'_> {
    /// Whether the policy accepts it: somebody has looked into it.
    pub(super) fn is_accepted(&self, line: &Record) -> bool {
        let today = self.input.plan.generated_at.date_time().date_naive();
        self.input.policy.accepts(self.id, line, today)
    }

    /// How a reviewed line of the policy says that this is explained.
    pub(super) fn how_to_accept(&self, line: &Record) -> String {
        let line = line.line_sha256().map(|line| line.to_string()).unwrap_or_default();
        format!(
            "What is explained can be accepted in applecart.yaml: `ledger: {{accepted: [{{tenant: {}, line: {line}, reason: …, by: …, until: YYYY-MM-DD}}]}}`.",
            self.id
        )
    }

    pub(super) fn line_broken(&self) -> Option<Words> {
        let aside = self.input.ledger?.set_aside.get(&self.id)?;
        let newest = aside.iter().rfind(|line| !self.is_accepted(line))?;
        if let Some(what) = requests::belied(newest) {
            return Some(self.forged_request(newest, &what));
        }
        let (what, next) = if newest.has_endless_lease() {
            ("asks for a lease of more than 15 minutes".to_owned(), WRONG_CLOCK)
        } else if newest.is_out_of_bounds(self.input.plan.generated_at) {
            (format!("is dated {}, which is in the future", newest.at), WRONG_CLOCK)
        } else if newest.names_no_commit() {
            ("names no commit that its run worked from".to_owned(), NO_RUN)
        } else if newest.notice().is_some_and(|(_, notice)| notice.is_at_home(self.id)) {
            ("tells of a tenant that the fleet never had".to_owned(), NO_RUN)
        } else if newest.notice().is_some() {
            ("tells of a matter that is not its tenant's".to_owned(), NO_RUN)
        } else {
            let what = format!(
                "says that Intune has a file of {} that no run announced",
                newest.token_words()
            );
            (what, NO_RUN)
        };
        let message = format!(
            "Line {} of its {} {what}. It was written by {} and has no effect.",
            newest.seq,
            if newest.event().is_telling() { "notes" } else { "ledger" },
            writer(newest)
        );
        let next = format!("{next} {} The lines:", self.how_to_accept(newest));
        Some(Words::new(message, next).run(self.show.as_str()))
    }

    /// The same as a matter of the fleet, whose file remembers that it was told.
    fn of_nobody(&self, words: Words) -> Matter {
        let cause = Cause::LedgerLineBroken;
        matter(format!("fleet/-/{}/{}/-", self.id, cause.code()), cause, words)
    }

    /// That a record of a request names another key than it asks for, and who recorded it.
    fn forged_request(&self, line: &Record, what: &str) -> Words {
        let past = self.input.ledger.map(|ledger| ledger.tenant(self.id));
        let who = past.map_or_else(String::new, |past| requests::recorder(past, line));
        let message = format!(
            "Line {} of its notes {what}, so it was forged. It was recorded by {who}. It has no effect, and its request is not given out.",
            line.seq
        );
        let next = format!("Find out who forged the line. {} The lines:", self.how_to_accept(line));
        Words::new(message, next).run(self.show.as_str())
    }

    /// Announcements without an outcome from the third on, and since when.
    pub(super) fn without_outcome(&self, token: &TokenRef) -> Option<(Words, Timestamp)> {
        let row = self.input.ledger?.tenant(self.id).without_outcome(token);
        let explained = row.iter().rposition(|one| self.is_accepted(one.opened));
        let row = row.get(explained.map_or(0, |place| place + 1)..)?;
        let (first, newest) = (row.first()?, row.last()?);
        if row.len() < CANNOT_LAND {
            return None;
        }
        let message = format!(
            "{} announcements of an upload in a row have no outcome in its ledger. The newest is line {}, of {}, by {}. While one is fresh, no other run uploads.",
            row.len(),
            newest.opened.seq,
            newest.intended_at(),
            writer(newest.opened)
        );
        let next = format!(
            "Runs are killed there, or the lines are forged: find out who wrote them. {} The lines:",
            self.how_to_accept(newest.opened)
        );
        Some((Words::new(message, next).run(self.show.as_str()), first.intended_at()))
    }
}

/// The machine or person that a line names; whoever forges one names another.
pub(super) fn writer(line: &Record) -> &str {
    let actor = &line.actor;
    actor.host.as_deref().or(actor.user.as_deref()).unwrap_or("an unnamed machine")
}
