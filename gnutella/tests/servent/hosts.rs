//! The book of addresses under any use: bounded, without doubles, and it hands out only what it may.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::time::Duration;

use common::peer::Time;
use gnutella::hosts::Hosts;
use proptest::prelude::*;
use rand::SeedableRng as _;
use rand_pcg::Pcg32;

const MAX: usize = 12;
const RETRY: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug)]
enum Use {
    Learn,
    Keep,
    Linked,
    Refused,
    Failed,
    PutOff,
    Forget,
    Pick,
    Sample,
    Wait,
}

fn host(number: u8) -> SocketAddrV4 {
    SocketAddrV4::new([10, 1, 0, number].into(), 6346)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_book_keeps_its_bounds(uses in prop::collection::vec((0..10usize, 0..40u8), 1..300)) {
        use Use::{Failed, Forget, Keep, Learn, Linked, Pick, PutOff, Refused, Sample, Wait};
        let all = [Learn, Keep, Linked, Refused, Failed, PutOff, Forget, Pick, Sample, Wait];
        let (mut hosts, mut rng, mut now) = (Hosts::new(MAX), Pcg32::seed_from_u64(1), Time::ZERO);
        // What the user named, and until when such an address, which is never dropped, must not be dialled.
        let mut kept: Vec<SocketAddrV4> = Vec::new();
        let mut not_before: BTreeMap<SocketAddrV4, Time> = BTreeMap::new();
        for (what, number) in uses {
            let address = host(number);
            let mut put_off = None;
            match all[what] {
                Learn => hosts.learn(address),
                Keep => {
                    // Few, as a user names few.
                    if kept.len() < 5 && !kept.contains(&address) {
                        hosts.keep(address);
                        kept.push(address);
                    }
                }
                Linked => {
                    hosts.linked(address);
                    not_before.remove(&address);
                }
                Refused => {
                    hosts.refused(address, now);
                    put_off = Some(Duration::from_secs(60));
                }
                Failed => {
                    hosts.failed(address, now, RETRY);
                    put_off = Some(RETRY);
                }
                PutOff => {
                    hosts.put_off(address, now + Duration::from_secs(7));
                    put_off = Some(Duration::from_secs(7));
                }
                Forget => {
                    hosts.forget(address);
                    kept.retain(|other| *other != address);
                    not_before.remove(&address);
                }
                Pick => {
                    if let Some(picked) = hosts.pick(now, &mut rng, |a| a != address) {
                        prop_assert!(picked != address && hosts.is_due(picked, now));
                    }
                }
                Sample => {
                    let mut sample = hosts.sample(6, &mut rng, |a| a != address);
                    prop_assert!(sample.len() <= 6 && !sample.contains(&address));
                    sample.sort();
                    let before = sample.len();
                    sample.dedup();
                    prop_assert_eq!(sample.len(), before);
                }
                Wait => now = now + Duration::from_secs(u64::from(number)),
            }
            prop_assert!(hosts.len() <= MAX + kept.len());
            if let Some(wait) = put_off.filter(|_| kept.contains(&address)) {
                not_before.insert(address, now + wait);
            }
            for (address, at) in &not_before {
                prop_assert!(now >= *at || !hosts.is_due(*address, now), "{address}");
            }
        }
        for address in kept {
            prop_assert!(hosts.is_due(address, now + Duration::from_secs(100_000)), "{address} was dropped");
        }
    }
}
