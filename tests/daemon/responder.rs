//! A DNS server of a few lines, in the test's own runtime: it notes what it is asked and answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep};

/// What to answer, and after how long.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Say {
    /// NOERROR and one address, or the SOA record asked for.
    Address(Duration),
    /// SERVFAIL, because no authority can be reached (extended error 22).
    Servfail(Duration),
    /// This text as a TXT record, as the name of the server (RFC 5001) and as that of an extended error.
    Hostile(&'static str),
    /// Nothing, ever.
    Nothing,
}

/// One question as it came.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) qname: String,
    pub(crate) at: Instant,
    pub(crate) port: u16,
}

type Script = Box<dyn FnMut(&Asked) -> Say + Send>;

/// A running server. It ends with the runtime.
#[derive(Clone)]
pub(crate) struct Responder {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Mutex<Script>>,
}

impl Responder {
    pub(crate) async fn start(script: impl FnMut(&Asked) -> Say + Send + 'static) -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let script: Script = Box::new(script);
        let responder =
            Self { address: socket.local_addr().unwrap(), asked: Arc::default(), script: Arc::new(Mutex::new(script)) };
        tokio::spawn(responder.clone().serve(socket));
        responder
    }

    /// Everything asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// From now on, answers like this.
    pub(crate) fn say(&self, script: impl FnMut(&Asked) -> Say + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    async fn serve(self, socket: Arc<UdpSocket>) {
        let mut buffer = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
            let query = buffer[..length].to_vec();
            let (qname, question_end) = question(&query);
            let asked = Asked { qname, at: Instant::now(), port: from.port() };
            let say = (self.script.lock().unwrap())(&asked);
            self.asked.lock().unwrap().push(asked);
            let (delay, reply) = match say {
                Say::Address(delay) => (delay, reply(&query[..question_end], 0)),
                Say::Servfail(delay) => (delay, reply(&query[..question_end], 2)),
                Say::Hostile(text) => (Duration::ZERO, hostile(&query[..question_end], text.as_bytes())),
                Say::Nothing => continue,
            };
            let socket = Arc::clone(&socket);
            tokio::spawn(async move {
                if !delay.is_zero() {
                    sleep(delay).await;
                }
                // The asker may have closed its port by now.
                drop(socket.send_to(&reply, from).await);
            });
        }
    }
}

/// The whole reply to a question; the messages are short enough to be written by hand (RFC 1035, RFC 8914).
fn reply(question: &[u8], rcode: u8) -> Vec<u8> {
    const ADDRESS: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1];
    const SOA: [u8; 34] =
        [0xc0, 12, 0, 6, 0, 1, 0, 0, 1, 44, 0, 22, 0, 0, 0, 0, 7, 0xea, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0];
    const NO_REACHABLE_AUTHORITY: [u8; 17] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6, 0, 15, 0, 2, 0, 22];
    let failed = u8::from(rcode != 0);
    let mut reply = question.to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80 | rcode, 0, 1, 0, 1 - failed, 0, 0, 0, failed]);
    match question[question.len() - 4..] {
        _ if failed == 1 => reply.extend(NO_REACHABLE_AUTHORITY),
        [0, 6, ..] => reply.extend(SOA),
        _ => reply.extend(ADDRESS),
    }
    reply
}

/// The same for a text, wherever a reply can carry one.
fn hostile(question: &[u8], text: &[u8]) -> Vec<u8> {
    let length = |length: usize| u8::try_from(length).expect("a short text");
    let (class, text_length) = (&question[question.len() - 2..], length(text.len()));
    let mut reply = question.to_vec();
    reply[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 1]);
    reply.extend([&[0xc0, 12, 0, 16], class, &[0, 0, 1, 44, 0, text_length + 1, text_length], text].concat());
    reply.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 2 * text_length + 10]);
    reply.extend([&[0, 3, 0, text_length], text, &[0, 15, 0, text_length + 2, 0, 22], text].concat());
    reply
}

/// The name asked about, in lower case, and where the question ends.
fn question(query: &[u8]) -> (String, usize) {
    let mut qname = String::new();
    let mut at = 12;
    while query[at] > 0 {
        let label = &query[at + 1..=at + usize::from(query[at])];
        qname.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
        qname.push('.');
        at += 1 + label.len();
    }
    (qname, at + 5)
}
