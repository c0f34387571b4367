//! The screen: a header, every cluster, what changed last, and what keys do. Pure, onto a buffer.

mod cluster;
#[cfg(test)]
mod tests;
mod text;

use humantime::format_rfc3339_seconds;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::model::Model;
use super::news::Event;
use super::screen::Screen;
use cluster::View;
use text::{sign, style, wrap};

/// With fewer lines than this the changes are left to the summary at the end.
const LINES_FOR_CHANGES: u16 = 14;

const KEYS: &str = "m mark  arrows, PgUp, PgDn move  ? help  q end";

/// Keys, each in a line.
const HELP_KEYS: &[&str] = &[
    "m            keep a mark: what you have just done",
    "Up, Down     a line; PgUp, PgDn: ten; Home: back",
    "Left, Right  move the matrix, where it is too wide",
    "q, Esc, ^C   end, and print a summary",
];

/// Words, in paragraphs.
const HELP_WORDS: &[&str] = &[
    "A word with ! in front fails. With ~ it works, or is not known, and deserves a look. n/m counts names.",
    "(cold) are names never asked before. No cache can answer them, so they show at once whether there is a way out.",
    "Others may be answered from a cache until their time to live is over; runway says when the first of a class is gone.",
    "way out: its own, through which sibling, or none, as names show that tracing asks and nobody asked before.",
    "again: good for that long, after a failure that was seen here.",
];

/// Draws everything. Where those who look have moved beyond the end, they are brought back to it.
pub fn draw(model: &Model, screen: &mut Screen, area: Rect, buffer: &mut Buffer) {
    if area.is_empty() {
        return;
    }
    let header = header(model, screen, area);
    let footer = footer(screen, area);
    let changes = if area.height >= LINES_FOR_CHANGES { changes(model, screen, area) } else { Vec::new() };
    let mut rows = area.rows();
    let header_rows: Vec<Rect> = rows.by_ref().take(header.len().min(usize::from(area.height))).collect();
    put(&header, &header_rows, buffer);
    if let Some(last) = rows.next_back() {
        put(&[footer], &[last], buffer);
    }
    let mut change_rows: Vec<Rect> = rows.by_ref().rev().take(changes.len()).collect();
    change_rows.reverse();
    put(&changes, &change_rows, buffer);
    let body_rows: Vec<Rect> = rows.collect();
    let body = if screen.help { help(area) } else { body(model, screen, area) };
    screen.down = screen.down.min(body.len().saturating_sub(body_rows.len()));
    let more = body.len().saturating_sub(screen.down + body_rows.len());
    put(&body[screen.down..], &body_rows, buffer);
    if let (Some(last), true) = (body_rows.last(), more > 0) {
        let below = Line::styled(format!("  ... {} more lines below (Down)", more + 1), dim());
        buffer.set_style(*last, Style::reset());
        put(&[Line::raw(" ".repeat(usize::from(area.width)))], &[*last], buffer);
        put(&[below], &[*last], buffer);
    }
}

fn put(lines: &[Line<'_>], rows: &[Rect], buffer: &mut Buffer) {
    for (line, row) in lines.iter().zip(rows) {
        buffer.set_line(row.x, row.y, line, row.width);
    }
}

const fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// Who is watched and when this was; then what has to be known about the watching itself.
fn header(model: &Model, screen: &Screen, area: Rect) -> Vec<Line<'static>> {
    let Some(look) = model.look() else {
        let text = model.lost().map_or_else(|| "Waiting for the first look.".to_owned(), |why| format!("! {why}"));
        return wrap(&format!("Fathom  {text}"), area.width.into(), 2).into_iter().map(Line::raw).collect();
    };
    let now = format_rfc3339_seconds(look.now);
    let title = format!("Fathom  {} from {}  {now}  {}", look.environment, look.vantage, pace(model));
    let mut lines = vec![Line::styled(title, Style::new().add_modifier(Modifier::REVERSED))];
    let bad = style(super::news::Weight::Bad, screen.colours);
    let lost = model.lost().map(|why| format!("! Not renewed since {now}: {why}"));
    lines.extend(lost.iter().flat_map(|text| wrap(text, area.width.into(), 2)).map(|line| Line::styled(line, bad)));
    for notice in screen.not_closer.iter().chain(&screen.notice) {
        lines.extend(wrap(notice, area.width.into(), 2).into_iter().map(Line::raw));
    }
    lines
}

/// How often resolvers are asked now.
fn pace(model: &Model) -> String {
    let Some(look) = model.look() else { return String::new() };
    let closely = |until: &Option<_>| until.is_some_and(|until| until > look.now);
    let closer = look.resolvers.iter().filter(|resolver| closely(&resolver.looked_at_closely_until)).count();
    match (closer, look.resolvers.len()) {
        (0, _) => "usual rhythm".to_owned(),
        (closer, all) if closer == all => "looking closer: about one probe a second".to_owned(),
        (closer, all) => format!("looking closer at {closer} of {all} resolvers"),
    }
}

fn body(model: &Model, screen: &Screen, area: Rect) -> Vec<Line<'static>> {
    let Some(look) = model.look() else { return Vec::new() };
    let view = View { model, look, width: area.width.into(), right: screen.right, colours: screen.colours };
    let mut lines = Vec::new();
    for cluster in look.cluster_names() {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.extend(view.cluster(cluster));
    }
    lines
}

fn help(area: Rect) -> Vec<Line<'static>> {
    let keys = HELP_KEYS.iter().map(|text| Line::raw(*text)).chain([Line::default()]);
    keys.chain(HELP_WORDS.iter().flat_map(|text| wrap(text, area.width.into(), 2)).map(Line::raw)).collect()
}

/// The last changes, the newest at the end, below a line of their own: at most a third of the screen.
fn changes(model: &Model, screen: &Screen, area: Rect) -> Vec<Line<'static>> {
    let most = usize::from(area.height / 3);
    let (events, _) = model.events();
    let mut lines = Vec::new();
    for event in events.rev() {
        let style = style(event.news.weight(), screen.colours);
        lines.extend(wrap(&told(event), area.width.into(), 10).into_iter().rev().map(|line| Line::styled(line, style)));
        if lines.len() >= most {
            break;
        }
    }
    lines.truncate(most.saturating_sub(1));
    let title = if lines.is_empty() { "Nothing changed yet" } else { "Changes" };
    lines.push(Line::styled(title, Style::new().add_modifier(Modifier::UNDERLINED)));
    lines.reverse();
    lines
}

/// A change with the time of day.
fn told(event: &Event) -> String {
    let at = format_rfc3339_seconds(event.at).to_string();
    format!("{} {}{}", at.get(11..).unwrap_or(&at), sign(event.news.weight()), event.news)
}

/// What is being typed, or what keys do.
fn footer(screen: &Screen, area: Rect) -> Line<'static> {
    match &screen.input {
        Some(text) => {
            let room = usize::from(area.width).saturating_sub("mark> _".len());
            let begin = text.chars().count().saturating_sub(room);
            Line::raw(format!("mark> {}_", text.chars().skip(begin).collect::<String>()))
        }
        None => Line::styled(KEYS, dim()),
    }
}
