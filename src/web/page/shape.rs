//! A shape for every outcome, beside its word and its colour: who cannot tell colours apart tells shapes.

use maud::{Markup, PreEscaped, html};

use crate::outcome::Outcome;

/// The shape of a warning, from the sprite.
pub(super) const WARNING: PreEscaped<&str> =
    PreEscaped("<svg class=\"shape\" aria-hidden=\"true\"><use href=\"#s-bad_rcode\"/></svg>");

/// The outline of an outcome's shape, in a square of 16.
const fn outline(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "M2 8.5 6 13 14 3",
        Outcome::Servfail => "M3 3 13 13M13 3 3 13",
        Outcome::Timeout => "M3 2H13L3 14H13Z",
        Outcome::LoopSuspected => "M13 8A5 5 0 1 1 10 3.5M7 1 10.5 3.5 8 7",
        Outcome::Refused => "M8 2A6 6 0 1 0 8.1 2ZM5 8H11",
        Outcome::Nxdomain => "M8 2A6 6 0 1 0 8.1 2ZM4 12 12 4",
        Outcome::Nodata => "M3 3H13V13H3Z",
        Outcome::WrongAnswer => "M2 6H14M2 10H14M11 2 5 14",
        Outcome::NotAuthoritative => "M8 1 15 8 8 15 1 8ZM8 5V8M8 10.5V11",
        Outcome::Truncated => "M1 8H7M7 3V13M11 8H12M14 8H15",
        Outcome::BadRcode => "M8 2 15 14H1ZM8 6V10M8 11.5V12.5",
        Outcome::Malformed => "M1 11 4 5 7 11 10 5 13 11 15 7",
        Outcome::Stale => "M12 11A6 6 0 1 1 8 2 5 5 0 0 0 12 11Z",
        Outcome::Unreachable => "M8 15V6M4 9 8 5 12 9M3 2H13",
        Outcome::ConnectionFailed => "M1 8H5M5 4V12M11 8H15M11 4V12",
        Outcome::InternalError => "M8 2V14M2.8 5 13.2 11M13.2 5 2.8 11",
    }
}

/// How an outcome is coloured.
pub(super) const fn class(outcome: Option<Outcome>) -> &'static str {
    match outcome {
        None => "none",
        Some(Outcome::Ok) => "good",
        // The prober's own fault says nothing of the resolver; a stale answer is still an answer.
        Some(Outcome::InternalError | Outcome::Stale) => "warn",
        Some(
            Outcome::Servfail
            | Outcome::Timeout
            | Outcome::LoopSuspected
            | Outcome::Refused
            | Outcome::Nxdomain
            | Outcome::Nodata
            | Outcome::WrongAnswer
            | Outcome::NotAuthoritative
            | Outcome::Truncated
            | Outcome::BadRcode
            | Outcome::Malformed
            | Outcome::Unreachable
            | Outcome::ConnectionFailed,
        ) => "bad",
    }
}

/// All shapes once, to be used by name, and the tips of arrows.
pub(super) fn sprite() -> Markup {
    html! {
        svg.sprite width="0" height="0" aria-hidden="true" {
            @for outcome in Outcome::ALL {
                symbol id={ "s-" (outcome) } viewBox="0 0 16 16" { path d=(outline(outcome)) {} }
            }
            @for tip in ["step", "circle", "exit"] {
                marker.(tip) id={ "tip-" (tip) } viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"
                    markerUnits="userSpaceOnUse" orient="auto" { path d="M0 0 8 4 0 8Z" {} }
            }
        }
    }
}

/// The shape of an outcome, where its word stands beside it.
pub(super) fn shape(outcome: Outcome) -> Markup {
    html! { svg.shape aria-hidden="true" { use href={ "#s-" (outcome) } {} } }
}

/// The shape and the word of an outcome. Nothing was seen before the first probe.
pub(super) fn word(outcome: Option<Outcome>) -> Markup {
    html! {
        @match outcome {
            Some(outcome) => { (shape(outcome)) " " b { (outcome) } }
            None => b { "not asked yet" },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_outcome_has_a_shape_of_its_own_and_its_word() {
        let sprite = sprite().into_string();
        let mut outlines = HashSet::new();
        for outcome in Outcome::ALL {
            assert!(outlines.insert(outline(outcome)), "{outcome} looks like another outcome");
            assert!(sprite.contains(&format!("<symbol id=\"s-{outcome}\"")), "{sprite}");
            let shown = word(Some(outcome)).into_string();
            assert!(shown.contains(&format!("href=\"#s-{outcome}\"")) && shown.contains(&format!("<b>{outcome}</b>")));
        }
    }
}
