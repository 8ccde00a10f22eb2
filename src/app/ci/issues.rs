//! Issues of renewals that are due: who watches the repository is told by the host, and the sheet is
//! there with its boxes to tick.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{CiError, Told, client, text_of};
use crate::app::{AppError, Context, block_on};
use applecart_core::fleet::Forge;
use applecart_core::report::{RenewalIssue, Sheets, ToldRenewals};
use applecart_io::outlets::SinkError;
use applecart_io::outlets::forge::{ForgeClient, ForgeIssue, WorkItem};

/// As many new issues in one run: nobody reads two hundred, and no forge likes them.
pub const MAX_NEW: usize = 20;
/// The label, or tag, of every issue of renewals.
const LABEL: &str = "applecart-renewal";

#[derive(Debug)]
pub struct IssueOptions {
    pub forge: Forge,
    /// What `renew --due` wrote as JSON.
    pub file: PathBuf,
    /// Azure DevOps: the type of a work item in the project's process.
    pub work_item_type: String,
}

/// What was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuesTold {
    pub opened: usize,
    pub closed: usize,
    /// Tenants whose renewals wait for another run, and how many renewals these are.
    pub waiting: (usize, usize),
}

/// Opens an issue for each tenant that has a renewal due, once for each renewal, and closes those
/// whose renewals a reading shows to be done. One that a person closed stays closed.
pub fn issues(context: &Context, options: &IssueOptions) -> Result<IssuesTold, AppError> {
    let sheets = read(&options.file)?;
    let forge = options.forge;
    let tracker = Tracker { client: client(context, forge)?, options };
    let mut told = IssuesTold::default();
    let outcome = block_on(tracker.tell(&sheets, &mut told))?;
    outcome.map_err(|source| CiError::Forge {
        what: Told::Issues { opened: told.opened },
        forge,
        source,
    })?;
    Ok(told)
}

/// Where nothing is due there is a list without sheets. No list is a step before that failed, and must
/// not pass for it.
fn read(file: &Path) -> Result<Sheets, AppError> {
    let shown = || file.display().to_string();
    let text = text_of(file)?.ok_or_else(|| CiError::NoList { file: shown() })?;
    let sheets = serde_json::from_str(&text);
    Ok(sheets.map_err(|source| CiError::NoSheets { file: shown(), source })?)
}

/// The open issues that tell nothing which an older open one does not tell: two runs at once may each
/// have opened one. They are the pipeline's own, as all that are known.
fn doubles(known: &[(ToldRenewals, Option<ForgeIssue>)]) -> BTreeSet<u64> {
    let open = known.iter().filter_map(|(told, issue)| Some((issue.as_ref()?, told.keys())));
    let mut open: Vec<_> = open.filter(|(issue, _)| issue.is_open).collect();
    open.sort_by_key(|(issue, _)| issue.number);
    let (mut told, mut doubles) = (BTreeSet::new(), BTreeSet::new());
    for (issue, keys) in open {
        if !keys.is_empty() && keys.iter().all(|key| told.contains(key)) {
            doubles.insert(issue.number);
        }
        told.extend(keys);
    }
    doubles
}

struct Tracker<'a> {
    client: ForgeClient,
    options: &'a IssueOptions,
}

impl Tracker<'_> {
    async fn tell(&self, sheets: &Sheets, told: &mut IssuesTold) -> Result<(), SinkError> {
        let known = self.known().await?;
        let keys = known.iter().flat_map(|(renewals, _)| renewals.keys().iter().cloned()).collect();
        let mut new = sheets.issues(&keys);
        let waiting = new.split_off(new.len().min(MAX_NEW));
        told.waiting = (waiting.len(), waiting.iter().map(|issue| issue.keys.len()).sum());
        for issue in &new {
            self.open_once(issue).await?;
            told.opened += 1;
        }
        let doubles = doubles(&known);
        for (renewals, issue) in &known {
            let Some(issue) = issue.as_ref().filter(|issue| issue.is_open) else { continue };
            if sheets.is_over(renewals) || doubles.contains(&issue.number) {
                self.client.turn_issue(issue.number, false).await?;
                told.closed += 1;
            }
        }
        Ok(())
    }

    /// The renewals that issues of the pipeline's own tell, with the issue. Anybody may write a key
    /// into an issue of theirs, and nobody would be told of that renewal.
    ///
    /// Work items carry a tag for each, and are never closed: every process names its states in its
    /// own way.
    async fn known(&self) -> Result<Vec<(ToldRenewals, Option<ForgeIssue>)>, SinkError> {
        if self.options.forge == Forge::AzureDevops {
            let items = self.client.work_items(LABEL).await?;
            let tags = self.client.tags(&items).await?;
            let told = ToldRenewals::of_tags(tags.iter().map(String::as_str));
            return Ok(vec![(told, None)]);
        }
        let issues = self.client.issues(LABEL).await?.into_iter();
        let told = issues.filter_map(|one| Some((ToldRenewals::read(&one.body)?, Some(one))));
        Ok(told.collect())
    }

    /// Opens an issue. Where nobody knows whether it was opened, it is looked for before it is opened
    /// again.
    async fn open_once(&self, issue: &RenewalIssue) -> Result<(), SinkError> {
        match self.open(issue).await {
            Err(SinkError::Busy { .. } | SinkError::TimedOut { .. }) => {
                let known = self.known().await?;
                let keys: BTreeSet<&String> =
                    known.iter().flat_map(|(renewals, _)| renewals.keys()).collect();
                match issue.keys.iter().all(|key| keys.contains(key)) {
                    true => Ok(()),
                    false => self.open(issue).await,
                }
            }
            outcome => outcome,
        }
    }

    async fn open(&self, issue: &RenewalIssue) -> Result<(), SinkError> {
        if self.options.forge != Forge::AzureDevops {
            let opened = self.client.open_issue(LABEL, &issue.title, issue.body.clone());
            return opened.await.map(|_| ());
        }
        let (html, tags) = (issue.html(), issue.tags(LABEL));
        let kind = &self.options.work_item_type;
        let item = WorkItem { kind, title: &issue.title, html: &html, tags: &tags };
        self.client.new_work_item(&item).await
    }
}
