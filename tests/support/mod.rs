//! Real DNS servers for tests: an outside, resolvers that can be rebuilt one by one, and Fathom itself.
//!
//! A test is an ordinary `#[test]` whose body runs in a network namespace of its own, through [`isolated`]: every address
//! and every port is free there, and nothing in it can reach, or be reached by, anything else.
//!
//! ```ignore
//! mod support;
//! use support::{Setup, Software, World, isolated};
//!
//! #[test]
//! fn a_replica_forwards_to_its_sibling() {
//!     isolated(async {
//!         let mut world = World::new(&["ns1", "ns2"]).await;
//!         for node in ["ns1", "ns2"] {
//!             world.build(node, Setup::new(Software::Bind)).await;
//!         }
//!         let sibling = world.address("ns2");
//!         world.build("ns1", Setup::new(Software::Bind).forward_only(&[sibling])).await;
//!         // … ask world.address("ns1") …
//!     });
//! }
//! ```
//!
//! [`World`] says what there is. Servers are separate processes, stopped by their process id when dropped, and by the
//! kernel when the test process dies in any other way. Their configuration and logs lie below `target/tmp` and are
//! removed when a test passes.

#![allow(dead_code, unused_imports, unreachable_pub, reason = "every test program uses a part of this module")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the test harness shows it when a test fails")]
#![allow(clippy::format_push_string, reason = "configuration files are short")]

mod ask;
mod cases;
mod fathom;
pub mod http;
mod isolated;
mod layout;
mod moments;
mod network;
mod outside;
mod relay;
mod resolvers;
mod server;
mod simulated;
pub mod table;
mod truth;
mod watched;
mod world;

pub use ask::{Answer, Flags, NO_RD, RD, RD_CD, ask, ask_at};
pub use cases::{CASES, Case};
pub use fathom::{Fathom, LISTEN, Metrics, name, probes};
pub use isolated::isolated;
pub use layout::{Layout, Node, all_are_told};
pub use moments::Moments;
pub use network::{BLACK_HOLE, CLOSED_PORT, add as address_exists, datagrams, raise as raise_network};
pub use outside::{Authority, BEACON, BROKEN, CANARY, COLD, CT_LOG, EXTERNAL, MPIC, TTL, cut_outside, mend_outside};
pub use relay::{Relay, Weather};
pub use resolvers::{Forward, INTERNAL, INTERNAL_ZONE, Setup, Software};
pub use server::Server;
pub use simulated::{Simulated, played};
pub use truth::{Behind, Ending, PATIENCE, ending};
pub use watched::{Told, Watched, watched_toml};
pub use world::World;
