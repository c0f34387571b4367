//! Reads a parsed file into types that derive `Deserialize`, and goes on after every mistake.
//!
//! An ordinary deserializer stops at the first thing that does not fit. Here every value stands in a
//! [`Given`](super::given::Given), for which what is wrong is noted, with its place, and reading goes on; keys that no
//! field claims are noted too.

use std::convert::Infallible;
use std::fmt;

use serde::de::value::{SeqDeserializer, StrDeserializer};
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
};
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::given::GIVEN;
use super::problem::{Place, Report, nearest, one_of, with_hint};

/// The longest piece of the file that is repeated in a message, in characters.
const LONGEST_FOUND: usize = 60;

/// Reads the whole file; what is wrong in it goes to the report.
pub(super) fn read<T: for<'de> Deserialize<'de> + Default>(file: Spanned<DeTable<'_>>, report: &Report) -> T {
    let whole = Spanned::new(file.span(), DeValue::Table(file.into_inner()));
    let node = Node { value: &whole, key: String::new(), report };
    T::deserialize(node).unwrap_or_default()
}

/// Why a value does not fit.
#[derive(Debug)]
struct Misfit {
    found: String,
    allowed: String,
}

/// One value of the file, its key, and where mistakes go.
struct Node<'a> {
    value: &'a Spanned<DeValue<'a>>,
    key: String,
    report: &'a Report,
}

impl<'a> Node<'a> {
    fn place(&self) -> Place {
        Place::new(self.value.span(), self.key.clone())
    }

    /// The entries that have a field; notes the others.
    fn claimed(&self, table: &'a DeTable<'a>, fields: &'static [&'static str]) -> Vec<(&'a str, Self)> {
        let parent = self.place();
        let mut claimed = Vec::new();
        for (key, value) in table {
            let name: &str = key.get_ref();
            let place = parent.below(name).at(key.span());
            let node = |key: &Place| Node { value, key: key.key.clone(), report: self.report };
            if fields.contains(&name) {
                claimed.push((name, node(&place)));
            } else {
                // A misspelt key is read as the one that was meant, whose absence would only be a second mistake.
                let absent =
                    |meant: &&str| !table.contains_key(*meant) && !claimed.iter().any(|(name, _)| name == meant);
                if let Some(meant) = nearest(name, fields.iter().copied()).filter(absent) {
                    claimed.push((meant, node(&place)));
                }
                let found = with_hint("unknown key".to_owned(), name, fields.iter().copied());
                self.report.mistake(&place, found, one_of(fields.iter().copied()));
            }
        }
        claimed
    }

    /// The entries of a list; tables among them are known by their `name` or `id`.
    fn entries(&self, array: &'a DeArray<'a>) -> Vec<Self> {
        let known_as = |value: &'a DeValue<'a>| value.get("name").or_else(|| value.get("id"))?.get_ref().as_str();
        let entry = |(place, value): (usize, &'a Spanned<DeValue<'a>>)| {
            let key = match known_as(value.get_ref()) {
                Some(name) => format!("{}[{}]", self.key, shortened(name)),
                None if value.get_ref().is_table() => format!("{}[#{}]", self.key, place + 1),
                None => self.key.clone(),
            };
            Node { value, key, report: self.report }
        };
        array.iter().enumerate().map(entry).collect()
    }
}

impl<'de> Deserializer<'de> for Node<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.value.get_ref() {
            DeValue::String(text) => visitor.visit_str(text),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => visitor.visit_i64(number),
                Err(_) => Err(de::Error::invalid_value(Unexpected::Other(&number.to_string()), &visitor)),
            },
            DeValue::Float(number) => Err(de::Error::invalid_type(Unexpected::Other(&number.to_string()), &visitor)),
            DeValue::Boolean(yes) => visitor.visit_bool(*yes),
            DeValue::Datetime(time) => Err(de::Error::invalid_type(Unexpected::Other(&time.to_string()), &visitor)),
            DeValue::Array(array) => visitor.visit_seq(SeqDeserializer::new(self.entries(array).into_iter())),
            DeValue::Table(_) => Err(de::Error::invalid_type(Unexpected::Map, &visitor)),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match self.value.get_ref() {
            DeValue::Array(array) => visitor.visit_seq(SeqDeserializer::new(self.entries(array).into_iter())),
            DeValue::Table(_) => {
                let header = self.key.split('.').map(|part| part.split('[').next().unwrap_or(part));
                let header = header.collect::<Vec<_>>().join(".");
                let allowed = format!("a list of tables, each headed [[{header}]]");
                Err(Misfit { found: "found one table".to_owned(), allowed })
            }
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => self.deserialize_any(ListWanted).map(|never| match never {}),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match self.value.get_ref() {
            DeValue::Table(table) => {
                visitor.visit_map(Entries { rest: self.claimed(table, fields).into_iter(), value: None })
            }
            DeValue::Array(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        if name == GIVEN {
            visitor.visit_seq(Placed { place: self.place(), node: Some(self), step: 0 })
        } else {
            self.deserialize_any(visitor)
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        tuple tuple_struct map enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, Misfit> for Node<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// The entries of a table that have a field.
struct Entries<'a> {
    rest: std::vec::IntoIter<(&'a str, Node<'a>)>,
    value: Option<Node<'a>>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some((key, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some(value);
        let key: StrDeserializer<'_, Misfit> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let value = self.value.take().ok_or_else(|| de::Error::custom("a value without its key"))?;
        seed.deserialize(value)
    }
}

/// A value as [`Given`] asks for it: start, end, key, and the value itself, whose mistakes are noted here.
struct Placed<'a> {
    place: Place,
    node: Option<Node<'a>>,
    step: u8,
}

impl<'de> SeqAccess<'de> for Placed<'_> {
    type Error = Misfit;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Misfit> {
        self.step += 1;
        match self.step {
            1 => seed.deserialize(self.place.range().start.into_deserializer()).map(Some),
            2 => seed.deserialize(self.place.range().end.into_deserializer()).map(Some),
            3 => seed.deserialize(self.place.key.clone().into_deserializer()).map(Some),
            _ => {
                let Some(node) = self.node.take() else { return Ok(None) };
                let report = node.report;
                let noted = |misfit: &Misfit| report.mistake(&self.place, &misfit.found, &misfit.allowed);
                seed.deserialize(node).map(Some).inspect_err(noted)
            }
        }
    }
}

/// Takes nothing, and says that a list was wanted.
struct ListWanted;

impl Visitor<'_> for ListWanted {
    type Value = Infallible;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list, in square brackets")
    }
}

//----------- Words -----------------------------------------------------------

impl de::Error for Misfit {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self { found: message.to_string(), allowed: "what docs/configuration.md says".to_owned() }
    }

    fn invalid_type(found: Unexpected<'_>, allowed: &dyn de::Expected) -> Self {
        Self::invalid_value(found, allowed)
    }

    fn invalid_value(found: Unexpected<'_>, allowed: &dyn de::Expected) -> Self {
        #[expect(clippy::wildcard_enum_match_arm, reason = "serde's enum; TOML has no more kinds of values")]
        let found = match found {
            Unexpected::Str(text) => quoted(text),
            Unexpected::Signed(number) => number.to_string(),
            Unexpected::Bool(yes) => yes.to_string(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a table".to_owned(),
            Unexpected::Other(text) => text.to_owned(),
            other => other.to_string(),
        };
        Self { found: format!("found {found}"), allowed: allowed.to_string() }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; allowed: {}", self.found, self.allowed)
    }
}

impl std::error::Error for Misfit {}

/// A piece of the file as it is repeated in a message: in quotes, nothing in it that could move a terminal's cursor.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shortened(text))
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST_FOUND).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST_FOUND).is_some() {
        short.push('…');
    }
    short
}
