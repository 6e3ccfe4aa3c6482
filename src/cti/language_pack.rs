//! Language packs: a folder of Fluent files and recordings an operator adds beside the program, and no build is needed.
//!
//! `<tag>/spoken.ftl`, a `.flac` (or `.wav`) file for each recording it names, its `.g729` frames for calls in G.729, any other
//! `.ftl` files with words for screens, and, if its maker wrote one, `manifest.toml`. It must not know which languages callers are offered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use crate::ivr::SENTENCES;
use crate::locale::{LocaleError, Locales, PromptFault, Spoken, SpokenFiles, check_prompts};
use crate::media::{Codec, MediaError, PromptLibrary};
use crate::vocab::{Language, PromptId};

/// The most files of a pack.
const MOST_FILES: usize = 2000;
/// The most octets of all files of a pack.
const MOST_OCTETS: u64 = 256 << 20;

/// Why a pack can't be used, or should be looked at.
#[derive(Debug, thiserror::Error)]
pub enum PackFault {
    /// The folder or a file in it can't be read.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The folder's name is no language.
    #[error("{0}: not a language tag; name the folder as BCP 47 does, such as fr or pt-BR")]
    NotALanguage(PathBuf),
    /// More than a pack can hold.
    #[error("{0}: more than {MOST_FILES} files, or more than 256 MiB; leave in it only what spoken.ftl names")]
    TooLarge(PathBuf),
    /// A text is not UTF-8.
    #[error("{0}: not UTF-8 text")]
    NotText(PathBuf),
    /// What it says and what is recorded don't agree.
    #[error("{0}")]
    Prompt(PromptFault),
    /// A recording can't be decoded.
    #[error("{language}: {recording}: {source}")]
    Recording {
        /// The pack's language.
        language: Language,
        /// The recording.
        recording: PromptId,
        /// Why not.
        source: MediaError,
    },
    /// More than there is room for beside the other languages.
    #[error("{0}; record fewer, or take another language out")]
    TooMany(MediaError),
    /// Words for screens that are not Fluent.
    #[error(transparent)]
    Words(#[from] LocaleError),
}

impl PackFault {
    /// True if the pack can't be used until it is mended. What is left over does no harm.
    pub fn is_fatal(&self) -> bool {
        use PromptFault::{RecordingLeftOver, RecordingStale, RecordingUnused, SentenceUnused};
        !matches!(
            self,
            Self::Prompt(SentenceUnused(..) | RecordingUnused(..) | RecordingLeftOver(..) | RecordingStale(..))
        )
    }
}

/// A pack as it was read.
pub struct LanguagePack {
    /// Its language.
    pub language: Language,
    texts: BTreeMap<String, String>,
    recordings: BTreeMap<PromptId, Vec<u8>>,
    ready_made: BTreeMap<PromptId, Vec<u8>>,
}

impl LanguagePack {
    /// Reads a folder named by the language.
    ///
    /// # Errors
    /// What keeps it from being read at all.
    pub fn read(folder: &Path) -> Result<Self, PackFault> {
        let language = folder.file_name().and_then(|name| name.to_str()?.parse().ok());
        let language = language.ok_or_else(|| PackFault::NotALanguage(folder.to_owned()))?;
        let mut pack =
            Self { language, texts: BTreeMap::new(), recordings: BTreeMap::new(), ready_made: BTreeMap::new() };
        let stamps = stamps(folder)?;
        let octets: u64 = stamps.iter().map(|stamp| stamp.octets).sum();
        if stamps.len() > MOST_FILES || octets > MOST_OCTETS {
            return Err(PackFault::TooLarge(folder.to_owned()));
        }
        for path in stamps.into_iter().map(|stamp| stamp.path) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
            let is_ready_made = name.ends_with(".g729");
            let stem = [".flac", ".wav", ".g729"].iter().find_map(|ending| name.strip_suffix(ending));
            let is_text = name.ends_with(".ftl") || name == "manifest.toml";
            if stem.is_none() && !is_text {
                continue;
            }
            let octets = std::fs::read(&path).map_err(|source| PackFault::File { path: path.clone(), source })?;
            match stem.map(str::parse) {
                Some(Ok(id)) if is_ready_made => drop(pack.ready_made.insert(id, octets)),
                Some(Ok(id)) => drop(pack.recordings.insert(id, octets)),
                Some(Err(_)) => {}
                None => {
                    let text = String::from_utf8(octets).map_err(|_| PackFault::NotText(path))?;
                    pack.texts.insert(name, text);
                }
            }
        }
        Ok(pack)
    }

    /// The pack as it is spoken from, unless something keeps it from that; and what doesn't agree between what the program
    /// says and what the pack has written and recorded. Decoding takes a moment of a core.
    pub(super) fn prepare(&self) -> (Option<PreparedPack>, Vec<PackFault>) {
        let files = self.recordings.iter().map(|(id, file)| (id.clone(), hex::encode(Sha256::digest(file)))).collect();
        let spoken = SpokenFiles {
            language: &self.language,
            spoken: self.texts.get("spoken.ftl").map(String::as_str).unwrap_or_default(),
            manifest: self.texts.get("manifest.toml").map(String::as_str),
            files: Some(&files),
        };
        let mut faults: Vec<PackFault> =
            check_prompts(SENTENCES, &[spoken]).into_iter().map(PackFault::Prompt).collect();
        let prepared = self.spoken().map_err(PackFault::Words).and_then(|(words, spoken)| {
            Ok(PreparedPack { language: self.language.clone(), words, spoken, library: self.decode()? })
        });
        let is_usable = !faults.iter().any(PackFault::is_fatal);
        match prepared {
            Ok(prepared) => (is_usable.then_some(prepared), faults),
            // Sentences that can't be read are among the faults already.
            Err(PackFault::Words(_)) if !is_usable => (None, faults),
            Err(fault) => {
                faults.push(fault);
                (None, faults)
            }
        }
    }

    /// What doesn't agree in it, as [`prepare`](Self::prepare) finds it.
    pub fn faults(&self) -> Vec<PackFault> {
        self.prepare().1
    }

    fn spoken(&self) -> Result<(Locales, Spoken), LocaleError> {
        let locales = self.locales()?;
        let spoken = locales.spoken(&self.language)?;
        Ok((locales, spoken))
    }

    fn locales(&self) -> Result<Locales, LocaleError> {
        let files = self.texts.iter().filter(|(name, _)| name.ends_with(".ftl"));
        Locales::from_files(files.map(|(name, text)| (format!("{}/{name}", self.language), text.clone())))
    }

    fn decode(&self) -> Result<PromptLibrary, PackFault> {
        let mut library = PromptLibrary::new();
        let fault = |id: &PromptId| {
            let (language, recording) = (self.language.clone(), id.clone());
            move |source| PackFault::Recording { language, recording, source }
        };
        for (id, file) in &self.recordings {
            library.insert(self.language.clone(), id.clone(), file).map_err(fault(id))?;
        }
        for (id, file) in &self.ready_made {
            library.insert_ready_made(self.language.clone(), id.clone(), Codec::G729, file).map_err(fault(id))?;
        }
        Ok(library)
    }
}

/// A pack that can be spoken from.
pub(super) struct PreparedPack {
    /// Its language.
    pub language: Language,
    /// Its words for screens.
    pub words: Locales,
    /// Its sentences.
    pub spoken: Spoken,
    /// Its recordings.
    pub library: PromptLibrary,
}

impl std::fmt::Debug for LanguagePack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LanguagePack").field("language", &self.language).finish_non_exhaustive()
    }
}

/// What tells a file from what it was before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileStamp {
    path: PathBuf,
    octets: u64,
    modified: Option<SystemTime>,
}

/// The packs in a folder, in the order of their names; none if there is no such folder.
///
/// # Errors
/// The folder can't be read.
pub fn pack_folders(folder: &Path) -> Result<Vec<PathBuf>, PackFault> {
    let failed = |source| PackFault::File { path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let mut folders: Vec<PathBuf> = paths.into_iter().filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

/// The files of a pack as they are now, at most one more than it may have.
///
/// # Errors
/// The folder can't be read.
pub fn stamps(folder: &Path) -> Result<Vec<FileStamp>, PackFault> {
    let failed = |source| PackFault::File { path: folder.to_owned(), source };
    let mut stamps = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)?.take(MOST_FILES + 1) {
        let path = entry.map_err(failed)?.path();
        let about = std::fs::metadata(&path).map_err(failed)?;
        if about.is_file() {
            stamps.push(FileStamp { path, octets: about.len(), modified: about.modified().ok() });
        }
    }
    stamps.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(stamps)
}
