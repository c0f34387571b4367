//! Files that hold a secret: their owner alone may have access to them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It cannot be opened or read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is a folder, a pipe, a device.
    #[error("is not a file")]
    NotAFile,
    /// Its permissions give others than its owner access to it; these are its mode's last nine bits.
    #[error("others than its owner have access to it (mode {0:03o}); allow its owner alone: chmod 600")]
    Exposed(u32),
}

/// Reads the file, but no more than `most` bytes of it.
///
/// # Errors
/// When it cannot be read, or others than its owner could read or change it.
pub fn read(path: &Path, most: usize) -> Result<Vec<u8>, Unfit> {
    let file = File::open(path).map_err(Unfit::Unreadable)?;
    // Asked of the open file: nobody can swap the file between the look at it and the reading.
    let metadata = file.metadata().map_err(Unfit::Unreadable)?;
    if !metadata.is_file() {
        return Err(Unfit::NotAFile);
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(Unfit::Exposed(metadata.mode() & 0o777));
    }
    let mut bytes = Vec::new();
    file.take(most as u64).read_to_end(&mut bytes).map_err(Unfit::Unreadable)?;
    Ok(bytes)
}

/// Makes the file, for its owner alone. An existing one is left alone: it may hold the secret that is in use.
///
/// # Errors
/// When there is such a file, or it cannot be written.
pub fn create(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}
