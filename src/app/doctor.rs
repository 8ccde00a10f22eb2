//! Looks at everything that a run needs. Reads only: nothing is written, created or sent.

mod permissions;

use std::path::{Path, PathBuf};

use super::session::{self, Loaded, Tree, Which, clone, trust};
use super::{AppError, Context, Reach, block_on, find_base, telling};
use applecart_core::attention;
use applecart_core::fleet::{Silence, silences};
use applecart_core::model::{LiveTenant, Reading, Record, TenantId, shell_word, short};
use applecart_core::plan::Selection;
use applecart_core::report::{self, Area, Check, CheckState, ConsentState, TenantHealth, plural};
use applecart_core::rules::bindings::Bindings;
use applecart_io::git::network::Rehearsed;
use applecart_io::git::program::GitProgram;
use applecart_io::git::{GitError, Repo, Trouble};
use applecart_io::vault::{self, Identities, OpenError, SealError, Secret};

/// As many sealed files are tried before saying that none opens.
const MAX_SEALED_TRIED: usize = 16;

#[derive(Debug)]
pub struct Options {
    pub selection: Selection,
    /// Files of age identities.
    pub identities: Vec<PathBuf>,
}

/// What was looked at.
pub struct Examined {
    pub checks: Vec<Finding>,
    pub tenants: Vec<TenantHealth>,
    /// Whether the fleet could be read at all.
    pub fleet_read: bool,
}

/// The result of one check.
pub enum Finding {
    Checked(Check),
    /// An error kept the check from being made; its next step may need a word more.
    Failed {
        area: Area,
        error: AppError,
        next: Option<String>,
    },
    /// A check that was not made, for want of what this error names.
    NotMade {
        area: Area,
        text: &'static str,
        error: AppError,
    },
}

impl From<Check> for Finding {
    fn from(check: Check) -> Self {
        Self::Checked(check)
    }
}

fn failed(area: Area, error: impl Into<AppError>) -> Finding {
    Finding::Failed { area, error: error.into(), next: None }
}

pub fn run(context: &Context, options: &Options) -> Result<Examined, AppError> {
    let Options { selection, .. } = options;
    let repo = Repo::discover(&context.repo)?;
    // A clone that is only read through another Git directory is judged itself.
    let itself = Repo::discover(context.clone.as_ref().unwrap_or(&context.repo));
    let mut checks = vec![git(itself.as_ref().unwrap_or(&repo), context), remote(&repo, context)];
    checks.extend(addresses(&repo));
    let locks = match &itself {
        Ok(itself) => {
            checks.extend(writable(itself));
            itself.locks()
        }
        Err(_) => Vec::new(),
    };
    let loaded = session::load(context, Tree::Commit, Reach::Remote, selection);
    // A Git process that is at work has long removed its own by now.
    let still = itself.as_ref().map(Repo::locks).unwrap_or_default();
    checks.extend(locks.iter().filter(|lock| still.contains(lock)).map(|lock| left_behind(lock)));
    if let Err(error) = itself {
        checks.push(failed(Area::Git, error));
    }
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error @ (AppError::Selection(_) | AppError::NothingSelected { .. })) => {
            return Err(error);
        }
        Err(error) => {
            checks.push(failed(Area::Fleet, error));
            for area in [Area::Ledger, Area::Identities] {
                let text = "the fleet cannot be read";
                checks.push(Check::new(area, CheckState::NotChecked, text).into());
            }
            return Ok(Examined { checks, tenants: Vec::new(), fleet_read: false });
        }
    };
    checks.extend(worktree(&loaded, context));
    checks.push(fleet(&loaded, selection).into());
    checks.extend(signatures(&loaded, context));
    checks.push(ledger(&loaded, context));
    checks.extend(other_ledgers(&loaded));
    checks.extend(pushes(&loaded));
    checks.push(identities(options, context, &loaded));
    checks.extend(sinks(context, &loaded));
    checks.extend(unheard(&loaded));
    let tenants = tenants(&loaded, selection, context, &mut checks)?;
    Ok(Examined { checks, tenants, fleet_read: true })
}

/// Whether the secrets of those who are told are at hand. Where people work, they need not be.
fn sinks(context: &Context, loaded: &Loaded) -> Option<Finding> {
    let policies = &loaded.policy.notify;
    if policies.is_empty() {
        return None;
    }
    let made = match telling::sinks(context, policies) {
        Ok(made) => made,
        Err(error) => return Some(failed(Area::Sinks, error)),
    };
    let missing: Vec<String> = made
        .iter()
        .filter_map(|(name, sink)| Some(format!("{name}: {}", sink.as_ref().err()?)))
        .collect();
    let count = plural(policies.len(), "sink");
    if missing.is_empty() {
        let text = format!("{count}, with all secrets at hand");
        return Some(Check::new(Area::Sinks, CheckState::Ok, text).into());
    }
    let text = format!("{count}, of which some cannot be told from here: {}", missing.join("; "));
    let next = "set these where `applecart notify` runs";
    Some(Check::new(Area::Sinks, CheckState::Warning, text).with_next(next).into())
}

/// Whether the settings tell somebody of everybody.
fn unheard(loaded: &Loaded) -> Option<Finding> {
    let said = |silence: Silence<'_>| match silence.sink() {
        Some(sink) => format!("the sink {sink}: {}", silence.told()),
        None => silence.told(),
    };
    let all: Vec<String> =
        silences(&loaded.policy.notify, &loaded.fleet).into_iter().map(said).collect();
    let next = "correct the sink's `select` or `codes` in applecart.yaml, or the tenant's `labels` or `contacts`";
    let check = || Check::new(Area::Sinks, CheckState::Warning, all.join(" ")).with_next(next);
    (!all.is_empty()).then(|| check().into())
}

fn git(repo: &Repo, context: &Context) -> Finding {
    let version = match GitProgram::of(repo).run(&["version"]) {
        Ok(version) => String::from_utf8_lossy(&version).trim().to_owned(),
        Err(error) => return failed(Area::Git, error),
    };
    let folder = repo.worktree().map_or_else(|| repo.path_common_dir(), PathBuf::from);
    match repo.resolve(&context.rev) {
        Ok(rev) => {
            let text = format!("{version}; {} at {}", folder.display(), short(&rev));
            let check = Check::new(Area::Git, CheckState::Ok, text);
            if !repo.is_shallow() {
                return check.into();
            }
            let next = "git fetch --unshallow, where a command says that history is missing";
            let text = format!("{}, shallow", check.text);
            Check { state: CheckState::Warning, text, ..check }.with_next(next).into()
        }
        Err(error) => failed(Area::Git, error),
    }
}

/// Whether the remote answers, and which revision judges.
fn remote(repo: &Repo, context: &Context) -> Finding {
    let name = match repo.fleet_remote() {
        Ok(Some(name)) => name,
        Ok(None) => {
            let text = "the repository has no remote: settings are the revision's own, and the ledger is in this clone only";
            return Check::new(Area::Remote, CheckState::Warning, text)
                .with_next("add one before others work on this fleet: `git remote add origin URL`")
                .into();
        }
        Err(error) => return failed(Area::Remote, error),
    };
    if let Err(error) = repo.ls_remote(&name, &["HEAD"]) {
        let next = format!(
            "Check that this works here (network, proxy, credentials): git ls-remote {name}"
        );
        return Finding::Failed { area: Area::Remote, error: error.into(), next: Some(next) };
    }
    match find_base(repo, context, Reach::Remote) {
        Ok(Some(base)) => {
            let text =
                format!("{name} answers; policy of {} at {}", base.name, short(&base.commit));
            Check::new(Area::Remote, CheckState::Ok, text).into()
        }
        Ok(None) => Check::new(Area::Remote, CheckState::Ok, format!("{name} answers")).into(),
        Err(error) => failed(Area::Remote, error),
    }
}

/// Remarks about where the remote is read from and pushed to.
fn addresses(repo: &Repo) -> Vec<Finding> {
    let Ok(Some(remote)) = repo.fleet_remote() else { return Vec::new() };
    let mut checks = Vec::new();
    match repo.push_elsewhere(&remote) {
        Ok(Some((from, to))) => {
            let text = format!(
                "{remote} is read from {from}, and pushes go to {to}: where the first lags behind the second, the ledger is read as it was, and `apply` stops"
            );
            let next = format!("let both be the same: git remote set-url --push {remote} URL");
            checks.push(Check::new(Area::Remote, CheckState::Warning, text).with_next(next).into());
        }
        Ok(None) => {}
        Err(error) => checks.push(failed(Area::Remote, error)),
    }
    if repo.mirrors(&remote) {
        let text = format!(
            "this clone is a mirror of {remote}: a `git fetch` here replaces every branch, also what the ledger could not push yet"
        );
        let next = "work in a plain clone: git clone URL";
        checks.push(Check::new(Area::Git, CheckState::Warning, text).with_next(next).into());
    }
    checks
}

/// Whether anything can be recorded here at all.
fn writable(repo: &Repo) -> Option<Finding> {
    let why = repo.try_writing().err()?;
    let trouble = Trouble::of_file(&why.source);
    let state = match trouble {
        // What only reads works there.
        Some(Trouble::ReadOnly) => CheckState::Warning,
        _ => CheckState::Failed,
    };
    let text = format!("{why}: {}. `apply` could not record what it uploads", why.source);
    let check = Check::new(Area::Git, state, text);
    Some(trouble.into_iter().fold(check, |check, it| check.with_next(it.next())).into())
}

/// A lock that is still there.
fn left_behind(lock: &Path) -> Finding {
    let text = format!(
        "{} is a lock: while it is there, Git does not change what it protects, and what needs that fails",
        lock.display()
    );
    let next = format!(
        "if no Git process is running in this repository, one was killed and left it. Delete it: rm {}",
        shell_word(&lock.to_string_lossy())
    );
    Check::new(Area::Git, CheckState::Warning, text).with_next(next).into()
}

/// The ledgers of other remotes that the one of this fleet's remote does not contain: it may be the
/// fork, and the other one the fleet.
fn other_ledgers(loaded: &Loaded) -> Vec<Finding> {
    let (repo, branch) = (&loaded.repo, &loaded.policy.ledger_branch);
    let (Ok(Some(remote)), Ok(remotes)) = (repo.fleet_remote(), repo.remotes()) else {
        return Vec::new();
    };
    let refname = format!("refs/heads/{branch}");
    // A remote that does not answer is told where it is the fleet's, and nobody's matter elsewhere.
    let tip = |remote: &str| repo.ls_remote(remote, &[&refname]).ok()?.remove(&refname);
    let own = tip(&remote).map(|tip| tip.to_string());
    let others = remotes.into_iter().filter(|other| *other != remote);
    let others = others.filter_map(|other| Some((tip(&other)?.to_string(), other)));
    let contains = |tip: &str| own.as_deref().is_some_and(|own| repo.is_merged(tip, own));
    others
        .filter(|(tip, _)| !contains(tip))
        .map(|(tip, other)| {
            let own = own.as_deref().map_or("none".to_owned(), |own| short(own).to_owned());
            let text = format!(
                "{other} has a ledger ({}) that {remote} does not have ({own}): {remote} may be a fork of it, and what was uploaded from {other} is not known here",
                short(&tip)
            );
            let next = format!(
                "if {other} is the fleet, work in a clone of it: `git clone \"$(git remote get-url {other})\" fleet-{other}`"
            );
            Check::new(Area::Ledger, CheckState::Warning, text).with_next(next).into()
        })
        .collect()
}

/// Whether the branches of the ledger and of the notes can be pushed, tried without pushing.
fn pushes(loaded: &Loaded) -> Vec<Finding> {
    if loaded.blind.is_some() {
        // It does not even answer; its own line says so.
        return Vec::new();
    }
    let Ok(Some(remote)) = loaded.repo.fleet_remote() else { return Vec::new() };
    let policy = &loaded.policy;
    let branches = [&policy.ledger_branch, &policy.notes_branch];
    let mut would_work = Vec::new();
    let mut checks = Vec::new();
    for branch in branches {
        match push(loaded, &remote, branch) {
            Ok(Ok(())) => would_work.push(branch.as_str()),
            Ok(Err(check)) => checks.push(check.into()),
            Err(error) => checks.push(failed(Area::Ledger, error)),
        }
    }
    if !would_work.is_empty() {
        let branches = would_work.join(" and ");
        let text = format!("{branches} can be pushed to {remote} (tried without pushing)");
        checks.push(Check::new(Area::Ledger, CheckState::Ok, text).into());
        // Which a forge asks about, and Git does not show.
        let text = format!(
            "protected branches, rulesets and hooks of {remote}: only a real push of {branches} shows whether they let it pass"
        );
        checks.push(Check::new(Area::Ledger, CheckState::NotChecked, text).into());
    }
    checks
}

/// Tries a push of one branch as it is at the remote, or of a new one; the check that failed where
/// it would not work.
fn push(loaded: &Loaded, remote: &str, branch: &str) -> Result<Result<(), Check>, GitError> {
    let repo = &loaded.repo;
    let refname = format!("refs/heads/{branch}");
    let failed = |text: String| Check::new(Area::Ledger, CheckState::Failed, text);
    if let Some(other) = repo.branch_in_the_way(None, &refname)? {
        let text = format!(
            "a branch {other} of this clone is in the way of {branch}: Git has no room for both, so nothing can be recorded"
        );
        let next = format!("rename it: `git branch -m {other} {}-old`", other.replace('/', "-"));
        return Ok(Err(failed(text).with_next(next)));
    }
    if let Some(other) = repo.branch_in_the_way(Some(remote), &refname)? {
        let text = format!(
            "a branch {other} at {remote} is in the way of {branch}: Git has no room for both, so nothing can be recorded"
        );
        let next =
            format!("rename {other} there, or name another branch in applecart.yaml (`ledger`)");
        return Ok(Err(failed(text).with_next(next)));
    }
    let tip = repo.ls_remote(remote, &[&refname])?.remove(&refname).map(|tip| tip.to_string());
    let at = match tip {
        // What the remote has is here since the ledger was read.
        Some(tip) if repo.resolve(&tip).is_ok() => tip,
        _ => repo.resolve("HEAD")?,
    };
    Ok(match repo.rehearse_push(remote, &at, &refname)? {
        Rehearsed::WouldWork => Ok(()),
        Rehearsed::WouldFail { said } => {
            let text = format!(
                "{branch} cannot be pushed to {remote}: {said}. What cannot be recorded is not uploaded"
            );
            let next = Trouble::of(&said).map_or_else(
                || format!("try it by hand: `git push --dry-run {remote} {at}:{refname}`"),
                |trouble| trouble.next().to_owned(),
            );
            Err(failed(text).with_next(next))
        }
    })
}

/// In what the clone differs from the base, and the worktree from the commit.
fn worktree(loaded: &Loaded, context: &Context) -> Vec<Finding> {
    let state = clone::state(context, loaded, Reach::Clone);
    let warnings = attention::of_clone(&state).into_iter().map(|matter| {
        let next = format!("{} {}", matter.next, matter.command.unwrap_or_default());
        Check::new(Area::Git, CheckState::Warning, matter.message).with_next(next.trim_end()).into()
    });
    warnings.collect()
}

fn fleet(loaded: &Loaded, selection: &Selection) -> Check {
    let wrong: Vec<&str> = loaded
        .fleet
        .iter()
        .filter(|desired| desired.valid().is_none() && selection.may_match_invalid(desired.name()))
        .map(|desired| desired.name())
        .collect();
    let well = session::selected(&loaded.fleet, selection).count();
    let bindings = Bindings::of_fleet(&loaded.fleet);
    let twice = session::selected(&loaded.fleet, selection).flat_map(|tenant| {
        let tokens = tenant.tokens().flat_map(|token| bindings.duplicates(tenant, token));
        tokens.chain(bindings.folders_of(tenant))
    });
    match (wrong.first(), twice.min()) {
        (None, Some(twice)) => Check::new(Area::Fleet, CheckState::Failed, twice)
            .with_next("`applecart validate` shows each place"),
        (None, None) => Check::new(
            Area::Fleet,
            CheckState::Ok,
            report::plural(well, "tenant") + " selected, all valid",
        ),
        (Some(first), _) => {
            let more = if wrong.len() > 1 { ", …" } else { "" };
            let text = format!(
                "{} with mistakes ({first}{more}), {well} valid",
                report::plural(wrong.len(), "tenant")
            );
            Check::new(Area::Fleet, CheckState::Failed, text)
                .with_next("this lists every mistake: `applecart validate`")
        }
    }
}

/// Who signed the planned commit, and whether this machine could sign the ledger; nothing where
/// the policy asks for neither.
fn signatures(loaded: &Loaded, context: &Context) -> Vec<Finding> {
    let mut checks = Vec::new();
    let rev = loaded.rev.as_deref().map(short).unwrap_or_default();
    match trust::signature(loaded) {
        Ok(None) => {}
        Ok(Some(signature)) if signature.is_good() => {
            let text = format!("commit {rev} {signature}");
            checks.push(Check::new(Area::Signatures, CheckState::Ok, text).into());
        }
        Ok(Some(signature)) => {
            let text = format!("commit {rev} {signature}: `apply` refuses it");
            let check = Check::new(Area::Signatures, CheckState::Failed, text);
            checks.push(signature.next_step().into_iter().fold(check, Check::with_next).into());
        }
        Err(error) => checks.push(failed(Area::Signatures, error)),
    }
    if loaded.policy.ledger_signing.required {
        let rev = loaded.policy_rev.as_deref();
        let key = trust::ledger_key(context, &loaded.repo, &loaded.policy, rev);
        checks.push(match key {
            Ok(_) => {
                let text = "the ledger can be signed with the available key";
                Check::new(Area::Signatures, CheckState::Ok, text).into()
            }
            Err(error @ AppError::NoLedgerKey { .. }) => Finding::NotMade {
                area: Area::Signatures,
                text: "no key to sign the ledger is available; only commands that record need one",
                error,
            },
            Err(error) => failed(Area::Signatures, error),
        });
    }
    checks
}

fn ledger(loaded: &Loaded, context: &Context) -> Finding {
    let past = match session::past(loaded, context, Which::Shared) {
        Ok(past) => past,
        Err(error) => return failed(Area::Ledger, error),
    };
    let view = match &past.known {
        Ok(view) => view,
        Err(why) => {
            return Check::new(Area::Ledger, CheckState::Failed, why.to_string())
                .with_next(
                    "nothing is uploaded until that is corrected. This tells more: `applecart ledger verify`",
                )
                .into();
        }
    };
    let place = match past.ledger.as_ref().and_then(|ledger| ledger.asked_remote()) {
        Some(remote) => format!("{} at {remote}", loaded.policy.ledger_branch),
        None => format!("{} in this clone only", loaded.policy.ledger_branch),
    };
    let entries: usize = view.tenants.values().map(|tenant| tenant.records.len()).sum();
    let tip = view.head.as_deref().map_or("nothing recorded yet".to_owned(), |head| {
        format!(
            "{}, {} of {}",
            short(head),
            report::plural(entries, "entry"),
            report::plural(view.tenants.len(), "tenant")
        )
    });
    let text = format!("{place}: {tip}");
    if !view.broken.is_empty() {
        let text = format!(
            "{text}; the record of {} is broken",
            report::plural(view.broken.len(), "tenant")
        );
        return Check::new(Area::Ledger, CheckState::Failed, text)
            .with_next("nothing is uploaded to them. This names them: `applecart ledger verify`")
            .into();
    }
    if let Some(why) = &view.lost_notes {
        return Check::new(Area::Ledger, CheckState::Failed, format!("{text}; {why}")).into();
    }
    if !view.broken_notes.is_empty() {
        let count = report::plural(view.broken_notes.len(), "tenant");
        let text = format!("{text}; the notes of {count} are broken");
        return Check::new(Area::Ledger, CheckState::Failed, text)
            .with_next(
                "their renewals cannot be recorded. This names them: `applecart ledger verify`",
            )
            .into();
    }
    let today = context.now().date_time().date_naive();
    let aside = |(tenant, lines): &(&TenantId, &Vec<Record>)| {
        lines.iter().any(|line| !loaded.policy.accepts(**tenant, line, today))
    };
    let aside = view.set_aside.iter().filter(aside).count();
    if aside > 0 {
        let count = report::plural(aside, "tenant");
        let text = format!(
            "{text}; lines of {count} have no effect, because no run writes such lines (ledger-line-broken)"
        );
        return Check::new(Area::Ledger, CheckState::Warning, text)
            .with_next(
                "this names them, and how a line that is explained is accepted: `applecart status`",
            )
            .into();
    }
    let is_shared = past.ledger.as_ref().is_some_and(|ledger| ledger.asked_remote().is_some());
    if is_shared && loaded.policy.genesis.is_none() {
        let text = format!(
            "{text}; applecart.yaml does not name its first commit, so a deleted ledger looks like a new one"
        );
        return Check::new(Area::Ledger, CheckState::Warning, text)
            .with_next("write it down, and have that merged: `applecart ledger create`")
            .into();
    }
    if view.unpushed > 0 {
        let text = format!("{text}; {} not pushed yet", view.unpushed);
        return Check::new(Area::Ledger, CheckState::Warning, text)
            .with_next("the next apply of this clone pushes them")
            .into();
    }
    Check::new(Area::Ledger, CheckState::Ok, text).into()
}

/// Every identity opens a probe of its own, and together they open one of the fleet's files.
fn identities(options: &Options, context: &Context, loaded: &Loaded) -> Finding {
    let available = match context.environment.identities(&options.identities) {
        Ok(available) => available,
        Err(error) => return failed(Area::Identities, error),
    };
    let notes: String = available.notes().iter().map(|note| format!("; {note}")).collect();
    let sealed: Vec<&str> = loaded
        .fleet
        .iter()
        .filter_map(|desired| desired.valid())
        .flat_map(|tenant| tenant.tokens())
        .filter_map(|token| token.file.as_ref())
        .map(|file| file.blob.as_str())
        .collect();
    if available.is_empty() {
        return Check::new(
            Area::Identities,
            CheckState::NotChecked,
            "none is available; only `apply` and sealed files need one",
        )
        .with_next("name one: SOPS_AGE_KEY_FILE, SOPS_AGE_KEY, SOPS_AGE_KEY_CMD or --identity FILE")
        .into();
    }
    if let Err(why) = probe(context, &available) {
        return Check::new(Area::Identities, CheckState::Failed, why.to_string())
            .with_next("make a new identity with age-keygen and seal the files to it")
            .into();
    }
    let own = available.recipients();
    let known = own.iter().filter(|key| loaded.policy.recipients.contains(key)).count();
    let mut text = format!(
        "{}: key works; {known} of the fleet's {}",
        report::plural(available.len(), "identity"),
        report::plural(loaded.policy.recipients.len(), "recipient")
    );
    match opens(loaded, &sealed, &available) {
        Opened::None => text.push_str("; the fleet has no sealed file yet"),
        Opened::One => text.push_str("; a sealed file of the fleet opens"),
        Opened::Failed(why) => {
            return Check::new(
                Area::Identities,
                CheckState::Failed,
                format!("{text}; {why}{notes}"),
            )
            .with_next("name the identity that belongs to one of `recipients` in applecart.yaml")
            .into();
        }
    }
    if known == 0 && !own.is_empty() {
        return Check::new(Area::Identities, CheckState::Warning, text + &notes)
            .with_next(
                "files sealed from now on will not open with it: add its public key to `recipients`",
            )
            .into();
    }
    Check::new(Area::Identities, CheckState::Ok, text + &notes).into()
}

/// Why an identity is of no use.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("identity {0}: {1}")]
    Seal(usize, SealError),
    #[error("identity {0} does not open what was sealed to it: {1}")]
    Open(usize, OpenError),
    #[error("identity {0} opens what was sealed to it, but reads something else")]
    Differs(usize),
}

/// Seals random bytes to each identity's own public key, and opens them.
fn probe(context: &Context, available: &Identities) -> Result<(), ProbeError> {
    for (number, recipient) in (1..).zip(available.recipients()) {
        let random = context.ids.uuid();
        let sealed = vault::seal(&Secret::new(random.as_bytes().to_vec()), &[recipient])
            .map_err(|error| ProbeError::Seal(number, error))?;
        let opened =
            vault::open(&sealed, available).map_err(|error| ProbeError::Open(number, error))?;
        if opened.expose() != random.as_bytes() {
            return Err(ProbeError::Differs(number));
        }
    }
    Ok(())
}

enum Opened {
    None,
    One,
    Failed(String),
}

/// Whether any sealed file of the fleet opens. What is in it is dropped, and wiped.
fn opens(loaded: &Loaded, sealed: &[&str], available: &Identities) -> Opened {
    let mut why = None;
    for blob in sealed.iter().take(MAX_SEALED_TRIED) {
        let bytes = match loaded.repo.blob(blob, vault::MAX_SEALED as u64) {
            Ok(bytes) => bytes,
            Err(error) => {
                why = Some(error.to_string());
                continue;
            }
        };
        match vault::open(&bytes, available) {
            Ok(_) => return Opened::One,
            Err(error) => why = Some(error.to_string()),
        }
    }
    match why {
        None => Opened::None,
        Some(why) => {
            let tried = sealed.len().min(MAX_SEALED_TRIED);
            Opened::Failed(format!(
                "of {} tried none opens: {why}",
                report::plural(tried, "sealed file")
            ))
        }
    }
}

/// Signs in to and reads every selected tenant, as `plan` does.
fn tenants(
    loaded: &Loaded,
    selection: &Selection,
    context: &Context,
    checks: &mut Vec<Finding>,
) -> Result<Vec<TenantHealth>, AppError> {
    if loaded.blind.is_some() {
        // With whose settings to sign in is not known; the remote's line says why.
        return Ok(Vec::new());
    }
    let connector = match session::signed_in(context, loaded, selection) {
        Ok(connector) => connector,
        Err(error) => {
            checks.push(failed(Area::SignIn, error));
            return Ok(Vec::new());
        }
    };
    let read = session::read_live(context, (&connector, None), loaded, selection);
    let live = block_on(read)?;
    checks.extend(permissions::check(context, loaded, selection, &connector, &live)?);
    let overrides = context.environment.overrides()?;
    let health = session::selected(&loaded.fleet, selection).filter_map(|tenant| {
        let seen = live.get(&tenant.name)?;
        let readings = [seen.push.problem(), seen.enrollment.problem(), seen.vpp.problem()];
        let mut problems = Vec::new();
        for problem in readings.into_iter().flatten().chain(seen.consent.problem()) {
            if !problems.contains(problem) {
                problems.push(problem.clone());
            }
        }
        let auth = loaded.policy.auth_of(tenant.auth.as_deref());
        let consent_link = auth.map(|auth| {
            overrides.endpoint(auth.cloud).admin_consent(tenant.tenant_id, &auth.client_id)
        });
        Some(TenantHealth {
            name: tenant.name.to_string(),
            tenant_id: tenant.tenant_id,
            problems,
            consent_link,
            data_sharing: data_sharing(seen, tenant.consent_data_sharing),
            clock_skew: seen.clock_skew,
        })
    });
    Ok(health.collect())
}

fn data_sharing(seen: &LiveTenant, in_file: bool) -> ConsentState {
    match seen.consent {
        Reading::Present(true) => ConsentState::Granted,
        Reading::Present(false) | Reading::Absent if in_file => ConsentState::InFile,
        Reading::Present(false) | Reading::Absent => ConsentState::Missing,
        Reading::Unknown(_) => ConsentState::Unknown,
        Reading::NotAsked => match seen.push {
            Reading::Unknown(_) => ConsentState::Unknown,
            _ => ConsentState::NotNeeded,
        },
    }
}
