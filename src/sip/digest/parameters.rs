//! The comma-separated `name=value` list that follows the scheme in an authentication header (RFC 7616, section 3.3).
//!
//! Tolerant of what phones send, bounded in every direction. It knows no parameter's meaning.

use std::fmt::{self, Write};

/// The longest header value looked at, in octets.
const MAX_VALUE_OCTETS: usize = 4096;
/// The most parameters looked at.
const MAX_PARAMETERS: usize = 32;

/// The parameters of one `Digest` header value, names in lower case, values without quotes and escapes.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Nothing if the scheme is not Digest, a quote is left open, a name comes twice, a value
    /// holds a control character, or there is too much of it.
    pub(super) fn parse(value: &str) -> Option<Self> {
        if value.len() > MAX_VALUE_OCTETS {
            return None;
        }
        let (scheme, mut rest) = value.trim().split_once([' ', '\t', '\r', '\n'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ',']);
            if rest.is_empty() {
                return Some(Self(parameters));
            }
            let (name, after) = rest.split_once('=')?;
            let name = name.trim().to_ascii_lowercase();
            if name.is_empty() || name.contains(|c: char| matches!(c, ',' | '"' | ' ') || c.is_control()) {
                return None;
            }
            let (value, after) = take_value(after.trim_start())?;
            // Nobody means these, and we could not write them back.
            if value.contains(char::is_control) {
                return None;
            }
            if parameters.len() >= MAX_PARAMETERS || parameters.iter().any(|(known, _)| *known == name) {
                return None;
            }
            parameters.push((name, value));
            rest = after;
        }
    }

    /// The value of the parameter called `name` (lower case).
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// [`Self::get`], where an empty value is as good as none.
    pub(super) fn get_filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// A token or a quoted string off the front of `text`, and what follows it.
fn take_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (token, rest) = match text.find(',') {
            Some(at) => text.split_at_checked(at)?,
            None => (text, ""),
        };
        let token = token.trim();
        // A quote inside a token means the list is not what it seems.
        return (!token.contains('"')).then(|| (token.to_owned(), rest));
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    loop {
        match chars.next()? {
            '"' => break,
            '\\' => value.push(chars.next()?),
            other => value.push(other),
        }
    }
    let rest = chars.as_str().trim_start();
    (rest.is_empty() || rest.starts_with(',')).then_some((value, rest))
}

/// Shows text as a quoted string: quotes and backslashes escaped; control characters, which could end the header, left out.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars().filter(|character| !character.is_control()) {
            if matches!(character, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(character)?;
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn odd_spacing_case_and_empty_elements_are_read_past() {
        let read = Parameters::parse("dIGEST\t ,, A = \"x, \\\"y\\\"=z\" ,b=1,\r\n  c = , ").unwrap();
        assert_eq!(read.get("a"), Some("x, \"y\"=z"));
        assert_eq!(read.get("b"), Some("1"));
        assert_eq!((read.get("c"), read.get_filled("c"), read.get("d")), (Some(""), None, None));
    }

    #[test]
    fn what_cannot_be_one_list_is_refused() {
        for text in [
            "",
            "Digest",
            "Basic a=1",
            "NoOneKnowsThis opaque-data=here",
            "Digest a",
            "Digest =1",
            "Digest a=\"open",
            "Digest a=\"open\\",
            "Digest a=\"1\" b=2",
            "Digest a=1, A=2",
            "Digest a=x\"y\"",
            "Digest a=\"x\u{2}\"",
        ] {
            assert!(Parameters::parse(text).is_none(), "{text}");
        }
        let many: Vec<String> = (0..33).map(|n| format!("p{n}=1")).collect();
        assert!(Parameters::parse(&format!("Digest {}", many.join(","))).is_none());
        assert!(Parameters::parse(&format!("Digest a=\"{}\"", "x".repeat(5000))).is_none());
    }

    proptest! {
        #[test]
        fn a_quoted_value_comes_back_as_it_went_and_never_ends_its_header(text in "\\PC{0,60}", tail in "[\r\n\"\\\\,=]{0,8}") {
            let whole = format!("{text}{tail}");
            let shown = Quoted(&whole).to_string();
            prop_assert!(!shown.contains(['\r', '\n']));
            let read = Parameters::parse(&format!("Digest a={shown}, b=2")).unwrap();
            let kept: String = whole.chars().filter(|character| !character.is_control()).collect();
            prop_assert_eq!(read.get("a"), Some(kept.as_str()));
            prop_assert_eq!(read.get("b"), Some("2"));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(Digest )?[a-c=\", \\\\\r\n\t\u{3042}]{0,40}") {
            if let Some(read) = Parameters::parse(&text) {
                prop_assert!(read.0.len() <= MAX_PARAMETERS);
            }
        }
    }
}
