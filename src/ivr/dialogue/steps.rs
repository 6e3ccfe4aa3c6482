//! The steps of a conversation: from question to question, to the claim, and out.
//!
//! It must not know what made a step due: a key, silence or a verdict.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::speech::MENU;
use super::stage::{Claim, Claimant, Stage};
use super::{Dialogue, wording};
use crate::ivr::entry::{Entered, Entry};
use crate::ivr::{Authentication, DialogueEnding, Output, Question, Sentence, Verdict};
use crate::vocab::{Language, Secret, SelfServiceId};

/// How long a farewell may take, for each language it is said in, before the call is ended under it.
const FAREWELL: Duration = Duration::from_secs(60);

impl Dialogue {
    pub(super) fn welcome(&mut self, language: Option<Language>) {
        self.language = language;
        self.identify(Some(Sentence::Welcome));
    }

    /// Asks for the ID, after something else if there is something to say first.
    pub(super) fn identify(&mut self, first: Option<Sentence>) {
        self.silences = 0;
        self.stage = Stage::Identifying(Entry::new(self.settings.id_digits));
        self.ask_after(first);
    }

    pub(super) fn authenticate(&mut self, id: SelfServiceId) {
        if self.settings.authentication == Authentication::None {
            return self.claim(Claimant { id, credential: None }, None);
        }
        self.silences = 0;
        self.stage = Stage::Authenticating { id, entry: Entry::new(self.settings.credential_digits) };
        self.ask_after(None);
    }

    pub(super) fn entered(&mut self, entered: Entered) {
        match (entered, std::mem::replace(&mut self.stage, Stage::Over)) {
            (Entered::Digits(digits), Stage::Identifying(entry)) => match digits.parse() {
                Ok(id) => {
                    self.silences = 0;
                    self.stage = Stage::Confirming(id);
                    self.ask_after(None);
                }
                Err(_) => {
                    self.stage = Stage::Identifying(entry);
                    self.ask_after(Some(Sentence::EntryTooLong));
                }
            },
            (Entered::Digits(digits), Stage::Authenticating { id, .. }) => {
                // Copied at its exact length; the entry's own is wiped when it drops.
                let credential = Some(Secret::from(String::from(digits.as_str())));
                self.claim(Claimant { id, credential }, None);
            }
            (Entered::Digits(digits), Stage::ChoosingPin { claimant, .. }) => {
                let chosen = Secret::from(String::from(digits.as_str()));
                self.silences = 0;
                self.stage =
                    Stage::RepeatingPin { claimant, chosen, entry: Entry::new(self.settings.credential_digits) };
                self.ask_after(None);
            }
            (Entered::Digits(digits), Stage::RepeatingPin { claimant, chosen, .. }) => {
                match *chosen.expose_secret() == **digits {
                    true => self.claim(claimant, Some(chosen)),
                    false => self.choose_pin(claimant, Some(Sentence::NewPinsDiffer)),
                }
            }
            (Entered::TooLong, stage) => {
                self.stage = stage;
                self.ask_after(Some(Sentence::EntryTooLong));
            }
            (Entered::Nothing | Entered::Digits(_), stage) => {
                self.stage = stage;
                self.silent();
            }
        }
    }

    /// Asks for a new PIN, after something else if there is something to say first.
    fn choose_pin(&mut self, claimant: Claimant, first: Option<Sentence>) {
        self.silences = 0;
        self.stage = Stage::ChoosingPin { claimant, entry: Entry::new(self.settings.credential_digits) };
        self.ask_after(first);
    }

    /// The caller wants to enter it anew. Who mistyped a new PIN the first time can only put that right from the start.
    pub(super) fn enter_again(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::RepeatingPin { claimant, .. } => self.choose_pin(claimant, None),
            stage => {
                self.stage = stage;
                self.ask_after(None);
            }
        }
    }

    fn claim(&mut self, claimant: Claimant, new_pin: Option<Secret>) {
        self.hush();
        self.ahead.clear();
        let answer_by = self.now + self.settings.answer_within;
        self.timer = Some(answer_by.min(self.now + self.settings.say_checking_after));
        let Claimant { id, credential } = claimant.clone();
        self.stage = Stage::Checking(Claim { claimant, changes_pin: new_pin.is_some(), answer_by, held: None });
        self.out.push(Output::Ask(Question::Claim { id, credential, new_pin }));
    }

    pub(super) fn conclude(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Bound { extension, next } => {
                let changed = matches!(&self.stage, Stage::Checking(claim) if claim.changes_pin);
                let first = changed.then_some(Sentence::NewPinSet);
                self.leave_saying(
                    DialogueEnding::Bound,
                    first.into_iter().chain([Sentence::Bound { extension, next }]),
                );
            }
            Verdict::NewPin(_) if self.closing => self.leave(DialogueEnding::ServiceClosed),
            Verdict::NewPin(reason) => {
                if let Stage::Checking(claim) = std::mem::replace(&mut self.stage, Stage::Over) {
                    self.choose_pin(claim.claimant, Some(Sentence::NewPinReason(reason)));
                }
            }
            Verdict::Refused(refusal) => self.leave(DialogueEnding::Refused(refusal)),
            Verdict::WrongCredentials => {
                self.wrong_tries = self.wrong_tries.saturating_add(1);
                if self.wrong_tries >= self.settings.tries {
                    self.leave(DialogueEnding::TooManyTries);
                } else if self.closing {
                    self.leave(DialogueEnding::ServiceClosed);
                } else {
                    self.identify(Some(Sentence::WrongCredentials));
                }
            }
            Verdict::Proceed => {}
        }
    }

    /// Nothing usable was keyed in: help, and after enough of that, give up.
    pub(super) fn silent(&mut self) {
        self.silences = self.silences.saturating_add(1);
        if let Stage::Choosing { from } = self.stage {
            let menus = self.settings.languages.len().div_ceil(MENU);
            if usize::from(self.silences) < usize::from(self.settings.language_offers) * menus {
                return self.offer_languages(from + MENU);
            }
            return self.welcome(self.settings.languages.first().cloned());
        }
        match wording::help(&self.stage, self.settings.authentication) {
            Some(help) if self.silences <= self.settings.helps => self.say(self.lines([help])),
            _ => self.leave(DialogueEnding::NoAnswer),
        }
    }

    pub(super) fn leave(&mut self, ending: DialogueEnding) {
        match wording::farewell(ending) {
            Some(sentence) => self.leave_saying(ending, [sentence]),
            None => self.hang_up(ending),
        }
    }

    fn leave_saying(&mut self, ending: DialogueEnding, sentences: impl IntoIterator<Item = Sentence>) {
        let lines = self.lines(sentences);
        let limit = FAREWELL * u32::try_from(lines.len()).unwrap_or(1);
        self.ahead.clear();
        self.stage = Stage::Leaving(ending);
        self.say(lines);
        self.timer = Some(self.now + limit);
    }

    pub(super) fn hang_up(&mut self, ending: DialogueEnding) {
        self.ahead.clear();
        self.playing = None;
        self.timer = None;
        self.stage = Stage::Over;
        self.out.push(Output::HangUp(ending));
    }
}
