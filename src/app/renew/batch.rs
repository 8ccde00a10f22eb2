//! A folder of downloads, each brought to the token that its content names.
#![expect(clippy::disallowed_methods, reason = "reads the folder of downloads")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures::StreamExt as _;

use super::propose::{Bench, Failed, Matched, unknown};
use super::{BranchOptions, Ground, RenewError, Start};
use crate::app::download::{self, Download, DownloadOptions};
use crate::app::{AppError, Context, session};
use applecart_core::apple::Inspection;
use applecart_core::fleet::Tenant;
use applecart_core::model::{Kind, LiveTenant, TenantName, shell_word};
use applecart_core::plan::Selection;
use applecart_core::renewal::matching::{Candidate, Claim, Matcher, Twin, twins};
use applecart_core::renewal::{refusing, spec};
use applecart_core::report::{Proposal, ProposalStatus};

pub struct BatchOptions {
    pub folder: PathBuf,
    pub selection: Selection,
    /// The Apple Account that all of them were downloaded with.
    pub apple_id: Option<String>,
    pub branch: BranchOptions,
}

/// What became of every file.
pub struct Batch {
    pub start: Start,
    pub files: Vec<(PathBuf, Result<Proposal, Box<Failed>>)>,
}

/// Asks a person which of several tokens a file is for: its name and theirs go in, and the place of
/// the one that was chosen comes out.
pub type Answer<'a> = &'a mut dyn FnMut(&str, &[String]) -> Option<usize>;

/// A file that was looked at: matched to a token, or done with.
#[expect(clippy::large_enum_variant, reason = "one for each file of a folder")]
enum Looked<'a> {
    Matched(Box<Matched<'a>>),
    Done(Result<Proposal, Box<Failed>>),
}

pub fn bring_all(
    options: &BatchOptions,
    context: &Context,
    answer: Answer<'_>,
) -> Result<Batch, AppError> {
    let ground = Ground::load(context, &options.selection)?;
    let mut past = ground.past(context)?;
    let bench = Bench::new(&ground, &mut past, options.branch, context)?;
    let paths = files(&options.folder)?;
    if paths.is_empty() {
        return Err(RenewError::NoFiles(options.folder.clone()).into());
    }
    let open = |path: &PathBuf| {
        let (file, apple_id) = (path.clone(), options.apple_id.clone());
        let options = DownloadOptions { file, apple_id, ..DownloadOptions::default() };
        Download::open(options).map(|download| {
            let inspection = download.inspect(&ground.loaded.policy, context.now(), None);
            (download, inspection)
        })
    };
    let downloads: Vec<_> = paths.iter().map(open).collect();
    let known = bench.known.as_ref().ok();
    let selected = |tenant: &Tenant| options.selection.matches(tenant);
    let mut matcher = Matcher::new(&ground.loaded.fleet, selected, known);
    let kinds = downloads.iter().flatten().filter_map(|(_, inspection)| inspection.kind).collect();
    let reading = read(&bench, &matcher.tenants, &kinds, context.parallelism);
    matcher.with_live(crate::app::block_on(reading)?);

    let mut looked: Vec<Looked<'_>> = Vec::new();
    for (path, opened) in paths.iter().zip(downloads) {
        looked.push(match opened {
            Err(error) => Looked::Done(Err(Failed::of(&path.display().to_string(), error))),
            Ok((download, inspection)) => look(&matcher, download, &inspection, answer),
        });
    }
    part(&mut looked);

    let brought = bring(&bench, looked, context.parallelism)?;
    Ok(Batch { start: ground.start.clone(), files: paths.into_iter().zip(brought).collect() })
}

/// Reads the tokens that files were matched to, and brings each file. Reading takes time; everything
/// after it happens on this machine.
fn bring(
    bench: &Bench<'_>,
    looked: Vec<Looked<'_>>,
    parallelism: usize,
) -> Result<Vec<Result<Proposal, Box<Failed>>>, AppError> {
    let lives = crate::app::block_on(async {
        futures::stream::iter(&looked)
            .map(|one| async {
                match one {
                    Looked::Matched(matched) => bench.read(matched).await,
                    Looked::Done(_) => Ok(None),
                }
            })
            .buffered(parallelism)
            .collect::<Vec<_>>()
            .await
    })?;
    let brought = looked.into_iter().zip(lives).map(|(one, live)| match one {
        Looked::Done(result) => result,
        Looked::Matched(matched) => {
            live.and_then(|live| bench.finish(&matched, live)).map_err(|error| {
                let about = Proposal {
                    tenant: Some(matched.tenant.name.clone()),
                    token: Some(matched.token.token.clone()),
                    ..unknown(&matched.download.shown())
                };
                Box::new(Failed { about, error })
            })
        }
    });
    Ok(brought.collect())
}

/// The folder's files, by name, without hidden ones and folders.
fn files(folder: &Path) -> Result<Vec<PathBuf>, AppError> {
    let failed = AppError::file(folder, "read the folder");
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

/// What Intune has of the tokens that files of these kinds may be for, where Git does not tell them apart:
/// the keys of every enrollment token, with which a file names its own, and the organisations of VPP tokens.
async fn read(
    bench: &Bench<'_>,
    tenants: &[&Tenant],
    kinds: &BTreeSet<Kind>,
    parallelism: usize,
) -> BTreeMap<TenantName, LiveTenant> {
    let policy = &bench.ground.loaded.policy;
    let unsaid = tenants.iter().filter(|tenant| Matcher::needs_intune(tenant, kinds));
    futures::stream::iter(unsaid)
        .map(|tenant| async move {
            let mut live = session::read_tenant(&bench.connector, policy, tenant).await;
            if kinds.contains(&Kind::Enrollment) {
                download::read_keys(&bench.connector, policy, tenant, &mut live).await;
            }
            (tenant.name.clone(), live)
        })
        .buffer_unordered(parallelism)
        .collect()
        .await
}

/// Finds the file's token.
fn look<'a>(
    matcher: &Matcher<'a>,
    download: Download,
    inspection: &Inspection,
    answer: Answer<'_>,
) -> Looked<'a> {
    let sha256 = download.sha256();
    let unmatched = |reasons| {
        let status = ProposalStatus::Unmatched;
        let about = unknown(&download.shown());
        Looked::Done(Ok(Proposal { status, reasons, sha256: Some(sha256), ..about }))
    };
    let Some(kind) = inspection.kind else { return unmatched(refusing(inspection)) };
    let all = matcher.candidates(kind, &inspection.facts, sha256);
    let names: Vec<String> = all.iter().map(|one| spec(one.tenant, &one.token.token)).collect();
    let chosen = match all.len() {
        0 => return unmatched(matcher.no_candidate(kind)),
        1 => Some(0),
        _ => answer(&download.shown(), &names),
    };
    match chosen.and_then(|chosen| all.into_iter().nth(chosen)) {
        Some(Candidate { tenant, token }) => {
            Looked::Matched(Box::new(Matched { download, tenant, token }))
        }
        None => unmatched(vec![format!(
            "ambiguous: its content fits {}. Say which: applecart renew TENANT/TOKEN --file {}",
            names.join(", "),
            shell_word(&download.shown())
        )]),
    }
}

/// Of two files for one token, the same one is brought once; of different ones nothing tells which
/// is meant.
fn part(looked: &mut [Looked<'_>]) {
    let claims: Vec<Option<Claim<'_>>> = looked
        .iter()
        .map(|one| match one {
            Looked::Matched(matched) => Some(Claim {
                tenant: matched.tenant,
                token: &matched.token,
                file: matched.download.shown(),
                sha256: matched.download.sha256(),
            }),
            Looked::Done(_) => None,
        })
        .collect();
    let twins = twins(&claims);
    for (at, one) in looked.iter_mut().enumerate() {
        if let (Some(twin), Looked::Matched(matched)) = (twins.get(&at), &*one) {
            let status = match twin {
                Twin::Same(_) => ProposalStatus::Exists,
                Twin::Other(_) => ProposalStatus::Unmatched,
            };
            let sha256 = Some(matched.download.sha256());
            let reasons = vec![twin.reason()];
            let about = unknown(&matched.download.shown());
            *one = Looked::Done(Ok(Proposal { status, reasons, sha256, ..about }));
        }
    }
}
