use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use clap::ValueEnum;

use super::error::CliError;
use super::global::Context;
use super::output::Output;
use super::plan::Selected;
use crate::app::session::{self, Tree};
use crate::app::{self, Reach};
use applecart_core::fleet::{self, Desired, FileBytes, Source};
use applecart_core::ledger::{LedgerView, TenantLedger};
use applecart_core::model::{Commit, Outcome, TenantId, TenantName, Timestamp};
use applecart_core::plan::Selection;
use applecart_core::report::{self, Heading, History, Period, TenantPast, TokenHistory, Version};
use applecart_io::git::{FleetWalk, GitError, Repo};
use applecart_io::store::{Ledger, LedgerError};

/// Show every change of a token: commits and requests, uploads, changes outside Git, by whom
///
/// One timeline per token, oldest first, joined from the fleet's Git history (also from when the
/// folder had another name) and from the ledger; above it, what is in force and how it got there.
/// With --at, what was in force then; where somebody changed it outside Git before a run looked
/// again, that is said to be not certain. Nothing is contacted: the ledger is what this clone last
/// saw of it, unless --fetch brings it up to date, and Intune is asked only with --live. Names,
/// request numbers, reviewers and signatures are what commits say; nothing of it is verified. Ends
/// with 3 when the ledger is not known or broken; the rest is still shown.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart history contoso
  applecart history contoso/push --at 2027-03-03
  applecart history contoso/London --since 2026-01-01 --format html > london.html
  applecart history --select ring=pilot --format csv > fleet.csv")]
pub(super) struct Args {
    /// The tenant, or one of its tokens: `push`, a token's name or id, or a kind
    #[arg(value_name = "TENANT[/TOKEN]", conflicts_with = "select")]
    target: Option<String>,
    #[command(flatten)]
    selected: Selected,
    /// Say what was in force at this instant; a day means its end, in UTC
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Show only what happened from this day or instant on
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Show only what happened until this day (included) or instant
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Fetch the ledger from the remote first
    #[arg(long)]
    fetch: bool,
    /// Also read what Intune shows now, and hold it against what the records say
    #[arg(long, conflicts_with = "at")]
    live: bool,
    /// Show whole timelines, of however many tokens
    #[arg(long)]
    all: bool,
    /// How to show it
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
    Csv,
    Markdown,
    Html,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let time =
        |text: &Option<String>, end| text.as_deref().map(|one| instant(one, end)).transpose();
    let period = Period {
        at: time(&args.at, true)?,
        since: time(&args.since, false)?,
        until: time(&args.until, true)?,
    };
    if let (Some(since), Some(until)) = (period.since, period.until)
        && since > until
    {
        return Err(CliError::Period { since, until });
    }
    let selection = args.selected.selection()?;
    let repo = Repo::discover(&context.repo)?;
    let rev = repo.resolve(&context.rev)?;
    let known = ledger(args, context, &repo)?;
    let (folder, token) = match args.target.as_deref() {
        None => (None, None),
        Some(target) => match target.split_once('/') {
            None => (Some(target), None),
            Some((folder, token)) => (Some(folder), Some(token)),
        },
    };
    if let Some(folder) = folder.filter(|folder| folder.parse::<TenantName>().is_err()) {
        return Err(CliError::NoHistory(format!("a tenant {folder:?}")));
    }
    let walk = repo.walk(&rev, folder)?;
    let reader = Reader { repo: &repo, walk: &walk, known: &known, folders: HashMap::new() };
    let tokens = match folder {
        Some(folder) => one(reader, folder, token, period, context.now())?,
        None => all(reader, &rev, &selection, period, context.now())?,
    };
    let mut tokens = tokens;
    if args.live {
        let named = folder.map(|folder| Selection::parse(&[folder.to_owned()])).transpose()?;
        live(&mut tokens, &named.unwrap_or(selection), context, output)?;
    }
    let unread =
        tokens.iter().filter_map(|token| token.live.as_ref()).any(|it| it.problem.is_some());
    let heading = Heading {
        rev,
        now: context.now(),
        cut_off: walk.is_cut_off(),
        ledger_head: known.as_ref().ok().and_then(|view| view.head.clone()),
        ledger_problem: known.as_ref().err().cloned(),
    };
    let history = History::new(heading, period, tokens);
    match args.format {
        Format::Human => {
            output.result(&report::history_human(&history, args.all, output.width()))?;
        }
        Format::Json => output.json(&history)?,
        Format::Csv => output.result(&report::history_csv(&history))?,
        Format::Markdown => output.result(&report::history_markdown(&history))?,
        Format::Html => output.result(&report::history_html(&history))?,
    }
    Ok(if unread || history.lacks_lines() { Outcome::Partial } else { Outcome::Done })
}

/// Reads the tenants that the revision has, and notes beside each token what was seen.
fn live(
    tokens: &mut [TokenHistory],
    selection: &Selection,
    context: &Context,
    output: &Output,
) -> Result<(), CliError> {
    let loaded = session::load(context, Tree::Commit, Reach::Remote, selection)?.for_reading();
    if let Some(why) = &loaded.blind {
        output.note(&report::escape(&why.to_string()));
    }
    let connector = session::connector(context)?;
    let reading = session::read_live(context, &connector, &loaded, selection);
    let seen = crate::app::block_on(reading)?;
    for tenant in session::selected(&loaded.fleet, selection) {
        let Some(live) = seen.get(&tenant.name) else { continue };
        for token in tokens.iter_mut().filter(|one| one.tenant_id == Some(tenant.tenant_id)) {
            report::with_live(token, live, context.now());
        }
    }
    Ok(())
}

/// An instant; of a day its first or its last second, in UTC.
fn instant(text: &str, end: bool) -> Result<Timestamp, CliError> {
    let whole = format!("{text}T{}Z", if end { "23:59:59" } else { "00:00:00" });
    let parsed = text.parse().or_else(|_| whole.parse());
    parsed.map_err(|_| CliError::Instant(text.to_owned()))
}

/// What is known of the ledger, or the sentence that says why nothing is.
///
/// Only the settings are read of the policy's revision: a fleet of thousands takes longer to load
/// than a history to show.
fn ledger(
    args: &Args,
    context: &Context,
    repo: &Repo,
) -> Result<Result<LedgerView, String>, CliError> {
    let base = app::find_base(repo, context, Reach::Clone)?;
    let rev = base.as_ref().map_or(context.rev.as_str(), |base| base.commit.as_str());
    let policy = repo.policy(rev)?.map(FileBytes::Read);
    let source = Source { rev: Some(rev.to_owned()), policy, ..Source::default() };
    let branch = session::policy_of(context, &source)?.ledger_branch;
    let opened = if args.fetch {
        Ledger::open_shared(&context.repo, &branch)
    } else {
        Ledger::open_offline(&context.repo, &branch)
    };
    let read = match opened {
        Err(error @ LedgerError::WhichRemote { .. }) => return Err(error.into()),
        opened => opened.and_then(|ledger| ledger.read()),
    };
    Ok(read.map_err(|error| format!("{}: {}", error.code(), error.sentence())))
}

/// The timelines of one tenant's tokens, or of those that are called so.
fn one(
    mut reader: Reader<'_>,
    folder: &str,
    token: Option<&str>,
    period: Period,
    now: Timestamp,
) -> Result<Vec<TokenHistory>, CliError> {
    let mut tokens = reader.tokens(folder, period, now)?;
    if let Some(wanted) = token {
        tokens.retain(|token| is_called(token, wanted));
    }
    if tokens.is_empty() {
        let what = match token {
            None => format!("a token of a tenant {folder:?}"),
            Some(token) => format!("a token {token:?} of a tenant {folder:?}"),
        };
        return Err(CliError::NoHistory(what));
    }
    Ok(tokens)
}

fn is_called(token: &TokenHistory, wanted: &str) -> bool {
    token.kind.as_str() == wanted
        || token.name.as_deref() == Some(wanted)
        || token.id.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(wanted))
}

/// The timelines of all tokens that are selected. Without a selection also those of tenants that
/// Git does not have any more.
fn all(
    mut reader: Reader<'_>,
    rev: &str,
    selection: &Selection,
    period: Period,
    now: Timestamp,
) -> Result<Vec<TokenHistory>, CliError> {
    let (fleet, _) = fleet::load_tenants(&reader.repo.snapshot(rev)?, None);
    let is_selected = |desired: &Desired| match desired {
        Desired::Valid(tenant) => selection.matches(tenant),
        Desired::Invalid { name, .. } => selection.may_match_invalid(name),
    };
    let mut names: BTreeSet<String> = fleet
        .iter()
        .filter(|desired| is_selected(desired))
        .map(|desired| desired.name().to_owned())
        .collect();
    if names.is_empty() && !selection.is_all() {
        return Err(CliError::NothingSelected);
    }
    let mut gone = BTreeSet::new();
    if selection.is_all() {
        gone = reader.walk.folders();
        gone.retain(|name| !names.contains(name));
    }
    let mut tokens = Vec::new();
    for name in &names {
        tokens.extend(reader.tokens(name, period, now)?);
    }
    for name in std::mem::take(&mut gone) {
        // A folder that was moved is told with the folder that it became.
        let changes = reader.walk.history_of(&name)?.changes;
        let moved = changes.iter().find(|change| change.via.is_none());
        if moved.is_none_or(|change| change.renamed_to.is_none()) {
            tokens.extend(reader.tokens(&name, period, now)?);
            names.insert(name);
        }
    }
    tokens.sort_by(|a, b| a.tenant.cmp(&b.tenant));
    Ok(tokens)
}

/// Reads what the commits of a walk held.
struct Reader<'a> {
    repo: &'a Repo,
    walk: &'a FleetWalk<'a>,
    known: &'a Result<LedgerView, String>,
    /// Folders that were read, by name and tree.
    folders: HashMap<(String, String), Arc<Desired>>,
}

impl Reader<'_> {
    fn tokens(
        &mut self,
        folder: &str,
        period: Period,
        now: Timestamp,
    ) -> Result<Vec<TokenHistory>, CliError> {
        // One tenant at a time: its versions are of no use for the next.
        self.folders.clear();
        let versions = self.versions(folder)?;
        let mut ids: Vec<TenantId> = Vec::new();
        for version in &versions {
            for side in [&version.after, &version.before] {
                let id = side.as_deref().and_then(Desired::tenant_id);
                ids.extend(id.filter(|id| !ids.contains(id)));
            }
        }
        let mut ledger_problem = None;
        let mut ledgers: Vec<(TenantId, &TenantLedger)> = Vec::new();
        match self.known {
            Err(why) => ledger_problem = Some(why.clone()),
            Ok(view) => {
                if versions.is_empty() {
                    // Git may have lost what the ledger still has.
                    let named = |ledger: &TenantLedger| {
                        ledger.name().is_some_and(|name| name.as_str() == folder)
                    };
                    ids.extend(
                        view.tenants.iter().filter(|(_, one)| named(one)).map(|(id, _)| *id),
                    );
                }
                for id in ids {
                    if let Some(why) = view.broken.get(&id) {
                        ledger_problem = Some(why.clone());
                    }
                    ledgers.extend(view.tenants.get(&id).map(|ledger| (id, ledger)));
                }
            }
        }
        let past = TenantPast { name: folder.to_owned(), versions, ledgers, ledger_problem };
        Ok(report::tokens_of(&past, period, now))
    }

    fn versions(&mut self, folder: &str) -> Result<Vec<Version>, GitError> {
        let mut merges: BTreeMap<String, Commit> = BTreeMap::new();
        let mut versions = Vec::new();
        for change in self.walk.history_of(folder)?.changes {
            let via = match &change.via {
                None => None,
                Some(id) => {
                    if !merges.contains_key(id) {
                        merges.insert(id.clone(), self.repo.commit_facts(id)?);
                    }
                    merges.get(id).cloned()
                }
            };
            let before = change.renamed_from.as_ref().unwrap_or(&change.folder).clone();
            versions.push(Version {
                commit: self.repo.commit_facts(&change.commit)?,
                via,
                before: self.desired(&before, change.before.as_deref())?,
                after: self.desired(&change.folder, change.after.as_deref())?,
                folder: change.folder,
                renamed_from: change.renamed_from,
                renamed_to: change.renamed_to,
                cut_off: change.cut_off,
            });
        }
        Ok(versions)
    }

    fn desired(
        &mut self,
        name: &str,
        tree: Option<&str>,
    ) -> Result<Option<Arc<Desired>>, GitError> {
        let Some(tree) = tree else { return Ok(None) };
        let key = (name.to_owned(), tree.to_owned());
        if let Some(known) = self.folders.get(&key) {
            return Ok(Some(Arc::clone(known)));
        }
        let folder = self.repo.folder_of_tree(name, tree)?;
        let source = Source { tenants: vec![folder], ..Source::default() };
        let desired = fleet::load_tenants(&source, None).0.into_iter().next().map(Arc::new);
        if let Some(desired) = &desired {
            self.folders.insert(key, Arc::clone(desired));
        }
        Ok(desired)
    }
}
