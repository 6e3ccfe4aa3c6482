//! The conversation itself: language, self-service ID, confirmation, PIN or code, verdict, farewell.
//!
//! This file takes what happens; [`steps`] are the ways from question to question, [`speech`] what is said on them.
//! It must not know what sentences sound like, nor who may claim a phone.

mod speech;
mod stage;
mod steps;
mod wording;

use std::fmt;
use std::time::Instant;

use super::entry::{Keyed, TypedAhead};
use super::key::KeyMeaning;
use super::{
    DialogueEnding, DialogueSettings, DigitsDuringPrompt, Input, Key, Output, PlayTag, Question, Refusal, Sentence,
    Verdict,
};
use crate::vocab::Language;
use speech::MENU;
use stage::{Claim, Stage};

/// One caller's conversation.
///
/// A key at the read-back that is neither `#` nor `*` is passed over: a PIN typed too early must not confirm anything.
/// Where no language has been chosen yet, a farewell is said in each of them.
pub struct Dialogue {
    settings: DialogueSettings,
    stage: Stage,
    language: Option<Language>,
    playing: Option<PlayTag>,
    plays: u32,
    wrong_tries: u8,
    silences: u8,
    closing: bool,
    ahead: TypedAhead,
    timer: Option<Instant>,
    ends_by: Instant,
    now: Instant,
    out: Vec<Output>,
}

impl Dialogue {
    /// A conversation on a call that isn't answered yet.
    pub fn new(settings: DialogueSettings, now: Instant) -> Self {
        let ends_by = now + settings.call_limit;
        Self {
            settings,
            stage: Stage::Waiting,
            language: None,
            playing: None,
            plays: 0,
            wrong_tries: 0,
            silences: 0,
            closing: false,
            ahead: TypedAhead::new(),
            timer: None,
            ends_by,
            now,
            out: Vec::new(),
        }
    }

    /// Takes what happened and gives what to do. After [`Output::HangUp`] it gives nothing any more.
    pub fn handle(&mut self, now: Instant, input: Input) -> Vec<Output> {
        self.now = now;
        match input {
            Input::Answered => self.answered(),
            Input::Digit(key) => self.pressed(key),
            Input::PromptDone { tag } => self.played(tag),
            Input::Elapsed => self.elapsed(),
            Input::Verdict(verdict) => self.decided(verdict),
            Input::ServiceClosing => self.service_closing(),
            Input::HungUp => self.hung_up(),
        }
        std::mem::take(&mut self.out)
    }

    /// When [`Input::Elapsed`] is due, whatever else happens; `None` once the conversation is over. An early one does nothing.
    pub fn deadline(&self) -> Option<Instant> {
        match self.stage {
            Stage::Over => None,
            Stage::Beginning | Stage::Checking(_) | Stage::Leaving(_) => self.timer,
            _ => Some(self.timer.map_or(self.ends_by, |timer| timer.min(self.ends_by))),
        }
    }

    /// Whether it has hung up.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    fn answered(&mut self) {
        if matches!(self.stage, Stage::Waiting) {
            self.stage = Stage::Beginning;
            self.timer = Some(self.now + self.settings.answer_within);
            self.out.push(Output::Ask(Question::Begin));
        }
    }

    fn pressed(&mut self, key: Key) {
        if key.meaning() == KeyMeaning::Nothing {
            return;
        }
        let kept = match (&self.stage, self.settings.digits_during_prompt) {
            // Media may be ahead of the signalling that says the call is up.
            (Stage::Waiting | Stage::Beginning, during) => during != DigitsDuringPrompt::Ignore,
            (stage, DigitsDuringPrompt::Keep) => stage.asks() && self.playing.is_some(),
            (_, DigitsDuringPrompt::Interrupt | DigitsDuringPrompt::Ignore) => false,
        };
        let heard = self.playing.is_none() || self.settings.digits_during_prompt == DigitsDuringPrompt::Interrupt;
        if kept {
            self.ahead.push(key);
        } else if heard && self.stage.asks() {
            self.take(key);
        }
    }

    /// Gives keys typed ahead to the questions they were meant for, as far as those can listen now.
    fn take_typed_ahead(&mut self) {
        let interrupts = self.settings.digits_during_prompt == DigitsDuringPrompt::Interrupt;
        while self.stage.asks() && (interrupts || self.playing.is_none()) {
            let Some(key) = self.ahead.pop() else { return };
            self.take(key);
        }
    }

    fn take(&mut self, key: Key) {
        match (&mut self.stage, key.meaning()) {
            (Stage::Choosing { from }, meaning) => {
                let from = *from;
                self.choose(from, meaning);
            }
            (
                Stage::Identifying(entry)
                | Stage::Authenticating { entry, .. }
                | Stage::ChoosingPin { entry, .. }
                | Stage::RepeatingPin { entry, .. },
                _,
            ) => match entry.key(key) {
                Keyed::Part => {
                    self.hush();
                    self.timer = Some(self.now + self.settings.between_digits);
                }
                Keyed::Again => self.enter_again(),
                Keyed::Done(entered) => self.entered(entered),
                Keyed::Nothing => {}
            },
            (Stage::Confirming(id), KeyMeaning::End) => {
                let id = id.clone();
                self.authenticate(id);
            }
            (Stage::Confirming(_), KeyMeaning::Again) => self.identify(None),
            _ => {}
        }
    }

    /// 0 goes on to the next languages where there are more than nine.
    fn choose(&mut self, from: usize, meaning: KeyMeaning) {
        if matches!(meaning, KeyMeaning::Digit('0')) && self.settings.languages.len() > MENU {
            return self.offer_languages(from + MENU);
        }
        let place = match meaning {
            KeyMeaning::Digit(digit) => digit.to_digit(10).and_then(|key| usize::try_from(key).ok()?.checked_sub(1)),
            KeyMeaning::End | KeyMeaning::Again | KeyMeaning::Nothing => None,
        };
        match place.and_then(|place| self.settings.languages.get(from + place)).cloned() {
            Some(language) => self.welcome(Some(language)),
            None => self.silent(),
        }
    }

    fn decided(&mut self, verdict: Verdict) {
        match (&mut self.stage, verdict) {
            (Stage::Beginning, Verdict::Proceed) => {
                match self.settings.languages.as_slice() {
                    [only] => self.welcome(Some(only.clone())),
                    _ => self.offer_languages(0),
                }
                self.take_typed_ahead();
            }
            (Stage::Beginning, Verdict::Refused(refusal)) => self.leave(DialogueEnding::Refused(refusal)),
            (Stage::Checking(_), Verdict::Proceed) => {}
            (Stage::Checking(claim), verdict) if self.playing.is_some() => {
                claim.held.get_or_insert(verdict);
            }
            (Stage::Checking(_), verdict) => self.conclude(verdict),
            _ => {}
        }
    }

    fn played(&mut self, tag: PlayTag) {
        if self.playing != Some(tag) {
            return;
        }
        self.playing = None;
        match &mut self.stage {
            Stage::Leaving(ending) => {
                let ending = *ending;
                self.hang_up(ending);
            }
            Stage::Checking(claim) => {
                if let Some(verdict) = claim.held.take() {
                    self.conclude(verdict);
                }
            }
            stage if stage.asks() => {
                self.timer = Some(self.now + self.settings.first_digit);
                self.take_typed_ahead();
            }
            _ => {}
        }
    }

    fn elapsed(&mut self) {
        let due = self.timer.is_some_and(|timer| timer <= self.now);
        let too_long = self.ends_by <= self.now;
        match &mut self.stage {
            Stage::Over => {}
            Stage::Waiting if too_long => self.hang_up(DialogueEnding::TooLong),
            stage if stage.asks() && too_long => self.leave(DialogueEnding::TooLong),
            _ if !due => {}
            Stage::Waiting => {}
            Stage::Beginning => self.leave(DialogueEnding::Refused(Refusal::NotNow)),
            Stage::Choosing { .. } | Stage::Confirming(_) => self.silent(),
            Stage::Identifying(entry)
            | Stage::Authenticating { entry, .. }
            | Stage::ChoosingPin { entry, .. }
            | Stage::RepeatingPin { entry, .. } => {
                let entered = entry.complete();
                self.entered(entered);
            }
            Stage::Checking(claim) if claim.answer_by <= self.now => {
                let verdict = claim.held.take().unwrap_or(Verdict::Refused(Refusal::NotNow));
                self.conclude(verdict);
            }
            Stage::Checking(claim) => {
                let answer_by = claim.answer_by;
                self.say(self.lines([Sentence::Checking]));
                self.timer = Some(answer_by);
            }
            Stage::Leaving(ending) => {
                let ending = *ending;
                self.hang_up(ending);
            }
        }
    }

    fn service_closing(&mut self) {
        match self.stage {
            Stage::Waiting => self.hang_up(DialogueEnding::ServiceClosed),
            // The claim is in hand: the caller is to hear how it went.
            Stage::Checking(_) => self.closing = true,
            Stage::Leaving(_) | Stage::Over => {}
            _ => self.leave(DialogueEnding::ServiceClosed),
        }
    }

    fn hung_up(&mut self) {
        match &self.stage {
            Stage::Over => {}
            Stage::Leaving(ending) => self.hang_up(*ending),
            Stage::Checking(Claim { held: Some(Verdict::Bound { .. }), .. }) => self.hang_up(DialogueEnding::Bound),
            _ => self.hang_up(DialogueEnding::CallerHungUp),
        }
    }
}

/// Says where the conversation is, and nothing that was keyed in.
impl fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialogue").field("stage", &self.stage.name()).finish_non_exhaustive()
    }
}
