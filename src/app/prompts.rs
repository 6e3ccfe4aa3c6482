//! The recordings carried in the program.

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "prompts/"]
#[include = "*/*.flac"]
#[include = "*/*.g729"]
#[include = "*/manifest.toml"]
struct Recordings;

/// Every file: `<language>/<id>.flac`, `<language>/manifest.toml`.
pub fn files() -> impl Iterator<Item = (String, Vec<u8>)> {
    Recordings::iter().filter_map(|path| {
        let file = Recordings::get(&path)?;
        Some((path.into_owned(), file.data.into_owned()))
    })
}
