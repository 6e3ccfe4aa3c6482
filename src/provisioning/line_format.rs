//! Files of one `name=value` a line: what can be written in a line, and how lines are read.
//!
//! No vendor has an escape in such files, so a value that can't stand in its line is refused, or, where it is words for
//! people, cleaned. Knows no template and no setting.

use super::ProvisioningError;

/// The longest value, in bytes.
const MAX_VALUE: usize = 1024;
/// The longest parameter name, in bytes.
const MAX_NAME: usize = 128;

/// One vendor's kind of `name=value` file.
#[derive(Clone, Copy, Debug)]
pub struct LineFormat {
    /// What stands between name and value.
    pub separator: &'static str,
    /// What begins a comment line.
    pub comment: char,
    /// Whether the comment sign may begin a comment within a line too.
    pub comment_within: bool,
    /// Beginnings of a value that the phone would take for something else.
    pub reserved_starts: &'static [&'static str],
    /// Whole values that the phone would take for something else.
    pub reserved: &'static [&'static str],
}

impl LineFormat {
    /// Why a value can't be written as it is; `None` if it can. The answer never holds the value.
    pub fn fault(&self, value: &str) -> Option<&'static str> {
        if value.len() > MAX_VALUE {
            Some("is too long for a line")
        } else if value.chars().any(breaks_line) {
            Some("holds a line break or a control character, which would leave its line")
        } else if self.comment_within && value.contains(self.comment) {
            Some("holds the sign that begins a comment in this file")
        } else if value.trim() != value {
            Some("begins or ends with a blank, which the phone would drop")
        } else if self.reserved.contains(&value) || self.reserved_starts.iter().any(|start| value.starts_with(start)) {
            Some("would be taken by the phone for a command of its own")
        } else {
            None
        }
    }

    /// Words for people, made to fit: what can't be written becomes a blank, and blanks are written once.
    pub fn clean(&self, words: &str) -> String {
        let misfit = |c: char| breaks_line(c) || self.comment_within && c == self.comment;
        let blanked: String = words.chars().map(|c| if misfit(c) { ' ' } else { c }).take(MAX_VALUE / 4).collect();
        let cleaned = blanked.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        match self.fault(cleaned.trim()) {
            None => cleaned.trim().to_owned(),
            // Only a reserved beginning is left: without its punctuation it means nothing to the phone.
            Some(_) => {
                cleaned.chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect::<String>().trim().to_owned()
            }
        }
    }

    /// A parameter's name, if it can be one: letters, digits, `/`, `.`, `_` and `-`, at most 128.
    pub fn name<'a>(&self, name: &'a str) -> Result<&'a str, ProvisioningError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'-');
        if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain) {
            return Ok(name);
        }
        Err(ProvisioningError::Setting {
            setting: "extra".to_owned(),
            fault: "a parameter's name has only letters, digits, '/', '.', '_' and '-', at most 128".to_owned(),
        })
    }

    /// The parameters of a file, in order; comments, empty lines and lines without `=` are passed over.
    pub fn read<'a>(&self, text: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let comment = self.comment;
        text.lines().filter(move |line| !line.trim_start().starts_with(comment)).filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            Some((name.trim(), value.trim()))
        })
    }

    /// `text` with these parameters in place of those of the same names, at the end and in order of their names.
    pub fn replace<'a>(
        &self,
        text: &str,
        parameters: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<String, ProvisioningError> {
        let mut written = String::with_capacity(text.len());
        let mut added = String::new();
        let mut names = Vec::new();
        for (name, value) in parameters {
            if let Some(fault) = self.fault(value) {
                return Err(ProvisioningError::Setting {
                    setting: self.name(name)?.to_owned(),
                    fault: fault.to_owned(),
                });
            }
            added.push_str(&format!("{}{}{value}\n", self.name(name)?, self.separator));
            names.push(name);
        }
        for line in text.lines() {
            let replaced = self.read(line).any(|(name, _)| names.contains(&name));
            if !replaced {
                written.push_str(line);
                written.push('\n');
            }
        }
        written.push_str(&added);
        Ok(written)
    }
}

/// Whether some reader might end a line here: every control character, and Unicode's own line and paragraph ends.
fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: LineFormat = LineFormat {
        separator: "=",
        comment: ';',
        comment_within: true,
        reserved_starts: &["{\""],
        reserved: &["%NULL%"],
    };

    #[test]
    fn what_would_leave_its_line_is_refused() {
        for value in ["a\nb", "a\rb", "a\u{85}b", "a\u{2028}b", "a\0", "a;b", " a", "a ", "{\"x\"}", "%NULL%"] {
            assert!(FORMAT.fault(value).is_some(), "{value:?}");
        }
        for value in ["", "a b", "O'Brien \"Bob\"", "{{x}}", "{% x %}", "a=b", "#1", "山田 太郎", "100%"] {
            assert_eq!(FORMAT.fault(value), None, "{value:?}");
        }
        assert!(FORMAT.fault(&"a".repeat(2000)).is_some());
    }

    #[test]
    fn cleaned_words_always_fit() {
        for (words, cleaned) in [
            ("Bob\r\nsystem/web/enabled=1", "Bob system/web/enabled=1"),
            (" A ; B ", "A B"),
            ("{\"x\"}", "x"),
            ("%NULL%", "NULL"),
            ("山田\u{2028}太郎", "山田 太郎"),
            (" {\"a\" ; b ", "a b"),
            ("\n\n", ""),
        ] {
            assert_eq!(FORMAT.clean(words), cleaned);
            assert_eq!(FORMAT.fault(&FORMAT.clean(words)), None);
        }
        assert_eq!(FORMAT.fault(&FORMAT.clean(&"長".repeat(5000))), None);
    }

    #[test]
    fn replaced_parameters_are_written_once_and_last() {
        let text = FORMAT.replace("a=1\n;c\nb=2\n", [("b", "3"), ("d/e", "4")].into_iter()).unwrap();
        assert_eq!(text, "a=1\n;c\nb=3\nd/e=4\n");
        assert!(FORMAT.replace("", [("a=b", "1")].into_iter()).is_err());
        assert!(FORMAT.replace("", [("a", "1\nb=2")].into_iter()).is_err());
    }
}
