//! One encrypted value: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`.

use aes_gcm::aead::consts::U32;
use aes_gcm::aead::generic_array::GenericArray;
use aes_gcm::{AeadInPlace as _, AesGcm, KeyInit as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::super::{MAX_OPENED, OpenError};
use applecart_core::sealed::sops::MARK;

/// An encrypted value, taken apart. Its type is not authenticated by SOPS.
pub(super) struct Sealed {
    data: Vec<u8>,
    iv: [u8; 32],
    tag: [u8; 16],
    is_text: bool,
}

impl Sealed {
    /// Whether it is said to be a text or bytes, and not a number, boolean or time.
    pub(super) fn is_text(&self) -> bool {
        self.is_text
    }
}

/// Takes a value apart, as strictly as SOPS writes it.
pub(super) fn parse(text: &str) -> Result<Sealed, OpenError> {
    let parts = || {
        let rest = text.strip_prefix(MARK)?.strip_prefix("data:")?.strip_suffix(']')?;
        let (data, rest) = rest.split_once(",iv:")?;
        let (iv, rest) = rest.split_once(",tag:")?;
        let (tag, kind) = rest.split_once(",type:")?;
        Some((data, iv, tag, kind))
    };
    let (data, iv, tag, kind) = parts().ok_or(OpenError::Damaged)?;
    if data.len() as u64 / 4 * 3 > MAX_OPENED + 2 {
        return Err(OpenError::TooLarge { limit: MAX_OPENED });
    }
    let is_text = match kind {
        "str" | "bytes" => true,
        "int" | "float" | "bool" | "time" => false,
        // Comments are no values, and JSON has none.
        _ => return Err(OpenError::Damaged),
    };
    let data = STANDARD.decode(data).ok().filter(|data| !data.is_empty());
    Ok(Sealed {
        data: data.ok_or(OpenError::Damaged)?,
        iv: exactly(iv)?,
        tag: exactly(tag)?,
        is_text,
    })
}

fn exactly<const N: usize>(text: &str) -> Result<[u8; N], OpenError> {
    // Longer texts are not even decoded.
    let bytes = (text.len() <= N * 2).then(|| STANDARD.decode(text).ok()).flatten();
    bytes.and_then(|bytes| bytes.try_into().ok()).ok_or(OpenError::Damaged)
}

/// The data key at work. SOPS's IV has 32 bytes, where AES-GCM usually has 12.
pub(super) struct Cipher(AesGcm<aes::Aes256, U32>);

impl Cipher {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(AesGcm::new(GenericArray::from_slice(key)))
    }

    /// Decrypts a value in place, so that there is one copy, which is wiped.
    pub(super) fn open(
        &self,
        sealed: Sealed,
        associated: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut data = Zeroizing::new(sealed.data);
        let iv = GenericArray::from_slice(&sealed.iv);
        let tag = GenericArray::from_slice(&sealed.tag);
        self.0
            .decrypt_in_place_detached(iv, associated, &mut data, tag)
            .map_err(|_| OpenError::Damaged)?;
        if data.len() as u64 > MAX_OPENED {
            return Err(OpenError::TooLarge { limit: MAX_OPENED });
        }
        Ok(data)
    }

    /// Encrypts a value as SOPS would, for tests that must not need the program.
    #[cfg(test)]
    pub(super) fn seal(&self, plain: &[u8], kind: &str, associated: &[u8]) -> String {
        use aes_gcm::aead::rand_core::RngCore as _;
        let mut iv = [0; 32];
        aes_gcm::aead::OsRng.fill_bytes(&mut iv);
        let mut data = plain.to_vec();
        let tag = self
            .0
            .encrypt_in_place_detached(GenericArray::from_slice(&iv), associated, &mut data)
            .unwrap();
        let [data, iv, tag] = [&data[..], &iv, &tag].map(|bytes| STANDARD.encode(bytes));
        format!("{MARK}data:{data},iv:{iv},tag:{tag},type:{kind}]")
    }
}
