//! History as bars: low where all was well, higher the more probes failed, flat and broken where nothing is known.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use maud::{Markup, html};

use crate::journal::history::{Bar, Span};
use crate::web::document::History;
use crate::web::time::{clock, span};

/// From one bar to the next, and its own width, in units of the drawing.
const PITCH: usize = 8;
const WIDTH: usize = 7;
/// The height of the drawing, of a bar without failures, and of one about which nothing is known.
const HEIGHT: u64 = 40;
const GOOD: u64 = 14;
const GAP: u64 = 2;

/// Every span with its bars, and what they show in words.
pub(super) fn histories(histories: &[History], now: SystemTime) -> Markup {
    html! {
        @for history in histories {
            @let words = words(history, now);
            figure.history data-span=(history.span.as_str()) {
                figcaption { strong { (head(history.span)) } " " (words) }
                (drawing(history, &words))
            }
        }
    }
}

const fn head(span: Span) -> &'static str {
    match span {
        Span::Hour => "1 hour:",
        Span::Day => "24 hours:",
        Span::Quarter => "90 days:",
    }
}

/// "12 of 360 probes failed (96.67 % ok), last in the minute of 12:03:00".
fn words(history: &History, now: SystemTime) -> String {
    let (probes, failed) = history.total();
    // Whoever reads this sees that the prober runs now, even if it has not counted anything in this bar yet.
    let before = history.bars.split_last().map_or(&[][..], |(_, before)| before);
    let silent = before.iter().filter(|bar| !bar.ran).count();
    let not_run = if silent == 0 {
        String::new()
    } else {
        format!(" The prober did not run in {silent} of the {} bars before this one.", before.len())
    };
    if probes == 0 {
        return format!("no probes were counted yet.{not_run}");
    }
    let last = history.bars.iter().rev().find(|bar| bar.failed > 0);
    let when = last.map_or(String::new(), |bar| {
        let length = span(Duration::from_secs(history.bar_seconds));
        format!(", last in the {length} from {} UTC", clock(bar.start, now))
    });
    // A share that is shown as 100 % has no failure in it.
    let hundredths = (probes - failed) * 10_000 / probes;
    let share = format!("{}.{:02} % ok", hundredths / 100, hundredths % 100);
    format!("{failed} of {probes} probes failed ({share}){when}.{not_run}")
}

fn drawing(history: &History, words: &str) -> Markup {
    let (mut good, mut bad, mut gap) = (String::new(), String::new(), String::new());
    for (place, bar) in history.bars.iter().enumerate() {
        let (path, height) = match bar {
            Bar { ran: false, .. } | Bar { probes: 0, .. } => (&mut gap, GAP),
            Bar { failed: 0, .. } => (&mut good, GOOD),
            Bar { failed, probes, .. } => (&mut bad, GOOD + 4 + (HEIGHT - GOOD - 4) * failed.min(probes) / probes),
        };
        // Writing to a String cannot fail.
        let _ = write!(path, "M{} {HEIGHT}v-{height}h{WIDTH}v{height}z", place * PITCH);
    }
    let width = PITCH * History::most() as usize;
    html! {
        svg.bars viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" role="img" aria-label=(words) {
            @for (kind, path) in [("gap", gap), ("fine", good), ("some", bad)] {
                @if !path.is_empty() { path.(kind) d=(path) {} }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn history(bars: &[(u64, u64, bool)]) -> History {
        let start = |place: usize| UNIX_EPOCH + Duration::from_secs(1_753_099_200 + 60 * place as u64);
        let bar = |(place, (probes, failed, ran)): (usize, &(u64, u64, bool))| Bar {
            start: start(place),
            probes: *probes,
            failed: *failed,
            ran: *ran,
        };
        History { span: Span::Hour, bar_seconds: 60, bars: bars.iter().enumerate().map(bar).collect() }
    }

    #[test]
    fn what_bars_show_is_told_in_words_as_well() {
        let now = UNIX_EPOCH + Duration::from_secs(1_753_099_400);
        let cases = [
            (
                vec![(0, 0, false); 3],
                "no probes were counted yet. The prober did not run in 2 of the 2 bars before this one.",
            ),
            (vec![(6, 0, true); 3], "0 of 18 probes failed (100.00 % ok)."),
            (
                vec![(0, 0, false), (9999, 1, true), (6, 0, true)],
                "1 of 10005 probes failed (99.99 % ok), last in the 60 s from 12:01:00 UTC. \
                 The prober did not run in 1 of the 2 bars before this one.",
            ),
            (vec![(6, 6, true)], "6 of 6 probes failed (0.00 % ok), last in the 60 s from 12:00:00 UTC."),
        ];
        for (bars, expected) in cases {
            assert_eq!(words(&history(&bars), now), expected);
        }
    }

    #[test]
    fn failures_are_higher_and_what_is_not_known_is_flat() {
        let drawn = drawing(&history(&[(6, 0, true), (6, 6, true), (0, 0, false)]), "words").into_string();
        assert!(drawn.contains("class=\"fine\" d=\"M0 40v-14h7v14z\""), "{drawn}");
        assert!(drawn.contains("class=\"some\" d=\"M8 40v-40h7v40z\""), "{drawn}");
        assert!(drawn.contains("class=\"gap\" d=\"M16 40v-2h7v2z\""), "{drawn}");
    }
}
