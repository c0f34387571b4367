//! Fathom: a synthetic DNS health prober with Prometheus export.
//!
//! In the order in which data flows:
//!
//! - [`config`] reads probes.toml, and says everything that is wrong with it;
//! - [`estate`] and [`expect`] hold what is watched, and [`plan`] what that makes necessary to ask;
//! - [`wire`] turns a question into bytes and bytes into the facts of a reply, [`transport`] carries them;
//! - [`exchange`] asks once and listens, [`probe`] does so for a target, and [`outcome`] says what came of it;
//! - [`schedule`] says when, and [`fleet`] runs it all;
//! - [`path`] traces where resolvers forward to: it gathers [`evidence`], draws the [`graph`], judges by the rules of
//!   [`verdict`], and makes a [`report`] of it;
//! - [`board`] folds every observation into the one current state, and holds the reports;
//! - [`runway`] says for how long caches would go on answering without any way out;
//! - [`journal`] writes down what changes, and makes incidents of it;
//! - [`break_glass`] keeps the last verified addresses of names, for the time when nothing answers any more;
//! - [`canary`] makes names that only the [`beacon`] can answer, and reads its answers;
//! - [`metrics`] shows it to Prometheus, [`web`] to everybody, and [`daemon`] holds all this together;
//! - [`operator`] knows who may change something, by a token from a [`private_file`];
//! - [`tracer_config`] writes what resolvers need for their paths to be recognised;
//! - [`survey`] looks at all this from a command that ends, and [`gate`] says whether a rebuild may go ahead;
//! - [`watch`] follows all this while somebody repairs, and tells what changes;
//! - [`fetch`] asks other Fathom processes over HTTP, by address;
//! - [`lab`] is an estate inside the process, for tests and for those who want to see an incident;
//! - [`cli`] is the program around all this, one file a command.

pub mod beacon;
pub mod board;
pub mod break_glass;
pub mod budget;
pub mod canary;
pub mod cli;
pub mod config;
pub mod daemon;
pub mod estate;
pub mod evidence;
pub mod exchange;
pub mod expect;
pub mod fetch;
pub mod fleet;
pub mod gate;
pub mod graph;
pub mod histogram;
pub mod journal;
pub mod lab;
pub mod metrics;
mod notify;
pub mod operator;
pub mod outcome;
pub mod path;
pub mod plan;
pub mod private_file;
pub mod probe;
pub mod report;
mod rfc3339;
pub mod runway;
pub mod schedule;
pub mod survey;
pub mod tracer_config;
pub mod transport;
pub mod ttl_watch;
pub mod verdict;
pub mod watch;
pub mod web;
pub mod wire;
