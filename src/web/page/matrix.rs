//! Resolvers by classes: what the last probes saw.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write};

use super::safe::Safe;
use crate::board::Snapshot;
use crate::estate::{Cluster, Label};
use crate::outcome::Outcome;
use crate::plan::Purpose;

/// What the probes of one class at one resolver saw last, and how many of each.
type Cell = BTreeMap<Outcome, usize>;

/// The cell of a cluster, a resolver and a class.
pub(super) type Cells<'a> = HashMap<(&'a Label, &'a Label, &'a Label), Cell>;

pub(super) fn cells(snapshot: &Snapshot) -> Cells<'_> {
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
pub(super) fn summary(cells: &Cells<'_>) -> String {
    let seen: usize = cells.values().flat_map(BTreeMap::values).sum();
    let ok: usize = cells.values().filter_map(|cell| cell.get(&Outcome::Ok)).sum();
    match (seen, seen - ok) {
        (0, _) => "Nothing was probed yet.".to_owned(),
        (1, 0) => "The last probe of the one target was ok.".to_owned(),
        (_, 0) => format!("The last probes of all {seen} targets were ok."),
        (_, failed) => format!("The last probes of {failed} of {seen} targets failed."),
    }
}

/// The table of one cluster.
pub(super) fn matrix(page: &mut String, snapshot: &Snapshot, cluster: &Cluster, cells: &Cells<'_>) -> fmt::Result {
    let mut classes: Vec<&Label> = Vec::new();
    for name in snapshot.estate.names.iter().filter(|name| name.clusters.contains(&cluster.name)) {
        if !classes.contains(&&name.class) {
            classes.push(&name.class);
        }
    }
    page.push_str("<div class=\"scroll\"><table>\n<tr><th scope=\"col\">resolver<th scope=\"col\">address");
    for class in &classes {
        write!(page, "<th scope=\"col\">{}", Safe(class.as_str()))?;
    }
    page.push_str("<th scope=\"col\">says it is\n");
    for view in snapshot.resolvers.iter().filter(|view| view.cluster == cluster.name) {
        let name = &view.resolver.name;
        write!(page, "<tr><th scope=\"row\">{}<td>{}", Safe(name.as_str()), view.resolver.address)?;
        for class in &classes {
            write_cell(page, cells.get(&(&cluster.name, name, class)))?;
        }
        let identity = [&view.state.nsid, &view.state.server_id, &view.state.version];
        let identity: Vec<&str> = identity.into_iter().flatten().map(String::as_str).collect();
        writeln!(page, "<td>{}", Safe(&identity.join(", ")))?;
    }
    page.push_str("</table></div>\n");
    Ok(())
}

fn write_cell(page: &mut String, cell: Option<&Cell>) -> fmt::Result {
    let Some(cell) = cell.filter(|cell| !cell.is_empty()) else {
        page.push_str("<td>–");
        return Ok(());
    };
    let class = if cell.keys().all(|outcome| *outcome == Outcome::Ok) { "" } else { " class=\"bad\"" };
    let words: Vec<String> = cell.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    write!(page, "<td{class}>{}", words.join(",<br>"))
}
