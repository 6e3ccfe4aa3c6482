//! Recognises which recordings are heard in a call's audio, and when each began.
//!
//! Three steps, each a sieve for the next. *Shapes*: every frame heard is compared with the prints' frames; likeness is
//! summed along each diagonal, that is, each (print, begin) pair, and forgotten where it turns negative (local alignment
//! without gaps, since a recording plays at one speed). *Waveform*: a diagonal with a high sum is checked by normalised
//! correlation, which finds the begin to half a sample and tells the same word in two recordings apart. *Tracks*: what
//! passed is followed and reported once only one remains, or at its end.
//!
//! Pure: samples in, reports out. Must not know packets, calls or what the prompts mean.

use std::collections::VecDeque;
use std::sync::Arc;

use super::prints::{PRINT_HOP, PromptPrints};
use super::spectrum::{Analyser, FRAME, SAME, Shape, likeness};
use super::waveform::{Correlation, Fit, KEPT, OFF_BY, Sound, align, correlation};
use crate::vocab::{Language, PromptId};

/// Samples between two frames heard: 10 ms. Half a print's, so that frames meet within 5 ms.
const HOP: usize = PRINT_HOP / 2;
/// Likeness below this speaks against a diagonal.
const LIKE: i32 = SAME * 8 / 10;
/// A sum (in thousandths of likeness) that makes a diagonal worth a look: about 130 ms of speech.
const WORTH_A_LOOK: i32 = 1_000;
/// The same for each frame of a short print.
const WORTH_A_FRAME: i32 = 100;
/// What silence says against a diagonal where the print speaks; little, since packets may be lost.
const AGAINST_SILENCE: i32 = 60;
/// What speech says against a diagonal where the print is silent.
const AGAINST_SPEECH: i32 = 200;
/// A diagonal may begin in this many of a print's first frames of speech …
const FIRST_FRAMES: usize = 10;
/// … and after them in one of so many, because the phone may join in the middle.
const LATER_FRAMES: usize = 8;
/// Diagonals looked at in one hop at the most.
const MOST_LOOKS: usize = 3;
/// Hops before a diagonal that failed is looked at again.
const LOOK_AGAIN: u64 = 8;
/// The stretch correlated when following: 200 ms.
const FOLLOWED: i64 = 1_600;
/// Correlation that keeps a track.
const KEEPS: f32 = 0.5;
/// A rival this much worse is none.
const CLEARLY: f32 = 0.15;
/// Samples heard after which a recording is certain, if no other fits: 600 ms.
const CERTAIN: i64 = 4_800;
/// Hops out of tune after which a track rivals no other: 80 ms.
const DOUBTED: u32 = 8;
/// Samples a recording may wait after its end for what else it might be the beginning of: 1 s.
const LONGEST_DOUBT: i64 = 8_000;
/// Hops out of tune after which a track is lost: 150 ms.
const LOST: u32 = 15;
/// Reports remembered, so that none is made twice.
const REMEMBERED: usize = 16;

/// One recording heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeardPrompt {
    /// Its language.
    pub language: Language,
    /// Which recording.
    pub id: PromptId,
    /// When it began, in milliseconds of audio since the first sample.
    pub at_ms: u64,
    /// How long the whole recording is, milliseconds.
    pub length_ms: u64,
}

/// Listens to one stream.
pub struct Recogniser {
    prints: Arc<PromptPrints>,
    analyser: Analyser,
    sound: Sound,
    /// Begin of the next frame, in samples since the first.
    next: i64,
    /// Sums of the diagonals, one a print's frame; frames heard fall on the two sets in turn.
    sums: [Vec<Vec<i32>>; 2],
    failed: VecDeque<(usize, i64, u64)>,
    tracks: Vec<Track>,
    reported: VecDeque<(usize, i64)>,
    /// Up to where the sound belongs to a recording reported.
    explained: i64,
}

/// A print that fits the sound at one begin.
struct Track {
    print: usize,
    phase: usize,
    begin: i64,
    since: i64,
    fit: f32,
    /// Hops out of tune since it was last in tune.
    missed: u32,
    /// Up to where it was last in tune.
    in_tune: i64,
    reported: bool,
}

impl Recogniser {
    /// Listens for these prints.
    pub fn new(prints: Arc<PromptPrints>) -> Self {
        let sums: Vec<Vec<i32>> = prints.prints.iter().map(|print| vec![0; print.shapes.len()]).collect();
        Self {
            analyser: Analyser::default(),
            sound: Sound::default(),
            next: 0,
            sums: [sums.clone(), sums],
            failed: VecDeque::new(),
            tracks: Vec::new(),
            reported: VecDeque::new(),
            explained: 0,
            prints,
        }
    }

    /// Takes the next samples (8 kHz) and gives what became certain by them, in order.
    pub fn listen(&mut self, samples: &[i16]) -> Vec<HeardPrompt> {
        let mut heard = Vec::new();
        for piece in samples.chunks(KEPT / 2) {
            self.sound.take(piece);
            while self.sound.end() >= self.next + FRAME as i64 {
                self.hop(&mut heard);
                self.next += HOP as i64;
            }
        }
        heard
    }

    fn hop(&mut self, heard: &mut Vec<HeardPrompt>) {
        let now = self.next + FRAME as i64;
        let shape = self.sound.plain(self.next, now).and_then(|frame| self.analyser.shape(frame));
        let best = self.sum_up(shape.as_ref());
        self.follow(now);
        self.look(best, now);
        self.conclude(now, heard);
    }

    /// Adds a frame to every diagonal; gives those worth a look as (sum, print, frame), the highest of each print.
    fn sum_up(&mut self, shape: Option<&Shape>) -> Vec<(i32, usize, usize)> {
        let [even, odd] = &mut self.sums;
        let sums = if self.next / HOP as i64 % 2 == 0 { even } else { odd };
        let mut best = Vec::new();
        for (at, (print, sums)) in self.prints.prints.iter().zip(sums).enumerate() {
            let enough = WORTH_A_LOOK.min(print.voiced_frames as i32 * WORTH_A_FRAME);
            let (mut carried, mut highest) = (0, (0, 0));
            for (frame, (sum, expected)) in sums.iter_mut().zip(&print.shapes).enumerate() {
                let before = std::mem::replace(&mut carried, *sum);
                let may_begin = frame < print.voiced.start + FIRST_FRAMES || frame % LATER_FRAMES == 0;
                if before == 0 && !may_begin {
                    *sum = 0;
                    continue;
                }
                let gain = match (shape, expected) {
                    (Some(heard), Some(expected)) => (likeness(heard, expected) - LIKE) / 1_000,
                    (None, None) => 0,
                    (None, Some(_)) => -AGAINST_SILENCE,
                    (Some(_), None) => -AGAINST_SPEECH,
                };
                *sum = (before + gain).max(0);
                if *sum > highest.0 && frame <= print.voiced.end {
                    highest = (*sum, frame);
                }
            }
            if highest.0 >= enough {
                best.push((highest.0, at, highest.1));
            }
        }
        best.sort_unstable_by(|a, b| b.cmp(a));
        best
    }

    /// Follows what is tracked.
    fn follow(&mut self, now: i64) {
        for track in &mut self.tracks {
            let Some(print) = self.prints.prints.get(track.print) else { continue };
            let end = now.min(track.begin + print.voiced_end());
            let from = (end - FOLLOWED).max(track.begin + print.voiced_begin()).max(track.since);
            match correlation(&self.sound, print, (track.phase, track.begin), from, end) {
                Correlation::Of(fit) => {
                    track.fit = fit;
                    track.missed = if fit >= KEEPS { 0 } else { track.missed + 1 };
                    track.in_tune = if fit >= KEEPS { end } else { track.in_tune };
                }
                Correlation::OnlyOneSpeaks => track.missed += 1,
                Correlation::Silence => {}
            }
        }
        self.tracks.retain(|track| track.missed < LOST);
    }

    /// Correlates the most promising diagonals, unless a recording already reported goes on.
    fn look(&mut self, best: Vec<(i32, usize, usize)>, now: i64) {
        let hop = (now / HOP as i64).unsigned_abs();
        self.failed.retain(|(_, _, until)| *until > hop);
        if self.tracks.iter().any(|track| track.reported && track.missed == 0) {
            return;
        }
        let mut looks = 0;
        for (_, at, frame) in best {
            let begin = self.next - (frame * PRINT_HOP) as i64;
            let near = |other: i64| (other - begin).abs() <= 2 * OFF_BY;
            let known = self.tracks.iter().any(|track| track.print == at && near(track.begin))
                || self.reported.iter().any(|(print, begin)| *print == at && near(*begin))
                || self.failed.iter().any(|(print, begin, _)| *print == at && near(*begin));
            let Some(print) = self.prints.prints.get(at).filter(|_| !known) else { continue };
            looks += 1;
            if looks > MOST_LOOKS {
                break;
            }
            match align(&self.sound, print, begin, now, self.explained) {
                Some(Fit { fit, phase, begin, since }) => {
                    self.tracks.push(Track {
                        print: at,
                        phase,
                        begin,
                        since,
                        fit,
                        missed: 0,
                        in_tune: since,
                        reported: false,
                    });
                }
                None => self.failed.push_back((at, begin, hop + LOOK_AGAIN)),
            }
        }
    }

    /// Reports what is certain and lets go of what has ended.
    fn conclude(&mut self, now: i64, heard: &mut Vec<HeardPrompt>) {
        let open = |track: &&Track| !track.reported && track.missed < DOUBTED;
        let certain = self.tracks.iter().enumerate().find(|(at, track)| {
            let (begins, ends) = self.span(track);
            let covered = now.min(ends) - track.since;
            let alone = !self.tracks.iter().enumerate().any(|(other, rival)| {
                // A recording that ended while this one went on in tune is a part of it.
                let outlived = track.in_tune - FOLLOWED >= self.span(rival).1;
                other != *at
                    && open(&rival)
                    && rival.fit > track.fit - CLEARLY
                    && !outlived
                    && !(now >= ends && now >= self.span(rival).1)
            });
            let enough = covered >= CERTAIN || (now >= ends && 2 * covered >= ends - begins);
            open(track) && track.missed == 0 && alone && enough
        });
        if let Some((at, _)) = certain {
            self.report(at, now, heard);
        }
        let reported = self.tracks.iter().filter(|track| track.reported && track.missed == 0);
        let explained = reported.map(|track| self.span(track).1.min(now)).max();
        self.explained = self.explained.max(explained.unwrap_or(0));
        let tracks = std::mem::take(&mut self.tracks);
        // One that ended may be the beginning of a longer one, and waits until that is known.
        let doubtful = |track: &Track| !track.reported && now < self.span(track).1 + LONGEST_DOUBT;
        self.tracks = tracks.into_iter().filter(|track| now < self.span(track).1 || doubtful(track)).collect();
    }

    /// First and one past the last sample of a track's speech.
    fn span(&self, track: &Track) -> (i64, i64) {
        let print = self.prints.prints.get(track.print);
        print.map_or((0, 0), |print| (track.begin + print.voiced_begin(), track.begin + print.voiced_end()))
    }

    fn report(&mut self, at: usize, now: i64, heard: &mut Vec<HeardPrompt>) {
        let Some(track) = self.tracks.get_mut(at) else { return };
        track.reported = true;
        let (print, begin) = (track.print, track.begin);
        // What else fitted this stretch of sound was this recording.
        self.tracks.retain(|track| track.reported);
        self.explained = self.explained.max(now.min(begin));
        if self.reported.len() >= REMEMBERED {
            self.reported.pop_front();
        }
        self.reported.push_back((print, begin));
        if let Some(print) = self.prints.prints.get(print) {
            let at_ms = u64::try_from(begin / 8).unwrap_or(0);
            let length_ms = print.phases.first().map_or(0, |samples| samples.len() as u64 / 8);
            heard.push(HeardPrompt { language: print.language.clone(), id: print.id.clone(), at_ms, length_ms });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::phone::synthetic::{over_the_line, speech};

    static LIBRARY: LazyLock<Vec<(&str, Vec<i16>)>> = LazyLock::new(library);

    fn library() -> Vec<(&'static str, Vec<i16>)> {
        let mut library = vec![
            ("ask-id", speech(1, 14)),
            ("ask-pin", speech(2, 12)),
            ("digit-1", speech(3, 2)),
            ("digit-2", speech(4, 2)),
            ("digit-3", speech(5, 2)),
            ("tail", speech(6, 3)),
        ];
        // One that begins as another whole recording does, and goes on.
        let longer = [speech(6, 3), speech(7, 8)].concat();
        library.push(("longer-tail", longer));
        library
    }

    fn recogniser() -> Recogniser {
        let recordings = LIBRARY.iter().map(|(id, samples)| (Language::ENGLISH, id.parse().unwrap(), samples));
        Recogniser::new(Arc::new(PromptPrints::new(recordings)))
    }

    fn recording(id: &str) -> Vec<i16> {
        LIBRARY.iter().find(|(known, _)| *known == id).unwrap().1.clone()
    }

    fn ids(heard: &[HeardPrompt]) -> Vec<&str> {
        heard.iter().map(|prompt| prompt.id.as_str()).collect()
    }

    /// Plays recordings without a gap after `lead` samples of silence; `spoil` may damage what is heard.
    fn hear(played: &[&str], lead: usize, mu_law: bool, spoil: impl Fn(usize, &mut [i16])) -> Vec<HeardPrompt> {
        let joined: Vec<i16> = played.iter().flat_map(|id| recording(id)).collect();
        let mut sound = vec![0; lead];
        sound.extend(over_the_line(&joined, mu_law));
        sound.extend([0; 12_000]);
        let mut recogniser = recogniser();
        sound
            .chunks_mut(160)
            .enumerate()
            .flat_map(|(at, packet)| {
                spoil(at, packet);
                recogniser.listen(packet)
            })
            .collect()
    }

    #[test]
    fn a_row_without_gaps_is_told_apart_wherever_it_begins() {
        let played = ["digit-2", "digit-1", "digit-1", "ask-id", "digit-3", "tail"];
        for (lead, mu_law) in [(0, true), (37, false), (1201, true), (2999, false)] {
            let heard = hear(&played, lead, mu_law, |_, _| ());
            assert_eq!(ids(&heard), played, "after {lead}");
            let mut begin = lead as u64 / 8;
            for (id, prompt) in played.iter().zip(&heard) {
                assert!(prompt.at_ms.abs_diff(begin) <= 3, "{id} at {} instead of {begin}", prompt.at_ms);
                begin += recording(id).len() as u64 / 16;
            }
        }
    }

    #[test]
    fn lost_packets_hide_nothing() {
        let played = ["digit-3", "ask-pin", "digit-2", "digit-1"];
        let heard = hear(&played, 500, true, |at, packet| {
            if at % 25 == 7 {
                packet.fill(0);
            }
        });
        assert_eq!(ids(&heard), played);
    }

    #[test]
    fn what_is_cut_short_is_known_before_it_would_have_ended() {
        let mut sound = over_the_line(&recording("ask-id"), true);
        sound.truncate(9_600);
        sound.extend(over_the_line(&recording("digit-2"), true));
        sound.extend([0; 4_000]);
        let mut recogniser = recogniser();
        let heard: Vec<HeardPrompt> = sound.chunks(160).flat_map(|packet| recogniser.listen(packet)).collect();
        assert_eq!(ids(&heard), ["ask-id", "digit-2"]);
    }

    #[test]
    fn a_recording_that_begins_another_is_told_from_it() {
        assert_eq!(ids(&hear(&["tail"], 80, true, |_, _| ())), ["tail"]);
        assert_eq!(ids(&hear(&["longer-tail"], 80, true, |_, _| ())), ["longer-tail"]);
    }

    #[test]
    fn a_phone_that_joins_late_still_hears_the_rest() {
        let sound = over_the_line(&recording("ask-id"), false);
        let mut recogniser = recogniser();
        let heard: Vec<HeardPrompt> = sound[6_000..].chunks(160).flat_map(|packet| recogniser.listen(packet)).collect();
        assert_eq!((ids(&heard), heard[0].at_ms), (vec!["ask-id"], 0));
    }

    #[test]
    fn strange_speech_and_noise_are_no_prompt() {
        let mut recogniser = recogniser();
        let noise = (0..40_000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 18) as i16 - 8192).collect::<Vec<i16>>();
        let strange = over_the_line(&speech(99, 40), true);
        assert_eq!(recogniser.listen(&[noise, strange].concat()), []);
    }
}
