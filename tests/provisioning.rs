//! Provisioning as phones meet it: whole files compared with golden ones, hostile values in every field, secrets withheld.
//!
//! `TSUNAGU_UPDATE_GOLDEN=1 cargo test --test provisioning` writes the golden files anew; look at the difference before
//! it is committed.

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use secrecy::ExposeSecret;
use tsunagu::provisioning::{
    Account, AgentState, AutomaticCallDistribution, Clock, Codec, FileRole, PhoneSettings, ProvisioningError,
    Redundancy, Secondary, Server, Templates, Transport, Vendor, identify, line_format, render,
};
use tsunagu::vocab::Secret;

fn server(host: &str, port: u16) -> Server {
    Server { host: host.parse().unwrap(), port }
}

fn secret(text: &str) -> Option<Secret> {
    Some(Secret::from(text.to_owned()))
}

/// The same settings with the URL of the folder, as Yealink phones have it.
fn in_folder(settings: PhoneSettings) -> PhoneSettings {
    let url = settings.provisioning_url.as_ref().unwrap().expose_secret();
    let folder = url.strip_suffix("00908f112233.cfg").unwrap().to_owned();
    PhoneSettings { provisioning_url: secret(&folder), ..settings }
}

/// A phone in quarantine: a temporary number, credentials of its own, its private URL, nothing else of anybody's.
fn quarantine() -> PhoneSettings {
    let account = Account {
        number: "9001".parse().unwrap(),
        auth_name: "p-01jd6q5w8k".to_owned(),
        password: secret("golden-quarantine-password"),
        display: "Dial 2000 to set up".to_owned(),
        label: "9001".to_owned(),
    };
    PhoneSettings {
        mac: Some("00908f112233".parse().unwrap()),
        provisioning_url: secret("http://pbx.example.com:8081/p/golden-quarantine-token/00908f112233.cfg"),
        ..PhoneSettings::new(account, server("pbx.example.com", 5060))
    }
}

/// The same phone, its user's.
fn enrolled() -> PhoneSettings {
    let account = Account {
        number: "2001".parse().unwrap(),
        auth_name: "p-01jd6q5w8k".to_owned(),
        password: secret("golden-line-password"),
        display: "山田 太郎".to_owned(),
        label: "2001".to_owned(),
    };
    PhoneSettings {
        mac: Some("00908f112233".parse().unwrap()),
        keep_alive: Some(60),
        codecs: vec![Codec::Pcmu, Codec::G722],
        clock: Clock {
            ntp: Some("ntp.example.com".parse().unwrap()),
            ntp_secondary: Some("192.0.2.123".parse().unwrap()),
            utc_offset: Some(540),
            zone_name: Some("Japan(Tokyo)".to_owned()),
        },
        language: "ja".parse().unwrap(),
        admin_password: secret("golden-admin-password"),
        web_ui: false,
        voicemail: Some("*98".parse().unwrap()),
        talk_event: true,
        discovery: false,
        provisioning_url: secret("https://pbx.example.com/p/golden-private-token/00908f112233.cfg"),
        resync_interval: Some(360),
        ..PhoneSettings::new(account, server("pbx.example.com", 5060))
    }
}

fn withheld() -> PhoneSettings {
    let mut settings = enrolled();
    settings.account.password = None;
    settings.admin_password = None;
    settings
}

fn dual_registration() -> PhoneSettings {
    let secondary = Some(Secondary { server: server("pbx-b.example.com", 5080), mode: Redundancy::Simultaneous });
    PhoneSettings { secondary, transport: Transport::Tcp, ..enrolled() }
}

fn agent() -> PhoneSettings {
    PhoneSettings {
        acd: Some(AutomaticCallDistribution {
            server: Some(server("192.0.2.10", 8080)),
            user_name: Some("agent1".to_owned()),
            password: secret("golden-agent-password"),
            state_after_login: AgentState::NotReady,
            expire_time: 3600,
        }),
        outbound_proxy: Some(server("edge.example.com", 5060)),
        secondary: Some(Secondary { server: server("192.0.2.2", 5060), mode: Redundancy::Failover }),
        reboot_on_check_sync: true,
        block_non_numeric_keys: true,
        headset_beep: true,
        speakerphone_beep: true,
        proactive_mute: true,
        login_soft_key: true,
        ..enrolled()
    }
}

/// Every parameter in use, with raw ones of the operator's.
fn everything() -> PhoneSettings {
    let mut settings = agent();
    settings.firmware_url = Some("http://pbx.example.com/firmware/420HD.img".to_owned());
    settings.extra.0.insert("system/web/enabled".to_owned(), "1".to_owned());
    settings.extra.0.insert("operators/own".to_owned(), "x y".to_owned());
    settings
}

#[rustfmt::skip]
fn cases() -> Vec<(&'static str, Vendor, Option<&'static str>, FileRole, PhoneSettings)> {
    use FileRole::{Boot, Common, Configuration};
    use Vendor::{AudioCodes, Yealink};
    vec![
        ("audiocodes-420hd-quarantine.cfg", AudioCodes, Some("420HD"), Configuration, quarantine()),
        ("audiocodes-420hd-enrolled.cfg", AudioCodes, Some("420HD"), Configuration, enrolled()),
        ("audiocodes-420hd-withheld.cfg", AudioCodes, Some("420HD"), Configuration, withheld()),
        ("audiocodes-420hd-dual-registration.cfg", AudioCodes, Some("420HD"), Configuration, dual_registration()),
        ("audiocodes-420hd-agent.cfg", AudioCodes, Some("420HD"), Configuration, agent()),
        ("audiocodes-c450hd-tls.cfg", AudioCodes, Some("C450HD"), Configuration,
            PhoneSettings { transport: Transport::Tls, registrar: server("pbx.example.com", 5061), ..enrolled() }),
        ("audiocodes-unknown-model-quarantine.cfg", AudioCodes, None, Configuration, quarantine()),
        ("audiocodes-440hd-everything.cfg", AudioCodes, Some("440HDG-Rev0"), Configuration, everything()),
        ("audiocodes-420hd-common.cfg", AudioCodes, Some("420HD"), Common, enrolled()),
        ("audiocodes-unknown-model-common.cfg", AudioCodes, None, Common, quarantine()),
        ("yealink-t46s-boot.boot", Yealink, Some("T46S"), Boot, quarantine()),
        ("yealink-unknown-model-boot.boot", Yealink, None, Boot, PhoneSettings { mac: None, ..quarantine() }),
        ("yealink-t46s-common.cfg", Yealink, Some("T46S"), Common, enrolled()),
        ("yealink-t46s-quarantine.cfg", Yealink, Some("T46S"), Configuration, in_folder(quarantine())),
        ("yealink-t54w-enrolled.cfg", Yealink, Some("T54W"), Configuration, in_folder(enrolled())),
        ("yealink-t54w-withheld.cfg", Yealink, Some("T54W"), Configuration, in_folder(withheld())),
        ("yealink-t54w-dual-registration.cfg", Yealink, Some("T54W"), Configuration, in_folder(dual_registration())),
        ("yealink-t46s-everything.cfg", Yealink, Some("T46S"), Configuration,
            PhoneSettings { resync_interval: None, ..in_folder(everything()) }),
    ]
}

fn written(vendor: Vendor, model: Option<&str>, role: FileRole, settings: &PhoneSettings) -> String {
    let rendered = render(&vendor, model, role, settings, &Templates::built_in().unwrap()).unwrap();
    rendered.body.expose_secret().to_owned()
}

fn parameters(vendor: Vendor, text: &str) -> BTreeMap<String, String> {
    let format = line_format(vendor).unwrap();
    format.read(text).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn files_are_as_the_golden_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/provisioning");
    let update = std::env::var_os("TSUNAGU_UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (name, vendor, model, role, settings) in cases() {
        let text = written(vendor, model, role, &settings);
        if update {
            std::fs::write(folder.join(name), &text).unwrap();
        } else if std::fs::read_to_string(folder.join(name)).unwrap_or_default() != text {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "these differ from tests/golden/provisioning (see the head of this test): {wrong:?}");
    let names: BTreeSet<_> = cases().into_iter().map(|case| case.0.to_owned()).collect();
    let kept: BTreeSet<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names, kept, "a golden file without a case, or a case without a file");
}

#[test]
fn every_file_is_whole_lines_with_each_parameter_once_and_no_comment_of_ours() {
    for (name, vendor, model, role, settings) in cases() {
        let text = written(vendor, model, role, &settings);
        assert!(text.ends_with('\n') && !text.contains("\n\n") && !text.contains("vendors.md"), "{name}");
        let format = line_format(vendor).unwrap();
        let mut seen = BTreeSet::new();
        for (parameter, _) in format.read(&text) {
            assert!(seen.insert(parameter), "{name}: {parameter} twice");
        }
        let body = text.lines().filter(|line| !line.starts_with(format.comment) && !line.starts_with("include:config"));
        assert_eq!(body.count(), seen.len(), "{name}: a line that is no parameter");
    }
}

#[test]
fn the_420hd_gets_every_parameter_of_the_guides_tables() {
    let text = written(Vendor::AudioCodes, Some("420HD"), FileRole::Configuration, &agent());
    let parameters = parameters(Vendor::AudioCodes, &text);
    #[rustfmt::skip]
    let named = [
        // Table 1.
        ("voip/services/ACD/enabled", "1"), ("voip/services/ACD/server_type", "GENESYS"),
        ("voip/services/ACD/server_use_sip_server", "0"), ("voip/services/ACD/server_address", "192.0.2.10"),
        ("voip/services/ACD/server_port", "8080"), ("system/user_name", "agent1"), ("system/password", "golden-agent-password"),
        ("voip/services/ACD/state_after_login", "Not Ready"), ("voip/services/ACD/expire_time", "3600"),
        // Table 2.
        ("voip/signalling/sip/use_proxy", "1"), ("voip/signalling/sip/proxy_address", "pbx.example.com"),
        ("voip/signalling/sip/proxy_port", "5060"), ("voip/signalling/sip/registrar_ka/enabled", "1"),
        ("voip/signalling/sip/registrar_ka/timeout", "60"), ("voip/signalling/sip/proxy_timeout", "300"),
        ("voip/signalling/sip/registration_failed_timeout", "60"), ("voip/signalling/sip/sip_registrar/enabled", "0"),
        ("voip/signalling/sip/use_proxy_ip_port_for_registrar", "1"), ("voip/signalling/sip/sip_registrar/addr", "0.0.0.0"),
        ("voip/signalling/sip/sip_registrar/port", "5060"), ("voip/signalling/sip/sip_outbound_proxy/enabled", "1"),
        ("voip/signalling/sip/sip_outbound_proxy/addr", "edge.example.com"), ("voip/signalling/sip/sip_outbound_proxy/port", "5060"),
        ("voip/signalling/sip/redundant_proxy/mode", "Primary Fallback"), ("voip/signalling/sip/secondary_proxy/address", "192.0.2.2"),
        ("voip/signalling/sip/secondary_proxy/port", "5060"),
        // Tables 3 to 9.
        ("system/web/enabled", "0"), ("voip/services/notify/check_sync/force_reboot_enabled", "1"),
        ("system/login_sk_before_signed_in", "1"), ("voip/block_non_numeric_key", "1"),
        ("voip/auto_answer/headset_beep/enabled", "1"), ("voip/auto_answer/speakerphone_beep/enabled", "1"),
        ("voip/proactive_mute/enabled", "1"), ("voip/talk_event/enabled", "1"),
    ];
    for (parameter, value) in named {
        assert_eq!(parameters.get(parameter).map(String::as_str), Some(value), "{parameter}");
    }
}

#[test]
fn secrets_not_given_leave_their_lines_out_and_nothing_else() {
    for (vendor, lines) in [
        (Vendor::AudioCodes, vec!["system/password", "system/user_name", "voip/line/0/auth_password"]),
        (Vendor::Yealink, vec!["account.1.password", "static.security.user_password"]),
    ] {
        let with = parameters(vendor, &written(vendor, None, FileRole::Configuration, &enrolled()));
        let without = parameters(vendor, &written(vendor, None, FileRole::Configuration, &withheld()));
        let gone: Vec<_> = with.keys().filter(|name| !without.contains_key(*name)).map(String::as_str).collect();
        assert_eq!(gone, lines);
        assert!(without.iter().all(|(name, value)| with.get(name) == Some(value)));
    }
}

#[test]
fn files_anybody_can_have_hold_no_secret() {
    use Vendor::{AudioCodes, Yealink};
    for (vendor, role) in [(Yealink, FileRole::Boot), (Yealink, FileRole::Common), (AudioCodes, FileRole::Common)] {
        let text = written(vendor, Some("T46S"), role, &everything());
        assert!(!text.contains("golden") && !text.contains("2001") && !text.contains("p-01jd"), "{text}");
    }
}

#[test]
fn a_rendered_file_shows_nothing_when_printed_and_is_named_by_its_hash() {
    let templates = Templates::built_in().unwrap();
    let render = |settings: &PhoneSettings| {
        render(&Vendor::AudioCodes, Some("420HD"), FileRole::Configuration, settings, &templates).unwrap()
    };
    let rendered = render(&enrolled());
    let shown = format!("{rendered:?}");
    assert!(!shown.contains("golden") && !shown.contains("voip"), "{shown}");
    assert_eq!(rendered.sha256.len(), 64);
    assert_eq!(rendered.sha256, render(&enrolled()).sha256);
    assert_ne!(rendered.sha256, render(&withheld()).sha256);
}

/// Puts one value in one field.
type Field = (&'static str, fn(&mut PhoneSettings, &str));

/// Every field that can hold any text (numbers, hosts, languages and addresses are checked when they are made).
#[rustfmt::skip]
const FIELDS: &[Field] = &[
    ("auth_name", |s, v| s.account.auth_name = v.to_owned()),
    ("password", |s, v| s.account.password = secret(v)),
    ("display", |s, v| s.account.display = v.to_owned()),
    ("label", |s, v| s.account.label = v.to_owned()),
    ("admin_password", |s, v| { s.acd = None; s.admin_password = secret(v) }),
    ("zone_name", |s, v| s.clock.zone_name = Some(v.to_owned())),
    ("acd.user_name", |s, v| if let Some(acd) = &mut s.acd { acd.user_name = Some(v.to_owned()) }),
    ("acd.password", |s, v| if let Some(acd) = &mut s.acd { acd.password = secret(v) }),
    ("provisioning_url", |s, v| s.provisioning_url = secret(v)),
    ("firmware_url", |s, v| s.firmware_url = Some(v.to_owned())),
    ("extra value", |s, v| { s.extra.0.insert("operators/own".to_owned(), v.to_owned()); }),
    ("extra name", |s, v| { s.extra.0.insert(v.to_owned(), "x".to_owned()); }),
];

#[test]
fn no_hostile_value_in_any_field_breaks_out_of_its_line() {
    let hostile = [
        "x\nevil/parameter=1",
        "x\r\nevil.parameter = 1",
        "x\rinclude:config \"http://evil/\"",
        "x\u{85}evil=1",
        "x\u{2028}evil=1",
        "x\u{b}evil=1\u{c}",
        "\nevil=1\n",
        "x;evil=1",
        "x#evil=1",
        ";evil",
        "\"evil\"",
        "'; evil",
        "{{ account.password }}",
        "{% for x in range(9) %}evil=1{% endfor %}",
        "{# evil",
        "#}evil=1",
        "{\"ZXZpbA==\"}",
        "%NULL%",
        "<MAC>$MAC",
        "evil=1",
        " evil ",
        "\0evil",
        "\u{202e}live",
        "",
    ];
    let templates = Templates::built_in().unwrap();
    let (mut refused, mut taken) = (0, 0);
    for vendor in [Vendor::AudioCodes, Vendor::Yealink] {
        for (field, set) in FIELDS {
            for value in hostile {
                let mut harmless = everything();
                set(&mut harmless, "harmless");
                let expected = parameters(vendor, &written(vendor, None, FileRole::Configuration, &harmless));
                let mut settings = everything();
                set(&mut settings, value);
                match render(&vendor, None, FileRole::Configuration, &settings, &templates) {
                    Err(error) => {
                        refused += 1;
                        assert!(
                            !matches!(*field, "display" | "label"),
                            "{vendor} {field}: words are made to fit: {error}"
                        );
                        assert!(!error.to_string().contains("evil"), "{vendor} {field}: {error}");
                    }
                    Ok(rendered) => {
                        taken += 1;
                        assert_ne!(*field, "extra name", "{vendor} {value:?}");
                        let text = rendered.body.expose_secret();
                        let read = parameters(vendor, text);
                        assert!(read.keys().eq(expected.keys()), "{vendor} {field} {value:?}");
                        for (name, now) in &read {
                            let was = &expected[name];
                            assert!(was == now || was.contains("harmless"), "{vendor} {field} {value:?}: {name}");
                            // What is no name for people arrives as it was, or not at all.
                            let exact = matches!(*field, "display" | "label") || was == now || now.contains(value);
                            assert!(exact, "{vendor} {field} {value:?}: {name}={now}");
                        }
                        assert_eq!(text.lines().count(), text.split(['\n', '\r', '\u{85}', '\u{2028}']).count() - 1);
                    }
                }
            }
        }
    }
    assert!(refused > 100 && taken > 100, "{refused} refused, {taken} taken");
}

#[test]
fn settings_a_phone_cannot_take_are_refused_by_name() {
    let templates = Templates::built_in().unwrap();
    let fault = |vendor, model, change: fn(&mut PhoneSettings)| {
        let mut settings = enrolled();
        change(&mut settings);
        match render(&vendor, model, FileRole::Configuration, &settings, &templates) {
            Err(ProvisioningError::Setting { setting, .. }) => Some(setting),
            Err(error) => panic!("{error}"),
            Ok(_) => None,
        }
    };
    let refused = |vendor, model, change| fault(vendor, model, change).unwrap_or_default();
    let (audiocodes, yealink) = (Vendor::AudioCodes, Vendor::Yealink);
    assert_eq!(refused(audiocodes, None, |s| s.registrar.port = 80), "registrar.port");
    assert_eq!(fault(yealink, None, |s| s.registrar.port = 80), None);
    assert_eq!(refused(audiocodes, None, |s| s.keep_alive = Some(10)), "keep_alive");
    assert_eq!(refused(audiocodes, None, |s| s.registration_expiry = 86401), "registration.expiry");
    assert_eq!(refused(audiocodes, None, |s| s.registration_retry = 0), "registration.retry");
    assert_eq!(refused(audiocodes, None, |s| s.account.auth_name = "x".repeat(36)), "account.auth_name (characters)");
    assert_eq!(refused(audiocodes, Some("420HD"), |s| s.transport = Transport::Tls), "transport");
    assert_eq!(fault(audiocodes, Some("C450HD"), |s| s.transport = Transport::Tls), None);
    assert_eq!(refused(yealink, None, |s| s.dtmf_payload_type = 95), "dtmf_payload_type");
    assert_eq!(refused(yealink, None, |s| s.clock.utc_offset = Some(900)), "clock.utc_offset");
    assert_eq!(refused(audiocodes, None, |s| s.codecs = vec![Codec::Opus]), "codecs");
}

#[test]
fn a_vendor_without_templates_gets_no_file() {
    let templates = Templates::built_in().unwrap();
    let snom = identify("/snomD345-000413A11FA7.htm", None).unwrap();
    let error = render(&snom.vendor, None, snom.role, &quarantine(), &templates).unwrap_err();
    assert_eq!(error, ProvisioningError::NoTemplate { vendor: snom.vendor, role: FileRole::Configuration });
    assert!(render(&Vendor::AudioCodes, None, FileRole::Boot, &quarantine(), &templates).is_err());
}

#[test]
fn an_operators_template_takes_the_place_of_ours() {
    let mut templates = Templates::built_in().unwrap();
    let text = "; of the operator\nvoip/line/0/id={{ account.number }}\n{# secret #}\nweb={{ web_ui }}\n";
    templates.replace("audiocodes/configuration.cfg.j2", text.to_owned()).unwrap();
    let rendered = render(&Vendor::AudioCodes, None, FileRole::Configuration, &enrolled(), &templates).unwrap();
    assert_eq!(rendered.body.expose_secret(), "; of the operator\nvoip/line/0/id=2001\nweb=0\n");
}

#[test]
fn what_a_phone_asks_leads_to_its_file() {
    let asked = identify("/00908F112233.cfg", Some("AUDC-IPPhone/2.0.0_build_15 (420HD; 00908F112233)")).unwrap();
    let text = written(asked.vendor, asked.model.as_deref(), asked.role, &quarantine());
    let parameters = parameters(asked.vendor, &text);
    assert_eq!(parameters["system/type"], "420HD");
    assert_eq!(parameters["provisioning/method"], "STATIC");
    let url = &parameters["provisioning/configuration/url"];
    let again = identify(url.strip_prefix("http://pbx.example.com:8081").unwrap(), None).unwrap();
    assert_eq!((again.role, again.mac), (asked.role, asked.mac));
}
