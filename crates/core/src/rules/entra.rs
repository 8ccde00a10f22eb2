//! What an application needs in a tenant, and what Entra's numbers say that it lacks.
//!
//! The ids are those of Microsoft Graph's own permissions, the same in every tenant:
//! <https://learn.microsoft.com/en-us/graph/permissions-reference>. The numbers are Entra's:
//! <https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes>.

use crate::words::kebab_enum;

/// Microsoft Graph, as applications name it.
pub const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// A permission of Microsoft Graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    pub name: &'static str,
    /// Its id for an application that signs in by itself.
    pub role: &'static str,
    /// Its id for people who sign in with the application.
    pub scope: &'static str,
}

const READ: Permission = Permission {
    name: "DeviceManagementServiceConfig.Read.All",
    role: "06a5fe6d-c49d-46a7-b082-56b1b14103c7",
    scope: "8696daa5-bce5-4b2e-83f9-51b6defc4e1e",
};
const WRITE: Permission = Permission {
    name: "DeviceManagementServiceConfig.ReadWrite.All",
    role: "5ac13192-7ace-4fcf-b828-1a26f28068ee",
    scope: "662ed50a-ac44-4eef-ad86-62eed9be2a29",
};
const APPS_READ: Permission = Permission {
    name: "DeviceManagementApps.Read.All",
    role: "7a6ee1e7-141e-4cec-ae74-d9db155731ff",
    scope: "4edf5f54-4666-44af-9de9-0144fb4b6e8c",
};
/// Lists a partner's customers, in the partner's own tenant.
const DIRECTORY_READ: &str = "Directory.Read.All";

/// Lets a token read how many devices Intune manages. Nothing needs it: whoever gives it is told how many
/// devices depend on a credential.
pub const COUNT_DEVICES: &str = "DeviceManagementManagedDevices.Read.All";

kebab_enum! {
    /// What an application is for.
    Duty {
        /// `plan`, `status` and all else that only reads.
        Reader => "reads",
        /// `apply` and requests for Apple.
        Writer => "writes",
    }
}

impl Duty {
    /// What people call the application.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reader => "the application that reads",
            Self::Writer => "the application that uploads",
        }
    }

    /// The permissions that it is given.
    pub fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Reader => &[READ, APPS_READ],
            Self::Writer => &[WRITE],
        }
    }

    /// Those of them that a token lacks. Who may write may read.
    pub fn missing(self, granted: &[String]) -> Vec<&'static str> {
        let has = |name: &str| granted.iter().any(|one| one == name);
        if has(WRITE.name) {
            return Vec::new();
        }
        let lacks = |one: &&Permission| !has(one.name);
        self.permissions().iter().filter(lacks).map(|one| one.name).collect()
    }

    /// What a token may do beyond what it is for: whoever steals it may do that, too.
    pub fn beyond(self, granted: &[String]) -> Vec<&str> {
        let harmless = [READ.name, APPS_READ.name, DIRECTORY_READ, COUNT_DEVICES];
        // Of people, Entra adds what it needs to sign them in.
        let of_people = ["openid", "profile", "email", "offline_access", "User.Read"];
        let fits = |name: &str| {
            harmless.contains(&name)
                || of_people.contains(&name)
                || self.permissions().iter().any(|one| one.name == name)
        };
        granted.iter().map(String::as_str).filter(|name| !fits(name)).collect()
    }
}

kebab_enum! {
    /// What of the application a tenant lacks.
    Lack {
        /// It is not in the tenant's directory.
        Application => "application",
        /// It is there, and no administrator has consented to what it asks for.
        Consent => "consent",
    }
}

/// What a refused sign-in says that the tenant lacks, and why.
pub fn lack(number: u64) -> Option<(Lack, &'static str)> {
    Some(match number {
        700_016 | 7_000_229 => (Lack::Application, "the application does not exist in the tenant"),
        65001 | 90094 | 90099 => (Lack::Consent, "the tenant has not consented to the application"),
        650_052 | 650_057 => (
            Lack::Consent,
            "the tenant does not have a service the application asks for, or its consent is old",
        ),
        7_000_112 => (
            Lack::Consent,
            "the application is disabled; switch on `Enabled for users to sign-in` under Enterprise applications in the tenant, or enable it in its home tenant",
        ),
        500_011 => (
            Lack::Consent,
            "the tenant has no service principal of Microsoft Graph, or is in another cloud than the sign-in; consenting makes one",
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn whoever_may_write_may_read_and_a_reader_that_may_write_may_do_too_much() {
        let writer = granted(&[WRITE.name]);
        assert_eq!(Duty::Reader.missing(&writer), [""; 0]);
        assert_eq!(Duty::Writer.missing(&writer), [""; 0]);
        assert_eq!(Duty::Writer.beyond(&writer), [""; 0]);
        assert_eq!(Duty::Reader.beyond(&granted(&[COUNT_DEVICES])), [""; 0]);
        assert_eq!(Duty::Reader.beyond(&writer), [WRITE.name]);
    }

    #[test]
    fn what_a_token_lacks_and_what_it_may_do_beside_is_named() {
        let half = granted(&[READ.name, "Directory.ReadWrite.All"]);
        assert_eq!(Duty::Reader.missing(&half), [APPS_READ.name]);
        assert_eq!(Duty::Writer.missing(&half), [WRITE.name]);
        assert_eq!(Duty::Reader.beyond(&half), ["Directory.ReadWrite.All"]);
        assert_eq!(Duty::Reader.missing(&[]), [READ.name, APPS_READ.name]);
    }
}
