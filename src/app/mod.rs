//! Wiring: configuration, first run, commands, start, drain, stop. The only room that knows every other.

mod admin;
mod arguments;
mod backup;
mod client;
mod command;
mod config;
mod data_lock;
mod demo;
mod demo_directory;
mod deployment;
mod descriptors;
mod doctor;
mod doors;
mod figures;
mod first_run;
mod journey;
mod json_log;
mod nodes;
mod output;
mod phone_command;
mod probe;
mod prompts;
mod prompts_check;
mod registering;
mod ring_back;
mod routing;
mod serve;
mod server;
mod shut_outs;
mod supervision;
mod upkeep;

pub use command::main;
pub use config::{Config, ConfigError};
pub use journey::REFUSALS;
pub use server::{Running, StartError, start};
