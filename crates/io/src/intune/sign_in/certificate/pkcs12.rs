//! PKCS#12 files (`.pfx`, `.p12`), as OpenSSL 3, Java and Windows write them today. RFC 7292.
//!
//! The file's own checksum is not compared: it proves no more than the password does, and a key
//! that does not belong to the certificate is refused anyway.

use der::Decode as _;
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Tag, Tagged as _};
use zeroize::Zeroizing;

use super::pbes2::{Shut, decrypt, elements, octets, oid, private_key, sequence};

const DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.1");
const ENCRYPTED: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.6");
const KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.1");
const SHROUDED_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.2");
const CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.12.10.1.3");
const X509: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.22.1");

/// What a file holds, in DER.
#[derive(Default)]
pub(super) struct Store {
    /// Private keys as DER of PKCS#8, wiped from memory after use.
    pub(super) keys: Vec<Zeroizing<Vec<u8>>>,
    pub(super) certificates: Vec<Vec<u8>>,
}

pub(super) fn open(bytes: &[u8], password: &str) -> Result<Store, Shut> {
    let pfx = sequence(AnyRef::from_der(bytes).map_err(|_| Shut::Form)?)?;
    let [_version, safe, ..] = pfx.as_slice() else { return Err(Shut::Form) };
    let (kind, content) = tagged(*safe)?;
    if kind != DATA {
        return Err(Shut::Form);
    }
    let safes = AnyRef::from_der(octets(content)?).map_err(|_| Shut::Form)?;
    let mut store = Store::default();
    for safe in sequence(safes)? {
        let (kind, content) = tagged(safe)?;
        match kind {
            DATA => store.take(octets(content)?, password)?,
            ENCRYPTED => {
                let parts = sequence(content)?;
                let &[_version, content] = parts.as_slice() else { return Err(Shut::Form) };
                let parts = sequence(content)?;
                let &[_kind, algorithm, content] = parts.as_slice() else {
                    return Err(Shut::Form);
                };
                let clear = decrypt(algorithm, content.value(), password)?;
                // Padding fits by chance once in 256 times; what it holds does not.
                store.take(&clear, password).map_err(|_| Shut::Password)?;
            }
            _ => return Err(Shut::Form),
        }
    }
    Ok(store)
}

/// A SEQUENCE of an identifier and an explicitly tagged value.
fn tagged<'a>(any: AnyRef<'a>) -> Result<(ObjectIdentifier, AnyRef<'a>), Shut> {
    let parts = sequence(any)?;
    let [kind, tagged, ..] = parts.as_slice() else { return Err(Shut::Form) };
    let Tag::ContextSpecific { constructed: true, .. } = tagged.tag() else {
        return Err(Shut::Form);
    };
    let inner = elements(tagged.value())?;
    let &[inner] = inner.as_slice() else { return Err(Shut::Form) };
    Ok((oid(*kind)?, inner))
}

impl Store {
    /// Takes the keys and certificates out of one safe; what else is in it does not matter here.
    fn take(&mut self, safe: &[u8], password: &str) -> Result<(), Shut> {
        let bags = AnyRef::from_der(safe).map_err(|_| Shut::Form)?;
        for bag in sequence(bags)? {
            let (kind, value) = tagged(bag)?;
            match kind {
                KEY => {
                    let der = der::Encode::to_der(&value).map_err(|_| Shut::Form)?;
                    self.keys.push(Zeroizing::new(der));
                }
                SHROUDED_KEY => {
                    let der = der::Encode::to_der(&value).map_err(|_| Shut::Form)?;
                    self.keys.push(private_key(&der, password)?);
                }
                CERTIFICATE => {
                    let (kind, value) = tagged(value)?;
                    if kind == X509 {
                        self.certificates.push(octets(value)?.to_vec());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}
