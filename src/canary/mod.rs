//! Canary names: signed names never asked before, and answers that only the beacon can give.
//!
//! A prober asks for `<nonce>.p.<canary>` ([`NonceFactory::cold_name`]) to see whether a resolver finds its way out, and
//! for `<nonce>.<resolver>.t.<canary>` ([`NonceFactory::tracer_name`]) to see whether its way leads to that resolver. The
//! nonce is signed, so that the [`beacon`](crate::beacon) answers nobody else; the answer is signed, so that nobody else
//! can answer for the beacon ([`read_answer`]). Nothing here touches the network.

mod answer;
mod keys;
mod label;

pub use answer::{Answered, BeaconId, BeaconSaw, Flag, Flags, NotGenuine, address, read_answer, tracer_address};
pub use keys::{Key, KeyError, Keys};
pub use label::{Kind, LABEL_LENGTH, Nonce, NonceFactory, Rejected, WINDOW};

/// The label between the canary zone and nonces for the outside world: `<nonce>.p.<canary>`.
pub const COLD_BRANCH: &str = "p";

/// The label between the canary zone and tracers: `<nonce>.<resolver>.t.<canary>`.
pub const TRACER_BRANCH: &str = "t";
