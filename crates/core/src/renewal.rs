//! A download from Apple on its way into the fleet, as far as that is a computation: what `seal`
//! and `renew` share.
//!
//! * [`due`]: the tokens whose renewal may be opened, and the sheet of each;
//! * [`sitting`], [`forecast`]: what is renewed together, and the weeks to come;
//! * [`matching`]: the tokens that a file may be for, by its content;
//! * [`target`]: the token that a person named, and how its sealed file is called;
//! * [`judge`]: what speaks against the file;
//! * [`Place`]: what the tenant file is to say of it, and whether the fleet would be valid with that;
//! * [`account`]: a credential that another Apple Account has from now on;
//! * [`proposal`]: the branch, the commit and the pull request of a renewal.

pub mod account;
mod draft;
pub mod due;
pub mod forecast;
pub mod judge;
pub mod matching;
pub mod proposal;
pub mod sitting;
pub mod target;

pub use draft::{DraftError, Place};

use crate::apple::Inspection;
use crate::fleet::Tenant;
use crate::model::TokenRef;

/// `contoso/London`, as the command line takes it.
pub fn spec(tenant: &Tenant, token: &TokenRef) -> String {
    token.spec(&tenant.name)
}

/// The tenant's and the token's part of `contoso/London`.
pub fn split_spec(spec: &str) -> (&str, Option<&str>) {
    match spec.split_once('/') {
        Some((tenant, token)) => (tenant, Some(token)),
        None => (spec, None),
    }
}

/// The findings that refuse a file by themselves.
pub fn refusing(inspection: &Inspection) -> Vec<String> {
    let refusing = inspection.findings.iter().filter(|finding| finding.refuses());
    refusing.map(ToString::to_string).collect()
}
