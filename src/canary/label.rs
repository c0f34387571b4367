//! The nonce: one signed label of 40 characters.
//!
//! 15 bytes of payload — version (4 bits), kind (4), prober (16), target (16), minute (24), random (56) — and the first 10
//! bytes of HMAC-SHA256 over payload and zone, in base32hex (RFC 4648, section 7). One label costs a resolver that
//! minimises names (RFC 9156) one question; 32 characters without case survive servers that change letter case.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::{Encoding, Specification};

use super::{COLD_BRANCH, Key, Keys, TRACER_BRANCH};
use crate::estate::DomainName;

/// The length of a nonce label, in characters.
pub const LABEL_LENGTH: usize = 40;

/// How far the clock of a beacon may be from that of a prober, and how long a nonce stays valid.
pub const WINDOW: Duration = Duration::from_secs(600);

const VERSION: u8 = 1;
const PAYLOAD_LENGTH: usize = 15;
const MAC_LENGTH: usize = 10;
/// The minute has 24 bits: it comes round every 31.9 years.
const MINUTES: u32 = 1 << 24;

/// What a nonce is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Does a name never asked before resolve?
    Nonce,
    /// The same, to be asked again elsewhere without recursion.
    Echo,
    /// Never asked with recursion: the control of an echo.
    Control,
    /// Does the way lead to the resolver whose tracer zone this is?
    Tracer,
    /// Asked to fail, and again to see who remembers the failure.
    FailureEcho,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Nonce, Self::Echo, Self::Control, Self::Tracer, Self::FailureEcho];

    /// The word used in JSON and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nonce => "nonce",
            Self::Echo => "echo",
            Self::Control => "control",
            Self::Tracer => "tracer",
            Self::FailureEcho => "failure_echo",
        }
    }

    /// The kind of that word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What a nonce label says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce {
    /// What it is asked for.
    pub kind: Kind,
    /// The prober process that made it.
    pub prober: u16,
    /// Whatever the prober wants to know it by, such as the place of a resolver in its list.
    pub target: u16,
    /// Minutes since 1970, of which the lowest 24 bits travel.
    minute: u32,
    random: [u8; 7],
}

/// Why a label is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejected {
    /// It does not have the shape of a nonce.
    NotANonce,
    /// It has the shape, but no valid signature for this zone.
    Forged,
    /// It was made by a holder of the key, but too long ago, or by a clock that is wrong.
    Expired,
}

impl Nonce {
    /// A nonce of this moment.
    pub fn new(kind: Kind, prober: u16, target: u16, now: SystemTime) -> Self {
        Self { kind, prober, target, minute: minute_of(now), random: rand::random() }
    }

    /// The label, in lower case, signed for `zone`.
    pub fn label(&self, zone: &DomainName, keys: &Keys) -> String {
        let payload = self.payload();
        let mac = keys.signing().sign(&[&payload, zone.as_str().as_bytes()]);
        base32hex().encode(&[&payload[..], &mac[..MAC_LENGTH]].concat())
    }

    /// Reads a label in any letter case, and says which key signed it: an answer is best signed with the same one. The
    /// signature is looked at before anything it protects.
    pub fn verify<'k>(
        label: &[u8],
        zone: &DomainName,
        keys: &'k Keys,
        now: SystemTime,
    ) -> Result<(Self, &'k Key), Rejected> {
        let bytes = decode(label).ok_or(Rejected::NotANonce)?;
        let (payload, mac) = bytes.split_at(PAYLOAD_LENGTH);
        let key = keys.which_verifies(&[payload, zone.as_str().as_bytes()], mac).ok_or(Rejected::Forged)?;
        let nonce = Self::from_payload(payload).ok_or(Rejected::NotANonce)?;
        let ahead = nonce.minute.wrapping_sub(minute_of(now)) % MINUTES;
        let apart = ahead.min(MINUTES - ahead);
        if u64::from(apart) <= WINDOW.as_secs() / 60 { Ok((nonce, key)) } else { Err(Rejected::Expired) }
    }

    /// Reads a label whose signature somebody else has looked at.
    pub fn read(label: &[u8]) -> Option<Self> {
        decode(label).and_then(|bytes| Self::from_payload(&bytes[..PAYLOAD_LENGTH]))
    }

    fn payload(&self) -> [u8; PAYLOAD_LENGTH] {
        let mut payload = [0; PAYLOAD_LENGTH];
        payload[0] = VERSION << 4 | self.kind as u8;
        payload[1..3].copy_from_slice(&self.prober.to_be_bytes());
        payload[3..5].copy_from_slice(&self.target.to_be_bytes());
        payload[5..8].copy_from_slice(&self.minute.to_be_bytes()[1..]);
        payload[8..].copy_from_slice(&self.random);
        payload
    }

    fn from_payload(payload: &[u8]) -> Option<Self> {
        let [first, p0, p1, t0, t1, m0, m1, m2, random @ ..] = payload else { return None };
        let kind = Kind::ALL.get(usize::from(first & 0x0f)).copied()?;
        let random = random.try_into().ok()?;
        (first >> 4 == VERSION).then(|| Self {
            kind,
            prober: u16::from_be_bytes([*p0, *p1]),
            target: u16::from_be_bytes([*t0, *t1]),
            minute: u32::from_be_bytes([0, *m0, *m1, *m2]),
            random,
        })
    }
}

/// Makes the names that one prober process asks for.
#[derive(Debug, Clone)]
pub struct NonceFactory {
    keys: Arc<Keys>,
    zone: DomainName,
    prober: u16,
}

impl NonceFactory {
    /// A factory with a random number for this process, so that probers sharing a beacon tell their nonces apart.
    pub fn new(keys: Arc<Keys>, zone: DomainName) -> Self {
        Self { keys, zone, prober: rand::random() }
    }

    /// The number of this process, as it stands in its nonces.
    pub fn prober(&self) -> u16 {
        self.prober
    }

    /// The canary zone.
    pub fn zone(&self) -> &DomainName {
        &self.zone
    }

    /// The keys that sign its names, and with which answers are read.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// A fresh label.
    pub fn label(&self, kind: Kind, target: u16) -> String {
        Nonce::new(kind, self.prober, target, SystemTime::now()).label(&self.zone, &self.keys)
    }

    /// `<nonce>.p.<canary>`, or nothing when the zone's name is too long for that.
    pub fn cold_name(&self, kind: Kind, target: u16) -> Option<DomainName> {
        DomainName::parse(&format!("{}.{COLD_BRANCH}.{}", self.label(kind, target), self.zone))
    }

    /// `<nonce>.<tracer zone>`, or nothing when the tracer zone's name is too long for that.
    pub fn tracer_name(&self, tracer: &DomainName, target: u16) -> Option<DomainName> {
        DomainName::parse(&format!("{}.{tracer}", self.label(Kind::Tracer, target)))
    }

    /// `<resolver>.t.<canary>`: the tracer zone that nobody serves when `resolver` is nobody's name. Asked for as a
    /// control: only the beacon can answer.
    pub fn tracer_zone(&self, resolver: &str) -> Option<DomainName> {
        DomainName::parse(&format!("{resolver}.{TRACER_BRANCH}.{}", self.zone))
    }
}

fn decode(label: &[u8]) -> Option<[u8; PAYLOAD_LENGTH + MAC_LENGTH]> {
    let mut bytes = [0; PAYLOAD_LENGTH + MAC_LENGTH];
    let fits = label.len() == LABEL_LENGTH && base32hex().decode_mut(label, &mut bytes).is_ok();
    fits.then_some(bytes)
}

fn minute_of(now: SystemTime) -> u32 {
    let minutes = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / 60;
    u32::try_from(minutes % u64::from(MINUTES)).expect("24 bits")
}

/// base32hex without padding, in lower case, read in any case.
pub(super) fn base32hex() -> &'static Encoding {
    static BASE32HEX: std::sync::LazyLock<Encoding> = std::sync::LazyLock::new(|| {
        let mut specification = Specification::new();
        specification.symbols.push_str("0123456789abcdefghijklmnopqrstuv");
        specification.translate.from.push_str("ABCDEFGHIJKLMNOPQRSTUV");
        specification.translate.to.push_str("abcdefghijklmnopqrstuv");
        specification.encoding().expect("a sound specification")
    });
    &BASE32HEX
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(byte: u8) -> Key {
        Key::new(&[byte; 32]).unwrap()
    }

    fn zone() -> DomainName {
        DomainName::parse("canary.example.net.").unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// 2026-11-24 20:00:00 UTC.
    const NOW: u64 = 1_795_550_400;

    #[test]
    fn the_label_is_laid_out_bit_by_bit_as_written() {
        let nonce = Nonce { random: [7; 7], ..Nonce::new(Kind::Tracer, 0x1234, 0x00ff, at(NOW)) };
        let label = nonce.label(&zone(), &Keys::new(key(1), None));
        assert_eq!(label.len(), LABEL_LENGTH);
        let bytes = data_encoding::BASE32HEX_NOPAD.decode(label.to_ascii_uppercase().as_bytes()).unwrap();
        let minute = u32::try_from(NOW / 60 % (1 << 24)).unwrap().to_be_bytes();
        let payload = [&[0x13, 0x12, 0x34, 0x00, 0xff][..], &minute[1..], &[7; 7]].concat();
        assert_eq!(bytes[..15], payload);
        let signed = [&payload[..], b"canary.example.net."].concat();
        assert_eq!(bytes[15..], key(1).sign(&[&signed])[..10]);
    }

    #[test]
    fn a_nonce_is_valid_for_its_zone_its_keys_and_its_time() {
        let (keys, rotated) = (Keys::new(key(1), None), Keys::new(key(2), Some(key(1))));
        let label = Nonce::new(Kind::Echo, 9, 3, at(NOW)).label(&zone(), &keys);
        let other_zone = DomainName::parse("canary.example.org.").unwrap();
        let cases = [
            ("at once", zone(), &keys, NOW, Ok(())),
            ("after a rotation", zone(), &rotated, NOW, Ok(())),
            ("ten minutes later", zone(), &keys, NOW + 659, Ok(())),
            ("ten minutes early", zone(), &keys, NOW - 600, Ok(())),
            ("eleven minutes later", zone(), &keys, NOW + 660, Err(Rejected::Expired)),
            ("eleven minutes early", zone(), &keys, NOW - 601, Err(Rejected::Expired)),
            ("before 1970", zone(), &keys, 0, Err(Rejected::Expired)),
            ("in another zone", other_zone, &keys, NOW, Err(Rejected::Forged)),
            ("with another key", zone(), &Keys::new(key(2), None), NOW, Err(Rejected::Forged)),
        ];
        for (case, zone, keys, now, expected) in cases {
            assert_eq!(Nonce::verify(label.as_bytes(), &zone, keys, at(now)).map(drop), expected, "{case}");
        }
    }

    #[test]
    fn the_minute_comes_round_without_a_gap() {
        let keys = Keys::new(key(1), None);
        let wrap = u64::from(MINUTES) * 60 * 2;
        let label = Nonce::new(Kind::Nonce, 1, 1, at(wrap - 60)).label(&zone(), &keys);
        assert!(Nonce::verify(label.as_bytes(), &zone(), &keys, at(wrap + 300)).is_ok());
        let later = Nonce::verify(label.as_bytes(), &zone(), &keys, at(wrap + 900));
        assert_eq!(later.err(), Some(Rejected::Expired));
    }

    #[test]
    fn a_factory_makes_names_that_fit_or_none() {
        let factory = NonceFactory::new(Arc::new(Keys::new(key(1), None)), zone());
        let name = factory.cold_name(Kind::Nonce, 5).unwrap();
        assert!(name.as_str().ends_with(".p.canary.example.net."), "{name}");
        let label = &name.as_str().as_bytes()[..LABEL_LENGTH];
        let (nonce, _) = Nonce::verify(label, &zone(), factory.keys(), SystemTime::now()).unwrap();
        assert_eq!((nonce.kind, nonce.prober, nonce.target), (Kind::Nonce, factory.prober(), 5));
        assert_ne!(factory.cold_name(Kind::Nonce, 5), Some(name), "never the same name twice");
        let tracer = factory.tracer_zone("ns1").unwrap();
        assert_eq!(tracer.as_str(), "ns1.t.canary.example.net.");
        assert!(factory.tracer_name(&tracer, 0).unwrap().is_under(&tracer));
        let long = DomainName::parse(&vec!["x".repeat(63); 4].join(".")[..250]).unwrap();
        assert_eq!(NonceFactory::new(Arc::new(Keys::new(key(1), None)), long).cold_name(Kind::Nonce, 0), None);
    }

    #[test]
    fn kinds_fit_their_four_bits_and_have_words() {
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
            assert_eq!(Kind::parse(kind.as_str()), Some(kind));
        }
    }

    proptest! {
        #[test]
        fn any_nonce_survives_any_change_of_case(
            kind in prop::sample::select(Kind::ALL.to_vec()), prober: u16, target: u16, flips: u64,
        ) {
            let keys = Keys::new(key(1), None);
            let nonce = Nonce::new(kind, prober, target, at(NOW));
            let mut label = nonce.label(&zone(), &keys).into_bytes();
            for (place, byte) in label.iter_mut().enumerate() {
                if byte.is_ascii_alphabetic() && flips >> place & 1 == 1 {
                    *byte ^= 0x20;
                }
            }
            let verified = Nonce::verify(&label, &zone(), &keys, at(NOW)).map(|(nonce, _)| nonce);
            prop_assert_eq!(verified, Ok(nonce));
        }

        #[test]
        fn any_changed_bit_is_noticed(place in 0_usize..40, shift in 1_u8..32) {
            const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
            let keys = Keys::new(key(1), Some(key(2)));
            let mut label = Nonce::new(Kind::Nonce, 1, 2, at(NOW)).label(&zone(), &keys).into_bytes();
            let digit = ALPHABET.iter().position(|symbol| *symbol == label[place]).unwrap();
            label[place] = ALPHABET[(digit + usize::from(shift)) % 32];
            let verified = Nonce::verify(&label, &zone(), &keys, at(NOW));
            prop_assert_eq!(verified.err(), Some(Rejected::Forged));
        }

        #[test]
        fn no_label_at_all_is_accepted_or_panics(label in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(Nonce::verify(&label, &zone(), &Keys::new(key(1), None), at(NOW)).is_err());
        }
    }
}
