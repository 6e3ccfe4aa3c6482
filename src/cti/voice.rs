//! From sentences to recordings: what the languages' patterns say, in the codec of a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::language_pack::{PackFault, PreparedPack};
use super::voices::Packs;
use crate::ivr::{Line, Sentence};
use crate::locale::{LocaleError, Locales, Spoken};
use crate::media::{Codec, EncodedAudio, MediaError, PromptLibrary};
use crate::vocab::{Language, PromptId};

/// Every language that can be spoken, with its recordings.
#[derive(Clone)]
pub struct Voice {
    spoken: Arc<BTreeMap<Language, Arc<Spoken>>>,
    library: Arc<PromptLibrary>,
    packs: Arc<Packs>,
}

impl Voice {
    /// From sentence patterns and recordings.
    pub fn new(locales: &Locales, library: PromptLibrary) -> Result<Self, LocaleError> {
        let mut spoken = BTreeMap::new();
        for language in locales.spoken_languages() {
            let patterns = locales.spoken(&language)?;
            spoken.insert(language, Arc::new(patterns));
        }
        Ok(Self { spoken: Arc::new(spoken), library: Arc::new(library), packs: Arc::default() })
    }

    /// With the language of a pack, in place of what the language was spoken with before.
    ///
    /// # Errors
    /// If there are more recordings than a voice may have.
    pub(super) fn with_pack(&self, pack: PreparedPack) -> Result<Self, PackFault> {
        let mut library = PromptLibrary::clone(&self.library);
        library.take_over(&pack.language, pack.library).map_err(PackFault::TooMany)?;
        let mut spoken = BTreeMap::clone(&self.spoken);
        spoken.insert(pack.language, Arc::new(pack.spoken));
        Ok(Self { spoken: Arc::new(spoken), library: Arc::new(library), packs: self.packs.clone() })
    }

    pub(super) fn made_with(self, packs: Arc<Packs>) -> Self {
        Self { packs, ..self }
    }

    /// The language packs it was made with.
    pub fn packs(&self) -> &Packs {
        &self.packs
    }

    /// The languages it speaks, in the order of their tags.
    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        self.spoken.keys().filter(|language| self.speaks(language))
    }

    /// Reads the recordings in the program: FLAC files named `<language>/<id>.flac`, and their G.729 frames, `<id>.g729`.
    pub fn library(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Result<PromptLibrary, MediaError> {
        let mut library = PromptLibrary::new();
        for (path, octets) in files {
            let Some((language, (id, ending))) =
                path.split_once('/').and_then(|(language, name)| Some((language, name.split_once('.')?)))
            else {
                continue;
            };
            if let (Ok(language), Ok(id)) = (language.parse::<Language>(), id.parse::<PromptId>()) {
                match ending {
                    "flac" => library.insert(language, id, &octets)?,
                    "g729" => library.insert_ready_made(language, id, Codec::G729, &octets)?,
                    _ => {}
                }
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

    /// True if all it says in this language can be sent in this codec.
    pub fn speaks_in(&self, language: &Language, codec: Codec) -> bool {
        self.library.speaks_in(language, codec)
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
