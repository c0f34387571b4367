//! From a situation to a verdict: one ordered table, the first rule that applies decides.

use super::situation::{Cold, Company, Leads, OverTcp, Own, Proof, Situation, Upstream};
use super::{Confidence, Verdict};

/// One line of the table.
struct Rule {
    /// When it applies.
    when: fn(&Situation) -> bool,
    /// What it says.
    verdict: Verdict,
    /// How sure that is.
    confidence: fn(&Situation) -> Confidence,
}

/// What the situation amounts to.
pub fn judge(situation: &Situation) -> (Verdict, Confidence) {
    let rule = RULES.iter().find(|rule| (rule.when)(situation));
    rule.map_or((Verdict::Unknown, Confidence::None), |rule| (rule.verdict, (rule.confidence)(situation)))
}

const fn none(_: &Situation) -> Confidence {
    Confidence::None
}

const fn suspected(_: &Situation) -> Confidence {
    Confidence::Suspected
}

const fn probable(_: &Situation) -> Confidence {
    Confidence::Probable
}

const fn confirmed(_: &Situation) -> Confidence {
    Confidence::Confirmed
}

/// A path that was seen directly makes a verdict sure; one that was inferred makes it probable.
const fn by_proof(s: &Situation) -> Confidence {
    match s.proof {
        Proof::Direct => Confidence::Confirmed,
        Proof::Indirect => Confidence::Probable,
    }
}

const RULES: &[Rule] = &[
    // Whoever cannot see says nothing of others.
    Rule { when: |s| s.prober_at_fault, verdict: Verdict::ProberFault, confidence: none },
    // Nobody there.
    Rule {
        when: |s| s.own == Own::PortClosed && s.over_tcp != OverTcp::Works,
        verdict: Verdict::Down,
        confidence: |s| if s.over_tcp == OverTcp::Fails { Confidence::Confirmed } else { Confidence::Probable },
    },
    Rule { when: |s| s.own == Own::NoRoute, verdict: Verdict::Unreachable, confidence: probable },
    // Whoever answered anything is there: then packets are lost.
    Rule {
        when: |s| s.own == Own::Silent && s.over_tcp == OverTcp::Fails && !s.cold.resolves(),
        verdict: Verdict::Unreachable,
        confidence: probable,
    },
    // What got out is in no circle without a way out, and at no dead end. In a circle it is late: each member first waits
    // for its sibling. Elsewhere it is the way back that fails.
    Rule {
        when: |s| s.cold.fails() && s.arrives && matches!(s.leads, Leads::InCircle | Leads::IntoCircle),
        verdict: Verdict::CycleWithExit,
        confidence: probable,
    },
    Rule {
        when: |s| s.cold.fails() && s.arrives && !s.works_unchecked,
        verdict: Verdict::UpstreamFailing,
        confidence: probable,
    },
    // A circle without a way out. It comes before lost packets and stale answers: those can accompany it, not cause it.
    Rule {
        when: |s| s.cold.fails() && matches!(s.leads, Leads::InCircle | Leads::IntoCircle),
        verdict: Verdict::LoopSuspected,
        confidence: by_proof,
    },
    // Lost packets, which would otherwise look like any of what follows.
    Rule { when: |s| s.own == Own::Silent, verdict: Verdict::Lossy, confidence: probable },
    Rule {
        when: |s| s.loses_packets && !matches!(s.cold, Cold::FailsFast | Cold::FailsSlow),
        verdict: Verdict::Lossy,
        confidence: probable,
    },
    // Its own answers.
    Rule {
        when: |s| matches!(s.own, Own::Wrongly | Own::PortClosed),
        verdict: Verdict::AuthorityFailing,
        confidence: |s| if s.cold.resolves() { Confidence::Confirmed } else { Confidence::Probable },
    },
    // Answers that say the cause themselves.
    Rule { when: |s| s.cold == Cold::Refused, verdict: Verdict::RecursionRefused, confidence: confirmed },
    Rule { when: |s| s.cold == Cold::Forged, verdict: Verdict::WrongAnswers, confidence: confirmed },
    Rule { when: |s| s.works_unchecked, verdict: Verdict::DnssecFailing, confidence: confirmed },
    Rule { when: |s| s.cold == Cold::OneParentFails, verdict: Verdict::UpstreamFailing, confidence: confirmed },
    // The outside itself. Several resolvers that fail apart from each other have one cause in common, and it is not a
    // forwarder of theirs.
    Rule {
        when: |s| s.cold.fails() && s.upstream == Upstream::Fails,
        verdict: Verdict::UpstreamFailing,
        confidence: probable,
    },
    Rule {
        when: |s| s.cold.fails() && s.company == Company::AllFailApart && s.leads == Leads::Elsewhere,
        verdict: Verdict::UpstreamFailing,
        confidence: probable,
    },
    // The path ends.
    Rule {
        when: |s| s.cold.fails() && matches!(s.leads, Leads::Elsewhere | Leads::ToDeadEnd),
        verdict: Verdict::DeadEnd,
        confidence: by_proof,
    },
    Rule { when: |s| s.cold.fails() && s.stale, verdict: Verdict::StaleMasking, confidence: confirmed },
    Rule {
        when: |s| s.cold == Cold::FailsFast && s.fast_failure_tells,
        verdict: Verdict::DeadEnd,
        confidence: probable,
    },
    // All fail by the same slow timers, and the upstream is well: a circle, unless a dead end.
    Rule {
        when: |s| {
            matches!(s.cold, Cold::FailsSlow | Cold::Silent)
                && s.upstream == Upstream::Works
                && matches!(s.company, Company::AllFail | Company::AllFailApart)
        },
        verdict: Verdict::LoopSuspected,
        confidence: suspected,
    },
    Rule { when: |s| s.cold.fails(), verdict: Verdict::RecursionFailing, confidence: suspected },
    // Everything resolves. What is wrong all the same?
    Rule { when: |s| s.wrong, verdict: Verdict::WrongAnswers, confidence: confirmed },
    Rule { when: |s| s.stale, verdict: Verdict::StaleMasking, confidence: probable },
    Rule {
        when: |s| s.cold.resolves() && matches!(s.leads, Leads::InCircle | Leads::IntoCircle),
        verdict: Verdict::CycleWithExit,
        confidence: by_proof,
    },
    Rule {
        when: |s| s.cold.resolves() && matches!(s.leads, Leads::ToSibling | Leads::ToDeadEnd),
        verdict: Verdict::ForwardsToSibling,
        confidence: by_proof,
    },
    Rule { when: |s| s.cold.resolves() && s.slow, verdict: Verdict::Slow, confidence: probable },
    Rule { when: |s| s.cold.resolves(), verdict: Verdict::Ok, confidence: confirmed },
    // Not asked to resolve: its own answers are all there is to judge.
    Rule { when: |s| s.own == Own::Answers && s.cold == Cold::NotMeant, verdict: Verdict::Ok, confidence: probable },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Every situation there is.
    fn all() -> impl Iterator<Item = Situation> {
        let bits = 0_u32..(1 << 7);
        bits.flat_map(|bits| {
            let bit = move |place: u32| bits & (1 << place) != 0;
            let own = Own::ALL.into_iter().flat_map(|own| OverTcp::ALL.map(move |tcp| (own, tcp)));
            let cold = own.flat_map(|own| Cold::ALL.map(move |cold| (own, cold)));
            let leads = cold.flat_map(|before| Leads::ALL.map(move |leads| (before, leads)));
            let proof = leads.flat_map(|before| Proof::ALL.map(move |proof| (before, proof)));
            let upstream = proof.flat_map(|before| Upstream::ALL.map(move |upstream| (before, upstream)));
            let company = upstream.flat_map(|before| Company::ALL.map(move |company| (before, company)));
            company.map(move |((((((own, over_tcp), cold), leads), proof), upstream), company)| Situation {
                prober_at_fault: false,
                own,
                over_tcp,
                loses_packets: bit(0),
                cold,
                works_unchecked: bit(1),
                leads,
                proof,
                upstream,
                company,
                stale: bit(2),
                wrong: bit(3),
                slow: bit(4),
                fast_failure_tells: bit(5),
                arrives: bit(6),
            })
        })
    }

    #[test]
    fn no_situation_is_called_a_loop_without_a_circle_beyond_suspicion() {
        for situation in all() {
            let (verdict, confidence) = judge(&situation);
            if verdict == Verdict::LoopSuspected {
                assert!(situation.cold.fails(), "{situation:?}");
                let circle = matches!(situation.leads, Leads::InCircle | Leads::IntoCircle);
                assert!(circle || confidence == Confidence::Suspected, "{situation:?}");
                assert_eq!(confidence == Confidence::Confirmed, circle && situation.proof == Proof::Direct);
                assert!(!situation.arrives || !circle, "{situation:?}");
            }
        }
    }

    #[test]
    fn nothing_is_claimed_where_nothing_is_known_and_something_where_cold_names_fail() {
        assert_eq!(judge(&Situation::default()), (Verdict::Unknown, Confidence::None));
        for situation in all() {
            let (verdict, confidence) = judge(&situation);
            assert_eq!(verdict == Verdict::Unknown, confidence == Confidence::None, "{situation:?}");
            let fine = matches!(verdict, Verdict::Ok | Verdict::ForwardsToSibling | Verdict::CycleWithExit);
            assert!(!(fine && situation.cold.fails() && !situation.arrives), "{situation:?} {verdict:?}");
            assert!(!(verdict == Verdict::Ok && situation.cold.resolves() && situation.leads == Leads::ToSibling));
        }
        let fault = Situation { prober_at_fault: true, cold: Cold::Silent, ..Situation::default() };
        assert_eq!(judge(&fault), (Verdict::ProberFault, Confidence::None));
    }

    #[test]
    fn every_verdict_can_be_reached() {
        let mut seen: std::collections::HashSet<Verdict> = all().map(|situation| judge(&situation).0).collect();
        seen.insert(Verdict::ProberFault);
        for verdict in Verdict::ALL {
            assert!(seen.contains(&verdict), "{}", verdict.as_str());
        }
    }

    #[test]
    fn the_incident_as_each_resolver_is_judged() {
        let fails = Situation { own: Own::Answers, cold: Cold::FailsSlow, ..Situation::default() };
        let cases = [
            (Leads::InCircle, Proof::Direct, Verdict::LoopSuspected, Confidence::Confirmed),
            (Leads::IntoCircle, Proof::Direct, Verdict::LoopSuspected, Confidence::Confirmed),
            (Leads::InCircle, Proof::Indirect, Verdict::LoopSuspected, Confidence::Probable),
            (Leads::Elsewhere, Proof::Direct, Verdict::DeadEnd, Confidence::Confirmed),
            (Leads::ToDeadEnd, Proof::Direct, Verdict::DeadEnd, Confidence::Confirmed),
            (Leads::Unknown, Proof::Indirect, Verdict::RecursionFailing, Confidence::Suspected),
        ];
        for (leads, proof, verdict, confidence) in cases {
            assert_eq!(judge(&Situation { leads, proof, ..fails }), (verdict, confidence), "{leads:?}");
        }
        let works = Situation { own: Own::Answers, cold: Cold::Works, proof: Proof::Direct, ..Situation::default() };
        assert_eq!(judge(&works).0, Verdict::Ok);
        assert_eq!(judge(&Situation { leads: Leads::ToSibling, ..works }).0, Verdict::ForwardsToSibling);
        assert_eq!(judge(&Situation { leads: Leads::InCircle, ..works }).0, Verdict::CycleWithExit);
    }
}
