//! The task of one target: wait for its turn, ask, record, listen for what comes late.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Circuit;
use super::calm::Calm;
use super::gauges::{Gauges, Seat};
use crate::board::{Board, TargetCell};
use crate::outcome::Outcome;
use crate::plan::Purpose;
use crate::probe::{Late, ask};
use crate::schedule::{Kind, Schedule, Skip, Turn};
use crate::ttl_watch::TtlWatch;

/// What one target's task works with.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) board: Arc<Board>,
    pub(super) gauges: Arc<Gauges>,
    pub(super) calm: Arc<Calm>,
    pub(super) circuit: Arc<Circuit>,
    /// Where to record; another cell after a reload.
    pub(super) cell: Arc<Mutex<Arc<TargetCell>>>,
}

impl Runner {
    /// Probes the target until the task is aborted, which also ends its listening.
    pub(super) async fn run(self, mut schedule: Schedule) {
        let mut closer = self.circuit.closer.subscribe();
        let mut ttl_watch = TtlWatch::default();
        let mut listeners = JoinSet::new();
        loop {
            while listeners.try_join_next().is_some() {}
            let now = Instant::now();
            let look_closer = closer.borrow_and_update().is_some_and(|until| now < until);
            let turn = schedule.next(now, look_closer, rand::random());
            tokio::select! {
                () = sleep_until(turn.at) => {}
                _ = closer.changed(), if turn.kind == Kind::Regular => continue,
            }
            let Some(seat) = self.admit(&mut schedule, turn) else { continue };
            let cell = Arc::clone(&self.cell.lock());
            let fails = cell.verdict().is_failing();
            if !self.calm.may_ask(cell.target(), cell.software(), fails, Instant::now()) {
                self.gauges.skip(Skip::Storm, u64::from(turn.kind == Kind::Regular));
                continue;
            }
            let (seen, late) = ask(cell.target(), &self.circuit.contact, &mut ttl_watch, || cell.verdict()).await;
            if seen.heard.is_ok() {
                self.calm.answered(cell.target());
            }
            let changed = self.board.record(&self.cell.lock(), &seen);
            if changed && seen.outcome != Outcome::InternalError && seen.target.purpose == Purpose::Name {
                schedule.confirm(turn);
            }
            if let Some(late) = late
                && self.gauges.has_room_to_listen()
            {
                listeners.spawn(listen(late, Arc::clone(&self.cell), Arc::clone(&self.calm), seat));
            }
        }
    }

    /// The seat for the probe whose turn it is, or nothing when it has to be skipped.
    fn admit(&self, schedule: &mut Schedule, turn: Turn) -> Option<Seat> {
        let lag = match schedule.begin(turn, Instant::now()) {
            Ok(lag) => lag,
            Err(lost) => {
                self.gauges.skip(Skip::Overload, lost);
                return None;
            }
        };
        // A closer look lives on what is left over; doing without is no loss to be counted.
        let budget = self.circuit.contact.budget();
        let quick = turn.kind == Kind::Quick;
        if quick && !(self.gauges.has_room_to_listen() && budget.try_take_spare()) {
            return None;
        }
        let Some(seat) = self.gauges.seat() else {
            self.gauges.skip(Skip::InFlight, 1);
            return None;
        };
        if !quick && !budget.try_take() {
            self.gauges.skip(Skip::Budget, 1);
            return None;
        }
        self.gauges.observe_lag(lag);
        Some(seat)
    }
}

/// Listens until the end of patience; the answer, if one comes, is evidence and no outcome.
async fn listen(late: Late, cell: Arc<Mutex<Arc<TargetCell>>>, calm: Arc<Calm>, seat: Seat) {
    if let Some(reply) = late.listen().await {
        calm.answered(&reply.target);
        cell.lock().record_late(&reply);
    }
    drop(seat);
}
