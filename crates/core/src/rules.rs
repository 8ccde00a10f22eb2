//! The rules, each once, for every command that follows them.
//!
//! * [`codes`]: every hold, finding, problem and warning: what it means, why it matters, what to
//!   do next, and what releases it.
//! * [`judge`]: what speaks against a credential; what came of an upload asks [`subject`].
//! * [`allow`]: whether a reviewed `allow` line releases it today.
//! * [`verdicts`]: what they answer about a file that is proposed, as the ticks of a pull request.
//! * [`downloads`]: when an enrollment file was downloaded, by everything that says so.
//! * [`entra`]: what an application needs in a tenant, and which of Entra's numbers says that it lacks it.
//! * [`freshness`]: how old the reading of a tenant may be before that is told.
//! * [`stated`]: what a tenant file states, and Intune has otherwise.
//! * [`identity`]: which token in Intune an entry means.
//! * [`in_force`]: whether the base still says what is applied.
//! * [`bindings`]: which tenant a file, a folder or a topic belongs to.
//! * [`claims`]: who said something first, where histories run beside each other.
//! * [`owners`]: which Apple Accounts put the credentials at risk that depend on them.
//! * [`topics`]: which push topic the enrolled devices know.
//! * [`locations`]: which location at Apple a VPP token is bound to.
//! * [`refusal`]: what a run's refusal of the file in Git means.
//! * [`requests`]: whose request for Apple (CSR) a push certificate answers.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod allow;
pub mod answered;
pub mod at_apple;
pub mod bindings;
pub mod claims;
pub mod codes;
pub mod downloads;
pub mod entra;
pub mod freshness;
pub mod identity;
pub mod in_force;
pub mod judge;
pub mod last_known;
pub mod locations;
pub mod owners;
pub mod refusal;
pub mod requests;
pub mod stated;
pub mod subject;
pub mod topics;
pub mod touched;
pub mod verdicts;
