//! Reads and plays the golden conversations (README.md here tells the format).
//!
//! It must not know what the right answers are.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use secrecy::ExposeSecret;
use tsunagu::ivr::{
    Dialogue, DialogueDraft, DialogueSettings, Input, Key, Line, NewPinReason, NextStep, Output, PlayTag, Question,
    Refusal, Verdict,
};
use tsunagu::locale::{Locales, Spoken};
use tsunagu::vocab::{Language, Secret};

/// One call being played: the dialogue, its clock, and what is heard now.
struct Call {
    dialogue: Dialogue,
    now: Instant,
    playing: Option<PlayTag>,
}

/// What has to be proven is set beside the conversation, and in a script among its settings.
fn read(mut settings: toml::Table) -> DialogueSettings {
    let authentication = settings.remove("authentication").map(|mode| mode.try_into().unwrap()).unwrap_or_default();
    let draft = DialogueDraft { authentication, ..settings.try_into().unwrap() };
    draft.try_into().unwrap()
}

/// Plays a script and gives it back with the dialogue's own lines where they belong.
pub fn play(script: &str, voices: &BTreeMap<Language, Spoken>) -> String {
    let settings: String =
        script.lines().filter_map(|line| line.strip_prefix("= ")).map(|line| format!("{line}\n")).collect();
    let settings = read(settings.parse().unwrap());
    let mut call = Call::new(&settings);
    let mut transcript = String::new();
    for line in script.lines() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let outputs = match kind {
            "<" | "?" | "." => continue,
            "" | "#" | "=" => Vec::new(),
            "--" => {
                assert!(call.dialogue.is_over(), "a call is not over before: {line}");
                call = Call::new(&settings);
                Vec::new()
            }
            "@" => call.happens(rest),
            ">" => rest.chars().flat_map(|key| call.gets(Input::Digit(Key::try_from(key).unwrap()))).collect(),
            "!" => call.gets(Input::Verdict(verdict(rest))),
            _ => panic!("not a line of a conversation: {line}"),
        };
        transcript.push_str(line);
        transcript.push('\n');
        for output in &outputs {
            transcript.push_str(&written(output, voices));
        }
    }
    assert!(call.dialogue.is_over(), "the last call is not over");
    transcript
}

/// The voices of every language carried in the program.
pub fn voices() -> BTreeMap<Language, Spoken> {
    let locales = Locales::embedded().unwrap();
    let languages = locales.spoken_languages().into_iter();
    languages.map(|language| (language.clone(), locales.spoken(&language).unwrap())).collect()
}

impl Call {
    fn new(settings: &DialogueSettings) -> Self {
        let now = Instant::now();
        Self { dialogue: Dialogue::new(settings.clone(), now), now, playing: None }
    }

    fn gets(&mut self, input: Input) -> Vec<Output> {
        let outputs = self.dialogue.handle(self.now, input);
        for output in &outputs {
            match output {
                Output::Play { tag, .. } => self.playing = Some(*tag),
                Output::StopPlaying => self.playing = None,
                Output::Ask(_) | Output::HangUp(_) => {}
            }
        }
        outputs
    }

    fn happens(&mut self, what: &str) -> Vec<Output> {
        match what {
            "answered" => self.gets(Input::Answered),
            "closing" => self.gets(Input::ServiceClosing),
            "hung up" => self.gets(Input::HungUp),
            "heard" => {
                let tag = self.playing.take().expect("nothing is playing");
                self.gets(Input::PromptDone { tag })
            }
            _ => {
                let seconds = what.strip_prefix('+').and_then(|text| text.strip_suffix('s')?.parse().ok());
                self.passes(Duration::from_secs_f64(seconds.expect("not an event")))
            }
        }
    }

    fn passes(&mut self, time: Duration) -> Vec<Output> {
        let until = self.now + time;
        let mut outputs = Vec::new();
        for _ in 0..100 {
            let Some(due) = self.dialogue.deadline().filter(|due| *due <= until) else { break };
            self.now = self.now.max(due);
            outputs.extend(self.gets(Input::Elapsed));
        }
        assert!(self.dialogue.deadline().is_none_or(|due| due > until), "its deadline never goes away");
        self.now = until;
        outputs
    }
}

fn verdict(text: &str) -> Verdict {
    match text.split(' ').collect::<Vec<_>>()[..] {
        ["proceed"] => Verdict::Proceed,
        ["new-pin", reason] => Verdict::NewPin(match reason {
            "due" => NewPinReason::Due,
            "too-short" => NewPinReason::TooShort,
            "too-easy" => NewPinReason::TooEasy,
            "not-new" => NewPinReason::NotNew,
            _ => panic!("no such reason: {reason}"),
        }),
        ["wrong"] => Verdict::WrongCredentials,
        ["bound", extension, "restart"] => {
            Verdict::Bound { extension: extension.parse().unwrap(), next: NextStep::Restart }
        }
        ["bound", extension, "ready"] => {
            Verdict::Bound { extension: extension.parse().unwrap(), next: NextStep::Ready }
        }
        ["refused", code] => {
            Verdict::Refused(Refusal::ALL.into_iter().find(|refusal| refusal.code() == code).expect("no such refusal"))
        }
        _ => panic!("not a verdict: {text}"),
    }
}

/// An output as a conversation writes it. What is to be said must be sayable.
fn written(output: &Output, voices: &BTreeMap<Language, Spoken>) -> String {
    match output {
        Output::Play { lines, .. } => lines.iter().map(|line| said(line, voices)).collect(),
        Output::StopPlaying => "< (stop)\n".to_owned(),
        Output::Ask(Question::Begin) => "? begin\n".to_owned(),
        Output::Ask(Question::Claim { id, credential, new_pin }) => {
            let stars = |secret: &Secret| "*".repeat(secret.expose_secret().len());
            let new_pin = new_pin.as_ref().map(|pin| format!(" new {}", stars(pin))).unwrap_or_default();
            format!("? claim {id} {}{new_pin}\n", credential.as_ref().map_or("-".to_owned(), stars))
        }
        Output::HangUp(ending) => format!(". {}\n", ending.code()),
    }
}

fn said(line: &Line, voices: &BTreeMap<Language, Spoken>) -> String {
    let (id, arguments) = (line.sentence.id(), line.sentence.arguments());
    let given: Vec<_> = arguments.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert!(!voices[&line.language].sentence(id, &given).unwrap().is_empty());
    let given: String = given.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    format!("< {id}{given} ({})\n", line.language)
}
