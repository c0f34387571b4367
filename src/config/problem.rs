//! Mistakes in the file, with their places: gathered while it is read, and worded for the person who has to mend them.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::ops::Range;

/// The widest line of the file that is quoted in full, in characters.
const WIDEST_QUOTE: usize = 100;

/// Where in the file something stands, and under which key.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Where it begins, in bytes; nothing for what stands nowhere in the file.
    start: Option<usize>,
    /// Where it ends.
    end: usize,
    /// The way to it: `name[db-primary].timeout`.
    pub(super) key: String,
}

impl Place {
    pub(super) fn new(range: Range<usize>, key: String) -> Self {
        Self { start: Some(range.start), end: range.end, key }
    }

    /// The place of something that is not in the file at all.
    pub(super) fn nowhere(key: &str) -> Self {
        Self { key: key.to_owned(), ..Self::default() }
    }

    /// The same place, for a key that is missing there.
    pub(super) fn below(&self, key: &str) -> Self {
        let key = if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) };
        Self { key, ..self.clone() }
    }

    /// Its bytes.
    pub(super) fn range(&self) -> Range<usize> {
        self.start.unwrap_or_default()..self.end
    }

    /// The same key, at other bytes.
    pub(super) fn at(&self, range: Range<usize>) -> Self {
        Self::new(range, self.key.clone())
    }
}

/// Where something is wrong or odd, what was found there, and what is allowed.
type Noted = (Place, String, Option<String>);

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    mistakes: RefCell<Vec<Noted>>,
    warnings: RefCell<Vec<Noted>>,
}

impl Report {
    /// Something that has to be mended: what was found, and what is allowed there.
    pub(super) fn mistake(&self, place: &Place, found: impl Into<String>, allowed: impl Into<String>) {
        self.mistakes.borrow_mut().push((place.clone(), found.into(), Some(allowed.into())));
    }

    /// Something that cannot be read at all.
    pub(super) fn unreadable(&self, place: &Place, found: impl Into<String>) {
        self.mistakes.borrow_mut().push((place.clone(), found.into(), None));
    }

    /// Something that works, but hardly as it was meant.
    pub(super) fn warning(&self, place: &Place, found: impl Into<String>) {
        self.warnings.borrow_mut().push((place.clone(), found.into(), None));
    }

    /// Whether nothing has to be mended so far.
    pub(super) fn is_clean(&self) -> bool {
        self.mistakes.borrow().is_empty()
    }

    /// The mistakes and the warnings, each in the order of the file.
    pub(super) fn finish(self, file: &str, text: &str) -> (Problems, Vec<Problem>) {
        let located = |mut noted: Vec<Noted>| {
            noted.sort();
            noted.dedup();
            let lines = LineStarts::of(text);
            noted.into_iter().map(|noted| Problem::new(file, &lines, noted)).collect::<Vec<_>>()
        };
        (Problems(located(self.mistakes.into_inner())), located(self.warnings.into_inner()))
    }
}

/// One thing that is wrong, or odd, with its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file's name, as the user gave it.
    pub file: String,
    /// The line, counted from 1, and the column in characters, counted from 1; nothing for what stands nowhere in the
    /// file.
    pub position: Option<(usize, usize)>,
    /// The key it is about, such as `name[db-primary].timeout`; empty for the file as a whole.
    pub key: String,
    /// What was found.
    pub found: String,
    /// What is allowed there; nothing for warnings, and where that goes without saying.
    pub allowed: Option<String>,
    /// The line of the file, and how many characters of it are meant, from the column on.
    quote: Option<(String, usize)>,
}

impl Problem {
    /// A problem with the file as a whole.
    pub(super) fn with_file(file: &str, found: String) -> Self {
        Self { file: file.to_owned(), position: None, key: String::new(), found, allowed: None, quote: None }
    }

    /// A problem with what one key stands for, outside the file.
    pub(crate) fn beyond_the_file(file: &str, key: &str, found: String) -> Self {
        Self { key: key.to_owned(), ..Self::with_file(file, found) }
    }

    fn new(file: &str, lines: &LineStarts<'_>, (place, found, allowed): Noted) -> Self {
        let whole = Self { key: place.key, allowed, ..Self::with_file(file, found) };
        let Some(start) = place.start else { return whole };
        let (line_number, before, line) = lines.find(start);
        let meant = place.end.saturating_sub(start).min(line.len().saturating_sub(before));
        let column = count(line, 0..before) + 1;
        let quote = (column <= WIDEST_QUOTE).then(|| (quotable(line), count(line, before..before + meant).max(1)));
        Self { position: Some((line_number, column)), quote, ..whole }
    }
}

/// The characters in a range of a line; a range may begin or end within one when the file is broken.
fn count(line: &str, range: Range<usize>) -> usize {
    line.char_indices().filter(|(at, _)| range.contains(at)).count()
}

/// The line as it can be printed: no control characters, and no endless one.
fn quotable(line: &str) -> String {
    let safe = |c: char| match c {
        '\t' => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    let mut quote: String = line.chars().take(WIDEST_QUOTE).map(safe).collect();
    if line.chars().nth(WIDEST_QUOTE).is_some() {
        quote.push('…');
    }
    quote.truncate(quote.trim_end().len());
    quote
}

impl Problem {
    /// `probes.toml:12:10: prober.listen: found …`
    fn headline(&self) -> String {
        let mut line = self.file.clone();
        // Writing to a String cannot fail.
        if let Some((number, column)) = self.position {
            let _ = write!(line, ":{number}:{column}");
        }
        if !self.key.is_empty() {
            let _ = write!(line, ": {}", self.key);
        }
        let _ = write!(line, ": {}", self.found);
        line
    }

    /// The problem in one line, as logs want it.
    pub fn in_one_line(&self) -> String {
        let allowed = self.allowed.as_ref().map_or_else(String::new, |allowed| format!("; allowed: {allowed}"));
        self.headline() + &allowed
    }
}

impl fmt::Display for Problem {
    /// Place and key, what was found, the line it stands in, and what is allowed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        if let (Some((line, column)), Some((quote, meant))) = (self.position, &self.quote) {
            let meant = (*meant).min(quote.chars().count().saturating_sub(column - 1)).max(1);
            write!(f, "\n{line:>5} | {quote}\n      | {:column$}{}", "", "^".repeat(meant), column = column - 1)?;
        }
        if let Some(allowed) = &self.allowed {
            write!(f, "\n      = allowed: {allowed}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a file, in its order; never empty as an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    /// The whole text a person reads: every mistake, then how many there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        let file = self.0.first().map_or("", |problem| &problem.file);
        match self.0.len() {
            1 => write!(f, "{file}: 1 mistake"),
            many => write!(f, "{file}: {many} mistakes"),
        }
    }
}

impl std::error::Error for Problems {}

/// Where each line begins.
struct LineStarts<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineStarts<'a> {
    fn of(text: &'a str) -> Self {
        let after_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { text, starts: std::iter::once(0).chain(after_ends).collect() }
    }

    /// The number of the line that holds a byte, how far into it the byte is, and the line.
    fn find(&self, at: usize) -> (usize, usize, &'a str) {
        let number = self.starts.partition_point(|start| *start <= at);
        let start = self.starts[number - 1];
        let end = self.starts.get(number).map_or(self.text.len(), |next| next - 1);
        let line = &self.text[start..end];
        (number, (at - start).min(line.len()), line)
    }
}

/// The words as a list for a message: `a, b or c`.
pub(super) fn one_of<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<&str> = words.into_iter().collect();
    let mut text = String::new();
    for (place, word) in words.iter().enumerate() {
        let joint = match place {
            0 => "",
            _ if place + 1 == words.len() => " or ",
            _ => ", ",
        };
        // Writing to a String cannot fail.
        let _ = write!(text, "{joint}{word}");
    }
    text
}

/// What was found, and which of the allowed words was probably meant.
pub(super) fn with_hint<'w>(found: String, word: &str, allowed: impl IntoIterator<Item = &'w str>) -> String {
    match nearest(word, allowed) {
        Some(meant) => format!("{found} (did you mean {meant}?)"),
        None => found,
    }
}

/// The word that was probably meant: the nearest one, when it is near.
pub(super) fn nearest<'w>(word: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    let near = |other: &&'w str| strsim::jaro_winkler(&word.to_lowercase(), &other.to_lowercase());
    let scored = words.into_iter().map(|other| (near(&other), other));
    scored.filter(|(score, _)| *score > 0.8).max_by(|(one, _), (two, _)| one.total_cmp(two)).map(|(_, other)| other)
}
