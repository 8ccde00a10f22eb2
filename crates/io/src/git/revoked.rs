//! Apple's list of revoked certificates, as it was fetched last. Whoever changes the file changes nothing but
//! when the next one is fetched: the list proves itself by its authority's signature.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Repo;
use super::history::Kept;

const FILE: &str = "aai2ca.crl";

impl Repo {
    /// The list that was kept last, unjudged.
    pub fn kept_revocations(&self) -> Option<Vec<u8>> {
        STANDARD.decode(Kept::new(&self.path_common_dir(), FILE).load()?).ok()
    }

    /// Keeps a list for the next run.
    pub fn keep_revocations(&self, list: &[u8]) {
        Kept::new(&self.path_common_dir(), FILE).store(&STANDARD.encode(list));
    }
}
