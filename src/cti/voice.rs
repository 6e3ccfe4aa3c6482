//! From sentences to recordings: what the languages' patterns say, in the codec of a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ivr::{Line, Sentence};
use crate::locale::{LocaleError, Locales, Spoken};
use crate::media::{Codec, EncodedAudio, MediaError, PromptLibrary};
use crate::vocab::{Language, PromptId};

/// Every language that can be spoken, with its recordings.
#[derive(Clone)]
pub struct Voice {
    spoken: Arc<BTreeMap<Language, Spoken>>,
    library: Arc<PromptLibrary>,
}

impl Voice {
    /// From sentence patterns and recordings.
    pub fn new(locales: &Locales, library: PromptLibrary) -> Result<Self, LocaleError> {
        let mut spoken = BTreeMap::new();
        for language in locales.spoken_languages() {
            let patterns = locales.spoken(&language)?;
            spoken.insert(language, patterns);
        }
        Ok(Self { spoken: Arc::new(spoken), library: Arc::new(library) })
    }

    /// Reads the recordings in the program: FLAC files named `<language>/<id>.flac`.
    pub fn library(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<PromptLibrary, MediaError> {
        let mut library = PromptLibrary::new();
        for (path, octets) in files {
            let named = path.strip_suffix(".flac").and_then(|path| path.split_once('/'));
            let Some((language, id)) = named else { continue };
            if let (Ok(language), Ok(id)) = (language.parse::<Language>(), id.parse::<PromptId>()) {
                library.insert(language, id, &octets)?;
            }
        }
        Ok(library)
    }

    /// The recordings.
    pub fn recordings(&self) -> &PromptLibrary {
        &self.library
    }

    /// Encodes every recording for this codec now, not at the first call that needs it.
    pub fn prepare(&self, codec: Codec) {
        self.library.prepare(codec);
    }

    /// True if this language can be spoken.
    pub fn speaks(&self, language: &Language) -> bool {
        self.spoken.contains_key(language) && self.library.languages().any(|known| known == language)
    }

    /// The recordings of these lines, and their names. A recording that is missing is left out and logged.
    pub fn recordings_of(&self, lines: &[Line], codec: Codec) -> Vec<Arc<EncodedAudio>> {
        let mut recordings = Vec::new();
        for line in lines {
            for id in self.prompts_of(&line.language, &line.sentence) {
                match self.library.encoded(&line.language, &id, codec) {
                    Some(recording) => recordings.push(recording),
                    None => tracing::error!(language = %line.language, prompt = %id, "a recording is missing"),
                }
            }
        }
        recordings
    }

    fn prompts_of(&self, language: &Language, sentence: &Sentence) -> Vec<PromptId> {
        let arguments = sentence.arguments();
        let arguments: Vec<(&str, &str)> = arguments.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let Some(spoken) = self.spoken.get(language) else { return Vec::new() };
        spoken.sentence(sentence.id(), &arguments).unwrap_or_else(|error| {
            tracing::error!(%error, "a sentence cannot be spoken");
            Vec::new()
        })
    }
}

impl std::fmt::Debug for Voice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice").field("languages", &self.spoken.len()).finish_non_exhaustive()
    }
}
