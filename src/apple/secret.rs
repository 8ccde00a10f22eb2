//! Whether bytes from anywhere hold a secret in the clear: a token, a private key, an age identity.
//!
//! It is the content that tells, never a name. Marks that stand in documentation or in a pattern
//! (`-----BEGIN PRIVATE KEY-----` and nothing after it) are no secrets: what follows must be long
//! enough to be one. A push certificate alone is public.

use std::collections::BTreeSet;

use memchr::memmem;

use super::content::{self, Content, Other};
use super::{radix64, text};
use crate::model::Kind;

/// What lies open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// An enrollment program token as Apple hands it out, encrypted to Intune's key alone.
    EnrollmentToken,
    /// The same, opened.
    EnrollmentCredentials,
    /// A VPP content token, a bearer secret.
    VppToken,
    /// A private key in PEM, DER, OpenSSH's, OpenPGP's or PuTTY's form.
    PrivateKey,
    /// A PKCS#12 file.
    KeyStore,
    /// A native age identity.
    AgeIdentity,
}

/// The shortest key there is (Ed25519 in PKCS#8) has 64 letters of base64.
const SHORTEST_KEY: usize = 60;
/// A bech32 age identity has 58 letters after its prefix.
const IDENTITY: usize = 58;
const AGE: [&[u8]; 2] = [b"AGE-SECRET-KEY-1", b"AGE-SECRET-KEY-PQ-1"];
/// What `-----BEGIN ` is in base64.
const BEGIN_IN_BASE64: &[u8] = b"LS0tLS1CRUdJTi";
/// What `{"` is in base64.
const JSON_IN_BASE64: &[u8] = b"eyJ";

/// All kinds of secrets that stand in the bytes. Nothing of the bytes is kept.
pub fn secrets_in(bytes: &[u8]) -> BTreeSet<SecretKind> {
    let mut found = BTreeSet::new();
    if bytes.is_empty() || is_sealed(bytes) {
        return found;
    }
    // UTF-16, as PowerShell writes it, hides every mark.
    let wide =
        matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [_, 0, _, 0, ..] | [0, _, 0, _, ..]);
    match wide.then(|| text::decode(bytes)).flatten() {
        Some(decoded) => marks(decoded.text.as_bytes(), &mut found, 1),
        None => marks(bytes, &mut found, 1),
    }
    if may_be_token(bytes) {
        whole(bytes, &mut found);
    }
    found
}

fn is_sealed(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    let armored = start.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----");
    // What stands after the armour is no part of it.
    let ends = || bytes.trim_ascii_end().ends_with(b"-----END AGE ENCRYPTED FILE-----");
    start.starts_with(b"age-encryption.org/") || (armored && ends())
}

/// A glance that spares most files the whole look.
fn may_be_token(bytes: &[u8]) -> bool {
    const MARKS: [&[u8]; 8] = [
        b"pkcs7-mime",
        b"BEGIN PKCS7",
        b"BEGIN CMS",
        b"\"expDate\"",
        b"\"orgName\"",
        b"MII",
        b"MIA",
        b"consumer_secret",
    ];
    matches!(
        bytes,
        [0x30, ..] | [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [_, 0, _, 0, ..] | [0, _, 0, _, ..]
    ) || MARKS.iter().any(|mark| has(bytes, mark))
        || is_base64(bytes)
}

/// Whether it begins with a long run of base64, maybe of base64.
fn is_base64(bytes: &[u8]) -> bool {
    let start = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).take(64);
    let mut length = 0;
    for byte in start {
        if !is_letter(byte) {
            return false;
        }
        length += 1;
    }
    length == 64
}

/// The file taken as one thing, with whatever layers are around it.
fn whole(bytes: &[u8], found: &mut BTreeSet<SecretKind>) {
    let look = content::look(bytes);
    match &look.content {
        Content::Cms(_) => found.insert(SecretKind::EnrollmentToken),
        Content::Vpp(json) => is_vpp(json) && found.insert(SecretKind::VppToken),
        Content::SeveralVpp | Content::Broken(Kind::Vpp) => found.insert(SecretKind::VppToken),
        Content::Credentials => {
            has(bytes, b"CS_")
                && has(bytes, b"consumer_secret")
                && found.insert(SecretKind::EnrollmentCredentials)
        }
        // Armoured ones are looked at closer, for their marks stand in texts about keys, too.
        Content::Other(Other::PrivateKey) => {
            !has(bytes, b"PRIVATE KEY")
                && !has(bytes, b"AGE-SECRET-KEY-")
                && !has(bytes, b"PuTTY")
                && found.insert(SecretKind::PrivateKey)
        }
        Content::Other(Other::KeyStore) => found.insert(SecretKind::KeyStore),
        _ => false,
    };
}

fn is_vpp(json: &[u8]) -> bool {
    has(json, b"\"token\"") && (has(json, b"\"expDate\"") || has(json, b"\"orgName\""))
}

/// Secrets anywhere in a text.
fn marks(bytes: &[u8], found: &mut BTreeSet<SecretKind>, layers: usize) {
    for prefix in AGE {
        let is_one = |rest: &[u8]| {
            rest.iter()
                .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
                .count()
                >= IDENTITY
        };
        if after(bytes, prefix).any(is_one) {
            found.insert(SecretKind::AgeIdentity);
        }
    }
    if after(bytes, b"-----BEGIN ").any(is_key) {
        found.insert(SecretKind::PrivateKey);
    }
    if has(bytes, b"PuTTY-User-Key-File-") && has(bytes, b"Private-Lines:") {
        found.insert(SecretKind::PrivateKey);
    }
    for run in after(bytes, JSON_IN_BASE64) {
        let decoded = radix64::head(&letters(JSON_IN_BASE64, run));
        if is_vpp(&decoded) {
            found.insert(SecretKind::VppToken);
        }
    }
    if layers > 0 {
        for run in after(bytes, BEGIN_IN_BASE64) {
            marks(&radix64::head(&letters(BEGIN_IN_BASE64, run)), found, layers - 1);
        }
    }
}

/// Whether a block that begins here is a private key with a body.
fn is_key(rest: &[u8]) -> bool {
    let head = rest.get(..80.min(rest.len())).unwrap_or_default();
    let Some(end) = head.windows(5).position(|window| window == b"-----") else { return false };
    let (label, body) = rest.split_at(end);
    if !has(label, b"PRIVATE KEY") {
        return false;
    }
    // A broken or cut block counts as far as it goes: it may be the best part of a key.
    let letters = body
        .iter()
        .skip(5)
        .take(16 * 1024)
        .take_while(|byte| **byte != b'-')
        .filter(|byte| is_letter(**byte))
        .count();
    letters >= SHORTEST_KEY
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

fn letters(start: &[u8], rest: &[u8]) -> String {
    let more = rest
        .iter()
        .take(8 * 1024)
        .take_while(|byte| is_letter(**byte) || byte.is_ascii_whitespace());
    start.iter().chain(more).map(|byte| char::from(*byte)).collect()
}

/// What follows each place where `mark` stands.
fn after<'a>(bytes: &'a [u8], mark: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    memmem::find_iter(bytes, mark).filter_map(move |at| bytes.get(at + mark.len()..))
}

fn has(bytes: &[u8], mark: &[u8]) -> bool {
    memmem::find(bytes, mark).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apple::testing;

    fn kinds(bytes: &[u8]) -> Vec<SecretKind> {
        secrets_in(bytes).into_iter().collect()
    }

    fn pem(label: &str) -> String {
        let body =
            format!("{}\n", "MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF");
        ["-----BEGIN ", label, "-----\n", &body, "-----END ", label, "-----\n"].concat()
    }

    #[test]
    fn keys_of_every_form_are_found_wherever_they_stand() {
        for label in [
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "EC PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "ENCRYPTED PRIVATE KEY",
        ] {
            let key = pem(label);
            assert_eq!(kinds(key.as_bytes()), [SecretKind::PrivateKey], "{label}");
            let inside = format!("secret: |\n  {}\nmore: 1\n", key.replace('\n', "\n  "));
            assert_eq!(kinds(inside.as_bytes()), [SecretKind::PrivateKey], "{label}");
            let escaped = format!("{{\"key\": \"{}\"}}", key.replace('\n', "\\n"));
            assert_eq!(kinds(escaped.as_bytes()), [SecretKind::PrivateKey], "{label}");
            let coded =
                format!("tls.key: {}\n", radix64::wrapped(key.as_bytes(), usize::MAX).trim());
            assert_eq!(kinds(coded.as_bytes()), [SecretKind::PrivateKey], "{label}");
            let wide: Vec<u8> = key.encode_utf16().flat_map(u16::to_le_bytes).collect();
            assert_eq!(kinds(&wide), [SecretKind::PrivateKey], "{label}");
        }
        let putty = "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nAAAA\n";
        assert_eq!(kinds(putty.as_bytes()), [SecretKind::PrivateKey]);
        let der = hex::decode("302e020100300506032b6570042204209f8362f87a484a954e6e740c5b4c0e84229139a20aa8ab56ff66586f6a7d29c5").unwrap();
        assert_eq!(kinds(&der), [SecretKind::PrivateKey]);
    }

    #[test]
    fn an_age_identity_is_found_by_its_length() {
        let key = format!(
            "AGE-SECRET-KEY-1{}",
            "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE"
        );
        assert_eq!(
            kinds(format!("# public key: age1…\n{key}\n").as_bytes()),
            [SecretKind::AgeIdentity]
        );
        assert_eq!(kinds(b"export SOPS_AGE_KEY=AGE-SECRET-KEY-1...\n"), []);
    }

    #[test]
    fn tokens_are_found_alone_and_inside_of_something() {
        let vpp = testing::vpp("2027-01-31T00:00:00+0000", "Contoso Ltd");
        assert_eq!(kinds(vpp.as_bytes()), [SecretKind::VppToken]);
        assert_eq!(
            kinds(format!("token: {vpp}\nfor: London\n").as_bytes()),
            [SecretKind::VppToken]
        );
        let token = testing::envelope(&testing::name("x"), &[1]);
        assert_eq!(kinds(testing::mail(&token).as_bytes()), [SecretKind::EnrollmentToken]);
        assert_eq!(kinds(&token), [SecretKind::EnrollmentToken]);
        let opened =
            "-----BEGIN MESSAGE-----\n{\"consumer_secret\":\"CS_1\"}\n-----END MESSAGE-----\n";
        assert_eq!(kinds(opened.as_bytes()), [SecretKind::EnrollmentCredentials]);
    }

    #[test]
    fn what_is_public_or_only_talks_about_secrets_is_none() {
        for text in [
            "grep -q -e '-----BEGIN .*PRIVATE KEY-----' && exit 1\n",
            "A file with -----BEGIN PRIVATE KEY----- must never be committed.\n",
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAn4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcWcWcWcWcWcWcWc\n-----END PUBLIC KEY-----\n",
            "{\"token\": 1}",
            "the consumer_secret is never shown",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln",
            "Content-Type: text/plain\n\npkcs7-mime",
        ] {
            assert_eq!(kinds(text.as_bytes()), [], "{text}");
        }
        assert_eq!(
            kinds(b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n"),
            []
        );
    }
}
