//! The fleet's sealed files, encrypted again to the recipients that applecart.yaml lists now.

use std::path::{Path, PathBuf};

use super::replace::{self, New};
use super::{AppError, Context, download, files, keys, session};
use applecart_core::apple;
use applecart_core::fleet::{self, Desired, Policy, Tenant, TokenFile};
use applecart_core::model::Sha256;
use applecart_core::plan::Selection;
use applecart_core::sealed::{self, Seal, SopsRecipients};
use applecart_io::git::Repo;
use applecart_io::vault::{self, Identities, OpenError, Secret};

pub struct ResealOptions {
    pub selection: Selection,
    /// Files of age identities.
    pub identity: Vec<PathBuf>,
    pub dry_run: bool,
}

/// What became of every selected file.
pub struct Resealed {
    /// Each by its path from the repository's root.
    pub files: Vec<(String, Fate)>,
    pub recipients: usize,
    /// What a filter of Git's may change, in words.
    pub filtered: Vec<String>,
}

/// What became of one file, or with `--dry-run` would.
pub enum Fate {
    /// It is encrypted again; whether the available identities open it then.
    Again {
        opens: bool,
    },
    /// The file says that it is sealed to exactly these recipients.
    Already,
    Left(Obstacle),
}

/// Why a file was left as it is. It keeps none of the others back.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    #[error("the tenant file has mistakes. This shows them: `applecart validate --worktree`")]
    Invalid,
    #[error(
        "it is not checked out here: the checkout is sparse. Check it out: git sparse-checkout add {0}"
    )]
    LeftOut(String),
    #[error("a SOPS file; correct .sops.yaml and run: sops updatekeys --yes {0}")]
    Sops(String),
    #[error("it {}. {}", .0.what, .0.next)]
    NotSealed(sealed::Words),
    #[error(transparent)]
    Closed(#[from] OpenError),
    #[error(
        "bad-file: its content is not what the tenant file's sha256 says; seal the right file again"
    )]
    Other,
    #[error("encrypted again, it would not open to the same content")]
    NotSame,
}

pub fn reseal(options: &ResealOptions, context: &Context) -> Result<Resealed, AppError> {
    let repo = Repo::discover(&context.repo)?;
    let root = super::seal::worktree(&repo)?;
    let source = repo.worktree_snapshot()?;
    let policy = session::policy_of(context, &source)?;
    // Whether there are recipients that can be sealed to is one question for the whole fleet.
    vault::seal(&Secret::new(Vec::new()), &policy.recipients)?;
    let identities = keys::available(context, &options.identity)?;
    let (tenants, _) = fleet::load_tenants(&source, Some(&policy));
    AppError::check_selection(&options.selection, &tenants)?;
    // Before anything is written: files that are given to a filter are refused as `seal` refuses them.
    let mut filtered = Vec::new();
    for tenant in tenants.iter().filter_map(Desired::valid) {
        for file in tenant.tokens().filter_map(|token| token.file.as_ref()) {
            if options.selection.matches(tenant) {
                filtered.extend(download::unfiltered(&repo, &shown(tenant, file))?);
            }
        }
    }
    let work = Work { root, policy: &policy, identities: &identities, dry_run: options.dry_run };

    let left_out = repo.tenants_left_out()?;
    let mut files = Vec::new();
    for desired in &tenants {
        match desired {
            Desired::Valid(tenant)
                if options.selection.matches(tenant)
                    && left_out.contains(tenant.name.as_str())
                    && tenant.tokens().any(|token| token.file.is_some()) =>
            {
                let folder = format!("tenants/{}", tenant.name);
                files.push((folder.clone(), Fate::Left(Obstacle::LeftOut(folder))));
            }
            Desired::Valid(tenant) if options.selection.matches(tenant) => {
                for file in tenant.tokens().filter_map(|token| token.file.as_ref()) {
                    files.push(work.file(tenant, file)?);
                }
            }
            Desired::Invalid { name, .. } if options.selection.may_match_invalid(name) => {
                files.push((format!("tenants/{name}"), Fate::Left(Obstacle::Invalid)));
            }
            Desired::Valid(_) | Desired::Invalid { .. } => {}
        }
    }
    Ok(Resealed { files, recipients: policy.recipients.len(), filtered })
}

/// A file's path from the repository's root.
fn shown(tenant: &Tenant, file: &TokenFile) -> String {
    format!("tenants/{}/{}", tenant.name, file.name)
}

struct Work<'a> {
    root: &'a Path,
    policy: &'a Policy,
    identities: &'a Identities,
    dry_run: bool,
}

impl Work<'_> {
    fn file(&self, tenant: &Tenant, file: &TokenFile) -> Result<(String, Fate), AppError> {
        let shown = shown(tenant, file);
        let path = self.root.join(&shown);
        let sealed = files::read(&path, files::MAX_READ)?;
        let fate = match sealed::seal(&sealed) {
            Some(Seal::Sops(SopsRecipients::Named(stated)))
                if same(&stated, &self.policy.recipients) =>
            {
                Fate::Already
            }
            Some(Seal::Sops(_)) => Fate::Left(Obstacle::Sops(shown.clone())),
            None => Fate::Left(Obstacle::NotSealed(apple::classify(&sealed).words())),
            Some(Seal::Age(_)) => self.again(path, &sealed, file.sha256)?,
        };
        Ok((shown, fate))
    }

    fn again(&self, path: PathBuf, sealed: &[u8], sha256: Sha256) -> Result<Fate, AppError> {
        let content = match vault::open(sealed, self.identities) {
            Ok(content) => content,
            Err(error) => return Ok(Fate::Left(error.into())),
        };
        if Sha256::of(content.expose()) != sha256 {
            return Ok(Fate::Left(Obstacle::Other));
        }
        let bytes = vault::seal(&content, &self.policy.recipients)?;
        let opens = match vault::open(&bytes, self.identities) {
            Ok(again) if Sha256::of(again.expose()) == sha256 => true,
            Err(OpenError::NoMatchingIdentity { .. }) => false,
            _ => return Ok(Fate::Left(Obstacle::NotSame)),
        };
        if !self.dry_run {
            replace::replace(&[New { path, bytes }])?;
        }
        Ok(Fate::Again { opens })
    }
}

fn same(one: &[String], other: &[String]) -> bool {
    let sorted = |all: &[String]| {
        let mut all: Vec<String> = all.iter().map(|one| one.trim().to_owned()).collect();
        all.sort();
        all.dedup();
        all
    };
    sorted(one) == sorted(other)
}
