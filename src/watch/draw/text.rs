//! Words on a terminal: weights as signs and colours, short times, and lines of a given width.

use std::time::Duration;

use ratatui::style::{Color, Modifier, Style};

use crate::watch::news::Weight;

/// The sign in front of a word, so that no colour is needed to see what matters.
pub(super) const fn sign(weight: Weight) -> &'static str {
    match weight {
        Weight::Bad => "! ",
        Weight::Warning => "~ ",
        Weight::Good | Weight::Plain => "",
    }
}

/// How a word looks that matters so much.
pub(super) const fn style(weight: Weight, colours: bool) -> Style {
    let style = match weight {
        Weight::Bad => Style::new().add_modifier(Modifier::BOLD),
        Weight::Warning | Weight::Good | Weight::Plain => Style::new(),
    };
    if !colours {
        return style;
    }
    match weight {
        Weight::Bad => style.fg(Color::Red),
        Weight::Warning => style.fg(Color::Yellow),
        Weight::Good => style.fg(Color::Green),
        Weight::Plain => style,
    }
}

/// A time in its greatest unit: `42s`, `3m`, `2h`, `5d`.
pub(super) fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// The text in lines of at most `width` characters, all but the first behind `indent` spaces. Words that are longer are
/// broken.
pub(super) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let indent = if indent + 10 < width { indent } else { 0 };
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let gap = usize::from(length > 0 && !line.ends_with(' '));
            if length + gap + word.len() <= width {
                line.extend([' '].iter().take(gap).chain(&word));
                length += gap + word.len();
                break;
            }
            let begins = if lines.is_empty() { 0 } else { indent };
            if length > begins {
                lines.push(std::mem::take(&mut line));
            } else {
                let rest = word.split_off(width.saturating_sub(length).clamp(1, word.len()));
                line.extend(&word);
                lines.push(std::mem::take(&mut line));
                word = rest;
            }
            line = " ".repeat(indent);
            length = indent;
        }
    }
    if !line.trim().is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_whatever_the_width() {
        assert_eq!(wrap("one two three", 9, 2), ["one two", "three"], "too narrow for an indent");
        assert_eq!(wrap("one two three four", 14, 2), ["one two three", "  four"]);
        assert_eq!(wrap("abcdefghij k", 4, 0), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("", 10, 2), [""; 0]);
        let text = "dc1-internal ns1 forwards in a circle (ns1 > ns2 > ns1); no query leaves dc1-internal.";
        for width in 1..100 {
            let lines = wrap(text, width, 4);
            assert!(lines.iter().all(|line| (1..=width).contains(&line.chars().count())), "{width}: {lines:?}");
            let joined: String = lines.concat().split_whitespace().collect();
            assert_eq!(joined, text.split_whitespace().collect::<String>(), "{width}");
        }
    }

    #[test]
    fn times_are_short() {
        let times = [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(|seconds| short(Duration::from_secs(seconds)));
        assert_eq!(times, ["0s", "119s", "2m", "119m", "2h", "47h", "2d"]);
    }
}
