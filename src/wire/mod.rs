//! The DNS message: a question becomes bytes, bytes become the facts of a reply.
//!
//! Everything that arrives is hostile until decoded: lengths, counts and text come from whoever sent the packet. This
//! is the only part of the program that knows the codec.

mod casing;
mod dig;
mod query;
mod reply;
mod text;

pub use casing::CaseMemory;
pub use dig::dig;
pub use query::{Encoded, QueryTemplate};
pub(crate) use reply::counts_can_fit;
pub use reply::{ExtendedError, Rcode, Record, Reply, Stray};
pub use text::printable;

/// The UDP payload size Fathom announces and listens for: what crosses any network unfragmented (RFC 9715).
pub const UDP_PAYLOAD: usize = 1232;
