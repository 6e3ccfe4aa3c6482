//! baresip as a phone without a sound card: it plays silence (or a tone) from a file, records what it hears, and is told what to do
//! over its control port (JSON in netstrings).

#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::programs::{self, Program};
use crate::support::server::Server;
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);
/// Samples a second of what it plays and records.
const RATE: u32 = 8000;
/// Seconds of what it says: its end would end the call.
const VOICE: u32 = 120;
/// From one key to the next, as a quick finger has it.
const BETWEEN_KEYS: Duration = Duration::from_millis(250);

/// A running baresip.
#[derive(Debug)]
pub struct Baresip {
    control: TcpStream,
    events: Arc<Mutex<Vec<Value>>>,
    folder: PathBuf,
    _program: Program,
}

impl Baresip {
    /// Starts it with an account nobody knows and one codec, and waits until it is registered.
    pub fn start(server: &Server, user: &str, codec: &str) -> Self {
        Self::start_at(server, &server.sip.to_string(), user, codec)
    }

    /// The same with another place of the server's to register at: an address, and how it is reached if not over UDP.
    pub fn start_at(server: &Server, place_of_sip: &str, user: &str, codec: &str) -> Self {
        Self::start_playing(server, place_of_sip, user, codec, |_| 0)
    }

    /// The same with something else than silence to say: its samples, by their place in time.
    pub fn start_playing(
        server: &Server,
        place_of_sip: &str,
        user: &str,
        codec: &str,
        sample: impl Fn(u32) -> i16,
    ) -> Self {
        programs::need("baresip", "baresip-core");
        programs::need("sox", "sox");
        let folder = server.folder().join(user);
        std::fs::create_dir_all(&folder).unwrap();
        let (sip, control) = (server.ports.some(2), server.ports.some(1));
        let rtp = server.ports.some(12);
        let place = folder.display();
        let (family, own) = if place_of_sip.starts_with('[') { ("-6", "[::1]") } else { ("-4", "127.0.0.1") };
        let interface = own.trim_matches(['[', ']']);
        let config = format!(
            "sip_listen {own}:{sip}\nnet_interface {interface}\nrtp_ports {rtp}-{}\n\
             audio_source aufile,{place}/voice.wav\naudio_player aufile,none\nausrc_srate {RATE}\nausrc_channels 1\n\
             module_path {}\nmodule g711.so\nmodule aufile.so\nmodule sndfile.so\nmodule_tmp uuid.so\n\
             module_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
             ctrl_tcp_listen 127.0.0.1:{control}\nsnd_path {place}\n",
            rtp + 11,
            modules().display()
        );
        std::fs::write(folder.join("config"), config).unwrap();
        let account = format!(
            "<sip:{user}@{place_of_sip}>;auth_user={user};auth_pass=anything;regint=300;audio_codecs={codec}\n"
        );
        std::fs::write(folder.join("accounts"), account).unwrap();
        std::fs::write(folder.join("voice.wav"), voice(sample)).unwrap();
        let told = File::create(folder.join("told")).unwrap();
        let mut command = Command::new("baresip");
        command.arg(family).arg("-f").arg(&folder);
        command.stdin(Stdio::null()).stdout(told.try_clone().unwrap()).stderr(told);
        let program = Program::start(&mut command);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, control));
        let control = wait_for("baresip's control port", PATIENCE, || TcpStream::connect(address).ok());
        let events = Arc::default();
        let baresip = Self { control, events, folder, _program: program };
        baresip.listen();
        wait_for("baresip's registration", PATIENCE, || {
            let phones = server.api_get("/phones");
            let is_it = |phone: &Value| phone["registrations"][0]["number"] == user;
            phones.as_array()?.iter().any(is_it).then_some(())
        });
        baresip
    }

    /// Gives a command of its menu.
    pub fn tell(&mut self, command: &str, parameters: &str) {
        let text = json!({ "command": command, "params": parameters, "token": command }).to_string();
        self.control.write_all(format!("{}:{text},", text.len()).as_bytes()).unwrap();
    }

    /// Presses keys, one after the other.
    pub fn press(&mut self, keys: &str) {
        for key in keys.chars() {
            self.tell("sndcode", &key.to_string());
            std::thread::sleep(BETWEEN_KEYS);
        }
    }

    /// Waits until it has told `count` events of this type in all, and gives the last of them.
    pub fn await_event(&self, kind: &str, count: usize) -> Value {
        wait_for(&format!("{kind} from baresip"), PATIENCE, || {
            let events = self.events.lock().unwrap();
            events.iter().filter(|event| event["type"] == kind).nth(count - 1).cloned()
        })
    }

    /// What it wrote to its terminal.
    pub fn told(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.folder.join("told")).unwrap_or_default()).into_owned()
    }

    /// What it heard in each call, the first one first.
    pub fn heard(&self) -> Vec<Recording> {
        let files = std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|file| file.to_string_lossy().ends_with("-dec.wav")).collect();
        files.sort();
        files.iter().map(Recording::measure).collect()
    }

    fn listen(&self) {
        let mut from = self.control.try_clone().unwrap();
        let events = self.events.clone();
        std::thread::spawn(move || {
            while let Some(text) = netstring(&mut from) {
                events.lock().unwrap().extend(serde_json::from_slice::<Value>(&text));
            }
        });
    }
}

/// What sox says of a recording.
#[derive(Clone, Copy, Debug)]
pub struct Recording {
    /// Its length.
    pub seconds: f64,
    /// The root mean square of its samples, of full scale.
    pub level: f64,
}

impl Recording {
    fn measure(file: &PathBuf) -> Self {
        let output = Command::new("sox").arg(file).args(["-n", "stat"]).output().unwrap();
        // sox tells figures on standard error.
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let figure = |name: &str| {
            let line = text.lines().find(|line| line.split_whitespace().collect::<String>().starts_with(name));
            line.and_then(|line| line.split(':').nth(1)?.trim().parse().ok())
                .unwrap_or_else(|| panic!("{name} in {text}"))
        };
        Self { seconds: figure("Length(seconds)"), level: figure("RMSamplitude") }
    }

    /// Whether somebody spoke for at least so long, at a level one can hear.
    pub fn is_speech(&self, seconds: f64) -> bool {
        self.seconds >= seconds && (0.01..0.5).contains(&self.level)
    }
}

/// Where Debian, or whoever built baresip, put its modules.
fn modules() -> PathBuf {
    let places =
        ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules", "/usr/local/lib/baresip/modules"];
    places.iter().map(PathBuf::from).find(|place| place.is_dir()).expect("baresip's modules")
}

fn netstring(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = 0;
    let mut octet = [0];
    loop {
        from.read_exact(&mut octet).ok()?;
        match octet[0] {
            digit @ b'0'..=b'9' => length = length * 10 + usize::from(digit - b'0'),
            _ => break,
        }
    }
    let mut text = vec![0; length + 1];
    from.read_exact(&mut text).ok()?;
    text.pop();
    Some(text)
}

/// A WAV file of these samples.
fn voice(sample: impl Fn(u32) -> i16) -> Vec<u8> {
    let octets = VOICE * RATE * 2;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + octets).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1, 0, 1, 0]);
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    wav.extend([2, 0, 16, 0]);
    wav.extend(b"data");
    wav.extend(octets.to_le_bytes());
    wav.extend((0..VOICE * RATE).flat_map(|at| sample(at).to_le_bytes()));
    wav
}
