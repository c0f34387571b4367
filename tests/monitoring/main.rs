//! What turns metrics into pages and pictures: rules, dashboards, deployment files, runbooks. Held to each other, to the
//! catalogue of metrics, and to the real programs that read them.

mod catalogue;
mod dashboards;
mod deploy;
mod files;
mod rules;
