//! What time it is.

use std::time::SystemTime;

use tokio::time::Instant;

use super::store::{millis, time_of};

/// The clock of the journal.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// A moment by the wall and by the runtime; nothing where the wall alone counts.
    anchor: Option<(SystemTime, Instant)>,
}

impl Clock {
    /// The clock on the wall.
    pub const fn wall() -> Self {
        Self { anchor: None }
    }

    /// The wall's time of now, and from then on the runtime's, which may be virtual.
    pub fn of_runtime() -> Self {
        Self { anchor: Some((SystemTime::now(), Instant::now())) }
    }

    /// What time it is, in whole milliseconds: as precisely as it is kept.
    pub fn now(&self) -> SystemTime {
        let now = self.anchor.map_or_else(SystemTime::now, |(wall, instant)| wall + instant.elapsed());
        time_of(millis(now))
    }
}
