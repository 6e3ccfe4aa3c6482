//! The configuration file a phone fetches, read as the phone's firmware would: unknown parameters are passed over, a
//! parameter that is absent keeps its former value.
//!
//! Pure: text in, settings out. Must not know how the text was fetched.

use std::collections::BTreeMap;

use serde::Serialize;

use super::options::{Account, MacCase, Make, SipTransport};
use crate::vocab::{MacAddress, Secret};

/// Parameters read from one file at the most.
const MOST_PARAMETERS: usize = 10_000;

/// Files of one round at the most.
const MOST_FILES: usize = 8;

/// Which address a configuration was fetched from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfigurationUrl {
    /// The one a factory-new phone is led to: by its MAC.
    Factory,
    /// The one an earlier configuration set.
    Provisioned,
}

/// One file's parameters. No `Debug`: it may hold a password.
#[derive(Clone, Default)]
pub struct Configuration {
    make: Option<Make>,
    parameters: BTreeMap<String, String>,
}

impl Configuration {
    /// Reads `parameter=value` lines; `;` (AudioCodes) or `#` (Yealink) starts a comment line.
    pub fn parse(make: Make, text: &str) -> Self {
        let comment = match make {
            Make::AudioCodes => ';',
            Make::Yealink => '#',
        };
        let parameters = text
            .trim_start_matches('\u{feff}')
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with(comment))
            .filter_map(|line| line.split_once('='))
            .take(MOST_PARAMETERS)
            .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
            .collect();
        Self { make: Some(make), parameters }
    }

    /// Takes a further file's parameters on: what is in both is as that one says.
    pub fn add(&mut self, later: Self) {
        self.make = later.make;
        self.parameters.extend(later.parameters);
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn is_on(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value == "1")
    }

    /// Whether there are no parameters: the file was not a configuration.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Where the phone is to fetch from the next time.
    pub fn next_url(&self) -> Option<&str> {
        match self.make? {
            Make::AudioCodes => self.get("provisioning/configuration/url"),
            Make::Yealink => self
                .get("static.auto_provision.server.url")
                .or_else(|| self.get("auto_provision.server.url"))
                .filter(|url| *url != "%NULL%"),
        }
    }

    /// The first line, what is absent taken from `known`; nothing where the line is off or says too little.
    pub fn account(&self, known: Option<&Account>) -> Option<Account> {
        let names = match self.make? {
            Make::AudioCodes => &AUDIOCODES,
            Make::Yealink => &YEALINK,
        };
        if self.is_on(names.enabled) == Some(false) {
            return None;
        }
        let text = |name: &str, kept: fn(&Account) -> &String| {
            self.get(name).map(str::to_owned).or_else(|| known.map(|account| kept(account).clone()))
        };
        let number = text(names.id, |account| &account.number)?;
        let server = match self.server(names) {
            Some(server) => server,
            None => known?.server.clone(),
        };
        let password = self.get(names.password).map(|password| Secret::from(password.to_owned()));
        Some(Account {
            server,
            auth_name: text(names.auth_name, |account| &account.auth_name).unwrap_or_else(|| number.clone()),
            number,
            password: password.or_else(|| known.and_then(|account| account.password.clone())),
            display_name: text(names.display_name, |account| &account.display_name).unwrap_or_default(),
        })
    }

    /// The registrar's `host:port`. AudioCodes may name one apart from the proxy.
    fn server(&self, names: &Names) -> Option<String> {
        let apart = "voip/signalling/sip/sip_registrar/enabled";
        let (address, port) = match self.make? {
            Make::AudioCodes if self.is_on(apart) == Some(true) => {
                ("voip/signalling/sip/sip_registrar/addr", "voip/signalling/sip/sip_registrar/port")
            }
            Make::AudioCodes if self.is_on("voip/signalling/sip/use_proxy") != Some(true) => return None,
            Make::AudioCodes | Make::Yealink => (names.address, names.port),
        };
        let host = self.get(address).filter(|host| *host != "0.0.0.0")?;
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        Some(format!("{host}:{}", self.get(port).unwrap_or("5060")))
    }

    /// How SIP is to travel.
    pub fn transport(&self) -> Option<SipTransport> {
        let value = match self.make? {
            Make::AudioCodes => self.get("voip/signalling/sip/transport_protocol")?,
            Make::Yealink => self.get("account.1.sip_server.1.transport_type")?,
        };
        match value.to_ascii_uppercase().as_str() {
            "UDP" | "0" => Some(SipTransport::Udp),
            "TCP" | "1" => Some(SipTransport::Tcp),
            _ => None,
        }
    }

    /// Registration expiry, seconds.
    pub fn expires(&self) -> Option<u32> {
        let value = match self.make? {
            Make::AudioCodes => self.get("voip/signalling/sip/proxy_timeout")?,
            Make::Yealink => self.get("account.1.sip_server.1.expires")?,
        };
        value.parse().ok().filter(|seconds| (1..=86_400).contains(seconds))
    }

    /// Whether `check-sync` restarts the phone whatever its parameter says; nothing where the file doesn't say.
    pub fn reboots_at_check_sync(&self) -> Option<bool> {
        match self.make? {
            Make::AudioCodes => self.is_on("voip/services/notify/check_sync/force_reboot_enabled"),
            Make::Yealink => self.is_on("sip.notify_reboot_enable"),
        }
    }
}

/// A make's parameter names for its first line.
struct Names {
    enabled: &'static str,
    id: &'static str,
    auth_name: &'static str,
    password: &'static str,
    display_name: &'static str,
    address: &'static str,
    port: &'static str,
}

const AUDIOCODES: Names = Names {
    enabled: "voip/line/0/enabled",
    id: "voip/line/0/id",
    auth_name: "voip/line/0/auth_name",
    password: "voip/line/0/auth_password",
    display_name: "voip/line/0/description",
    address: "voip/signalling/sip/proxy_address",
    port: "voip/signalling/sip/proxy_port",
};

const YEALINK: Names = Names {
    enabled: "account.1.enable",
    id: "account.1.user_name",
    auth_name: "account.1.auth_name",
    password: "account.1.password",
    display_name: "account.1.display_name",
    address: "account.1.sip_server.1.address",
    port: "account.1.sip_server.1.port",
};

/// The files a Yealink's boot file names, in order.
pub fn included(boot: &str) -> Vec<String> {
    let names = boot.lines().filter_map(|line| line.trim().strip_prefix("include:config")).map(str::trim);
    let names = names.map(|name| name.trim_matches(['"', '<', '>']).to_owned());
    names.filter(|name| !name.is_empty() && !name.contains('/')).take(MOST_FILES).collect()
}

/// The common file a Yealink with this firmware asks for; nothing where the version doesn't begin with a number.
pub fn common_file(firmware: &str) -> Option<String> {
    let family: u32 = firmware.split('.').next()?.parse().ok()?;
    Some(format!("y{family:012}.cfg"))
}

/// The file a phone asks for at `url`: a URL that names a file is used as it is, else the phone's own file name is appended.
/// `<MAC>` stands for the MAC.
pub fn file_url(url: &str, mac: MacAddress, case: MacCase) -> String {
    let mac = match case {
        MacCase::Upper => mac.to_string().to_uppercase(),
        MacCase::Lower => mac.to_string(),
    };
    let url = url.replace("<MAC>", &mac);
    let path = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let names_a_file = match path.rsplit_once('/') {
        Some((_, last)) => last.contains('.') || last.contains('?'),
        None => false,
    };
    if names_a_file { url } else { format!("{}/{mac}.cfg", url.trim_end_matches('/')) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const FILE: &str = "\u{feff}; made by a server\r\n\r\nvoip/line/0/enabled=1\r\nvoip/line/0/id=4001\r\n\
        voip/line/0/auth_name = 00908f112233\r\nvoip/line/0/auth_password=a=b;c\r\nvoip/line/0/description=Taro Yamada\r\n\
        voip/signalling/sip/use_proxy=1\r\nvoip/signalling/sip/proxy_address=10.0.0.1\r\nvoip/signalling/sip/proxy_port=5070\r\n\
        voip/signalling/sip/proxy_timeout=300\r\nvoip/signalling/sip/transport_protocol=TCP\r\n\
        provisioning/configuration/url=http://10.0.0.1:8081/h/token/\r\nsome/other/thing\r\n";

    #[test]
    fn an_audiocodes_file_gives_the_line() {
        let configuration = Configuration::parse(Make::AudioCodes, FILE);
        let account = configuration.account(None).unwrap();
        assert_eq!(account.server, "10.0.0.1:5070");
        assert_eq!((account.number.as_str(), account.auth_name.as_str()), ("4001", "00908f112233"));
        assert_eq!(account.password.unwrap().expose_secret(), "a=b;c");
        assert_eq!(account.display_name, "Taro Yamada");
        assert_eq!(configuration.transport(), Some(SipTransport::Tcp));
        assert_eq!(configuration.expires(), Some(300));
        assert_eq!(configuration.next_url(), Some("http://10.0.0.1:8081/h/token/"));
    }

    #[test]
    fn a_file_without_the_password_keeps_the_one_the_phone_has() {
        let first = Configuration::parse(Make::AudioCodes, FILE).account(None).unwrap();
        let again = Configuration::parse(Make::AudioCodes, "voip/line/0/id=2001\n").account(Some(&first)).unwrap();
        assert_eq!(again.number, "2001");
        assert_eq!(again.server, first.server);
        assert_eq!(again.password.unwrap().expose_secret(), "a=b;c");
    }

    #[test]
    fn a_line_switched_off_or_without_a_server_is_no_line() {
        for file in [
            "voip/line/0/enabled=0\nvoip/line/0/id=1\nvoip/signalling/sip/use_proxy=1\nvoip/signalling/sip/proxy_address=h",
            "voip/line/0/id=1\nvoip/signalling/sip/use_proxy=0\nvoip/signalling/sip/proxy_address=h",
            "voip/line/0/id=1\nvoip/signalling/sip/use_proxy=1\nvoip/signalling/sip/proxy_address=0.0.0.0",
            "<html>not found</html>",
        ] {
            assert!(Configuration::parse(Make::AudioCodes, file).account(None).is_none(), "{file}");
        }
    }

    #[test]
    fn a_yealink_file_gives_the_line() {
        let file = "#!version:1.0.0.1\naccount.1.enable = 1\naccount.1.user_name = 2001\naccount.1.auth_name = p1\n\
            account.1.password = s\naccount.1.display_name = Hanako\naccount.1.sip_server.1.address = 2001:db8::1\n\
            account.1.sip_server.1.port = 5060\naccount.1.sip_server.1.transport_type = 1\naccount.1.sip_server.1.expires = 120\n\
            static.auto_provision.server.url = http://h/t\nsip.notify_reboot_enable = 0\n";
        let configuration = Configuration::parse(Make::Yealink, file);
        let account = configuration.account(None).unwrap();
        assert_eq!((account.server.as_str(), account.number.as_str()), ("[2001:db8::1]:5060", "2001"));
        assert_eq!(configuration.transport(), Some(SipTransport::Tcp));
        assert_eq!(configuration.expires(), Some(120));
        assert_eq!(configuration.next_url(), Some("http://h/t"));
        assert_eq!(configuration.reboots_at_check_sync(), Some(false));
    }

    #[test]
    fn a_yealinks_boot_file_names_its_files_and_later_ones_win() {
        let boot = "#!version:1.0.0.1\ninclude:config \"y000000000066.cfg\"\ninclude:config <805ec0aabbcc.cfg>\n\
            #include:config \"x.cfg\"\ninclude:config \"../x.cfg\"\noverwrite_mode = 0\n";
        assert_eq!(included(boot), ["y000000000066.cfg", "805ec0aabbcc.cfg"]);
        assert_eq!(common_file("66.86.0.15").as_deref(), Some("y000000000066.cfg"));
        assert_eq!(common_file("x"), None);
        let mut both =
            Configuration::parse(Make::Yealink, "sip.notify_reboot_enable = 0\naccount.1.sip_server.1.expires = 60\n");
        both.add(Configuration::parse(Make::Yealink, "account.1.sip_server.1.expires = 90\n"));
        assert_eq!((both.expires(), both.reboots_at_check_sync()), (Some(90), Some(false)));
    }

    #[test]
    fn the_file_asked_for_is_named_by_the_mac_unless_the_url_names_one() {
        let mac = "00908f1122aa".parse().unwrap();
        for (url, expected) in [
            ("http://h:8081", "http://h:8081/00908F1122AA.cfg"),
            ("http://h.example/", "http://h.example/00908F1122AA.cfg"),
            ("http://h/p/token", "http://h/p/token/00908F1122AA.cfg"),
            ("http://h/p/own.cfg", "http://h/p/own.cfg"),
            ("http://h/<MAC>/x.cfg", "http://h/00908F1122AA/x.cfg"),
        ] {
            assert_eq!(file_url(url, mac, MacCase::Upper), expected);
        }
        assert_eq!(file_url("http://h/", mac, MacCase::Lower), "http://h/00908f1122aa.cfg");
    }
}
