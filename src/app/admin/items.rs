//! What stands on the command line after a verb: fields, parameters, and where secrets are read from. Pure.

use std::path::PathBuf;

use serde_json::Value;

/// One of the things given.
#[derive(Clone, PartialEq, Debug)]
pub enum Item {
    /// `name=text`
    Text(String, String),
    /// `name:=json`
    Json(String, Value),
    /// `name=@file`, `name=@-`: what is in the file, or comes on standard input.
    From(String, Source),
    /// `name==text`: a parameter of the query.
    Query(String, String),
    /// `@file` or `-`: the whole body.
    Body(Source),
}

/// Where something is read from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// Standard input.
    Input,
    /// A file.
    File(PathBuf),
}

/// What was given is none of these.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ItemError {
    /// There is no `=` in it.
    #[error("no assignment")]
    NoAssignment,
    /// What stands after `:=` is not JSON.
    #[error("{0}")]
    NotJson(String),
}

impl Item {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, ItemError> {
        let Some((left, right)) = text.split_once('=').filter(|(left, _)| !left.is_empty()) else {
            return match text.strip_prefix('@') {
                Some(file) if !file.is_empty() => Ok(Self::Body(Source::named(file))),
                _ if text == "-" => Ok(Self::Body(Source::Input)),
                _ => Err(ItemError::NoAssignment),
            };
        };
        if let Some(name) = left.strip_suffix(':') {
            let value = serde_json::from_str(right).map_err(|error| ItemError::NotJson(error.to_string()))?;
            return Ok(Self::Json(name.to_owned(), value));
        }
        let name = left.to_owned();
        Ok(match (right.strip_prefix('='), right.strip_prefix('@')) {
            (Some(value), _) => Self::Query(name, value.to_owned()),
            (_, Some(file)) => Self::From(name, Source::named(file)),
            _ => Self::Text(name, right.to_owned()),
        })
    }
}

impl Source {
    fn named(file: &str) -> Self {
        if file == "-" { Self::Input } else { Self::File(PathBuf::from(file)) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_sign_says_what_the_value_is() {
        let read = |text: &str| Item::parse(text).unwrap();
        let (text, file) = (str::to_owned, |name: &str| Source::File(PathBuf::from(name)));
        assert_eq!(read("name=Hanako = Sato"), Item::Text(text("name"), text("Hanako = Sato")));
        assert_eq!(read("limit:=3"), Item::Json(text("limit"), json!(3)));
        assert_eq!(read("name:=\"@home\""), Item::Json(text("name"), json!("@home")));
        assert_eq!(read("pin=@secret"), Item::From(text("pin"), file("secret")));
        assert_eq!(read("pin=@-"), Item::From(text("pin"), Source::Input));
        assert_eq!(read("apply==later"), Item::Query(text("apply"), text("later")));
        assert_eq!(read("empty="), Item::Text(text("empty"), String::new()));
        assert_eq!((read("-"), read("@all.json")), (Item::Body(Source::Input), Item::Body(file("all.json"))));
    }

    #[test]
    fn what_is_no_assignment_is_refused() {
        for text in ["sato", "", "=x", "@"] {
            assert_eq!(Item::parse(text), Err(ItemError::NoAssignment), "{text}");
        }
        assert!(matches!(Item::parse("a:={"), Err(ItemError::NotJson(_))));
    }
}
