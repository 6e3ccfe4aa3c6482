//! The self-provisioning conversation: golden calls in `dialogue/`, and what holds for any caller whatever they do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "dialogue/script.rs"]
mod script;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use secrecy::ExposeSecret;
use tsunagu::ivr::{
    Authentication, Dialogue, DialogueDraft, DialogueSettings, DigitsDuringPrompt, Input, Key, NewPinReason, NextStep,
    Output, PlayTag, Question, Refusal, Verdict,
};
use tsunagu::vocab::Language;

/// Set to 1, the goldens are written anew instead of compared.
const UPDATE: &str = "TSUNAGU_UPDATE_DIALOGUES";

#[test]
fn every_golden_conversation_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogue");
    let voices = script::voices();
    let update = std::env::var(UPDATE).is_ok_and(|value| value == "1");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
    files.sort();
    assert!(files.len() >= 20, "only {} conversations in {}", files.len(), folder.display());
    let mut differing = Vec::new();
    for path in &files {
        let golden = fs::read_to_string(path).unwrap();
        let played = script::play(&golden, &voices);
        if update {
            fs::write(path, &played).unwrap();
        } else if golden != played {
            let at = golden.lines().zip(played.lines()).take_while(|(golden, played)| golden == played).count();
            let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
            let (wanted, got) = (line(&golden), line(&played));
            differing.push(format!("{}, line {}: wanted “{wanted}”, got “{got}”", path.display(), at + 1));
        }
    }
    assert!(differing.is_empty(), "{}\n(if this is meant: {UPDATE}=1)", differing.join("\n"));
}

fn settings(change: impl FnOnce(&mut DialogueDraft)) -> DialogueSettings {
    let mut draft = DialogueDraft::default();
    change(&mut draft);
    draft.try_into().unwrap()
}

fn press(dialogue: &mut Dialogue, now: Instant, keys: &str) -> Vec<Output> {
    keys.chars().flat_map(|key| dialogue.handle(now, Input::Digit(Key::try_from(key).unwrap()))).collect()
}

/// The languages of what is being said.
fn languages_said(outputs: &[Output]) -> Vec<String> {
    let said = outputs.iter().filter_map(|output| match output {
        Output::Play { lines, .. } => Some(lines),
        _ => None,
    });
    said.flatten().map(|line| line.language.to_string()).collect()
}

#[test]
fn of_more_than_nine_languages_nine_are_offered_at_a_time() {
    let tags = ["ja", "en", "fr", "de", "es", "it", "pt", "nl", "sv", "ko", "zh"];
    let settings = settings(|draft| draft.languages = tags.iter().map(|tag| tag.parse().unwrap()).collect());
    let now = Instant::now();
    let begun = || {
        let mut dialogue = Dialogue::new(settings.clone(), now);
        dialogue.handle(now, Input::Answered);
        let offered = languages_said(&dialogue.handle(now, Input::Verdict(Verdict::Proceed)));
        assert_eq!(offered, tags[..9]);
        dialogue
    };
    // 0 goes on, round to the first; a key without a language counts as silence.
    let mut dialogue = begun();
    assert_eq!(languages_said(&press(&mut dialogue, now, "0")), tags[9..]);
    assert_eq!(languages_said(&press(&mut dialogue, now, "0")), tags[..9]);
    assert_eq!(languages_said(&press(&mut dialogue, now, "0")), tags[9..]);
    assert_eq!(languages_said(&press(&mut dialogue, now, "2")), ["zh", "zh"]);
    // Who says nothing hears all of them, as often as they are to be offered, and is then spoken to in the first.
    let mut dialogue = begun();
    let mut now = now;
    for offered in [&tags[9..], &tags[..9], &tags[9..], &["ja", "ja"]] {
        let playing = (0..9).map(PlayTag);
        playing.for_each(|tag| drop(dialogue.handle(now, Input::PromptDone { tag })));
        now = dialogue.deadline().unwrap();
        assert_eq!(languages_said(&dialogue.handle(now, Input::Elapsed)), offered);
    }
}

#[test]
fn the_credential_reaches_the_claim_and_no_debug_text() {
    for during in [DigitsDuringPrompt::Interrupt, DigitsDuringPrompt::Keep] {
        let now = Instant::now();
        let mut dialogue = Dialogue::new(settings(|draft| draft.digits_during_prompt = during), now);
        let mut outputs = dialogue.handle(now, Input::Answered);
        // Typed ahead in one go, before the service has said a word.
        outputs.extend(press(&mut dialogue, now, "1001##73519#"));
        outputs.extend(dialogue.handle(now, Input::Verdict(Verdict::Proceed)));
        let mut seen = format!("{dialogue:?}");
        for tag in 0..9 {
            outputs.extend(dialogue.handle(now, Input::PromptDone { tag: PlayTag(tag) }));
            seen += &format!("{dialogue:?}");
        }
        let claimed = outputs.iter().find_map(|output| match output {
            Output::Ask(Question::Claim { id, credential: Some(secret), .. }) => {
                Some((id.as_str(), secret.expose_secret()))
            }
            _ => None,
        });
        assert_eq!(claimed, Some(("1001", "73519")));
        seen += &format!("{outputs:?} {:?}", Input::Digit(Key::try_from('7').unwrap()));
        assert!(!seen.contains("73519") && !seen.contains('7'), "{seen}");
    }
}

#[test]
fn nothing_comes_out_of_a_conversation_that_is_over() {
    let now = Instant::now();
    let mut dialogue = Dialogue::new(DialogueSettings::default(), now);
    assert!(matches!(dialogue.handle(now, Input::HungUp)[..], [Output::HangUp(_)]));
    for input in [Input::Answered, Input::Elapsed, Input::HungUp, Input::ServiceClosing] {
        assert!(dialogue.handle(now, input).is_empty());
    }
    assert_eq!(dialogue.deadline(), None);
}

/// What a caller, a clock or a service may do next.
#[derive(Debug, Clone)]
enum Step {
    Keys(String),
    Heard,
    HeardLate(u32),
    Due,
    Pass(u64),
    Verdict(Verdict),
    Answered,
    Closing,
    HungUp,
}

fn steps() -> impl Strategy<Value = Step> {
    let bound = Verdict::Bound { extension: "2001".parse().unwrap(), next: NextStep::Ready };
    let refused = select(&Refusal::ALL[..]).prop_map(Verdict::Refused);
    let new_pin = select(vec![NewPinReason::Due, NewPinReason::TooEasy]).prop_map(Verdict::NewPin);
    let wrong = Just(Verdict::WrongCredentials);
    let verdict = prop_oneof![3 => wrong, 2 => Just(Verdict::Proceed), 2 => new_pin, 1 => Just(bound), 1 => refused];
    prop_oneof![
        8 => "[0-9*#A-D]{1,12}".prop_map(Step::Keys),
        20 => "[12]?[0-9]{1,8}##[0-9]{5,8}#".prop_map(Step::Keys),
        6 => "(1234567#1234567|[0-9]{5,8}#[0-9]{5,8})#".prop_map(Step::Keys),
        10 => Just(Step::Heard),
        2 => (0_u32..40).prop_map(Step::HeardLate),
        5 => Just(Step::Due),
        5 => (0_u64..20_000).prop_map(Step::Pass),
        12 => verdict.prop_map(Step::Verdict),
        1 => Just(Step::Answered),
        1 => prop_oneof![Just(Step::Closing), Just(Step::HungUp)],
    ]
}

fn any_settings() -> impl Strategy<Value = DialogueSettings> {
    let languages = select(vec![vec!["ja"], vec!["en"], vec!["ja", "en"], vec!["en", "ja", "fr"]]);
    let authentication = select(vec![
        Authentication::Users,
        Authentication::UsersAndAdministrators,
        Authentication::Administrators,
        Authentication::None,
    ]);
    let during = select(vec![DigitsDuringPrompt::Interrupt, DigitsDuringPrompt::Keep, DigitsDuringPrompt::Ignore]);
    (languages, authentication, during, 1_u8..=10, 0_u8..=10, 1_u8..=5, 1_u8..=20).prop_map(
        |(languages, authentication, during, tries, helps, language_offers, most)| {
            settings(|draft| {
                draft.languages = languages.iter().map(|tag| tag.parse::<Language>().unwrap()).collect();
                draft.authentication = authentication;
                draft.digits_during_prompt = during;
                draft.tries = tries;
                draft.helps = helps;
                draft.language_offers = language_offers;
                draft.id_digits = most;
                draft.credential_digits = most;
            })
        },
    )
}

/// Watches a conversation and checks what must hold of every one.
struct Watched {
    dialogue: Dialogue,
    now: Instant,
    tries: usize,
    playing: Option<PlayTag>,
    inputs: usize,
    plays: usize,
    claims: usize,
    ids: Vec<String>,
    credentials: Vec<String>,
    debug: String,
    over: bool,
}

impl Watched {
    fn new(settings: DialogueSettings) -> Self {
        let now = Instant::now();
        let tries = settings.tries.into();
        let dialogue = Dialogue::new(settings, now);
        let (ids, credentials, debug) = (Vec::new(), Vec::new(), String::new());
        Self {
            dialogue,
            now,
            tries,
            playing: None,
            inputs: 0,
            plays: 0,
            claims: 0,
            ids,
            credentials,
            debug,
            over: false,
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Keys(keys) => keys.chars().for_each(|key| self.give(Input::Digit(Key::try_from(key).unwrap()))),
            Step::Heard => self.playing.take().into_iter().for_each(|tag| self.give(Input::PromptDone { tag })),
            Step::HeardLate(tag) => {
                self.playing = self.playing.filter(|playing| *playing != PlayTag(*tag));
                self.give(Input::PromptDone { tag: PlayTag(*tag) });
            }
            Step::Due => {
                self.now = self.dialogue.deadline().map_or(self.now, |due| due.max(self.now));
                self.give(Input::Elapsed);
            }
            Step::Pass(millis) => {
                self.now += Duration::from_millis(*millis);
                self.give(Input::Elapsed);
            }
            Step::Verdict(verdict) => self.give(Input::Verdict(verdict.clone())),
            Step::Answered => self.give(Input::Answered),
            Step::Closing => self.give(Input::ServiceClosing),
            Step::HungUp => self.give(Input::HungUp),
        }
    }

    fn give(&mut self, input: Input) {
        self.inputs += 1;
        self.debug += &format!("{input:?}");
        let outputs = self.dialogue.handle(self.now, input);
        assert!(!self.over || outputs.is_empty(), "something came out after the end: {outputs:?}");
        assert!(outputs.len() <= 4, "too much at once: {outputs:?}");
        for output in &outputs {
            match output {
                Output::Play { tag, lines } => {
                    assert!(self.playing.is_none(), "played over something: {outputs:?}");
                    assert!(!lines.is_empty() && lines.len() <= 9);
                    self.plays += 1;
                    self.playing = Some(*tag);
                }
                Output::StopPlaying => assert!(self.playing.take().is_some(), "stopped nothing: {outputs:?}"),
                Output::Ask(Question::Begin) => {}
                Output::Ask(Question::Claim { id, credential, new_pin }) => {
                    // With a new PIN the same claim is made again: nobody guesses anything by that.
                    self.claims += usize::from(new_pin.is_none());
                    self.ids.push(id.to_string());
                    let secrets = credential.iter().chain(new_pin);
                    self.credentials.extend(secrets.map(|secret| secret.expose_secret().to_owned()));
                }
                Output::HangUp(_) => self.over = true,
            }
        }
        self.debug += &format!("{outputs:?}{:?}", self.dialogue);
    }

    fn check(&self) {
        assert!(self.over && self.dialogue.is_over() && self.dialogue.deadline().is_none());
        assert!(self.plays <= self.inputs, "{} plays on {} inputs", self.plays, self.inputs);
        assert!(self.claims <= self.tries, "{} claims in {} tries", self.claims, self.tries);
        // Shorter ones may show up by chance, in a tag or an extension; and who keys their PIN in as their ID has it read back.
        for secret in self.credentials.iter().filter(|secret| secret.len() >= 5) {
            assert!(self.said(secret) || !self.debug.contains(secret.as_str()), "{secret} is in {}", self.debug);
        }
    }

    fn said(&self, secret: &str) -> bool {
        let read_back = |text: &str| {
            text.split("ConfirmId { id: ").skip(1).any(|id| id.split(' ').next().is_some_and(|id| id.contains(secret)))
        };
        self.ids.iter().any(|id| id.contains(secret)) || read_back(&self.debug)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_conversation_ends_bounded_and_tells_no_secret(
        settings in any_settings(),
        begins in prop::bool::weighted(0.9),
        steps in vec(steps(), 0..80),
        listens in any::<bool>(),
    ) {
        let mut watched = Watched::new(settings);
        if begins {
            watched.step(&Step::Answered);
            watched.step(&Step::Verdict(Verdict::Proceed));
        }
        steps.iter().for_each(|step| watched.step(step));
        // The caller falls silent and nobody answers any more: it must end by its own clock, whether or not prompts are played.
        for _ in 0..100 {
            if listens {
                watched.step(&Step::Heard);
            }
            watched.step(&Step::Due);
        }
        watched.check();
    }
}
