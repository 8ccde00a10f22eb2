//! Which entry of one commit is which token of the next.
//!
//! Entries are matched as everywhere (by id, else by name), and before the name by the sealed file:
//! a name can be given to another token, a file cannot.

use super::Version;
use crate::fleet::{Desired, Tenant, Token};
use crate::model::{Kind, TokenRef};

/// A token through time: every way in which it was called.
pub(super) struct Line {
    pub(super) refs: Vec<TokenRef>,
    file: Option<String>,
    sha256: Option<crate::model::Sha256>,
}

/// All tokens of a folder's history, in the order in which the newest version has them.
pub(super) struct Lines {
    pub(super) all: Vec<Line>,
    /// For each version the lines of its tokens, after and before.
    pub(super) of_versions: Vec<[Vec<usize>; 2]>,
}

impl Line {
    pub(super) fn kind(&self) -> Kind {
        self.refs.first().map_or(Kind::Push, |token| token.kind)
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.refs.iter().find_map(|token| token.name.as_deref())
    }

    pub(super) fn id(&self) -> Option<&str> {
        self.refs.iter().find_map(|token| token.id.as_deref())
    }

    /// How well an entry fits; 0 when it is another token.
    fn fits(&self, token: &Token) -> u32 {
        let of = &token.token;
        if of.kind != self.kind() {
            return 0;
        }
        if let (Some(mine), Some(theirs)) = (self.id(), of.id.as_deref())
            && mine != theirs
        {
            return 0;
        }
        let id = of.id.is_some() && self.id() == of.id.as_deref();
        let name = self.refs.iter().any(|known| known.same_token(of));
        let file = token.file.as_ref();
        let same_name = file.is_some() && file.map(|file| &file.name) == self.file.as_ref();
        let same_file = file.is_some() && file.map(|file| file.sha256) == self.sha256;
        // The same file under another name is the same token, renamed.
        u32::from(id) * 16 + u32::from(same_file) * 8 + u32::from(name) * 4 + u32::from(same_name)
    }

    fn learn(&mut self, token: &Token) {
        if !self.refs.contains(&token.token) {
            self.refs.push(token.token.clone());
        }
        if let Some(file) = &token.file {
            self.file = Some(file.name.clone());
            self.sha256 = Some(file.sha256);
        }
    }
}

impl Lines {
    /// Follows every token through the versions, which are newest first.
    pub(super) fn of(versions: &[Version]) -> Self {
        let mut lines = Self { all: Vec::new(), of_versions: Vec::new() };
        for version in versions {
            let of = [&version.after, &version.before].map(|side| {
                side.as_deref().and_then(Desired::valid).map(|tenant| lines.learn(tenant))
            });
            lines.of_versions.push(of.map(Option::unwrap_or_default));
        }
        lines
    }

    fn learn(&mut self, tenant: &Tenant) -> Vec<usize> {
        let found = self.assign(tenant);
        let mut lines = Vec::new();
        for (token, found) in tenant.tokens().zip(found) {
            let index = found.unwrap_or_else(|| {
                self.all.push(Line { refs: Vec::new(), file: None, sha256: None });
                self.all.len() - 1
            });
            if let Some(line) = self.all.get_mut(index) {
                line.learn(token);
            }
            lines.push(index);
        }
        lines
    }

    /// The line of each of the tenant's tokens; no two have the same.
    fn assign(&self, tenant: &Tenant) -> Vec<Option<usize>> {
        let tokens: Vec<&Token> = tenant.tokens().collect();
        let mut pairs: Vec<(u32, usize, usize)> = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            for (line, known) in self.all.iter().enumerate() {
                let fits = known.fits(token);
                if fits > 0 {
                    pairs.push((fits, index, line));
                }
            }
        }
        pairs.sort_by_key(|&(fits, index, line)| (std::cmp::Reverse(fits), index, line));
        let mut found = vec![None; tokens.len()];
        for (_, index, line) in pairs {
            let is_free = !found.contains(&Some(line));
            if let Some(place) = found.get_mut(index).filter(|place| place.is_none() && is_free) {
                *place = Some(line);
            }
        }
        found
    }

    /// The line that a ledger's line is about; a new one where Git never named the token.
    pub(super) fn of_token(&mut self, of: &TokenRef) -> usize {
        let by_id = |line: &Line| of.id.is_some() && line.refs.iter().any(|one| one.id == of.id);
        let same = |line: &Line| {
            line.refs.iter().any(|known| known.same_token(of))
                && !(of.id.is_some() && line.id().is_some_and(|id| Some(id) != of.id.as_deref()))
        };
        let found = self
            .all
            .iter()
            .position(|line| line.kind() == of.kind && by_id(line))
            .or_else(|| self.all.iter().position(|line| line.kind() == of.kind && same(line)));
        match found {
            Some(found) => {
                if let Some(line) = self.all.get_mut(found)
                    && !line.refs.contains(of)
                {
                    line.refs.push(of.clone());
                }
                found
            }
            None => {
                self.all.push(Line { refs: vec![of.clone()], file: None, sha256: None });
                self.all.len() - 1
            }
        }
    }
}
