//! What the types of [`super::spec`] are made of: values with their places, or nothing, or something wrong.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

use super::problem::{Place, Report};

/// The name by which [`Given`] asks the deserializer of [`super::read`] for its place as well as its value.
pub(super) const GIVEN: &str = "fathom::config::Given";

/// What the file says under one key.
#[derive(Debug, Clone, Default)]
pub(super) enum Given<T> {
    /// Nothing.
    #[default]
    Absent,
    /// Something that is not allowed there; noted already.
    Wrong,
    /// A value.
    Is(At<T>),
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    pub(super) place: Place,
    pub(super) value: T,
}

/// A list, of which entries may be wrong; those are noted already.
#[derive(Debug, Clone)]
pub(super) struct List<T>(Vec<Given<T>>);

impl<T> List<T> {
    /// The entries that are as they should be.
    pub(super) fn good(&self) -> impl Iterator<Item = &At<T>> {
        self.0.iter().filter_map(Given::given)
    }

    /// Whether no entry is wrong.
    pub(super) fn is_good(&self) -> bool {
        self.0.iter().all(|entry| entry.given().is_some())
    }

    /// Whether the file lists nothing, good or bad.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T> Given<T> {
    /// The value and its place, if there is a good one.
    pub(super) fn given(&self) -> Option<&At<T>> {
        match self {
            Self::Is(at) => Some(at),
            Self::Absent | Self::Wrong => None,
        }
    }

    /// Where the value stands, or else where it would.
    pub(super) fn place_in(&self, section: &Place, key: &str) -> Place {
        self.given().map_or_else(|| section.below(key), |at| at.place.clone())
    }

    /// Whether the key is there, with a good value or a bad one.
    pub(super) fn is_present(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

impl<T> Given<List<T>> {
    /// The entries of the list that are as they should be.
    pub(super) fn entries(&self) -> impl Iterator<Item = &At<T>> {
        self.given().into_iter().flat_map(|list| list.good())
    }
}

impl<T: Clone> Given<T> {
    /// The value, if there is a good one.
    pub(super) fn value(&self) -> Option<T> {
        self.given().map(|at| at.value.clone())
    }

    /// The value, which has to be there: notes that it is missing, and what is allowed.
    pub(super) fn required(&self, report: &Report, section: &Place, key: &str, allowed: &str) -> Option<At<T>> {
        if !self.is_present() {
            report.mistake(&section.below(key), "missing", allowed);
        }
        self.given().cloned()
    }
}

impl<T: Clone + Default> Given<T> {
    /// The section, or an empty one where the file has none.
    pub(super) fn or_empty(&self, key: &str) -> Cow<'_, At<T>> {
        match self {
            Self::Is(at) => Cow::Borrowed(at),
            Self::Absent | Self::Wrong => Cow::Owned(At { place: Place::nowhere(key), value: T::default() }),
        }
    }
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlaceAndValue<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for PlaceAndValue<T> {
            type Value = Given<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Given<T>, A::Error> {
                let start = seq.next_element()?.unwrap_or_default();
                let end = seq.next_element()?.unwrap_or_default();
                let key = seq.next_element()?.unwrap_or_default();
                Ok(match seq.next_element() {
                    Ok(Some(value)) => Given::Is(At { place: Place::new(start..end, key), value }),
                    Ok(None) | Err(_) => Given::Wrong,
                })
            }
        }

        deserializer.deserialize_newtype_struct(GIVEN, PlaceAndValue(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}
