//! `tenant.yaml`: raw → [`Tenant`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::at::At;
use super::super::diagnostic::Code;
use super::super::policy::Policy;
use super::super::raw::{RawEnrollment, RawSuspension, RawTenant, RawVpp};
use super::super::source::{Folder, Look, MAX_LIST, MAX_TOKENS};
use super::super::tenant::{Suspension, Tenant, Token};
use super::super::text::{nearest, quote};
use super::fleet::{ClaimKind, Claims};
use super::token::Context;
use super::{Checks, Span};
use crate::model::{Kind, TenantId, TenantName};

/// What checking a tenant's file yields.
pub(in super::super) struct Checked {
    /// The tenant; counts only when the file has no error.
    pub(in super::super) tenant: Option<Tenant>,
    /// Its id, where that much is right: problems of an invalid file are still reported for it.
    pub(in super::super) tenant_id: Option<TenantId>,
    /// What must be unique in the fleet.
    pub(in super::super) claims: Claims,
}

/// Checks one tenant. Without a policy the names of profiles cannot be judged and are left alone.
pub(in super::super) fn check_tenant(
    checks: &mut Checks<'_, '_>,
    raw: &RawTenant,
    folder: &Folder,
    policy: Option<&Policy>,
    look: Look<'_>,
) -> Checked {
    let mut claims = Claims::default();
    let name = checks.name(raw.name.as_ref(), folder);
    let tenant_id = checks.tenant_id(raw.tenant_id.as_ref());
    if let (Some(id), Some(at)) = (tenant_id, &raw.tenant_id) {
        claims.add(ClaimKind::TenantId, &id.to_string(), "", at.span);
    }
    let display_name = checks.text(raw.display_name.as_ref());
    let labels = checks.labels(raw.labels.as_ref());
    let contacts = checks.limited("contacts", raw.contacts.as_deref(), |one| Some(one.span));
    let contacts = contacts.iter().filter_map(|one| checks.mail(one)).collect();
    let domains = checks.limited("domains", raw.domains.as_deref(), |one| Some(one.span));
    let domains = domains.iter().filter_map(|one| checks.domain(one)).collect();
    let tickets = checks.customer_numbers(raw.tickets.as_ref());
    for (system, at) in raw.tickets.iter().flatten() {
        let number = format!("{system}: {}", at.value);
        claims.add(ClaimKind::TicketNumber, &number, &format!("tickets.{system}"), at.span);
    }
    let watch = checks.watch(raw.watch.as_ref());
    let auth = checks.profile(raw.auth.as_ref(), policy);
    let consent = raw.consent.as_ref().and_then(|consent| consent.data_sharing.as_ref());

    let mut context = Context { folder, policy, look, claims: &mut claims };
    let push = raw.push.as_ref().and_then(|raw| checks.push(raw, &mut context));
    let enrollment = raw.enrollment.as_deref().unwrap_or_default();
    let vpp = raw.vpp.as_deref().unwrap_or_default();
    checks.tokens(raw, enrollment, vpp);
    let mut enrollment: Vec<Token> =
        enrollment.iter().filter_map(|raw| checks.enrollment(raw, &mut context)).collect();
    let mut vpp: Vec<Token> = vpp.iter().filter_map(|raw| checks.vpp(raw, &mut context)).collect();
    // A vector begins with room for four, and a token takes half a kilobyte: of 10,000 tenants
    // with three tokens, 26 MB would be room.
    enrollment.shrink_to_fit();
    vpp.shrink_to_fit();
    let suspend = raw.suspend.as_ref().and_then(|raw| checks.suspension(raw));

    let tenant = match (name, tenant_id) {
        (Some(name), Some(tenant_id)) => Some(Tenant {
            name,
            display_name,
            tenant_id,
            tree: folder.tree.clone(),
            labels,
            contacts,
            domains,
            tickets,
            watch,
            auth,
            consent_data_sharing: consent.is_some_and(|at| at.value),
            push,
            enrollment,
            vpp,
            suspend,
        }),
        _ => None,
    };
    Checked { tenant, tenant_id, claims }
}

impl Checks<'_, '_> {
    /// The kinds that are read; all of them where nothing is named.
    fn watch(&mut self, raw: Option<&At<Vec<Kind>>>) -> BTreeSet<Kind> {
        match raw {
            None => Kind::ALL.into_iter().collect(),
            Some(At { value, span }) => {
                if value.is_empty() {
                    let message = "`watch` names nothing";
                    let help = "name push, enrollment or vpp; leave `watch` out for all three";
                    self.error_with_help(Code::NothingWatched, *span, message, help);
                }
                value.iter().copied().collect()
            }
        }
    }

    /// What holds of a tenant's tokens together.
    fn tokens(&mut self, raw: &RawTenant, enrollment: &[RawEnrollment], vpp: &[RawVpp]) {
        let count = usize::from(raw.push.is_some()) + enrollment.len() + vpp.len();
        if count > MAX_TOKENS {
            let span = raw.name.as_ref().map(|at| at.span).unwrap_or_default();
            let message =
                format!("the tenant has {count} tokens, more than the {MAX_TOKENS} that are read");
            self.error(Code::TooManyTokens, span, message);
        }
        self.distinct_names(enrollment.iter().filter_map(|raw| raw.name.as_ref()));
        self.distinct_names(vpp.iter().filter_map(|raw| raw.name.as_ref()));
        let files = raw.push.iter().map(|raw| (Kind::Push, &raw.file));
        let files = files.chain(enrollment.iter().map(|raw| (Kind::Enrollment, &raw.file)));
        let files = files.chain(vpp.iter().map(|raw| (Kind::Vpp, &raw.file)));
        for (kind, file) in files {
            if let Some(at) = file
                && raw.watch.as_ref().is_some_and(|watch| !watch.value.contains(&kind))
            {
                let message = format!("a {kind} token has a file, but `watch` leaves {kind} out");
                let help = format!("add {kind} to `watch`, or remove the file");
                self.error_with_help(Code::UnwatchedFile, at.span, message, help);
            }
        }
    }

    fn name(&mut self, raw: Option<&At<String>>, folder: &Folder) -> Option<TenantName> {
        let At { value, span } = raw?;
        if *value != folder.name {
            let message = format!(
                "the tenant is named {} in the folder {}",
                quote(value),
                quote(&folder.name)
            );
            let help = "give both the same name; the folder is what commands and reports use";
            self.error_with_help(Code::NameMismatch, *span, message, help);
            return None;
        }
        let name = value.parse().ok();
        if name.is_none() {
            let message = format!("{} cannot be the name of a tenant", quote(value));
            let help = "use 1 to 64 lower-case letters, digits, `-`, `_` or `.`, with a letter or digit at both ends;\nrename the folder too";
            self.error_with_help(Code::BadName, *span, message, help);
        }
        name
    }

    fn labels(&mut self, raw: Option<&BTreeMap<String, At<String>>>) -> BTreeMap<String, String> {
        let plain = |text: &str| {
            text.chars().count() <= 63
                && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
        };
        let mut labels = BTreeMap::new();
        let count = raw.map_or(0, BTreeMap::len);
        if let Some(At { span, .. }) = raw.and_then(|raw| raw.values().nth(MAX_LIST)) {
            self.too_many("labels", count, *span);
            return labels;
        }
        for (key, At { value, span }) in raw.into_iter().flatten() {
            if key.is_empty() || !plain(key) || value.is_empty() || !plain(value) {
                let message = format!("{} is not a label", quote(&format!("{key}={value}")));
                let help =
                    "a label's name and value are 1 to 63 letters, digits, `-`, `_`, `.` or `/`";
                self.error_with_help(Code::BadText, *span, message, help);
            }
            labels.insert(key.clone(), value.clone());
        }
        labels
    }

    /// A list that is no longer than any real one; else it is a mistake, and none of it is used.
    pub(super) fn limited<'r, T>(
        &mut self,
        name: &str,
        list: Option<&'r [T]>,
        span: impl Fn(&T) -> Option<Span>,
    ) -> &'r [T] {
        let list = list.unwrap_or_default();
        let Some(first_over) = list.get(MAX_LIST) else { return list };
        self.too_many(name, list.len(), span(first_over).unwrap_or_default());
        &[]
    }

    fn too_many(&mut self, name: &str, count: usize, span: Span) {
        let message =
            format!("`{name}` has {count} entries, more than the {MAX_LIST} that are read");
        self.error(Code::TooManyEntries, span, message);
    }

    fn profile(&mut self, raw: Option<&At<String>>, policy: Option<&Policy>) -> Option<String> {
        let At { value, span } = raw?;
        if let Some(policy) = policy
            && !policy.profiles.contains_key(value)
        {
            let message = format!("applecart.yaml has no profile {}", quote(value));
            let mistake = self.file.mistake(Code::UnknownProfile, *span, message);
            let names = || policy.profiles.keys().map(String::as_str);
            self.file.add(match nearest(value, names()) {
                Some(near) => mistake.with_label(format!("did you mean {}?", quote(near))),
                None => mistake.with_help(
                    "add it under `auth.profiles` in applecart.yaml, or leave `auth` out to sign in as the fleet does",
                ),
            });
            return None;
        }
        Some(value.clone())
    }

    fn distinct_names<'r>(&mut self, names: impl Iterator<Item = &'r At<String>>) {
        let mut first: HashMap<&str, Span> = HashMap::new();
        for At { value, span } in names {
            if let Some(first) = first.get(value.as_str()) {
                let message =
                    format!("the name {} is already used in line {}", quote(value), first.line);
                let help = "tokens of one kind are told apart by their names";
                self.error_with_help(Code::DuplicateName, *span, message, help);
            } else {
                first.insert(value, *span);
            }
        }
    }

    pub(super) fn suspension(&mut self, raw: &RawSuspension) -> Option<Suspension> {
        let reason = self.text(raw.reason.as_ref());
        let until = self.day(raw.until.as_ref());
        Some(Suspension { reason: reason?, until: until? })
    }
}
