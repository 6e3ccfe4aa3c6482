//! `tsunagu prompts check`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use sha2::{Digest, Sha256};

use super::{output, prompts};
use crate::cti::{LanguagePack, PackFault};
use crate::ivr::SENTENCES;
use crate::locale::{LocaleError, Locales, PromptFault, SpokenFiles, check_prompts};
use crate::vocab::{Language, PromptId};

/// Checks the recordings in the program, or these language packs; lists what is wrong.
pub fn run(packs: &[PathBuf]) -> ExitCode {
    if !packs.is_empty() {
        return check_packs(packs);
    }
    match check() {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            for fault in faults {
                output::line(&fault.to_string());
            }
            ExitCode::FAILURE
        }
        Err(error) => output::fail(&error),
    }
}

fn check_packs(packs: &[PathBuf]) -> ExitCode {
    let mut is_usable = true;
    for folder in packs {
        let faults = LanguagePack::read(folder).map_or_else(|fault| vec![fault], |pack| pack.faults());
        for fault in &faults {
            output::line(&fault.to_string());
        }
        is_usable &= !faults.iter().any(PackFault::is_fatal);
    }
    if is_usable { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is wrong with the recordings in the program.
pub fn check() -> Result<Vec<PromptFault>, LocaleError> {
    let locales = Locales::embedded()?;
    let files: Vec<(String, Vec<u8>)> = prompts::files().collect();
    let languages = locales.spoken_languages();
    let recorded: Vec<Recorded> = languages.iter().map(|language| Recorded::of(language, &files)).collect();
    let spoken: Vec<SpokenFiles<'_>> = languages
        .iter()
        .zip(&recorded)
        .map(|(language, recorded)| SpokenFiles {
            language,
            spoken: locales.spoken_text(language).unwrap_or_default(),
            manifest: Some(&recorded.manifest),
            files: Some(&recorded.files),
        })
        .collect();
    Ok(check_prompts(SENTENCES, &spoken))
}

/// What a language has recorded.
struct Recorded {
    manifest: String,
    files: BTreeMap<PromptId, String>,
}

impl Recorded {
    fn of(language: &Language, files: &[(String, Vec<u8>)]) -> Self {
        let prefix = format!("{language}/");
        let mut recorded = Self { manifest: String::new(), files: BTreeMap::new() };
        for (path, octets) in files {
            let Some(name) = path.strip_prefix(&prefix) else { continue };
            match name.strip_suffix(".flac").map(str::parse) {
                Some(Ok(id)) => {
                    recorded.files.insert(id, hex::encode(Sha256::digest(octets)));
                }
                _ if name == "manifest.toml" => recorded.manifest = String::from_utf8_lossy(octets).into_owned(),
                _ => {}
            }
        }
        recorded
    }
}
