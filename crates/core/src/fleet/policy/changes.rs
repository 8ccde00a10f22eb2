//! What other settings would change: which record and whose signatures count, who is told less, and who
//! signs in.

use super::{Accepted, Move, Policy, Signing};
use crate::fleet::SinkPolicy;
use crate::model::Kind;

impl Policy {
    /// The settings that say which record and whose signatures count, where `then` has others by
    /// which more may happen. What only asks for more is not among them.
    pub fn record_changes(&self, then: &Self) -> Vec<&'static str> {
        let (sign, sign_then) = (&self.signing, &then.signing);
        let (ledger, ledger_then) = (&self.ledger_signing, &then.ledger_signing);
        let dropped = |now: &Option<String>, then: &Option<String>| now.is_some() && now != then;
        // Where signatures are asked for, one more file of signers lets more people sign.
        let signers = |required: bool, now: &Option<String>, then: &Option<String>| {
            now != then && (required || now.is_some())
        };
        let is_new = |one: &Accepted| {
            let same =
                |it: &Accepted| (it.tenant, it.line, it.until) == (one.tenant, one.line, one.until);
            !self.accepted.iter().any(same)
        };
        let changes = [
            ("ledger.branch", self.ledger_branch != then.ledger_branch),
            ("ledger.notes", self.notes_branch != then.notes_branch),
            ("ledger.genesis", dropped(&self.genesis, &then.genesis)),
            ("ledger.notesGenesis", dropped(&self.notes_genesis, &then.notes_genesis)),
            ("ledger.accepted", then.accepted.iter().any(is_new)),
            ("ledger.requireSigned", ledger.required && !ledger_then.required),
            ("ledger.signers", signers(ledger.required, &ledger.signers, &ledger_then.signers)),
            (
                "ledger.unsignedUntil",
                ledger.required && ledger.unsigned_until != ledger_then.unsigned_until,
            ),
            ("requireSignedCommits", sign.required && !sign_then.required),
            ("signers", signers(sign.required, &sign.signers, &sign_then.signers)),
            ("openpgpKeys", signers(sign.required, &sign.openpgp_keys, &sign_then.openpgp_keys)),
            ("revokedSigners", dropped(&sign.revoked_signers, &sign_then.revoked_signers)),
        ];
        changes.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// What `then` would no longer tell, or later, one clause each: a sink that goes or is reached elsewhere, and
    /// one that is told of fewer codes or customers, or later.
    pub fn told_less(&self, then: &Self) -> Vec<String> {
        let mut less = Vec::new();
        for sink in &self.notify {
            let name = &sink.name;
            let Some(other) = then.notify.iter().find(|one| one.name == *name) else {
                less.push(format!("the sink `{name}` goes"));
                continue;
            };
            let SinkPolicy { name: _, receiver, codes, select, digest, remind } = sink;
            let changes = [
                (*receiver != other.receiver, "is reached elsewhere or otherwise"),
                (other.codes.lacks(codes), "is told of fewer codes"),
                (*select != other.select, "is told of other customers"),
                (*digest < other.digest, "is told later"),
                (*remind < other.remind, "is reminded later"),
            ];
            let told = changes.into_iter().filter(|(differs, _)| *differs);
            less.extend(told.map(|(_, what)| format!("the sink `{name}` {what}")));
        }
        if self.drift_within < then.drift_within {
            let [now, later] = [self.drift_within, then.drift_within].map(|it| it.num_minutes());
            less.push(format!("drift is told within {later} minutes instead of {now}"));
        }
        for (kind, now, later) in [
            (Kind::Enrollment, self.sync_stale.enrollment, then.sync_stale.enrollment),
            (Kind::Vpp, self.sync_stale.vpp, then.sync_stale.vpp),
        ] {
            if now < later {
                less.push(format!("a sync of {kind} tokens that stays out is told later"));
            }
        }
        if self.tickets.is_some() && self.tickets != then.tickets {
            less.push("tickets are opened elsewhere, otherwise or not at all".to_owned());
        }
        less
    }

    /// The names in applecart.yaml of the settings that are others in `then`.
    pub fn differing(&self, then: &Self) -> Vec<&'static str> {
        let ledger = |it: &Self| {
            let branches = (it.ledger_branch.clone(), it.notes_branch.clone());
            let begins = (it.genesis.clone(), it.notes_genesis.clone());
            (branches, begins, it.accepted.clone(), it.settle, it.ledger_signing.clone())
        };
        let changes = [
            ("auth", self.signs_in_otherwise(then)),
            ("recipients", self.recipients != then.recipients),
            ("expiry", (self.renew_before, self.critical) != (then.renew_before, then.critical)),
            ("drift", self.drift_within != then.drift_within),
            ("syncStale", self.sync_stale != then.sync_stale),
            (
                "safety",
                (self.max_share_percent, self.max_tenants)
                    != (then.max_share_percent, then.max_tenants),
            ),
            ("owners", self.owners != then.owners),
            ("ledger", ledger(self) != ledger(then)),
            ("moves", self.moves != then.moves),
            ("notify", self.notify != then.notify),
            ("tickets", self.tickets != then.tickets),
            ("audit", self.accepted_findings != then.accepted_findings),
            ("wire", self.wire != then.wire),
            ("checkWithApple", self.check_with_apple != then.check_with_apple),
            ("intuneMdmNames", self.intune_mdm_names != then.intune_mdm_names),
            ("requireSignedCommits", self.signing.required != then.signing.required),
            (
                "signers",
                Signing { required: false, ..self.signing.clone() }
                    != Signing { required: false, ..then.signing.clone() },
            ),
        ];
        changes.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// Whether `then` signs in as another application, with another proof, or to another cloud.
    pub fn signs_in_otherwise(&self, then: &Self) -> bool {
        self.auth != then.auth || self.profiles != then.profiles
    }

    /// The `moves` lines that `then` has and these settings lack: what they permit, a later pull
    /// request may use without a hold.
    pub fn moves_added<'a>(&'a self, then: &'a Self) -> impl Iterator<Item = &'a Move> {
        let same = |one: &Move, other: &Move| {
            (&one.of, one.from, one.to, one.until) == (&other.of, other.from, other.to, other.until)
        };
        then.moves.iter().filter(move |one| !self.moves.iter().any(|known| same(one, known)))
    }
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::super::tests::FLEET;
    use super::*;
    use crate::fleet::load_policy;
    use crate::model::Sha256;

    #[test]
    fn a_setting_by_which_another_record_counts_is_named_and_one_that_asks_for_more_is_not() {
        let load = |text: &str| load_policy(Some(text.as_bytes())).0.unwrap();
        let changes = |before: &str, after: &str| load(before).record_changes(&load(after));
        let root = "0123456789abcdef0123456789abcdef01234567";
        let begun = FLEET.replacen(
            "settle: 45m",
            &format!("settle: 45m, genesis: {root}, notesGenesis: {root}"),
            1,
        );
        for (from, to, named) in [
            ("branch: applecart/ledger", "branch: applecart/record", "ledger.branch"),
            ("settle: 45m", "settle: 45m, notes: applecart/remarks", "ledger.notes"),
            (", genesis: 0123", ", genesis: 1123", "ledger.genesis"),
            (", notesGenesis: 0123", ", notesGenesis: 1123", "ledger.notesGenesis"),
            ("requireSigned: true", "requireSigned: false", "ledger.requireSigned"),
            (".applecart/ledger_signers", ".applecart/others", "ledger.signers"),
            ("unsignedUntil: 0123", "unsignedUntil: 1123", "ledger.unsignedUntil"),
            ("requireSignedCommits: true", "requireSignedCommits: false", "requireSignedCommits"),
            (".applecart/allowed_signers", ".applecart/more_signers", "signers"),
            (".applecart/keys.asc", ".applecart/more.asc", "openpgpKeys"),
            (".applecart/revoked_signers", ".applecart/gone", "revokedSigners"),
        ] {
            assert!(begun.contains(from), "{from}");
            assert!(changes(&begun, &begun.replacen(from, to, 1)).contains(&named), "{named}");
        }
        assert_eq!(changes(FLEET, &begun), [""; 0], "a record that is bound to its beginning");
        let unsigned =
            FLEET.replacen("requireSignedCommits: true", "requireSignedCommits: false", 1);
        assert_eq!(changes(&unsigned, FLEET), [""; 0], "signatures that are asked for");
        let mut accepting = load(FLEET);
        accepting.accepted.push(Accepted {
            tenant: "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11".parse().unwrap(),
            line: Sha256::of(b"line"),
            reason: "found".into(),
            by: "dana".into(),
            until: NaiveDate::MAX,
        });
        assert_eq!(load(FLEET).record_changes(&accepting), ["ledger.accepted"]);
    }

    #[test]
    fn a_sink_that_goes_or_is_told_less_is_named_and_one_that_is_told_more_is_not() {
        let with = |notify: &str| {
            let text = format!("{FLEET}{notify}");
            load_policy(Some(text.as_bytes())).0.unwrap()
        };
        let sink = |more: &str| {
            format!("notify:\n  - sink: hub\n    webhook: {{url: https://a.example/x}}\n{more}")
        };
        let now = with(&sink("    codes: [urgent, renewal-due]\n    select: [ring=prod]\n"));
        for (then, told) in [
            (String::new(), "the sink `hub` goes"),
            (
                sink("    codes: [urgent]\n    select: [ring=prod]\n"),
                "the sink `hub` is told of fewer codes",
            ),
            (
                sink("    codes: [urgent, renewal-due]\n    select: [ring=test]\n"),
                "the sink `hub` is told of other customers",
            ),
            (sink("    select: [ring=prod]\n    digest: weekly\n"), "the sink `hub` is told later"),
            (
                sink("    select: [ring=prod]\n    remind: 30d\n"),
                "the sink `hub` is reminded later",
            ),
            (
                sink("    select: [ring=prod]\n").replace("a.example", "b.example"),
                "the sink `hub` is reached elsewhere or otherwise",
            ),
        ] {
            assert_eq!(now.told_less(&with(&then)), [told], "{then}");
        }
        let more = format!(
            "{}  - sink: other\n    slack: {{host: a.example}}\n",
            sink("    codes: [all]\n    select: [ring=prod]\n    remind: 1d\n")
        );
        assert_eq!(now.told_less(&with(&more)), [""; 0]);
        assert_eq!(now.sha256, with("").sha256, "no reviewed plan ends with another sink");
        let (day, later) = (with(""), with("drift: {within: 36h}\n"));
        assert_eq!(day.told_less(&later), ["drift is told within 2160 minutes instead of 1440"]);
        assert_eq!(later.told_less(&day), [""; 0]);
    }

    #[test]
    fn settings_that_differ_are_named_as_they_stand_in_the_file_and_a_comment_is_no_difference() {
        let load = |text: &str| load_policy(Some(text.as_bytes())).0.unwrap();
        let now = load(FLEET);
        for (from, to, name) in [
            ("clientId: 77aa", "clientId: 78aa", "auth"),
            ("renewBefore: 60d", "renewBefore: 61d", "expiry"),
            ("maxShare: 5%", "maxShare: 6%", "safety"),
            ("settle: 45m", "settle: 46m", "ledger"),
            ("kind: Fleet", "kind: Fleet\ndrift: {within: 6h}", "drift"),
        ] {
            assert!(FLEET.contains(from), "{from}");
            assert_eq!(now.differing(&load(&FLEET.replacen(from, to, 1))), [name], "{to}");
        }
        let comment = load(&FLEET.replacen("kind: Fleet", "kind: Fleet # a comment", 1));
        assert_eq!(now.differing(&comment), [""; 0]);
    }

    #[test]
    fn another_application_proof_or_cloud_signs_in_otherwise_and_nothing_else_does() {
        let load = |text: &str| load_policy(Some(text.as_bytes())).0.unwrap();
        let now = load(FLEET);
        for (from, to) in [
            ("clientId: 2f6b1c9d", "clientId: 3f6b1c9d"),
            ("credential: client-secret", "credential: github"),
            ("cloud: public", "cloud: china"),
            ("clientId: 77aa", "clientId: 78aa"),
            ("credential: github", "credential: managed-identity"),
            ("cloud: usgov", "cloud: dod"),
            ("gcch:", "gov:"),
        ] {
            assert!(FLEET.contains(from), "{from}");
            assert!(now.signs_in_otherwise(&load(&FLEET.replacen(from, to, 1))), "{to}");
        }
        for (from, to) in [("maxShare: 5%", "maxShare: 6%"), ("settle: 45m", "settle: 46m")] {
            assert!(!now.signs_in_otherwise(&load(&FLEET.replacen(from, to, 1))), "{to}");
        }
    }
}
