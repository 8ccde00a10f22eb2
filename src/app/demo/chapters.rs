//! What the demo tells, chapter by chapter.

use std::path::Path;

use chrono::{Duration, Utc};

use super::fleet::{Fleet, commit, git, replace_certificate, tenant_id, write};
use super::story::Story;
use super::{DemoError, Narrator};
use crate::app::AppError;
use applecart_core::model::Outcome;
use applecart_simulator::{Issued, PortalUpload, PushRequest, Running, SubjectKey};

pub(super) fn tell(
    dir: &Path,
    fleet: &Fleet,
    simulator: &Running,
    narrator: &dyn Narrator,
) -> Result<(), AppError> {
    let mut story = Story::new(fleet, simulator.url(), narrator)?;
    let again = story.write_env(dir)?;
    narrator.say(&format!(
        "A fleet of 12 customers is in {}, a simulated Intune answers at {}.\n",
        fleet.repo.display(),
        story.url
    ))?;
    what_is_due(&mut story)?;
    a_renewal(dir, &mut story, simulator)?;
    a_renewal_in_the_portal(&mut story, simulator)?;
    create_instead_of_renew(&mut story, simulator)?;
    a_silent_death(&mut story, simulator)?;
    the_record(&mut story)?;

    let customers = ["contoso", "adatum", "proseware", "wingtip", "fourthcoffee", "fabrikam"];
    let uploads = customers
        .into_iter()
        .map(|name| tenant_id(name).map(|id| simulator.state().uploads(id).len()))
        .collect::<Result<Vec<_>, _>>()?;
    // contoso: one from Git and one by hand.
    if uploads != [2, 1, 1, 1, 1, 0] {
        return Err(DemoError::Uploads { found: uploads }.into());
    }
    narrator.say(&format!("\nThat is the story. To run any of it again by hand:\n\n{again}"))
}

fn what_is_due(story: &mut Story<'_>) -> Result<(), AppError> {
    story.step(
        "Is everything in the repository well-formed? No key, no network.",
        &["validate"],
        Outcome::Done,
    )?;
    story.step(
        "What expires when? tailspin never consented to the application: it is shown, not hidden, and the exit code is 3.",
        &["status"],
        Outcome::Partial,
    )?;
    story.step(
        "What would be done? Push certificates for contoso and adatum, an enrollment token for proseware (urgent: its download replaced the one in use), a VPP token for wingtip.",
        &["plan"],
        Outcome::Partial,
    )?;
    story.step(
        "Four customers of twelve at once is over the safety limit of 30 %: refused, until a colleague who looked at exactly this plan approves it by its digest.",
        &["apply"],
        Outcome::Refused,
    )?;
    let digest = story.digest()?;
    story.step(
        "Do it: open the four files, announce, read again, upload, read back, record. The first upload of each kind goes alone, and proves that Intune accepts it. The exit code is 3 because of tailspin alone.",
        &["apply", "--approve", &digest],
        Outcome::Partial,
    )?;
    story.step(
        "Plan again: nothing to upload.",
        &[
            "plan",
            "--select",
            "contoso",
            "--select",
            "adatum",
            "--select",
            "proseware",
            "--select",
            "wingtip",
            "--detailed-exitcode",
        ],
        Outcome::Done,
    )
}

/// A renewal, from its sheet to the customer's confirmation.
fn a_renewal(dir: &Path, story: &mut Story<'_>, simulator: &Running) -> Result<(), AppError> {
    let downloads = dir.join("downloads");
    let folder = downloads.display().to_string();
    std::fs::create_dir_all(&downloads).map_err(AppError::file(&downloads, "make"))?;
    story.step(
        "fourthcoffee's certificate expires next: what to press at Apple, and Intune's request for Apple (CSR).",
        &["renew", "fourthcoffee/push", "--out", &folder],
        Outcome::Done,
    )?;
    let request = downloads.join("IntuneCSR-fourthcoffee.csr");
    let csr = std::fs::read_to_string(&request).map_err(AppError::file(&request, "read"))?;
    let renewed = issue(simulator, Some("fourthcoffee"), SubjectKey::Request(csr))?;
    let download = downloads.join("MDM_Fourth Coffee_Certificate.pem");
    write(&download, renewed.pem.as_bytes())?;
    story.step(
        "A colleague did that and downloaded the certificate. It is compared with Intune, sealed, and committed to a branch of its own.",
        &["renew", "fourthcoffee/push", "--file", &download.display().to_string()],
        Outcome::Done,
    )?;
    let branch = format!("renew/fourthcoffee/push-{}", renewed.not_after.format("%Y-%m-%d"));
    story.step(
        "What the pull request shows its reviewer, without a key: this customer, and nothing else.",
        &["plan", "--rev", &branch, "--base", "main", "--detailed-exitcode"],
        Outcome::Changes,
    )?;
    let message = format!("Merge pull request #1 from {branch}");
    git(&story.fleet.repo, &["merge", "--quiet", "--no-ff", "--message", &message, &branch])?;
    story.step("A colleague merged it.", &["apply", "--select", "fourthcoffee"], Outcome::Done)?;
    story.step(
        "The customer saw a device enrol.",
        &["acknowledge", "fourthcoffee/push", "--by", "Ms Doe"],
        Outcome::Done,
    )
}

fn a_renewal_in_the_portal(story: &mut Story<'_>, simulator: &Running) -> Result<(), AppError> {
    let renewed = issue(simulator, Some("contoso"), SubjectKey::Shared)?;
    let upload = PortalUpload::Push {
        apple_identifier: "mdm@contoso.example".to_owned(),
        certificate: renewed.pem,
    };
    simulator.state().portal_upload(tenant_id("contoso")?, &upload).map_err(DemoError::made)?;
    story.step(
        "Meanwhile a colleague renewed contoso's certificate by hand in the portal. The certificate in Git is now the older one: held, not uploaded.",
        &["plan", "--select", "contoso", "--detailed-exitcode"],
        Outcome::Changes,
    )?;
    story.step(
        "That was intended: Git follows, and the token is watched until its next renewal.",
        &["import", "--update", "contoso", "--remove-files"],
        Outcome::Done,
    )?;
    commit(&story.fleet.repo, "Adopt contoso's renewal from the portal")?;
    story.step(
        "Nothing is uploaded; the change is recorded.",
        &["apply", "--select", "contoso"],
        Outcome::Done,
    )
}

fn create_instead_of_renew(story: &mut Story<'_>, simulator: &Running) -> Result<(), AppError> {
    let created = issue(simulator, None, SubjectKey::Shared)?;
    let message = "Renew the push certificate of fabrikam";
    replace_certificate(story.fleet, "fabrikam", &created, message)?;
    story.step(
        "For fabrikam a colleague pressed Create instead of Renew at Apple and committed the file. Uploading it would cut off every Apple device of that customer: held.",
        &["plan", "--select", "fabrikam", "--detailed-exitcode"],
        Outcome::Changes,
    )?;
    story.step(
        "Applying does not help, and no flag does.",
        &["apply", "--select", "fabrikam"],
        Outcome::Refused,
    )
}

/// A token dies of a person, eleven months before its date.
fn a_silent_death(story: &mut Story<'_>, simulator: &Running) -> Result<(), AppError> {
    let (state, id) = (simulator.state(), tenant_id("wingtip")?);
    let token = state.look(id, |tenant| tenant.vpp_tokens.first().map(|vpp| vpp.id.clone()));
    let token =
        token.flatten().ok_or_else(|| DemoError::NoToken { tenant: "wingtip".to_owned() })?;
    state.revoke_vpp(id, &token).map_err(DemoError::made)?;
    story.step(
        "Today a colleague at wingtip changed the password of the account that downloaded its VPP token. No date tells: the token would be valid for months. It is told on this day, and fails a schedule (9).",
        &["status", "--select", "wingtip", "--fail-on", "urgent"],
        Outcome::Expiring,
    )
}

fn the_record(story: &mut Story<'_>) -> Result<(), AppError> {
    story.step(
        "What happened to that certificate, who did it and who approved it?",
        &["history", "fourthcoffee/push"],
        Outcome::Done,
    )?;
    story.step(
        "Was anything uploaded without a commit, was the record edited, is a secret readable in any commit?",
        &["audit"],
        Outcome::Done,
    )
}

/// A certificate for a year from now: with the topic that Intune has for the customer, or a new one.
fn issue(simulator: &Running, renews: Option<&str>, key: SubjectKey) -> Result<Issued, AppError> {
    let topic = match renews {
        None => None,
        Some(name) => Some(
            simulator
                .state()
                .tenant(tenant_id(name)?)
                .and_then(|tenant| tenant.apple_push_notification_certificate)
                .ok_or_else(|| DemoError::NoCertificate { tenant: name.to_owned() })?
                .topic_identifier,
        ),
    };
    let now = Utc::now();
    let not_after = Some(now + Duration::days(365));
    simulator
        .apple()
        .issue(&PushRequest { topic, not_after, key, ..PushRequest::new(now) })
        .map_err(DemoError::made)
}
