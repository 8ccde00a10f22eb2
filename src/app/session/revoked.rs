//! Which push certificates Apple took back.

use applecart_core::apple::location::Silence;
use applecart_core::apple::revoked::RevocationList;
use applecart_core::fleet::{Tenant, Token};
use applecart_core::model::{LiveTenant, Reading, Revocation, Serial, Timestamp};
use applecart_io::apple::Apple;
use applecart_io::git::Repo;

/// What is said of the list where something is wrong with it.
const LIST: &str = "Apple's list of revoked certificates";

/// What else is said where an older list comes than the one that is kept.
const GONE_BACK: &str = "came in an older or narrower edition than the one that this clone has, which is outdated. What that one has still counts. If it stays so, find out which proxy answers for crl.apple.com";

/// What Apple's list says, for a run.
pub struct Revoked {
    /// The newest list that is proved to be Apple's. An outdated one proves what it has all the same.
    list: Option<RevocationList>,
    /// Why a certificate that is not on it may be revoked.
    doubt: Option<Revocation>,
}

impl Revoked {
    /// The list of an earlier run as long as it is current, else the one that Apple has now.
    pub async fn of(repo: &Repo, apple: &Apple, now: Timestamp) -> Self {
        let authority = match apple.authority().await {
            Ok(authority) => authority,
            Err(silence) => return Self { list: None, doubt: Some(silent(&silence)) },
        };
        let read = |der: &[u8]| RevocationList::read(der, &authority);
        let kept = repo.kept_revocations().and_then(|der| read(&der).ok());
        if kept.as_ref().is_some_and(|list| list.is_current(now)) {
            return Self { doubt: doubt(kept.as_ref(), now), list: kept };
        }
        let fetched = match apple.revocation_list().await {
            Ok(der) => read(&der).map(|list| (list, der)).map_err(|error| {
                Revocation::Unknown(format!("{LIST} cannot be believed: {error}"))
            }),
            Err(silence) => Err(silent(&silence)),
        };
        match fetched {
            // An old list once more, as a proxy's cache has it, or somebody who hides a revocation.
            Ok((list, _)) if kept.as_ref().is_some_and(|kept| !list.may_replace(kept)) => {
                let doubt = Revocation::Unknown(format!("{LIST} {GONE_BACK}"));
                Self { list: kept, doubt: Some(doubt) }
            }
            Ok((list, der)) => {
                repo.keep_revocations(&der);
                Self { doubt: doubt(Some(&list), now), list: Some(list) }
            }
            Err(doubt) => Self { list: kept, doubt: Some(doubt) },
        }
    }

    /// Notes what the list says of a tenant's certificates: the one in Intune, and the one in Git.
    pub(super) fn mark(&self, tenant: &Tenant, live: &mut LiveTenant) {
        if let Reading::Present(push) = &mut live.push {
            push.revocation = self.says(&push.serial);
        }
        let in_git = tenant.push.as_ref().filter(|push| push.file.is_some());
        let serial = in_git.and_then(|Token { facts, .. }| facts.serial.clone());
        live.push_in_git = serial.map(|serial| {
            let of_list = self.says(&serial);
            (serial, of_list)
        });
    }

    /// What the list says of a certificate.
    pub fn says(&self, serial: &Serial) -> Revocation {
        match self.list.as_ref().and_then(|list| list.since(serial)) {
            Some(since) => Revocation::Since(since),
            None => self.doubt.clone().unwrap_or(Revocation::No),
        }
    }
}

fn silent(silence: &Silence) -> Revocation {
    match silence {
        Silence::NotAsked => Revocation::NotAsked,
        _ => Revocation::Unknown(format!("{LIST} could not be fetched: {silence}")),
    }
}

fn doubt(list: Option<&RevocationList>, now: Timestamp) -> Option<Revocation> {
    let list = list.filter(|list| !list.is_complete(now))?;
    let why = match list.is_current(now) {
        true => "does not cover every push certificate",
        false => "is outdated, and Apple has no newer one",
    };
    Some(Revocation::Unknown(format!("{LIST} {why}")))
}
