//! What is on the screen beside what is known: where it stands, what is being typed, what keys do. Pure.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::journal::LONGEST_MARK;

/// How far the page keys go, in lines.
const PAGE: usize = 10;

/// The state of the screen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Screen {
    /// Lines that are scrolled away above.
    pub down: usize,
    /// Columns of the matrix that are scrolled away to the left.
    pub right: usize,
    /// The mark that is being typed.
    pub input: Option<String>,
    /// Whether the help is shown.
    pub help: bool,
    /// Why a mark is not kept.
    pub notice: Option<String>,
    /// Why nobody looks closer.
    pub not_closer: Option<String>,
    /// Whether colours may be used. They never carry anything alone.
    pub colours: bool,
}

/// What a key asks for beyond the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// To end.
    End,
    /// To keep this mark.
    Mark(String),
}

impl Screen {
    /// A key was pressed.
    pub fn press(&mut self, key: KeyEvent) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return matches!(key.code, KeyCode::Char('c' | 'C')).then_some(Action::End);
        }
        match self.input.take() {
            Some(text) => self.type_on(text, key.code),
            None => self.command(key.code),
        }
    }

    /// Text was pasted: into a mark, or nowhere.
    pub fn paste(&mut self, text: &str) {
        if let Some(mut input) = self.input.take() {
            let room = LONGEST_MARK.saturating_sub(input.chars().count());
            let typed = text.chars().map(|c| if c.is_control() { ' ' } else { c });
            input.extend(typed.take(room));
            self.input = Some(input);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys mean nothing here")]
    fn command(&mut self, key: KeyCode) -> Option<Action> {
        let helped = std::mem::take(&mut self.help);
        match key {
            KeyCode::Esc if helped => {}
            KeyCode::Char('q') | KeyCode::Esc => return Some(Action::End),
            KeyCode::Char('m') => {
                self.notice = None;
                self.input = Some(String::new());
            }
            KeyCode::Char('?' | 'h') => self.help = !helped,
            KeyCode::Up => self.down = self.down.saturating_sub(1),
            KeyCode::Down => self.down += 1,
            KeyCode::PageUp => self.down = self.down.saturating_sub(PAGE),
            KeyCode::PageDown => self.down += PAGE,
            KeyCode::Home => (self.down, self.right) = (0, 0),
            KeyCode::Left => self.right = self.right.saturating_sub(1),
            KeyCode::Right => self.right += 1,
            _ => {}
        }
        None
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most keys mean nothing here")]
    fn type_on(&mut self, mut text: String, key: KeyCode) -> Option<Action> {
        match key {
            KeyCode::Esc => return None,
            KeyCode::Enter => {
                let text = text.trim();
                return (!text.is_empty()).then(|| Action::Mark(text.to_owned()));
            }
            KeyCode::Backspace => drop(text.pop()),
            KeyCode::Char(c) if !c.is_control() && text.chars().count() < LONGEST_MARK => text.push(c),
            _ => {}
        }
        self.input = Some(text);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(screen: &mut Screen, keys: &[KeyCode]) -> Option<Action> {
        keys.iter().map(|key| screen.press(KeyEvent::new(*key, KeyModifiers::NONE))).last().flatten()
    }

    fn text(word: &str) -> Vec<KeyCode> {
        word.chars().map(KeyCode::Char).collect()
    }

    #[test]
    fn q_escape_and_control_c_end_it() {
        assert_eq!(press(&mut Screen::default(), &text("q")), Some(Action::End));
        assert_eq!(press(&mut Screen::default(), &[KeyCode::Esc]), Some(Action::End));
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(Screen::default().press(interrupt), Some(Action::End));
        let mut typing = Screen { input: Some(String::new()), ..Screen::default() };
        assert_eq!(typing.press(interrupt), Some(Action::End), "while something is typed, too");
    }

    #[test]
    fn a_mark_is_typed_corrected_and_kept_or_dropped() {
        let mut screen = Screen::default();
        let mut keys = text("mns2 isq");
        keys.extend([KeyCode::Backspace, KeyCode::Char(' '), KeyCode::Char('q'), KeyCode::Enter]);
        assert_eq!(press(&mut screen, &keys), Some(Action::Mark("ns2 is q".to_owned())));
        assert_eq!(screen.input, None);
        keys.pop();
        keys.push(KeyCode::Esc);
        assert_eq!((press(&mut screen, &keys), screen.input.clone()), (None, None));
        assert_eq!(
            press(&mut screen, &[KeyCode::Char('m'), KeyCode::Char(' '), KeyCode::Enter]),
            None,
            "nothing to keep"
        );
        press(&mut screen, &text("m"));
        screen.paste(&"x\n".repeat(LONGEST_MARK));
        let pasted = screen.input.unwrap();
        assert!(pasted.chars().count() == LONGEST_MARK && pasted.starts_with("x x "), "{pasted}");
    }

    #[test]
    fn arrows_move_the_view_and_help_comes_and_goes() {
        let mut screen = Screen::default();
        press(&mut screen, &[KeyCode::Down, KeyCode::PageDown, KeyCode::Up, KeyCode::Right]);
        assert_eq!((screen.down, screen.right), (PAGE, 1));
        press(&mut screen, &[KeyCode::Home]);
        assert_eq!((screen.down, screen.right), (0, 0));
        assert_eq!((press(&mut screen, &text("?")), screen.help), (None, true));
        assert_eq!((press(&mut screen, &[KeyCode::Esc]), screen.help), (None, false), "it ends the help alone");
    }
}
