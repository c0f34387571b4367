//! dnsmasq, which can only forward.

use super::{Forward, INTERNAL, Invocation, NodeSetup, words};

pub(super) fn invocation(node: &NodeSetup<'_>) -> Invocation {
    let arguments = &["--keep-in-foreground", "--conf-file=dnsmasq.conf"];
    Invocation { program: "dnsmasq", arguments, files: vec![("dnsmasq.conf", dnsmasq_conf(node))] }
}

fn dnsmasq_conf(node: &NodeSetup<'_>) -> String {
    let NodeSetup { setup, address, tracer, .. } = node;
    let servers = match &setup.forward {
        // It cannot ask authorities itself.
        Forward::Never => String::new(),
        Forward::Only(to) | Forward::First(to) => words(to, |server| format!("server={server}@{address}\n")),
    };
    let tracer = if setup.tracer { format!("address=/{tracer}/{address}\n") } else { String::new() };
    let (internal, internal_address) = INTERNAL;
    format!(
        "listen-address={address}
bind-interfaces
no-resolv
no-hosts
user=root
group=root
pid-file=
log-facility=-
address=/{internal}/{internal_address}
{tracer}{servers}"
    )
}
