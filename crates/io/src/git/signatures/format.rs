//! What a commit says about its own signature. Nothing of it is believed; it tells which program
//! is to judge, and names the key in a refusal.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::signature::{Signature, SignatureFormat, Signer};

/// The namespace in which Git signs.
pub(super) const NAMESPACE: &str = "git";

/// The signature that a commit carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    None,
    Ssh {
        /// `SHA256:…`, the fingerprint of the key that it names.
        key: String,
        /// What it was made for.
        namespace: String,
    },
    OpenPgp,
    /// One that is not judged.
    Other {
        /// What it is, in words.
        what: &'static str,
    },
}

impl Claim {
    /// What it is worth where no keys of its kind are named.
    pub(super) fn without_files(&self) -> Signature {
        match self {
            Self::None => Signature::Unsigned,
            Self::Other { what } => Signature::Unsupported { what },
            Self::Ssh { key, .. } => Signature::UnknownKey(Signer {
                name: None,
                key: key.clone(),
                format: SignatureFormat::Ssh,
            }),
            Self::OpenPgp => Signature::UnknownKey(Signer {
                name: None,
                key: String::new(),
                format: SignatureFormat::OpenPgp,
            }),
        }
    }
}

/// The claim of a commit object's content.
pub(super) fn claim(commit: &[u8]) -> Claim {
    let mut signatures: Vec<Vec<u8>> = Vec::new();
    let mut is_signature = false;
    for line in commit.split(|&byte| byte == b'\n') {
        if line.is_empty() {
            break;
        }
        if let Some(more) = line.strip_prefix(b" ") {
            if let Some(text) = signatures.last_mut().filter(|_| is_signature) {
                text.push(b'\n');
                text.extend_from_slice(more);
            }
            continue;
        }
        let first = line.strip_prefix(b"gpgsig ");
        is_signature = first.is_some();
        signatures.extend(first.map(<[u8]>::to_vec));
    }
    let text = match signatures.as_slice() {
        [] => return Claim::None,
        [one] => String::from_utf8_lossy(one).into_owned(),
        _ => return Claim::Other { what: "more than one signature" },
    };
    if text.starts_with("-----BEGIN PGP SIGNATURE-----")
        || text.starts_with("-----BEGIN PGP MESSAGE-----")
    {
        return Claim::OpenPgp;
    }
    if text.starts_with("-----BEGIN SIGNED MESSAGE-----") {
        return Claim::Other { what: "an X.509 signature" };
    }
    let ssh = text
        .strip_prefix("-----BEGIN SSH SIGNATURE-----")
        .and_then(|text| text.split_once("-----END SSH SIGNATURE-----"))
        .and_then(|(body, _)| ssh(body));
    ssh.unwrap_or(Claim::Other { what: "a signature of an unknown format" })
}

/// The signature's body, as PROTOCOL.sshsig of OpenSSH describes it: `SSHSIG`, a version, the
/// public key, the namespace, and what is not looked at here.
fn ssh(body: &str) -> Option<Claim> {
    let body: String = body.split_whitespace().collect();
    let blob = STANDARD.decode(body).ok()?;
    let rest = blob.strip_prefix(b"SSHSIG")?;
    let (version, rest) = rest.split_first_chunk::<4>()?;
    if u32::from_be_bytes(*version) != 1 {
        return None;
    }
    let (key, rest) = string(rest)?;
    let (namespace, _) = string(rest)?;
    let key = format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)));
    Some(Claim::Ssh { key, namespace: String::from_utf8_lossy(namespace).into_owned() })
}

/// A string of SSH's wire format, and what follows it.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}
