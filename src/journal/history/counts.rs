//! Probes and failures of many series, as twelve bytes each.

use std::collections::BTreeMap;

/// Probes and failures by series.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<u32, (u32, u32)>);

impl Counts {
    /// Adds what a series has grown by.
    pub fn add(&mut self, series: u32, probes: u32, failed: u32) {
        let counts = self.0.entry(series).or_default();
        *counts = (counts.0.saturating_add(probes), counts.1.saturating_add(failed));
    }

    /// Probes and failures of these series together.
    pub fn sum(&self, series: &[u32]) -> (u64, u64) {
        let counts = series.iter().filter_map(|series| self.0.get(series));
        counts.fold((0, 0), |sum, more| (sum.0 + u64::from(more.0), sum.1 + u64::from(more.1)))
    }

    /// As it is kept: number, probes and failures of each series as little-endian words.
    pub fn to_bytes(&self) -> Vec<u8> {
        let words = self.0.iter().flat_map(|(series, counts)| [*series, counts.0, counts.1]);
        words.flat_map(u32::to_le_bytes).collect()
    }

    /// What was kept. Bytes that are no whole entry are left out.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        let (entries, _) = words.as_chunks::<3>();
        entries
            .iter()
            .map(|entry| entry.map(u32::from_le_bytes))
            .map(|[id, probes, failed]| (id, (probes, failed)))
            .collect()
    }
}

impl FromIterator<(u32, (u32, u32))> for Counts {
    fn from_iter<T: IntoIterator<Item = (u32, (u32, u32))>>(counts: T) -> Self {
        Self(counts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_damage_does_no_harm() {
        let mut counts = Counts::default();
        counts.add(3, 10, 1);
        counts.add(3, u32::MAX, 1);
        counts.add(70_000, 5, 5);
        let bytes = counts.to_bytes();
        assert_eq!(bytes.len(), 24);
        assert_eq!(Counts::from_bytes(&bytes), counts);
        assert_eq!(counts.sum(&[3, 4]), (u64::from(u32::MAX), 2));
        assert_eq!(Counts::from_bytes(&bytes[..17]).sum(&[70_000]), (0, 0));
    }
}
