//! `tsunagu deployment print …`: the files of `src/deployment/`, carried in the program.

use std::process::ExitCode;

use clap::Subcommand;
use clap::builder::PossibleValuesParser;

use super::output;

/// Every file: the name it is asked for by, and what is in it.
const FILES: [(&str, &str); 5] = [
    ("systemd", include_str!("../deployment/tsunagu.service")),
    ("container", include_str!("../deployment/Containerfile")),
    ("kamailio", include_str!("../deployment/kamailio.cfg")),
    ("dashboard", include_str!("../deployment/dashboard.json")),
    ("alerts", include_str!("../deployment/alerts.yaml")),
];

/// Files to run the server with.
#[derive(Debug, Subcommand)]
pub enum DeploymentCommand {
    /// Print one: systemd's unit, a container's file, Kamailio's configuration as an edge before several nodes, Grafana's
    /// dashboard, Prometheus's alert rules.
    #[command(
        after_help = "Examples:\n  tsunagu deployment print systemd > /etc/systemd/system/tsunagu.service\n  tsunagu deployment print container > Containerfile\n  tsunagu deployment print kamailio > /etc/kamailio/kamailio.cfg\n  tsunagu deployment print alerts > /etc/prometheus/tsunagu-alerts.yaml"
    )]
    Print {
        /// Which one.
        #[arg(value_parser = PossibleValuesParser::new(FILES.map(|(name, _)| name)))]
        name: String,
    },
}

/// `tsunagu deployment`
pub fn run(command: &DeploymentCommand) -> ExitCode {
    let DeploymentCommand::Print { name } = command;
    match FILES.iter().find(|(known, _)| known == name) {
        Some((_, text)) => {
            output::line(text.trim_end());
            ExitCode::SUCCESS
        }
        None => ExitCode::from(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::config::Config;

    #[test]
    fn the_service_is_given_longer_to_stop_than_conversations_to_finish() {
        let (_, unit) = FILES.iter().find(|(name, _)| *name == "systemd").unwrap();
        let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
        assert!(stop.parse::<u64>().unwrap() > Config::default().limits.drain_seconds);
    }
}
