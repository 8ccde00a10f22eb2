//! The list of revoked push certificates, as Apple publishes it: RSA with SHA-256, and over in less than a day.
//!
//! The authority that issues push certificates here has another key ([`super::AUTHORITY`]), because RSA would
//! take too long for thousands; a list names only serial numbers. Whoever asks gets the certificate that the
//! list is signed with.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Duration, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName,
    DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber,
    date_time_ymd,
};

use super::AppleError;
use crate::crypto;
use crate::signing::set_validity;

const SIGNER: &str = "Applecart Simulated Revocation Authority";
/// A list is good for less than a day, so that a run every day sees what the day before brought.
const GOOD_FOR: Duration = Duration::hours(20);

/// Who signs the list.
#[derive(Clone)]
struct Signer {
    certificate: Vec<u8>,
    /// PKCS#8 as PEM.
    key: String,
    params: CertificateParams,
}

/// All simulators of a process share one: its key takes a noticeable part of a second.
fn signer() -> Result<Signer, AppleError> {
    static MADE: Mutex<Option<Signer>> = Mutex::new(None);
    let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(signer) = &*made {
        return Ok(signer.clone());
    }
    let key = KeyPair::try_from(crypto::new_rsa_key()?)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, SIGNER);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + Duration::days(36_500));
    let certificate = params.self_signed(&key)?.der().to_vec();
    Ok(made.insert(Signer { certificate, key: key.serialize_pem(), params }).clone())
}

/// The certificate of whoever signs the list, in DER.
pub(crate) fn certificate() -> Result<Vec<u8>, AppleError> {
    Ok(signer()?.certificate)
}

/// The list of these serial numbers (in hexadecimal) as of `now`, in DER.
pub(crate) fn list(
    revoked: &BTreeMap<String, DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Vec<u8>, AppleError> {
    let Signer { key, params, .. } = signer()?;
    let issuer = Issuer::new(params, KeyPair::from_pem(&key)?);
    let since_1970 = |at: DateTime<Utc>| {
        let seconds = u64::try_from(at.timestamp()).unwrap_or_default();
        date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)
    };
    let entries = revoked.iter().filter_map(|(serial, at)| {
        Some(RevokedCertParams {
            serial_number: SerialNumber::from_slice(&hex::decode(serial).ok()?),
            revocation_time: since_1970(*at),
            reason_code: None,
            invalidity_date: None,
        })
    });
    let list = CertificateRevocationListParams {
        this_update: since_1970(now),
        next_update: since_1970(now + GOOD_FOR),
        crl_number: SerialNumber::from(now.timestamp().unsigned_abs()),
        issuing_distribution_point: None,
        revoked_certs: entries.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(list.signed_by(&issuer)?.der().to_vec())
}
