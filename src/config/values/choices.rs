//! Numbers, flags, and keys that take one of two kinds of values.

use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Unexpected, Visitor};

use super::super::given::List;
use super::{Text, ZoneName};
use crate::estate::{DomainName, Label};

/// A whole number within bounds.
#[derive(Debug, Clone, Copy)]
pub(in crate::config) struct Whole<const LEAST: u32, const MOST: u32>(pub(in crate::config) u32);

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Whole<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WithinBounds<const LEAST: u32, const MOST: u32>;

        impl<const LEAST: u32, const MOST: u32> Visitor<'_> for WithinBounds<LEAST, MOST> {
            type Value = Whole<LEAST, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {LEAST} to {MOST}")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                let bounded = u32::try_from(number).ok().filter(|number| (LEAST..=MOST).contains(number));
                bounded.map(Whole).ok_or_else(|| E::invalid_value(Unexpected::Signed(number), &self))
            }
        }

        deserializer.deserialize_u32(WithinBounds)
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Flag(pub(in crate::config) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct YesOrNo;

        impl Visitor<'_> for YesOrNo {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false, without quotes")
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<Flag, E> {
                Ok(Flag(yes))
            }
        }

        deserializer.deserialize_bool(YesOrNo)
    }
}

/// Which clusters a process probes.
#[derive(Debug, Clone)]
pub(in crate::config) enum ClusterChoice {
    /// Every cluster of the file.
    All,
    /// These.
    Named(List<Label>),
}

impl<'de> Deserialize<'de> for ClusterChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllOrNamed;

        impl<'de> Visitor<'de> for AllOrNamed {
            type Value = ClusterChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\", or a list of cluster names")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<ClusterChoice, E> {
                if text == "all" { Ok(ClusterChoice::All) } else { Err(E::invalid_value(Unexpected::Str(text), &self)) }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<ClusterChoice, A::Error> {
                List::deserialize(SeqAccessDeserializer::new(seq)).map(ClusterChoice::Named)
            }
        }

        deserializer.deserialize_any(AllOrNamed)
    }
}

/// Which tracer zone a resolver serves.
#[derive(Debug, Clone)]
pub(in crate::config) enum TracerChoice {
    /// None.
    None,
    /// This one.
    Zone(DomainName),
}

impl<'de> Deserialize<'de> for TracerChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ZoneOrFalse;

        impl Visitor<'_> for ZoneOrFalse {
            type Value = TracerChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of the zone that this resolver alone serves, or false when it has none")
            }

            fn visit_bool<E: de::Error>(self, yes: bool) -> Result<TracerChoice, E> {
                if yes { Err(E::invalid_value(Unexpected::Bool(yes), &self)) } else { Ok(TracerChoice::None) }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TracerChoice, E> {
                let zone = <ZoneName as Text>::parse(text);
                zone.map(|zone| TracerChoice::Zone(zone.0)).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(ZoneOrFalse)
    }
}
