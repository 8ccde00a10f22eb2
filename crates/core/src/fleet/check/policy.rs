//! `applecart.yaml`: raw → [`Policy`].

use std::collections::BTreeMap;

use chrono::Duration;

use super::super::at::At;
use super::super::diagnostic::Code;
use super::super::owned::Owned;
use super::super::policy::{
    Accepted, AcceptedFinding, Auth, Cloud, CredentialKind, INTUNE_MDM_NAMES, LEDGER_BRANCH,
    LedgerSigning, Move, NOTES_BRANCH, Owners, Policy, Signing, SyncStale, Wire, is_placeholder,
};
use super::super::raw::{RawAccepted, RawAcceptedFinding, RawFleet, RawLedger, RawMove};
use super::super::source::MAX_TENANTS;
use super::super::text::quote;
use super::Checks;
use crate::model::{Sha256, TenantId, TenantName};
use crate::rules::freshness;
use crate::sealed::{RecipientFault, RecipientKind};

/// Checks the settings; the result counts only when the file has no error.
pub(in super::super) fn check_policy(
    checks: &mut Checks<'_, '_>,
    raw: &RawFleet,
) -> Option<Policy> {
    let auth = checks.auth(raw);
    let profiles = checks.profiles(raw);
    let recipients = checks.recipients(raw.recipients.as_deref().unwrap_or_default());

    let (renew_before, critical) = checks.expiry(raw);
    let drift = raw.drift.clone().unwrap_or_default();
    let drift_within = checks.duration(drift.within.as_ref(), Some(HOUR), WEEK);
    let stale = raw.sync_stale.clone().unwrap_or_default();
    let usual = SyncStale::default();
    let sync_stale = SyncStale {
        enrollment: checks
            .duration(stale.enrollment.as_ref(), Some(DAY), MONTH)
            .unwrap_or(usual.enrollment),
        vpp: checks.duration(stale.vpp.as_ref(), Some(DAY), MONTH).unwrap_or(usual.vpp),
    };
    let safety = raw.safety.clone().unwrap_or_default();
    let max_share_percent = checks.percentage(safety.max_share.as_ref()).unwrap_or(30);
    let max_tenants = checks.max_tenants(safety.max_tenants.as_ref()).unwrap_or(50);

    let owners = checks.owners(raw);

    let ledger = raw.ledger.clone().unwrap_or_default();
    let (ledger_branch, notes_branch) = checks.branches(&ledger);
    let genesis = checks.commit(ledger.genesis.as_ref());
    let notes_genesis = checks.commit(ledger.notes_genesis.as_ref());
    let accepted = checks.accepted(ledger.accepted.as_deref().unwrap_or_default());
    let audit = raw.audit.clone().unwrap_or_default();
    let accepted_findings = checks.accepted_findings(audit.accepted.as_deref().unwrap_or_default());
    let settle = checks
        .duration(ledger.settle.as_ref(), None, WEEK)
        .unwrap_or_else(|| Duration::minutes(30));

    let moves = checks.moves(raw.moves.as_deref().unwrap_or_default());
    let wire = raw.wire.clone().unwrap_or_default();
    let intune_mdm_names = checks.intune_mdm_names(raw.intune_mdm_names.as_deref());
    let signing = checks.signing(raw);
    let ledger_signing = checks.ledger_signing(raw, &ledger);
    let notify = checks.sinks(raw);
    let tickets = checks.tickets(raw, &notify);
    let policy = Policy {
        auth: auth?,
        profiles,
        recipients,
        renew_before,
        critical,
        drift_within: drift_within.unwrap_or(freshness::WITHIN),
        sync_stale,
        max_share_percent,
        max_tenants,
        owners,
        ledger_branch,
        notes_branch,
        genesis,
        notes_genesis,
        accepted,
        accepted_findings,
        settle,
        moves,
        wire: Wire {
            dep_token: wire.dep_token.unwrap_or_default(),
            vpp_token: wire.vpp_token.unwrap_or_default(),
            push_certificate: wire.push_certificate.unwrap_or_default(),
        },
        check_with_apple: raw.check_with_apple.unwrap_or_default(),
        intune_mdm_names,
        signing,
        ledger_signing,
        notify,
        tickets,
        sha256: Sha256::ZERO,
    };
    Some(Policy { sha256: policy.meaning(), ..policy })
}

const HOUR: (Duration, &str) = (Duration::hours(1), "1h");
const DAY: (Duration, &str) = (Duration::days(1), "1d");
const WEEK: (Duration, &str) = (Duration::days(7), "7d");
const MONTH: (Duration, &str) = (Duration::days(30), "30d");
const YEAR: (Duration, &str) = (Duration::days(365), "365d");

impl Checks<'_, '_> {
    /// `renewBefore` and `critical`. Whoever is told must still have the time to renew: a daily
    /// schedule sees a critical token once at least, and a renewal needs the customer's Apple Account,
    /// which may take them days.
    fn expiry(&mut self, raw: &RawFleet) -> (Duration, Duration) {
        let expiry = raw.expiry.clone().unwrap_or_default();
        let renew_before = self.duration(expiry.renew_before.as_ref(), Some(WEEK), YEAR);
        let renew_before = renew_before.unwrap_or(Duration::days(45));
        let critical = self.duration(expiry.critical.as_ref(), Some(DAY), YEAR);
        let critical = critical.unwrap_or_else(|| Duration::days(14).min(renew_before));
        if critical > renew_before
            && let Some(at) = &expiry.critical
        {
            let message = "`critical` is longer than `renewBefore`";
            let help = "a token must be due before it is critical: make `critical` shorter";
            self.error_with_help(Code::OutOfRange, at.span, message, help);
        }
        (renew_before, critical)
    }

    fn owners(&mut self, raw: &RawFleet) -> Owners {
        let raw = raw.owners.clone().unwrap_or_default();
        let accepted = self.limited("accepted", raw.accepted.as_deref(), |one| Some(one.span));
        let accepted = accepted.iter().filter_map(|one| match one.value.contains('@') {
            true => self.mail(one).map(|account| account.to_lowercase()),
            false => self.domain(one),
        });
        let accepted = accepted.collect();
        let usual = Owners::default().max_tenants;
        Owners {
            accepted,
            max_tenants: self.max_tenants(raw.max_tenants.as_ref()).unwrap_or(usual),
        }
    }

    /// The branches of the ledger and of the notes.
    fn branches(&mut self, raw: &RawLedger) -> (String, String) {
        let ledger = self.branch(raw.branch.as_ref()).unwrap_or_else(|| LEDGER_BRANCH.to_owned());
        let notes = self.branch(raw.notes.as_ref()).unwrap_or_else(|| NOTES_BRANCH.to_owned());
        if notes == ledger {
            let at = raw.notes.as_ref().or(raw.branch.as_ref());
            let message = "the notes and the ledger cannot be one branch";
            let help =
                "who may record a note must not be able to write the ledger: name two branches";
            let span = at.map(|at| at.span).unwrap_or_default();
            self.error_with_help(Code::BadBranch, span, message, help);
        }
        (ledger, notes)
    }

    fn auth(&mut self, raw: &RawFleet) -> Option<Auth> {
        let auth = raw.auth.as_ref()?;
        let ids = (auth.client_id.as_ref(), auth.reader_client_id.as_ref());
        self.sign_in(ids, auth.credential, auth.cloud)
    }

    fn profiles(&mut self, raw: &RawFleet) -> BTreeMap<String, Auth> {
        let mut profiles = BTreeMap::new();
        for (name, profile) in raw.auth.iter().flat_map(|auth| auth.profiles.iter().flatten()) {
            let At { value, span } = profile;
            if name.parse::<TenantName>().is_err() {
                let message = format!("{} is not a profile's name", quote(name));
                let help = "use lower-case letters, digits, `-`, `_` and `.`";
                self.error_with_help(Code::BadName, *span, message, help);
            }
            let ids = (value.client_id.as_ref(), value.reader_client_id.as_ref());
            let auth = self.sign_in(ids, value.credential, value.cloud);
            profiles.extend(auth.map(|auth| (name.clone(), auth)));
        }
        profiles
    }

    fn sign_in(
        &mut self,
        (client_id, reader): (Option<&At<String>>, Option<&At<String>>),
        credential: Option<CredentialKind>,
        cloud: Option<Cloud>,
    ) -> Option<Auth> {
        // Both are looked at before giving up, so that every mistake is told in one run.
        let client_id = client_id.map(|id| self.client_id(id));
        let reader_client_id = match reader.map(|id| self.client_id(id)) {
            Some(None) => return None,
            given => given.flatten(),
        };
        let cloud = cloud.unwrap_or_default();
        Some(Auth { client_id: client_id??, reader_client_id, credential: credential?, cloud })
    }

    /// Entra's application ids are GUIDs. Another form is only warned about: whether an
    /// application exists is Entra's to say, and it says so by name.
    fn client_id(&mut self, raw: &At<String>) -> Option<String> {
        let text = raw.value.trim();
        if text.is_empty() || text.len() > 128 || !text.bytes().all(|c| c.is_ascii_graphic()) {
            let message = format!("{} is not an application (client) id", quote(&raw.value));
            self.error(Code::BadGuid, raw.span, message);
            return None;
        }
        if text.parse::<TenantId>().is_err() {
            let message = format!("{} is not a GUID, as Entra's application ids are", quote(text));
            let mistake = self.file.mistake(Code::BadGuid, raw.span, message);
            self.file.add(mistake.as_warning());
        }
        if is_placeholder(text) {
            let message = "this is the placeholder of a new fleet, with which nothing can sign in";
            let mistake = self.file.mistake(Code::Placeholder, raw.span, message);
            let help = "write the application (client) id of your app registration in Entra ID";
            self.file.add(mistake.with_help(help).as_warning());
        }
        Some(text.to_ascii_lowercase())
    }

    fn recipient(&mut self, raw: &At<String>) -> Option<String> {
        let text = raw.value.trim();
        match RecipientKind::of(text) {
            Ok(_) => Some(text.to_owned()),
            Err(fault) => {
                let shown = match fault {
                    // What is secret is not shown again.
                    RecipientFault::PrivateKey => "this".to_owned(),
                    _ => quote(text),
                };
                let message = format!("{shown} {}", fault.what());
                self.error_with_help(Code::BadRecipient, raw.span, message, fault.help());
                None
            }
        }
    }

    /// Warns of a list of which nothing that uploads can have a key.
    fn recipients(&mut self, raw: &[At<String>]) -> Vec<String> {
        let good: Vec<String> = raw.iter().filter_map(|one| self.recipient(one)).collect();
        let opens = |one: &String| RecipientKind::of(one).is_ok_and(RecipientKind::opens_here);
        if let Some(first) = raw.first().filter(|_| !good.is_empty() && !good.iter().any(opens)) {
            let message = "these are hardware keys only, so `apply` can open no file";
            let mistake = self.file.mistake(Code::BadRecipient, first.span, message);
            let help =
                "add the public key of an identity that `apply` has (age1… of 62 characters)";
            self.file.add(mistake.with_help(help).as_warning());
        }
        good
    }

    fn max_tenants(&mut self, raw: Option<&At<u64>>) -> Option<u32> {
        let At { value, span } = raw?;
        let fits = u32::try_from(*value).ok().filter(|n| (1..=MAX_TENANTS as u32).contains(n));
        if fits.is_none() {
            let message = format!("{value} is not from 1 to {MAX_TENANTS}");
            self.error(Code::OutOfRange, *span, message);
        }
        fits
    }

    fn branch(&mut self, raw: Option<&At<String>>) -> Option<String> {
        let At { value, span } = raw?;
        if value.starts_with("refs/") {
            let message = format!("{} is a whole ref, not a branch", quote(value));
            let help = "leave `refs/heads/` out";
            self.error_with_help(Code::BadBranch, *span, message, help);
            return None;
        }
        if !is_branch(value) {
            let message = format!("{} cannot be the name of a branch", quote(value));
            let help = "see git check-ref-format; the default is applecart/ledger";
            self.error_with_help(Code::BadBranch, *span, message, help);
            return None;
        }
        // Which branch the fleet itself is on cannot be known here; these are the usual ones.
        if matches!(value.as_str(), "HEAD" | "main" | "master" | "trunk" | "develop") {
            let message = format!("{} is a branch for the fleet's files", quote(value));
            let help = "the ledger needs a branch of its own, such as applecart/ledger";
            self.error_with_help(Code::BadBranch, *span, message, help);
            return None;
        }
        Some(value.clone())
    }

    fn moves(&mut self, raw: &[RawMove]) -> Vec<Move> {
        let mut moves: Vec<Move> = Vec::new();
        for one in raw {
            let wanted = "folder:NAME, topic:TOPIC, location:ID or sha256:DIGEST";
            let of: Option<Owned> = self.parse(one.of.as_ref(), Code::BadMove, wanted);
            let span = one.of.as_ref().map(|of| of.span).unwrap_or_default();
            if matches!(of, Some(Owned::Sealed(_))) {
                self.error(Code::BadMove, span, format!("expected {wanted}"));
            }
            let from = self.tenant_id(one.from.as_ref());
            let to = self.tenant_id(one.to.as_ref());
            let reason = self.text(one.reason.as_ref());
            let until = self.day(one.until.as_ref());
            let (Some(of), Some(from), Some(to), Some(reason), Some(until)) =
                (of, from, to, reason, until)
            else {
                continue;
            };
            let span = one.to.as_ref().map(|to| to.span).unwrap_or_default();
            if from == to {
                let message = "`from` and `to` are the same tenant";
                self.error(Code::BadMove, span, message);
            }
            if moves.iter().any(|other| (&other.of, other.from) == (&of, from)) {
                let message = "this move away from this tenant appears twice";
                self.error(Code::BadMove, span, message);
            }
            moves.push(Move { of, from, to, reason, until });
        }
        moves
    }

    fn intune_mdm_names(&mut self, raw: Option<&[At<String>]>) -> Vec<String> {
        let Some(raw) = raw else { return INTUNE_MDM_NAMES.map(str::to_owned).into() };
        raw.iter().filter_map(|name| Some(self.text(Some(name))?.to_lowercase())).collect()
    }

    fn signing(&mut self, raw: &RawFleet) -> Signing {
        let required = raw.require_signed_commits.as_ref();
        if let Some(At { value: true, span }) = required
            && raw.signers.is_none()
            && raw.openpgp_keys.is_none()
        {
            let message = "signed commits are required, but no signer is named";
            let help = "add `signers`, the path of an allowed-signers file, or `openpgpKeys`";
            self.error_with_help(Code::MissingSigners, *span, message, help);
        }
        Signing {
            required: required.is_some_and(|at| at.value),
            signers: self.repository_path(raw.signers.as_ref()),
            openpgp_keys: self.repository_path(raw.openpgp_keys.as_ref()),
            revoked_signers: self.repository_path(raw.revoked_signers.as_ref()),
        }
    }

    fn ledger_signing(&mut self, raw: &RawFleet, ledger: &RawLedger) -> LedgerSigning {
        if let Some(At { value: true, span }) = &ledger.require_signed
            && ledger.signers.is_none()
            && raw.signers.is_none()
        {
            let message = "the ledger must be signed, but no signer is named for it";
            let help = "add `ledger.signers`, the path of an allowed-signers file with the key of the pipeline that applies";
            self.error_with_help(Code::MissingSigners, *span, message, help);
        }
        let unsigned_until = self.commit(ledger.unsigned_until.as_ref());
        LedgerSigning {
            required: ledger.require_signed.as_ref().is_some_and(|at| at.value),
            signers: self.repository_path(ledger.signers.as_ref()),
            unsigned_until,
        }
    }

    /// The whole name of a commit.
    fn commit(&mut self, raw: Option<&At<String>>) -> Option<String> {
        let At { value, span } = raw?;
        let lower = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let fits = matches!(value.len(), 40 | 64) && value.bytes().all(lower);
        if !fits {
            let message = format!("{} is not the whole name of a commit", quote(value));
            let help = "write all 40 hexadecimal digits, as `applecart ledger verify` shows them with --format json";
            self.error_with_help(Code::BadCommit, *span, message, help);
        }
        fits.then(|| value.clone())
    }

    fn accepted(&mut self, raw: &[RawAccepted]) -> Vec<Accepted> {
        let mut accepted = Vec::new();
        for one in raw {
            let tenant = self.tenant_id(one.tenant.as_ref());
            let line = self.sha256(one.line.as_ref());
            let (reason, by) = (self.text(one.reason.as_ref()), self.text(one.by.as_ref()));
            let until = self.day(one.until.as_ref());
            // What is missing altogether, the schema has complained about.
            if let (Some(tenant), Some(line), Some(reason), Some(by), Some(until)) =
                (tenant, line, reason, by, until)
            {
                accepted.push(Accepted { tenant, line, reason, by, until });
            }
        }
        accepted
    }

    fn accepted_findings(&mut self, raw: &[RawAcceptedFinding]) -> Vec<AcceptedFinding> {
        let mut accepted = Vec::new();
        for one in raw {
            let of = match (&one.commit, &one.object) {
                (Some(of), None) | (None, Some(of)) => self.commit(Some(of)),
                (Some(_), Some(_)) | (None, None) => {
                    if let Some(At { span, .. }) = &one.finding {
                        let message = "an accepted finding names one commit or one object";
                        let help = "`applecart audit` prints the entry to paste";
                        self.error_with_help(Code::BadCommit, *span, message, help);
                    }
                    None
                }
            };
            let finding = self.text(one.finding.as_ref());
            let (reason, by) = (self.text(one.reason.as_ref()), self.text(one.by.as_ref()));
            let until = self.day(one.until.as_ref());
            // What is missing altogether, the schema has complained about.
            if let (Some(finding), Some(of), Some(reason), Some(by), Some(until)) =
                (finding, of, reason, by, until)
            {
                accepted.push(AcceptedFinding { finding, of, reason, by, until });
            }
        }
        accepted
    }

    fn repository_path(&mut self, raw: Option<&At<String>>) -> Option<String> {
        let At { value, span } = raw?;
        let fits = is_repository_path(value);
        if !fits {
            let message = format!("{} is not a path inside the repository", quote(value));
            let help = "write it from the root, with `/`, such as .applecart/allowed_signers";
            self.error_with_help(Code::BadPath, *span, message, help);
        }
        fits.then(|| value.clone())
    }
}

/// `ssh-ed25519 AAAA… comment`, so far that a truncated paste is noticed: the blob names its own
/// algorithm. Sealing parses it in full.
/// git-check-ref-format(1), and printable ASCII only.
fn is_branch(name: &str) -> bool {
    (1..=200).contains(&name.len())
        && !name.starts_with(['-', '/'])
        && !name.ends_with(['/', '.'])
        && name != "@"
        && !name.contains("..")
        && !name.contains("//")
        && !name.contains("@{")
        && name.bytes().all(|c| c.is_ascii_graphic() && !b"~^:?*[\\".contains(&c))
        && name.split('/').all(|part| !part.starts_with('.') && !part.ends_with(".lock"))
}

fn is_repository_path(path: &str) -> bool {
    (1..=1024).contains(&path.len())
        && !path.contains(['\\', ':'])
        && path.chars().all(|c| !c.is_control())
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_what_git_takes() {
        for good in ["applecart/ledger", "ledger", "a/b-c_d.e"] {
            assert!(is_branch(good), "{good}");
        }
        for bad in [
            "", "-x", "a..b", "a b", "a~", "a/", "/a", "a//b", ".a", "a/.b", "a.lock", "a@{b", "@",
            "ä", "a.",
        ] {
            assert!(!is_branch(bad), "{bad:?}");
        }
    }
}
