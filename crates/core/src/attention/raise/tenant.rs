//! What one tenant raises besides its tokens.

use std::collections::BTreeSet;

use chrono::{Days, NaiveTime};

use super::is_of_fleet;
use super::recorded::Recorded;
use super::sign_in::SignIns;
use super::words::{Scope, Words, key, matter, of_problem, of_table};
use crate::attention::{Cause, Input, Matter, MatterTenant};
use crate::fleet::{Suspension, Tenant, Token};
use crate::ledger::{LedgerView, TenantLedger};
use crate::model::{Kind, ProblemCode, Timestamp, TokenRef, safe_text, shell_word};
use crate::outlets::ticket::{Misplaced, Ticket};
use crate::plan::{Expiry, PlannedTenant, PlannedToken, Reason, Withdrawal, Withdrawn};

pub(super) struct OneTenant<'a> {
    pub(super) input: &'a Input<'a>,
    pub(super) scope: &'a Scope,
    pub(super) sign_ins: &'a SignIns<'a>,
    pub(super) tenant: &'a PlannedTenant,
    pub(super) desired: Option<&'a Tenant>,
    pub(super) past: Option<&'a TenantLedger>,
}

impl OneTenant<'_> {
    /// What concerns the tenant, or a token that this revision takes away.
    pub(super) fn own(&self) -> Vec<Matter> {
        let mut matters = Vec::new();
        let stale = self.reading_stale();
        let profile = self.desired.and_then(|tenant| tenant.auth.as_deref());
        for problem in &self.tenant.problems {
            let is_told_there = |ledger: &LedgerView| {
                let broken = self.tenant.tenant_id.map(|id| ledger.broken_notes.contains_key(&id));
                ledger.lost_notes.is_some() || broken == Some(true)
            };
            let of_fleet = match self.input.ledger {
                None => is_of_fleet(problem.code),
                Some(ledger) => problem.code == ProblemCode::NotesUnknown && is_told_there(ledger),
            };
            let of_fleet = of_fleet || self.sign_ins.tell(profile, problem);
            if of_fleet || (problem.code.is_passing() && stale.is_some()) {
                continue;
            }
            let kinds = [Kind::Push, Kind::Enrollment, Kind::Vpp];
            let kind = kinds.into_iter().find(|kind| problem.resource == Some((*kind).into()));
            let token = kind.map(|kind| TokenRef { kind, id: None, name: None });
            let cause = Cause::Unobserved(problem.code);
            let words = of_problem(problem, &shell_word(&self.tenant.name));
            matters.push(self.matter(cause, token.as_ref(), None, words));
        }
        matters.extend(stale);
        matters.extend(self.ledger_line_broken());
        matters.extend(self.outdated());
        matters.extend(self.ticket_unmapped());
        matters.extend(self.tickets_moved());
        matters.extend(self.twice());
        matters.extend(self.wrong_destination());
        matters.extend(self.tenant.withdrawn.iter().map(|one| self.withdrawn(one)));
        matters
    }

    /// That the whole tenant is parked, or was.
    pub(super) fn parked(&self) -> Option<Matter> {
        self.suspension(self.desired?.suspend.as_ref()?, None)
    }

    /// Its lines of the ledger, as they are judged beside what Intune has.
    pub(super) fn recorded(&self) -> Option<Recorded<'_>> {
        let show = format!("applecart ledger show {}", shell_word(&self.tenant.name));
        Some(Recorded { input: self.input, id: self.tenant.tenant_id?, show })
    }

    fn ledger_line_broken(&self) -> Option<Matter> {
        let words = self.recorded()?.line_broken()?;
        Some(self.matter(Cause::LedgerLineBroken, None, None, words))
    }

    /// That no ticket can be opened for a renewal that is due: nobody guesses whose it is.
    fn ticket_unmapped(&self) -> Option<Matter> {
        let tenant = self.desired?;
        let key = self.input.policy.tickets.as_ref().and_then(|tickets| tickets.lacks(tenant))?;
        let is_due = |one: &PlannedToken| {
            matches!(one.state.expiry, Expiry::RenewalDue | Expiry::Critical | Expiry::Expired)
        };
        if !self.tenant.tokens.iter().any(is_due) {
            return None;
        }
        let cause = Cause::TicketUnmapped;
        let (why, next) = of_table(cause);
        let message = format!("Its tenant file has no `tickets: {{{key}: …}}`. {why}");
        let words = Words::of_code(message, next, &shell_word(&self.tenant.name), "TENANT");
        Some(self.matter(cause, None, None, words))
    }

    /// The open tickets that another customer would read.
    fn tickets_moved(&self) -> Vec<Matter> {
        let (Some(tenant), Some(policy)) = (self.desired, &self.input.policy.tickets) else {
            return Vec::new();
        };
        let tickets = self.scope.tickets.get(&tenant.tenant_id).map_or(&[][..], Vec::as_slice);
        let misplaced =
            tickets.iter().filter_map(|ticket| Some((ticket, ticket.misplaced(policy, tenant)?)));
        let matter = |(ticket, misplaced): (&Ticket, Misplaced<'_>)| {
            let cause = Cause::TicketMoved;
            let (why, next) = of_table(cause);
            let period = &ticket.period;
            let message = match misplaced {
                Misplaced::AtClient(was) => {
                    let now = match policy.client_of(tenant) {
                        Some(now) => format!("the number {}", safe_text(now)),
                        None => "none".to_owned(),
                    };
                    format!(
                        "The ticket of the renewal by {period} was opened for the customer number {}, and the tenant file has {now}.",
                        safe_text(was)
                    )
                }
                Misplaced::Shared { number, with } => {
                    let mut fleet = self.input.fleet.iter();
                    let other = fleet.find(|one| one.tenant_id() == Some(with));
                    format!(
                        "The ticket of the renewal by {period} has the number {}, which a ticket of {} has, too.",
                        safe_text(number),
                        other.map_or_else(|| with.to_string(), |one| one.name().to_owned())
                    )
                }
            };
            let target = ticket.token.spec(&tenant.name);
            let words = Words::of_code(format!("{message} {why}"), next, &target, &target);
            self.matter(cause, Some(&ticket.token), None, words)
        };
        misplaced.map(matter).collect()
    }

    /// What of it stands in the fleet more than once, also while no upload is due that it would hold.
    fn twice(&self) -> Option<Matter> {
        let tenant = self.desired?;
        let is_held = |one: &PlannedToken| one.state.reasons.contains(&Reason::Duplicate);
        if self.tenant.tokens.iter().any(is_held) {
            return None;
        }
        let bindings = &self.scope.bindings;
        let found = tenant.tokens().flat_map(|token| bindings.duplicates(tenant, token));
        let mut found: BTreeSet<String> = found.collect();
        found.extend(bindings.folders_of(tenant));
        let message = found.into_iter().collect::<Vec<_>>().join(". ");
        let (_, next) = of_table(Cause::Held(Reason::Duplicate));
        let words = || Words::of_code(format!("{message}."), next, &self.tenant.name, "TENANT");
        (!message.is_empty())
            .then(|| self.matter(Cause::Held(Reason::Duplicate), None, None, words()))
    }

    /// That the folder is another tenant's. Where an upload is held for it, that says so.
    fn wrong_destination(&self) -> Option<Matter> {
        let message = self.tenant.wrong_destination.as_ref()?;
        let mut tokens = self.tenant.tokens.iter();
        if tokens.any(|one| one.state.reasons.contains(&Reason::WrongDestination)) {
            return None;
        }
        let cause = Cause::Held(Reason::WrongDestination);
        let (_, next) = of_table(cause);
        Some(self.matter(cause, None, None, Words::new(message.clone(), next)))
    }

    fn withdrawn(&self, withdrawn: &Withdrawn) -> Matter {
        let kind = withdrawn.token.kind;
        let (cause, what) = match withdrawn.what {
            Withdrawal::Kind => {
                let all = format!("takes {kind} out of `watch`");
                (Cause::NoLongerWatched, format!("{all}: none of that kind is watched any more."))
            }
            Withdrawal::Entry => (Cause::NoLongerWatched, "removes the token's entry.".to_owned()),
            Withdrawal::File => (Cause::FileWithdrawn, "takes the token's file out.".to_owned()),
        };
        let (why, next) = of_table(cause);
        let message = format!("This revision {what} {why}");
        self.matter(cause, Some(&withdrawn.token), None, Words::new(message, next))
    }

    pub(super) fn matter(
        &self,
        cause: Cause,
        token: Option<&TokenRef>,
        period: Option<Timestamp>,
        words: Words,
    ) -> Matter {
        self.matter_of(cause, (token, token.and_then(|token| self.entry(token))), period, words)
    }

    /// The same of a token whose entry is known: to look it up for each of many takes too long.
    pub(super) fn matter_of(
        &self,
        cause: Cause,
        (token, entry): (Option<&TokenRef>, Option<&Token>),
        period: Option<Timestamp>,
        words: Words,
    ) -> Matter {
        let key = key(self.tenant.tenant_id, &self.tenant.name, token, cause, period);
        Matter {
            tenant: Some(self.named()),
            token: token.cloned(),
            suspended: self.is_suspended(entry),
            ..matter(key, cause, words)
        }
    }

    pub(super) fn named(&self) -> MatterTenant {
        MatterTenant { name: self.tenant.name.clone(), tenant_id: self.tenant.tenant_id }
    }

    fn today(&self) -> chrono::NaiveDate {
        self.input.plan.generated_at.date_time().date_naive()
    }

    /// Whether the tenant, or this token of it, is parked today.
    pub(super) fn is_suspended(&self, token: Option<&Token>) -> bool {
        let today = self.today();
        let suspension = self.desired.and_then(|tenant| tenant.suspension_of(token, today));
        suspension.is_some_and(|suspension| !suspension.is_over(today))
    }

    pub(super) fn entry(&self, token: &TokenRef) -> Option<&Token> {
        let mut planned = self.tenant.tokens.iter();
        planned.find(|one| one.state.token() == *token)?.state.entry_in(self.desired?)
    }

    /// What is suspended is shown every time, also while no write of it is due. `token` is the one
    /// that is parked, or `None` for the whole tenant.
    pub(super) fn suspension(
        &self,
        suspension: &Suspension,
        token: Option<&TokenRef>,
    ) -> Option<Matter> {
        let held = |reason| {
            let mut its = self
                .tenant
                .tokens
                .iter()
                .filter(|one| token.is_none_or(|token| one.state.token().same_token(token)));
            its.any(|one| one.state.reasons.contains(&reason))
        };
        let (cause, words) = if !suspension.is_over(self.today()) {
            if held(Reason::Suspended) {
                return None;
            }
            let message = format!(
                "Suspended until {}: {}. Nothing is uploaded.",
                suspension.until, suspension.reason
            );
            let next = "Remove the `suspend` line from the tenant file once the reason is gone.";
            (Cause::Suspended, Words::new(message, next))
        } else {
            if held(Reason::SuspensionEnded) {
                return None;
            }
            let message = format!(
                "The suspension ({}) ended on {}, and its line is still there.",
                suspension.reason, suspension.until
            );
            let next = "Remove the `suspend` line from the tenant file, or move its date.";
            (Cause::SuspensionOver, Words::new(message, next))
        };
        // A suspension ends with its last day.
        let ended = suspension.until.checked_add_days(Days::new(1));
        let ended = ended.map(|day| Timestamp::new(day.and_time(NaiveTime::MIN).and_utc()));
        let mut matter = self.matter(cause, token, None, words);
        match cause {
            Cause::Suspended => matter.due = ended,
            _ => matter.since = ended,
        }
        Some(matter)
    }
}
