//! Decrypting what a password protects, in today's form: PBES2 with PBKDF2 and AES-CBC (RFC 8018).
//! The forms before it, made of RC2 and triple DES, are not read.

use aes::cipher::generic_array::GenericArray;
use aes::cipher::{BlockDecrypt, KeyInit};
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode as _, Tag, Tagged as _};
use ring::pbkdf2;
use zeroize::Zeroizing;

const PBES2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.13");
const PBKDF2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.5.12");
const HMAC_SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.7");
const HMAC_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.9");
const HMAC_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.10");
const HMAC_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.2.11");
const AES_128: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.2");
const AES_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.1.42");

/// Tools write from 2,048 to some 600,000; this many take seconds.
const MAX_ITERATIONS: u32 = 10_000_000;

const BLOCK: usize = 16;

/// Why something stays shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shut {
    /// A form that is not read here.
    Form,
    /// The password does not fit.
    Password,
}

/// The elements of a DER SEQUENCE, SET or explicit tag.
pub(super) fn elements<'a>(bytes: &'a [u8]) -> Result<Vec<AnyRef<'a>>, Shut> {
    let mut reader = der::SliceReader::new(bytes).map_err(|_| Shut::Form)?;
    let mut found = Vec::new();
    while !der::Reader::is_finished(&reader) {
        found.push(AnyRef::decode(&mut reader).map_err(|_| Shut::Form)?);
    }
    Ok(found)
}

/// The elements of one SEQUENCE.
pub(super) fn sequence<'a>(any: AnyRef<'a>) -> Result<Vec<AnyRef<'a>>, Shut> {
    if any.tag() != Tag::Sequence {
        return Err(Shut::Form);
    }
    elements(any.value())
}

pub(super) fn oid(any: AnyRef<'_>) -> Result<ObjectIdentifier, Shut> {
    any.decode_as().map_err(|_| Shut::Form)
}

pub(super) fn octets<'a>(any: AnyRef<'a>) -> Result<&'a [u8], Shut> {
    (any.tag() == Tag::OctetString).then(|| any.value()).ok_or(Shut::Form)
}

/// Opens an `EncryptedPrivateKeyInfo` (RFC 5958).
pub(super) fn private_key(bytes: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, Shut> {
    let any = AnyRef::from_der(bytes).map_err(|_| Shut::Form)?;
    let &[algorithm, content] = sequence(any)?.as_slice() else { return Err(Shut::Form) };
    decrypt(algorithm, octets(content)?, password)
}

/// Decrypts `content` as an `AlgorithmIdentifier` says.
pub(super) fn decrypt(
    algorithm: AnyRef<'_>,
    content: &[u8],
    password: &str,
) -> Result<Zeroizing<Vec<u8>>, Shut> {
    let &[scheme, parameters] = sequence(algorithm)?.as_slice() else { return Err(Shut::Form) };
    if oid(scheme)? != PBES2 {
        return Err(Shut::Form);
    }
    let &[derivation, cipher] = sequence(parameters)?.as_slice() else { return Err(Shut::Form) };
    let &[cipher, iv] = sequence(cipher)?.as_slice() else { return Err(Shut::Form) };
    let iv: [u8; BLOCK] = octets(iv)?.try_into().map_err(|_| Shut::Form)?;
    match oid(cipher)? {
        AES_128 => {
            let key = derive::<16>(derivation, password)?;
            cbc(&aes::Aes128::new(GenericArray::from_slice(key.as_slice())), iv, content)
        }
        AES_256 => {
            let key = derive::<32>(derivation, password)?;
            cbc(&aes::Aes256::new(GenericArray::from_slice(key.as_slice())), iv, content)
        }
        _ => Err(Shut::Form),
    }
}

fn derive<const N: usize>(
    derivation: AnyRef<'_>,
    password: &str,
) -> Result<Zeroizing<[u8; N]>, Shut> {
    let &[function, parameters] = sequence(derivation)?.as_slice() else { return Err(Shut::Form) };
    if oid(function)? != PBKDF2 {
        return Err(Shut::Form);
    }
    let parameters = sequence(parameters)?;
    let [salt, iterations, optional @ ..] = parameters.as_slice() else { return Err(Shut::Form) };
    let iterations: u32 = iterations.decode_as().map_err(|_| Shut::Form)?;
    let iterations = std::num::NonZeroU32::new(iterations.min(MAX_ITERATIONS + 1));
    let iterations = iterations.filter(|n| n.get() <= MAX_ITERATIONS).ok_or(Shut::Form)?;
    // An optional key length, which the cipher says anyway, and an optional function.
    let function = match optional.iter().find(|any| any.tag() == Tag::Sequence) {
        None => HMAC_SHA1,
        Some(any) => oid(*sequence(*any)?.first().ok_or(Shut::Form)?)?,
    };
    let function = match function {
        HMAC_SHA1 => pbkdf2::PBKDF2_HMAC_SHA1,
        HMAC_SHA256 => pbkdf2::PBKDF2_HMAC_SHA256,
        HMAC_SHA384 => pbkdf2::PBKDF2_HMAC_SHA384,
        HMAC_SHA512 => pbkdf2::PBKDF2_HMAC_SHA512,
        _ => return Err(Shut::Form),
    };
    let mut key = Zeroizing::new([0; N]);
    pbkdf2::derive(function, iterations, octets(*salt)?, password.as_bytes(), key.as_mut_slice());
    Ok(key)
}

/// CBC with PKCS#7 padding. A wrong key shows in the padding, or else in what comes out.
fn cbc(
    cipher: &impl BlockDecrypt,
    iv: [u8; BLOCK],
    content: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Shut> {
    if content.is_empty() || !content.len().is_multiple_of(BLOCK) {
        return Err(Shut::Form);
    }
    let mut clear = Zeroizing::new(content.to_vec());
    let mut before: &[u8] = &iv;
    for (block, sealed) in clear.chunks_exact_mut(BLOCK).zip(content.chunks_exact(BLOCK)) {
        cipher.decrypt_block(GenericArray::from_mut_slice(block));
        block.iter_mut().zip(before).for_each(|(byte, mask)| *byte ^= mask);
        before = sealed;
    }
    let padding = clear.last().copied().map_or(0, usize::from);
    let kept = clear.len().checked_sub(padding).filter(|_| (1..=BLOCK).contains(&padding));
    let kept = kept.ok_or(Shut::Password)?;
    let fits = clear.iter().skip(kept).all(|byte| usize::from(*byte) == padding);
    clear.truncate(kept);
    if fits { Ok(clear) } else { Err(Shut::Password) }
}
