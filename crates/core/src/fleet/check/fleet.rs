//! What must be unique in the whole fleet.
//!
//! Two tenants that claim one thing are both reported, each naming the other, and neither is made
//! invalid: which of them is right is not known here, so planning holds both (`duplicate`).

use std::collections::HashMap;

use super::super::diagnostic::{Code, Diagnostic};
use super::super::document::Span;
use super::super::text::{excerpt, quote};

/// How many of the others a message names.
const NAMED: usize = 3;

/// Something that must be unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum ClaimKind {
    TenantId,
    TokenId,
    File,
    Sha256,
    Topic,
    /// A VPP token's location at Apple.
    Location,
    /// The customer's number in a ticket system.
    TicketNumber,
}

impl ClaimKind {
    fn code(self) -> Code {
        match self {
            Self::TenantId => Code::DuplicateTenantId,
            Self::TokenId => Code::DuplicateTokenId,
            Self::File => Code::DuplicateTokenFile,
            Self::Sha256 => Code::DuplicateSha256,
            Self::Topic => Code::DuplicateTopic,
            Self::Location => Code::DuplicateLocationId,
            Self::TicketNumber => Code::DuplicateTicketNumber,
        }
    }

    /// Whether two may have it: tenants of one customer have one number.
    fn may_be_shared(self) -> bool {
        self == Self::TicketNumber
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::TenantId => (
                "this tenant id is also that of",
                "one Intune tenant has one folder: remove the copy, or correct its `tenantId`",
            ),
            Self::TokenId => (
                "this token id is also that of",
                "Intune gives each token its own id: remove the copied line, `import` finds the id",
            ),
            Self::File => (
                "the same token file is also that of",
                "a token file serves one token of one tenant: download one for each at Apple",
            ),
            Self::Sha256 => (
                "this digest is also that of",
                "a token file serves one token of one tenant: seal the right file",
            ),
            Self::Topic => (
                "this topic is also that of",
                "a push certificate serves one tenant: correct the copy before anything is uploaded",
            ),
            Self::Location => (
                "this location is also that of",
                "two tokens of one location stop each other: correct the copy, or remove one of the two entries",
            ),
            Self::TicketNumber => (
                "this customer's number is also that of",
                "tickets go to the customer of that number: correct the copy, unless both tenants are one customer's",
            ),
        }
    }
}

/// One thing that a tenant's file claims for itself.
#[derive(Clone, Debug)]
struct Claim {
    kind: ClaimKind,
    value: String,
    of: String,
    span: Span,
}

/// All claims of a file.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Claims {
    list: Vec<Claim>,
}

impl Claims {
    /// Claims `value` for the token `of`, or for the tenant itself when that is empty.
    pub(super) fn add(&mut self, kind: ClaimKind, value: &str, of: &str, span: Span) {
        self.list.push(Claim { kind, value: value.to_owned(), of: of.to_owned(), span });
    }
}

/// A file with its claims.
pub(in super::super) struct Claimant<'a> {
    pub(in super::super) tenant: &'a str,
    pub(in super::super) file: &'a str,
    pub(in super::super) text: &'a str,
    pub(in super::super) claims: &'a Claims,
}

/// Reports everything that is claimed twice, on every one of those who claim it.
pub(in super::super) fn duplicates(claimants: &[Claimant<'_>]) -> Vec<Diagnostic> {
    let mut by_value: HashMap<(ClaimKind, &str), Vec<(usize, &Claim)>> = HashMap::new();
    for (index, claimant) in claimants.iter().enumerate() {
        for claim in &claimant.claims.list {
            by_value.entry((claim.kind, &claim.value)).or_default().push((index, claim));
        }
    }
    let mut found = Vec::new();
    for ((kind, _), claims) in by_value.iter().filter(|(_, claims)| claims.len() > 1) {
        let names: Vec<String> = claims
            .iter()
            .take(NAMED + 1)
            .filter_map(|&(index, claim)| Some(name_of(claimants.get(index)?, claim)))
            .collect();
        for (position, &(index, claim)) in claims.iter().enumerate() {
            let Some(claimant) = claimants.get(index) else { continue };
            let others = names.iter().enumerate().filter(|&(other, _)| other != position);
            let mut listed: Vec<&str> = others.map(|(_, name)| name.as_str()).take(NAMED).collect();
            let more = (claims.len() - 1).saturating_sub(listed.len());
            let rest = format!("{more} more");
            if more > 0 {
                listed.push(&rest);
            }
            let (message, help) = kind.words();
            let message = format!("{message} {}", and(&listed));
            let Span { line, column, length, start, .. } = claim.span;
            let shown = excerpt(claimant.text, start, length);
            let told = Diagnostic::of_file(kind.code(), claimant.file, message)
                .at(line, column, length, shown)
                .with_help(help);
            found.push(if kind.may_be_shared() { told.as_warning() } else { told });
        }
    }
    found
}

fn name_of(claimant: &Claimant<'_>, claim: &Claim) -> String {
    match claim.of.as_str() {
        "" => quote(claimant.tenant),
        of => format!("{} ({})", quote(claimant.tenant), crate::model::safe_text(of)),
    }
}

fn and(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
