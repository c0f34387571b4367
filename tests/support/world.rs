//! Everything one test needs: the outside, and resolvers that can be built, rebuilt and stopped.

use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::thread;

use super::isolated;
use super::network;
use super::outside::{Authority, Outside};
use super::resolvers::{INTERNAL, Setup};
use super::server::Server;

/// The outside and the resolvers of one test.
#[derive(Debug)]
pub struct World {
    directory: PathBuf,
    outside: Outside,
    nodes: BTreeMap<String, Node>,
}

#[derive(Debug)]
struct Node {
    address: IpAddr,
    server: Option<Server>,
}

impl World {
    /// A running outside, and addresses for resolvers of these names: 10.1.0.1, 10.1.0.2 … None of them runs yet.
    pub async fn new(names: &[&str]) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(isolated::inside());
        if directory.exists() {
            fs::remove_dir_all(&directory).expect("what an earlier run left");
        }
        let outside = Outside::start(directory.join("outside")).await;
        let address = |host: u8| IpAddr::V4(Ipv4Addr::new(10, 1, 0, host));
        let nodes = names.iter().zip(1..).map(|(name, host)| {
            network::add(address(host));
            ((*name).to_owned(), Node { address: address(host), server: None })
        });
        Self { directory, nodes: nodes.collect(), outside }
    }

    /// Where the resolver listens, whether it runs or not.
    pub fn address(&self, name: &str) -> IpAddr {
        self.nodes[name].address
    }

    /// A directory of the test's own.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Builds the resolver anew: the old process, if there is one, ends with all its caches, its configuration is
    /// rewritten, and a new process runs when this returns.
    pub async fn build(&mut self, name: &str, setup: Setup) {
        let node = self.nodes.get_mut(name).expect("a resolver of this world");
        node.server = None;
        let directory = self.directory.join(name);
        let mut server = setup.start(name, node.address, &directory, &self.outside.trust_anchor);
        server.answers_at(node.address, INTERNAL.0).await;
        node.server = Some(server);
    }

    /// Ends the resolver. Its address stays: those who ask it hear at once that the port is closed.
    pub fn stop(&mut self, name: &str) {
        self.nodes.get_mut(name).expect("a resolver of this world").server = None;
    }

    /// Lets every packet to the resolver vanish, as when its host loses power; it goes on running.
    pub fn cut(&self, name: &str) {
        network::remove(self.address(name));
    }

    /// Undoes [`World::cut`].
    pub fn mend(&self, name: &str) {
        network::add(self.address(name));
    }

    /// Ends an authority of the outside.
    pub fn kill(&mut self, authority: Authority) {
        self.outside.kill(authority);
    }

    /// Starts an authority of the outside again.
    pub async fn revive(&mut self, authority: Authority) {
        self.outside.revive(authority).await;
    }

    /// What the resolver's process said so far.
    pub fn log(&self, name: &str) -> String {
        self.nodes[name].server.as_ref().map(Server::log).unwrap_or_default()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("Configuration and logs of the servers are kept in {}", self.directory.display());
        } else {
            // The servers still run; what they write from now on is of no interest.
            drop(fs::remove_dir_all(&self.directory));
        }
    }
}
