//! Which key a commit's signature names. Nothing is verified here.
//!
//! SSH: `PROTOCOL.sshsig` of OpenSSH. OpenPGP: RFC 9580, section 5.2 (signature packets of versions
//! 4 and 6, subpackets 16 and 33).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use applecart_core::model::{Sha256, Signature, SignatureFormat, Verification};

/// More than any key's signature has.
const MAX_SIGNATURE: usize = 64 * 1024;

/// The signature of a commit's `gpgsig` header.
pub(super) fn named(text: &str) -> Signature {
    let first = text.lines().next().unwrap_or_default().trim();
    let format = match first {
        "-----BEGIN SSH SIGNATURE-----" => SignatureFormat::Ssh,
        "-----BEGIN PGP SIGNATURE-----" | "-----BEGIN PGP MESSAGE-----" => SignatureFormat::Openpgp,
        "-----BEGIN SIGNED MESSAGE-----" => SignatureFormat::X509,
        _ => SignatureFormat::Other,
    };
    let bytes = Some(text).filter(|text| text.len() <= MAX_SIGNATURE).and_then(armored);
    let key = match (format, bytes) {
        (SignatureFormat::Ssh, Some(bytes)) => ssh_key(&bytes),
        (SignatureFormat::Openpgp, Some(bytes)) => openpgp_key(&bytes),
        _ => None,
    };
    Signature { format, key, verified: Verification::Unknown }
}

/// The bytes between an armor's first and last line; headers and OpenPGP's checksum left out.
fn armored(text: &str) -> Option<Vec<u8>> {
    let mut body = String::new();
    for line in text.lines().skip(1).map(str::trim) {
        if line.starts_with("-----END") {
            break;
        }
        if !line.contains(':') && !line.starts_with('=') {
            body.push_str(line);
        }
    }
    STANDARD.decode(body).ok()
}

/// `SHA256:…` of the public key that an SSH signature carries, as `ssh-keygen -l` shows it.
fn ssh_key(bytes: &[u8]) -> Option<String> {
    let rest = bytes.strip_prefix(b"SSHSIG")?.get(4..)?;
    let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
    let key = rest.get(4..)?.get(..length)?;
    let digest = hex::decode(Sha256::of(key).to_string()).ok()?;
    Some(format!("SHA256:{}", STANDARD_NO_PAD.encode(digest)))
}

/// The fingerprint of the key that an OpenPGP signature names, else its key id.
fn openpgp_key(bytes: &[u8]) -> Option<String> {
    let body = packet(bytes)?;
    let (hashed, rest) = match body.first()? {
        4 => lengthed::<2>(body.get(4..)?)?,
        6 => lengthed::<4>(body.get(4..)?)?,
        _ => return None,
    };
    let (unhashed, _) = match body.first()? {
        6 => lengthed::<4>(rest)?,
        _ => lengthed::<2>(rest)?,
    };
    let find = |wanted: u8| [hashed, unhashed].into_iter().find_map(|area| subpacket(area, wanted));
    // A fingerprint has the key's version in front.
    let fingerprint = find(33).and_then(|value| value.get(1..));
    fingerprint.or_else(|| find(16)).map(hex::encode_upper)
}

/// Bytes with their length, of `N` bytes, in front; and what follows.
fn lengthed<const N: usize>(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = bytes.get(..N)?.iter().fold(0_usize, |sum, &byte| sum << 8 | usize::from(byte));
    bytes.get(N..)?.split_at_checked(length)
}

/// The body of a signature packet, which must be the first.
fn packet(bytes: &[u8]) -> Option<&[u8]> {
    let tag = *bytes.first()?;
    let rest = bytes.get(1..)?;
    if tag & 0xc0 == 0xc0 {
        let (length, rest) = new_length(rest)?;
        return (tag & 0x3f == 2).then(|| rest.get(..length))?;
    }
    if tag & 0x80 == 0 || tag >> 2 & 0xf != 2 {
        return None;
    }
    match tag & 3 {
        0 => lengthed::<1>(rest).map(|(body, _)| body),
        1 => lengthed::<2>(rest).map(|(body, _)| body),
        2 => lengthed::<4>(rest).map(|(body, _)| body),
        _ => Some(rest),
    }
}

/// The length of a new-format packet or a subpacket; and what follows.
fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let first = usize::from(*bytes.first()?);
    match first {
        0..=191 => Some((first, bytes.get(1..)?)),
        192..=254 => {
            let second = usize::from(*bytes.get(1)?);
            Some((((first - 192) << 8) + second + 192, bytes.get(2..)?))
        }
        _ => {
            let length = u32::from_be_bytes(bytes.get(1..5)?.try_into().ok()?) as usize;
            Some((length, bytes.get(5..)?))
        }
    }
}

fn subpacket(mut area: &[u8], wanted: u8) -> Option<&[u8]> {
    while !area.is_empty() {
        let (length, rest) = new_length(area)?;
        let (packet, next) = rest.split_at_checked(length)?;
        let (&kind, value) = packet.split_first()?;
        if kind & 0x7f == wanted {
            return Some(value);
        }
        area = next;
    }
    None
}
