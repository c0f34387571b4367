//! What all experiments on one cluster share: whom they ask, under which names, and where their findings go.

use std::time::Duration;

use rand::RngExt;

use super::asker::Asker;
use super::finding::{Finding, Findings};
use crate::canary::{Kind, NonceFactory};
use crate::estate::{DomainName, QueryType};

/// How long a cold name is waited for: longer than the timers of every resolver known (12.0 s for BIND that iterates and
/// has lost its uplink).
pub const PATIENCE: Duration = Duration::from_secs(14);

/// After how long a cold name that is not answered counts as failing: longer than a resolver takes that gives up on a
/// forwarder and finds its own way (2.4 to 3.6 s for BIND with `forward first`).
pub const SOON: Duration = Duration::from_millis(4500);

/// What all experiments on one cluster share.
#[derive(Debug, Clone)]
pub struct Inquiry {
    /// Asks its resolvers.
    pub asker: Asker,
    /// Makes signed names below the canary zone, where there is one.
    pub nonces: Option<NonceFactory>,
    /// Where names never asked before are made.
    pub parents: Vec<Parent>,
    findings: Findings,
}

/// Where names never asked before are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parent {
    /// Below the canary zone: the beacon answers, and says what it saw.
    Canary,
    /// Below any other name: whatever comes from outside is an answer, NXDOMAIN too.
    Other(DomainName),
}

impl Inquiry {
    /// An inquiry whose findings go to `findings`.
    pub fn new(asker: Asker, nonces: Option<NonceFactory>, parents: Vec<Parent>, findings: Findings) -> Self {
        Self { asker, nonces, parents, findings }
    }

    /// Hands on a finding. Nobody listens any more when the inquiry was called off.
    pub fn found(&self, finding: Finding) {
        drop(self.findings.send(finding));
    }

    /// A name never asked before, and the type to ask for, or nothing where it would be too long.
    pub fn fresh_name(&self, parent: &Parent, kind: Kind, resolver: usize) -> Option<(DomainName, QueryType)> {
        match parent {
            Parent::Canary => {
                let target = u16::try_from(resolver).unwrap_or(u16::MAX);
                Some((self.nonces.as_ref()?.cold_name(kind, target)?, QueryType::Txt))
            }
            Parent::Other(name) => {
                let label = format!("{:016x}", rand::rng().random::<u64>());
                let text = name.as_str().replacen(DomainName::NONCE, &label, 1);
                Some((DomainName::parse(&text)?, QueryType::A))
            }
        }
    }
}
