//! Seals as SOPS does, so that unit and property tests need no program. That SOPS itself writes the
//! same is shown by `tests/integration/interop.rs`.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use super::value::Cipher;
use crate::vault::{Secret, seal};

pub(in crate::vault) const DATE: &str = "2027-01-15T08:00:00Z";

/// A file of the binary store.
pub(in crate::vault) fn binary(content: &[u8], recipients: &[String]) -> Value {
    let key = [7; 32];
    let cipher = Cipher::new(&key);
    let (data, mac) = if content.is_empty() {
        (String::new(), cipher_mac(&cipher, &[]))
    } else {
        (cipher.seal(content, "str", b"data:"), cipher_mac(&cipher, content))
    };
    json!({"data": data, "sops": metadata(&key, &mac, recipients)})
}

/// A file of the JSON store with these encrypted leaves, given as path, type and plain text, in
/// the order of the document, which says `@0`, `@1`… where they belong.
pub(in crate::vault) fn document(
    shape: &str,
    leaves: &[(&str, &str, &str)],
    recipients: &[String],
) -> String {
    let key = [7; 32];
    let cipher = Cipher::new(&key);
    let mut text = shape.to_owned();
    let mut plain = Vec::new();
    for (index, (path, kind, value)) in leaves.iter().enumerate() {
        let sealed = cipher.seal(value.as_bytes(), kind, path.as_bytes());
        text = text.replace(&format!("@{index}"), &sealed);
        plain.extend_from_slice(value.as_bytes());
    }
    let metadata = metadata(&key, &cipher_mac(&cipher, &plain), recipients);
    text.replace("@sops", &metadata.to_string())
}

fn cipher_mac(cipher: &Cipher, plain: &[u8]) -> String {
    let digest = hex::encode_upper(Sha512::digest(plain));
    cipher.seal(digest.as_bytes(), "str", DATE.as_bytes())
}

fn metadata(key: &[u8], mac: &str, recipients: &[String]) -> Value {
    let age: Vec<Value> = recipients
        .iter()
        .map(|recipient| {
            let sealed = seal(&Secret::new(key.to_vec()), std::slice::from_ref(recipient)).unwrap();
            json!({"recipient": recipient, "enc": String::from_utf8(sealed).unwrap()})
        })
        .collect();
    json!({"age": age, "lastmodified": DATE, "mac": mac, "version": "3.11.0"})
}
