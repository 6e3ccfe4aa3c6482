//! The settings of a conversation, and their ranges.
//!
//! It must not know where they are kept. A running conversation keeps those it began with.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Deref, RangeInclusive};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DialogueError;
use crate::vocab::{Language, SelfServiceId};

/// The most languages: what a caller can be asked to listen to.
const MOST_LANGUAGES: usize = 36;

/// What proves that a caller is who they say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authentication {
    /// The user's PIN.
    #[default]
    Users,
    /// The user's PIN, or the administrators' authentication code.
    UsersAndAdministrators,
    /// The administrators' authentication code only: users can't enrol phones themselves.
    Administrators,
    /// Nothing. Not for daily use.
    None,
}

/// What becomes of digits pressed while a prompt plays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DigitsDuringPrompt {
    /// They stop the prompt and count (barge-in).
    #[default]
    Interrupt,
    /// The prompt goes on; they count when it ends.
    Keep,
    /// The prompt goes on; they are lost.
    Ignore,
}

/// Settings as somebody wrote them. [`DialogueSettings`] are those that were found to be in range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Dialogue")]
pub struct DialogueDraft {
    /// The languages spoken, 1 to 36, in the order of their keys. With one, no choice is offered; of more than nine, nine are
    /// offered at a time. Default `["ja"]`.
    pub languages: Vec<Language>,
    /// What proves who a caller is; set beside the conversation, not in it.
    #[serde(skip)]
    pub authentication: Authentication,
    /// What becomes of digits pressed while a prompt plays. Default `interrupt`.
    pub digits_during_prompt: DigitsDuringPrompt,
    /// How often ID and PIN may be tried in one call, 1 to 10. Default 3.
    pub tries: u8,
    /// How often a silent caller is helped at each question before the call ends, 0 to 10. Default 2.
    pub helps: u8,
    /// How often the choice of languages is offered before the first one is taken, 1 to 5. Default 2.
    pub language_offers: u8,
    /// How long the first digit may take after a question, 2s to 60s. Default 8s.
    #[serde(with = "humane")]
    #[schemars(with = "String")]
    pub first_digit: Duration,
    /// How long the next digit may take before the entry counts as complete, 1s to 30s. Default 5s.
    #[serde(with = "humane")]
    #[schemars(with = "String")]
    pub between_digits: Duration,
    /// The most digits of a self-service ID, 1 to 20. Default 20.
    pub id_digits: u8,
    /// The most digits of a PIN or authentication code, 1 to 20. Default 20.
    pub credential_digits: u8,
    /// How long a claim may take to be decided, 1s to 60s. Default 10s.
    #[serde(with = "humane")]
    #[schemars(with = "String")]
    pub answer_within: Duration,
    /// How long the caller waits for that in silence before hearing “one moment, please”, 0s to 10s. Default 1s.
    #[serde(with = "humane")]
    #[schemars(with = "String")]
    pub say_checking_after: Duration,
    /// How long a conversation may last, farewell not included, 30s to 1h. Default 5m.
    #[serde(with = "humane")]
    #[schemars(with = "String")]
    pub call_limit: Duration,
}

impl Default for DialogueDraft {
    fn default() -> Self {
        Self {
            languages: vec![Language::JAPANESE],
            authentication: Authentication::default(),
            digits_during_prompt: DigitsDuringPrompt::default(),
            tries: 3,
            helps: 2,
            language_offers: 2,
            first_digit: Duration::from_secs(8),
            between_digits: Duration::from_secs(5),
            id_digits: 20,
            credential_digits: 20,
            answer_within: Duration::from_secs(10),
            say_checking_after: Duration::from_secs(1),
            call_limit: Duration::from_secs(300),
        }
    }
}

/// Settings a conversation can be held on: each is in its range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(with = "DialogueDraft")]
#[serde(try_from = "DialogueDraft", into = "DialogueDraft")]
pub struct DialogueSettings(DialogueDraft);

impl Deref for DialogueSettings {
    type Target = DialogueDraft;

    fn deref(&self) -> &DialogueDraft {
        &self.0
    }
}

impl From<DialogueSettings> for DialogueDraft {
    fn from(settings: DialogueSettings) -> Self {
        settings.0
    }
}

impl TryFrom<DialogueDraft> for DialogueSettings {
    type Error = DialogueError;

    fn try_from(draft: DialogueDraft) -> Result<Self, DialogueError> {
        let distinct: BTreeSet<_> = draft.languages.iter().collect();
        if !(1..=MOST_LANGUAGES).contains(&draft.languages.len()) || distinct.len() != draft.languages.len() {
            return Err(DialogueError::Languages);
        }
        let most = u8::try_from(SelfServiceId::MAX_DIGITS).unwrap_or(u8::MAX);
        count("tries", draft.tries, 1..=10)?;
        count("helps", draft.helps, 0..=10)?;
        count("language_offers", draft.language_offers, 1..=5)?;
        count("id_digits", draft.id_digits, 1..=most)?;
        count("credential_digits", draft.credential_digits, 1..=20)?;
        time("first_digit", draft.first_digit, 2..=60)?;
        time("between_digits", draft.between_digits, 1..=30)?;
        time("answer_within", draft.answer_within, 1..=60)?;
        time("say_checking_after", draft.say_checking_after, 0..=10)?;
        time("call_limit", draft.call_limit, 30..=3600)?;
        Ok(Self(draft))
    }
}

fn count(key: &'static str, given: u8, range: RangeInclusive<u8>) -> Result<(), DialogueError> {
    within(key, given, range, |number| number.to_string())
}

fn time(key: &'static str, given: Duration, seconds: RangeInclusive<u64>) -> Result<(), DialogueError> {
    let range = Duration::from_secs(*seconds.start())..=Duration::from_secs(*seconds.end());
    within(key, given, range, |time| humane::Written(*time).to_string())
}

fn within<T: PartialOrd>(
    key: &'static str,
    given: T,
    range: RangeInclusive<T>,
    written: impl Fn(&T) -> String,
) -> Result<(), DialogueError> {
    if range.contains(&given) {
        return Ok(());
    }
    let (least, most) = (written(range.start()), written(range.end()));
    Err(DialogueError::OutOfRange { key, given: written(&given), least, most })
}

/// Times written as people write them: `8s`, `500ms`, `1m 30s`.
mod humane {
    use super::{Duration, fmt};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) struct Written(pub(super) Duration);

    impl fmt::Display for Written {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match jiff::SignedDuration::try_from(self.0) {
                Ok(time) => write!(f, "{time:#}"),
                Err(_) => write!(f, "{}s", self.0.as_secs()),
            }
        }
    }

    pub(super) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Written(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
        time.ok_or_else(|| serde::de::Error::custom(format!("“{text}” is no length of time; write it like 8s or 5m")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DialogueSettings, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn nothing_written_is_the_defaults_and_they_are_in_range() {
        assert_eq!(read("").unwrap(), DialogueSettings::default());
        assert_eq!(DialogueSettings::try_from(DialogueDraft::default()), Ok(DialogueSettings::default()));
    }

    #[test]
    fn what_is_written_out_reads_back_the_same() {
        let text = "languages = [\"en\", \"pt-BR\"]\ncall_limit = \"1m 30s\"\n\
            say_checking_after = \"500ms\"\ndigits_during_prompt = \"keep\"\n";
        let settings = read(text).unwrap();
        assert_eq!(settings.call_limit, Duration::from_secs(90));
        let written = toml::to_string(&settings).unwrap();
        assert!(
            written.contains("first_digit = \"8s\"") && written.contains("say_checking_after = \"500ms\""),
            "{written}"
        );
        assert_eq!(read(&written).unwrap(), settings);
    }

    #[test]
    fn what_is_out_of_range_or_unknown_is_refused_by_name() {
        let too_many: Vec<String> =
            ('a'..='z').flat_map(|one| ["a", "b"].map(|two| format!("\"{one}{two}\""))).collect();
        let too_many = format!("languages = [{}]", too_many.join(","));
        for (text, says) in [
            ("tries = 0", "tries is 0; choose from 1 to 10"),
            ("first_digit = \"1s\"", "first_digit is 1s; choose from 2s to 1m"),
            ("call_limit = \"2h\"", "call_limit is 2h; choose from 30s to 1h"),
            ("call_limit = \"-1m\"", "“-1m” is no length of time"),
            ("between_digits = \"soon\"", "“soon” is no length of time"),
            ("id_digits = 21", "id_digits is 21; choose from 1 to 20"),
            (&too_many, "up to 36"),
            ("languages = []", "languages: Selected Language should contain at least one language"),
            ("languages = [\"ja\", \"ja\"]", "each once"),
            ("retries = 3", "unknown field `retries`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
