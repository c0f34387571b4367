//! The daemon's parts in virtual time, against a real server on a loopback socket in the same runtime.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod beacon;
mod break_glass;
mod estate;
mod fleet;
mod journal;
mod look_closer;
mod metrics;
mod operator;
mod page;
mod probe;
mod responder;
mod run;
mod supervised;
mod transport;
mod web;

use std::sync::Arc;

use fathom::board::Board;
use fathom::estate::Estate;
use fathom::fleet::Fleet;
use fathom::plan;

/// Begins to probe an estate.
fn start(estate: &Arc<Estate>) -> (Arc<Board>, Fleet) {
    let board = Arc::new(Board::new(estate, &plan::targets(estate)));
    let fleet = Fleet::start(Arc::clone(&board), estate);
    (board, fleet)
}
