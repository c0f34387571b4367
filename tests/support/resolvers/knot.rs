//! Knot Resolver.

use super::super::outside::Authority;
use super::{Forward, INTERNAL, Invocation, NodeSetup, words};

pub(super) fn invocation(node: &NodeSetup<'_>) -> Invocation {
    let arguments = &["--noninteractive", "--config=kresd.conf", "."];
    Invocation { program: "kresd", arguments, files: vec![("kresd.conf", kresd_conf(node))] }
}

fn kresd_conf(node: &NodeSetup<'_>) -> String {
    let NodeSetup { setup, name, address, .. } = node;
    let answer = |zone: &str, address: &str, ttl: u32| {
        format!(
            "policy.add(policy.suffix(policy.ANSWER({{[kres.type.A] = {{ rdata = kres.str2ip('{address}'), ttl = {ttl} }}}}), \
             {{ todname('{zone}') }}))"
        )
    };
    let (internal, internal_address) = INTERNAL;
    let tracer = if setup.tracer { answer(&node.tracer, &address.to_string(), 0) } else { String::new() };
    let forward = match &setup.forward {
        Forward::Never => String::new(),
        Forward::Only(to) | Forward::First(to) => {
            let servers = words(to, |address| format!("'{address}', "));
            format!("policy.add(policy.all(policy.FORWARD({{ {servers}}})))")
        }
    };
    format!(
        "net.listen('{address}', 53)
net.ipv6 = false
net.outgoing_v4('{address}')
cache.size = 10 * MB
trust_anchors.remove('.')
modules = {{ 'hints', 'nsid' }}
modules.unload('priming')
hints.root({{ ['ns.'] = '{root}' }})
nsid.name('{name}')
{internal}
{tracer}
{forward}
",
        root = Authority::Root.address(),
        internal = answer(internal, internal_address, 300),
    )
}
