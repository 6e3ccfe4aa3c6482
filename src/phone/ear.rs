//! Listens to a call: runs the recogniser beside the call's packets and tells what was heard, a row of prompts at a time.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::agent::Agent;
use super::call::CallView;
use super::event::PhoneEvent;
use super::recogniser::{HeardPrompt, Recogniser};

/// Silence after which a row of prompts is over, in milliseconds of audio.
const ROW_ENDS: u64 = 400;
/// How much later than its begin a prompt may be recognised, milliseconds.
const LATEST: u64 = 2_000;
/// Prompts in one row at the most.
const LONGEST_ROW: usize = 64;
/// Prompts kept of one call.
const MOST_HEARD: usize = 1_000;
/// Pieces of sound waiting: 5 s. More are dropped, as words said to somebody who isn't listening.
const BACKLOG: usize = 250;

/// What an ear is given.
pub enum Sound {
    /// The next samples, 8 kHz.
    Samples(Vec<i16>),
    /// A key was pressed or the call ended: what was heard up to here is told now, then the sender is answered.
    Interrupted(Option<oneshot::Sender<()>>),
}

/// Begins to listen; ends when the sender is dropped.
pub fn listen(agent: Arc<Agent>, view: Arc<watch::Sender<CallView>>) -> mpsc::Sender<Sound> {
    let (sender, sounds) = mpsc::channel(BACKLOG);
    agent.tasks.clone().spawn(run(agent, view, sounds));
    sender
}

async fn run(agent: Arc<Agent>, view: Arc<watch::Sender<CallView>>, mut sounds: mpsc::Receiver<Sound>) {
    let mut recogniser = agent.options.prints.clone().map(Recogniser::new);
    let (mut row, mut samples_heard) = (Row::default(), 0u64);
    while let Some(sound) = sounds.recv().await {
        match sound {
            Sound::Samples(samples) => {
                samples_heard += samples.len() as u64;
                for prompt in recogniser.as_mut().map(|ear| ear.listen(&samples)).unwrap_or_default() {
                    let told = row.take(&prompt);
                    view.send_modify(|view| {
                        if view.heard.len() < MOST_HEARD {
                            view.heard.push(prompt);
                        }
                    });
                    told.into_iter().for_each(|event| agent.tell(event));
                }
                row.passed(samples_heard / 8).into_iter().for_each(|event| agent.tell(event));
            }
            Sound::Interrupted(answer) => {
                row.end().into_iter().for_each(|event| agent.tell(event));
                if let Some(answer) = answer {
                    let _ = answer.send(());
                }
            }
        }
    }
    row.end().into_iter().for_each(|event| agent.tell(event));
}

/// Prompts that followed each other without a silence.
#[derive(Default)]
struct Row {
    prompts: Vec<String>,
    language: String,
    ends_at: u64,
}

impl Row {
    /// Adds a prompt; gives the row before it, if it doesn't belong to it.
    fn take(&mut self, prompt: &HeardPrompt) -> Option<PhoneEvent> {
        let language = prompt.language.to_string();
        let apart = prompt.at_ms > self.ends_at + ROW_ENDS || language != self.language;
        let before = if apart || self.prompts.len() >= LONGEST_ROW { self.end() } else { None };
        self.prompts.push(prompt.id.to_string());
        self.language = language;
        self.ends_at = prompt.at_ms + prompt.length_ms;
        before
    }

    /// So much audio has passed; gives the row, if nothing can follow in it.
    fn passed(&mut self, at_ms: u64) -> Option<PhoneEvent> {
        if at_ms > self.ends_at + ROW_ENDS + LATEST { self.end() } else { None }
    }

    /// Ends the row.
    fn end(&mut self) -> Option<PhoneEvent> {
        let prompts = std::mem::take(&mut self.prompts);
        (!prompts.is_empty()).then(|| PhoneEvent::Heard { prompts, language: self.language.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocab::Language;

    fn prompt(id: &str, language: Language, at_ms: u64) -> HeardPrompt {
        HeardPrompt { language, id: id.parse().unwrap(), at_ms, length_ms: 1000 }
    }

    fn heard(ids: &[&str], language: &str) -> Option<PhoneEvent> {
        Some(PhoneEvent::Heard {
            prompts: ids.iter().map(|id| id.to_string()).collect(),
            language: language.to_owned(),
        })
    }

    #[test]
    fn prompts_that_follow_each_other_are_one_row() {
        let mut row = Row::default();
        assert_eq!(row.take(&prompt("a", Language::ENGLISH, 0)), None);
        assert_eq!(row.take(&prompt("b", Language::ENGLISH, 1000)), None);
        assert_eq!(row.take(&prompt("c", Language::ENGLISH, 3000)), heard(&["a", "b"], "en"));
        assert_eq!(row.take(&prompt("d", Language::JAPANESE, 4000)), heard(&["c"], "en"));
        assert_eq!(row.passed(6000), None);
        assert_eq!(row.passed(7500), heard(&["d"], "ja"));
        assert_eq!(row.passed(9000), None);
    }
}
