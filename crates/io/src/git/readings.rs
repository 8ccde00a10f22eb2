//! What this clone last read of each tenant, and when.
//!
//! Kept beside what is known of the history, and in the same way: a file that is torn or was changed
//! by hand is none, and a clone that may only be read does without. Two runs at once may each drop what
//! the other wrote, which makes a reading look older than it is and never newer.

use applecart_core::model::{Sha256, TenantId, TenantName, Timestamp};
use applecart_core::rules::last_known::Readings;

use super::Repo;
use super::history::Kept;

const FILE: &str = "readings";

impl Repo {
    /// What the clone remembers.
    pub fn readings(&self) -> Readings {
        let text = Kept::new(&self.path_common_dir(), FILE).load();
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Remembers which VPP tokens Apple called dead, and forgets it of those that it calls alive. What it
    /// gave no answer about stays as it was.
    pub fn remember_deaths<'a>(
        &self,
        said: impl IntoIterator<Item = ((TenantId, &'a TenantName), Sha256, Option<Timestamp>)>,
    ) {
        let mut readings = self.readings();
        let before = readings.clone();
        for ((tenant, name), sha256, died) in said {
            let known = readings.entry(tenant).or_default();
            known.name = name.to_string();
            match died {
                Some(at) => known.dead.insert(sha256, at),
                None => known.dead.remove(&sha256),
            };
        }
        if readings != before {
            self.keep_readings(&readings);
        }
    }

    /// Remembers what was read.
    pub fn remember_readings(&self, read: Readings) {
        if read.is_empty() {
            return;
        }
        let mut readings = self.readings();
        for (tenant, read) in read {
            // Also over a later time: a run whose clock was ahead must not be believed until then.
            readings.entry(tenant).or_default().take(read);
        }
        self.keep_readings(&readings);
    }

    fn keep_readings(&self, readings: &Readings) {
        match serde_json::to_string(readings) {
            Ok(text) => Kept::new(&self.path_common_dir(), FILE).store(&text),
            Err(error) => tracing::info!(%error, "the readings could not be kept"),
        }
    }
}

#[cfg(test)]
mod tests {
    use applecart_core::rules::last_known::Remembered;

    use super::*;
    use crate::git::testing::git;

    fn id(number: u8) -> TenantId {
        format!("{number:08}-0000-4000-8000-000000000000").parse().unwrap()
    }

    #[test]
    fn the_last_reading_of_each_tenant_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet"]);
        let repo = Repo::discover(folder.path()).unwrap();
        assert!(repo.readings().is_empty());
        let whole = |at: &str| Remembered { whole: at.parse().ok(), ..Remembered::default() };
        let (first, later) = (whole("2026-11-22T10:00:00Z"), whole("2026-11-23T10:00:00Z"));
        repo.remember_readings([(id(1), later.clone()), (id(2), later.clone())].into());
        repo.remember_readings([(id(2), first.clone())].into());
        repo.remember_readings(Readings::new());
        assert_eq!(repo.readings(), Readings::from([(id(1), later), (id(2), first.clone())]));

        let (contoso, one, other) =
            ("contoso".parse().unwrap(), Sha256::of(b"one"), Sha256::of(b"other"));
        let (of, at) = ((id(2), &contoso), "2026-11-24T10:00:00Z".parse().unwrap());
        repo.remember_deaths([(of, one, Some(at)), (of, other, Some(at))]);
        // A reading of Intune tells nothing of what Apple said.
        repo.remember_readings([(id(2), first)].into());
        assert_eq!(repo.readings()[&id(2)].dead, [(one, at), (other, at)].into());
        repo.remember_deaths([(of, one, None)]);
        assert_eq!(repo.readings()[&id(2)].dead, [(other, at)].into());
    }
}
