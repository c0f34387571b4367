//! probes.toml: from what the user wrote to an [`Estate`], or to every mistake in it at once.
//!
//! The file is parsed (`toml`), read into types that name every key (`spec`, made of `given` values, by the deserializer
//! in `read`, which goes on after a mistake; `values` knows how single values are written), and turned into the estate
//! (`build`), the one bridge, where it is decided what is the case when a key is absent and what fits together.

mod build;
mod given;
mod problem;
mod read;
mod spec;
mod values;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use self::problem::{Place, Report};
pub use self::problem::{Problem, Problems};
use crate::estate::Estate;

/// The largest file that is read, in bytes: an estate of 10,000 resolvers takes about one megabyte.
const LARGEST_FILE: u64 = 64 << 20;

/// What the command line says in place of the file.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// The datacenter this process runs in, instead of `prober.datacenter`.
    pub datacenter: Option<String>,
    /// Every cluster of the file, wherever this process runs and whatever `prober.clusters` says: what the lab plays.
    pub all_clusters: bool,
}

/// A configuration file, and what the command line says in place of it: what can be loaded, and loaded again.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What the command line says.
    pub overrides: Overrides,
}

impl ConfigFile {
    /// Reads it as it is now.
    ///
    /// # Errors
    /// Every mistake of the file at once; or that it cannot be read.
    pub fn load(&self) -> Result<Loaded, Problems> {
        load(&self.path, &self.overrides)
    }
}

/// A file without mistakes.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// What is watched, as this process sees it.
    pub estate: Estate,
    /// What works, but hardly as it was meant; in the order of the file.
    pub warnings: Vec<Problem>,
}

/// Reads a configuration file. Files named in it are relative to its folder.
///
/// # Errors
/// Every mistake of the file at once; or that it cannot be read.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Loaded, Problems> {
    let name = path.display().to_string();
    let unreadable = |reason: String| Problems(vec![Problem::with_file(&name, format!("cannot be read: {reason}"))]);
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_string(&mut text));
    let size = read.map_err(|error| unreadable(error.to_string()))?;
    if size as u64 > LARGEST_FILE {
        return Err(unreadable(format!("at most {LARGEST_FILE} bytes are allowed")));
    }
    let mut loaded = parse(&text, &name, overrides)?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let Estate { prober, path, .. } = &mut loaded.estate;
    for file in path.key_files.iter_mut().chain(&mut prober.operator_token_file).chain(&mut prober.state_dir) {
        *file = folder.join(&*file);
    }
    Ok(loaded)
}

/// Reads the text of a configuration file; touches nothing else. `file_name` is for messages alone.
///
/// # Errors
/// Every mistake of the text at once. A text that is no TOML has no other mistakes than that.
pub fn parse(text: &str, file_name: &str, overrides: &Overrides) -> Result<Loaded, Problems> {
    let report = Report::default();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let place = Place::new(error.span().unwrap_or(text.len()..text.len()), String::new());
        report.unreadable(&place, format!("not TOML: {}", error.message()));
    }
    let estate = if errors.is_empty() { build::estate(&read::read(table, &report), overrides, &report) } else { None };
    let clean = report.is_clean();
    let (problems, warnings) = report.finish(file_name, text);
    match estate {
        Some(estate) if clean => Ok(Loaded { estate, warnings }),
        _ => Err(problems),
    }
}
