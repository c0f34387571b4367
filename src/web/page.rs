//! The status page: every resolver by class, complete without scripts, with nothing from anywhere else.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write};

use crate::board::Snapshot;
use crate::estate::{Cluster, Label};
use crate::outcome::Outcome;
use crate::plan::Purpose;

/// What the probes of one class at one resolver saw last, and how many of each.
type Cell = BTreeMap<Outcome, usize>;

/// The cell of a cluster, a resolver and a class.
type Cells<'a> = HashMap<(&'a Label, &'a Label, &'a Label), Cell>;

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta http-equiv=\"refresh\" content=\"10\">\
<title>Fathom</title><style>:root{color-scheme:light dark}\
body{font:1rem/1.5 system-ui,sans-serif;margin:1rem auto;max-width:75rem;padding:0 1rem}\
table{border-collapse:collapse}th,td{border:1px solid #8888;padding:.25rem .6rem;text-align:left}\
.bad{background:#b00020;color:#fff}</style></head><body>\n";

const FOOT: &str = "<p><a href=\"/metrics\">Metrics</a> · <a href=\"/api/v1/status\">JSON</a> · \
<a href=\"/runbooks\">Runbooks</a></p>\n</body></html>\n";

/// The whole page.
pub(super) fn render(snapshot: &Snapshot) -> String {
    let estate = &snapshot.estate;
    let cells = cells(snapshot);
    let mut page = HEAD.to_owned();
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<h1>{}, seen from {}</h1>\n<p>{}</p>\n",
        Safe(estate.environment.as_str()),
        Safe(estate.vantage.as_str()),
        summary(&cells)
    );
    for cluster in &estate.clusters {
        let _ = cluster_table(&mut page, snapshot, cluster, &cells);
    }
    page + FOOT
}

fn cells(snapshot: &Snapshot) -> Cells<'_> {
    let mut cells = Cells::new();
    for (target, state) in snapshot.targets.iter().filter(|(target, _)| target.purpose == Purpose::Name) {
        let cell = cells.entry((&target.cluster.name, &target.resolver.name, &target.name.class)).or_default();
        if let Some(last) = state.last {
            *cell.entry(last.outcome).or_default() += 1;
        }
    }
    cells
}

/// One sentence on the whole estate.
fn summary(cells: &Cells<'_>) -> String {
    let seen: usize = cells.values().flat_map(BTreeMap::values).sum();
    let ok: usize = cells.values().filter_map(|cell| cell.get(&Outcome::Ok)).sum();
    match (seen, seen - ok) {
        (0, _) => "Nothing was probed yet.".to_owned(),
        (1, 0) => "The last probe of the one target was ok.".to_owned(),
        (_, 0) => format!("The last probes of all {seen} targets were ok."),
        (_, failed) => format!("The last probes of {failed} of {seen} targets failed."),
    }
}

fn cluster_table(page: &mut String, snapshot: &Snapshot, cluster: &Cluster, cells: &Cells<'_>) -> fmt::Result {
    let mut classes: Vec<&Label> = Vec::new();
    for name in snapshot.estate.names.iter().filter(|name| name.clusters.contains(&cluster.name)) {
        if !classes.contains(&&name.class) {
            classes.push(&name.class);
        }
    }
    writeln!(page, "<h2>{}</h2>\n<table>", Safe(cluster.name.as_str()))?;
    page.push_str("<tr><th scope=\"col\">resolver<th scope=\"col\">address");
    for class in &classes {
        write!(page, "<th scope=\"col\">{}", Safe(class.as_str()))?;
    }
    page.push_str("<th scope=\"col\">verdict<th scope=\"col\">says it is\n");
    for view in snapshot.resolvers.iter().filter(|view| view.cluster == cluster.name) {
        let name = &view.resolver.name;
        write!(page, "<tr><th scope=\"row\">{}<td>{}", Safe(name.as_str()), view.resolver.address)?;
        for class in &classes {
            write_cell(page, cells.get(&(&cluster.name, name, class)))?;
        }
        let identity = [&view.state.nsid, &view.state.server_id, &view.state.version];
        let identity: Vec<&str> = identity.into_iter().flatten().map(String::as_str).collect();
        writeln!(page, "<td>{}<td>{}", view.state.verdict.as_str(), Safe(&identity.join(", ")))?;
    }
    page.push_str("</table>\n");
    Ok(())
}

fn write_cell(page: &mut String, cell: Option<&Cell>) -> fmt::Result {
    let Some(cell) = cell.filter(|cell| !cell.is_empty()) else {
        page.push_str("<td>–");
        return Ok(());
    };
    let class = if cell.keys().all(|outcome| *outcome == Outcome::Ok) { "" } else { " class=\"bad\"" };
    let words: Vec<String> = cell.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    write!(page, "<td{class}>{}", words.join(", "))
}

/// Text in HTML, whatever it holds.
struct Safe<'a>(&'a str);

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Safe;

    #[test]
    fn text_cannot_become_markup() {
        let hostile = "</td><script>alert('1')</script>&\"";
        assert_eq!(Safe(hostile).to_string(), "&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;");
    }
}
