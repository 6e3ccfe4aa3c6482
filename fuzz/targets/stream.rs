//! Any stream, in any pieces: the same messages come out as when it arrives whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tsunagu::sip::message::{StreamDecoder, StreamItem};

fn items<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut decoder = StreamDecoder::new();
    let mut items = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(item) = decoder.next() {
            // Two line ends are a ping when they come together, and not when they don't.
            if !matches!(item, Ok(StreamItem::KeepAlivePing | StreamItem::KeepAlivePong)) {
                items.push(format!("{item:?}"));
            }
            if item.is_err() {
                return items;
            }
        }
    }
    items
}

fuzz_target!(|input: (u8, &[u8])| {
    let (size, octets) = input;
    let whole = items(std::iter::once(octets));
    let pieces = items(octets.chunks(usize::from(size) + 1));
    assert_eq!(whole, pieces);
});
