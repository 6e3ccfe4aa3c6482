//! The recordings of every language pack, decoded once and encoded once a codec.
//!
//! Files come in as octets and are found by language and prompt id. Must not know where packs are kept, or what a sentence is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::audio::{EncodedAudio, EncodedSet};
use super::codec::Codec;
use super::decode;
use super::error::MediaError;
use super::resample::resample_pcm;
use crate::vocab::{Language, PromptId};

/// Sample rate recordings are kept at, in Hz.
pub const PCM_RATE: u32 = 16_000;
/// The most recordings a library holds, over all languages.
pub const MAX_PROMPTS: usize = 20_000;

/// Recordings by language and prompt id. Filled first, then shared; a call only points into it.
/// A clone shares what has been decoded and encoded.
#[derive(Clone, Default)]
pub struct PromptLibrary {
    packs: BTreeMap<Language, BTreeMap<PromptId, Arc<Prompt>>>,
    ready_made: BTreeMap<(Language, PromptId, Codec), Arc<EncodedAudio>>,
}

struct Prompt {
    pcm: Arc<[i16]>,
    encoded: EncodedSet,
}

impl Prompt {
    fn encoded(&self, codec: Codec) -> Option<Arc<EncodedAudio>> {
        self.encoded.get(codec, || {
            resample_pcm(&self.pcm, PCM_RATE, codec.sample_rate()).unwrap_or_else(|error| {
                tracing::error!(%error, "a prompt cannot be converted for {codec} and is left silent");
                Vec::new()
            })
        })
    }
}

impl PromptLibrary {
    /// A library without recordings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes a FLAC or WAV file of at most 16 MiB and 120 seconds and keeps it, in place of one of the same name.
    pub fn insert(&mut self, language: Language, id: PromptId, file: &[u8]) -> Result<(), MediaError> {
        if self.len() >= MAX_PROMPTS {
            return Err(MediaError::RecordingTooLarge { limit: MAX_PROMPTS, unit: "recordings" });
        }
        let pcm = decode::decode(file, PCM_RATE)?.into();
        let prompt = Arc::new(Prompt { pcm, encoded: EncodedSet::default() });
        self.packs.entry(language).or_default().insert(id, prompt);
        Ok(())
    }

    /// Keeps a recording that was encoded elsewhere, beside the one that is decoded here.
    ///
    /// # Errors
    /// It is no whole number of packets, or too long.
    pub fn insert_ready_made(
        &mut self,
        language: Language,
        id: PromptId,
        codec: Codec,
        file: &[u8],
    ) -> Result<(), MediaError> {
        self.ready_made.insert((language, id, codec), Arc::new(EncodedAudio::ready_made(codec, file)?));
        Ok(())
    }

    /// True if every recording of the language can be had in this codec.
    pub fn speaks_in(&self, language: &Language, codec: Codec) -> bool {
        let has = |id: &PromptId| self.ready_made.contains_key(&(language.clone(), id.clone(), codec));
        !codec.is_ready_made() || self.ids(language).all(has)
    }

    /// Has the recordings of a language as another library has them, in place of its own.
    ///
    /// # Errors
    /// If there would be more than [`MAX_PROMPTS`]; then nothing has changed.
    pub fn take_over(&mut self, language: &Language, other: Self) -> Result<(), MediaError> {
        let is_of_it = |(kept, ..): &(Language, PromptId, Codec)| kept == language;
        let theirs = other.packs.get(language).cloned().unwrap_or_default();
        let own = self.packs.get(language).map_or(0, BTreeMap::len);
        if self.len() - own + theirs.len() > MAX_PROMPTS {
            return Err(MediaError::RecordingTooLarge { limit: MAX_PROMPTS, unit: "recordings" });
        }
        self.packs.insert(language.clone(), theirs);
        self.ready_made.retain(|key, _| !is_of_it(key));
        self.ready_made.extend(other.ready_made.into_iter().filter(|(key, _)| is_of_it(key)));
        Ok(())
    }

    /// The recording encoded for `codec`; `None` if the language has no such recording. Encoded at the first call, which
    /// costs a few milliseconds: [`prepare`](Self::prepare) spares the first caller that.
    pub fn encoded(&self, language: &Language, id: &PromptId, codec: Codec) -> Option<Arc<EncodedAudio>> {
        if codec.is_ready_made() {
            return self.ready_made.get(&(language.clone(), id.clone(), codec)).cloned();
        }
        self.prompt(language, id)?.encoded(codec)
    }

    /// Encodes every recording for `codec`, so that no call has to wait for it.
    pub fn prepare(&self, codec: Codec) {
        for prompt in self.packs.values().flat_map(BTreeMap::values).filter(|_| !codec.is_ready_made()) {
            prompt.encoded(codec);
        }
    }

    /// The recording's samples, mono at [`PCM_RATE`].
    pub fn pcm(&self, language: &Language, id: &PromptId) -> Option<Arc<[i16]>> {
        self.prompt(language, id).map(|prompt| prompt.pcm.clone())
    }

    /// The languages that have recordings, in the order of their tags.
    pub fn languages(&self) -> impl Iterator<Item = &Language> {
        self.packs.keys()
    }

    /// The recordings of a language, in the order of their names.
    pub fn ids(&self, language: &Language) -> impl Iterator<Item = &PromptId> {
        self.packs.get(language).into_iter().flat_map(BTreeMap::keys)
    }

    /// How many recordings there are, over all languages.
    pub fn len(&self) -> usize {
        self.packs.values().map(BTreeMap::len).sum()
    }

    /// Whether there is no recording at all.
    pub fn is_empty(&self) -> bool {
        self.packs.is_empty()
    }

    fn prompt(&self, language: &Language, id: &PromptId) -> Option<&Prompt> {
        self.packs.get(language)?.get(id).map(Arc::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::decode::tests::wav;

    fn id(name: &str) -> PromptId {
        name.parse().unwrap()
    }

    #[test]
    fn a_recording_is_encoded_once_a_codec_and_shared() {
        let mut library = PromptLibrary::new();
        library.insert(Language::ENGLISH, id("digit-1"), &wav(16_000, 1, &[3000; 16_000])).unwrap();
        for codec in Codec::ALL.into_iter().filter(|codec| !codec.is_ready_made()) {
            library.prepare(codec);
            let first = library.encoded(&Language::ENGLISH, &id("digit-1"), codec).unwrap();
            let second = library.encoded(&Language::ENGLISH, &id("digit-1"), codec).unwrap();
            assert!(Arc::ptr_eq(&first, &second));
            assert_eq!((first.codec(), first.packets()), (codec, 50));
        }
        assert_eq!(library.pcm(&Language::ENGLISH, &id("digit-1")).unwrap().len(), 16_000);
    }

    #[test]
    fn a_codec_without_an_encoder_has_the_recordings_that_come_ready_made_and_no_others() {
        let mut library = PromptLibrary::new();
        library.insert(Language::ENGLISH, id("digit-1"), &wav(16_000, 1, &[3000; 16_000])).unwrap();
        assert!(library.speaks_in(&Language::ENGLISH, Codec::Pcmu));
        assert!(!library.speaks_in(&Language::ENGLISH, Codec::G729));
        assert!(library.encoded(&Language::ENGLISH, &id("digit-1"), Codec::G729).is_none());
        for wrong in [&[][..], &[7; 30], &[7; 20 * 6001]] {
            let kept = library.insert_ready_made(Language::ENGLISH, id("digit-1"), Codec::G729, wrong);
            assert!(kept.is_err(), "{} octets", wrong.len());
        }
        library.insert_ready_made(Language::ENGLISH, id("digit-1"), Codec::G729, &[7; 60]).unwrap();
        assert!(library.speaks_in(&Language::ENGLISH, Codec::G729));
        let encoded = library.encoded(&Language::ENGLISH, &id("digit-1"), Codec::G729).unwrap();
        assert_eq!((encoded.packets(), encoded.payload(2)), (3, Some(&[7; 20][..])));
        library.take_over(&Language::ENGLISH, PromptLibrary::new()).unwrap();
        assert!(library.encoded(&Language::ENGLISH, &id("digit-1"), Codec::G729).is_none());
    }

    #[test]
    fn languages_and_names_are_listed_and_strangers_are_not_found() {
        let mut library = PromptLibrary::new();
        assert!(library.is_empty());
        for (language, name) in
            [(Language::JAPANESE, "ask-id"), (Language::ENGLISH, "goodbye"), (Language::ENGLISH, "ask-id")]
        {
            library.insert(language, id(name), &wav(8000, 1, &[0; 80])).unwrap();
        }
        assert_eq!(library.languages().cloned().collect::<Vec<_>>(), [Language::ENGLISH, Language::JAPANESE]);
        assert_eq!(library.ids(&Language::ENGLISH).map(PromptId::as_str).collect::<Vec<_>>(), ["ask-id", "goodbye"]);
        assert_eq!(library.len(), 3);
        assert!(library.encoded(&Language::JAPANESE, &id("goodbye"), Codec::Pcmu).is_none());
        assert!(library.insert(Language::ENGLISH, id("bad"), b"no audio").is_err());
    }
}
