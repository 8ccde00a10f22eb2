//! A folder of downloads, each brought to the token that its content names.
#![expect(clippy::disallowed_methods, reason = "cli reads the folder of downloads")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use futures::StreamExt as _;

use super::ground::Ground;
use super::matching::{Candidate, Matcher};
use super::open::spec;
use super::propose::{Bench, Failed, Matched, unknown};
use super::{Args, Format, show};
use crate::app::session;
use crate::cli::download::{self, Download, live, refusing};
use crate::cli::error::{CliError, Explain as _};
use crate::cli::global::Context;
use crate::cli::output::Output;
use applecart_core::apple::Inspection;
use applecart_core::fleet::Tenant;
use applecart_core::model::{Kind, LiveTenant, Outcome, Sha256, TenantName, shell_word};
use applecart_core::plan::Selection;
use applecart_core::report::{Proposal, ProposalStatus, escape, plural};

/// A file that was looked at.
enum Looked<'a> {
    Matched(Box<Matched<'a>>),
    Told(Box<Proposal>),
    Failed(Box<Failed>),
}

pub(super) fn run(
    args: &Args,
    folder: &Path,
    ground: &Ground,
    selection: &Selection,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    let bench = Bench::new(args, ground, context)?;
    let paths = files(folder)?;
    let mut downloads = Vec::new();
    for path in &paths {
        let shown = path.display().to_string();
        let opened = Download::open(path, None, None).map(|download| {
            let inspection = download.inspect(&ground.loaded.policy, context.now(), None);
            (download, inspection)
        });
        downloads.push((shown, opened));
    }
    let known = bench.known.as_ref().ok();
    let fleet = &ground.loaded.fleet;
    let mut matcher = Matcher::new(fleet, |tenant| selection.matches(tenant), known);
    let is_enrollment = |inspection: &Inspection| inspection.kind == Some(Kind::Enrollment);
    if downloads.iter().any(|(_, one)| one.as_ref().is_ok_and(|(_, it)| is_enrollment(it))) {
        let keys = crate::app::block_on(keys(&bench, &matcher.tenants, context.parallelism))?;
        matcher.with_keys(keys);
    }

    let may_ask = args.format == Format::Human
        && std::io::stdin().is_terminal()
        && std::io::stderr().is_terminal();
    let mut looked: Vec<Looked<'_>> = Vec::new();
    for (shown, opened) in downloads {
        looked.push(match opened {
            Err(error) => Looked::Failed(Box::new(Failed { file: shown, inspection: None, error })),
            Ok((download, inspection)) => look(&matcher, download, &inspection, may_ask),
        });
    }
    part(&mut looked);

    // Reading is what takes time; everything after it is this machine's own.
    let lives = crate::app::block_on(async {
        futures::stream::iter(&looked)
            .map(|one| async {
                match one {
                    Looked::Matched(matched) => Some(bench.read(matched).await),
                    Looked::Told(_) | Looked::Failed(_) => None,
                }
            })
            .buffered(context.parallelism)
            .collect::<Vec<_>>()
            .await
    })?;
    let mut renewals = Vec::new();
    let mut outcomes = Vec::new();
    for (one, live) in looked.into_iter().zip(lives) {
        let (proposal, outcome) = finish(&bench, one, live);
        renewals.push(proposal);
        outcomes.push(outcome);
    }
    let landed = landed(&paths, &renewals);
    show(args, ground, renewals, output)?;
    Ok(together(&outcomes).and(leave(args.remove_download, &landed, output)))
}

/// The files that a branch or the base has now. The same file under a second name is among them
/// where the first one is.
fn landed<'a>(paths: &'a [PathBuf], renewals: &[Proposal]) -> Vec<(&'a Path, Sha256)> {
    let has_it = |one: &&Proposal| match one.status {
        ProposalStatus::Proposed | ProposalStatus::Merged => true,
        ProposalStatus::Exists => one.branch.is_some(),
        ProposalStatus::Refused | ProposalStatus::Unmatched | ProposalStatus::Failed => false,
    };
    let there: BTreeSet<Sha256> =
        renewals.iter().filter(has_it).filter_map(|one| one.sha256).collect();
    let all = paths.iter().zip(renewals);
    all.filter(|(_, one)| has_it(one) || one.status == ProposalStatus::Exists)
        .filter_map(|(path, one)| Some((path.as_path(), one.sha256?)))
        .filter(|(_, sha256)| there.contains(sha256))
        .collect()
}

/// Deletes what landed where that was asked for, else says what to do with it.
fn leave(remove: bool, landed: &[(&Path, Sha256)], output: &Output) -> Outcome {
    if !remove {
        match landed {
            [] => {}
            [(only, _)] => output.note(&download::left(only)),
            all => output.note(&format!(
                "{} are no longer needed: delete them (--remove-download does)",
                plural(all.len(), "file")
            )),
        }
        return Outcome::Done;
    }
    let mut outcome = Outcome::Done;
    for (path, sha256) in landed {
        if let Err(error) = download::remove(path, *sha256, output) {
            output.note(&format!("warning: {error}"));
            outcome = Outcome::Error;
        }
    }
    outcome
}

/// 8 only where no file got past the sign-in; a tenant's failure is 3 beside others.
fn together(outcomes: &[Outcome]) -> Outcome {
    let all = !outcomes.is_empty() && outcomes.iter().all(|one| *one == Outcome::SignIn);
    let of_one = |outcome: Outcome| match outcome {
        Outcome::SignIn if !all => Outcome::Partial,
        other => other,
    };
    outcomes.iter().fold(Outcome::Done, |sum, one| sum.and(of_one(*one)))
}

/// The folder's files, by name; hidden ones and folders are none of this command's.
fn files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed =
        |source| CliError::File { path: folder.to_owned(), doing: "read the folder", source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let hidden = path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Intune's keys of every enrollment token, with which a file names its own.
async fn keys(
    bench: &Bench<'_>,
    tenants: &[&Tenant],
    parallelism: usize,
) -> BTreeMap<TenantName, LiveTenant> {
    let policy = &bench.ground.loaded.policy;
    let with_tokens = tenants.iter().filter(|tenant| !tenant.enrollment.is_empty());
    futures::stream::iter(with_tokens)
        .map(|tenant| async move {
            let mut live = session::read_tenant(&bench.connector, policy, tenant).await;
            live::read_keys(&bench.connector, policy, tenant, &mut live).await;
            (tenant.name.clone(), live)
        })
        .buffer_unordered(parallelism)
        .collect()
        .await
}

fn look<'a>(
    matcher: &Matcher<'a>,
    download: Download,
    inspection: &Inspection,
    may_ask: bool,
) -> Looked<'a> {
    let shown = download.shown();
    let told = |reasons| {
        Looked::Told(Box::new(Proposal {
            status: ProposalStatus::Unmatched,
            reasons,
            sha256: Some(download.sha256()),
            ..unknown(&shown)
        }))
    };
    let Some(kind) = inspection.kind else { return told(refusing(inspection)) };
    let mut all = matcher.candidates(kind, &inspection.facts, download.sha256());
    if all.len() > 1
        && may_ask
        && let Some(answer) =
            ask(&shown, &all, &mut std::io::stdin().lock(), &mut std::io::stderr())
    {
        all = vec![answer];
    }
    match all.as_slice() {
        [only] => {
            let Candidate { tenant, token } = only.clone();
            Looked::Matched(Box::new(Matched { download, tenant, token }))
        }
        [] => told(vec![nobody(kind)]),
        several => {
            let names = several.iter().map(|one| spec(one.tenant, &one.token.token));
            told(vec![format!(
                "ambiguous: its content fits {}. Say which: applecart renew TENANT/TOKEN --file {}",
                names.collect::<Vec<_>>().join(", "),
                shell_word(&shown)
            )])
        }
    }
}

fn nobody(kind: Kind) -> String {
    match kind {
        Kind::Push => "unknown: no tenant of the fleet has this certificate's topic. Where Create was pressed at Apple instead of Renew, the topic is a new one: press Renew on the old row, or every device would have to be enrolled again",
        Kind::Enrollment => "unknown: no enrollment token of the fleet has the key that this file is encrypted to. Upload Intune's current public key at Apple, and download it again",
        Kind::Vpp => "unknown: no VPP token of the fleet names this organisation. Write it into `organization`, or name the token: applecart renew TENANT/TOKEN --file FILE",
    }
    .to_owned()
}

/// Asks which of several tokens a file is for; no answer is none of them.
fn ask<'a>(
    file: &str,
    all: &[Candidate<'a>],
    answers: &mut dyn BufRead,
    questions: &mut dyn Write,
) -> Option<Candidate<'a>> {
    let mut text = format!("{} may be for:\n", escape(file));
    for (number, one) in all.iter().enumerate() {
        let name = escape(&spec(one.tenant, &one.token.token));
        text.push_str(&format!("  {}  {name}\n", number + 1));
    }
    text.push_str("Which one? (number, or nothing to leave it) ");
    questions.write_all(text.as_bytes()).ok()?;
    questions.flush().ok()?;
    let mut line = String::new();
    answers.read_line(&mut line).ok()?;
    let number: usize = line.trim().parse().ok()?;
    all.get(number.checked_sub(1)?).cloned()
}

/// Two files for one token: the same one is brought once, and of different ones nobody knows which
/// is meant.
fn part(looked: &mut [Looked<'_>]) {
    let mut of: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, one) in looked.iter().enumerate() {
        if let Looked::Matched(matched) = one {
            of.entry(spec(matched.tenant, &matched.token.token)).or_default().push(at);
        }
    }
    for (name, places) in of.into_iter().filter(|(_, places)| places.len() > 1) {
        let files: Vec<_> = places
            .iter()
            .filter_map(|&at| match looked.get(at) {
                Some(Looked::Matched(matched)) => {
                    Some((at, matched.download.shown(), matched.download.sha256()))
                }
                _ => None,
            })
            .collect();
        let same = files.windows(2).all(|pair| match pair {
            [one, other] => one.2 == other.2,
            _ => true,
        });
        let names: Vec<&str> = files.iter().map(|(_, shown, _)| shown.as_str()).collect();
        let reason = match (same, names.first()) {
            (true, Some(first)) => format!("twice: it is the same file as {first}"),
            _ => format!(
                "ambiguous: several files are for {name} ({}). Keep the newest download, and run this again",
                names.join(", ")
            ),
        };
        let status = if same { ProposalStatus::Exists } else { ProposalStatus::Unmatched };
        for (at, shown, sha256) in files.iter().skip(usize::from(same)) {
            if let Some(place) = looked.get_mut(*at) {
                *place = Looked::Told(Box::new(Proposal {
                    status,
                    sha256: Some(*sha256),
                    reasons: vec![reason.clone()],
                    ..unknown(shown)
                }));
            }
        }
    }
}

fn finish(
    bench: &Bench<'_>,
    one: Looked<'_>,
    live: Option<Result<Option<LiveTenant>, CliError>>,
) -> (Proposal, Outcome) {
    let failed = |failed: &Failed| (failed.told(), failed.error.outcome());
    let matched = match one {
        Looked::Told(proposal) => {
            let outcome = match proposal.status {
                ProposalStatus::Exists => Outcome::Done,
                _ => Outcome::Partial,
            };
            return (*proposal, outcome);
        }
        Looked::Failed(error) => return failed(&error),
        Looked::Matched(matched) => matched,
    };
    let shown = matched.download.shown();
    let result = match live {
        Some(Ok(live)) => bench.finish(&matched, live),
        Some(Err(error)) => Err(Box::new(Failed { file: shown, inspection: None, error })),
        None => return (unknown(&shown), Outcome::Error),
    };
    match result {
        Ok(proposal) => (proposal, Outcome::Done),
        Err(error) => {
            let (told, outcome) = failed(&error);
            let tenant = Some(matched.tenant.name.clone());
            (Proposal { tenant, token: Some(matched.token.token.clone()), ..told }, outcome)
        }
    }
}

#[cfg(test)]
mod tests;
