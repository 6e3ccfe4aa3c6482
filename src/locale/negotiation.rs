//! Which language to use, of those there are: RFC 4647 section 3.4 (lookup), and then any of the same primary language.
//!
//! It must not know where the wishes come from (a header, a setting, an environment variable).

use std::str::FromStr;

use crate::vocab::Language;

/// The first of `wanted` (best first) that `available` can serve, or else `default`. What isn't a language tag is passed over.
///
/// `ja-JP` is served by `ja`, and `pt` by `pt-BR` if there is no `pt`.
pub fn negotiate(wanted: &[&str], available: &[Language], default: &Language) -> Language {
    let served = wanted.iter().find_map(|tag| {
        let tag = Language::from_str(tag.trim()).ok()?;
        let by_less = chain(&tag).into_iter().find(|language| available.contains(language));
        by_less.or_else(|| {
            available.iter().find(|language| language.identifier().language == tag.identifier().language).cloned()
        })
    });
    served.unwrap_or_else(|| default.clone())
}

/// A tag and its ever less exact forms: `zh-Hant-TW`, `zh-Hant`, `zh`.
pub(super) fn chain(language: &Language) -> Vec<Language> {
    let text = language.to_string();
    let cuts = text.match_indices('-').map(|(at, _)| at).collect::<Vec<_>>();
    let shorter = cuts.into_iter().rev().filter_map(|at| text.get(..at)?.parse().ok());
    std::iter::once(language.clone()).chain(shorter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn languages(tags: &[&str]) -> Vec<Language> {
        tags.iter().map(|tag| tag.parse().unwrap()).collect()
    }

    #[test]
    fn the_first_wish_that_can_be_met_wins() {
        let available = languages(&["en", "ja", "pt-BR", "zh"]);
        for (wanted, given) in [
            (&["ja"][..], "ja"),
            (&["ja-JP"], "ja"),
            (&["fr", "ja;q", "ja"], "ja"),
            (&["zh-Hant-TW"], "zh"),
            (&["pt"], "pt-BR"),
            (&["pt-PT", "ja"], "pt-BR"),
            (&["fr", "*", ""], "en"),
            (&[], "en"),
        ] {
            assert_eq!(negotiate(wanted, &available, &Language::ENGLISH).to_string(), given, "{wanted:?}");
        }
    }
}
