//! The terminal as a canvas, and its keys.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste, Event};
use ratatui::crossterm::execute;
use tokio::sync::mpsc;

use crate::watch::Model;
use crate::watch::draw::draw;
use crate::watch::screen::Screen;

/// How often the thread that reads keys looks whether it is to end.
const GLANCE: Duration = Duration::from_millis(100);

/// Keys that may wait to be read.
const KEYS: usize = 64;

/// The terminal. It is as it was when this is dropped, and when anything panics.
pub(super) struct Canvas {
    terminal: DefaultTerminal,
    events: mpsc::Receiver<Event>,
    over: Arc<AtomicBool>,
}

impl Canvas {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When standard output is none, or there are no keys to be read.
    pub(super) fn take() -> io::Result<Self> {
        let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
        let over = Arc::new(AtomicBool::new(false));
        let (sender, events) = mpsc::channel(KEYS);
        let canvas = Self { terminal, events, over: Arc::clone(&over) };
        execute!(io::stdout(), EnableBracketedPaste)?;
        // Reading from a terminal blocks, whatever is to be done meanwhile.
        thread::Builder::new().name("keys".to_owned()).spawn(move || read(&sender, &over))?;
        Ok(canvas)
    }

    /// Draws what is known.
    pub(super) fn draw(&mut self, model: &Model, screen: &mut Screen) -> io::Result<()> {
        self.terminal.draw(|frame| draw(model, screen, frame.area(), frame.buffer_mut()))?;
        Ok(())
    }

    /// The next key, paste or change of size; nothing when the terminal is gone.
    pub(super) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // A terminal that is gone needs nothing any more.
        drop(execute!(io::stdout(), DisableBracketedPaste));
        drop(ratatui::try_restore());
    }
}

/// Reads until it is over or the terminal is gone.
fn read(events: &mpsc::Sender<Event>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        match event::poll(GLANCE).and_then(|some| if some { event::read().map(Some) } else { Ok(None) }) {
            Ok(None) => {}
            Ok(Some(event)) => {
                if events.blocking_send(event).is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}
