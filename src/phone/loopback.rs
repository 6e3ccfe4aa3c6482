//! The whole phone over real sockets, against a server written on rsip: configuration, registration, a call that hears and
//! presses keys, a resync, a call back.

use std::sync::Arc;
use std::time::Duration;

use rsip::Header;
use rsip::headers::UntypedHeader;
use rsip::message::{HasHeaders, HeadersExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::stand_in::{HOME, PATIENCE, Server, audio_of, configuration_door};
use super::synthetic::{over_the_line, speech};
use super::*;
use crate::vocab::Language;

fn options(events: mpsc::Sender<PhoneEvent>) -> PhoneOptions {
    let mut options = PhoneOptions::new(HOME, "00908f112233".parse().unwrap(), Model::audiocodes_420hd(), events);
    options.ring_time = Duration::from_millis(50);
    options.boot_time = Duration::from_millis(50);
    options
}

fn drain(events: &mut mpsc::Receiver<PhoneEvent>) -> Vec<PhoneEvent> {
    std::iter::from_fn(|| events.try_recv().ok()).filter(|event| !matches!(event, PhoneEvent::Sip { .. })).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_lives_from_its_box_to_its_user() {
    let (sender, mut events) = mpsc::channel(1000);
    let mut server = Server::open().await;
    let (url, asked) = configuration_door(server.port()).await;
    let prompts = [("ask-pin", speech(11, 8)), ("ring-back-lead", speech(12, 8))];
    let mut options = options(sender);
    options.handset_url = Some(url);
    options.prints = Some(Arc::new(PromptPrints::new(
        prompts.iter().map(|(id, sound)| (Language::JAPANESE, id.parse().unwrap(), sound.as_slice())),
    )));
    let phone = Phone::boot(options).await.unwrap();

    // As it leaves its box.
    phone.fetch_configuration().await.unwrap();
    assert!(asked.lock().unwrap()[0].starts_with("GET /00908F112233.cfg HTTP/1.1\r\n"));
    assert!(asked.lock().unwrap()[0].contains("AUDC-IPPhone/2.2.8.61 (420HD; 00908F112233)"));
    let (expires, ()) = tokio::join!(phone.register(), server.registered("4001", "pw4001"));
    assert_eq!((expires.unwrap(), phone.registered_as().as_deref()), (90, Some("4001")));

    // Dials; the first INVITE and the first ACK are lost.
    let mut call = phone.dial("2000").await.unwrap();
    let lost = server.request(rsip::Method::Invite).await;
    let invite = server.request(rsip::Method::Invite).await;
    assert_eq!(lost.via_header().unwrap(), invite.via_header().unwrap());
    let phone_rtp = audio_of(&invite.body);
    server.reply(&invite, "100 Trying", &[], "").await;
    server.reply(&invite, "180 Ringing", &[], "").await;
    let (sdp, sdp_header) = (server.sdp(), ["Content-Type: application/sdp".to_owned()]);
    server.reply(&invite, "200 OK", &sdp_header, &sdp).await;
    let ack = server.request(rsip::Method::Ack).await;
    assert!(ack.uri.to_string().starts_with("sip:ivr@127.0.0.1"));
    server.reply(&invite, "200 OK", &sdp_header, &sdp).await;
    assert_eq!(server.request(rsip::Method::Ack).await.cseq_header().unwrap(), ack.cseq_header().unwrap());
    assert_eq!(call.wait_answered(PATIENCE).await.unwrap(), Codec::Pcmu);

    // Hears, presses keys over the prompt, is hung up on.
    let sound = over_the_line(&prompts[0].1, true);
    let (heard, ()) = tokio::join!(call.wait_prompt(&["ask-pin"], PATIENCE), server.play(&sound, phone_rtp));
    assert_eq!(heard.unwrap().language, Language::JAPANESE);
    let (pressed, keys) = tokio::join!(call.press("1001#"), server.keys());
    pressed.unwrap();
    assert_eq!(keys, [1, 0, 0, 1, 11]);
    let (tag, call_id) =
        (invite.from_header().unwrap().value().to_owned(), invite.call_id_header().unwrap().value().to_owned());
    server.ask("BYE", &call_id, &tag, "", "").await;
    server.response(200).await;
    assert_eq!(call.wait_ended(PATIENCE).await.unwrap().by, Side::Server);
    assert!(call.recording().len() >= sound.len());

    // Is told to fetch again: another number, from the private URL.
    server.ask("NOTIFY", "sync", "<sip:4001@x>", "Event: check-sync;reboot=true\r\n", "").await;
    server.response(200).await;
    let bye = server.request(rsip::Method::Register).await;
    assert_eq!(bye.expires_header().unwrap().value(), "0");
    server.reply(&bye, "200 OK", &[], "").await;
    server.registered("2001", "pw2001").await;
    assert_eq!(phone.wait_registered(PATIENCE, |number| number == "2001").await.unwrap(), "2001");
    assert!(asked.lock().unwrap()[1].starts_with("GET /private/00908F112233.cfg "));

    // Is rung back, by a server that repeats itself.
    for _ in 0..2 {
        server.ask("INVITE", "back", "<sip:2001@x>", "Content-Type: application/sdp\r\n", &sdp).await;
    }
    let answer = server.response(200).await;
    let to = answer.to_header().unwrap().value().to_owned();
    server.ask("ACK", "back", &to, "", "").await;
    server.play(&over_the_line(&prompts[1].1, true), audio_of(&answer.body)).await;
    server.ask("BYE", "back", &to, "", "").await;
    server.response(200).await;
    phone.wait_idle(PATIENCE).await.unwrap();

    let story = drain(&mut events);
    let names: Vec<String> =
        story.iter().map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(
        names,
        [
            "fetched",
            "registered",
            "calling",
            "ringing",
            "answered",
            "heard",
            "pressed",
            "ended",
            "resync",
            "unregistered",
            "fetched",
            "registered",
            "incoming",
            "answered",
            "heard",
            "ended"
        ]
    );
    assert!(
        story.contains(&PhoneEvent::Heard { prompts: vec!["ring-back-lead".to_owned()], language: "ja".to_owned() })
    );
    assert!(story.contains(&PhoneEvent::Pressed { digits: 5 }));
    assert!(!serde_json::to_string(&story).unwrap().contains("1001"));
}

fn typed_in(server: &Server) -> Account {
    Account {
        server: format!("127.0.0.1:{}", server.port()),
        number: "4001".to_owned(),
        auth_name: "4001".to_owned(),
        password: None,
        display_name: String::new(),
    }
}

#[tokio::test]
async fn a_refused_registration_says_why() {
    let (sender, mut events) = mpsc::channel(100);
    let mut server = Server::open().await;
    let phone = Phone::boot(PhoneOptions { account: Some(typed_in(&server)), ..options(sender) }).await.unwrap();
    let refuse = async {
        let request = server.request(rsip::Method::Register).await;
        server
            .reply(&request, "403 No temporary number is free", &["Warning: 399 t \"pool dry\"".to_owned()], "")
            .await;
    };
    let (result, ()) = tokio::join!(phone.register(), refuse);
    assert!(matches!(result, Err(PhoneError::Refused { status: 403, .. })));
    let warning = Some("399 t \"pool dry\"".to_owned());
    let reason = "No temporary number is free".to_owned();
    assert_eq!(drain(&mut events), [PhoneEvent::RegistrationFailed { status: 403, reason, warning }]);
}

#[tokio::test]
async fn calls_are_cancelled_from_both_sides() {
    let (sender, mut events) = mpsc::channel(100);
    let mut server = Server::open().await;
    let mut options = PhoneOptions { account: Some(typed_in(&server)), ..options(sender) };
    options.ring_time = PATIENCE;
    let phone = Phone::boot(options).await.unwrap();
    let mut call = phone.dial("2000").await.unwrap();
    let invite = server.request(rsip::Method::Invite).await;
    server.reply(&invite, "180 Ringing", &[], "").await;
    call.hang_up().await;
    let cancel = server.request(rsip::Method::Cancel).await;
    assert_eq!(cancel.transaction_id().unwrap(), invite.transaction_id().unwrap());
    server.reply(&cancel, "200 OK", &[], "").await;
    server.reply(&invite, "487 Request Terminated", &[], "").await;
    let ack = server.request(rsip::Method::Ack).await;
    assert_eq!(ack.transaction_id().unwrap(), invite.transaction_id().unwrap());
    let ending = call.wait_ended(PATIENCE).await.unwrap();
    assert_eq!(ending, Ending { by: Side::Phone, reason: "487 Request Terminated".to_owned() });

    server.ask("INVITE", "back", "<sip:4001@x>", "Content-Type: application/sdp\r\n", &server.sdp()).await;
    server.response(180).await;
    server.ask("CANCEL", "back", "<sip:4001@x>", "", "").await;
    server.response(200).await;
    let refusal = server.response(487).await;
    assert_eq!(server.response(487).await, refusal, "repeated until its ACK comes");
    server.ask("ACK", "back", refusal.to_header().unwrap().value(), "", "").await;
    phone.wait_idle(PATIENCE).await.unwrap();
    let ended = PhoneEvent::Ended(Ending { by: Side::Server, reason: "cancelled".to_owned() });
    assert_eq!(drain(&mut events).last(), Some(&ended));
}

#[tokio::test]
async fn over_tcp_the_server_asks_on_the_phones_connection() {
    let (sender, _events) = mpsc::channel(100);
    let listener = TcpListener::bind((HOME, 0)).await.unwrap();
    let mut account = typed_in(&Server::open().await);
    account.server = listener.local_addr().unwrap().to_string();
    let phone = Phone::boot(PhoneOptions { account: Some(account), transport: SipTransport::Tcp, ..options(sender) })
        .await
        .unwrap();
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = vec![0; 65_535];
        let length = stream.read(&mut buffer).await.unwrap();
        let register = rsip::Request::try_from(&buffer[..length]).unwrap();
        assert!(register.contact_header().unwrap().value().ends_with(";transport=tcp>"));
        let copied: String = register
            .headers
            .iter()
            .filter(|header| {
                matches!(header, Header::Via(_) | Header::From(_) | Header::To(_) | Header::CallId(_) | Header::CSeq(_))
            })
            .map(|header| format!("{header}\r\n"))
            .collect();
        let ok = format!("SIP/2.0 200 OK\r\n{copied}Expires: 77\r\nContent-Length: 0\r\n\r\n");
        let options = "OPTIONS sip:4001@x SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:1;branch=z9hG4bKo\r\nFrom: <sip:s@x>;tag=1\r\n\
            To: <sip:4001@x>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(ok.as_bytes()).await.unwrap();
        stream.write_all(options.as_bytes()).await.unwrap();
        let length = stream.read(&mut buffer).await.unwrap();
        rsip::Response::try_from(&buffer[..length]).unwrap()
    };
    let (expires, answer) = tokio::join!(phone.register(), serve);
    assert_eq!(expires.unwrap(), 77);
    assert_eq!(answer.status_code.code(), 200);
    assert!(answer.headers().iter().any(|header| header.to_string().contains("NOTIFY")));
}

#[tokio::test]
async fn a_call_is_held_and_keyed_by_info_and_hung_up() {
    let (sender, mut events) = mpsc::channel(100);
    let mut server = Server::open().await;
    let phone = Phone::boot(PhoneOptions { account: Some(typed_in(&server)), ..options(sender) }).await.unwrap();
    let mut call = phone.dial("*77#").await.unwrap();
    let invite = server.request(rsip::Method::Invite).await;
    assert!(invite.uri.to_string().starts_with("sip:*77%23@127.0.0.1"));
    let (sdp, sdp_header) = (server.sdp(), ["Content-Type: application/sdp".to_owned()]);
    server.reply(&invite, "200 OK", &sdp_header, &sdp).await;
    server.request(rsip::Method::Ack).await;
    call.wait_answered(PATIENCE).await.unwrap();

    let hold = async {
        let again = server.request(rsip::Method::Invite).await;
        assert!(String::from_utf8_lossy(&again.body).contains("a=sendonly"));
        assert_eq!(again.to_header().unwrap().value(), "<sip:*77%23@127.0.0.1>;tag=srv");
        server.reply(&again, "200 OK", &sdp_header, &format!("{sdp}a=recvonly\r\n")).await;
        let ack = server.request(rsip::Method::Ack).await;
        assert_eq!(ack.cseq_header().unwrap().seq().unwrap(), again.cseq_header().unwrap().seq().unwrap());
    };
    let (held, ()) = tokio::join!(call.hold(), hold);
    held.unwrap();

    let challenge = "WWW-Authenticate: Digest realm=\"t\", nonce=\"1\"".to_owned();
    let info = async {
        let info = server.request(rsip::Method::Info).await;
        assert_eq!(info.body, b"Signal=#\r\nDuration=100\r\n");
        server.reply(&info, "401 Unauthorized", &[challenge], "").await;
    };
    let (pressed, ()) = tokio::join!(call.press_as("#", KeyPresses::Info), info);
    assert!(matches!(pressed, Err(PhoneError::Refused { status: 401, .. })), "the line has no password");

    call.hang_up().await;
    let bye = server.request(rsip::Method::Bye).await;
    server.reply(&bye, "200 OK", &[], "").await;
    assert_eq!(call.wait_ended(PATIENCE).await.unwrap(), Ending { by: Side::Phone, reason: "hung up".to_owned() });
    assert!(matches!(call.press("1").await, Err(PhoneError::CallOver(_))));
    assert!(!drain(&mut events).iter().any(|event| matches!(event, PhoneEvent::Pressed { .. })));
}
