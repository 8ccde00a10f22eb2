//! Intune's public keys for the enrollment program: what the MDM server at Apple encrypts to. They are
//! read and never made: a new key would void every token that was downloaded for the present one.

use std::path::PathBuf;

use super::{Ground, OpenOptions, RenewError};
use crate::app::AppError;
use crate::app::replace::{self, New};
use applecart_core::apple;
use applecart_core::model::{Kind, Problem, ProblemCode, Reading, Resource, Serial};
use applecart_core::renewal::due::Due;
use applecart_core::renewal::target::slug;
use applecart_core::report::{Sheet, SheetKey};
use applecart_io::intune::{Connector, KeyRequest};

/// Reads the key of every enrollment token, and saves it where it was asked for, or where the MDM
/// server at Apple may not have it: then the next download could not be opened.
pub(super) fn attach(
    options: &OpenOptions,
    due: &[Due<'_>],
    sheets: &mut [Sheet],
    ground: &Ground,
    connector: &Connector,
) -> Result<(), AppError> {
    if !due.iter().any(|due| due.token.token.kind == Kind::Enrollment) {
        return if options.public_key { Err(RenewError::NoKey.into()) } else { Ok(()) };
    }
    #[expect(clippy::disallowed_methods, reason = "makes the folder that keys go to")]
    std::fs::create_dir_all(&options.out).map_err(AppError::file(&options.out, "make"))?;
    let mut files = Vec::new();
    let is_due = |(due, sheet): &(&Due<'_>, &mut Sheet)| {
        due.token.token.kind == Kind::Enrollment && !sheet.waiting && sheet.open.is_none()
    };
    for (due, sheet) in due.iter().zip(sheets).filter(is_due) {
        // What could not be read at all is told already.
        let Some(id) = due.id.clone() else { continue };
        match crate::app::block_on(read(due, id, ground, connector))? {
            Ok(Key { file, issuer, serial }) => {
                let changed = due.token.recipient.as_ref().and_then(|last| {
                    Some((&last.issuer, &last.serial) != (issuer.as_ref()?, serial.as_ref()?))
                });
                let path = options.out.join(file_name(due));
                let is_wanted = options.public_key || changed != Some(false);
                let saved = is_wanted.then(|| path.display().to_string());
                sheet.public_key = Some(SheetKey { file: saved, changed, issuer, serial });
                files.extend(is_wanted.then(|| New { path, bytes: file.into_bytes() }));
            }
            Err(problem) => sheet.problems.push(problem),
        }
    }
    replace::replace(&files)
}

/// The name that the key of one token is saved under, such as `IntunePublicKey-contoso-abm.pem`.
fn file_name(due: &Due<'_>) -> PathBuf {
    let name = due.token.token.name.as_deref().or(due.token.token.id.as_deref());
    let token = slug(name.unwrap_or(Kind::Enrollment.as_str()));
    format!("IntunePublicKey-{}-{token}.pem", due.tenant.name).into()
}

/// Intune's key as a file, and how its certificate is named.
struct Key {
    file: String,
    issuer: Option<String>,
    serial: Option<Serial>,
}

async fn read(
    due: &Due<'_>,
    id: String,
    ground: &Ground,
    connector: &Connector,
) -> Result<Key, Problem> {
    let unreadable = || {
        let detail = "Intune gave its public key in no known form; download it in the Intune admin center, and please report this";
        Problem::new(ProblemCode::BadAnswer, detail).on(Resource::Enrollment)
    };
    let policy = &ground.loaded.policy;
    let Some(auth) = policy.auth_of(due.tenant.auth.as_deref()) else {
        return Err(Problem::new(ProblemCode::InvalidFile, crate::app::session::NO_PROFILE));
    };
    let request = KeyRequest { tenant_id: due.tenant.tenant_id, auth: auth.clone(), id };
    match connector.encryption_key(&request).await {
        Reading::Present(text) => {
            let file = apple::public_key_file(&text).ok_or_else(unreadable)?;
            let (issuer, serial) = apple::key_identity(&text).unzip();
            Ok(Key { file, issuer, serial })
        }
        Reading::Unknown(problem) => Err(problem),
        Reading::Absent | Reading::NotAsked => Err(unreadable()),
    }
}
