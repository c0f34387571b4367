//! Unbound.

use super::{Forward, INTERNAL_ZONE, Invocation, NodeSetup, words};

pub(super) fn invocation(node: &NodeSetup<'_>) -> Invocation {
    let arguments = &["-d", "-c", "unbound.conf"];
    Invocation { program: "unbound", arguments, files: vec![("unbound.conf", unbound_conf(node))] }
}

fn unbound_conf(node: &NodeSetup<'_>) -> String {
    let NodeSetup { setup, name, address, tracer, trust_anchor } = node;
    let forward = |first: &str, to: &[_]| {
        let servers = words(to, |address| format!("    forward-addr: {address}\n"));
        format!("forward-zone:\n    name: \".\"\n    forward-first: {first}\n{servers}")
    };
    let forward = match &setup.forward {
        Forward::Never => String::new(),
        Forward::Only(to) => forward("no", to),
        Forward::First(to) => forward("yes", to),
    };
    let modules = if setup.validating { "validator iterator" } else { "iterator" };
    let mut extra = String::new();
    if setup.validating {
        extra += &format!("    trust-anchor: \". DNSKEY {trust_anchor}\"\n");
    }
    if setup.serve_stale {
        extra += "    serve-expired: yes\n";
    }
    if setup.tracer {
        extra += &format!("    local-zone: \"{tracer}\" redirect\n    local-data: \"{tracer} 0 A {address}\"\n");
    }
    format!(
        r#"server:
    interface: {address}
    outgoing-interface: {address}
    access-control: 0.0.0.0/0 {access}
    identity: "{name}"
    directory: "."
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    num-threads: 1
    do-ip6: no
    do-not-query-localhost: no
    root-hints: "root.hints"
    module-config: "{modules}"
{extra}remote-control:
    control-enable: no
auth-zone:
    name: "{INTERNAL_ZONE}"
    zonefile: "internal.zone"
    for-upstream: yes
{forward}"#,
        access = match (setup.refuse_recursion, setup.snooping) {
            (true, _) => "refuse_non_local",
            (false, true) => "allow_snoop",
            (false, false) => "allow",
        },
    )
}
