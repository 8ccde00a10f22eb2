//! Device sync, which is down from the download of a new enrollment token to its upload.

use super::outdated::PULL;
use super::recorded::writer;
use super::token::OneToken;
use super::words::Words;
use crate::apple::enrollment;
use crate::attention::{Cause, InGit, Matter, Severity, advice};
use crate::fleet::TokenFile;
use crate::ledger::{Sending, TenantLedger};
use crate::model::{Kind, Timestamp};
use crate::plan::{Action, Sync, WaitingFile, Warning};

impl OneToken<'_> {
    /// That devices do not sync: the token that they synced with ended when its successor was
    /// downloaded.
    pub(super) fn device_sync(&self) -> Option<Matter> {
        let since = self.downloaded();
        if self.planned.urgent {
            let down = self.matter(Cause::DeviceSyncDown, self.device_sync_down());
            return Some(Matter { since, ..down });
        }
        if let Some(file) = self.waiting() {
            return self.device_sync_down_here(file);
        }
        if !self.is_new_token_on_its_way() {
            return self.lost_download();
        }
        let down = self.matter(Cause::DeviceSyncDown, self.device_sync_on_its_way());
        // Nothing is left to do but to look again, for as long as Intune may take. After that it
        // is down like any other, whoever recorded an upload.
        let settle = self.of.input.policy.settle_of(Kind::Enrollment);
        let is_young =
            since.is_some_and(|since| since.plus(settle) > self.of.input.plan.generated_at);
        // An announcement is no upload: its run may be dead, and nothing was sent.
        let is_accepted = self.sendings().any(|one| one.applied.is_some());
        let severity = if is_young && is_accepted { Severity::Notice } else { down.severity };
        Some(Matter { since, severity, ..down })
    }

    /// A download at Apple is on record, and its file is neither in Intune, nor in Git, nor on a branch
    /// that waits: it was withdrawn, and Apple ended the token in use all the same.
    fn lost_download(&self) -> Option<Matter> {
        let past = self.of.past.filter(|_| self.token.kind == Kind::Enrollment)?;
        let (line, at) = past.downloaded(&self.token)?;
        let recorded = self.of.recorded()?;
        let is_in_git = self.entry.is_some_and(|entry| entry.downloaded >= Some(at));
        let is_of_future = enrollment::is_to_come(at, self.of.input.plan.generated_at);
        let is_void = is_of_future || recorded.is_accepted(line);
        if is_in_git || is_void || self.open().is_some() || !self.is_older_in_intune(past, at)? {
            return None;
        }
        let message = format!(
            "{} The file, whose download {} recorded on {}, is neither in Git nor on a branch that waits for review.",
            since(Some(at)),
            writer(line),
            advice::day(line.at)
        );
        let next = format!(
            "Bring that file, or download the token once more and bring that. If nothing was downloaded then, the line is wrong: find out who wrote it. {} To bring a file:",
            recorded.how_to_accept(line)
        );
        let words =
            Words::new(message, next).run(format!("applecart renew {} --file FILE", self.target()));
        Some(Matter { since: Some(at), ..self.matter(Cause::DeviceSyncDown, words) })
    }

    /// Whether the token that Intune has, or was last seen to have, was downloaded before that.
    fn is_older_in_intune(&self, past: &TenantLedger, at: Timestamp) -> Option<bool> {
        let expires = self.planned.state.expires?;
        let confirmed = past
            .last_confirmed(&self.token)
            .filter(|line| line.after.as_ref().is_some_and(|after| after.expires == Some(expires)));
        // Of two downloads of one day the expiry does not tell.
        let downloaded = confirmed.and_then(|line| line.file()?.downloaded);
        Some(match downloaded {
            Some(downloaded) => downloaded < at,
            None => !enrollment::may_expire(at, expires) && expires < enrollment::expires_by(at),
        })
    }

    /// Whether an enrollment token was sent, and nothing shows yet that Intune has it.
    fn is_new_token_on_its_way(&self) -> bool {
        let state = &self.planned.state;
        let file = self.entry.and_then(|entry| entry.file.as_ref());
        let known = |file: &TokenFile| self.has_been_seen(file);
        state.kind == Kind::Enrollment
            && state.sync == Sync::Progressing
            && file.is_some_and(|file| !known(file))
    }

    /// Whether a run saw this file in Intune, and what it saw did not come from another file.
    fn has_been_seen(&self, file: &TokenFile) -> bool {
        let Some(past) = self.of.past else { return false };
        let Some(proof) = past.proof(&self.token, file.sha256) else { return false };
        let expires = proof.after.as_ref().and_then(|facts| facts.expires);
        let first = expires.and_then(|expires| past.first_read_until(&self.token, expires));
        first.is_none_or(|first| first.sha256() == Some(file.sha256))
    }

    fn device_sync_on_its_way(&self) -> Words {
        let settle = self.of.input.policy.settle_of(Kind::Enrollment);
        // A lease may outlast a short settling time.
        let over = |one: &Sending<'_>| one.lease_until.max(Some(one.last_at().plus(settle)));
        let from = self.sendings().filter_map(|one| over(&one)).max();
        let from = from.map_or("in half an hour".to_owned(), |at| format!("from {at} on"));
        let words = Words::new(
            format!(
                "{} The upload of the new one was announced or made, and Intune does not show it yet.",
                self.device_sync_since()
            ),
            format!("If Intune still does not show it, this uploads it {from}:"),
        );
        Words {
            in_git: InGit::Sent,
            ..words.run(format!("applecart apply --select {}", self.tenant()))
        }
    }

    /// What the ledger has of this file's unfinished uploads.
    fn sendings(&self) -> impl Iterator<Item = Sending<'_>> {
        let sha256 = self.planned.state.sha256;
        let all = self.of.past.map(|past| past.unfinished(&self.token)).unwrap_or_default();
        all.into_iter().filter(move |one| Some(one.sha256) == sha256)
    }

    /// When the file in Git was downloaded, where that is no date of the future.
    fn downloaded(&self) -> Option<Timestamp> {
        let now = self.of.input.plan.generated_at;
        self.entry?.downloaded.filter(|at| !enrollment::is_to_come(*at, now))
    }

    /// The file in Git waits for a run of a newer commit than the planned one.
    fn device_sync_down_here(&self, file: &WaitingFile) -> Option<Matter> {
        if self.token.kind != Kind::Enrollment {
            return None;
        }
        let next = "The new token is merged, and the planned commit is older. Do not download another one. Bring the clone up to date, then run `applecart apply`:";
        let words = Words::new(since(file.downloaded), next).run(PULL);
        Some(Matter { since: file.downloaded, ..self.matter(Cause::DeviceSyncDown, words) })
    }

    fn device_sync_since(&self) -> String {
        since(self.downloaded())
    }

    fn device_sync_down(&self) -> Words {
        let message = self.device_sync_since();
        let see = |next: &str| {
            Words::new(message.as_str(), next)
                .run(format!("applecart plan --select {}", self.tenant()))
        };
        if self.refusal().is_some() {
            return see("Its upload was refused. See why, and correct that:");
        }
        if self.planned.action == Action::Hold {
            return see("Its upload is held. See why:");
        }
        if self.planned.state.warnings.contains(&Warning::RetryAfter) {
            return Words::new(message.as_str(), "Its last upload did not arrive. Try at once:")
                .run(format!("applecart apply --retry --select {}", self.tenant()));
        }
        Words::new(message, "Upload it at once:")
            .run(format!("applecart apply --select {}", self.tenant()))
    }
}

/// Since when devices do not sync, and why.
fn since(downloaded: Option<Timestamp>) -> String {
    let since = match downloaded {
        Some(at) => format!("Device sync is down since {at}"),
        None => "Device sync is down since this token was downloaded at Apple".to_owned(),
    };
    format!("{since}: the download ended the token in use.")
}
