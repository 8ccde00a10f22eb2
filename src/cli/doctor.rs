//! Gathers what `doctor` reports. Everything here reads; nothing is written, created or sent.

use super::error::{CliError, Explain as _};
use super::global::{Context, Format};
use super::output::Output;
use super::plan::Selected;
use crate::app::session::{self, Loaded, Tree, Which};
use crate::app::trust;
use crate::app::{self, Reach};
use applecart_core::model::{LiveTenant, Outcome, Reading, sentence};
use applecart_core::plan::Selection;
use applecart_core::report::{self, Area, Check, CheckState, ConsentState, Doctor, TenantHealth};
use applecart_io::git::Repo;
use applecart_io::git::program::GitProgram;
use applecart_io::vault::{self, Identities, Secret};
use std::path::PathBuf;

/// Check the machine, the repository, the keys and every tenant's sign-in, and say what to do
///
/// Looks at Git and its remote, required signatures, the ledger, the identities at hand (each opens a probe, and one
/// sealed file of the fleet is opened without showing anything of it), the clock, and each selected
/// tenant: sign-in, permissions, licence, the consent to share data with Apple. Writes nothing
/// anywhere and asks Intune for no signing request or key. Ends with 0 when all is well, 3 when
/// something is not, 8 when nobody could sign in to any tenant, 1 when the fleet cannot be read.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart doctor
  applecart doctor --select contoso
  SOPS_AGE_KEY_FILE=~/fleet.agekey applecart doctor --format json")]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
    /// A file with age identities; SOPS_AGE_KEY_FILE and SOPS_AGE_KEY are read too
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// How to show it
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

/// As many sealed files are tried before saying that none opens.
const MAX_SEALED_TRIED: usize = 16;

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let selection = args.selected.selection()?;
    let repo = Repo::discover(&context.repo)?;
    let mut checks = vec![git(&repo, context), remote(&repo, context)];
    let loaded = match session::load(context, Tree::Commit, Reach::Remote, &selection) {
        Ok(loaded) => Some(loaded),
        Err(error @ (CliError::Selection(_) | CliError::NothingSelected)) => return Err(error),
        Err(error) => {
            checks.push(failed(Area::Fleet, &error));
            None
        }
    };
    let tenants = match &loaded {
        Some(loaded) => {
            checks.push(fleet(loaded, &selection));
            checks.extend(signatures(loaded, context));
            checks.push(ledger(loaded, context));
            checks.push(identities(args, context, loaded));
            tenants(loaded, &selection, context, &mut checks)?
        }
        None => {
            for area in [Area::Ledger, Area::Identities] {
                checks.push(Check::new(area, CheckState::NotChecked, "the fleet cannot be read"));
            }
            Vec::new()
        }
    };
    let doctor = Doctor::new(context.now(), checks, tenants);
    output.result(&match args.format {
        Format::Human => report::doctor_human(&doctor, output.width()),
        Format::Json => report::json(&doctor)?,
    })?;
    let summary = &doctor.summary;
    Ok(if loaded.is_none() {
        Outcome::Error
    } else if summary.tenants > 0 && summary.sign_in_failed == summary.tenants {
        Outcome::SignIn
    } else if summary.failed > 0 {
        Outcome::Partial
    } else {
        Outcome::Done
    })
}

/// An error as a check: what happened, why, and what to do.
fn failed(area: Area, error: &CliError) -> Check {
    let check = Check::new(area, CheckState::Failed, sentence(error));
    error.hints().into_iter().fold(check, Check::with_next)
}

fn git(repo: &Repo, context: &Context) -> Check {
    let version = match GitProgram::of(repo).run(&["version"]) {
        Ok(version) => String::from_utf8_lossy(&version).trim().to_owned(),
        Err(error) => return failed(Area::Git, &error.into()),
    };
    let folder = repo.worktree().map_or_else(|| repo.path_common_dir(), PathBuf::from);
    match repo.resolve(&context.rev) {
        Ok(rev) => {
            let text = format!("{version}; {} at {}", folder.display(), short(&rev));
            let check = Check::new(Area::Git, CheckState::Ok, text);
            if !repo.is_shallow() {
                return check;
            }
            let next = "git fetch --unshallow, where a command says that history is missing";
            Check { state: CheckState::Warning, text: check.text.clone() + ", shallow", ..check }
                .with_next(next)
        }
        Err(error) => failed(Area::Git, &error.into()),
    }
}

/// Whether the remote answers, and which revision judges.
fn remote(repo: &Repo, context: &Context) -> Check {
    let name = match repo.fleet_remote() {
        Ok(Some(name)) => name,
        Ok(None) => {
            let text = "the repository has no remote: settings are the revision's own, and the ledger is in this clone only";
            return Check::new(Area::Remote, CheckState::Warning, text)
                .with_next("add one before others work on this fleet: git remote add origin URL");
        }
        Err(error) => return failed(Area::Remote, &error.into()),
    };
    if let Err(error) = repo.ls_remote(&name, &["HEAD"]) {
        return failed(Area::Remote, &error.into())
            .with_next(format!("make the remote answer: git ls-remote {name}"));
    }
    match app::find_base(repo, context, Reach::Remote) {
        Ok(Some(base)) => {
            let text =
                format!("{name} answers; policy of {} at {}", base.name, short(&base.commit));
            Check::new(Area::Remote, CheckState::Ok, text)
        }
        Ok(None) => Check::new(Area::Remote, CheckState::Ok, format!("{name} answers")),
        Err(error) => failed(Area::Remote, &error),
    }
}

fn fleet(loaded: &Loaded, selection: &Selection) -> Check {
    let wrong: Vec<&str> = loaded
        .fleet
        .iter()
        .filter(|desired| desired.valid().is_none() && selection.may_match_invalid(desired.name()))
        .map(|desired| desired.name())
        .collect();
    let well = session::selected(&loaded.fleet, selection).count();
    match wrong.first() {
        None => Check::new(
            Area::Fleet,
            CheckState::Ok,
            report::plural(well, "tenant") + " selected, all valid",
        ),
        Some(first) => {
            let more = if wrong.len() > 1 { ", …" } else { "" };
            let text = format!(
                "{} with mistakes ({first}{more}), {well} valid",
                report::plural(wrong.len(), "tenant")
            );
            Check::new(Area::Fleet, CheckState::Failed, text)
                .with_next("`applecart validate` lists every mistake")
        }
    }
}

/// Who signed the planned commit, and whether this machine could sign the ledger; nothing where
/// the policy asks for neither.
fn signatures(loaded: &Loaded, context: &Context) -> Vec<Check> {
    let mut checks = Vec::new();
    let rev = loaded.rev.as_deref().map(short).unwrap_or_default();
    match trust::signature(loaded) {
        Ok(None) => {}
        Ok(Some(signature)) if signature.is_good() => {
            let text = format!("commit {rev} {signature}");
            checks.push(Check::new(Area::Signatures, CheckState::Ok, text));
        }
        Ok(Some(signature)) => {
            let text = format!("commit {rev} {signature}: `apply` refuses it");
            let check = Check::new(Area::Signatures, CheckState::Failed, text);
            checks.push(signature.next_step().into_iter().fold(check, Check::with_next));
        }
        Err(error) => checks.push(failed(Area::Signatures, &error.into())),
    }
    if loaded.policy.ledger_signing.required {
        let rev = loaded.policy_rev.as_deref();
        let key = trust::ledger_key(context, &loaded.repo, &loaded.policy, rev);
        checks.push(match key {
            Ok(_) => {
                let text = "the ledger can be signed with the key at hand";
                Check::new(Area::Signatures, CheckState::Ok, text)
            }
            Err(error @ CliError::NoLedgerKey { .. }) => {
                let text =
                    "no key to sign the ledger with is at hand; only commands that record need one";
                let check = Check::new(Area::Signatures, CheckState::NotChecked, text);
                error.hints().into_iter().fold(check, Check::with_next)
            }
            Err(error) => failed(Area::Signatures, &error),
        });
    }
    checks
}

fn ledger(loaded: &Loaded, context: &Context) -> Check {
    let past = match session::past(loaded, context, Which::Shared) {
        Ok(past) => past,
        Err(error) => return failed(Area::Ledger, &error),
    };
    let view = match &past.known {
        Ok(view) => view,
        Err(why) => {
            return Check::new(Area::Ledger, CheckState::Failed, why.to_string())
                .with_next("`applecart ledger verify` tells more; until then nothing is uploaded");
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
            .with_next("`applecart ledger verify` names them; nothing is uploaded to them");
    }
    if view.unpushed > 0 {
        let text = format!("{text}; {} not pushed yet", view.unpushed);
        return Check::new(Area::Ledger, CheckState::Warning, text)
            .with_next("the next apply of this clone pushes them");
    }
    Check::new(Area::Ledger, CheckState::Ok, text)
}

/// Every identity opens a probe of its own, and together they open one of the fleet's files.
fn identities(args: &Args, context: &Context, loaded: &Loaded) -> Check {
    let at_hand = match context.environment.identities(&args.identity) {
        Ok(at_hand) => at_hand,
        Err(error) => return failed(Area::Identities, &error),
    };
    let sealed: Vec<&str> = loaded
        .fleet
        .iter()
        .filter_map(|desired| desired.valid())
        .flat_map(|tenant| tenant.tokens())
        .filter_map(|token| token.file.as_ref())
        .map(|file| file.blob.as_str())
        .collect();
    if at_hand.is_empty() {
        return Check::new(
            Area::Identities,
            CheckState::NotChecked,
            "none is at hand; only `apply` and sealed files need one",
        )
        .with_next("name one: SOPS_AGE_KEY_FILE, SOPS_AGE_KEY or --identity FILE");
    }
    if let Err(why) = probe(&at_hand) {
        return Check::new(Area::Identities, CheckState::Failed, why)
            .with_next("make a new identity with age-keygen and seal the files to it");
    }
    let own = at_hand.recipients();
    let known = own.iter().filter(|key| loaded.policy.recipients.contains(key)).count();
    let mut text = format!(
        "{} opens its probe; {known} of the fleet's {}",
        report::plural(at_hand.len(), "identity"),
        report::plural(loaded.policy.recipients.len(), "recipient")
    );
    match opens(loaded, &sealed, &at_hand) {
        Opened::None => text.push_str("; the fleet has no sealed file yet"),
        Opened::One => text.push_str("; a sealed file of the fleet opens"),
        Opened::Failed(why) => {
            return Check::new(Area::Identities, CheckState::Failed, format!("{text}; {why}"))
                .with_next(
                    "name the identity that belongs to one of `recipients` in applecart.yaml",
                );
        }
    }
    if known == 0 && !own.is_empty() {
        return Check::new(Area::Identities, CheckState::Warning, text).with_next(
            "files sealed from now on will not open with it: add its public key to `recipients`",
        );
    }
    Check::new(Area::Identities, CheckState::Ok, text)
}

/// Seals random bytes to each identity's own public key, and opens them.
fn probe(at_hand: &Identities) -> Result<(), String> {
    for (number, recipient) in at_hand.recipients().into_iter().enumerate() {
        let random = uuid::Uuid::new_v4();
        let sealed = vault::seal(&Secret::new(random.as_bytes().to_vec()), &[recipient])
            .map_err(|error| format!("identity {}: {error}", number + 1))?;
        let opened = vault::open(&sealed, at_hand).map_err(|error| {
            format!("identity {} does not open its own probe: {error}", number + 1)
        })?;
        if opened.expose() != random.as_bytes() {
            return Err(format!("identity {} opens its own probe to something else", number + 1));
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
fn opens(loaded: &Loaded, sealed: &[&str], at_hand: &Identities) -> Opened {
    let mut why = None;
    for blob in sealed.iter().take(MAX_SEALED_TRIED) {
        let bytes = match loaded.repo.blob(blob, vault::MAX_SEALED as u64) {
            Ok(bytes) => bytes,
            Err(error) => {
                why = Some(error.to_string());
                continue;
            }
        };
        match vault::open(&bytes, at_hand) {
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
    checks: &mut Vec<Check>,
) -> Result<Vec<TenantHealth>, CliError> {
    if loaded.blind.is_some() {
        // With whose settings to sign in is not known; the remote's line says why.
        return Ok(Vec::new());
    }
    let connector = match session::connector(context) {
        Ok(connector) => connector,
        Err(error) => {
            checks.push(failed(Area::SignIn, &error));
            return Ok(Vec::new());
        }
    };
    let read = session::read_live(context, &connector, loaded, selection);
    let live = crate::app::block_on(read)?;
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

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
