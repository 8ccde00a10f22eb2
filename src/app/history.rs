//! Every change of a token, joined from Git's history and the ledger.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::session::{self, Tree, Unknown, Which};
use super::{AppError, Context, Reach};
use applecart_core::fleet::{self, Desired, FileBytes, Source};
use applecart_core::ledger::{LedgerView, TenantLedger};
use applecart_core::model::{Commit, Record, TenantId, TenantName, Timestamp, TokenRef, nearest};
use applecart_core::plan::Selection;
use applecart_core::renewal::split_spec;
use applecart_core::report::{self, Heading, History, Period, TenantPast, TokenHistory, Version};
use applecart_io::git::{FleetWalk, GitError, Repo};
use applecart_io::store::LedgerError;

pub struct HistoryOptions {
    /// `TENANT` or `TENANT/TOKEN`; without it, the selection says which tenants.
    pub target: Option<String>,
    pub selection: Selection,
    pub period: Period,
    /// Fetch the ledger from the remote first.
    pub fetch: bool,
    /// Also read what Intune has now.
    pub live: bool,
}

/// A history, and what was not read for it.
pub struct Told {
    pub history: History,
    /// Why Intune was not asked.
    pub blind: Option<Unknown>,
}

impl Told {
    /// Whether something that was asked for is missing.
    pub fn is_partial(&self) -> bool {
        let live = self.history.tokens.iter().filter_map(|token| token.live.as_ref());
        live.into_iter().any(|live| live.problem.is_some()) || self.history.lacks_lines()
    }
}

pub fn history(options: HistoryOptions, context: &Context) -> Result<Told, AppError> {
    let repo = Repo::discover(&context.repo)?.alone(!options.fetch);
    let rev = repo.resolve(&context.rev)?;
    let known = ledger(options.fetch, context, &repo)?;
    let (folder, token) = match options.target.as_deref().map(split_spec) {
        None => (None, None),
        Some((folder, token)) => (Some(folder), token),
    };
    if let Some(folder) = folder.filter(|folder| folder.parse::<TenantName>().is_err()) {
        let near = near(&repo, &rev, folder)?;
        return Err(AppError::NoHistory { what: format!("a tenant {folder:?}"), near });
    }
    let walk = repo.walk(&rev, folder)?;
    let (period, now) = (options.period, context.now());
    let folders = HashMap::new();
    let reader = Reader { repo: &repo, walk: &walk, known: &known, folders, period, now };
    let mut tokens = match folder {
        Some(folder) => one(reader, &rev, folder, token)?,
        None => all(reader, &rev, &options.selection)?,
    };
    let mut blind = None;
    if options.live {
        let named = folder.map(|folder| Selection::parse(&[folder.to_owned()])).transpose()?;
        blind = live(&mut tokens, &named.unwrap_or(options.selection), context)?;
    }
    let heading = Heading {
        rev,
        now,
        cut_off: walk.is_cut_off(),
        ledger_head: known.as_ref().ok().and_then(|view| view.head.clone()),
        ledger_problem: known.as_ref().err().map(ToString::to_string),
    };
    Ok(Told { history: History::new(heading, period, tokens), blind })
}

/// Reads the tenants that the revision has, and notes beside each token what Intune has.
fn live(
    tokens: &mut [TokenHistory],
    selection: &Selection,
    context: &Context,
) -> Result<Option<Unknown>, AppError> {
    let loaded = session::load(context, Tree::Commit, Reach::Remote, selection)?.for_reading();
    let connector = session::connector(context)?;
    let seen =
        super::block_on(session::read_live(context, (&connector, None), &loaded, selection))?;
    for tenant in session::selected(&loaded.fleet, selection) {
        let Some(live) = seen.get(&tenant.name) else { continue };
        for token in tokens.iter_mut().filter(|one| one.tenant_id == Some(tenant.tenant_id)) {
            report::with_live(token, live, context.now());
        }
    }
    Ok(loaded.blind)
}

/// What is known of the ledger, or why nothing is.
///
/// Only the settings are read of the policy's revision: a fleet of thousands takes longer to load
/// than a history to show.
fn ledger(
    fetch: bool,
    context: &Context,
    repo: &Repo,
) -> Result<Result<LedgerView, Unknown>, AppError> {
    let base = super::find_base(repo, context, Reach::Clone)?;
    let rev = base.as_ref().map_or(context.rev.as_str(), |base| base.commit.as_str());
    let policy = repo.policy(rev)?.map(FileBytes::Read);
    let source = Source { rev: Some(rev.to_owned()), policy, ..Source::default() };
    let policy = session::policy_of(context, &source)?;
    let which = Which::of(!fetch);
    match session::open_ledger(context, &policy, which) {
        Err(error @ LedgerError::WhichRemote { .. }) => Err(error.into()),
        opened => {
            let read = opened.and_then(|ledger| {
                let policy = (&policy, Some(rev));
                session::prove(context, repo, policy, which, &ledger, ledger.read()?)
            });
            let read = read.map(|(view, _)| view);
            Ok(read.map_err(|error| Unknown::Ledger(error.into())))
        }
    }
}

/// The timelines of one tenant's tokens, or of those that are called so.
fn one(
    mut reader: Reader<'_>,
    rev: &str,
    folder: &str,
    token: Option<&str>,
) -> Result<Vec<TokenHistory>, AppError> {
    let mut tokens = reader.tokens(folder)?;
    if let Some(wanted) = token {
        tokens.retain(|token| is_called(token, wanted));
    }
    if tokens.is_empty() {
        let what = match token {
            None => format!("a token of a tenant {folder:?}"),
            Some(token) => format!("a token {token:?} of a tenant {folder:?}"),
        };
        let near = if token.is_none() { near(reader.repo, rev, folder)? } else { None };
        return Err(AppError::NoHistory { what, near });
    }
    Ok(tokens)
}

/// The tenant of the fleet that was probably meant.
fn near(repo: &Repo, rev: &str, name: &str) -> Result<Option<String>, AppError> {
    let (fleet, _) = fleet::load_tenants(&repo.snapshot(rev)?, None);
    Ok(nearest(name, fleet.iter().map(Desired::name)).map(str::to_owned))
}

fn is_called(token: &TokenHistory, wanted: &str) -> bool {
    let (name, id) = (token.name.clone(), token.id.clone());
    TokenRef { kind: token.kind, name, id }.is_called(wanted)
}

/// The timelines of all tokens that are selected. Without a selection also those of tenants that
/// Git does not have any more.
fn all(
    mut reader: Reader<'_>,
    rev: &str,
    selection: &Selection,
) -> Result<Vec<TokenHistory>, AppError> {
    let (fleet, _) = fleet::load_tenants(&reader.repo.snapshot(rev)?, None);
    AppError::check_selection(selection, &fleet)?;
    let is_selected = |desired: &Desired| match desired {
        Desired::Valid(tenant) => selection.matches(tenant),
        Desired::Invalid { name, .. } => selection.may_match_invalid(name),
    };
    let names: BTreeSet<String> = fleet
        .iter()
        .filter(|desired| is_selected(desired))
        .map(|desired| desired.name().to_owned())
        .collect();
    let mut gone = BTreeSet::new();
    if selection.is_all() {
        gone = reader.walk.folders();
        gone.retain(|name| !names.contains(name));
    }
    let mut tokens = Vec::new();
    for name in &names {
        tokens.extend(reader.tokens(name)?);
    }
    for name in gone {
        // A folder that was moved is told with the folder that it became.
        let changes = reader.walk.history_of(&name)?.changes;
        let moved = changes.iter().find(|change| change.via.is_none());
        if moved.is_none_or(|change| change.renamed_to.is_none()) {
            tokens.extend(reader.tokens(&name)?);
        }
    }
    tokens.sort_by(|a, b| a.tenant.cmp(&b.tenant));
    Ok(tokens)
}

/// Reads what the commits of a walk held.
struct Reader<'a> {
    repo: &'a Repo,
    walk: &'a FleetWalk<'a>,
    known: &'a Result<LedgerView, Unknown>,
    period: Period,
    now: Timestamp,
    /// Folders that were read, by name and tree.
    folders: HashMap<(String, String), Arc<Desired>>,
}

impl Reader<'_> {
    fn tokens(&mut self, folder: &str) -> Result<Vec<TokenHistory>, AppError> {
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
        let mut told: Vec<(TenantId, &[Record])> = Vec::new();
        match self.known {
            Err(why) => ledger_problem = Some(why.to_string()),
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
                    if let Some(why) = view.unknown_of(id) {
                        ledger_problem = Some(why.to_owned());
                    }
                    ledgers.extend(view.tenants.get(&id).map(|ledger| (id, ledger)));
                    told.extend(view.told.get(&id).map(|told| (id, told.as_slice())));
                }
            }
        }
        let name = folder.to_owned();
        let past = TenantPast { name, versions, ledgers, told, ledger_problem };
        Ok(report::tokens_of(&past, self.period, self.now))
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
        let desired = fleet::load_folder(folder, None).map(Arc::new);
        if let Some(desired) = &desired {
            self.folders.insert(key, Arc::clone(desired));
        }
        Ok(desired)
    }
}
