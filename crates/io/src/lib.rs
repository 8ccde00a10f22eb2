//! The outside world: Git, Microsoft Graph, sealed files, the ledger's branch, and the run that
//! writes.
//!
//! * [`git`]: the fleet as Git objects, the user's own `git`, signatures and history.
//! * [`intune`]: Entra and Graph; a reader and a writer.
//! * [`apple`]: what Apple says of a VPP token and of its own certificates; reads only.
//! * [`vault`]: age and SOPS files, and secrets that cannot be printed.
//! * [`store`]: the ledger's branch, its remote and its lock.
//! * [`apply`]: walks a checked plan: opens, records the intent, uploads, reads back, records.
//! * [`outlets`]: sends messages to those who are told.
//! * [`loopback`]: answers the browser on this machine.
//! * [`files`]: what a person names, read within bounds.
//! * [`seams`]: time and chance, which a run is given.

pub mod apple;
pub mod apply;
pub mod files;
pub mod git;
pub mod intune;
pub mod loopback;
pub mod outlets;
pub mod seams;
pub mod store;
pub mod variables;
pub mod vault;
