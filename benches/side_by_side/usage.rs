//! What a process costs: processor time and memory, as the kernel accounts for them.

use std::fs;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Processor time over a stretch of real time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    /// Used by all threads.
    pub(crate) processor: Duration,
    /// That passed meanwhile.
    pub(crate) elapsed: Duration,
}

impl Usage {
    /// Measures the process for so long.
    pub(crate) async fn of(process: u32, window: Duration) -> Self {
        let (before, started) = (processor_time(&format!("/proc/{process}/task")), Instant::now());
        sleep(window).await;
        let (after, elapsed) = (processor_time(&format!("/proc/{process}/task")), started.elapsed());
        Self { processor: after.saturating_sub(before), elapsed }
    }

    /// Microseconds of processor time for each event, at so many events a second.
    pub(crate) fn microseconds_each(self, per_second: f64) -> f64 {
        self.processor.as_secs_f64() / self.elapsed.as_secs_f64() / per_second * 1e6
    }
}

/// Nanosecond accounts of every thread that lives. Threads that ended are missing: the programs here keep theirs.
fn processor_time(tasks: &str) -> Duration {
    let threads = fs::read_dir(tasks).expect("a process that runs").flatten();
    threads.map(|thread| schedstat(&thread.path().join("schedstat").to_string_lossy())).sum()
}

/// Processor time of the calling thread.
pub(crate) fn own_thread() -> Duration {
    schedstat("/proc/thread-self/schedstat")
}

fn schedstat(file: &str) -> Duration {
    let account = fs::read_to_string(file).unwrap_or_default();
    Duration::from_nanos(account.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default())
}

/// Resident memory in KiB.
pub(crate) fn resident_kib(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process that runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
