//! A recipient of the fleet's list: which kinds files are encrypted to, and what the others are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A kind of public key that files can be encrypted to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecipientKind {
    /// `age1` and 58 letters, which `age-keygen` makes.
    X25519,
    /// A hardware key's, for which age writes a tag (`age1tag1…`). Only its plugin opens what is
    /// encrypted to it.
    Tagged,
    Ssh,
}

/// Why files are not encrypted to something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecipientFault {
    PrivateKey,
    PostQuantum,
    Plugin {
        /// The program that age would start, such as `age-plugin-yubikey`.
        program: String,
    },
    SshKind,
    /// An age key with letters missing or changed.
    Damaged,
    Unknown,
}

impl RecipientKind {
    /// The kind of a public key, as `recipients` has it.
    ///
    /// # Errors
    /// When nothing can be encrypted to it.
    pub fn of(text: &str) -> Result<Self, RecipientFault> {
        if text.starts_with("AGE-SECRET-KEY")
            || text.starts_with("AGE-PLUGIN-")
            || text.contains("PRIVATE KEY")
        {
            return Err(RecipientFault::PrivateKey);
        }
        if text.starts_with("age1") {
            return of_age(text);
        }
        match is_ssh_key(text) {
            true => Ok(Self::Ssh),
            false
                if ["sk-ssh-", "sk-ecdsa-", "ecdsa-sha2-", "ssh-dss"]
                    .iter()
                    .any(|start| text.starts_with(start)) =>
            {
                Err(RecipientFault::SshKind)
            }
            false => Err(RecipientFault::Unknown),
        }
    }

    /// Whether this program can open what is encrypted to it, given the private key.
    pub(crate) fn opens_here(self) -> bool {
        match self {
            Self::X25519 | Self::Ssh => true,
            Self::Tagged => false,
        }
    }
}

/// By what stands before the last `1`: no letter of the key itself is one.
fn of_age(text: &str) -> Result<RecipientKind, RecipientFault> {
    let kind = text.rsplit_once('1').map(|(kind, _)| kind).unwrap_or_default();
    match kind {
        "age" => octets(text, "age", 32).map(|()| RecipientKind::X25519),
        // A compressed point of P-256.
        "age1tag" => octets(text, "age1tag", 33).map(|()| RecipientKind::Tagged),
        // age encrypts no file to one of these and to a key of another kind.
        "age1pq" | "age1tagpq" => Err(RecipientFault::PostQuantum),
        _ => {
            let name = kind.strip_prefix("age1").unwrap_or_default();
            let is_name = |c: char| c.is_ascii_alphanumeric() || "+-._".contains(c);
            match !name.is_empty() && name.len() <= 40 && name.chars().all(is_name) {
                true => Err(RecipientFault::Plugin { program: format!("age-plugin-{name}") }),
                false => Err(RecipientFault::Damaged),
            }
        }
    }
}

/// Whether it is so many octets in Bech32, with its checksum (<https://c2sp.org/age>).
fn octets(text: &str, kind: &str, count: usize) -> Result<(), RecipientFault> {
    use bech32::primitives::decode::CheckedHrpstring;
    CheckedHrpstring::new::<bech32::Bech32>(text)
        .ok()
        .filter(|read| read.hrp().as_str() == kind && read.byte_iter().count() == count)
        .map(|_| ())
        .ok_or(RecipientFault::Damaged)
}

fn is_ssh_key(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace();
    let (Some(algorithm @ ("ssh-ed25519" | "ssh-rsa")), Some(blob)) = (words.next(), words.next())
    else {
        return false;
    };
    let Ok(blob) = STANDARD.decode(blob) else { return false };
    let prefix = [&(algorithm.len() as u32).to_be_bytes(), algorithm.as_bytes()].concat();
    let fits = if algorithm == "ssh-ed25519" { blob.len() == 51 } else { blob.len() > 200 };
    fits && blob.starts_with(&prefix)
}

impl RecipientFault {
    /// What it is, to follow its name.
    pub fn what(&self) -> String {
        match self {
            Self::PrivateKey => "is a private key".to_owned(),
            Self::PostQuantum => {
                "is a post-quantum age key, which this version does not encrypt to".to_owned()
            }
            Self::Plugin { program } => format!(
                "is a key of {program}, and age plugins are not supported: the program that uploads could not open the files with a hardware key"
            ),
            Self::SshKind => "is an SSH key of a kind that age does not encrypt to".to_owned(),
            Self::Damaged | Self::Unknown => "is not a key that files can be sealed to".to_owned(),
        }
    }

    /// What to write instead, to follow "help:".
    pub fn help(&self) -> &'static str {
        match self {
            Self::PrivateKey => {
                "write the public key (`age-keygen -y`), and replace this key: Git keeps it forever"
            }
            Self::PostQuantum => {
                "write an X25519 key (age1… of 62 characters), which `age-keygen` makes without -pq"
            }
            Self::Plugin { .. } => {
                "write an X25519 key (age1… of 62 characters), which `age-keygen` makes; a hardware key with a tag (age1tag1…) may stand beside it"
            }
            Self::SshKind => "write a key of ssh-ed25519 or ssh-rsa, or an age key (age1…)",
            Self::Damaged => {
                "letters of this age key are missing or changed: copy it again (`age-keygen -y FILE` prints it)"
            }
            Self::Unknown => "write a public key: age1…, ssh-ed25519 AAAA… or ssh-rsa AAAA…",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGGED: &str = "age1tag1qt8lw0ual6avlwmwatk888yqnmdamm7xfd0wak53ut6elz5c4swx2yqdj4e";

    #[test]
    fn every_kind_of_public_key_is_known() {
        let ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8e3w0hJ2dH0m2iT7xTn9mGqkq0y8tD6o4kqv0dW5aG me@host";
        assert_eq!(RecipientKind::of(ssh), Ok(RecipientKind::Ssh));
        assert_eq!(RecipientKind::of(TAGGED), Ok(RecipientKind::Tagged));
        let fault = |text: &str| RecipientKind::of(text).unwrap_err();
        let yubikey = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";
        assert_eq!(fault(yubikey), RecipientFault::Plugin { program: "age-plugin-yubikey".into() });
        assert_eq!(fault(&format!("age1pq1{}", "q".repeat(1952))), RecipientFault::PostQuantum);
        assert_eq!(fault(&format!("age1tagpq1{}", "q".repeat(2000))), RecipientFault::PostQuantum);
        assert_eq!(fault(&TAGGED[..60]), RecipientFault::Damaged);
        assert_eq!(fault("age1qqqq"), RecipientFault::Damaged);
        assert_eq!(fault("AGE-SECRET-KEY-PQ-1X"), RecipientFault::PrivateKey);
        assert_eq!(fault("AGE-PLUGIN-YUBIKEY-1X"), RecipientFault::PrivateKey);
        let hardware = "sk-ssh-ed25519@openssh.com AAAAGnNr";
        assert_eq!(fault(hardware), RecipientFault::SshKind);
        for none in ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8e", "ssh-rsa", "", "dana@msp.example"]
        {
            assert_eq!(fault(none), RecipientFault::Unknown, "{none:?}");
        }
    }
}
