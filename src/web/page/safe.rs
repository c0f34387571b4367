//! Text in HTML.

use std::fmt::{self, Write};

/// Text in HTML, whatever it holds.
pub(super) struct Safe<'a>(pub &'a str);

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
