//! Times and spans as people read them. All times are UTC.

use std::time::{Duration, SystemTime};

use humantime::format_rfc3339_seconds;
use maud::{Markup, html};

/// "42 s", "5 min", "3 h", "12 d": one unit is enough to see how old something is.
pub(in crate::web) fn span(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds @ 7200..=172_799 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86400),
    }
}

/// How long ago something was.
pub(in crate::web) fn age(at: SystemTime, now: SystemTime) -> String {
    span(now.duration_since(at).unwrap_or_default())
}

/// "12:03:07", with its day where that is not today.
pub(in crate::web) fn clock(at: SystemTime, now: SystemTime) -> String {
    let (at, now) = (format_rfc3339_seconds(at).to_string(), format_rfc3339_seconds(now).to_string());
    let (day, time) = at.split_at(10);
    let time = &time[1..9];
    if now.starts_with(day) { time.to_owned() } else { format!("{day} {time}") }
}

/// A moment, and how long ago that is.
pub(in crate::web) fn moment(at: SystemTime, now: SystemTime) -> Markup {
    html! {
        time datetime=(format_rfc3339_seconds(at)) { (clock(at, now)) " UTC" } " (" (age(at, now)) " ago)"
    }
}

/// An answer time.
pub(in crate::web) fn milliseconds(seconds: f64) -> String {
    format!("{:.1} ms", seconds * 1e3)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn one_unit_is_enough() {
        let spans =
            [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172_800, "2 d"), (40_000_000, "462 d")];
        for (seconds, text) in spans {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_day_is_told_where_it_is_another_one() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(clock(at(1_753_099_387), at(1_753_099_400)), "12:03:07");
        assert_eq!(clock(at(1_753_012_987), at(1_753_099_400)), "2025-07-20 12:03:07");
        let shown = moment(at(1_753_099_387), at(1_753_099_400)).into_string();
        assert_eq!(shown, "<time datetime=\"2025-07-21T12:03:07Z\">12:03:07 UTC</time> (13 s ago)");
        // The clock of the machine was set back.
        assert_eq!(age(at(2000), at(1000)), "0 s");
    }
}
