//! Which file says who reviews what, where several could.

use std::collections::{BTreeMap, BTreeSet};

use super::{Code, Diagnostic, Forge};
use crate::model::safe_text;

impl Forge {
    /// Where the forge looks for a CODEOWNERS, in its order; the first one counts, and no other.
    pub fn codeowners(self) -> &'static [&'static str] {
        match self {
            Self::Github => &[".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"],
            Self::Gitlab => &["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"],
            Self::AzureDevops => &[],
        }
    }
}

/// Wherever any forge looks for one.
pub fn codeowners_places() -> BTreeSet<&'static str> {
    Forge::ALL.iter().flat_map(|forge| forge.codeowners()).copied().collect()
}

/// The files of owners, by path, that a forge does not read because another one comes first and says
/// something else: a new file is all it takes to put every rule out of force.
pub fn overruled(found: &BTreeMap<String, Vec<u8>>) -> Vec<Diagnostic> {
    let mut told = BTreeMap::new();
    for (forge, name) in [(Forge::Github, "GitHub"), (Forge::Gitlab, "GitLab")] {
        let mut there =
            forge.codeowners().iter().filter_map(|path| Some((*path, found.get(*path)?)));
        let Some((first, counts)) = there.next() else { continue };
        for (path, _) in there.filter(|(_, other)| *other != counts) {
            let message = format!("{name} reads {first}, and not this file");
            told.entry(path).or_insert_with(|| {
                let help = format!("Keep one of them: what is only in {path} protects nothing");
                Diagnostic::of_file(Code::CodeownersOverruled, &safe_text(path), message)
                    .as_warning()
                    .with_help(help)
            });
        }
    }
    told.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(files: &[(&str, &str)]) -> Vec<(String, String)> {
        let file = |(path, text): &(&str, &str)| ((*path).to_owned(), text.as_bytes().to_vec());
        let told = overruled(&files.iter().map(file).collect());
        told.into_iter().map(|one| (one.file, one.message)).collect()
    }

    #[test]
    fn a_file_of_owners_that_another_one_puts_out_of_force_is_told() {
        for (first, path, forge) in [
            ("CODEOWNERS", ".gitlab/CODEOWNERS", "GitLab"),
            ("docs/CODEOWNERS", ".gitlab/CODEOWNERS", "GitLab"),
            (".github/CODEOWNERS", "CODEOWNERS", "GitHub"),
            (".github/CODEOWNERS", "docs/CODEOWNERS", "GitHub"),
            ("CODEOWNERS", "docs/CODEOWNERS", "GitHub"),
        ] {
            let message = format!("{forge} reads {first}, and not this file");
            assert_eq!(told(&[(first, ""), (path, "* @owners")]), [(path.to_owned(), message)]);
            assert_eq!(told(&[(first, "* @owners"), (path, "* @owners")]), [], "they say the same");
            assert_eq!(told(&[(path, "* @owners")]), [], "it is the only one");
        }
        assert_eq!(told(&[(".github/CODEOWNERS", "a"), (".gitlab/CODEOWNERS", "b")]), []);
    }
}
