//! Who signed the commit that is planned, whether that person may, and with what the ledger is
//! signed.

use std::path::Path;

use super::loaded::Loaded;
use crate::app::{AppError, Context};
use applecart_core::fleet::{self, Diagnostic, FileBytes, Policy, SignerFile};
use applecart_core::ledger::VerifyReport;
use applecart_core::model::{sentence, short};
use applecart_io::git::{GitError, Repo, Signature, Signers, SignersError, SigningKey};
use applecart_io::store::{self, Ledger, LedgerError, MustBeSigned};

/// What was found out about the planned commit; `None` where no signature is asked for, where
/// there is no commit, and where nobody knows by whose policy to judge.
pub fn signature(loaded: &Loaded) -> Result<Option<Signature>, SignersError> {
    let signing = &loaded.policy.signing;
    let Some(rev) = loaded.rev.as_deref().filter(|_| signing.required && loaded.blind.is_none())
    else {
        return Ok(None);
    };
    let signers = Signers::of(&loaded.repo, loaded.policy_rev.as_deref(), signing)?;
    signers.verify_one(&loaded.repo, rev).map(Some)
}

/// Refuses a commit that is not signed by somebody who may.
pub fn check(loaded: &Loaded) -> Result<(), AppError> {
    match signature(loaded)? {
        Some(signature) if !signature.is_good() => Err(AppError::Signature {
            commit: loaded.rev.clone().unwrap_or_default(),
            policy_rev: loaded.policy_rev.clone().unwrap_or_default(),
            signature: Box::new(signature),
        }),
        _ => Ok(()),
    }
}

/// Why `apply` would refuse the planned commit, for the top of a plan.
pub fn refusal(loaded: &Loaded) -> Option<String> {
    let rev = loaded.rev.as_deref().unwrap_or_default();
    let short = short(rev);
    let why = match signature(loaded) {
        Ok(None) => return None,
        Ok(Some(signature)) if signature.is_good() => return None,
        Ok(Some(signature)) => format!("commit {short} {signature}"),
        Err(error) if error.is_about_source() => sentence(&error),
        Err(error) => {
            return Some(format!(
                "Who signed commit {short} cannot be told: {}.",
                sentence(&error)
            ));
        }
    };
    let merged =
        loaded.base.as_ref().is_none_or(|base| loaded.repo.must_contain(base, rev).is_ok());
    Some(if merged {
        format!("`apply` would refuse this commit: {why}.")
    } else {
        format!(
            "Signed commits are required, and {why}. The commit that is merged and applied must be signed."
        )
    })
}

/// The key that ledger commits are signed with, where the environment names one.
///
/// # Errors
/// When it cannot sign; and where the policy asks for a signed ledger, when there is none, or when
/// those who verify the ledger would not take it.
pub fn ledger_key(
    context: &Context,
    repo: &Repo,
    policy: &Policy,
    policy_rev: Option<&str>,
) -> Result<Option<SigningKey>, AppError> {
    let key = context.environment.variable(SigningKey::VARIABLE);
    let key = key.map(|path| SigningKey::open(Path::new(&path))).transpose()?;
    if !policy.ledger_signing.required {
        return Ok(key);
    }
    let signers = policy.ledger_signers();
    let path = signers.signers.clone().unwrap_or_default();
    let Some(key) = key else { return Err(AppError::NoLedgerKey { signers: path }) };
    let signers = Signers::of(repo, policy_rev, &signers)?;
    let signature = key.judged_by(&signers, context.now().date_time().timestamp())?;
    if signature.is_good() {
        Ok(Some(key))
    } else {
        Err(AppError::LedgerKey { signers: path, signature: Box::new(signature) })
    }
}

/// Verifies a ledger, and where the policy asks for it, who signed its commits.
///
/// # Errors
/// The outer one where those who may sign it are not known, the inner one where the ledger is not.
pub fn verified(
    context: &Context,
    repo: &Repo,
    (policy, policy_rev): (&Policy, &str),
    ledger: &Ledger,
) -> Result<Result<VerifyReport, LedgerError>, AppError> {
    if !policy.ledger_signing.required {
        return Ok(store::verify(ledger, context.real_now()));
    }
    let signers = Signers::of(repo, Some(policy_rev), &policy.ledger_signers())?;
    let unsigned_until = policy.ledger_signing.unsigned_until.as_deref();
    let signed = MustBeSigned { signers: &signers, repo, unsigned_until };
    Ok(store::verify_signed(ledger, context.real_now(), signed))
}

/// Every mistake in the files that say who may sign, of a revision or (`None`) of the worktree.
pub fn mistakes(
    repo: &Repo,
    rev: Option<&str>,
    policy: &Policy,
) -> Result<Vec<Diagnostic>, AppError> {
    let (signing, ledger) = (&policy.signing, &policy.ledger_signing);
    let named = [
        (SignerFile::Allowed, &signing.signers),
        (SignerFile::Openpgp, &signing.openpgp_keys),
        (SignerFile::Revoked, &signing.revoked_signers),
        (SignerFile::Allowed, &ledger.signers),
    ];
    let mut found = Vec::new();
    for (which, path) in named {
        let Some(path) = path else { continue };
        let file: Result<Option<FileBytes>, GitError> = match rev {
            Some(rev) => repo.plain_file(rev, path),
            None => repo.worktree_file(path),
        };
        for mistake in match file {
            Err(error @ GitError::WrongKind { .. }) => {
                fleet::wrong_signers(path, &error.to_string())
            }
            file => fleet::check_signers(which, path, file?.as_ref()),
        } {
            if !found.contains(&mistake) {
                found.push(mistake);
            }
        }
    }
    Ok(found)
}
