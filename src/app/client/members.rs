//! Members of JSON that may not be there: what isn't is null.

use serde_json::Value;
use serde_json::value::Index;

static NULL: Value = Value::Null;

/// JSON from outside, looked into without surprises.
pub trait Members {
    /// The member of an object or the element of a list; null if there is none.
    fn at<I: Index>(&self, index: I) -> &Value;
}

impl Members for Value {
    fn at<I: Index>(&self, index: I) -> &Value {
        self.get(index).unwrap_or(&NULL)
    }
}
