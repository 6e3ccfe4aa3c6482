//! How callers get on with each question: how long they hear it, when they press the first key, how fast the others, and how
//! often it has to be asked. It must not know what is pressed, nor what an answer was worth.

use std::time::Instant;

use crate::ivr::{Input, Output, PlayTag};

/// The question a conversation is at, as figures name it; none between questions.
pub(super) type Place = Option<&'static str>;

/// What is to be counted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Observation {
    /// A question was asked: the first time in this call, after silence, or again.
    Asked { question: &'static str, why: &'static str },
    /// The first key, so many seconds after the question began to be asked.
    FirstDigit { question: &'static str, seconds: f64 },
    /// A further key, so many seconds after the one before.
    NextDigit { question: &'static str, seconds: f64 },
    /// A question was heard for so many seconds: to its end, or until a key.
    Heard { question: &'static str, seconds: f64, how: &'static str },
}

/// One conversation's timings.
#[derive(Debug, Default)]
pub(super) struct Timings {
    /// Questions asked before.
    asked: Vec<&'static str>,
    /// When the question began to be asked that is answered now.
    asked_at: Option<Instant>,
    /// The last key of its answer.
    last_digit: Option<Instant>,
    /// The question being played.
    playing: Option<(PlayTag, &'static str, Instant)>,
}

/// What happened to a conversation, as far as timings go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cause {
    /// A key.
    Digit,
    /// This playing has ended.
    PromptDone(PlayTag),
    /// Time.
    Elapsed,
    /// Anything else.
    Other,
}

impl From<&Input> for Cause {
    fn from(input: &Input) -> Self {
        match input {
            Input::Digit(_) => Self::Digit,
            Input::PromptDone { tag } => Self::PromptDone(*tag),
            Input::Elapsed => Self::Elapsed,
            _ => Self::Other,
        }
    }
}

impl Timings {
    /// Takes what happened, where the conversation was before and is after it, and what came out of it.
    pub(super) fn observe(
        &mut self,
        now: Instant,
        cause: Cause,
        before: Place,
        after: Place,
        outputs: &[Output],
    ) -> Vec<Observation> {
        let mut seen = Vec::new();
        if let (Cause::Digit, Some(question)) = (cause, before) {
            let since = |then: Instant| now.saturating_duration_since(then).as_secs_f64();
            match (self.last_digit, self.asked_at) {
                (Some(last), _) => seen.push(Observation::NextDigit { question, seconds: since(last) }),
                (None, Some(asked)) => seen.push(Observation::FirstDigit { question, seconds: since(asked) }),
                (None, None) => {}
            }
            self.last_digit = Some(now);
        }
        if let (Cause::PromptDone(tag), Some((playing, ..))) = (cause, self.playing)
            && tag == playing
        {
            seen.extend(self.heard(now, "whole"));
        }
        for output in outputs {
            match output {
                Output::StopPlaying => seen.extend(self.cut_short(now, cause)),
                Output::Play { tag, .. } => {
                    seen.extend(self.cut_short(now, cause));
                    if let Some(question) = after {
                        seen.push(Observation::Asked { question, why: self.why(question, cause) });
                        self.playing = Some((*tag, question, now));
                        self.asked_at = Some(now);
                        self.last_digit = None;
                    }
                }
                Output::Ask(_) | Output::HangUp(_) => {}
            }
        }
        if before != after && self.playing.is_none_or(|(_, question, _)| Some(question) != after) {
            self.last_digit = None;
            self.asked_at = after.map(|_| now);
        }
        seen
    }

    /// Only a key says that somebody had heard enough.
    fn cut_short(&mut self, now: Instant, cause: Cause) -> Option<Observation> {
        match cause {
            Cause::Digit => self.heard(now, "interrupted"),
            _ => {
                self.playing = None;
                None
            }
        }
    }

    fn heard(&mut self, now: Instant, how: &'static str) -> Option<Observation> {
        let (_, question, since) = self.playing.take()?;
        Some(Observation::Heard { question, seconds: now.saturating_duration_since(since).as_secs_f64(), how })
    }

    fn why(&mut self, question: &'static str, cause: Cause) -> &'static str {
        if !self.asked.contains(&question) {
            self.asked.push(question);
            return "first";
        }
        if cause == Cause::Elapsed { "silence" } else { "again" }
    }
}

impl Observation {
    /// Counts it.
    pub(super) fn count(self, language: &str) {
        let language = language.to_owned();
        match self {
            Self::Asked { question, why } => {
                metrics::counter!("ivr_questions_total", "question" => question, "language" => language, "why" => why)
                    .increment(1);
            }
            Self::FirstDigit { question, seconds } => {
                metrics::histogram!("ivr_first_digit_seconds", "question" => question, "language" => language)
                    .record(seconds);
            }
            Self::NextDigit { question, seconds } => {
                metrics::histogram!("ivr_between_digits_seconds", "question" => question, "language" => language)
                    .record(seconds);
            }
            Self::Heard { question, seconds, how } => {
                metrics::histogram!("ivr_prompt_heard_seconds", "question" => question, "language" => language, "how" => how)
                    .record(seconds);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::ivr::{Dialogue, DialogueDraft, DialogueSettings, Key, Verdict};
    use crate::vocab::Language;

    struct Conversation {
        dialogue: Dialogue,
        timings: Timings,
        start: Instant,
        tag: Option<PlayTag>,
    }

    impl Conversation {
        fn new() -> Self {
            let draft = DialogueDraft { languages: vec![Language::ENGLISH], ..DialogueDraft::default() };
            let start = Instant::now();
            let dialogue = Dialogue::new(DialogueSettings::try_from(draft).unwrap(), start);
            let mut this = Self { dialogue, timings: Timings::default(), start, tag: None };
            this.at(0, Input::Answered);
            this
        }

        /// What is observed when this happens so many tenths of a second after the start.
        fn at(&mut self, tenths: u64, input: Input) -> Vec<Observation> {
            let now = self.start + Duration::from_millis(tenths * 100);
            let (cause, before) = (Cause::from(&input), self.dialogue.question());
            let outputs = self.dialogue.handle(now, input);
            for output in &outputs {
                if let Output::Play { tag, .. } = output {
                    self.tag = Some(*tag);
                }
            }
            self.timings.observe(now, cause, before, self.dialogue.question(), &outputs)
        }

        fn key(&mut self, tenths: u64, key: char) -> Vec<Observation> {
            self.at(tenths, Input::Digit(Key::try_from(key).unwrap()))
        }

        fn heard_out(&mut self, tenths: u64) -> Vec<Observation> {
            let tag = self.tag.unwrap();
            self.at(tenths, Input::PromptDone { tag })
        }
    }

    #[test]
    fn a_question_is_asked_heard_and_answered_key_by_key() {
        let mut call = Conversation::new();
        let question = "id";
        assert_eq!(call.at(0, Input::Verdict(Verdict::Proceed)), [Observation::Asked { question, why: "first" }]);
        assert_eq!(call.heard_out(30), [Observation::Heard { question, seconds: 3.0, how: "whole" }]);
        assert_eq!(call.key(50, '1'), [Observation::FirstDigit { question, seconds: 5.0 }]);
        assert_eq!(call.key(55, '2'), [Observation::NextDigit { question, seconds: 0.5 }]);
        let [next, asked] = call.key(65, '#')[..] else { panic!() };
        assert_eq!(next, Observation::NextDigit { question, seconds: 1.0 });
        assert_eq!(asked, Observation::Asked { question: "confirmation", why: "first" });
    }

    #[test]
    fn a_key_cuts_a_question_short_and_silence_has_it_asked_anew() {
        let mut call = Conversation::new();
        call.at(0, Input::Verdict(Verdict::Proceed));
        let question = "id";
        let cut = Observation::Heard { question, seconds: 1.0, how: "interrupted" };
        assert_eq!(call.key(10, '1'), [Observation::FirstDigit { question, seconds: 1.0 }, cut]);
        // A star begins the entry again.
        let [_, again] = call.key(20, '*')[..] else { panic!() };
        assert_eq!(again, Observation::Asked { question, why: "again" });
        call.heard_out(50);
        let due = call.dialogue.deadline().unwrap();
        let tenths = u64::try_from(due.duration_since(call.start).as_millis()).unwrap() / 100;
        assert_eq!(call.at(tenths, Input::Elapsed), [Observation::Asked { question, why: "silence" }]);
    }
}
