//! Deployment files: accepted by the programs that read them, and free of names that DNS would have to resolve.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use super::files::{assert_generated, list, read, run, yaml};

#[test]
fn alertmanager_accepts_its_configuration() {
    run("amtool", &["check-config", "deploy/alertmanager.yml"]);
}

#[test]
fn prometheus_accepts_its_configuration() {
    for file in ["deploy/prometheus.yml", "deploy/compose/prometheus.yml"] {
        run("promtool", &["check", "config", "--syntax-only", file]);
    }
}

#[test]
fn no_address_in_the_configuration_needs_dns() {
    let mut seen = 0;
    for file in ["deploy/prometheus.yml", "deploy/compose/prometheus.yml", "deploy/alertmanager.yml"] {
        for line in read(file).lines().filter(|line| !line.trim_start().starts_with('#')) {
            let addresses = line.split(['\'', '"', ' ', '/', '[', ']', ',']).filter_map(|word| word.rsplit_once(':'));
            for (host, port) in addresses.filter(|(_, port)| port.parse::<u16>().is_ok()) {
                assert!(host.parse::<IpAddr>().is_ok(), "{file}: {host}:{port}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 8, "only {seen} addresses were found");
}

#[test]
fn manifests_are_yaml() {
    for file in list("deploy/kubernetes", ".yaml") {
        for document in yaml(&file) {
            assert!(document["kind"].as_str().is_some() && document["metadata"]["name"].as_str().is_some(), "{file}");
        }
    }
    let compose = yaml("deploy/compose.yml");
    assert!(compose[0]["services"]["fathom"]["command"].as_vec().is_some());
    for file in ["datasources", "dashboards"] {
        assert_eq!(yaml(&format!("deploy/grafana/provisioning/{file}/fathom.yaml"))[0]["apiVersion"].as_i64(), Some(1));
    }
}

/// The Prometheus Operator takes rules as a resource of its own: the files of alerts/, one below the other.
#[test]
fn the_operators_rules_are_those_of_alerts() {
    let mut text = "# Made from alerts/ by `UPDATE=1 cargo test --test monitoring`; change them there.\n\
                    apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\n\
                    metadata:\n  name: fathom\n  namespace: fathom\n  labels: {app.kubernetes.io/name: fathom}\n\
                    spec:\n  groups:\n"
        .to_owned();
    for file in ["recording", "dns", "prober"] {
        let rules = read(&format!("alerts/{file}.yml"));
        let (_, groups) = rules.split_once("\ngroups:\n").expect("groups");
        for line in groups.lines() {
            text.push_str(if line.is_empty() { "" } else { "  " });
            text.push_str(line);
            text.push('\n');
        }
    }
    assert_generated("deploy/kubernetes/prometheusrule.yaml", &text);
    let groups = yaml("deploy/kubernetes/prometheusrule.yaml")[0]["spec"]["groups"].as_vec().map(Vec::len);
    assert!(groups.is_some_and(|groups| groups >= 9));
}

#[test]
fn the_unit_is_well_formed_and_leaves_the_prober_little_to_abuse() {
    // 2.0 out of 10; what is left is the network, and the port below 1024 for the beacon.
    run("systemd-analyze", &["security", "--offline=true", "--threshold=20", "deploy/systemd/fathom.service"]);
    let unit = read("deploy/systemd/fathom.service");
    // sd_notify speaks over a Unix socket: without it a unit of this type would never be ready.
    let families = unit.lines().find(|line| line.starts_with("RestrictAddressFamilies=")).expect("address families");
    assert!(unit.contains("\nType=notify\n") && unit.contains("\nWatchdogSec=") && families.contains("AF_UNIX"));
    let unit = unit.replace("/usr/bin/fathom", env!("CARGO_BIN_EXE_fathom"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unit");
    fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("fathom.service");
    fs::write(&file, unit).expect("a unit");
    let said =
        run("systemd-analyze", &["verify", "--man=no", "--recursive-errors=no", file.to_str().expect("a plain path")]);
    assert!(!said.contains("fathom.service:"), "{said}");
}
