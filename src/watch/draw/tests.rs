//! Screens as they are seen.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::draw;
use crate::outcome::Outcome::{LoopSuspected, Ok, Timeout};
use crate::report::json::tests::{cluster, noon};
use crate::verdict::{ClusterState, Verdict};
use crate::watch::look::tests::look;
use crate::watch::screen::Screen;
use crate::watch::{Look, Model};

/// What stands on a screen of this size, and the colours on it.
fn seen(model: &Model, screen: &mut Screen, (width, height): (u16, u16)) -> (String, Vec<Color>) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it takes everything");
    terminal.draw(|frame| draw(model, screen, frame.area(), frame.buffer_mut())).expect("it takes everything");
    let buffer = terminal.backend().buffer();
    let mut colours: Vec<Color> = buffer.content().iter().map(|cell| cell.fg).collect();
    colours.dedup();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned() + "\n";
    ((0..height).map(row).collect(), colours)
}

/// A circle of two in a cluster of three, 42 seconds after noon; ns3 is good again.
fn outage() -> Model {
    let mut model = Model::default();
    let (well, failing) = ([(Ok, 0); 3], [(LoopSuspected, 30), (Ok, 0), (Timeout, 12)]);
    model.fold(look(1, &[well, well, well]));
    model.fold(look(31, &[failing, failing, failing]));
    model.mark("restored forwarders on ns3".to_owned(), noon() + Duration::from_secs(33));
    let mut last = look(42, &[failing, failing, [(Ok, 40), (Ok, 0), (Ok, 36)]]);
    last.clusters = vec![cluster(3, "12 21", None)];
    let paths = &mut last.clusters[0];
    paths.state = ClusterState::Partial;
    paths.sentence =
        "ns1 and ns2 forward in a circle (ns1 > ns2 > ns1); no query leaves it. Names outside fail.".to_owned();
    for seen in &mut paths.resolvers[..2] {
        (seen.verdict, seen.resolves, seen.is_exit) = (Verdict::LoopSuspected, false, false);
    }
    model.fold(last);
    model
}

#[test]
fn an_outage_as_it_is_seen() {
    let expected = "\
Fathom  test from dc1  2025-07-21T12:00:42Z  usual rhythm
c1 (dc1): ! partial for 42s | exits 2 of 3 (2 wanted) | runway external 60s
  ns1 and ns2 forward in a circle (ns1 > ns2 > ns1); no query leaves it. Names outside fail.
  resolver  verdict                       way out  external                  external (cold)
  ns1       ! loop_suspected (confirmed)  ! none   ! loop_suspected 1/2 12s  ! timeout 1/1 30s
  ns2       ! loop_suspected (confirmed)  ! none   ! loop_suspected 1/2 12s  ! timeout 1/1 30s
  ns3       ok (confirmed)                its own  ok 2/2 again 2s           ok 1/1 again 6s
  forwards: ns1 > ns2 (tracer), ns2 > ns1 (tracer)
  circle: ns1 > ns2 > ns1
  good again: external for 2s at ns3, external (cold) for 6s at ns3


Changes
12:00:00Z ! c1 is partial, independent exits: 2 (2 wanted). ns1 and ns2 forward in a circle (ns1 > ns2 > ns1); no query
          leaves it. Names outside fail.
12:00:40Z c1 ns3: good again, after 24s: external, external (cold).
12:00:42Z ~ c1 ns1 forwards to ns2.
12:00:42Z ~ c1 ns2 forwards to ns1.
m mark  arrows, PgUp, PgDn move  ? help  q end
";
    let (text, colours) = seen(&outage(), &mut Screen::default(), (120, 19));
    assert_eq!(text, expected);
    assert_eq!(colours, [Color::Reset], "no colours were asked for");
    let (text, colours) = seen(&outage(), &mut Screen { colours: true, ..Screen::default() }, (120, 19));
    assert_eq!(text, expected, "colours carry nothing that words do not");
    assert!(colours.contains(&Color::Red) && colours.contains(&Color::Green), "{colours:?}");
}

#[test]
fn a_small_terminal_shows_less_and_moves() {
    let mut screen = Screen::default();
    let expected = "\
Fathom  test from dc1  2025-07-21T12:00:42Z  usual rhythm
c1 (dc1): ! partial for 42s | exits 2 of 3 (2 wanted) |
    runway external 60s
  ns1 and ns2 forward in a circle (ns1 > ns2 > ns1); no
    query leaves it. Names outside fail.
  resolver  verdict           way out  external          ext
  ns1       ! loop_suspected  ! none   ! loop_suspected  ! t
  ... 6 more lines below (Down)
m mark  arrows, PgUp, PgDn move  ? help  q end
";
    assert_eq!(seen(&outage(), &mut screen, (60, 9)).0, expected);
    (screen.down, screen.right) = (1_000, 1);
    let expected = "\
Fathom  test from dc1  2025-07-21T12:00:42Z  usual rhythm
  ns1       ! none   ! loop_suspected  ! timeout
  ns2       ! none   ! loop_suspected  ! timeout
  ns3       its own  ok                ok
  forwards: ns1 > ns2 (tracer), ns2 > ns1 (tracer)
  circle: ns1 > ns2 > ns1
  good again: external for 2s at ns3, external (cold) for 6s
    at ns3
m mark  arrows, PgUp, PgDn move  ? help  q end
";
    assert_eq!(seen(&outage(), &mut screen, (60, 9)).0, expected);
    assert_eq!(screen.down, 5, "who moved beyond the end is brought back to it");
}

#[test]
fn every_size_will_do() {
    let model = outage();
    for (width, height) in [(1, 1), (2, 2), (3, 50), (10, 5), (40, 3), (200, 60), (1, 40), (500, 1)] {
        for help in [false, true] {
            let mut screen = Screen { help, input: Some("x".repeat(500)), ..Screen::default() };
            seen(&model, &mut screen, (width, height));
        }
    }
}

#[test]
fn marks_notices_and_a_lost_prober_are_seen() {
    let mut model = outage();
    let mut screen = Screen {
        input: Some("restored".to_owned()),
        not_closer: Some("~ Nobody looks closer: no token".to_owned()),
        ..Screen::default()
    };
    model.lose("connection refused".to_owned(), noon());
    let text = seen(&model, &mut screen, (80, 24)).0;
    assert!(text.ends_with("\nmark> restored_\n"), "{text}");
    let header: Vec<&str> = text.lines().take(3).collect();
    assert_eq!(
        header[1..],
        ["! Not renewed since 2025-07-21T12:00:42Z: connection refused", "~ Nobody looks closer: no token"]
    );
    assert!(text.contains("! What is known is not renewed: connection refused"), "{text}");
    let empty = seen(&Model::default(), &mut Screen::default(), (40, 3)).0;
    assert_eq!(empty, "Fathom Waiting for the first look.\n\nm mark  arrows, PgUp, PgDn move  ? help\n");
}

#[test]
fn the_help_fits_eighty_columns() {
    let text = seen(&outage(), &mut Screen { help: true, ..Screen::default() }, (80, 24)).0;
    assert!(text.contains("\nm            keep a mark: what you have just done\n"), "{text}");
    assert!(text.contains("again: good for that long, after a failure that was seen here.\n"), "{text}");
}

#[test]
fn whoever_is_looked_at_closely_is_said() {
    let at = |model: &Model| seen(model, &mut Screen::default(), (120, 5)).0.lines().next().map(str::to_owned);
    let closely = |resolvers: usize| {
        let mut model = Model::default();
        let mut look: Look = look(1, &[[(Ok, 0); 3]; 2]);
        for resolver in &mut look.resolvers[..resolvers] {
            resolver.looked_at_closely_until = Some(noon() + Duration::from_secs(10));
        }
        model.fold(look);
        model
    };
    let line = "Fathom  test from dc1  2025-07-21T12:00:01Z  ";
    assert_eq!(at(&closely(1)), Some(format!("{line}looking closer at 1 of 2 resolvers")));
    assert_eq!(at(&closely(2)), Some(format!("{line}looking closer: about one probe a second")));
}
