//! Compares what the code says with what each language has written and recorded: nothing missing, stale or left over.
//!
//! Pure: it is handed texts and hashes, and must not know folders, commands or the sentences themselves.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{LocaleError, Spoken};
use crate::vocab::{Language, PromptId};

/// A sentence the code can ask for: its name, and the arguments it always gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentenceShape {
    /// The message's name in `spoken.ftl`.
    pub id: &'static str,
    /// The names of its arguments.
    pub arguments: &'static [&'static str],
}

/// What a language has.
#[derive(Debug, Clone, Copy)]
pub struct SpokenFiles<'a> {
    /// Which language.
    pub language: &'a Language,
    /// Its `spoken.ftl`.
    pub spoken: &'a str,
    /// Its `manifest.toml`; without one, only whether each recording's file is there is compared.
    pub manifest: Option<&'a str>,
    /// The hex SHA-256 of each recording's file; without, the files are left out of the comparison.
    pub files: Option<&'a BTreeMap<PromptId, String>>,
}

/// What `prompts/<language>/manifest.toml` says of the recordings. Further keys are the maker's own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PromptManifest {
    /// Each recording by name.
    #[serde(default)]
    pub recordings: BTreeMap<String, Recording>,
}

/// One recording as made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Recording {
    /// Hex SHA-256 of the text read, in UTF-8.
    pub text_sha256: String,
    /// Hex SHA-256 of the file.
    pub file_sha256: String,
    /// How long it is, in milliseconds.
    pub duration_ms: u32,
}

impl PromptManifest {
    /// Reads a language's manifest.
    pub fn parse(language: &Language, text: &str) -> Result<Self, LocaleError> {
        toml::from_str(text)
            .map_err(|error| LocaleError::Manifest { language: language.clone(), fault: error.message().to_owned() })
    }
}

/// Something that doesn't agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PromptFault {
    /// A file can't be read at all.
    Unreadable(LocaleError),
    /// The code can ask for a sentence the language lacks.
    SentenceMissing(Language, String),
    /// The language has a sentence nobody asks for.
    SentenceUnused(Language, String),
    /// A sentence wants an argument (the third) the code doesn't give.
    ArgumentUnknown(Language, String, String),
    /// A recording no sentence uses.
    RecordingUnused(Language, PromptId),
    /// A recording that wasn't made.
    RecordingMissing(Language, PromptId),
    /// A recording made from another text than `spoken.ftl` has now.
    RecordingStale(Language, PromptId),
    /// The manifest has a recording `spoken.ftl` doesn't.
    RecordingLeftOver(Language, String),
    /// A recording's file is missing, or isn't the one the manifest describes.
    FileDiffers(Language, PromptId),
}

impl fmt::Display for PromptFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => error.fmt(f),
            Self::SentenceMissing(language, id) => write!(f, "{language}: the sentence {id} is missing in spoken.ftl"),
            Self::SentenceUnused(language, id) => write!(f, "{language}: nothing says the sentence {id}; take it out"),
            Self::ArgumentUnknown(language, id, argument) => {
                write!(f, "{language}: the sentence {id} wants ${argument}, which is never given")
            }
            Self::RecordingUnused(language, id) => write!(f, "{language}: no sentence uses -{id}; take it out"),
            Self::RecordingMissing(language, id) => write!(f, "{language}: {id} is not recorded; make the recordings"),
            Self::RecordingStale(language, id) => {
                write!(f, "{language}: {id} was recorded from another text; make it again")
            }
            Self::RecordingLeftOver(language, id) => {
                write!(f, "{language}: {id} is recorded but not in spoken.ftl; take the recording out")
            }
            Self::FileDiffers(language, id) => {
                write!(f, "{language}: the file of {id} is missing or not as the manifest has it; make it again")
            }
        }
    }
}

/// Everything that doesn't agree between the code's `catalogue` and the languages; nothing if all is well.
pub fn check_prompts(catalogue: &[SentenceShape], languages: &[SpokenFiles<'_>]) -> Vec<PromptFault> {
    let mut faults = Vec::new();
    for files in languages {
        match Spoken::compile(files.language, files.spoken) {
            Ok(spoken) => {
                check_sentences(catalogue, &spoken, &mut faults);
                match files.manifest.map(|text| PromptManifest::parse(files.language, text)) {
                    Some(Ok(manifest)) => check_recordings(&spoken, &manifest, files.files, &mut faults),
                    Some(Err(error)) => faults.push(PromptFault::Unreadable(error)),
                    None => {
                        let recorded = |name: &PromptId| files.files.is_none_or(|files| files.contains_key(name));
                        let missing = spoken.recordings().filter(|(name, _)| !recorded(name));
                        let language = files.language;
                        faults.extend(
                            missing.map(|(name, _)| PromptFault::RecordingMissing(language.clone(), name.clone())),
                        );
                    }
                }
            }
            Err(error) => faults.push(PromptFault::Unreadable(error)),
        }
    }
    faults
}

fn check_sentences(catalogue: &[SentenceShape], spoken: &Spoken, faults: &mut Vec<PromptFault>) {
    let language = || spoken.language().clone();
    for shape in catalogue {
        if !spoken.sentences().any(|id| id == shape.id) {
            faults.push(PromptFault::SentenceMissing(language(), shape.id.to_owned()));
        }
    }
    for (id, parts) in spoken.parts() {
        let Some(shape) = catalogue.iter().find(|shape| shape.id == id) else {
            faults.push(PromptFault::SentenceUnused(language(), id.to_owned()));
            continue;
        };
        let unknown = parts.arguments.iter().filter(|argument| !shape.arguments.contains(&argument.as_str()));
        faults.extend(unknown.map(|name| PromptFault::ArgumentUnknown(language(), id.to_owned(), name.clone())));
    }
    let digits = spoken.parts().any(|(_, parts)| parts.digits);
    for (name, _) in spoken.recordings() {
        let read_out = digits && name.as_str().starts_with("digit-");
        if !read_out && !spoken.parts().any(|(_, parts)| parts.recordings.contains(name)) {
            faults.push(PromptFault::RecordingUnused(language(), name.clone()));
        }
    }
}

fn check_recordings(
    spoken: &Spoken,
    manifest: &PromptManifest,
    files: Option<&BTreeMap<PromptId, String>>,
    faults: &mut Vec<PromptFault>,
) {
    let language = || spoken.language().clone();
    for (name, text) in spoken.recordings() {
        let Some(recording) = manifest.recordings.get(name.as_str()) else {
            faults.push(PromptFault::RecordingMissing(language(), name.clone()));
            continue;
        };
        if !recording.text_sha256.eq_ignore_ascii_case(&hex::encode(Sha256::digest(text.as_bytes()))) {
            faults.push(PromptFault::RecordingStale(language(), name.clone()));
        }
        let file =
            files.map(|files| files.get(name).is_some_and(|file| recording.file_sha256.eq_ignore_ascii_case(file)));
        if file == Some(false) {
            faults.push(PromptFault::FileDiffers(language(), name.clone()));
        }
    }
    let left_over =
        manifest.recordings.keys().filter(|name| spoken.recordings().all(|(known, _)| known.as_str() != *name));
    faults.extend(left_over.map(|name| PromptFault::RecordingLeftOver(language(), name.clone())));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPOKEN: &str = "-hello = Hello.\n-bye = Goodbye.\nhello = { -hello }\nbye = { -bye }\n";
    const CATALOGUE: &[SentenceShape] =
        &[SentenceShape { id: "hello", arguments: &["name"] }, SentenceShape { id: "bye", arguments: &[] }];

    fn manifest(recordings: &[(&str, &str)]) -> String {
        let tables = recordings.iter().map(|(name, text)| {
            let text = hex::encode(Sha256::digest(text.as_bytes()));
            format!("[recordings.\"{name}\"]\ntext_sha256 = \"{text}\"\nfile_sha256 = \"ab\"\nduration_ms = 900\nvoice = \"x\"\n")
        });
        format!("engine = \"any\"\n{}", tables.collect::<String>())
    }

    fn faults(spoken: &str, manifest: Option<&str>, files: Option<&BTreeMap<PromptId, String>>) -> Vec<String> {
        let files = SpokenFiles { language: &Language::ENGLISH, spoken, manifest, files };
        check_prompts(CATALOGUE, &[files]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn agreement_is_silence() {
        let files = ["hello", "bye"].map(|name| (name.parse().unwrap(), "AB".to_owned())).into();
        let manifest = manifest(&[("hello", "Hello."), ("bye", "Goodbye.")]);
        assert_eq!(faults(SPOKEN, Some(&manifest), Some(&files)), [""; 0]);
    }

    #[test]
    fn each_disagreement_is_named() {
        let manifest = manifest(&[("hello", "Hallo."), ("old", "Old.")]);
        let spoken = "-hello = Hello.\n-odd = Odd.\nhello = { $who ->\n   *[any] { -hello }\n }\nextra = { -hello }\n";
        assert_eq!(
            faults(spoken, Some(&manifest), Some(&BTreeMap::new())),
            [
                "en: the sentence bye is missing in spoken.ftl",
                "en: nothing says the sentence extra; take it out",
                "en: the sentence hello wants $who, which is never given",
                "en: no sentence uses -odd; take it out",
                "en: hello was recorded from another text; make it again",
                "en: the file of hello is missing or not as the manifest has it; make it again",
                "en: odd is not recorded; make the recordings",
                "en: old is recorded but not in spoken.ftl; take the recording out",
            ]
        );
        assert!(faults(SPOKEN, Some("[recordings"), None)[0].starts_with("prompts/en/manifest.toml:"));
        assert!(faults("hello = hi\n", None, None)[0].starts_with("en/spoken.ftl line 1, hello:"));
    }
}
