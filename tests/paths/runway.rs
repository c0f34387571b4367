//! When names from outside are gone from caches: foretold while all is well, and held to what happens then.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fathom::board::TargetCell;
use fathom::estate::Label;
use fathom::lab::Software;
use fathom::outcome::Outcome;
use fathom::runway::{self, Method};
use tokio::time::{Instant, sleep};

use crate::support::{Simulated, TTL, Told, Watched};
use crate::{LIMIT, four};

/// Everybody's cell of the name from outside.
fn cells(watched: &Watched) -> Vec<Arc<TargetCell>> {
    watched.board().cells().into_iter().filter(|cell| cell.target().name.id.as_str() == "www").collect()
}

/// Waits until every cell is as wanted.
async fn until(cells: &[Arc<TargetCell>], wanted: impl Fn(&TargetCell) -> bool) {
    let started = Instant::now();
    while !cells.iter().all(|cell| wanted(cell)) {
        assert!(started.elapsed() < LIMIT, "waited in vain");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_name_is_gone_when_that_was_foretold() {
    let (world, watched) = four("itself", false).await;
    let cells = cells(&watched);
    until(&cells, |cell| cell.state().look.is_some_and(|look| look.ttl.is_some())).await;

    world.lab.outside().set_cut(true);
    let label = |word| Label::parse(word).unwrap();
    for cell in &cells {
        watched.fleet.look_closer(&label("c1"), &cell.target().resolver.name, Duration::from_secs(600));
    }
    let started = Instant::now();
    let (mut foretold, mut failed) = (vec![None; cells.len()], vec![None; cells.len()]);
    let mut looks: Vec<_> = cells.iter().map(|cell| cell.state().look).collect();
    while failed.contains(&None) {
        sleep(Duration::from_millis(100)).await;
        assert!(started.elapsed() < LIMIT, "{failed:?}");
        for (place, cell) in cells.iter().enumerate() {
            let state = cell.state();
            if failed[place].is_none() && state.last.is_some_and(|last| last.outcome != Outcome::Ok) {
                failed[place] = Some(Instant::now());
            }
            if state.look != looks[place] {
                looks[place] = state.look;
                // What is foretold after the cut, by the first look.
                let ttl = state.look.and_then(|look| look.ttl).map(|ttl| Duration::from_secs(ttl.into()));
                foretold[place] = foretold[place].or_else(|| ttl.map(|ttl| Instant::now() + ttl));
            }
        }
    }
    let told: Vec<(Instant, Instant)> = foretold.into_iter().zip(failed).filter_map(|(t, f)| t.zip(f)).collect();
    assert_eq!(told.len(), cells.len(), "everybody's cache was asked before the name was gone");
    for (foretold, failed) in told {
        // A probe every second, which waits two seconds for an answer; and the lab counts whole seconds.
        let late = failed.saturating_duration_since(foretold);
        assert!(failed + Duration::from_secs(1) >= foretold && late <= Duration::from_secs(4), "{late:?}");
    }
    let snapshot = watched.board().snapshot();
    let shortest = runway::of(&snapshot, SystemTime::now() + Duration::from_secs(u64::from(TTL)));
    let [external] = shortest.as_slice() else { panic!("one class comes from outside: {shortest:?}") };
    assert_eq!((external.class.as_str(), external.runway.left), ("external", Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn only_caches_that_answer_for_themselves_are_asked() {
    use Software::{Bind, Dnsmasq, Knot, Pdns, Unbound};
    let all = [("ns1", Bind), ("ns2", Unbound), ("ns3", Pdns), ("ns4", Knot), ("ns5", Dnsmasq)];
    let nodes = all.map(|(name, software)| (name, software, "upstream"));
    let world = Simulated::start(&nodes, false).await;
    let watched = world.watch(Told { authoritative: false, ..Told::every(10) }).await;
    let cells = cells(&watched);
    until(&cells, |cell| cell.state().answer_ttl.is_some()).await;
    sleep(Duration::from_secs(60)).await;
    let looked = cells.iter().map(|cell| cell.state().look.is_some());
    // The lab's Unbound has no allow_snoop: it refuses.
    assert_eq!(looked.collect::<Vec<_>>(), [true, false, false, false, false]);
    for cell in &cells[1..] {
        let runway = runway::of_name(cell.target(), &cell.state(), SystemTime::now()).expect("it was answered well");
        assert_eq!(runway.method, Method::Answer, "{}", cell.target().resolver.name);
    }
}
