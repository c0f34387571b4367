//! `GET /api/v1/events`: every entry of the journal as it is written, as server-sent events (WHATWG HTML, section 9.2).
//! Documented in docs/api.md.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::channel::{Channel, Sender};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Site;
use crate::journal::Journal;
use crate::journal::entry::Entry;
use crate::journal::json::ToldEntry;

/// Listeners at a time: far fewer than connections, lest nobody can scrape.
pub(super) const MOST_LISTENERS: usize = 64;

/// A line is sent at least this often, so that either side learns when the other is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// A listener that takes nothing for so long is dropped; it can come back and go on where it was.
const STUCK: Duration = Duration::from_secs(10);

/// Events that wait for one listener.
const BUFFER: usize = 16;

/// Entries that are read at once for a listener who comes back.
const CHUNK: usize = 200;

/// What every stream begins with: a browser that is cut off comes back after two seconds.
const GREETING: &str = ": entries of the journal follow as they are written\nretry: 2000\n\n";

/// The route of this file.
pub(super) fn routes() -> Router<Site> {
    Router::new().route("/api/v1/events", get(events))
}

/// The right of so many to listen at a time.
pub(super) fn seats() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MOST_LISTENERS))
}

#[derive(Debug, Deserialize)]
struct Asked {
    after: Option<String>,
}

async fn events(State(site): State<Site>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response {
    // What a browser says when it comes back is newer than what its page was made with.
    let last = headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?").to_owned()).or(asked.after);
    let after = match last.as_deref().map(str::parse::<i64>) {
        None => None,
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => {
            return (StatusCode::BAD_REQUEST, "Last-Event-ID and after have to be numbers.\n").into_response();
        }
    };
    let Ok(seat) = Arc::clone(&site.listeners).try_acquire_owned() else {
        let full = format!("{MOST_LISTENERS} listen already; come back later.\n");
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "30")], full).into_response();
    };
    let (sender, body) = Channel::<Bytes>::new(BUFFER);
    tokio::spawn(tell(site.daemon.journal().clone(), after, sender, seat));
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::new(body)).into_response()
}

/// Tells one listener everything after the entry with this number, or from now on; until it is gone, too slow, or the
/// prober stops.
async fn tell(journal: Journal, after: Option<i64>, mut sender: Sender<Bytes>, _seat: OwnedSemaphorePermit) {
    let mut entries = journal.subscribe();
    let newest = journal.last_id();
    // A number that was never given comes from another journal: all of this one is news.
    let mut last = after.map_or(newest, |after| if after > newest { 0 } else { after });
    let mut behind = last < newest;
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.reset();
    let mut text = GREETING.to_owned();
    loop {
        if !text.is_empty() && !matches!(timeout(STUCK, sender.send_data(text.into())).await, Ok(Ok(()))) {
            return;
        }
        text = String::new();
        if behind {
            let missed = read(&journal, last).await;
            behind = missed.len() == CHUNK;
            for entry in missed {
                last = entry.id;
                text += &event(entry);
            }
            continue;
        }
        tokio::select! {
            // What was written before the end is told before it.
            biased;
            entry = entries.recv() => match entry {
                Ok(entry) if entry.id > last => {
                    last = entry.id;
                    text = event((*entry).clone());
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => behind = true,
                Err(RecvError::Closed) => return,
            },
            _ = heartbeat.tick() => text.push_str(": the prober is there\n\n"),
            () = journal.closed().cancelled() => return,
        }
    }
}

async fn read(journal: &Journal, after: i64) -> Vec<Entry> {
    let journal = journal.clone();
    let read = spawn_blocking(move || journal.after(after, CHUNK)).await;
    read.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

/// JSON has no line ends of its own, so an entry is one line of data.
fn event(entry: Entry) -> String {
    let id = entry.id;
    let data = serde_json::to_string(&ToldEntry::from(entry)).expect("plain data");
    format!("id: {id}\ndata: {data}\n\n")
}
