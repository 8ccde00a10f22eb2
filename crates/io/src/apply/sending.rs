//! What is sent for each kind, and what follows an upload that Intune accepted.

use super::at_apple;
use super::files::{self, Ready, Refused};
use super::island::{Answer, Island, with};
use super::record;
use crate::intune::{
    Consented, IntuneWrite, Synced, TokenText, VppChange, VppCreation, WriteError,
};
use applecart_core::fleet::TokenFile;
use applecart_core::model::{FailureCode, LiveTenant, LiveToken, Outcome, Setting, TokenRef};
use applecart_core::plan::{DueWrite, Settings};
use applecart_core::report::{Done, Happened};

impl Island<'_> {
    /// Opens the write's file once more, and sends it. `before` is what Intune has at this moment.
    pub(super) async fn send(&self, writer: &IntuneWrite, before: &LiveTenant) -> Done {
        let sent = match &self.due.write {
            DueWrite::UploadPush { file, apple_id } => {
                self.push(writer, file, apple_id, before).await
            }
            DueWrite::ConfigurePush { file, apple_id } => {
                self.configure_push(writer, file, apple_id, before).await
            }
            DueWrite::UploadEnrollment { id, file, apple_id, settings, .. } => {
                self.enrollment(writer, id, file, apple_id, settings, before).await
            }
            DueWrite::ConfigureEnrollment { id, settings } => {
                self.configure_enrollment(writer, id, settings, before).await
            }
            DueWrite::UploadVpp { id, file, settings } => {
                self.vpp(writer, id, file, settings, before).await
            }
            DueWrite::ConfigureVpp { id, settings } => {
                self.configure_vpp(writer, id, settings, before).await
            }
            DueWrite::CreateVpp { name, file, apple_id } => {
                self.create_vpp(writer, name, file, apple_id, before).await
            }
        };
        sent.unwrap_or_else(|ended_early| ended_early)
    }

    /// The file, judged again directly before it leaves.
    async fn open(&self, file: &TokenFile) -> Result<Ready, Done> {
        match files::judge(self.due, file, self.tools) {
            Ok(ready) => Ok(ready),
            Err(refused) => Err(self.refused(&refused).await),
        }
    }

    /// The same of a VPP token, about which Apple is asked; with what is worth knowing of its answer.
    async fn open_vpp(&self, file: &TokenFile) -> Result<(Ready, Vec<String>), Done> {
        let ready = self.open(file).await?;
        match at_apple::ask(self.due, &ready, self.tools).await {
            Ok(told) => Ok((ready, told)),
            Err(refused) => Err(self.refused(&refused).await),
        }
    }

    async fn refused(&self, refused: &Refused) -> Done {
        let (details, outcome) = (refused.details(), refused.outcome());
        let detail = details.first().cloned().unwrap_or_default();
        let done = Done { details, outcome, ..Done::of(Happened::Refused) };
        self.close(record::cause(FailureCode::NotSent, detail), done).await
    }

    /// What Graph answered; else what became of a write that it did not take.
    async fn answered<T>(
        &self,
        answer: Result<T, WriteError>,
        before: &LiveTenant,
    ) -> Result<T, Done> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.failed(error, before, Vec::new()).await),
        }
    }

    async fn push(
        &self,
        writer: &IntuneWrite,
        file: &TokenFile,
        apple_id: &str,
        before: &LiveTenant,
    ) -> Result<Done, Done> {
        let file = self.open(file).await?;
        let mut details = Vec::new();
        if self.needs_consent(before) {
            match writer.consent().await {
                Ok(Consented::Granted) => {}
                Ok(Consented::NotOffered) => details.push(
                    "Intune offers no consent to data sharing; the upload went on without it"
                        .to_owned(),
                ),
                // The certificate did not leave, whatever became of the consent.
                Err(error) => {
                    let detail = format!("the consent to data sharing was not given: {error}");
                    return Err(self.not_sent(Happened::Failed, detail).await);
                }
            }
        }
        Ok(match writer.upload_push(apple_id, file.expose()).await {
            Ok(live) => self.landed(LiveToken::Push(&live), before, details).await,
            Err(error) => self.failed(error, before, details).await,
        })
    }

    /// Sends the certificate that Intune has with another Apple Account: both fields, as always.
    async fn configure_push(
        &self,
        writer: &IntuneWrite,
        file: &TokenFile,
        apple_id: &str,
        before: &LiveTenant,
    ) -> Result<Done, Done> {
        let file = self.open(file).await?;
        let live = self.answered(writer.upload_push(apple_id, file.expose()).await, before).await?;
        let live = LiveToken::Push(&live);
        if self.shows(live, Answer::Accepted) {
            return self.configured(before, live, &[]).await;
        }
        self.accepted(live.facts(), Happened::Progressing).await?;
        let detail = "Intune accepted the Apple Account and does not show it yet. Look again later: `applecart plan`";
        Ok(Done { details: vec![detail.to_owned()], ..Done::of(Happened::Progressing) })
    }

    async fn enrollment(
        &self,
        writer: &IntuneWrite,
        id: &str,
        file: &TokenFile,
        apple_id: &str,
        settings: &Settings,
        before: &LiveTenant,
    ) -> Result<Done, Done> {
        let file = self.open(file).await?;
        let sent = writer.upload_enrollment(id, apple_id, file.expose()).await;
        self.answered(sent, before).await?;
        // The answer is empty, so only what was known before is recorded.
        self.accepted(self.due.after.clone(), Happened::Progressing).await?;
        let mut details = Vec::new();
        let mut outcome = Outcome::Done;
        if let Some(tags) = &settings.role_scope_tag_ids
            && let Err(error) = writer.configure_enrollment(id, tags).await
        {
            details.push(format!(
                "the token was uploaded, but its settings could not be changed: {error}"
            ));
            outcome = Outcome::Partial;
        }
        details.extend(synced("device sync", writer.sync_enrollment(id).await));
        Ok(with(self.shown(before, &settings.requested(), details).await, outcome))
    }

    async fn configure_enrollment(
        &self,
        writer: &IntuneWrite,
        id: &str,
        settings: &Settings,
        before: &LiveTenant,
    ) -> Result<Done, Done> {
        let tags = settings.role_scope_tag_ids.as_deref().unwrap_or_default();
        let live = self.answered(writer.configure_enrollment(id, tags).await, before).await?;
        self.configured(before, LiveToken::Enrollment(&live), &settings.requested()).await
    }

    async fn vpp(
        &self,
        writer: &IntuneWrite,
        id: &str,
        file: &TokenFile,
        settings: &Settings,
        before: &LiveTenant,
    ) -> Result<Done, Done> {
        let (file, mut details) = self.open_vpp(file).await?;
        let entry = &self.due.token;
        // An Apple Account is never written by itself, only along with a token.
        let account = self.due.before.as_ref().and_then(|facts| facts.apple_id.as_deref());
        let stated = entry.facts.apple_id.as_deref();
        let change = VppChange {
            token: Some(TokenText(file.expose())),
            apple_id: stated.filter(|stated| account != Some(stated)),
            claim: entry.claim.then_some(true),
            ..vpp_settings(settings)
        };
        let live = self.answered(writer.update_vpp(id, &change).await, before).await?;
        self.accepted(live.facts(), Happened::Progressing).await?;
        // Another location is wrong from the first answer on; waiting would only hurt.
        let live = LiveToken::Vpp(&live);
        if self.shows(live, Answer::Accepted) && self.wrong_location(live).is_some() {
            return Ok(self.confirm(live, Happened::Uploaded, None, details).await);
        }
        details.extend(synced("licence sync", writer.sync_vpp(id).await));
        Ok(self.shown(before, &change.requested(), details).await)
    }

    async fn configure_vpp(
        &self,
        writer: &IntuneWrite,
        id: &str,
        settings: &Settings,
        before: &LiveTenant,
    ) -> Result<Done, Done> {
        let change = vpp_settings(settings);
        let live = self.answered(writer.update_vpp(id, &change).await, before).await?;
        self.configured(before, LiveToken::Vpp(&live), &change.requested()).await
    }

    async fn create_vpp(
        &self,
        writer: &IntuneWrite,
        name: &str,
        file: &TokenFile,
        apple_id: &str,
        before: &LiveTenant,
    ) -> Result<Done, Done> {
        let (file, mut details) = self.open_vpp(file).await?;
        let entry = &self.due.token;
        let creation = VppCreation {
            display_name: name,
            apple_id,
            token: TokenText(file.expose()),
            account_type: entry.account_type.as_deref(),
            country_or_region: entry.facts.country_or_region.as_deref(),
            automatically_update_apps: entry.facts.automatically_update_apps.unwrap_or_default(),
            claim: entry.claim,
            role_scope_tag_ids: entry.facts.role_scope_tag_ids.as_deref(),
        };
        let live = self.answered(writer.create_vpp(&creation).await, before).await?;
        // From here on the token has an id; every later line names it.
        let mut due = self.due.clone();
        due.token.token = TokenRef { id: Some(live.id.clone()), ..due.token.token };
        let created = Island { due: &due, ..*self };
        created.accepted(live.facts(), Happened::Progressing).await?;
        details.extend(synced("licence sync", writer.sync_vpp(&live.id).await));
        let done = created.shown(before, &[], details).await;
        let happened = match done.happened {
            Happened::Uploaded => Happened::Created,
            other => other,
        };
        Ok(Done { happened, ..done })
    }

    /// Settings were changed: the answer shows them, and nothing else may have changed.
    pub(super) async fn configured(
        &self,
        before: &LiveTenant,
        live: LiveToken<'_>,
        requested: &[Setting],
    ) -> Result<Done, Done> {
        let facts = live.facts();
        self.accepted(facts.clone(), Happened::Configured).await?;
        let details = self.unrequested(before, live, requested);
        let outcome = if details.is_empty() { Outcome::Done } else { Outcome::Partial };
        Ok(Done { details, live: Some(facts), outcome, ..Done::of(Happened::Configured) })
    }
}

fn vpp_settings(settings: &Settings) -> VppChange<'_> {
    VppChange {
        display_name: settings.display_name.as_deref(),
        country_or_region: settings.country_or_region.as_deref(),
        automatically_update_apps: settings.automatically_update_apps,
        role_scope_tag_ids: settings.role_scope_tag_ids.as_deref(),
        ..VppChange::default()
    }
}

/// What became of the sync that follows an upload. It decides nothing: Intune syncs by itself.
fn synced(what: &str, result: Result<Synced, WriteError>) -> Option<String> {
    match result {
        Ok(Synced::Started) => None,
        Ok(Synced::TooSoon) => Some(format!(
            "a {what} was started only a short while ago; Intune starts the next one by itself"
        )),
        Err(error) => Some(format!(
            "the token was uploaded, but the {what} could not be started ({error}). Start it in the portal, or wait until Intune does"
        )),
    }
}
