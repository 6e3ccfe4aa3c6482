//! `;name=value` parameters of headers and URIs.

use std::fmt;

use super::method::is_token;

/// The most parameters there may be of one thing: each is compared with all others.
const MOST: usize = 64;

/// Parameters in their order. Names compare without case.
#[derive(Clone, PartialEq, Eq, Hash, Default, Debug)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    /// Reads header parameters, 64 at most, `text` starting at the first `;` (or empty). Quoted values keep their quotes.
    pub(super) fn of_header(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Some(Self::default());
        }
        let pieces = split_outside_quotes(text, ';')?;
        if pieces.len() > MOST + 1 {
            return None;
        }
        let mut params = Vec::new();
        for piece in pieces.into_iter().enumerate() {
            match piece {
                (0, before) if before.trim().is_empty() => {}
                (0, _) => return None,
                (_, piece) => params.push(header_param(piece)?),
            }
        }
        Some(Self(params))
    }

    /// Reads URI parameters, 64 at most: no quoting, no white space; an empty one is overlooked. A name may stand only once (section 19.1.1).
    pub(super) fn of_uri(text: &str) -> Option<Self> {
        let mut params = Self::default();
        for piece in text.split(';').filter(|piece| !piece.is_empty()) {
            let (name, value) = match piece.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (piece, None),
            };
            if params.0.len() >= MOST || params.contains(name) {
                return None;
            }
            params.0.push((name.to_owned(), value));
        }
        Some(params)
    }

    /// The value of a parameter; `Some("")` for one without a value. Quotes are taken off.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        let value = value.as_deref().unwrap_or("");
        Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
    }

    /// True if it is there, with a value or without.
    pub fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
    }

    /// Sets a parameter, in its old place if it has one.
    pub fn set(&mut self, name: &str, value: Option<String>) {
        match self.0.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes a parameter away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// True if a name stands more than once, which no header may have (RFC 3261 section 7.3.1).
    pub(super) fn repeat_any(&self) -> bool {
        let is_known = |(at, (name, _)): (usize, &(String, _))| {
            self.0.iter().take(at).any(|(known, _): &(String, Option<String>)| known.eq_ignore_ascii_case(name))
        };
        self.0.iter().enumerate().any(is_known)
    }

    /// Names and raw values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }
}

fn header_param(piece: &str) -> Option<(String, Option<String>)> {
    let (name, value) = match piece.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (piece.trim(), None),
    };
    if !is_token(name) {
        return None;
    }
    match value {
        Some("") => None,
        Some(value) if value.starts_with('"') => {
            (value.len() > 1 && value.ends_with('"')).then(|| (name.to_owned(), Some(value.to_owned())))
        }
        Some(value) if value.contains(['"', ' ', '\t', '<', '>']) => None,
        value => Some((name.to_owned(), value.map(str::to_owned))),
    }
}

/// Splits at `separator` outside quoted strings; `None` if a quote is left open.
pub(super) fn split_outside_quotes(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut pieces = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            c if c == separator && !is_quoted => {
                pieces.push(text.get(start..index)?);
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.push(text.get(start..)?);
    (!is_quoted).then_some(pieces)
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_parameters_and_no_more() {
        let of = |count: usize| (0..count).map(|turn| format!(";p{turn}=1")).collect::<String>();
        assert_eq!(Params::of_header(&of(MOST)), Params::of_uri(&of(MOST)));
        assert!(Params::of_uri(&of(MOST)).is_some());
        assert!(Params::of_header(&of(MOST + 1)).is_none() && Params::of_uri(&of(MOST + 1)).is_none());
    }
}
