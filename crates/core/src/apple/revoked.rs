//! Which push certificates Apple took back: the list of revoked certificates (RFC 5280 §5) of the authority
//! that issues them.
//!
//! Three answers, as to every question: a certificate is on the list; it is not, where the list is current and
//! covers all that its authority issued; or nobody knows. A list proves itself by its authority's signature,
//! so it does not matter who brings it. An outdated list still proves what it has, and nothing more.
//!
//! Nobody needs a key to send an old list of Apple's once more, as a proxy's cache does. So a list never goes
//! back: what was seen revoked stays so until a newer list takes it off.

use std::collections::BTreeMap;

use der::Decode as _;
use der::oid::AssociatedOid as _;
use x509_cert::crl::{CertificateList, RevokedCert};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BaseCrlNumber, CrlNumber};

use super::Authority;
use super::x509::{name_of, signed_part};
use crate::model::{Serial, Timestamp};

/// A list whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// When its authority issued it.
    from: Timestamp,
    /// Its place among its authority's lists, which only grows.
    number: Option<Number>,
    /// When its authority issues the next one, at the latest.
    until: Timestamp,
    /// Whether it covers everything that its authority issued: no extension narrows it down.
    is_whole: bool,
    revoked: BTreeMap<Serial, Timestamp>,
}

/// A list's number, padded with zeros in front: it has at most so many octets (RFC 5280 §5.2.3).
type Number = [u8; 20];

/// Why bytes are no list of revoked certificates that can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    #[error("it is not a list of revoked certificates that can be read")]
    Unreadable,
    #[error("it is another authority's list than the one that issues push certificates")]
    OtherIssuer,
    #[error("Apple's authority did not sign it")]
    Forged,
    #[error("it has only what changed since another list")]
    Delta,
}

impl RevocationList {
    /// Reads a list in DER, and verifies that this authority signed it.
    ///
    /// # Errors
    ///
    /// When it is no such list, or another's.
    pub fn read(der: &[u8], authority: &Authority) -> Result<Self, ListError> {
        let list = CertificateList::from_der(der).map_err(|_| ListError::Unreadable)?;
        let signed = signed_part(der).ok_or(ListError::Unreadable)?;
        let listed = list.tbs_cert_list;
        let issuer = name_of(&listed.issuer).ok_or(ListError::Unreadable)?;
        if !authority.is_named(&issuer) {
            return Err(ListError::OtherIssuer);
        }
        // The algorithm stands inside and outside of what is signed, and has to be the same.
        let algorithm = list.signature_algorithm;
        let signature = list.signature.as_bytes().ok_or(ListError::Unreadable)?;
        if listed.signature != algorithm || !authority.signed(algorithm.oid, signed, signature) {
            return Err(ListError::Forged);
        }
        let until = listed.next_update.as_ref().and_then(instant).ok_or(ListError::Unreadable)?;
        let from = instant(&listed.this_update).ok_or(ListError::Unreadable)?;
        let extensions = listed.crl_extensions.unwrap_or_default();
        if extensions.iter().any(|extension| extension.extn_id == BaseCrlNumber::OID) {
            return Err(ListError::Delta);
        }
        let number = extensions.iter().find(|extension| extension.extn_id == CrlNumber::OID);
        let number = number.map(|number| number_of(number).ok_or(ListError::Unreadable));
        let read = |one: RevokedCert| {
            let serial = Serial::from_octets(one.serial_number.as_bytes());
            Some((serial, instant(&one.revocation_date)?))
        };
        let revoked = listed.revoked_certificates.unwrap_or_default().into_iter().map(read);
        Ok(Self {
            from,
            number: number.transpose()?,
            until,
            is_whole: !extensions.iter().any(|extension| extension.critical),
            revoked: revoked.collect::<Option<_>>().ok_or(ListError::Unreadable)?,
        })
    }

    /// Since when a certificate is revoked, where the list has it.
    pub fn since(&self, serial: &Serial) -> Option<Timestamp> {
        self.revoked.get(serial).copied()
    }

    /// Whether it may take the place of one that is at hand: it is not older, and covers no less.
    pub fn may_replace(&self, at_hand: &Self) -> bool {
        self.from >= at_hand.from
            && self.number >= at_hand.number
            && (self.is_whole || !at_hand.is_whole)
    }

    /// Whether its authority has not issued the next one yet.
    pub fn is_current(&self, now: Timestamp) -> bool {
        now < self.until
    }

    /// Whether a certificate that it does not have is proved not to be revoked.
    pub fn is_complete(&self, now: Timestamp) -> bool {
        self.is_whole && self.is_current(now)
    }
}

fn number_of(extension: &Extension) -> Option<Number> {
    let CrlNumber(number) = CrlNumber::from_der(extension.extn_value.as_bytes()).ok()?;
    let octets = number.as_bytes();
    let mut padded = Number::default();
    let zeros = padded.len().checked_sub(octets.len())?;
    padded.get_mut(zeros..)?.copy_from_slice(octets);
    Some(padded)
}

fn instant(time: &x509_cert::time::Time) -> Option<Timestamp> {
    i64::try_from(time.to_unix_duration().as_secs()).ok().and_then(Timestamp::from_unix)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
        CrlIssuingDistributionPoint, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod, KeyPair,
        KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
    };

    use super::*;
    use crate::plan::world::at;

    /// An authority's certificate, and what it signs with.
    fn authority(name: &str) -> (Vec<u8>, Issuer<'static, KeyPair>) {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
        let key = KeyPair::try_from(der.as_ref().to_vec()).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key).unwrap().der().to_vec();
        (certificate, Issuer::new(params, key))
    }

    /// A list of the second week of November with one certificate on it.
    fn list(by: &Issuer<'_, KeyPair>, narrowed: bool) -> Vec<u8> {
        issued(by, 8, &[1], narrowed)
    }

    /// The list that was issued on this day of November under this number.
    fn issued(by: &Issuer<'_, KeyPair>, day: u8, number: &[u8], narrowed: bool) -> Vec<u8> {
        let narrowed = narrowed.then(|| CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec!["http://crl.example/1".into()] },
            scope: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 11, day),
            next_update: date_time_ymd(2026, 11, 15),
            crl_number: SerialNumber::from_slice(number),
            issuing_distribution_point: narrowed,
            revoked_certs: vec![RevokedCertParams {
                // With the sign octet in front, as DER has it.
                serial_number: SerialNumber::from_slice(&[0x00, 0xAA, 0x01]),
                revocation_time: date_time_ymd(2026, 11, 7),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(by).unwrap().der().to_vec()
    }

    fn serial(hex: &str) -> Serial {
        hex.parse().unwrap()
    }

    #[test]
    fn a_certificate_is_revoked_not_revoked_or_unknown() {
        let (certificate, issuer) = authority("Authority");
        let authority = Authority::read(&certificate).unwrap();
        let read = RevocationList::read(&list(&issuer, false), &authority).unwrap();
        assert_eq!(read.since(&serial("00AA01")), Some(at("2026-11-07T00:00:00Z")));
        assert_eq!(read.since(&serial("AA02")), None);
        let (during, after) = (at("2026-11-14T23:59:59Z"), at("2026-11-15T00:00:00Z"));
        assert!(read.is_complete(during) && !read.is_current(after) && !read.is_complete(after));
        // What a list is narrowed down to is not looked at: whoever is not on it may be on another.
        let part = RevocationList::read(&list(&issuer, true), &authority).unwrap();
        assert_eq!(part.since(&serial("AA01")), Some(at("2026-11-07T00:00:00Z")));
        assert!(part.is_current(during) && !part.is_complete(during));
    }

    #[test]
    fn only_the_authoritys_own_list_is_believed() {
        let (certificate, issuer) = authority("Authority");
        let own = Authority::read(&certificate).unwrap();
        let read = |der: &[u8]| RevocationList::read(der, &own);
        let right = list(&issuer, false);
        assert!(read(&right).is_ok());
        // Another key under the same name, another name, and Apple's.
        assert_eq!(read(&list(&authority("Authority").1, false)), Err(ListError::Forged));
        assert_eq!(read(&list(&authority("Other").1, false)), Err(ListError::OtherIssuer));
        let apple = Authority::apples().unwrap();
        assert_eq!(RevocationList::read(&right, apple), Err(ListError::OtherIssuer));
        // One octet, wherever it stands.
        for place in 0..right.len() {
            let mut altered = right.clone();
            altered[place] ^= 1;
            assert!(read(&altered).is_err(), "octet {place}");
        }
        for nothing in [&b""[..], b"<html>", &certificate] {
            assert_eq!(read(nothing), Err(ListError::Unreadable));
        }
    }

    /// The older ones are genuine, so their signatures say nothing against them.
    #[test]
    fn a_list_never_goes_back() {
        let (certificate, issuer) = authority("Authority");
        let authority = Authority::read(&certificate).unwrap();
        let read = |day, number: &[u8], narrowed| {
            RevocationList::read(&issued(&issuer, day, number, narrowed), &authority).unwrap()
        };
        let at_hand = read(8, &[0xFF], false);
        assert!(read(9, &[1, 0], false).may_replace(&at_hand), "numbers are no texts");
        assert!(at_hand.may_replace(&at_hand), "the same once more");
        assert!(!read(8, &[0xFE], false).may_replace(&at_hand), "a lower number");
        assert!(!read(7, &[1, 0], false).may_replace(&at_hand), "an earlier date");
        let unnumbered = RevocationList { number: None, ..read(9, &[1, 0], false) };
        assert!(!unnumbered.may_replace(&at_hand), "no number, where the one at hand has one");
        let part = read(9, &[1, 0], true);
        assert!(!part.may_replace(&at_hand) && read(10, &[1, 1], false).may_replace(&part));
        // More octets than a number may have.
        let long = issued(&issuer, 8, &[1; 21], false);
        assert_eq!(RevocationList::read(&long, &authority), Err(ListError::Unreadable));
    }
}
