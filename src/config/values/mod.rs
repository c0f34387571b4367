//! How single values are written: each type knows what it allows, and says so when something else is found.

mod addresses;
mod choices;

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;
use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};

pub(super) use self::addresses::{FullAddress, Host4, Host6, Network, ServerAddress};
pub(super) use self::choices::{ClusterChoice, Flag, TracerChoice, Whole};
use super::problem::one_of;
use super::read::quoted;
use crate::estate::{DomainName, Label, QueryClass, QueryType, Transport};
use crate::expect::canonical;
use crate::wire::Rcode;

//----------- Text ------------------------------------------------------------

/// A value that is written as text.
trait Text: Sized {
    /// What is allowed, for messages.
    fn allowed() -> String;

    /// The value, or why the text is none; empty where that is plain to see.
    fn parse(text: &str) -> Result<Self, String>;
}

fn read_text<'de, T: Text, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct OfText<T>(std::marker::PhantomData<T>);

    impl<T: Text> Visitor<'_> for OfText<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(&T::allowed())
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            T::parse(text).map_err(|why| {
                if why.is_empty() {
                    E::invalid_value(Unexpected::Str(text), &self)
                } else {
                    E::invalid_value(Unexpected::Other(&format!("{}, {why}", quoted(text))), &self)
                }
            })
        }
    }

    deserializer.deserialize_str(OfText(std::marker::PhantomData))
}

macro_rules! read_as_text {
    ($($type:ty),+ $(,)?) => {
        $(impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read_text(deserializer)
            }
        })+
    };
}

read_as_text!(
    Label,
    DomainName,
    ZoneName,
    Interval,
    Timeout,
    Patience,
    FullAddress,
    ServerAddress,
    Host4,
    Host6,
    Network,
    Pattern,
    AnswerText,
    KeyFile,
    Folder,
    JournalAge,
    JournalSize,
    Role,
    Transport,
    QueryType,
    QueryClass,
    Rcode,
);

//----------- Names -----------------------------------------------------------

/// A domain name without `{nonce}`.
#[derive(Debug, Clone)]
pub(super) struct ZoneName(pub(super) DomainName);

/// Record data as it is compared.
#[derive(Debug, Clone)]
pub(super) struct AnswerText(pub(super) String);

/// A pattern over record data.
#[derive(Debug, Clone)]
pub(super) struct Pattern(pub(super) Regex);

/// The path of a file with a secret.
#[derive(Debug, Clone)]
pub(super) struct KeyFile(pub(super) PathBuf);

/// The path of a folder.
#[derive(Debug, Clone)]
pub(super) struct Folder(pub(super) PathBuf);

impl Text for Label {
    fn allowed() -> String {
        Self::ALLOWED.to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(String::new)
    }
}

impl Text for DomainName {
    fn allowed() -> String {
        format!("{}; {} may stand in it once", Self::ALLOWED, Self::NONCE)
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| if text.is_ascii() { String::new() } else { NOT_ASCII.to_owned() })
    }
}

const NOT_ASCII: &str = "which has letters beyond ASCII (write its xn-- form)";

impl Text for ZoneName {
    fn allowed() -> String {
        DomainName::ALLOWED.to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let name = <DomainName as Text>::parse(text)?;
        if name.has_nonce() { Err("which holds a nonce".to_owned()) } else { Ok(Self(name)) }
    }
}

impl Text for AnswerText {
    fn allowed() -> String {
        "one record's data as dig prints it, such as \"192.0.2.1\" or \"10 mail.example.\"".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let data = canonical(text);
        if data.is_empty() { Err(String::new()) } else { Ok(Self(data)) }
    }
}

impl Text for Pattern {
    fn allowed() -> String {
        "a regular expression in the syntax of the Rust regex crate, found anywhere in an answer".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let because = |error: regex::Error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!("which cannot be used ({})", last.trim_start_matches("error: "))
        };
        if text.is_empty() {
            return Err("which matches anything".to_owned());
        }
        Regex::new(text).map(Self).map_err(because)
    }
}

impl Text for KeyFile {
    fn allowed() -> String {
        "the path of a file, relative to this file's folder".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') { Err(String::new()) } else { Ok(Self(text.into())) }
    }
}

impl Text for Folder {
    fn allowed() -> String {
        "the path of a folder, relative to this file's folder".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || text.contains('\0') { Err(String::new()) } else { Ok(Self(text.into())) }
    }
}

//----------- Sizes -----------------------------------------------------------

/// The size of a database, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct JournalSize(pub(super) u64);

impl Text for JournalSize {
    fn allowed() -> String {
        "a size from 16MiB to 64GiB, such as \"256MiB\"".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        const UNITS: [(&str, u64); 2] = [("MiB", 1 << 20), ("GiB", 1 << 30)];
        let unit = UNITS.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?.trim_end(), bytes)));
        let Some((number, bytes)) = unit else {
            let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            return Err(if bare { "which has no unit".to_owned() } else { String::new() });
        };
        let whole = number.bytes().all(|byte| byte.is_ascii_digit()).then(|| number.parse::<u64>().ok()).flatten();
        match whole.map(|number| number.saturating_mul(*bytes)) {
            None => Err(String::new()),
            Some(size) if size < 16 << 20 => Err("which is too small".to_owned()),
            Some(size) if size > 64 << 30 => Err("which is too large".to_owned()),
            Some(size) => Ok(Self(size)),
        }
    }
}

//----------- Durations -------------------------------------------------------

macro_rules! durations {
    ($($(#[$doc:meta])* $name:ident $shortest:literal $longest:literal $example:literal),+ $(,)?) => {
        $($(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(super) struct $name(pub(super) Duration);

        impl Text for $name {
            fn allowed() -> String {
                concat!("a duration from ", $shortest, " to ", $longest, ", such as \"", $example, "\"").to_owned()
            }

            fn parse(text: &str) -> Result<Self, String> {
                let limit = |text| humantime::parse_duration(text).unwrap_or_default();
                match humantime::parse_duration(text) {
                    Ok(duration) if duration < limit($shortest) => Err("which is too short".to_owned()),
                    Ok(duration) if duration > limit($longest) => Err("which is too long".to_owned()),
                    Ok(duration) => Ok(Self(duration)),
                    Err(humantime::DurationError::UnknownUnit { unit, .. }) if unit.is_empty() => {
                        Err("which has no unit".to_owned())
                    }
                    Err(_) => Err(String::new()),
                }
            }
        })+
    };
}

durations! {
    /// From the start of something to its next start.
    Interval "100ms" "1day" "10s",
    /// What a client would wait.
    Timeout "10ms" "1m" "2s",
    /// How long a late answer is listened for.
    Patience "10ms" "2m" "12s",
    /// How long entries of the journal are kept.
    JournalAge "1h" "3650days" "90days",
}

//----------- Words -----------------------------------------------------------

/// What a cluster does for its clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Authoritative,
    Recursive,
}

impl Role {
    const ALL: [Self; 2] = [Self::Authoritative, Self::Recursive];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Authoritative => "authoritative",
            Self::Recursive => "recursive",
        }
    }
}

macro_rules! words {
    ($($type:ty),+) => {
        $(impl Text for $type {
            fn allowed() -> String {
                one_of(Self::ALL.iter().map(|word| word.as_str()))
            }

            fn parse(text: &str) -> Result<Self, String> {
                let meant = Self::ALL.iter().find(|word| word.as_str().eq_ignore_ascii_case(text));
                meant.copied().ok_or_else(String::new)
            }
        })+
    };
}

words!(Role, Transport, QueryType, QueryClass);

impl Text for Rcode {
    fn allowed() -> String {
        one_of(Self::names())
    }

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(String::new)
    }
}

/// For messages: values one after the other.
pub(super) fn joined<T: Display>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
}
