//! The forwarding graph for Graphviz.

use std::fmt::Write;

use crate::report::json::{ClusterPaths, Paths};

/// All clusters, each in a frame of its own.
pub(super) fn draw(paths: &Paths) -> String {
    let mut dot = "digraph paths {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for (place, cluster) in paths.clusters.iter().enumerate() {
        frame(&mut dot, place, cluster).expect("a string takes every write");
    }
    dot + "}\n"
}

fn frame(dot: &mut String, place: usize, cluster: &ClusterPaths) -> std::fmt::Result {
    let node = |name: &str| quoted(&format!("{}/{name}", cluster.cluster));
    let title = quoted(&format!("{}: {}", cluster.cluster, cluster.state.as_str()));
    writeln!(dot, "  subgraph cluster_{place} {{\n    label={title};")?;
    for seen in &cluster.resolvers {
        let last = cluster.last_exit.as_ref() == Some(&seen.resolver);
        let role = match (seen.is_exit, last) {
            (_, true) => "\nlast exit",
            (true, false) => "\nexit",
            (false, false) => "",
        };
        let label = quoted(&format!("{}\n{}{role}", seen.resolver, seen.verdict.as_str()));
        let border = if seen.is_exit { 2 } else { 1 };
        let style = if seen.path_known { "solid" } else { "dashed" };
        writeln!(dot, "    {} [label={label}, peripheries={border}, style={style}];", node(&seen.resolver))?;
    }
    for edge in cluster.edges.iter().filter(|edge| edge.direct) {
        let circle = |circle: &Vec<String>| circle.contains(&edge.from) && circle.contains(&edge.to);
        let colour = if cluster.circles.iter().any(circle) { ", color=red, penwidth=2" } else { "" };
        let (from, to, method) = (node(&edge.from), node(&edge.to), quoted(edge.method.as_str()));
        writeln!(dot, "    {from} -> {to} [label={method}{colour}];")?;
    }
    writeln!(dot, "  }}")
}

/// A quoted string of the language, in which a line end is `\n`.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::report::json::tests::cluster;

    #[test]
    fn a_chain_to_the_last_exit() {
        let clusters = vec![cluster(3, "12 23", None)];
        let (environment, vantage) = ("test".to_owned(), "dc1".to_owned());
        let dot = draw(&Paths { environment, vantage, now: UNIX_EPOCH, interval_seconds: 60.0, clusters });
        let expected = r#"digraph paths {
  rankdir=LR;
  node [shape=box];
  subgraph cluster_0 {
    label="c1: healthy";
    "c1/ns1" [label="ns1\nforwards_to_sibling", peripheries=1, style=solid];
    "c1/ns2" [label="ns2\nforwards_to_sibling", peripheries=1, style=solid];
    "c1/ns3" [label="ns3\nok\nlast exit", peripheries=2, style=solid];
    "c1/ns1" -> "c1/ns2" [label="tracer"];
    "c1/ns2" -> "c1/ns3" [label="tracer"];
  }
}
"#;
        assert_eq!(dot, expected);
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\c\nd""#);
    }
}
