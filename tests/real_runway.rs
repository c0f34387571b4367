//! Runway on real BIND 9 and Unbound: what a look into the cache foretells, happens; and looking keeps nothing warm.

mod support;

use std::sync::Arc;
use std::time::Duration;

use fathom::budget::Budget;
use fathom::estate::{DomainName, Label, QueryClass, QueryType, Question, Resolver};
use fathom::evidence::Asker;
use fathom::evidence::cached::{Cached, look};
use fathom::exchange::Contact;
use hickory_proto::op::ResponseCode;
use support::{EXTERNAL, NO_RD, RD, Setup, Software, TTL, World, ask, isolated};
use tokio::time::{Instant, sleep_until};

/// How often each cache is looked into, and each client asks.
const STEP: Duration = Duration::from_millis(500);

const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn a_name_is_gone_when_its_cache_said_and_looking_keeps_nothing_warm() {
    isolated(async {
        let mut world = World::new(&["alone", "behind", "exit", "unbound"]).await;
        world.build("alone", Setup::new(Software::Bind)).await;
        world.build("exit", Setup::new(Software::Bind)).await;
        let exit = world.address("exit");
        world.build("behind", Setup::new(Software::Bind).forward_only(&[exit])).await;
        world.build("unbound", Setup::new(Software::Unbound).snooping()).await;
        let asker = asker(&world, &["alone", "behind", "unbound"]);
        let (question, name) = (question(), EXTERNAL);

        assert_eq!(look(&asker, 0, &question).await, Cached::Not, "nobody has asked for it yet");
        let warmed = Instant::now();
        for node in ["alone", "behind", "unbound"] {
            let answer = ask(world.address(node), name, RD, PATIENCE).await.expect("an answer");
            assert_eq!(answer.rcode(), ResponseCode::NoError, "{node}");
        }
        // One loses its only way out now. The others keep it, and nobody asks them for the name with recursion.
        world.stop("exit");

        let mut looks = [Vec::new(), Vec::new(), Vec::new()];
        let (mut gone, mut failed) = ([None; 3], None);
        for step in 1.. {
            sleep_until(warmed + STEP * step).await;
            for (place, looks) in looks.iter_mut().enumerate() {
                match look(&asker, place, &question).await {
                    Cached::For(ttl) => looks.push((Instant::now(), ttl)),
                    Cached::Not => gone[place] = gone[place].or_else(|| Some(Instant::now())),
                    other @ (Cached::Untold | Cached::NotAsked) => panic!("{other:?}"),
                }
            }
            let answer = ask(world.address("behind"), name, RD, PATIENCE).await;
            if answer.is_none_or(|answer| answer.rcode() != ResponseCode::NoError) {
                failed = failed.or_else(|| Some(Instant::now()));
            }
            if !gone.contains(&None) && failed.is_some() {
                break;
            }
            assert!(warmed.elapsed() < Duration::from_secs(u64::from(TTL) + 5), "looking keeps it warm: {looks:?}");
        }
        let ends = [("alone", &looks[0], gone[0]), ("behind", &looks[1], failed), ("unbound", &looks[2], gone[2])];
        for (who, looks, end) in ends {
            let end = end.expect("the end was seen");
            assert!(looks.len() >= 30, "{who}: {looks:?}");
            let off: Vec<f64> = looks.iter().map(|(at, ttl)| foretold_early(*at, *ttl, end)).collect();
            let (least, most) = off.iter().fold((f64::MAX, f64::MIN), |(l, m), off| (l.min(*off), m.max(*off)));
            println!("{who}: {} looks foretold the end to within {least:+.2} s to {most:+.2} s", looks.len());
            // Whole seconds, and the end is seen up to a step late.
            assert!(least >= -1.2 && most <= 1.2 + STEP.as_secs_f64(), "{who}: {least} to {most}");
        }
        for looks in [&looks[0], &looks[2]] {
            assert!(looks.windows(2).all(|pair| pair[1].1 <= pair[0].1), "it only ever counts down: {looks:?}");
        }

        // The first one's way out is there all the time: asked with recursion, it has the name again.
        let again = ask(world.address("alone"), name, RD, PATIENCE).await.expect("an answer");
        assert_eq!(again.rcode(), ResponseCode::NoError);
        let cached = ask(world.address("alone"), name, NO_RD, PATIENCE).await.expect("an answer");
        assert_eq!(cached.addresses(), again.addresses());
    });
}

/// By how many seconds what this look foretold came before the end.
fn foretold_early(at: Instant, ttl: u32, end: Instant) -> f64 {
    let foretold = at + Duration::from_secs(ttl.into());
    end.saturating_duration_since(foretold).as_secs_f64() - foretold.saturating_duration_since(end).as_secs_f64()
}

fn question() -> Question {
    Question {
        qname: DomainName::parse(EXTERNAL).expect("a domain name"),
        qtype: QueryType::A,
        qclass: QueryClass::In,
        recursion_desired: true,
        checking_disabled: false,
        dnssec_ok: false,
    }
}

fn asker(world: &World, names: &[&str]) -> Asker {
    let member = |name: &&str| {
        let resolver = Arc::new(Resolver {
            name: Label::parse(name).expect("a word"),
            address: (world.address(name), 53).into(),
            tracer: None,
            packets_per_second: 100,
        });
        let contact = Arc::new(Contact::new(&resolver, None));
        (resolver, contact)
    };
    Asker::new(names.iter().map(member).collect(), Arc::new(Budget::new(100)))
}
