//! What a conversation says, and what stops it.
//!
//! It must not know why something is said.

use super::stage::Stage;
use super::{Dialogue, wording};
use crate::ivr::{Line, Output, PlayTag, Sentence};

/// The languages offered at a time: the keys 1 to 9.
pub(super) const MENU: usize = 9;

impl Dialogue {
    /// Offers the languages from this place on, or from the first if there are none so far on.
    pub(super) fn offer_languages(&mut self, from: usize) {
        let from = if from < self.settings.languages.len() { from } else { 0 };
        self.stage = Stage::Choosing { from };
        self.say(wording::language_menu(self.settings.languages.iter().skip(from).take(MENU)));
    }

    pub(super) fn ask_after(&mut self, first: Option<Sentence>) {
        let question = wording::question(&self.stage, self.settings.authentication);
        self.say(self.lines(first.into_iter().chain(question)));
    }

    /// Sentences in the language chosen, or, before one is chosen, in each.
    pub(super) fn lines(&self, sentences: impl IntoIterator<Item = Sentence>) -> Vec<Line> {
        let sentences: Vec<_> = sentences.into_iter().collect();
        let languages = self.language.as_ref().map_or(self.settings.languages.as_slice(), std::slice::from_ref);
        let lines = languages.iter().take(MENU).flat_map(|language| {
            sentences.iter().map(|sentence| Line { language: language.clone(), sentence: sentence.clone() })
        });
        lines.collect()
    }

    pub(super) fn say(&mut self, lines: Vec<Line>) {
        self.hush();
        let tag = PlayTag(self.plays);
        self.plays = self.plays.wrapping_add(1);
        self.playing = Some(tag);
        self.timer = None;
        self.out.push(Output::Play { tag, lines });
    }

    /// Stops what is playing. What was only about to play isn't played.
    pub(super) fn hush(&mut self) {
        if self.playing.take().is_some() {
            match self.out.last() {
                Some(Output::Play { .. }) => drop(self.out.pop()),
                _ => self.out.push(Output::StopPlaying),
            }
        }
    }
}
