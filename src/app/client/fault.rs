//! Why a command did not do what it was told: the exit status programs look at, and the words for people.

use std::io::Write;
use std::process::ExitCode;

use serde_json::{Value, json};

use super::exchange::Answer;
use super::members::Members;
use crate::locale::{self, Words};

/// A message of `locales/` and what is put into it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    id: &'static str,
    arguments: Vec<(&'static str, String)>,
}

impl Said {
    /// The message `id` with these arguments.
    pub fn new(id: &'static str, arguments: &[(&'static str, &str)]) -> Self {
        Self { id, arguments: arguments.iter().map(|(name, value)| (*name, (*value).to_owned())).collect() }
    }

    /// In words.
    pub fn in_words(&self, words: &Words) -> String {
        let arguments: Vec<(&str, locale::Value<'_>)> =
            self.arguments.iter().map(|(name, value)| (*name, locale::Value::Text(value))).collect();
        words.say(self.id, &arguments)
    }

    /// What to do about it, in words, if there are any: the message of the same name with `-remedy`.
    pub fn remedy_in_words(&self, words: &Words) -> Option<String> {
        let arguments: Vec<(&str, locale::Value<'_>)> =
            self.arguments.iter().map(|(name, value)| (*name, locale::Value::Text(value))).collect();
        words.find(&format!("{}-remedy", self.id), &arguments)
    }
}

/// Why a command did not do what it was told.
#[derive(Clone, PartialEq, Debug)]
pub enum CommandFault {
    /// What was asked for can't be asked so. Exit status 2.
    Usage(Said),
    /// Nobody answers. Exit status 3.
    Unreachable(Said),
    /// The server refuses: its problem (RFC 9457), with the status. Exit status 4 for 401 and 403, else 1.
    Refused(u16, Value),
    /// It was done, and what came of it is not well. Exit status 1.
    Failed(Said),
}

impl CommandFault {
    /// A mistake in how the command was called.
    pub fn usage(id: &'static str, arguments: &[(&'static str, &str)]) -> Self {
        Self::Usage(Said::new(id, arguments))
    }

    /// What a refusal says; an answer that is no problem shows its status only.
    pub fn refused(answer: &Answer) -> Self {
        Self::Refused(answer.status, answer.json().unwrap_or(Value::Null))
    }

    /// The exit status.
    pub fn status(&self) -> u8 {
        match self {
            Self::Refused(401 | 403, _) => 4,
            Self::Refused(..) | Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }

    /// In words: what is wrong, where, and what to do.
    pub fn in_words(&self, words: &Words) -> String {
        match self {
            Self::Usage(said) | Self::Unreachable(said) | Self::Failed(said) => said.in_words(words),
            Self::Refused(status, problem) => {
                let text = |member: &str| problem.at(member).as_str().unwrap_or_default();
                let status = status.to_string();
                let mut lines = match text("title") {
                    "" => Said::new("command-refused", &[("status", &status)]).in_words(words),
                    title => Said::new("command-problem", &[("status", &status), ("title", title)]).in_words(words),
                };
                if !text("field").is_empty() {
                    lines.push_str("\n  ");
                    lines.push_str(&Said::new("command-problem-field", &[("field", text("field"))]).in_words(words));
                }
                if !text("detail").is_empty() {
                    lines.push_str("\n  ");
                    lines.push_str(text("detail"));
                }
                lines
            }
        }
    }

    /// Writes it to standard error and gives the exit status.
    pub fn tell(&self, words: &Words, is_json: bool) -> ExitCode {
        let mut err = std::io::stderr().lock();
        let _ = match (is_json, self) {
            (true, Self::Refused(_, problem)) if problem.is_object() => writeln!(err, "{problem}"),
            (true, _) => writeln!(err, "{}", json!({ "detail": self.in_words(words) })),
            (false, _) => writeln!(err, "tsunagu: {}", self.in_words(words)),
        };
        ExitCode::from(self.status())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::locale::Locales;
    use crate::vocab::Language;

    #[test]
    fn an_exit_status_says_what_kind_of_fault_it_is() {
        let said = Said::new("command-token", &[]);
        let faults = [
            CommandFault::Refused(422, Value::Null),
            CommandFault::Usage(said.clone()),
            CommandFault::Unreachable(said.clone()),
            CommandFault::Refused(401, Value::Null),
            CommandFault::Refused(403, Value::Null),
        ];
        assert_eq!(faults.map(|fault| fault.status()), [1, 2, 3, 4, 4]);
    }

    #[test]
    fn a_problem_is_told_with_its_field_and_remedy() {
        let problem = json!({ "title": "Not acceptable", "field": "pin", "detail": "Take other digits." });
        let words = Locales::embedded().unwrap().words(&Language::ENGLISH);
        let told = CommandFault::Refused(422, problem).in_words(&words);
        assert_eq!(told, "Not acceptable (422)\n  Field: pin\n  Take other digits.");
    }
}
