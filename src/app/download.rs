//! A file that was downloaded from Apple, on its way into the fleet: what `seal` and `renew` share.
#![expect(clippy::disallowed_methods, reason = "deletes a download when told to")]

use std::path::{Path, PathBuf};

use chrono::SecondsFormat;

use super::session::Revoked;
use super::{AppError, files, session};
use applecart_core::apple::{self, Finding, FindingCode, Inspection, vpp};
use applecart_core::fleet::{CheckWithApple, Desired, NewAllow, Policy, Tenant, Token};
use applecart_core::ledger::{LedgerView, TenantLedger};
use applecart_core::model::{
    Kind, LivePush, LiveTenant, LiveToken, LocationId, Problem, Reading, Sha256, TenantName,
    Timestamp, nearest, shell_word,
};
use applecart_core::renewal::judge::Judging;
use applecart_core::renewal::target::{self, TargetError};
use applecart_core::renewal::{DraftError, Place, refusing, spec};
use applecart_core::rules::answered::{Answered, Entry};
use applecart_core::rules::at_apple::{Asked, Verdict};
use applecart_core::rules::bindings::Bindings;
use applecart_core::rules::codes::Reason;
use applecart_core::rules::identity;
use applecart_core::rules::judge::Objection;
use applecart_core::rules::requests::Requests;
use applecart_core::rules::verdicts::Verdicts;
use applecart_core::sealed::{self, Seal, SopsRecipients};
use applecart_io::apple::Apple;
use applecart_io::git::program::{GitProgram, Tool};
use applecart_io::git::{Repo, ToolError};
use applecart_io::intune::{Connector, KeyRequest};
use applecart_io::vault::{self, Secret};

/// A file, and what a person says of it.
#[derive(Clone, Debug, Default)]
pub struct DownloadOptions {
    /// `-` is standard input.
    pub file: PathBuf,
    /// The only kind it may be.
    pub kind: Option<Kind>,
    /// When it was downloaded, where its name no longer tells.
    pub downloaded: Option<Timestamp>,
    /// With which Apple Account; written as `appleId` and `downloadedBy`.
    pub apple_id: Option<String>,
}

/// Asks a person with which Apple Account a file was downloaded: the token that it is for and the
/// account that Git has for that go in; nothing comes out where nobody is there to answer.
pub type AskAccount<'a> = &'a mut dyn FnMut(&str, Option<&str>) -> Option<String>;

/// Why a downloaded file did not come into the fleet.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error("nothing was written: {}", codes(.reasons))]
    Refused {
        inspection: Box<Inspection>,
        /// Each begins with its code; the main one is first.
        reasons: Vec<String>,
        /// The same command for the tenant that the file is for.
        run: Option<String>,
    },
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Draft(#[from] DraftError),
    #[error("{place} has no tenant {name:?}")]
    NoTenant {
        place: String,
        name: String,
        /// The name of a tenant that was probably meant.
        near: Option<String>,
        /// What to do, and the command for it.
        next: (String, Option<String>),
    },
    #[error("the arguments are swapped: FILE comes first, then TENANT")]
    Swapped { file: PathBuf, token: String },
    #[error("{} is a folder; name the file, or bring every file of it with --batch", .0.display())]
    Folder(PathBuf),
    /// The file that is said to be sealed already.
    #[error("{name:?} is not in tenants/{tenant}; seal the file under this name first")]
    NotThere { name: String, tenant: TenantName },
    #[error(
        "nothing was written: {} is not sealed, neither as an age file nor as a SOPS file. Never commit it",
        .0.display()
    )]
    NotSealed(PathBuf),
    #[error(
        "nothing was written: .gitattributes gives {path} to a filter (filter={filter}): {what}, and that is never uploaded"
    )]
    Filtered {
        path: String,
        filter: String,
        /// What the filter would do, in words.
        what: &'static str,
        /// The line of `.gitattributes` that takes such files out of it.
        line: String,
    },
    #[error("nothing was written: {0} was changed meanwhile; run this again")]
    Changed(String),
    #[error(
        "this fleet seals with SOPS (it has a .sops.yaml, or the earlier file is a SOPS file), and SOPS failed; nothing was written"
    )]
    Sops {
        #[source]
        why: SopsError,
        encrypt: String,
        then: String,
    },
    #[error(
        "the file was not checked, because Intune of {tenant} could not be read: {}{}",
        .problem.code,
        .problem.detail.as_deref().map(|detail| format!(": {detail}")).unwrap_or_default()
    )]
    Unread { tenant: TenantName, problem: Box<Problem> },
}

/// The codes of reasons, which are told in full before.
fn codes(reasons: &[String]) -> String {
    let codes = reasons.iter().map(|reason| match reason.split_once(": ") {
        Some((code, _)) => code,
        None => reason.as_str(),
    });
    codes.collect::<Vec<_>>().join(", ")
}

/// Why SOPS did not seal a file.
#[derive(Debug, thiserror::Error)]
pub enum SopsError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("no private folder could be made to run `sops` in")]
    Folder(#[source] std::io::Error),
    #[error("what `sops` wrote is not a file that only the fleet's recipients open")]
    Other,
}

pub(super) fn unread(tenant: &Tenant, problem: Problem) -> DownloadError {
    DownloadError::Unread { tenant: tenant.name.clone(), problem: Box::new(problem) }
}

/// A file as Apple's portal gave it, read from disk or from a pipe, not encrypted yet.
pub(super) struct Download {
    content: Secret,
    pub(super) options: DownloadOptions,
}

impl Download {
    pub(super) fn open(options: DownloadOptions) -> Result<Self, AppError> {
        let mut bytes = files::read(&options.file, files::MAX_READ)?;
        Ok(Self { content: Secret::new(std::mem::take(&mut *bytes)), options })
    }

    /// SHA-256 of the opened file.
    pub(super) fn sha256(&self) -> Sha256 {
        Sha256::of(self.content.expose())
    }

    /// The file's path, for people.
    pub(super) fn shown(&self) -> String {
        self.options.file.display().to_string()
    }

    pub(super) fn apple_id(&self) -> Option<&str> {
        self.options.apple_id.as_deref()
    }

    /// Asks who downloaded it, where that was not said with the file.
    pub(super) fn asked(mut self, tenant: &Tenant, token: &Token, ask: AskAccount<'_>) -> Self {
        let said = self.options.apple_id.take();
        self.options.apple_id = said.or_else(|| ask(&spec(tenant, &token.token), token.owner()));
        self
    }

    /// Judges the file by its content, and against Intune where that was read.
    pub(super) fn inspect(
        &self,
        policy: &Policy,
        now: Timestamp,
        live: Option<&LiveTenant>,
    ) -> Inspection {
        // What Apple's name would have told, where the file has another name since.
        let name = match self.options.downloaded {
            Some(at) => {
                let at = at.date_time().to_rfc3339_opts(SecondsFormat::Secs, true);
                Some(format!("_Token_{}_smime.p7m", at.replace(':', "-")))
            }
            None => self.options.file.file_name().map(|name| name.to_string_lossy().into_owned()),
        };
        apple::inspect(&apple::Request {
            bytes: self.content.expose(),
            file_name: name.as_deref(),
            kind: self.options.kind,
            live,
            now,
            renew_before: policy.renew_before,
        })
    }

    /// The token of the tenant that the file is for: the one that a person named, or the only one
    /// of the file's kind.
    pub(super) fn token(
        &self,
        inspection: &Inspection,
        tenant: &Tenant,
        wanted: Option<&str>,
    ) -> Result<Token, DownloadError> {
        let refused = |reasons| DownloadError::Refused {
            inspection: Box::new(inspection.clone()),
            reasons,
            run: None,
        };
        // A certificate for something else is for no token at all, whichever was named.
        let is_other = |finding: &Finding| finding.code == FindingCode::NoTopic;
        let kind = inspection.kind.filter(|_| !inspection.findings.iter().any(is_other));
        let kind = kind.ok_or_else(|| refused(refusing(inspection)))?;
        target::choose(tenant, kind, wanted).map_err(|error| match error {
            TargetError::WrongKind { .. } => refused(vec![error.to_string()]),
            error => error.into(),
        })
    }

    /// Whether `bytes` are the opened file.
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        self.content.expose() == bytes
    }

    /// The one way from a download to a tenant file: judges the file, against Intune where that was
    /// read, has it sealed, and drafts the tenant file that names it in a fleet that stays valid.
    pub(super) fn bring<S>(
        &self,
        place: &Place<'_>,
        case: &Case<'_>,
        seal: impl FnOnce() -> Result<SealedFile<S>, AppError>,
    ) -> Result<Brought<S>, AppError> {
        let Judged { inspection, verdicts, doubts, location } = self.judged(place, case)?;
        let sealed = seal()?;
        let tenant_file = place
            .named(&inspection.facts, &sealed.name, sealed.size, self.sha256(), location.as_ref())
            .map_err(DownloadError::from)?;
        Ok(Brought { inspection, verdicts, doubts, location, sealed, tenant_file })
    }

    fn judging<'a>(
        &self,
        place: &'a Place<'_>,
        case: &'a Case<'_>,
        inspection: &'a Inspection,
    ) -> Judging<'a> {
        let Case { live, past, requests, now, apple, recorded: _, bindings: _, renewal: _ } = *case;
        let asks_apple = apple.is_some() && place.policy.check_with_apple != CheckWithApple::Off;
        let (tenant, token, apple_id) = (place.tenant, place.token, place.apple_id);
        let sha256 = self.sha256();
        Judging {
            sha256,
            apple_id,
            inspection,
            tenant,
            token,
            live,
            past,
            requests,
            now,
            asks_apple,
        }
    }

    /// The line by which a reviewer releases the upload of a push certificate that brings back the topic
    /// which devices know.
    pub(super) fn way_back(&self, place: &Place<'_>, case: &Case<'_>) -> Option<NewAllow> {
        let inspection = self.inspect(place.policy, case.now, case.live);
        self.judging(place, case, &inspection).way_back()
    }

    /// Refuses a file that the base has already where Intune had it and lost it, or has another one since:
    /// it is the earlier file, and what is due is a new one.
    pub(super) fn still_counts(
        &self,
        place: &Place<'_>,
        case: &Case<'_>,
    ) -> Result<(), DownloadError> {
        let inspection = self.inspect(place.policy, case.now, case.live);
        let judging = self.judging(place, case, &inspection);
        if !judging.has_left_intune() {
            return Ok(());
        }
        let reasons: Vec<String> = judging.objections().iter().map(ToString::to_string).collect();
        if reasons.is_empty() {
            return Ok(());
        }
        Err(DownloadError::Refused { inspection: Box::new(inspection), reasons, run: None })
    }

    /// What the file is and what a person should know of it, where nothing speaks against it.
    fn judged(&self, place: &Place<'_>, case: &Case<'_>) -> Result<Judged, AppError> {
        let renewal = case.renewal;
        let alone = self.inspect(place.policy, case.now, case.live);
        let judging = self.judging(place, case, &alone);
        let elsewhere = judging.elsewhere(place.fleet);
        let mut inspection = alone.clone();
        if let Some(finding) = judging.brings_back() {
            inspection = inspection.without(finding.code).with(finding);
        }
        if let Some(finding) = judging.foreign(&elsewhere) {
            inspection = inspection.with(finding);
        }
        if judging.answers_disputed() {
            inspection = inspection.without(FindingCode::KeyMismatch);
        }
        let judging = Judging { inspection: &inspection, ..judging };
        let mut objections = judging.objections();
        let run = elsewhere.iter().find_map(|one| one.owner.as_ref()).map(|owner| {
            let (file, owner) = (shell_word(&self.shown()), shell_word(owner.as_str()));
            match renewal {
                true => format!("applecart renew {owner} --file {file}"),
                false => format!("applecart seal {file} {owner}"),
            }
        });
        objections.splice(0..0, elsewhere.into_iter().map(|one| one.objection));
        if let Some(bindings) = case.bindings {
            objections.extend(judging.wrong_destination(bindings, &place.policy.moves));
        }
        if renewal {
            objections.extend(judging.against_renewal());
        } else {
            // `seal` takes a file of unknown age: the plan holds it until its date is added.
            objections.retain(|one| one.code != Reason::AgeUnknown.as_str());
        }
        let mut at_apple = Verdict::default();
        if objections.is_empty() {
            at_apple = self.ask(place, case, &inspection)?;
            objections.extend(at_apple.holds.iter().map(Objection::of));
        }
        if objections.is_empty() {
            let mut doubts = judging.doubts();
            doubts.extend(judging.account_doubts(place.fleet, &place.policy.owners));
            doubts.extend(at_apple.remarks.into_iter().map(|(_, told)| told));
            let verdicts = judging.verdicts();
            let (inspection, location) = (inspection.released(), at_apple.location);
            return Ok(Judged { inspection, verdicts, doubts, location });
        }
        let reasons = objections.iter().map(ToString::to_string).collect();
        Err(DownloadError::Refused { inspection: Box::new(inspection), reasons, run }.into())
    }

    /// What Apple says of a file, by the rules that `plan` and `apply` follow.
    fn ask(
        &self,
        place: &Place<'_>,
        case: &Case<'_>,
        inspection: &Inspection,
    ) -> Result<Verdict, AppError> {
        let is_asked = place.policy.check_with_apple != CheckWithApple::Off;
        let Some(way) = case.apple.filter(|_| is_asked) else { return Ok(Verdict::default()) };
        match (place.token.token.kind, &inspection.facts.serial) {
            (Kind::Push, Some(serial)) => {
                let list = Revoked::of(way.repo, way.apple, case.now);
                Ok(Verdict::of_list(super::block_on(list)?.says(serial)))
            }
            (Kind::Vpp, _) => self.ask_location(place, case, way.apple),
            (Kind::Push | Kind::Enrollment, _) => Ok(Verdict::default()),
        }
    }

    fn ask_location(
        &self,
        place: &Place<'_>,
        case: &Case<'_>,
        apple: &Apple,
    ) -> Result<Verdict, AppError> {
        let Some(token) = vpp::read(self.content.expose()).token else {
            return Ok(Verdict::default());
        };
        let answer = super::block_on(apple.location(token.expose_text()))?;
        let live = case.live.and_then(|live| live.only(Kind::Vpp)).map(LiveToken::facts);
        let nothing = TenantLedger::default();
        let asked = Asked {
            token: place.token,
            sha256: self.sha256(),
            past: case.recorded.unwrap_or(&nothing),
            before: live.as_ref(),
            destination: case.bindings.map(|bindings| (place.tenant, bindings)),
            policy: place.policy,
            today: case.now.date_time().date_naive(),
        };
        let mut verdict = asked.verdict(&answer);
        if let (Some(location), Some(bindings)) = (&verdict.location, case.bindings) {
            let (tenant, token, past) = (&place.tenant.name, place.token, asked.past);
            let entry = Entry { tenant, token, past };
            verdict.holds.extend(Answered::default().hold(&entry, location, bindings));
        }
        Ok(verdict)
    }

    /// Seals the file to the fleet's recipients: with age, or where `is_for_sops` says so with SOPS.
    /// `before` is put before the `seal` command that is advised where SOPS fails.
    pub(super) fn seal(
        &self,
        place: &Place<'_>,
        is_for_sops: impl FnOnce(&str) -> Result<bool, AppError>,
        before: &str,
    ) -> Result<SealedFile<Vec<u8>>, AppError> {
        let recipients = &place.policy.recipients;
        let name = target::file_name(place.token, place.entries());
        if !is_for_sops(&name)? {
            return Ok(SealedFile::new(name, vault::seal(&self.content, recipients)?));
        }
        let name = target::sops_name(&name);
        let why = match seal_with_sops(&self.content, recipients, &name) {
            Ok(bytes) => return Ok(SealedFile::new(name, bytes)),
            Err(why) => why,
        };
        let to = shell_word(&recipients.join(","));
        let (path, file) = (shell_word(&place.path_of(&name)), shell_word(&self.shown()));
        let (name, spec) = (shell_word(&name), spec(place.tenant, &place.token.token));
        let error = DownloadError::Sops {
            why,
            encrypt: format!(
                "sops encrypt --age {to} --input-type binary --output-type binary --filename-override {path} --output {path} {file}"
            ),
            then: format!("{before}applecart seal --sealed {name} {file} {spec}"),
        };
        Err(error.into())
    }
}

/// What a file is, and what a person should know of it, where nothing speaks against it.
struct Judged {
    inspection: Inspection,
    verdicts: Option<Verdicts>,
    doubts: Vec<String>,
    /// The location that Apple says it is of.
    location: Option<LocationId>,
}

/// The way to Apple, and the clone that keeps its list of revoked certificates.
#[derive(Clone, Copy)]
pub(super) struct WayToApple<'a> {
    pub(super) apple: &'a Apple,
    pub(super) repo: &'a Repo,
}

/// What a file is judged by.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    /// What Intune has of the token; `None` where the file is not compared with it.
    pub(super) live: Option<&'a LiveTenant>,
    /// What was recorded of the tenant, where the ledger was read.
    pub(super) past: Option<&'a TenantLedger>,
    /// The same, whatever the file is compared with.
    pub(super) recorded: Option<&'a TenantLedger>,
    /// Every tenant's recorded requests for Apple.
    pub(super) requests: &'a Requests,
    /// What belongs to which tenant, where the base's history was read.
    pub(super) bindings: Option<&'a Bindings<'a>>,
    /// The way to Apple; `None` where nobody is contacted.
    pub(super) apple: Option<WayToApple<'a>>,
    pub(super) now: Timestamp,
    /// Whether it has to be a renewal of what Intune has.
    pub(super) renewal: bool,
}

/// A sealed file for the tenant's folder.
pub(super) struct SealedFile<S> {
    pub(super) name: String,
    /// Its size in bytes, where it is not in the folder yet.
    pub(super) size: Option<usize>,
    pub(super) content: S,
}

impl SealedFile<Vec<u8>> {
    fn new(name: String, content: Vec<u8>) -> Self {
        Self { name, size: Some(content.len()), content }
    }
}

/// A file that was judged and sealed, and the text of the tenant file that names it.
pub(super) struct Brought<S> {
    pub(super) inspection: Inspection,
    /// What the rules answered; `None` where the file was not compared with Intune.
    pub(super) verdicts: Option<Verdicts>,
    /// What a person should know although the file is taken.
    pub(super) doubts: Vec<String>,
    /// The location that Apple says it is of.
    pub(super) location: Option<LocationId>,
    pub(super) sealed: SealedFile<S>,
    pub(super) tenant_file: String,
}

/// Whether an earlier sealed file is a SOPS file.
pub(super) fn is_sops(sealed: &[u8]) -> bool {
    matches!(sealed::seal(sealed), Some(Seal::Sops(_)))
}

/// Seals to these recipients. The opened file goes through a pipe, never through a file.
///
/// SOPS runs in an empty folder with an empty environment: neither a `.sops.yaml` nor a variable
/// adds a key that `recipients` in applecart.yaml does not list.
fn seal_with_sops(
    content: &Secret,
    recipients: &[String],
    name: &str,
) -> Result<Vec<u8>, SopsError> {
    let folder = tempfile::tempdir().map_err(SopsError::Folder)?;
    let to = recipients.join(",");
    let mut arguments = vec!["encrypt", "--age", &to, "--input-type", "binary"];
    arguments.extend(["--output-type", "binary", "--filename-override", name]);
    let sealed = Tool::new("sops", folder.path()).run(
        "seal the file",
        &arguments,
        content.expose().to_vec(),
    )?;
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all
    };
    match sealed::seal(&sealed) {
        Some(Seal::Sops(SopsRecipients::Named(found)))
            if sorted(found.clone()) == sorted(recipients.to_vec()) =>
        {
            Ok(sealed)
        }
        _ => Err(SopsError::Other),
    }
}

/// The tenant of this name, or why the fleet has none. `place` and `next` are for people.
pub(super) fn tenant<'f>(
    fleet: &'f [Desired],
    name: &str,
    place: &str,
    next: (String, Option<String>),
) -> Result<&'f Tenant, AppError> {
    match fleet.iter().find(|desired| desired.name() == name) {
        Some(Desired::Valid(tenant)) => Ok(tenant),
        Some(Desired::Invalid { mistakes, .. }) => Err(AppError::InvalidFleet(mistakes.clone())),
        None => {
            let near = nearest(name, fleet.iter().map(Desired::name)).map(str::to_owned);
            let (place, name) = (place.to_owned(), name.to_owned());
            Err(DownloadError::NoTenant { place, name, near, next }.into())
        }
    }
}

/// Reads what Intune has of a token, and what a file of its kind is checked against beyond that:
/// Intune's key of an enrollment token, and the request for Apple that the renewal of a push
/// certificate was opened with, which `past` has. An answer that is not known is an error, for then
/// nothing was checked.
pub(super) async fn read_intune(
    connector: &Connector,
    policy: &Policy,
    tenant: &Tenant,
    token: &Token,
    past: Option<&LedgerView>,
) -> Result<LiveTenant, DownloadError> {
    let records = past.map(|view| view.tenant(tenant.tenant_id));
    let read = session::read_tenant(connector, policy, tenant).await;
    let mut live = identity::narrow(read, tenant, token, records);
    if let Some(problem) = live.problem(token.token.kind) {
        return Err(unread(tenant, problem.clone()));
    }
    match token.token.kind {
        Kind::Push => {
            live.push_signing_request = recorded_request(&live, tenant, token, past);
        }
        Kind::Enrollment => read_keys(connector, policy, tenant, &mut live).await,
        Kind::Vpp => {}
    }
    Ok(live)
}

/// The request for Apple that the renewal of a push certificate was opened with, where one is on record.
pub(super) fn recorded_request(
    live: &LiveTenant,
    tenant: &Tenant,
    token: &Token,
    past: Option<&LedgerView>,
) -> Option<String> {
    let facts = live.push.present().map(LivePush::facts);
    let opened = past?.tenant(tenant.tenant_id).renewal_opened(&token.token, facts.as_ref())?;
    opened.request().map(|(csr, _)| csr.to_owned())
}

/// Adds Intune's public keys of all enrollment tokens in `live`. One that cannot be read stays
/// unknown, which the finding `recipient-unverifiable` tells.
pub(super) async fn read_keys(
    connector: &Connector,
    policy: &Policy,
    tenant: &Tenant,
    live: &mut LiveTenant,
) {
    let Some(auth) = policy.auth_of(tenant.auth.as_deref()) else { return };
    if let Reading::Present(tokens) = &mut live.enrollment {
        for one in tokens.iter_mut() {
            let (auth, id) = (auth.clone(), one.id.clone());
            let request = KeyRequest { tenant_id: tenant.tenant_id, auth, id };
            if let Reading::Present(key) = connector.encryption_key(&request).await {
                one.encryption_public_key = Some(key);
            }
        }
    }
}

/// Whether a file is in the folder, wherever links lead.
pub fn is_inside(file: &Path, root: &Path) -> bool {
    match (file.canonicalize(), root.canonicalize()) {
        (Ok(file), Ok(root)) => file.starts_with(root),
        _ => false,
    }
}

/// Deletes a download that the fleet has now. Another file that came to its name meanwhile, such as
/// the browser's next download, stays: the answer is then `false`.
pub fn remove(file: &Path, sha256: Sha256) -> Result<bool, AppError> {
    if Sha256::of(&files::read(file, files::MAX_READ)?) != sha256 {
        return Ok(false);
    }
    std::fs::remove_file(file).map_err(AppError::file(file, "delete"))?;
    Ok(true)
}

/// What a person is told of a token file that lies unencrypted in the worktree; nothing where it
/// lies elsewhere. Only a file that the fleet has now may be deleted, and never one that Git tracks.
pub fn in_worktree(repo: &Repo, file: &Path, accepted: bool) -> Option<String> {
    let root = repo.worktree().filter(|root| is_inside(file, root))?;
    let shown = file.display();
    let what = format!("{shown} is inside the repository and is not encrypted.");
    Some(if is_tracked(repo, root, file) {
        format!(
            "{what} Git tracks it, so everyone who reads the repository has it. Get another one from Apple, and never commit it unencrypted"
        )
    } else if accepted {
        format!(
            "{what} Delete it (--remove-download does), and never commit it: Git keeps what was committed for good"
        )
    } else {
        format!(
            "{what} Move it out of the repository, and never commit it: Git keeps what was committed for good"
        )
    })
}

/// Refuses a sealed file that `.gitattributes` gives to a filter which puts something else in its
/// place; of any other filter a person is told.
pub(super) fn unfiltered(repo: &Repo, path: &str) -> Result<Option<String>, DownloadError> {
    let Some(filter) = repo.filter_of(path) else { return Ok(None) };
    let what = match filter.as_str() {
        "lfs" => "Git LFS would commit a pointer instead of the file",
        "git-crypt" => "git-crypt would encrypt the file once more",
        other => {
            return Ok(Some(format!(
                "{path} is given to a filter by .gitattributes (filter={other}), which may change it; a file that was changed is never uploaded. Write this as the last line of .gitattributes: `{}`",
                attributes(path)
            )));
        }
    };
    let (path, line) = (path.to_owned(), attributes(path));
    Err(DownloadError::Filtered { path, filter, what, line })
}

/// The line of `.gitattributes` that keeps files such as this one from any change.
fn attributes(path: &str) -> String {
    let ending = path.rsplit_once('.').map_or("age", |(_, ending)| ending);
    format!("*.{ending} -filter -text -diff")
}

/// A path below the repository's root as Git writes it: with `/`, on Windows too.
fn in_git(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> =
        path.components().map(|part| part.as_os_str().to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

/// Whether Git's index has the file. What cannot be told counts as tracked.
fn is_tracked(repo: &Repo, root: &Path, file: &Path) -> bool {
    let (Ok(file), Ok(root)) = (file.canonicalize(), root.canonicalize()) else { return true };
    let Some(path) = file.strip_prefix(&root).ok().and_then(in_git) else { return true };
    let path = format!(":(top,literal){path}");
    let listed = GitProgram::of(repo).run(&["ls-files", "--", &path]);
    listed.map_or(true, |listed| !listed.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_below_the_root_is_what_git_calls_it_on_every_system() {
        let path: std::path::PathBuf = ["tenants", "contoso", "push.pem.age"].iter().collect();
        assert_eq!(in_git(&path).as_deref(), Some("tenants/contoso/push.pem.age"));
        #[cfg(windows)]
        assert_eq!(in_git(Path::new("tenants\\contoso")).as_deref(), Some("tenants/contoso"));
    }
}
