//! probes.toml and every mistake that can be made in it.

use fathom::config::{self, Loaded, Overrides};

const SHIPPED: &str = include_str!("../probes.toml");

fn shipped() -> Loaded {
    config::parse(SHIPPED, "probes.toml", &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_shipped_file_has_no_mistake_and_no_warning() {
    let loaded = shipped();
    assert!(loaded.warnings.is_empty(), "{:#?}", loaded.warnings);
}
