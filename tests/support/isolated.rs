//! A network namespace for each test.
//!
//! A namespace can only be entered by a process as a whole. So the test program starts itself once more, inside
//! `unshare`, for the one test, and the test passes when that second process passes it.

use std::any::type_name;
use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::network;

/// Set in the process that runs inside the namespace.
const INSIDE: &str = "FATHOM_TEST_INSIDE_NAMESPACE";

/// In the process that runs inside the namespace: a word that no other test uses at the same time.
pub(super) fn inside() -> String {
    env::var(INSIDE).expect("servers are started inside isolated(): a network namespace of the test's own")
}

/// Runs the body of a `#[test]`, an async block written in the test itself, in a network namespace of its own, on a Tokio
/// runtime with two threads.
///
/// # Panics
/// When the body panics, or when no namespace can be made: that takes root, or a kernel that lets users make them.
pub fn isolated<F: Future<Output = ()>>(body: F) {
    if env::var_os(INSIDE).is_some() {
        network::raise();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(body);
    } else {
        run_inside(type_name::<F>());
    }
}

/// `body` is the type of a test's body: `real_bind::stages::{{closure}}` for the test `stages` of the program `real_bind`.
fn run_inside(body: &str) {
    let path = body.trim_end_matches("::{{closure}}");
    let (_, test) = path.split_once("::").expect("a function inside a crate");
    let root = fs::metadata("/proc/self").expect("/proc").uid() == 0;
    let unshare: &[&str] = if root { &["--net"] } else { &["--net", "--map-current-user", "--keep-caps"] };
    let output = Command::new("unshare")
        .args(unshare)
        // The thread that waits here is the parent: when it dies, so does the process inside.
        .args(["setpriv", "--pdeathsig", "KILL", "--"])
        .arg(env::current_exe().expect("the test program"))
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(INSIDE, path.replace("::", "-"))
        .output()
        .expect("unshare of util-linux has to be installed: see tests/run");
    let said = String::from_utf8_lossy(&output.stdout);
    // Through the macros, so that the harness shows it only when the test fails.
    print!("{said}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("running 1 test"), "{test} is no test: give isolated() an async block of the test itself");
    let passed = output.status.success() && said.contains("test result: ok. 1 passed");
    assert!(passed, "{test} did not pass in its network namespace: {}", output.status);
}
