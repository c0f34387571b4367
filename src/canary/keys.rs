//! The keys that probers and their beacon share.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::estate::Estate;
use crate::private_file::{self, Unfit};

/// The length of a full MAC, in bytes.
const MAC_LENGTH: usize = 32;

/// One secret key, for HMAC-SHA256 (RFC 2104).
///
/// What is signed begins differently for each purpose, so that a signature made for one is worth nothing for another:
/// a nonce with its version, everything else with words that name it.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The fewest bytes of a key: as many as the hash has.
    pub const MIN_LENGTH: usize = 32;

    /// The most bytes of a key; a file that holds more is not a key.
    pub const MAX_LENGTH: usize = 1024;

    /// A key from its bytes, or nothing when there are too few or too many.
    pub fn new(secret: &[u8]) -> Option<Self> {
        let fits = (Self::MIN_LENGTH..=Self::MAX_LENGTH).contains(&secret.len());
        if fits { Hmac::new_from_slice(secret).ok().map(Self) } else { None }
    }

    /// Reads a key file. White space at both ends does not count, so that the file may be a line of text.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        let failed = |why| KeyError { path: path.to_owned(), why };
        // Twice what is allowed shows, with some white space around it, that there is too much.
        let bytes = private_file::read(path, 2 * Self::MAX_LENGTH).map_err(|error| failed(Why::Unfit(error)))?;
        let secret = bytes.trim_ascii();
        Self::new(secret).ok_or_else(|| failed(Why::Length(secret.len())))
    }

    /// Makes a key file with 256 random bits as a line of hexadecimal digits, for its owner alone. An existing file is
    /// left alone: it may hold the key that is in use.
    pub fn create_file(path: &Path) -> Result<(), KeyError> {
        let secret: [u8; 32] = rand::random();
        let line = format!("{}\n", HEXLOWER.encode(&secret));
        let failed = |error| KeyError { path: path.to_owned(), why: Why::Unwritable(error) };
        private_file::create(path, line.as_bytes()).map_err(failed)
    }

    /// The MAC over the parts, one after another.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; MAC_LENGTH] {
        self.over(parts).finalize().into_bytes().into()
    }

    /// Whether `mac` is the MAC over the parts, or the beginning of it; in constant time. An empty one never is.
    pub fn verifies(&self, parts: &[&[u8]], mac: &[u8]) -> bool {
        self.over(parts).verify_truncated_left(mac).is_ok()
    }

    fn over(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        parts.iter().fold(self.0.clone(), Mac::chain_update)
    }
}

impl fmt::Debug for Key {
    /// Never shows the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The keys in use: one signs, and a second one is accepted while the first replaces it.
#[derive(Debug, Clone)]
pub struct Keys {
    signing: Key,
    former: Option<Key>,
}

impl Keys {
    /// `signing` signs; `former` is accepted beside it.
    pub fn new(signing: Key, former: Option<Key>) -> Self {
        Self { signing, former }
    }

    /// A key that nobody else knows and that ends with this process: enough where prober and beacon are one
    /// process.
    ///
    /// # Panics
    /// Never: the secret is long enough.
    pub fn for_this_process() -> Self {
        let secret: [u8; Key::MIN_LENGTH] = rand::random();
        Self::new(Key::new(&secret).expect("it is long enough"), None)
    }

    /// Reads the key files of `path.key_files`: the first one signs, a second one is accepted. `Ok(None)` when there are
    /// none.
    ///
    /// # Panics
    /// When there are more than two: the configuration allows no more.
    pub fn load(files: &[PathBuf]) -> Result<Option<Self>, KeyError> {
        match files {
            [] => Ok(None),
            [signing] => Ok(Some(Self::new(Key::load(signing)?, None))),
            [signing, former] => Ok(Some(Self::new(Key::load(signing)?, Some(Key::load(former)?)))),
            [_, _, ..] => panic!("the configuration allows two key files"),
        }
    }

    /// The keys of this process: those of `path.key_files`; without any, one of its own where it runs the beacon itself.
    pub fn of(estate: &Estate) -> Result<Option<Self>, KeyError> {
        let own = || estate.beacon.is_some().then(Self::for_this_process);
        Ok(Self::load(&estate.path.key_files)?.or_else(own))
    }

    /// Whether both sign and accept the same.
    pub fn are_the_same_as(&self, other: &Self) -> bool {
        let marks = |keys: &Self| keys.all().map(|key| key.sign(&[b"fathom same key"])).collect::<Vec<_>>();
        marks(self) == marks(other)
    }

    /// The key that signs.
    pub fn signing(&self) -> &Key {
        &self.signing
    }

    /// All of them, the signing one first.
    pub fn all(&self) -> impl Iterator<Item = &Key> {
        [Some(&self.signing), self.former.as_ref()].into_iter().flatten()
    }

    /// The key with which `mac` is the MAC over the parts, if one of them is it.
    pub fn which_verifies(&self, parts: &[&[u8]], mac: &[u8]) -> Option<&Key> {
        self.all().find(|key| key.verifies(parts, mac))
    }
}

//----------- KeyError --------------------------------------------------------

/// What is wrong with a key file.
#[derive(Debug, thiserror::Error)]
#[error("key file {}: {why}", path.display())]
pub struct KeyError {
    path: PathBuf,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("{0}")]
    Unfit(Unfit),
    #[error(
        "holds {0} bytes without the white space around them; a key has {min} to {max}, and `fathom beacon --new-key FILE` makes one",
        min = Key::MIN_LENGTH,
        max = Key::MAX_LENGTH
    )]
    Length(usize),
    #[error("cannot be made: {0}")]
    Unwritable(io::Error),
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    /// A folder of this test's own, gone when it is dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("fathom-keys-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn file(&self, name: &str, contents: &[u8], mode: u32) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, contents).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn a_made_key_file_is_private_random_and_never_overwritten() {
        let folder = Folder::new("made");
        let (one, two) = (folder.0.join("one.key"), folder.0.join("two.key"));
        Key::create_file(&one).unwrap();
        Key::create_file(&two).unwrap();
        assert_eq!(fs::metadata(&one).unwrap().mode() & 0o777, 0o600);
        assert_ne!(fs::read(&one).unwrap(), fs::read(&two).unwrap());
        let refused = Key::create_file(&one).unwrap_err().to_string();
        assert_eq!(refused, format!("key file {}: cannot be made: File exists (os error 17)", one.display()));

        let keys = Keys::load(&[one.clone(), two.clone()]).unwrap().unwrap();
        assert_eq!(keys.signing().sign(&[b"a", b"b"]), Key::load(&one).unwrap().sign(&[b"ab"]));
        let mac = Key::load(&two).unwrap().sign(&[b"ab"]);
        assert!(keys.which_verifies(&[b"ab"], &mac).is_some(), "the former key is accepted");
        assert!(keys.which_verifies(&[b"ab"], &mac[..10]).is_some(), "so is the beginning of a MAC");
        assert!(keys.which_verifies(&[b"ab"], &[]).is_none(), "but not an empty one");
        assert!(Keys::load(&[two]).unwrap().unwrap().which_verifies(&[b"ac"], &mac).is_none());
        assert!(Keys::load(&[]).unwrap().is_none());
    }

    #[test]
    fn a_key_file_that_will_not_do_is_refused_in_words() {
        let folder = Folder::new("refused");
        let short = "holds 31 bytes without the white space around them; a key has 32 to 1024, and \
                     `fathom beacon --new-key FILE` makes one";
        let exposed =
            |mode| format!("others than its owner have access to it (mode {mode}); allow its owner alone: chmod 600");
        let good = [b'k'; 32];
        let cases = [
            (folder.file("short", &[b" ", &good[..31], b"\n"].concat(), 0o600), short.to_owned()),
            (folder.file("long", &[b'k'; 1025], 0o600), short.replace("31", "1025")),
            (folder.file("empty", b"", 0o600), short.replace("31", "0")),
            (folder.file("group", &good, 0o640), exposed("640")),
            (folder.file("world", &good, 0o604), exposed("604")),
            (folder.0.join("absent"), "cannot be read: No such file or directory (os error 2)".to_owned()),
            (folder.0.clone(), "is not a file".to_owned()),
        ];
        for (path, why) in cases {
            let error = Key::load(&path).unwrap_err().to_string();
            assert_eq!(error, format!("key file {}: {why}", path.display()));
        }
        assert!(Key::load(&folder.file("good", &[&good[..], b"\n"].concat(), 0o400)).is_ok());
    }

    #[test]
    fn the_mac_is_hmac_sha256_as_others_compute_it() {
        // RFC 4231, test case 7 (a key of 131 bytes).
        let key = Key::new(&[0xaa; 131]).unwrap();
        let data = b"This is a test using a larger than block-size key and a larger than block-size data. \
                     The key needs to be hashed before being used by the HMAC algorithm.";
        let expected = "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2";
        assert_eq!(HEXLOWER.encode(&key.sign(&[data])), expected);
        assert_eq!(format!("{key:?}"), "Key(…)");
    }
}
