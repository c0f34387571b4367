//! Who may change something in a running prober: whoever knows the operator's token.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use parking_lot::{Mutex, RwLock};

use crate::budget::Budget;
use crate::canary::Key;
use crate::estate::Estate;
use crate::private_file::{self, Unfit};

/// Wrong tokens that may come from one address in a row; one more is allowed with every second that passes.
const WRONG_IN_A_ROW: u32 = 10;

/// The most addresses of which it is remembered that wrong tokens came from them. All others share one allowance.
const ADDRESSES: usize = 1024;

/// The secret that an operator shows. It is kept as its MAC alone, under a key that ends with this process.
#[derive(Clone)]
pub struct Token {
    key: Key,
    mac: [u8; 32],
}

impl Token {
    /// The fewest characters of a token.
    pub const MIN_LENGTH: usize = 16;

    /// The most characters of a token.
    pub const MAX_LENGTH: usize = 256;

    /// A token from its text, or nothing when it is too short, too long, or not all printable ASCII: it travels in a
    /// header.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (Self::MIN_LENGTH..=Self::MAX_LENGTH).contains(&text.len());
        let key = Key::new(&rand::random::<[u8; Key::MIN_LENGTH]>())?;
        let mac = key.sign(&[text.as_bytes()]);
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(Self { key, mac })
    }

    /// Reads `prober.operator_token_file`. White space at both ends does not count.
    ///
    /// # Errors
    /// When it cannot be read, others have access to it, or it holds no token.
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        Self::read(path).map(|(token, _)| token)
    }

    /// The same, for those who are to show the token: with its text.
    ///
    /// # Errors
    /// When it cannot be read, others have access to it, or it holds no token.
    pub fn read(path: &Path) -> Result<(Self, String), TokenError> {
        let failed = |why| TokenError { path: path.to_owned(), why };
        let bytes = private_file::read(path, 2 * Self::MAX_LENGTH).map_err(|error| failed(Why::Unfit(error)))?;
        let text = bytes.trim_ascii();
        let both = str::from_utf8(text).ok().and_then(|text| Some((Self::new(text)?, text.to_owned())));
        both.ok_or_else(|| failed(Why::NoToken(text.len())))
    }

    /// The token of `prober.operator_token_file`, if it names one.
    ///
    /// # Errors
    /// When the file will not do.
    pub fn of(estate: &Estate) -> Result<Option<Self>, TokenError> {
        estate.prober.operator_token_file.as_deref().map(Self::load).transpose()
    }

    /// A token that nobody can guess, and its text: 128 random bits in hexadecimal digits.
    ///
    /// # Panics
    /// Never: the text is long enough.
    pub fn random() -> (Self, String) {
        let text = HEXLOWER.encode(&rand::random::<[u8; 16]>());
        (Self::new(&text).expect("it is long enough"), text)
    }

    /// Whether this is it, in a time that does not tell how much of it is right.
    fn is(&self, text: &str) -> bool {
        self.key.verifies(&[text.as_bytes()], &self.mac)
    }
}

impl fmt::Debug for Token {
    /// Never shows the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// The token in use, and how often wrong ones came.
#[derive(Debug, Default)]
pub struct Operator {
    token: RwLock<Option<Token>>,
    wrong: Mutex<Wrong>,
}

/// Why somebody may not change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// There is no token, so nobody may.
    NoToken,
    /// Too many wrong tokens came from that address.
    TooMany,
    /// It is not the token.
    Wrong,
}

impl Operator {
    /// Those who know this token may change something; without one, nobody may.
    pub fn new(token: Option<Token>) -> Self {
        Self { token: RwLock::new(token), wrong: Mutex::default() }
    }

    /// From now on it is this token.
    pub fn set(&self, token: Option<Token>) {
        *self.token.write() = token;
    }

    /// Whether there is a token.
    pub fn has_token(&self) -> bool {
        self.token.read().is_some()
    }

    /// Whether whoever shows this text, from this address, may change something.
    ///
    /// # Errors
    /// When that is not so. A right token is not looked at either while too many wrong ones come from its address.
    pub fn admit(&self, from: IpAddr, shown: &str) -> Result<(), Refused> {
        let Some(token) = self.token.read().clone() else { return Err(Refused::NoToken) };
        let mut wrong = self.wrong.lock();
        let allowance = wrong.allowance(from);
        if allowance.is_used_up() {
            return Err(Refused::TooMany);
        }
        if token.is(shown) {
            return Ok(());
        }
        allowance.try_take();
        if wrong.to_be_logged.try_take() {
            tracing::warn!("A wrong operator token came from {from}.");
        }
        Err(Refused::Wrong)
    }
}

/// How many wrong tokens may still come, by address.
#[derive(Debug)]
struct Wrong {
    of_address: HashMap<IpAddr, Budget>,
    of_others: Budget,
    /// Wrong tokens of which the log tells.
    to_be_logged: Budget,
}

impl Default for Wrong {
    fn default() -> Self {
        Self { of_address: HashMap::new(), of_others: allowance(), to_be_logged: allowance() }
    }
}

fn allowance() -> Budget {
    Budget::with_burst(1, WRONG_IN_A_ROW)
}

impl Wrong {
    fn allowance(&mut self, from: IpAddr) -> &Budget {
        let who = network(from);
        if self.of_address.len() >= ADDRESSES && !self.of_address.contains_key(&who) {
            self.of_address.retain(|_, allowance| !allowance.is_full());
            if self.of_address.len() >= ADDRESSES {
                return &self.of_others;
            }
        }
        self.of_address.entry(who).or_insert_with(allowance)
    }
}

/// The address; of IPv6 its /64, which is one network's.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

//----------- TokenError ------------------------------------------------------

/// What is wrong with a file that is to hold the token.
#[derive(Debug, thiserror::Error)]
#[error("operator token file {}: {why}", path.display())]
pub struct TokenError {
    path: PathBuf,
    why: Why,
}

#[derive(Debug, thiserror::Error)]
enum Why {
    #[error("{0}")]
    Unfit(Unfit),
    #[error(
        "holds no token: {0} bytes without the white space around them; a token has {min} to {max} letters, digits and \
         signs of ASCII, without spaces",
        min = Token::MIN_LENGTH,
        max = Token::MAX_LENGTH
    )]
    NoToken(usize),
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const TOKEN: &str = "correct-horse-battery-staple";

    fn operator() -> Operator {
        Operator::new(Token::new(TOKEN))
    }

    #[test]
    fn a_token_is_long_enough_and_fits_into_a_header() {
        let texts = ["0123456789abcdef", &"x".repeat(256), "~!@#$%^&*()_+{}|"];
        assert!(texts.into_iter().all(|text| Token::new(text).is_some_and(|token| token.is(text))));
        for bad in
            ["", "0123456789abcde", &"x".repeat(257), "0123456789 abcdef", "0123456789äbcdef", "0123456789abcdef\n"]
        {
            assert!(Token::new(bad).is_none(), "{bad:?}");
        }
        let (token, text) = Token::random();
        assert!(token.is(&text) && !token.is(TOKEN) && !token.is(""));
        assert_eq!(format!("{token:?}"), "Token(…)");
        assert_ne!(Token::random().1, text);
    }

    #[test]
    fn a_token_file_that_will_not_do_is_refused_in_words() {
        let path = std::env::temp_dir().join(format!("fathom-token-{}", std::process::id()));
        let load = |contents: &[u8]| {
            private_file::create(&path, contents).unwrap();
            let loaded = Token::load(&path);
            std::fs::remove_file(&path).unwrap();
            loaded.map_err(|error| error.to_string())
        };
        assert!(load(format!(" {TOKEN}\n").as_bytes()).unwrap().is(TOKEN));
        for (contents, length) in [(&b"short"[..], 5), (b"", 0), (&[b'x'; 300], 300), (&[0xff; 20], 20)] {
            let expected = format!(
                "operator token file {}: holds no token: {length} bytes without the white space around them; a token has \
                 16 to 256 letters, digits and signs of ASCII, without spaces",
                path.display()
            );
            assert_eq!(load(contents).unwrap_err(), expected);
        }
        let error = Token::load(&path).unwrap_err().to_string();
        assert!(error.ends_with(": cannot be read: No such file or directory (os error 2)"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_guesses_is_soon_not_listened_to_and_nobody_else_notices() {
        let (guesser, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let operator = operator();
        let answers: Vec<Refused> = (0..20).map(|_| operator.admit(guesser, "guess").unwrap_err()).collect();
        assert_eq!(answers[..10], [Refused::Wrong; 10]);
        assert_eq!(answers[10..], [Refused::TooMany; 10]);
        assert_eq!(operator.admit(guesser, TOKEN), Err(Refused::TooMany), "not even to the right one");
        assert_eq!(operator.admit(other, TOKEN), Ok(()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(operator.admit(guesser, TOKEN), Ok(()));
        assert_eq!((0..100).map(|_| operator.admit(other, TOKEN)).find(Result::is_err), None, "right ones are free");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_from_everywhere_is_forgotten_and_bounded() {
        let operator = operator();
        let source = |number: u32| IpAddr::V6(Ipv6Addr::from_bits(u128::from(number) << 64 | 0x2001 << 112));
        for number in 0..5000 {
            assert!(operator.admit(source(number), "guess").is_err());
        }
        assert_eq!(operator.wrong.lock().of_address.len(), ADDRESSES);
        assert_eq!(operator.admit(source(9000), TOKEN), Err(Refused::TooMany), "the others share an allowance");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(operator.admit(source(9000), TOKEN), Ok(()));
        assert_eq!(operator.wrong.lock().of_address.len(), 1, "who was silent is forgotten");
    }

    #[test]
    fn without_a_token_nobody_may_and_a_new_one_takes_the_old_ones_place() {
        let (operator, from) = (Operator::default(), IpAddr::from([127, 0, 0, 1]));
        assert!(!operator.has_token());
        assert_eq!(operator.admit(from, ""), Err(Refused::NoToken));
        operator.set(Token::new(TOKEN));
        assert_eq!(operator.admit(from, TOKEN), Ok(()));
        operator.set(Token::new("another-token-of-the-operator"));
        assert_eq!(operator.admit(from, TOKEN), Err(Refused::Wrong));
    }
}
