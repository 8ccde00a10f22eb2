//! The list of revoked push certificates, and who has to have signed it.

use super::Apple;
use super::get::{Get, Host, Told};
use crate::intune::MAX_BODY;
use applecart_core::apple::Authority;
use applecart_core::apple::location::Silence;

/// The address that Apple's push certificates name for the list, below its host.
const LIST: &str = "/aai2ca.crl";
/// Where a simulator has the certificate of its own authority, below its address.
const CERTIFICATE: &str = "/certificateauthority/AppleAAI2CA.cer";

impl Apple {
    /// The list, whoever signed it.
    ///
    /// # Errors
    ///
    /// When Apple does not answer with one.
    pub async fn revocation_list(&self) -> Result<Vec<u8>, Silence> {
        self.fetch(LIST).await
    }

    /// Who signs the list: Apple's authority, which is pinned. A simulator on this machine brings its own.
    ///
    /// # Errors
    ///
    /// When the simulator has none.
    pub async fn authority(&self) -> Result<Authority, Silence> {
        let authority = match self.place.is_simulated() {
            true => Authority::read(&self.fetch(CERTIFICATE).await?),
            false => Authority::apples().cloned(),
        };
        authority.ok_or(Silence::Unreadable)
    }

    async fn fetch(&self, path: &str) -> Result<Vec<u8>, Silence> {
        let get = Get { host: Host::Crl, path, bearer: None, limit: MAX_BODY };
        match self.get(&get).await? {
            Told { status: 200, mut body, .. } => Ok(std::mem::take(&mut *body)),
            Told { status, .. } => Err(Silence::Status { status }),
        }
    }
}
