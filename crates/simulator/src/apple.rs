//! A small simulated Apple: the certificate authority behind the push portal, enrollment server
//! tokens and VPP tokens.
//!
//! Its certificates have the shape of Apple's (subject, extensions, serial, 365 days, PEM form),
//! but an issuer whose name says that it is simulated, and an ECDSA P-256 signature, because
//! thousands of RSA keys would take too long.
#![expect(clippy::disallowed_methods, reason = "the authority keeps its key in the state folder")]

mod enrollment;
mod extensions;
mod request;
mod revoked;
pub(super) mod service;
mod vpp;

use std::path::{Path, PathBuf};
use std::{fs, io};

use chrono::{DateTime, Duration, Utc};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SerialNumber, SubjectPublicKeyInfo,
};
use uuid::Uuid;

use super::crypto::CryptoError;
use super::signing::{serial, set_validity};
pub use enrollment::{EnrollmentRequest, IssuedEnrollment};
pub use vpp::VppRequest;
pub(super) use vpp::location;

const AUTHORITY: &str = "Applecart Simulated Application Integration CA";
/// The UID attribute, in which Apple puts the topic.
const UID: [u64; 7] = [0, 9, 2342, 19_200_300, 100, 1, 1];

/// The simulated Apple could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum AppleError {
    #[error("cannot use {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("cannot make or read a key or certificate")]
    Certificate(#[from] rcgen::Error),
    #[error("not a certificate: neither PEM nor base64 of DER or of PEM")]
    NotACertificate,
    #[error("cannot encrypt to this certificate; its key must be RSA")]
    Encrypt(#[from] CryptoError),
    #[error("not a request for Apple (CSR): neither Intune's file nor PKCS#10")]
    NotARequest,
    #[error("the vendor's signature on the signing request is missing or wrong")]
    NotSigned,
}

/// Whose public key a certificate is over.
#[derive(Clone, Debug, Default)]
pub enum SubjectKey {
    /// One key that the simulated Apple reuses; the fast way to make thousands.
    #[default]
    Shared,
    /// A new key that nobody else has.
    Fresh,
    /// The key of a signing request: Intune's file, PEM, or DER in base64.
    Request(String),
}

/// What a push certificate is to say.
#[derive(Clone, Debug)]
pub struct PushRequest {
    /// The topic; a new one when `None`.
    pub topic: Option<String>,
    /// The serial number; random when `None`.
    pub serial: Option<[u8; 8]>,
    pub not_before: DateTime<Utc>,
    /// End of validity; 365 days after the start when `None`.
    pub not_after: Option<DateTime<Utc>>,
    pub key: SubjectKey,
}

impl PushRequest {
    /// A certificate with a new topic over the shared key, valid for 365 days from `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self {
            topic: None,
            serial: None,
            not_before: now,
            not_after: None,
            key: SubjectKey::Shared,
        }
    }
}

/// A certificate as the simulated Apple hands it out, with its facts.
#[derive(Clone, Debug)]
pub struct Issued {
    /// One CERTIFICATE block, 64 columns, LF, no newline at the end.
    pub pem: String,
    pub der: Vec<u8>,
    pub topic: String,
    /// The serial number in upper-case hex, 16 digits.
    pub serial: String,
    pub not_before: DateTime<Utc>,
    pub not_after: DateTime<Utc>,
    key: Option<String>,
}

impl Issued {
    /// The certificate with its private key behind it, as some MDM servers want it and nobody
    /// should ever commit it; `None` where the key belongs to a signing request.
    pub fn pem_with_key(&self) -> Option<String> {
        // Without a newline between the two, which is what plain concatenation gives.
        self.key.as_ref().map(|key| format!("{}{key}", self.pem))
    }
}

#[derive(Debug)]
pub struct Apple {
    issuer: Issuer<'static, KeyPair>,
    authority: String,
    shared: KeyPair,
}

impl Apple {
    /// Opens the authority in `folder`, or makes a new one there; without a folder it lives in
    /// memory only.
    pub fn open(folder: Option<&Path>, now: DateTime<Utc>) -> Result<Self, AppleError> {
        let path = folder.map(|folder| folder.join("apple").join("authority.pem"));
        let stored = match &path {
            Some(path) => match fs::read_to_string(path) {
                Ok(text) => Some(text),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(source) => return Err(AppleError::File { path: path.clone(), source }),
            },
            None => None,
        };
        let text = match (stored, &path) {
            (Some(text), _) => text,
            (None, None) => new_authority(now)?,
            (None, Some(path)) => {
                let text = new_authority(now)?;
                write(path, &text)
                    .map_err(|source| AppleError::File { path: path.clone(), source })?;
                text
            }
        };
        let (certificate, key) = split(&text).ok_or(rcgen::Error::CouldNotParseKeyPair)?;
        let key = KeyPair::from_pem(key)?;
        Ok(Self {
            issuer: Issuer::from_ca_cert_pem(certificate, key)?,
            authority: certificate.to_owned(),
            shared: KeyPair::generate()?,
        })
    }

    /// The authority's own certificate as PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority
    }

    /// "Create a Certificate" in the push portal: a new topic over the request's key.
    pub fn create(&self, request: &str, now: DateTime<Utc>) -> Result<Issued, AppleError> {
        let key = SubjectKey::Request(request.to_owned());
        self.issue(&PushRequest { key, ..PushRequest::new(now) })
    }

    /// "Renew" in the push portal: the same topic over the request's key.
    pub fn renew(
        &self,
        request: &str,
        topic: &str,
        now: DateTime<Utc>,
    ) -> Result<Issued, AppleError> {
        let key = SubjectKey::Request(request.to_owned());
        self.issue(&PushRequest { topic: Some(topic.to_owned()), key, ..PushRequest::new(now) })
    }

    /// Issues a push certificate that says what `request` wants, sensible or not.
    pub fn issue(&self, request: &PushRequest) -> Result<Issued, AppleError> {
        match &request.key {
            SubjectKey::Shared => {
                self.sign(request, &self.shared, Some(self.shared.serialize_pem()))
            }
            SubjectKey::Fresh => {
                let key = KeyPair::generate()?;
                self.sign(request, &key, Some(key.serialize_pem()))
            }
            SubjectKey::Request(text) => {
                let public = SubjectPublicKeyInfo::from_der(&request::public_key(text)?)?;
                self.sign(request, &public, None)
            }
        }
    }

    fn sign(
        &self,
        request: &PushRequest,
        key: &impl PublicKeyData,
        private: Option<String>,
    ) -> Result<Issued, AppleError> {
        let topic = request
            .topic
            .clone()
            .unwrap_or_else(|| format!("com.apple.mgmt.External.{}", Uuid::new_v4()));
        let uuid = topic.rsplit_once('.').map_or(topic.as_str(), |(_, uuid)| uuid);
        let serial = request.serial.unwrap_or_else(serial);
        let year_later = request.not_before.checked_add_signed(Duration::days(365));
        let not_after = request.not_after.or(year_later).unwrap_or(request.not_before);

        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CustomDnType(UID.to_vec()), topic.as_str());
        params.distinguished_name.push(DnType::CommonName, format!("APSP:{uuid}"));
        params
            .distinguished_name
            .push(DnType::CountryName, DnValue::PrintableString("US".try_into()?));
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        set_validity(&mut params, request.not_before, not_after);
        // All of them as custom ones: only so do they stand in Apple's order.
        params.custom_extensions = extensions::of(self.issuer.key(), key);
        let certificate = params.signed_by(key, &self.issuer)?;
        Ok(Issued {
            pem: certificate.pem().replace('\r', "").trim_end().to_owned(),
            der: certificate.der().to_vec(),
            topic,
            serial: hex::encode_upper(serial),
            not_before: request.not_before,
            not_after,
            key: private,
        })
    }

    /// The text of a content token (`.vpptoken`).
    pub fn vpp_token(&self, request: &VppRequest) -> String {
        vpp::text(request)
    }
}

fn new_authority(now: DateTime<Utc>) -> Result<String, AppleError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, AUTHORITY);
    params
        .distinguished_name
        .push(DnType::OrganizationalUnitName, "Simulated Certification Authority");
    params.distinguished_name.push(DnType::OrganizationName, "Not Apple Inc.");
    params.distinguished_name.push(DnType::CountryName, DnValue::PrintableString("US".try_into()?));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Tests also want certificates that expired long ago.
    set_validity(&mut params, DateTime::UNIX_EPOCH, now + Duration::days(36_500));
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", certificate.pem(), key.serialize_pem()).replace('\r', ""))
}

/// The certificate and the key of an authority's file.
fn split(text: &str) -> Option<(&str, &str)> {
    text.split_at_checked(text.find("-----BEGIN PRIVATE KEY-----")?)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let new = path.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, path)
}
