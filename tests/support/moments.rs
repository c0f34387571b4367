//! When something was first seen, to tell how soon after that it was named.

use std::sync::Arc;
use std::time::Duration;

use fathom::board::{Board, Change};
use fathom::outcome::Outcome;
use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, interval};

/// How often identities are looked at: they come with every answer, and no event tells of them.
const GLANCE: Duration = Duration::from_millis(250);

/// What was seen since the clock was started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Moments {
    /// A probe of a name from outside failed.
    pub first_failure: Option<Instant>,
    /// A resolver answered under another name for itself than before.
    pub new_identity: Option<Instant>,
}

/// Notes what is seen, until it is aborted.
pub(super) async fn note(board: Arc<Board>, moments: Arc<Mutex<Moments>>) {
    let (mut changes, mut glance, mut identities) = (board.changes(), interval(GLANCE), identities(&board));
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(change) if fails(&change) => {
                    moments.lock().first_failure.get_or_insert_with(Instant::now);
                }
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            _ = glance.tick() => {
                let now = self::identities(&board);
                let other = |(before, now): (&Option<String>, &Option<String>)| before.is_some() && before != now;
                if identities.iter().zip(&now).any(other) {
                    moments.lock().new_identity.get_or_insert_with(Instant::now);
                }
                identities = now;
            }
        }
    }
}

fn fails(change: &Change) -> bool {
    change.target.needs_recursion && !matches!(change.to, Outcome::Ok | Outcome::InternalError)
}

fn identities(board: &Board) -> Vec<Option<String>> {
    board.cells().iter().map(|cell| cell.resolver_state().nsid).collect()
}
