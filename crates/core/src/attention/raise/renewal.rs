//! When a token expires, and how its renewal goes on from where it stands.

use super::outdated::PULL;
use super::token::OneToken;
use super::words::{Words, of_table};
use crate::attention::{Cause, InGit, Matter, OpenRenewal, Severity, Window, advice, setting};
use crate::ledger::TenantLedger;
use crate::model::Kind;
use crate::plan::{Action, Expiry, Reason, Sync, Warning};
use crate::rules::requests;

impl OneToken<'_> {
    pub(super) fn expiry(&self) -> Option<Matter> {
        let state = &self.planned.state;
        let policy = self.of.input.policy;
        let unexplained = state.sync == Sync::Unobserved && self.of.tenant.problems.is_empty();
        let (cause, window) = match state.expiry {
            Expiry::Expired => (Cause::Expired, policy.critical),
            Expiry::Critical => (Cause::Critical, policy.critical),
            Expiry::RenewalDue => (Cause::RenewalDue, policy.renew_before),
            Expiry::Unknown if state.live.is_some() => return Some(self.no_expiry_in_intune()),
            Expiry::Unknown if unexplained => {
                let words = Words::new(
                    "Neither Git nor the ledger tells when it expires.",
                    "Read it from Intune:",
                );
                let words = Words {
                    command_for_all: self.of.scope.run("applecart status"),
                    ..words.run(format!("applecart status --select {}", self.tenant()))
                };
                return Some(self.matter(Cause::ExpiryUnknown, words));
            }
            Expiry::Unknown | Expiry::Valid => return None,
        };
        let expires = state.expires?;
        let known = self.last_known.filter(|known| known.expires.is_some());
        let source = match (state.sync, known) {
            (Sync::Unobserved, Some(known)) => {
                format!(", as last seen on {}", advice::day(known.at))
            }
            (Sync::Unobserved, None) => ", as the tenant file says".to_owned(),
            _ => String::new(),
        };
        let day = advice::day(expires);
        let stops = advice::what_stops(state.kind);
        let (message, since) = match cause {
            Cause::Expired => (format!("Expired on {day}{source}: {stops}."), expires),
            _ => {
                let message = format!("Expires on {day}{source}: after that, {stops}.");
                (message, expires.plus(-window))
            }
        };
        let words = self.renewal(message, Some(&setting(window)));
        let as_of = match state.sync {
            Sync::Unobserved => known.map(|known| known.at),
            _ => None,
        };
        let window = Some(Window::before(expires, policy.renew_before, policy.critical));
        Some(Matter { since: Some(since), as_of, window, ..self.matter(cause, words) })
    }

    /// What was read has no date: a schedule that waits for one would wait for ever.
    fn no_expiry_in_intune(&self) -> Matter {
        let words = Words::new(
            "Intune does not say when it expires, so no warning comes before it does.",
            "Start a sync of the token in the Intune portal, and look at its date there. Then read it again:",
        );
        let words = Words {
            command_for_all: self.of.scope.run("applecart status"),
            ..words.run(format!("applecart status --select {}", self.tenant()))
        };
        Matter { severity: Severity::Urgent, ..self.matter(Cause::ExpiryUnknown, words) }
    }

    /// Whether a new file is in Git, so that a renewal must not be opened once more.
    pub(super) fn in_git(&self) -> InGit {
        let state = &self.planned.state;
        // These say that the file in Git is no better than what Intune has, or of no use.
        let outdated = [
            Reason::Expired,
            Reason::OlderThanLive,
            Reason::RenewedOutsideGit,
            Reason::DeadAtApple,
        ];
        if self.refusal().is_some() {
            return InGit::No;
        }
        match (self.planned.action, state.sync) {
            (Action::Upload | Action::Create, _) => InGit::Due,
            (Action::Hold, _) if state.reasons.iter().any(|one| outdated.contains(one)) => {
                InGit::No
            }
            // A hold of settings says nothing about the file.
            (Action::Hold, _) if state.sha256.is_some() => InGit::Held,
            (_, Sync::OutOfSync) if state.warnings.contains(&Warning::RetryAfter) => InGit::Due,
            (_, Sync::Progressing) => InGit::Sent,
            (_, Sync::Unobserved) if self.has_unseen_file() => InGit::Sent,
            _ => InGit::No,
        }
    }

    /// Whether Git has a later file than the one that is known to be in Intune.
    fn has_unseen_file(&self) -> bool {
        let Some(entry) = self.entry else { return false };
        let Some(file) = &entry.file else { return false };
        let confirmed = |past: &TenantLedger| past.proof(&self.token, file.sha256).is_some();
        if self.of.past.is_some_and(confirmed) {
            return false;
        }
        match self.token.kind {
            // Its file does not say when it expires.
            Kind::Enrollment => true,
            Kind::Push | Kind::Vpp => entry.facts.expires > self.planned.state.expires,
        }
    }

    /// How to go on with a renewal, from where it stands. The `window` is the one in which every
    /// such token is renewed with one command.
    pub(super) fn renewal(&self, message: String, window: Option<&str>) -> Words {
        let tenant = self.tenant();
        if self.waiting().is_some() {
            let next = "Its new file is merged, and the planned commit is older. Do not renew it again. Bring the clone up to date, then run `applecart apply`:";
            return Words { in_git: InGit::Due, ..Words::new(message, next).run(PULL) };
        }
        let in_git = self.in_git();
        let words = match in_git {
            InGit::Due if self.planned.state.warnings.contains(&Warning::RetryAfter) => {
                let next = "The new file is in Git, and its last upload did not arrive. Correct the cause, then try at once:";
                Words::new(message, next).run(format!("applecart apply --retry --select {tenant}"))
            }
            InGit::Due => {
                let next = match self.of.scope.is_merged {
                    true => "The new file is reviewed and merged, and not uploaded yet. Upload it:",
                    false => "The new file is in Git, not uploaded yet. Once it is reviewed and merged, upload it:",
                };
                Words {
                    command_for_all: self.of.scope.apply(),
                    ..Words::new(message, next).run(format!("applecart apply --select {tenant}"))
                }
            }
            InGit::Held => {
                let reasons: Vec<&str> =
                    self.planned.state.reasons.iter().map(|one| one.as_str()).collect();
                let next = format!(
                    "The new file is in Git, but it is held ({}). See why:",
                    reasons.join(", ")
                );
                Words::new(message, next).run(format!("applecart plan --select {tenant}"))
            }
            InGit::Sent => Words::new(
                message,
                "The new file is in Git, and it is unknown whether Intune has it. Compare with Intune:",
            )
            .run(format!("applecart plan --select {tenant}")),
            InGit::No => self.not_in_git(message, window),
        };
        Words { in_git, ..words }
    }

    /// How to go on where no new file is in Git.
    fn not_in_git(&self, message: String, window: Option<&str>) -> Words {
        let (tenant, target) = (self.tenant(), self.target());
        if self.of.desired.is_none() && self.planned.state.sync == Sync::Unobserved {
            let next =
                "Its tenant file has a mistake, and nothing is renewed before that is corrected:";
            return Words::new(message, next).run("applecart validate");
        }
        if let Some(open) = self.open() {
            let (next, command) = open.next();
            return Words::new(format!("{message} {}", open.told()), next).run(command);
        }
        let live = self.planned.state.live.as_ref();
        if let Some(opened) = self.of.past.and_then(|past| past.renewal_opened(&self.token, live)) {
            let next = format!(
                "Its renewal was opened on {}. Once Apple's file is downloaded:",
                advice::day(opened.at)
            );
            return Words::new(message, next).run(format!("applecart renew {target} --file FILE"));
        }
        if self.planned.state.sync == Sync::Unmanaged {
            return Words::new(message, "It is not in Git. Bring it there, then renew it:")
                .run(format!("applecart import --update {tenant}"));
        }
        let for_all = |window| self.of.scope.run(&format!("applecart renew --due {window}"));
        Words {
            command_for_all: window.and_then(for_all),
            ..Words::new(message, "Open the renewal:").run(format!("applecart renew {target}"))
        }
    }

    pub(super) fn renewal_open(&self, open: &OpenRenewal) -> Matter {
        let (message, severity) = match self.token.kind {
            Kind::Enrollment => (
                format!(
                    "{} Apple ended the token in use with the download, so device sync is down until this file is merged and uploaded.",
                    open.told()
                ),
                Severity::Critical,
            ),
            Kind::Push | Kind::Vpp => {
                (format!("{} It is uploaded once it is merged.", open.told()), Severity::Notice)
            }
        };
        let (next, command) = open.next();
        let words = Words::new(message, next).run(command);
        let matter = self.matter(Cause::RenewalOpen, words);
        Matter { severity, since: open.at, ..matter }
    }

    /// That the record does not tell which request for Apple Intune made.
    pub(super) fn disputed_request(&self) -> Option<Matter> {
        let past = self.of.past.filter(|_| self.token.kind == Kind::Push)?;
        let open = past.requests_open(&self.token, self.planned.state.live.as_ref());
        let shared = || {
            let view = self.of.input.ledger?;
            open.iter().find_map(|record| requests::shared(view, record))
        };
        let repeated = || {
            let all = past.opened(&self.token, self.planned.state.live.as_ref());
            requests::repeated(past, &all)
        };
        let message = requests::disputed(past, &open).or_else(shared).or_else(repeated)?;
        let (_, next) = of_table(Cause::RequestDisputed);
        Some(self.matter(Cause::RequestDisputed, self.advised(format!("{message}."), next)))
    }
}
