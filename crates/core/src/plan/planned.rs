//! A plan with what is not part of its public form: what `apply` does and records.

use std::collections::{BTreeMap, BTreeSet};

use super::settings::Settings;
use super::tenant::SKEW_WARNING;
use super::types::{Action, Observed, Plan, PlannedTenant, Reason};
use crate::fleet::{Tenant, Token, TokenFile};
use crate::model::{Evidence, Facts, FileRef, Kind, Sha256, TenantId, TenantName, TokenRef};

/// Something that `apply` records in the ledger although nothing is uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Intune has the file of an unfinished sending; what that rests on, where Intune's answer is
    /// not recorded.
    Confirmed(Option<Evidence>),
    /// Intune has another credential than the last recorded one.
    ChangedOutsideGit,
    /// Uploaded twice, and no read ever showed it.
    NeverVisible,
    /// A VPP token landed in another location than it was meant for.
    WrongLocation,
    /// What was changed outside Git is watched now.
    Adopted,
    /// A watched token that was not seen before, or that changed.
    Observed,
    /// What became of an announced upload, of whatever file, that no line has finished.
    Closed(Closing, FileRef),
}

/// What Intune tells after the settling time of an announced upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Intune has what it had before, and never accepted the upload.
    NotLanded,
    /// Intune accepted it, and has what it had before.
    NotShown,
    /// Intune has a third credential.
    OutcomeUnknown,
    /// Intune has the uploaded credential; the ledger is only to be told.
    Shown,
}

/// A write that is due, with everything `apply` needs to find and check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The tenant as Git wants it.
    pub tenant: Tenant,
    /// The token as Git wants it, with the id that Git, the ledger or Intune knows.
    pub token: Token,
    /// Intune's facts that must still be true directly before the write.
    pub before: Option<Facts>,
    /// Facts that Intune is expected to have after it.
    pub after: Facts,
    /// Holds that a reviewed `allow` line released.
    pub allows: Vec<Reason>,
    pub write: DueWrite,
}

impl Due {
    pub fn kind(&self) -> Kind {
        self.token.token.kind
    }

    pub fn action(&self) -> Action {
        match self.write {
            DueWrite::UploadPush { .. }
            | DueWrite::UploadEnrollment { .. }
            | DueWrite::UploadVpp { .. } => Action::Upload,
            DueWrite::CreateVpp { .. } => Action::Create,
            DueWrite::ConfigurePush { .. }
            | DueWrite::ConfigureEnrollment { .. }
            | DueWrite::ConfigureVpp { .. } => Action::Configure,
        }
    }

    /// The sealed file of the credential that Intune is to have; a change of settings brings none.
    pub fn file(&self) -> Option<&TokenFile> {
        match &self.write {
            DueWrite::UploadPush { file, .. }
            | DueWrite::UploadEnrollment { file, .. }
            | DueWrite::UploadVpp { file, .. }
            | DueWrite::CreateVpp { file, .. } => Some(file),
            DueWrite::ConfigurePush { .. }
            | DueWrite::ConfigureEnrollment { .. }
            | DueWrite::ConfigureVpp { .. } => None,
        }
    }

    /// The sealed file that has to be opened: also the one that Intune has already, where it goes
    /// along with a setting.
    pub fn opens(&self) -> Option<&TokenFile> {
        match &self.write {
            DueWrite::ConfigurePush { file, .. } => Some(file),
            _ => self.file(),
        }
    }

    /// The settings that go along, or all there is to do.
    pub fn settings(&self) -> Option<&Settings> {
        match &self.write {
            DueWrite::UploadEnrollment { settings, .. }
            | DueWrite::ConfigureEnrollment { settings, .. }
            | DueWrite::UploadVpp { settings, .. }
            | DueWrite::ConfigureVpp { settings, .. } => Some(settings),
            DueWrite::UploadPush { .. }
            | DueWrite::ConfigurePush { .. }
            | DueWrite::CreateVpp { .. } => None,
        }
    }
}

/// What is written, by what its request cannot do without: a blank id would address another
/// object, and Intune takes a blank Apple Account for a removal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DueWrite {
    UploadPush {
        file: TokenFile,
        apple_id: String,
    },
    /// The certificate that Intune has, once more, with another Apple Account: Intune takes the
    /// account only together with a certificate.
    ConfigurePush {
        file: TokenFile,
        apple_id: String,
    },
    UploadEnrollment {
        id: String,
        file: TokenFile,
        apple_id: String,
        settings: Settings,
        /// The public key that Intune can open files for, as Graph gave it; `None` where it could
        /// not be read.
        encryption_key: Option<String>,
    },
    ConfigureEnrollment {
        id: String,
        settings: Settings,
    },
    UploadVpp {
        id: String,
        file: TokenFile,
        settings: Settings,
    },
    ConfigureVpp {
        id: String,
        settings: Settings,
    },
    CreateVpp {
        name: String,
        file: TokenFile,
        apple_id: String,
    },
}

impl DueWrite {
    /// The write that `action` asks for, or why it is held after all: the request would lack
    /// something. `token.token` names the token by the id that Git, the ledger or Intune knows.
    pub(super) fn of(
        action: Action,
        token: &Token,
        apple_id: Option<&str>,
        settings: Settings,
        encryption_key: Option<String>,
    ) -> Result<Self, Reason> {
        let id = || token.token.id.clone().filter(|id| !id.is_empty()).ok_or(Reason::Ambiguous);
        let file = || token.file.clone().ok_or(Reason::Ambiguous);
        let apple_id = || {
            let known = apple_id.filter(|id| !id.trim().is_empty());
            known.map(str::to_owned).ok_or(Reason::AppleIdMissing)
        };
        Ok(match (action, token.token.kind) {
            (Action::Upload, Kind::Push) => {
                Self::UploadPush { file: file()?, apple_id: apple_id()? }
            }
            (Action::Upload, Kind::Enrollment) => Self::UploadEnrollment {
                id: id()?,
                file: file()?,
                apple_id: apple_id()?,
                settings,
                encryption_key,
            },
            (Action::Upload, Kind::Vpp) => Self::UploadVpp { id: id()?, file: file()?, settings },
            (Action::Configure, Kind::Push) => {
                Self::ConfigurePush { file: file()?, apple_id: apple_id()? }
            }
            (Action::Configure, Kind::Enrollment) => {
                Self::ConfigureEnrollment { id: id()?, settings }
            }
            (Action::Configure, Kind::Vpp) => Self::ConfigureVpp { id: id()?, settings },
            (Action::Create, Kind::Vpp) => {
                let name = token.token.name.clone().ok_or(Reason::Ambiguous)?;
                Self::CreateVpp { name, file: file()?, apple_id: apple_id()? }
            }
            // Intune makes push certificates and enrollment tokens in its portal only.
            (Action::Create, Kind::Push | Kind::Enrollment)
            | (Action::None | Action::Verify | Action::Hold, _) => return Err(Reason::Ambiguous),
        })
    }
}

/// A file in Git of which Intune should have the credential already. It is opened and compared, and
/// nothing is uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verify {
    pub name: TenantName,
    pub tenant_id: TenantId,
    /// The token as Git wants it, with the id that Git, the ledger or Intune knows.
    pub token: Token,
    pub file: TokenFile,
    /// What Intune has, to compare the opened file with.
    pub live: Facts,
}

/// A [`Note`] and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    pub name: TenantName,
    pub tenant_id: TenantId,
    pub token: TokenRef,
    /// The file in Git.
    pub file: Option<FileRef>,
    /// The facts in Intune; `None` when proved absent.
    pub live: Option<Facts>,
    pub note: Note,
}

impl Noted {
    /// The digest of the file that it is about.
    pub fn sha256(&self) -> Option<Sha256> {
        self.file.map(|file| file.sha256)
    }
}

/// Whether a kind's wire encoding is proved, and what follows for its uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Canary {
    /// An upload in it was seen in Intune: all files may be uploaded.
    Proved,
    /// This token is uploaded alone and waited for, then the others.
    First {
        tenant_id: TenantId,
        token: TokenRef,
        /// Tenants whose file was refused in this encoding: one more, and the kind stops.
        refused: BTreeSet<TenantId>,
    },
    /// Nothing of the kind is sent yet: a sending may still show.
    Pending(String),
    /// Nothing of the kind is uploaded: the tokens that went first failed in two tenants.
    Failed(String),
}

/// A plan with what is not part of its public form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    pub plan: Plan,
    /// The writes that are due, in the plan's order.
    pub due: Vec<Due>,
    /// The files that are opened and compared with what Intune has.
    pub verifies: Vec<Verify>,
    /// What the ledger should learn although nothing is uploaded.
    pub notes: Vec<Noted>,
    /// For each kind with an upload: whether its wire encoding is proved, and what follows.
    pub canaries: BTreeMap<Kind, Canary>,
    /// Writes that are due and not in the plan file that was reviewed; see
    /// [`Planned::keep_only`].
    pub left_out: Vec<Due>,
    /// By how many seconds Microsoft's clock differs from this machine's, for tenants where that is
    /// too much to announce or record anything.
    pub skews: BTreeMap<TenantId, i64>,
    /// The same of every tenant for which Microsoft answered, however little it is.
    pub clocks: BTreeMap<TenantId, i64>,
}

impl Planned {
    /// By how many seconds this machine's clock is wrong, where most of the tenants that answered say so.
    /// One of them alone may be behind a proxy that is wrong itself. Two machines that each pass are no
    /// further apart than two right clocks may be.
    pub fn clock_error(&self) -> Option<i64> {
        let answered = |one: &&PlannedTenant| one.observed != Observed::None;
        let answered = self.plan.tenants.iter().filter(answered).count();
        let off = || self.clocks.values().copied().filter(|seconds| seconds.abs() > SKEW_WARNING);
        let most = off().max_by_key(|seconds| seconds.abs());
        most.filter(|_| off().count() * 2 > answered)
    }
}

/// `this machine's clock is 21 minutes ahead of Microsoft's`, of seconds by which Microsoft's is ahead.
pub fn clock_told(seconds: i64) -> String {
    let minutes = seconds.abs() / 60;
    let by = match (minutes / (24 * 60), minutes / 60) {
        (0, 0) => format!("{minutes} minutes"),
        (0, hours) => format!("{hours} hours"),
        (days, _) => format!("{days} days"),
    };
    let how = if seconds < 0 { "ahead of" } else { "behind" };
    format!("this machine's clock is {by} {how} Microsoft's")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::world::{enrollment_entry, push_entry, vpp_entry};

    const NEXT_YEAR: &str = "2027-11-20T10:00:00Z";

    fn of(action: Action, token: &Token, apple_id: Option<&str>) -> Result<DueWrite, Reason> {
        DueWrite::of(action, token, apple_id, Settings::default(), None)
    }

    #[test]
    fn what_would_lack_an_account_is_no_write() {
        let push = push_entry("AA", "com.apple.mgmt.External.1", NEXT_YEAR);
        let enrollment = enrollment_entry("AA");
        let new = vpp_entry("London", None, "AA", NEXT_YEAR);
        for (action, token) in [
            (Action::Upload, &push),
            (Action::Configure, &push),
            (Action::Upload, &enrollment),
            (Action::Create, &new),
        ] {
            for blank in [None, Some(""), Some(" \t")] {
                assert_eq!(of(action, token, blank), Err(Reason::AppleIdMissing), "{token:?}");
            }
            assert!(of(action, token, Some("mdm@contoso.example")).is_ok());
        }
    }

    #[test]
    fn what_would_lack_an_id_or_a_file_is_no_write() {
        let account = Some("vpp@contoso.example");
        for id in [None, Some("")] {
            let token = vpp_entry("London", id, "AA", NEXT_YEAR);
            for action in [Action::Upload, Action::Configure] {
                assert_eq!(of(action, &token, account), Err(Reason::Ambiguous));
            }
        }
        let mut watched = vpp_entry("London", Some("vpp-1"), "AA", NEXT_YEAR);
        watched.file = None;
        assert_eq!(of(Action::Upload, &watched, account), Err(Reason::Ambiguous));
        let push = push_entry("AA", "com.apple.mgmt.External.1", NEXT_YEAR);
        for action in [Action::Create, Action::None, Action::Hold] {
            assert_eq!(of(action, &push, account), Err(Reason::Ambiguous), "{action:?}");
        }
    }

    #[test]
    fn a_clock_is_wrong_where_most_of_those_that_answered_say_so() {
        let mut planned = crate::plan::world::World::equal().planned();
        assert_eq!(planned.clock_error(), None);
        let id = planned.plan.tenants[0].tenant_id.unwrap();
        planned.clocks.insert(id, -1300);
        assert_eq!(planned.clock_error(), Some(-1300));
        let told = clock_told(-1300);
        assert_eq!(told, "this machine's clock is 21 minutes ahead of Microsoft's");
        let other = planned.plan.tenants[0].clone();
        planned.plan.tenants.push(other);
        assert_eq!(planned.clock_error(), None, "half of them is not most");
    }
}
