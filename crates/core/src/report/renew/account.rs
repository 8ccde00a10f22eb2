//! The pull request that moves a credential to another Apple Account.

use std::fmt::Write as _;

use super::label;
use crate::model::{Facts, TenantName, TokenRef};
use crate::renewal::account::Told;
use crate::report::cell::cell;

/// What the text is made of.
pub struct AccountText<'a> {
    pub tenant: &'a TenantName,
    /// What people call it.
    pub display_name: Option<&'a str>,
    pub token: &'a TokenRef,
    /// The account in Git before.
    pub in_git: Option<&'a str>,
    /// What Intune has now.
    pub live: Option<&'a Facts>,
    pub to: &'a str,
    pub told: &'a Told,
    /// What to know although it is proposed.
    pub warnings: &'a [String],
}

/// The title and the text of a pull request.
pub fn account_text(text: &AccountText<'_>) -> (String, String) {
    let what = label(text.token);
    let title = format!("Move the {what} of {} to the Apple Account {}", text.tenant, text.to);
    let name = text.display_name.unwrap_or(text.tenant.as_str());
    let mut body = String::new();
    let _ = writeln!(
        body,
        "The {} of **{}** belongs to another Apple Account at Apple from now on.\n",
        cell(&what),
        cell(name)
    );
    let account = |account: Option<&str>| account.map_or("unknown".to_owned(), cell);
    let in_intune = text.live.and_then(|live| live.apple_id.as_deref());
    body.push_str("| Apple Account | |\n|---|---|\n");
    let _ = writeln!(body, "| in Git now | {} |", account(text.in_git));
    let _ = writeln!(body, "| in Intune now | {} |", account(in_intune));
    let _ = writeln!(body, "| after this | **{}** |\n", cell(text.to));
    let closing = match text.told {
        Told::Now(_) => {
            let serial = text.live.and_then(|live| live.serial.as_ref());
            let serial = serial.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(
                body,
                "- ✅ the certificate in Git is the one that Intune has (serial {serial}), so nothing changes for devices"
            );
            "Once this is merged, `applecart apply` uploads the same certificate again with the new account: Intune takes the account only together with a certificate. The `allow` line permits just that.".to_owned()
        }
        Told::Later(why) => format!(
            "Nothing is uploaded now, because {why}. Renewal sheets name the new account from this merge on, and the next upload tells Intune."
        ),
        Told::Already => "Intune names the new account already, so nothing is uploaded.".to_owned(),
    };
    for warning in text.warnings {
        let _ = writeln!(body, "- ⚠️ {}", cell(warning));
    }
    let _ = writeln!(body, "\n{closing}");
    (title, body)
}
