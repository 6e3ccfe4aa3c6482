//! Where a generation's voice comes from: the recordings carried in the program, and the language packs in a folder, read again
//! at each restart of the service if a file has changed.

use std::path::PathBuf;
use std::sync::Arc;

use super::language_pack::{FileStamp, LanguagePack, pack_folders, stamps};
use super::voice::Voice;
use crate::locale::Locales;
use crate::vocab::Language;

/// The packs a voice was made with.
#[derive(Clone, Default, Debug)]
pub struct Packs {
    stamps: Vec<FileStamp>,
    /// Each as it was found.
    pub found: Vec<FoundPack>,
}

/// A pack that was found.
#[derive(Clone, Default, Debug)]
pub struct FoundPack {
    /// Its language, if its folder is named by one.
    pub language: Option<Language>,
    /// The folder.
    pub folder: PathBuf,
    /// True if it is spoken from.
    pub is_used: bool,
    /// What is wrong with it, or left over.
    pub faults: Vec<String>,
    /// Its words for screens; none if it is not used.
    pub words: Locales,
}

/// Where voices come from.
#[derive(Clone, Debug)]
pub struct Voices {
    builtin: Voice,
    folder: PathBuf,
}

impl Voices {
    /// The voice carried in the program, and the folder of packs, which need not be there.
    pub fn new(builtin: Voice, folder: PathBuf) -> Self {
        Self { builtin, folder }
    }

    /// The voice as the files are now; `before` if they are as they were then. Decoding takes a moment of a core.
    pub async fn voice(&self, before: Option<&Voice>) -> Voice {
        let (voices, kept) = (self.clone(), before.cloned());
        let read = tokio::task::spawn_blocking(move || voices.read(kept.as_ref())).await;
        read.unwrap_or_else(|_| before.unwrap_or(&self.builtin).clone())
    }

    fn read(&self, before: Option<&Voice>) -> Voice {
        let folders = pack_folders(&self.folder).unwrap_or_else(|fault| {
            tracing::error!(%fault, "the folder of language packs cannot be read");
            Vec::new()
        });
        let stamps: Vec<FileStamp> = folders.iter().flat_map(|folder| stamps(folder).unwrap_or_default()).collect();
        if let Some(before) = before.filter(|before| before.packs().stamps == stamps) {
            return before.clone();
        }
        let mut voice = self.builtin.clone();
        let mut found = Vec::new();
        for folder in folders {
            let mut pack = FoundPack { folder, ..FoundPack::default() };
            let mut faults = Vec::new();
            match LanguagePack::read(&pack.folder) {
                Ok(read) => {
                    let (prepared, noticed) = read.prepare();
                    pack.language = Some(read.language);
                    faults = noticed;
                    if let Some(prepared) = prepared {
                        pack.words = prepared.words.clone();
                        match voice.with_pack(prepared) {
                            Ok(more) => (voice, pack.is_used) = (more, true),
                            Err(fault) => faults.push(fault),
                        }
                    }
                }
                Err(fault) => faults.push(fault),
            }
            pack.faults = faults.iter().map(ToString::to_string).collect();
            match pack.is_used {
                true => tracing::info!(folder = %pack.folder.display(), "a language pack is installed"),
                false => {
                    tracing::error!(folder = %pack.folder.display(), faults = ?pack.faults, "a language pack cannot be used");
                }
            }
            found.push(pack);
        }
        voice.made_with(Arc::new(Packs { stamps, found }))
    }
}
