//! Where resolvers forward to, drawn: resolvers in a row, what lies outside above them, steps between siblings below.
//! Exits go up, circles close.

use maud::{Markup, html};

use crate::report::json::{ClusterPaths, PathEdge, ResolverPaths};

/// The most resolvers that are drawn. Beyond that a drawing says less than the words below it.
const MOST_DRAWN: usize = 24;

/// From the middle of one resolver to the middle of the next, in units of the drawing (pixels at full size).
const PITCH: usize = 136;
const WIDTH: usize = 118;
const HEIGHT: usize = 44;
/// The top of the row of resolvers.
const ROW: usize = 84;
/// The longest name that fits, in characters.
const LONGEST: usize = 13;

/// The drawing, and in words what it shows.
pub(super) fn graph(paths: &ClusterPaths) -> Markup {
    if paths.traced_at.is_none() && paths.edges.is_empty() {
        return html! {};
    }
    let words = words(paths);
    html! {
        figure.graph {
            @if paths.resolvers.len() <= MOST_DRAWN { (drawing(paths, &words.join(" "))) }
            figcaption { @for sentence in &words { (sentence) " " } }
        }
    }
}

/// What the drawing shows.
fn words(paths: &ClusterPaths) -> Vec<String> {
    let names = |wanted: fn(&ResolverPaths) -> bool| {
        let names =
            paths.resolvers.iter().filter(|resolver| wanted(resolver)).map(|resolver| resolver.resolver.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    let (seen, assumed) = (names(|r| r.is_exit && r.path_known), names(|r| r.is_exit && !r.path_known));
    let step = |edge: &PathEdge| {
        let once = if edge.twice { "" } else { ", seen once" };
        format!("{} > {} ({}{once})", edge.from, edge.to, edge.method.as_str())
    };
    let steps: Vec<String> = paths.edges.iter().filter(|edge| edge.direct).map(step).collect();
    let circle = |members: &Vec<String>| format!("{} > {}", members.join(" > "), members[0]);
    let circles: Vec<String> = paths.circles.iter().filter(|members| !members.is_empty()).map(circle).collect();
    let said = [
        ("Ways out: ", seen),
        ("Ways out, as it seems: ", assumed),
        ("Steps between siblings: ", steps.join(", ")),
        ("Circles: ", circles.join("; ")),
    ];
    let mut words: Vec<String> =
        said.into_iter().filter(|(_, what)| !what.is_empty()).map(|(head, what)| format!("{head}{what}.")).collect();
    if paths.independent_exits == Some(0) {
        words.insert(0, "No way out is left.".to_owned());
    }
    words
}

fn drawing(paths: &ClusterPaths, words: &str) -> Markup {
    let steps: Vec<(usize, usize, &PathEdge)> = paths
        .edges
        .iter()
        .filter(|edge| edge.direct)
        .filter_map(|edge| Some((paths.place(&edge.from)?, paths.place(&edge.to)?, edge)))
        .collect();
    let deepest = steps.iter().map(|(from, to, _)| depth(*from, *to)).max().unwrap_or(0);
    let width = PITCH * paths.resolvers.len();
    // A curve reaches three quarters of the way to the points that pull it.
    let height = ROW + HEIGHT + deepest * 3 / 4 + 12;
    html! {
        div.scroll tabindex="0" role="region" aria-label={ "Forwarding graph of " (paths.cluster) } {
            svg viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) role="img" aria-label=(words) {
                rect.outside x="2" y="2" width=(width - 4) height="26" rx="6" {}
                text.label x=(width / 2) y="20" { "outside " (paths.datacenter) }
                @for (place, resolver) in paths.resolvers.iter().enumerate() { (way_out(place, resolver, paths)) }
                @for (from, to, edge) in &steps { (arc(*from, *to, is_in_circle(paths, edge))) }
                @for (place, resolver) in paths.resolvers.iter().enumerate() { (node(place, resolver, paths)) }
            }
        }
    }
}

const fn middle(place: usize) -> usize {
    PITCH * place + PITCH / 2
}

/// How far below the row a step is drawn: the farther apart its ends, the deeper.
const fn depth(from: usize, to: usize) -> usize {
    44 + 26 * from.abs_diff(to)
}

fn is_in_circle(paths: &ClusterPaths, edge: &PathEdge) -> bool {
    paths.circles.iter().any(|members| members.contains(&edge.from) && members.contains(&edge.to))
}

/// An arrow up for an exit, broken where it is only assumed; a cross where the way ends outside the cluster.
fn way_out(place: usize, resolver: &ResolverPaths, paths: &ClusterPaths) -> Markup {
    let x = middle(place);
    let forwards = paths.edges.iter().any(|edge| edge.from == resolver.resolver);
    let (top, end) = (ROW - 1, 30);
    html! {
        @if resolver.is_exit {
            path.exit.assumed[!resolver.path_known] d={ "M" (x) " " (top) "V" (end) } marker-end="url(#tip-exit)" {}
        } @else if !forwards && resolver.verdict.is_failing() {
            path.ended d={ "M" (x) " " (top) "V56M" (x - 7) " 49l14 14M" (x + 7) " 49l-14 14" } {}
        }
    }
}

/// A step to a sibling, below the row.
fn arc(from: usize, to: usize, in_circle: bool) -> Markup {
    let (kind, tip) = if in_circle { ("circle", "url(#tip-circle)") } else { ("step", "url(#tip-step)") };
    let bottom = ROW + HEIGHT;
    let (start, end, low) = (middle(from) + 14, middle(to) - 14, bottom + depth(from, to));
    let d = format!("M{start} {bottom}C{start} {low} {end} {low} {end} {}", bottom + 2);
    html! { path.(kind) d=(d) marker-end=(tip) {} }
}

fn node(place: usize, resolver: &ResolverPaths, paths: &ClusterPaths) -> Markup {
    let x = middle(place);
    let is_last = paths.last_exit.as_ref() == Some(&resolver.resolver);
    let kind = if is_last {
        "last"
    } else if resolver.verdict.is_failing() {
        "fails"
    } else if paths.edges.iter().any(|edge| edge.from == resolver.resolver) {
        "forwards"
    } else {
        "node"
    };
    let mut name: String = resolver.resolver.chars().take(LONGEST).collect();
    if name.len() < resolver.resolver.len() {
        name.pop();
        name.push('…');
    }
    let word = if is_last { "last exit" } else { resolver.verdict.as_str() };
    html! {
        rect.(kind) x=(x - WIDTH / 2) y=(ROW) width=(WIDTH) height=(HEIGHT) rx="6" {}
        text.label x=(x) y=(ROW + 19) { (name) }
        text.what x=(x) y=(ROW + 35) { (word) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::json::tests::cluster;
    use crate::verdict::Verdict;

    fn drawn(cluster: &ClusterPaths) -> String {
        graph(cluster).into_string()
    }

    #[test]
    fn exits_steps_and_circles_stand_out() {
        let open = drawn(&cluster(4, "12 23", None));
        let count = |page: &str, what: &str| page.matches(what).count();
        assert_eq!((count(&open, "class=\"exit\""), count(&open, "class=\"step\"")), (2, 2), "{open}");
        assert!(
            open.contains("Ways out: ns3, ns4. Steps between siblings: ns1 &gt; ns2 (tracer), ns2 &gt; ns3 (tracer).")
        );

        let mut last = cluster(4, "12 23 34", None);
        last.resolvers[3].path_known = false;
        let last = drawn(&last);
        assert!(last.contains("class=\"last\"") && last.contains("class=\"exit assumed\""), "{last}");
        assert!(last.contains("Ways out, as it seems: ns4."), "{last}");

        let ring = drawn(&cluster(4, "12 23 34 41", Some(Verdict::LoopSuspected)));
        assert_eq!((count(&ring, "class=\"circle\""), count(&ring, "class=\"exit\"")), (4, 0), "{ring}");
        assert!(
            ring.contains("No way out is left.") && ring.contains("Circles: ns1 &gt; ns2 &gt; ns3 &gt; ns4 &gt; ns1.")
        );

        let ended = drawn(&cluster(2, "12", Some(Verdict::DeadEnd)));
        assert_eq!(count(&ended, "class=\"ended\""), 1, "the one that forwards to no sibling: {ended}");
    }

    #[test]
    fn many_resolvers_are_told_and_not_drawn() {
        let many = drawn(&cluster(MOST_DRAWN + 1, "12", None));
        assert!(!many.contains("<svg") && many.contains("ns1 &gt; ns2"), "{many}");
        assert!(drawn(&cluster(MOST_DRAWN, "12", None)).contains("<svg"));
    }

    #[test]
    fn a_cluster_that_was_not_traced_has_no_graph() {
        let mut untraced = cluster(2, "", None);
        untraced.traced_at = None;
        assert!(drawn(&untraced).is_empty());
    }
}
