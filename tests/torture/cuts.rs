//! Every message cut at every octet, and handed over in pieces of every size.

use tsunagu::sip::message::{StreamDecoder, parse_datagram};

use super::table::cases;

/// Octets that mean something to a parser.
const WRONG: [u8; 7] = [0, b'\n', b'"', b'<', b';', b',', 0xff];

/// What comes out of a stream, as text to be compared.
fn decoded(pieces: &mut dyn Iterator<Item = &[u8]>) -> Vec<String> {
    let mut decoder = StreamDecoder::new();
    let mut items = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(item) = decoder.next() {
            let is_end = item.is_err();
            items.push(format!("{item:?}"));
            if is_end {
                return items;
            }
        }
    }
    items
}

#[test]
fn a_datagram_cut_anywhere_is_read_or_refused() {
    for case in cases(5060) {
        let headers = case.octets.windows(4).position(|octets| octets == b"\r\n\r\n").unwrap() + 4;
        for cut in 0..=case.octets.len() {
            let result = parse_datagram(&case.octets[..cut]);
            // The last octet of the empty line ends it.
            assert!(cut >= headers || result.is_err(), "{} cut at {cut}", case.name);
        }
    }
}

#[test]
fn a_stream_cut_anywhere_waits_for_the_rest() {
    for case in cases(5060) {
        let whole = decoded(&mut std::iter::once(case.octets.as_slice()));
        for cut in 0..=case.octets.len() {
            let (head, tail) = case.octets.split_at(cut);
            assert_eq!(decoded(&mut [head, tail].into_iter()), whole, "{} cut at {cut}", case.name);
        }
        for size in [1, 2, 3, 7, 64] {
            assert_eq!(decoded(&mut case.octets.chunks(size)), whole, "{} in pieces of {size}", case.name);
        }
    }
}

#[test]
fn one_wrong_octet_anywhere_is_read_or_refused() {
    for case in cases(5060) {
        for at in 0..case.octets.len() {
            let mut octets = case.octets.clone();
            octets[at] = WRONG[at % WRONG.len()];
            let refused = parse_datagram(&octets).err();
            let status = refused.and_then(|malformed| malformed.answer).map(|answer| answer.status);
            assert!(status.is_none_or(|status| (400..600).contains(&status)), "{} at {at}", case.name);
        }
    }
}
