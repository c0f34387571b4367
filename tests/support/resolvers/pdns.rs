//! PowerDNS Recursor.

use super::{Forward, INTERNAL_ZONE, Invocation, NodeSetup};

pub(super) fn invocation(node: &NodeSetup<'_>) -> Invocation {
    let arguments = &["--config-dir=.", "--daemon=no"];
    Invocation { program: "pdns_recursor", arguments, files: vec![("recursor.conf", recursor_conf(node))] }
}

fn recursor_conf(node: &NodeSetup<'_>) -> String {
    let NodeSetup { setup, name, address, .. } = node;
    let forward = match &setup.forward {
        Forward::Never => String::new(),
        Forward::Only(to) | Forward::First(to) => {
            let servers: Vec<_> = to.iter().map(ToString::to_string).collect();
            format!("forward-zones-recurse=.={}", servers.join(";"))
        }
    };
    let tracer = if setup.tracer { format!(",{}=tracer.zone", node.tracer) } else { String::new() };
    format!(
        "local-address={address}
query-local-address={address}
server-id={name}
allow-from=0.0.0.0/0
dont-query=
hint-file=root.hints
auth-zones={INTERNAL_ZONE}=internal.zone{tracer}
{forward}
dnssec=process-no-validate
security-poll-suffix=
socket-dir=.
include-dir=
threads=1
disable-syslog=yes
"
    )
}
