//! Addresses in From, To, Contact, Route and their kin (RFC 3261 section 20.10).

use std::fmt;
use std::str::FromStr;

use super::fault::Fault;
use super::method::is_token;
use super::params::Params;
use super::uri::RequestUri;

/// A display name, a URI and header parameters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NameAddr {
    /// The display name, unquoted.
    pub display: Option<String>,
    /// The URI.
    pub uri: RequestUri,
    /// The parameters after it: `tag`, `expires`, `q` …
    pub params: Params,
}

impl NameAddr {
    /// An address without display name or parameters.
    pub fn new(uri: impl Into<RequestUri>) -> Self {
        Self { display: None, uri: uri.into(), params: Params::default() }
    }

    /// The dialog tag.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag")
    }

    /// A header parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name)
    }
}

impl FromStr for NameAddr {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let bad = Fault::Bad("address");
        let text = text.trim();
        let (display, rest) = match text.strip_prefix('"') {
            Some(quoted) => {
                let (display, rest) = unquote(quoted).ok_or(bad.clone())?;
                (Some(display), rest.trim_start())
            }
            None => (None, text),
        };
        let Some((before, after)) = rest.split_once('<') else {
            // A bare URI: what follows `;` belongs to the header, and a `?` or `,` may not stand in it (section 20).
            let (uri, params) = rest.find(';').map_or((rest, ""), |at| rest.split_at(at));
            let uri = uri.trim();
            if display.is_some() || uri.contains(['?', ',', ' ', '\t']) {
                return Err(bad);
            }
            return Ok(Self { display: None, uri: uri.parse()?, params: Params::of_header(params).ok_or(bad)? });
        };
        let before = before.trim();
        let display = match (display, before) {
            (Some(_), before) if !before.is_empty() => return Err(bad),
            (Some(display), _) => Some(display),
            (None, "") => None,
            (None, words) if words.split_ascii_whitespace().all(is_word) => Some(words.to_owned()),
            (None, _) => return Err(bad),
        };
        let (uri, params) = after.split_once('>').ok_or(bad.clone())?;
        Ok(Self { display, uri: uri.trim().parse()?, params: Params::of_header(params).ok_or(bad)? })
    }
}

/// Unquoted display names are tokens; letters beyond ASCII are let pass, phones write them.
fn is_word(word: &str) -> bool {
    let ascii: String = word.chars().filter(char::is_ascii).collect();
    ascii.is_empty() || is_token(&ascii)
}

/// Reads up to the closing quote; the rest follows.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut display = String::new();
    let mut characters = text.char_indices();
    while let Some((index, c)) = characters.next() {
        match c {
            '"' => return Some((display, text.get(index + 1..)?)),
            '\\' => display.push(characters.next()?.1),
            c => display.push(c),
        }
    }
    None
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(display) = &self.display {
            f.write_str("\"")?;
            for c in display.chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    '\r' | '\n' => f.write_str(" ")?,
                    c => write!(f, "{c}")?,
                }
            }
            f.write_str("\" ")?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_phones_write_are_read() {
        for (text, written) in [
            ("caller<sip:caller@example.com>;tag=323", "\"caller\" <sip:caller@example.com>;tag=323"),
            ("sip:a@b.c ;   tag    = 19", "<sip:a@b.c>;tag=19"),
            ("\"J \\\"R\\\"\" <sip:j@b.c> ; q = 0.3", "\"J \\\"R\\\"\" <sip:j@b.c>;q=0.3"),
            ("<sip:a@b.c;lr>;+sip.instance=\"<urn:uuid:1>\"", "<sip:a@b.c;lr>;+sip.instance=\"<urn:uuid:1>\""),
            ("佐藤 <sip:a@b.c>", "\"佐藤\" <sip:a@b.c>"),
        ] {
            assert_eq!(text.parse::<NameAddr>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn faulty_forms_are_refused() {
        for text in [
            "\"Mr J. User <sip:j@b.c>",
            "sip:u@b.c?Route=%3Csip:b.c%3E",
            "<sip:a@b.c",
            "<sip:a@b.c>;;x",
            "<sip:a@b.c>;tag=",
            "",
        ] {
            assert!(text.parse::<NameAddr>().is_err(), "{text}");
        }
    }
}
