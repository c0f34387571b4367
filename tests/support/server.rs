//! One server process.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::ask::{RD, ask};

/// How long a server may take to answer its first question on a busy machine.
const STARTUP: Duration = Duration::from_secs(30);

/// A running server with a directory of its own. Stopped, by its process id, when dropped.
#[derive(Debug)]
pub struct Server {
    name: String,
    directory: PathBuf,
    child: Child,
}

impl Server {
    /// Writes `files` into `directory` and starts `program` there.
    ///
    /// # Panics
    /// When the program is not installed.
    pub fn start(
        name: &str,
        directory: &Path,
        files: &[(&str, String)],
        program: &str,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Self {
        fs::create_dir_all(directory).expect("a directory");
        for (file, text) in files {
            fs::write(directory.join(file), text).expect("a configuration file");
        }
        let log = File::options().create(true).append(true).open(directory.join("log")).expect("a log file");
        let child = Command::new("setpriv")
            // If the test dies without dropping anything, the kernel stops the server.
            .args(["--pdeathsig", "KILL", "--", program])
            .args(arguments)
            .current_dir(directory)
            // Debian keeps servers where ordinary users do not look.
            .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("setpriv of util-linux has to be installed: see tests/run");
        Self { name: name.to_owned(), directory: directory.to_owned(), child }
    }

    /// Waits until the server at `address` has its own name: some listen before they have read their zones.
    ///
    /// # Panics
    /// When it ends instead, or takes longer than half a minute; with its log.
    pub async fn answers_at(&mut self, address: IpAddr, own_name: &str) {
        let deadline = Instant::now() + STARTUP;
        loop {
            let answer = ask(address, own_name, RD, Duration::from_millis(500)).await;
            if answer.is_some_and(|answer| !answer.addresses().is_empty()) {
                return;
            }
            assert!(self.is_running(), "{} ended at once:\n{}", self.name, self.log());
            assert!(Instant::now() < deadline, "{} does not answer at {address}:\n{}", self.name, self.log());
            // A closed port is reported at once.
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asks it to end (SIGTERM) and waits until it has: for servers whose own children would be left without a parent.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().expect("a child's state")
    }

    /// Sends it a signal by name: `TERM`, `HUP` …
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.id())]).status();
        assert!(sent.expect("a shell").success(), "{} is gone", self.name);
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended by itself.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child's state").is_none()
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left to be done when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
