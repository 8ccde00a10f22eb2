//! RSA and AES-CBC, which enrollment tokens are made of.
//!
//! `ring`, which does everything else here, can neither make RSA keys nor decrypt with them, and
//! has no CBC. AWS-LC has all three. It is used in this file only, never for TLS.

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, DecryptionContext, PaddedBlockDecryptingKey,
    PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    KeySize, Pkcs1PrivateDecryptingKey, Pkcs1PublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};

/// A key cannot be made or used, or a text is not what was encrypted. AWS-LC never says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key cannot be made or used")]
pub struct CryptoError;

/// A new RSA key of 2048 bits, as PKCS#8 DER.
pub(super) fn new_rsa_key() -> Result<Vec<u8>, CryptoError> {
    let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).map_err(|_| CryptoError)?;
    let der: Pkcs8V1Der<'_> = key.as_der().map_err(|_| CryptoError)?;
    Ok(der.as_ref().to_vec())
}

/// Encrypts with PKCS#1 v1.5 to a SubjectPublicKeyInfo in DER.
pub(super) fn rsa_encrypt(public_key: &[u8], text: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let key = PublicEncryptingKey::from_der(public_key).map_err(|_| CryptoError)?;
    let key = Pkcs1PublicEncryptingKey::new(key).map_err(|_| CryptoError)?;
    let mut buffer = vec![0; key.ciphertext_size()];
    let encrypted = key.encrypt(text, &mut buffer).map_err(|_| CryptoError)?;
    Ok(encrypted.to_vec())
}

/// Decrypts PKCS#1 v1.5 with a PKCS#8 key in DER.
pub(super) fn rsa_decrypt(private_key: &[u8], text: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let key = PrivateDecryptingKey::from_pkcs8(private_key).map_err(|_| CryptoError)?;
    let key = Pkcs1PrivateDecryptingKey::new(key).map_err(|_| CryptoError)?;
    let mut buffer = vec![0; key.min_output_size()];
    let decrypted = key.decrypt(text, &mut buffer).map_err(|_| CryptoError)?;
    Ok(decrypted.to_vec())
}

/// What AES-CBC made of a text, and the vector it began with.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) vector: [u8; 16],
    pub(super) text: Vec<u8>,
}

/// Encrypts with AES-128-CBC and the padding of PKCS#7.
pub(super) fn aes_encrypt(key: &[u8; 16], text: &[u8]) -> Result<Sealed, CryptoError> {
    let key = UnboundCipherKey::new(&AES_128, key).map_err(|_| CryptoError)?;
    let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(|_| CryptoError)?;
    let mut buffer = text.to_vec();
    match key.encrypt(&mut buffer).map_err(|_| CryptoError)? {
        DecryptionContext::Iv128(vector) => Ok(Sealed { vector: *vector.as_ref(), text: buffer }),
        _ => Err(CryptoError),
    }
}

/// Decrypts AES-CBC; the key's length says which AES.
pub(super) fn aes_decrypt(
    key: &[u8],
    vector: &[u8; 16],
    text: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return Err(CryptoError),
    };
    let key = UnboundCipherKey::new(algorithm, key).map_err(|_| CryptoError)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| CryptoError)?;
    let mut buffer = text.to_vec();
    let context = DecryptionContext::Iv128(FixedLength::from(vector));
    let text = key.decrypt(&mut buffer, context).map_err(|_| CryptoError)?;
    Ok(text.to_vec())
}

/// As many random octets.
pub(super) fn random<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut octets = [0; N];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| CryptoError)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_half_encrypts_the_other_opens() {
        let private = new_rsa_key().unwrap();
        let pair = rcgen::KeyPair::try_from(private.as_slice()).unwrap();
        let public = rcgen::PublicKeyData::subject_public_key_info(&pair);
        let text = rsa_encrypt(&public, b"secret").unwrap();
        assert_eq!(text.len(), 256);
        assert_eq!(rsa_decrypt(&private, &text).unwrap(), b"secret");
        assert_ne!(rsa_decrypt(&new_rsa_key().unwrap(), &text).ok(), Some(b"secret".to_vec()));
    }

    #[test]
    fn aes_ends_in_padding_of_its_own() {
        let key = random().unwrap();
        let Sealed { vector, text } = aes_encrypt(&key, &[7; 32]).unwrap();
        assert_eq!(text.len(), 48);
        assert_eq!(aes_decrypt(&key, &vector, &text).unwrap(), [7; 32]);
        assert_eq!(aes_decrypt(&key, &vector, &text[..40]), Err(CryptoError));
        assert_eq!(aes_decrypt(&key[..15], &vector, &text), Err(CryptoError));
    }
}
