//! Watching while somebody repairs: what a prober knows, look by look, and what changes from one to the next.
//!
//! A [`Look`] is what is known at one moment, from this process or from a prober that runs. The [`Model`] folds looks into
//! what was seen so far, and says what is news; [`screen`] holds what keys do, [`draw`] and [`summary`] show it. All
//! of that is pure. [`source`] does what is not.

mod cell;
pub mod draw;
mod look;
mod model;
mod news;
pub mod screen;
pub mod source;
mod summary;
mod turn;

pub use cell::{Cell, CellKey, Column, Degree};
pub use look::{ChangeLook, JournalLook, Look, NameLook, ResolverLook};
pub use model::Model;
pub use news::{Event, News};
pub use summary::summary;
pub use turn::Turned;
