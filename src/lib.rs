//! Fathom: a synthetic DNS health prober with Prometheus export.

pub mod estate;
pub mod expect;
pub mod outcome;
pub mod verdict;
pub mod wire;
