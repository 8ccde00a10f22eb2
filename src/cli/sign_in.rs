//! What the environment holds for the sign-in. Which names count, and what is missing, is
//! `intune`'s to say; here they are only looked up.

use super::clock;
use super::environment::variable;
use super::error::CliError;
use super::session::overrides;
use applecart_core::fleet::Auth;
use applecart_io::intune::{ClientSecret, Connector, ConnectorOptions, of_application};

/// Builds the way to Entra and Graph from the environment.
pub(super) fn connector() -> Result<Connector, CliError> {
    let overrides = overrides()?;
    // Each tenant's sign-in asks for it; the environment is the only place it is kept.
    let secret = |auth: &Auth| {
        const NAME: &str = "AZURE_CLIENT_SECRET";
        let own = variable(&of_application(NAME, &auth.client_id));
        own.or_else(|| variable(NAME)).and_then(ClientSecret::new)
    };
    let options = ConnectorOptions::new(Box::new(secret), clock::machine);
    let variables = Box::new(variable);
    Ok(Connector::new(ConnectorOptions { overrides, variables, ..options })?)
}
