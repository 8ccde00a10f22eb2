//! Keeps the Apple credentials of many Intune tenants equal to what a Git repository says.
pub mod apple;
pub mod fleet;
pub mod intune;
pub mod model;
pub mod vault;
