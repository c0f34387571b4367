//! Log lines: on standard error, or held back while the terminal is a canvas.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use parking_lot::Mutex;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::LogFormat;

/// The most lines that are held back; the oldest go first.
const MOST: usize = 500;

/// Where log lines go.
#[derive(Debug, Clone, Default)]
pub(super) struct Logs(Arc<Mutex<Option<VecDeque<Vec<u8>>>>>);

/// Lines are held back until this is dropped. Then they are written.
#[derive(Debug)]
pub(super) struct Held(Logs);

/// One line on its way.
#[derive(Debug)]
pub(super) struct LineWriter(Logs);

impl Logs {
    /// Logs go to standard error; `FATHOM_LOG` takes filters such as `fathom=debug`.
    pub(super) fn start(format: LogFormat) -> Self {
        let logs = Self::default();
        let filter = EnvFilter::try_from_env("FATHOM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
        let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(logs.clone()).with_target(false);
        match format {
            LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).init(),
            LogFormat::Json => lines.json().init(),
        }
        logs
    }

    /// Holds lines back from now on.
    pub(super) fn hold(&self) -> Held {
        self.0.lock().get_or_insert_default();
        Held(self.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for line in self.0.0.lock().take().into_iter().flatten() {
            // Nothing can be done about a standard error that is gone.
            drop(io::stderr().write_all(&line));
        }
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter(self.clone())
    }
}

impl Write for LineWriter {
    /// Takes a whole line: that is how they come.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut held = self.0.0.lock();
        let Some(lines) = held.as_mut() else { return io::stderr().write(line) };
        if lines.len() == MOST {
            lines.pop_front();
        }
        lines.push_back(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
