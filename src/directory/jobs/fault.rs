//! What is wrong with a request or a row, as data: what the words of any language are made from.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::directory::DirectoryError;

/// What is wrong: a code, which words are found by, and what they need.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fault {
    /// Names it.
    pub code: Cow<'static, str>,
    /// The field that is wrong, as the API names it.
    pub field: Option<String>,
    /// In English: what is wrong, and what to do.
    pub detail: String,
    /// What the words of other languages need.
    pub arguments: Vec<(Cow<'static, str>, String)>,
}

impl Fault {
    /// A fault of a field.
    pub fn new(code: &'static str, field: Option<&str>, detail: impl Into<String>) -> Self {
        let field = field.map(str::to_owned);
        Self { code: code.into(), field, detail: detail.into(), arguments: Vec::new() }
    }

    /// With what the words of other languages need.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.arguments.push((name.into(), value.into()));
        self
    }

    /// What is wrong with what was given; `None` if it is not what was given that is at fault.
    pub fn of(error: &DirectoryError) -> Option<Self> {
        let detail = error.to_string();
        Some(match error {
            DirectoryError::Taken { field, value } => {
                Self::new("taken", Some(field), detail).with("value", value.clone())
            }
            DirectoryError::Refused { field, code, fault, .. } => {
                Self::new(code, Some(field), detail).with("fault", fault.clone())
            }
            DirectoryError::NotFound { what } => Self::new("not-found", None, detail).with("what", *what),
            DirectoryError::Outdated { what } => Self::new("outdated", None, detail).with("what", *what),
            DirectoryError::InUse { what, by, names } => {
                Self::new("in-use", None, detail).with("what", *what).with("by", *by).with("names", names.join(", "))
            }
            DirectoryError::Listing(_)
            | DirectoryError::Db(_)
            | DirectoryError::OtherKey
            | DirectoryError::Unreadable { .. } => return None,
        })
    }
}

/// A fault of a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowFault {
    /// The line of the file the row begins on, from 1.
    pub line: u64,
    /// The column, from 1; none where it is the row as a whole, or a field that has no column.
    pub column: Option<u64>,
    /// What is wrong.
    pub fault: Fault,
}
