//! The embedded lab and the real servers, asked the same at the same time: the lab is held to what they do.

#![expect(clippy::print_stdout, reason = "the test harness shows it when a test fails")]

mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use fathom::estate::DomainName;
use fathom::lab::{self, Lab, Policy, Spec, Zone};
use hickory_proto::op::ResponseCode;
use support::{
    Authority, BLACK_HOLE, Behind, CANARY, CLOSED_PORT, EXTERNAL, Flags, INTERNAL, INTERNAL_ZONE, NO_RD, PATIENCE, RD,
    RD_CD, Setup, Software, World, ask_at, ending, isolated,
};

/// One product, twice: as a real server and as the lab plays it.
#[derive(Debug, Clone, Copy)]
struct Pair {
    software: Software,
    real: SocketAddr,
    lab: SocketAddr,
}

/// What a client sees: response code, whether there are addresses in the answer, and after how long.
type Seen = Option<(ResponseCode, bool, Duration)>;

impl Pair {
    /// Asks both at once.
    async fn ask(self, name: &str, flags: Flags) -> (Seen, Seen) {
        let seen = async |server| {
            let answer = ask_at(server, name, flags, PATIENCE).await?;
            Some((answer.rcode(), !answer.addresses().is_empty(), answer.after))
        };
        tokio::join!(seen(self.real), seen(self.lab))
    }

    /// Asks both at once, and holds the lab to what the real server says; how long it takes must be of one order.
    async fn agree(self, what: &str, name: &str, flags: Flags) -> Seen {
        let (real, lab) = self.ask(name, flags).await;
        println!("{what}: {:?}: {real:?}, in the lab {lab:?}", self.software);
        let said = |seen: Seen| seen.map(|(rcode, answered, _)| (rcode, answered));
        assert_eq!(said(real), said(lab), "{what}: {:?}: the real one is left", self.software);
        let slow = |seen: Seen| seen.is_some_and(|(_, _, after)| after > Duration::from_secs(1));
        assert_eq!(slow(real), slow(lab), "{what}: {:?}: {real:?}, in the lab {lab:?}", self.software);
        real
    }
}

const ALL: [(Software, lab::Software, [&str; 2]); 5] = [
    (Software::Bind, lab::Software::Bind, ["bind", "bind-2"]),
    (Software::Unbound, lab::Software::Unbound, ["unbound", "unbound-2"]),
    (Software::Pdns, lab::Software::Pdns, ["pdns", "pdns-2"]),
    (Software::Knot, lab::Software::Knot, ["knot", "knot-2"]),
    (Software::Dnsmasq, lab::Software::Dnsmasq, ["dnsmasq", "dnsmasq-2"]),
];

/// Where a resolver forwards to.
#[derive(Debug, Clone, Copy)]
enum To {
    /// A resolver that finds its way by itself.
    Upstream,
    Behind(Behind),
}

/// Both worlds, with every product in both.
struct Both {
    pairs: Vec<Pair>,
    _world: World,
    _lab: Lab,
}

impl Both {
    async fn start(to: To) -> Self {
        let names: Vec<_> = ["upstream"].into_iter().chain(ALL.iter().flat_map(|(_, _, names)| *names)).collect();
        let mut world = World::new(&names).await;
        let mut lab = Lab::start().await.expect("a lab");
        let outside = Zone::new("example.com.").with("www.example.com.", 20, "A", "198.51.100.1");
        lab.outside().add(outside.with("*.w.example.com.", 20, "A", "198.51.100.2"), Duration::from_millis(5));

        world.build("upstream", Setup::new(Software::Bind)).await;
        let lab_upstream = lab.add(Spec::new("upstream", Ipv4Addr::new(127, 9, 0, 200))).await.expect("a resolver");
        let refusing = Spec { recursive: false, ..Spec::new("refusing", Ipv4Addr::new(127, 9, 0, 201)) };
        let lab_refusing = lab.add(refusing).await.expect("a resolver");

        let mut pairs = Vec::new();
        for ((software, played, [node, other]), host) in ALL.into_iter().zip(1..) {
            let real = |forwarder: IpAddr| Setup::new(software).forward_only(&[forwarder]).with_tracer();
            let spec = |name: &str, host: u8| {
                let tracer = DomainName::parse(&format!("{name}.t.{CANARY}")).expect("a domain name");
                Spec::new(name, Ipv4Addr::new(127, 9, 0, host))
                    .software(played)
                    .zone(Zone::new(INTERNAL_ZONE).with(INTERNAL.0, 300, "A", INTERNAL.1))
                    .tracer(&tracer)
            };
            let one = lab.add(spec(node, host)).await.expect("a resolver");
            let (real_forwarder, lab_forwarder) = match to {
                To::Upstream => (world.address("upstream"), lab_upstream.address()),
                To::Behind(Behind::BlackHole) => (BLACK_HOLE, lab.black_hole()),
                To::Behind(Behind::ClosedPort) => (CLOSED_PORT, lab.dead_end()),
                To::Behind(Behind::Refusal) => (Authority::External.address(), lab_refusing.address()),
                To::Behind(Behind::Ring) => {
                    world.build(other, real(world.address(node))).await;
                    let two = lab.add(spec(other, host + 100)).await.expect("a resolver");
                    two.set_forwarders(&[one.address()], Policy::Only);
                    (world.address(other), two.address())
                }
            };
            world.build(node, real(real_forwarder)).await;
            one.set_forwarders(&[lab_forwarder], Policy::Only);
            pairs.push(Pair { software, real: SocketAddr::new(world.address(node), 53), lab: one.address() });
        }
        Self { pairs, _world: world, _lab: lab }
    }
}

#[test]
fn rings_end_alike() {
    isolated(async { all_end_alike(Behind::Ring).await });
}

#[test]
fn black_holes_end_alike() {
    isolated(async { all_end_alike(Behind::BlackHole).await });
}

#[test]
fn closed_ports_end_alike() {
    isolated(async { all_end_alike(Behind::ClosedPort).await });
}

#[test]
fn refusals_end_alike() {
    isolated(async { all_end_alike(Behind::Refusal).await });
}

/// Both end within the bounds of the one table, and answer for themselves and for their tracers at once.
async fn all_end_alike(behind: Behind) {
    let both = Both::start(To::Behind(behind)).await;
    let asked = both.pairs.iter().map(|pair| {
        let pair = *pair;
        // A zone that the refusing authority does not serve.
        tokio::spawn(async move { (pair, pair.ask("never-asked.w.ctlog.example.", RD).await) })
    });
    for asked in asked.collect::<Vec<_>>() {
        let (pair, (real, lab)) = asked.await.expect("no panic");
        println!("{behind:?}: {:?}: {real:?}, in the lab {lab:?}", pair.software);
        let told = ending(pair.software, behind);
        for (who, seen) in [("the real one", real), ("the lab's", lab)] {
            let seen = seen.map(|(rcode, _, after)| (rcode, after));
            assert!(told.is(seen), "{behind:?}: {who}, {:?}: {seen:?} instead of {told:?}", pair.software);
        }
    }
}

#[test]
fn own_names_and_tracers_are_answered_alike_in_a_ring() {
    isolated(async {
        let both = Both::start(To::Behind(Behind::Ring)).await;
        for (pair, (_, _, [node, other])) in both.pairs.iter().zip(ALL) {
            pair.agree("own name", INTERNAL.0, RD).await;
            pair.agree("own tracer", &format!("fresh.{node}.t.{CANARY}"), RD_CD).await;
            // By way of the other one: the proof that a forwards to b.
            let seen = pair.agree("the other's tracer", &format!("fresh.{other}.t.{CANARY}"), RD_CD).await;
            assert!(seen.is_some_and(|(_, answered, _)| answered), "{:?}: {seen:?}", pair.software);
        }
    });
}

#[test]
fn healthy_ones_answer_alike_with_and_without_rd() {
    isolated(async {
        let both = Both::start(To::Upstream).await;
        for pair in &both.pairs {
            pair.agree("own name", INTERNAL.0, RD).await;
            pair.agree("own name without RD", INTERNAL.0, NO_RD).await;
            pair.agree("outside", EXTERNAL, RD).await;
            pair.agree("cached, without RD", EXTERNAL, NO_RD).await;
            pair.agree("cold", "cold.w.example.com.", RD).await;
            pair.agree("never asked, without RD", "unheard.w.example.com.", NO_RD).await;
        }
    });
}

#[test]
fn forward_first_hides_a_ring_alike() {
    isolated(async {
        let mut world = World::new(&["ns1", "ns2"]).await;
        let (ns1, ns2) = (world.address("ns1"), world.address("ns2"));
        world.build("ns1", Setup::new(Software::Bind).forward_first(&[ns2])).await;
        world.build("ns2", Setup::new(Software::Bind).forward_first(&[ns1])).await;
        let mut lab = Lab::start().await.expect("a lab");
        let outside = Zone::new("example.com.").with("*.w.example.com.", 20, "A", "198.51.100.2");
        lab.outside().add(outside, Duration::from_millis(5));
        let one = lab.add(Spec::new("ns1", Ipv4Addr::new(127, 9, 0, 1))).await.expect("a resolver");
        let two = lab.add(Spec::new("ns2", Ipv4Addr::new(127, 9, 0, 2))).await.expect("a resolver");
        one.set_forwarders(&[two.address()], Policy::First);
        two.set_forwarders(&[one.address()], Policy::First);
        let pair = Pair { software: Software::Bind, real: SocketAddr::new(ns1, 53), lab: one.address() };
        let seen = pair.agree("forward first", "masked.w.example.com.", RD).await;
        assert!(seen.is_some_and(|(_, answered, after)| answered && after > Duration::from_secs(1)), "{seen:?}");
    });
}
