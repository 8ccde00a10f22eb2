//! The Apple Accounts that credentials depend on.

use super::token::OneToken;
use super::words::{Words, matter};
use crate::attention::{Cause, Input, Matter};
use crate::model::{Kind, shell_word};
use crate::report::{names_in_line, plural};
use crate::rules::owners;

/// So many tenants are named in one sentence.
const NAMED: usize = 10;

impl OneToken<'_> {
    /// That the account which it depends on may go, or is nobody's of the customer.
    pub(super) fn owner_at_risk(&self) -> Option<Matter> {
        let stated = self.entry.and_then(|entry| entry.owner());
        let shown = || self.planned.state.live.as_ref()?.apple_id.as_deref();
        let account = stated.or_else(shown)?;
        let (tenant, owners) = (self.of.desired?, &self.of.input.policy.owners);
        let risk = owners::risk(account, tenant, owners)?;
        let depends = match self.token.kind {
            Kind::Push => {
                "Only this account can renew the certificate: without it, every device has to enrol again once it expires."
            }
            Kind::Enrollment => {
                "The token ends at once when that account changes its password or goes, whatever its date says: then no device syncs."
            }
            Kind::Vpp => {
                "The token ends at once when that account changes its password, whatever its date says: then no app is assigned."
            }
        };
        let message = format!("The Apple Account {account} {risk}. {depends}");
        let next = match self.token.kind {
            Kind::Push => {
                "Have the customer move the certificate to an account that only does this (Apple's support does it). If the account is right, list it under `owners.accepted` in applecart.yaml. To write the new account:"
            }
            Kind::Enrollment | Kind::Vpp => {
                "At the next renewal download it with an account of the customer that only does this, and add `--apple-id ACCOUNT`. If the account is right, list it under `owners.accepted` in applecart.yaml, or the customer's domain under `domains` in the tenant file. To see how it is renewed:"
            }
        };
        let command = match self.token.kind {
            Kind::Push => format!("applecart renew {} --apple-id ACCOUNT --push", self.target()),
            Kind::Enrollment | Kind::Vpp => format!("applecart renew {}", self.target()),
        };
        Some(self.matter(Cause::OwnerRisk, Words::new(message, next).run(command)))
    }
}

/// The accounts on which the credentials of more tenants depend than the settings accept.
pub(super) fn shared(input: &Input<'_>) -> impl Iterator<Item = Matter> {
    let owners = &input.policy.owners;
    owners::shared(input.fleet, owners).into_iter().map(|(account, tenants)| {
        let names: Vec<&str> = tenants.into_iter().collect();
        let message = format!(
            "Credentials of {} depend on the Apple Account {account}: {}. When its password changes, their tokens end on that day, and without it their push certificates cannot be renewed.",
            plural(names.len(), "tenant"),
            names_in_line(&names, NAMED)
        );
        let next = "Give each customer an account of its own at its next renewals. If it is right, list it under `owners.accepted` in applecart.yaml, or raise `owners.maxTenants`. To see what would end without it:";
        let command = format!("applecart audit --apple-ids --lost {}", shell_word(&account));
        let key = format!("fleet/-/{}/{}/-", super::words::part(&account), Cause::OwnerRisk.code());
        matter(key, Cause::OwnerRisk, Words::new(message, next).run(command))
    })
}
