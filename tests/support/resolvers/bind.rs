//! BIND 9.

use super::{Forward, INTERNAL_ZONE, Invocation, NodeSetup, words};

pub(super) fn invocation(node: &NodeSetup<'_>) -> Invocation {
    let arguments = &["-g", "-4", "-n", "2", "-c", "named.conf"];
    Invocation { program: "named", arguments, files: vec![("named.conf", named_conf(node))] }
}

fn named_conf(node: &NodeSetup<'_>) -> String {
    let NodeSetup { setup, name, address, .. } = node;
    let list = |addresses: &[_]| words(addresses, |address| format!("{address}; "));
    let forward = match &setup.forward {
        Forward::Never => String::new(),
        Forward::Only(to) => format!("forward only; forwarders {{ {}}};", list(to)),
        Forward::First(to) => format!("forward first; forwarders {{ {}}};", list(to)),
    };
    let on = |wanted: bool, text: &'static str| if wanted { text } else { "" };
    let validation = if setup.validating { "yes" } else { "no" };
    let trust_anchors = match node.trust_anchor.split(' ').collect::<Vec<_>>()[..] {
        [flags, protocol, algorithm, ref key @ ..] if setup.validating => {
            format!("trust-anchors {{ . static-key {flags} {protocol} {algorithm} \"{}\"; }};", key.concat())
        }
        _ => String::new(),
    };
    let tracer = if setup.tracer {
        format!("zone \"{}\" {{ type primary; file \"tracer.zone\"; }};", node.tracer)
    } else {
        String::new()
    };
    format!(
        r#"options {{
    directory ".";
    listen-on {{ {address}; }};
    query-source address {address};
    server-id "{identity}";
    pid-file none;
    session-keyfile none;
    lock-file none;
    max-cache-size 16m;
    allow-recursion {{ {recursion}; }};
    allow-query-cache {{ {recursion}; }};
    dnssec-validation {validation};
    {forward}
    {serve_stale}
    {rate_limit}
}};
{trust_anchors}
controls {{ }};
zone "." {{ type hint; file "root.hints"; }};
zone "{INTERNAL_ZONE}" {{ type primary; file "internal.zone"; }};
{tracer}
"#,
        identity = if setup.generation == 0 { (*name).to_owned() } else { format!("{name}-{}", setup.generation) },
        recursion = if setup.refuse_recursion { "none" } else { "any" },
        serve_stale = on(setup.serve_stale, "stale-answer-enable yes; stale-cache-enable yes;"),
        rate_limit = on(setup.rate_limit, "rate-limit { responses-per-second 5; };"),
    )
}
