//! The files of the repository, and programs that check them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use yaml_rust2::{Yaml, YamlLoader};

/// A path of the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// The text of a file.
pub(crate) fn read(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// The documents of a YAML file.
pub(crate) fn yaml(relative: &str) -> Vec<Yaml> {
    YamlLoader::load_from_str(&read(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// Files of a folder with this ending, in order, as paths of the repository.
pub(crate) fn list(folder: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(path(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name"));
    let mut files: Vec<_> =
        names.filter(|name| name.ends_with(ending)).map(|name| format!("{folder}/{name}")).collect();
    files.sort();
    files
}

/// Holds a file to what the code makes of it; with `UPDATE` set, writes it.
pub(crate) fn assert_generated(relative: &str, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path(relative), text).unwrap_or_else(|error| panic!("{relative}: {error}"));
    }
    assert!(read(relative) == text, "{relative} is out of date: UPDATE=1 cargo test --test monitoring");
}

/// Runs a program in the repository, which has to be content.
pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let result = Command::new(program).args(arguments).current_dir(path("")).output();
    let output = result.unwrap_or_else(|error| panic!("{program} has to be installed, see tests/run: {error}"));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{program} {}:\n{said}", arguments.join(" "));
    said
}
