//! What was found, and how it is told: to people as it comes, to programs at the end.

use serde_json::{Value, json};

use crate::app::client::Said;
use crate::app::output;
use crate::locale::Words;

/// How something was found to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// As it should be.
    Well,
    /// There is something to mend.
    Mend,
    /// It was not looked at, or does not apply.
    Skipped,
}

/// Everything that was found.
pub struct Report {
    words: Words,
    is_json: bool,
    findings: Vec<Value>,
    to_mend: usize,
}

impl Report {
    /// An empty one.
    pub fn new(words: Words, is_json: bool) -> Self {
        Self { words, is_json, findings: Vec::new(), to_mend: 0 }
    }

    /// The words it is told in.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// As it should be.
    pub fn well(&mut self, id: &'static str, arguments: &[(&'static str, &str)]) {
        self.note(State::Well, id, arguments);
    }

    /// Something to mend: `id` says what is wrong, `id` with `-remedy` what to do.
    pub fn mend(&mut self, id: &'static str, arguments: &[(&'static str, &str)]) {
        self.note(State::Mend, id, arguments);
    }

    /// Not looked at.
    pub fn skip(&mut self, id: &'static str, arguments: &[(&'static str, &str)]) {
        self.note(State::Skipped, id, arguments);
    }

    fn note(&mut self, state: State, id: &'static str, arguments: &[(&'static str, &str)]) {
        let said = Said::new(id, arguments);
        let (text, remedy) = (said.in_words(&self.words), said.remedy_in_words(&self.words));
        let (name, sign) = match state {
            State::Well => ("well", "✓"),
            State::Mend => ("mend", "✗"),
            State::Skipped => ("skipped", "–"),
        };
        if !self.is_json {
            output::line(&format!("{sign} {text}"));
            if let Some(remedy) = &remedy {
                output::line(&format!("    → {remedy}"));
            }
        }
        self.to_mend += usize::from(state == State::Mend);
        let check = id.strip_prefix("doctor-").unwrap_or(id);
        self.findings.push(json!({ "check": check, "state": name, "text": text, "remedy": remedy }));
    }

    /// Tells the end of it; true if all is well.
    pub fn conclude(self) -> bool {
        let is_well = self.to_mend == 0;
        if self.is_json {
            output::line(&json!({ "well": is_well, "findings": self.findings }).to_string());
        } else {
            let id = if is_well { "doctor-all-well" } else { "doctor-to-mend" };
            let count = self.to_mend.to_string();
            output::line(&format!("\n{}", Said::new(id, &[("count", &count)]).in_words(&self.words)));
        }
        is_well
    }
}
