//! The state of a cluster as a small picture, for pages elsewhere: a word as well as a colour.

use maud::{PreEscaped, html};

use crate::verdict::ClusterState;

/// The width of a character in the font below, in pixels: wide enough for any of them.
const CHARACTER: usize = 7;

/// `/badge/CLUSTER.svg`. It brings its own colours: a page elsewhere has none for it.
pub(super) fn badge(cluster: &str, state: ClusterState) -> String {
    let width = |text: &str| CHARACTER * text.len() + 14;
    let (left, right) = (width(cluster), width(state.as_str()));
    let colour = match state {
        ClusterState::Unknown => "#4d5359",
        ClusterState::Healthy => "#14692f",
        ClusterState::Latent | ClusterState::Blind => "#7a4d00",
        ClusterState::Fragile | ClusterState::Critical | ClusterState::Outage | ClusterState::Partial => "#a3101e",
    };
    let words = format!("{cluster}: {}", state.as_str());
    let badge = html! {
        svg xmlns="http://www.w3.org/2000/svg" width=(left + right) height="20" role="img" aria-label=(words) {
            title { (words) }
            rect width=(left) height="20" fill="#2b3035" {}
            rect x=(left) width=(right) height="20" fill=(colour) {}
            g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" {
                text x=(left / 2) y="14" { (cluster) }
                text x=(left + right / 2) y="14" font-weight="bold" { (state.as_str()) }
            }
        }
    };
    let PreEscaped(badge) = badge;
    badge + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_a_word_in_the_picture() {
        for state in ClusterState::ALL {
            let badge = badge("dc1-internal", state);
            assert!(badge.contains(&format!("<title>dc1-internal: {}</title>", state.as_str())), "{badge}");
        }
    }
}
