//! Keeps the Apple credentials of many Intune tenants equal to what a Git repository says.
pub mod fleet;
pub mod ledger;
pub mod model;
