//! Every row of the decision table and every hold class: equal worlds, change one thing, expect
//! one thing. `situations` has them in the words of an admin's year; the other rooms look closer at
//! one kind or rule.

mod canary;
mod enrollment;
mod push;
mod situations;
mod topics;
mod vpp;
