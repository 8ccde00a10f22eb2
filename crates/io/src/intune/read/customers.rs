//! The customers of a partner tenant.

use std::collections::HashSet;

use serde::Deserialize;

use super::super::reply::{Fault, Reply};
use super::super::session::{Ask, Session, Start};
use super::super::wire::Page;
use super::{MAX_PAGES, Resource};
use applecart_core::import::Customer;
use applecart_core::model::{Problem, TenantId};

/// Where a partner's customers are, below the API version.
const CONTRACTS: &str = "/contracts";

/// The least application permission listed for it.
const READ_DIRECTORY: &str = "Directory.Read.All";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customers {
    /// Each once, in Graph's order.
    pub customers: Vec<Customer>,
    /// How many contracts name no directory that can be read.
    pub unusable: usize,
}

/// `contract`, in v1.0. All its properties may be null.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contract {
    customer_id: Option<String>,
    display_name: Option<String>,
    default_domain_name: Option<String>,
}

/// Reads all pages. Type and permission are Microsoft's metadata. Not confirmed is what a tenant
/// answers that is no partner, and whether a customer with two contracts stands there twice: of
/// one directory the first contract counts.
pub(in crate::intune) async fn customers(session: &Session) -> Result<Customers, Problem> {
    let visit = session.visit();
    visit.sign_in().await?;
    let problem = |fault: Fault| Problem {
        // It is about the partner's directory, not about one of the three credentials.
        resource: None,
        ..fault.problem(Resource::Push, READ_DIRECTORY)
    };
    let mut url = session.endpoint.v1(CONTRACTS);
    let (mut asked, mut seen) = (HashSet::new(), HashSet::new());
    let mut all = Customers::default();
    loop {
        let parse = |reply: &Reply| Ok((reply.json::<Page<Contract>>()?, reply.request_id()));
        let answer = visit.ask(&Ask::get(url.clone()), Start::default(), parse).await;
        let (page, request_id) = answer.map_err(|failure| problem(failure.fault))?;
        for contract in page.value {
            match contract.customer_id.as_deref().map(str::parse::<TenantId>) {
                Some(Ok(tenant_id)) => {
                    if seen.insert(tenant_id) {
                        all.customers.push(Customer {
                            tenant_id,
                            display_name: contract.display_name,
                            domain: contract.default_domain_name,
                        });
                    }
                }
                _ => all.unusable += 1,
            }
        }
        let Some(link) = page.next_link else { return Ok(all) };
        asked.insert(url);
        let bad = |detail: &str| {
            problem(Fault::BadAnswer { detail: detail.to_owned(), request_id: request_id.clone() })
        };
        url = match visit.own_link(&link) {
            None => return Err(bad("the next page is on another host; it was not asked for")),
            Some(next) if asked.contains(&next) => return Err(bad("the pages lead in a circle")),
            Some(_) if asked.len() >= MAX_PAGES => return Err(bad("the pages do not end")),
            Some(next) => next,
        };
    }
}
