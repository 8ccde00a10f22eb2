//! The keys simulated Intune makes: for push signing requests and for enrollment tokens.
//!
//! Real Intune's keys are RSA. Those for enrollment tokens are RSA 2048 here as well, because
//! whoever encrypts to one needs it, and so are the vendor's, because Apple takes no others. Nothing
//! depends on the algorithm of a request's own key, so that is ECDSA P-256, which is fast enough to
//! make one per tenant.

use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SerialNumber, SigningKey as _, date_time_ymd,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::crypto::{self, CryptoError};

/// A key or certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a simulated key or certificate")]
pub enum SigningError {
    Certificate(#[from] rcgen::Error),
    Key(#[from] CryptoError),
}

/// A key pair of Intune's for push certificates and the request made with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PushSigning {
    /// PKCS#8 PEM of the private key.
    pub key: String,
    /// What the download answers.
    pub value: String,
}

/// A certificate and its private key, both as PEM.
#[derive(Clone, Debug)]
pub(super) struct EncryptionKey {
    pub(super) certificate: String,
    /// The private key as PEM of PKCS#8.
    pub(super) key: String,
}

/// The vendor of the simulated MDM service, which signs every request for Apple.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Vendor {
    /// Its certificate, the authority's and the root's, as PEM in this order.
    chain: String,
    /// Its private key, PKCS#8 as PEM.
    key: String,
}

impl Vendor {
    /// A vendor with a chain as Apple makes them: RSA 2048, SHA-256, and two authorities above it.
    /// All simulators of a process share one, because its keys take a noticeable part of a second.
    pub(super) fn new(now: DateTime<Utc>) -> Result<Self, SigningError> {
        static MADE: Mutex<Option<Vendor>> = Mutex::new(None);
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vendor) = &*made {
            return Ok(vendor.clone());
        }
        let root = new_authority("Applecart Simulated Root CA", now)?;
        let root_pem = root.0.self_signed(&root.1)?.pem();
        let relations = new_authority("Applecart Simulated Developer Relations CA", now)?;
        let root = Issuer::new(root.0, root.1);
        let relations_pem = relations.0.signed_by(&relations.1, &root)?.pem();
        let relations = Issuer::new(relations.0, relations.1);
        let key = KeyPair::try_from(crypto::new_rsa_key()?)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&["MDM Vendor: Microsoft Corporation (simulated)"]);
        set_validity(&mut params, now, now + chrono::Duration::days(3650));
        let certificate = params.signed_by(&key, &relations)?.pem();
        let chain = [certificate, relations_pem, root_pem].concat().replace('\r', "");
        let key = key.serialize_pem().replace('\r', "");
        Ok(made.insert(Self { chain, key }).clone())
    }
}

fn new_authority(
    common: &str,
    now: DateTime<Utc>,
) -> Result<(CertificateParams, KeyPair), SigningError> {
    let key = KeyPair::try_from(crypto::new_rsa_key()?)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = name(&[common]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    set_validity(&mut params, now, now + chrono::Duration::days(3650));
    Ok((params, key))
}

/// Makes a new key pair and the signing request over it, as the portal's `IntuneCSR.csr`.
///
/// The form is what Apple's push portal takes: base64 of a property list with the PKCS#10
/// request, the vendor's RSA signature with SHA-256 over its DER, and the vendor's chain.
pub(super) fn push_request(vendor: &Vendor) -> Result<PushSigning, SigningError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = name(&["Microsoft Intune (simulated)"]);
    let request = params.serialize_request(&key)?;
    let signature = KeyPair::from_pem(&vendor.key)?.sign(request.der())?;
    let chain = &vendor.chain;

    let plist = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <plist version=\"1.0\">\n<dict>\n\
         <key>PushCertRequestCSR</key>\n<string>{}</string>\n\
         <key>PushCertCertificateChain</key>\n<string>{chain}</string>\n\
         <key>PushCertSignature</key>\n<string>{}</string>\n\
         </dict>\n</plist>\n",
        STANDARD.encode(request.der()),
        STANDARD.encode(signature),
    );
    Ok(PushSigning { key: key.serialize_pem(), value: STANDARD.encode(plist) })
}

/// DER of the public key of a signing request's key pair.
pub(super) fn public_key(signing: &PushSigning) -> Result<Vec<u8>, SigningError> {
    Ok(KeyPair::from_pem(&signing.key)?.subject_public_key_info())
}

/// Makes the certificate whose public key Apple encrypts an enrollment token to: RSA 2048. It
/// takes a noticeable part of a second, so it is made when it is first asked for.
pub(super) fn encryption_key(now: DateTime<Utc>) -> Result<EncryptionKey, SigningError> {
    let key = KeyPair::try_from(crypto::new_rsa_key()?)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = name(&["Microsoft Intune (simulated)", "Enrollment Program"]);
    params.serial_number = Some(SerialNumber::from_slice(&serial()));
    set_validity(&mut params, now, now + chrono::Duration::days(3650));
    let certificate = params.self_signed(&key)?.pem().replace('\r', "");
    Ok(EncryptionKey { certificate, key: key.serialize_pem().replace('\r', "") })
}

/// Eight octets, of which the first is neither zero nor has the sign bit, as in Apple's serials.
pub(super) fn serial() -> [u8; 8] {
    let [first, rest @ ..] = *Uuid::new_v4().as_bytes();
    let [a, b, c, d, e, f, g, ..] = rest;
    [first & 0x7F | 1, a, b, c, d, e, f, g]
}

/// Sets the validity of a certificate to be made, within what a certificate can state: 1970 to
/// 9999.
pub(super) fn set_validity(params: &mut CertificateParams, from: DateTime<Utc>, to: DateTime<Utc>) {
    const LAST_SECOND_OF_9999: u64 = 253_402_300_799;
    let since_1970 = |at: DateTime<Utc>| {
        let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
        std::time::Duration::from_secs(seconds.min(LAST_SECOND_OF_9999))
    };
    params.not_before = date_time_ymd(1970, 1, 1) + since_1970(from);
    params.not_after = date_time_ymd(1970, 1, 1) + since_1970(to);
}

fn name(parts: &[&str]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    for (part, kind) in parts.iter().zip([DnType::CommonName, DnType::OrganizationalUnitName]) {
        name.push(kind, *part);
    }
    name
}
