//! A scenario that a test can afford.

use bench::scenario::{Arrivals, LineClass, Scenario};

/// So many people on fast lines with small files, done within two or three seconds of the run's own time.
pub fn small(peers: u32, seed: u64) -> Scenario {
    let mut scenario = Scenario { peers, seed, duration_limit_s: 30.0, ..Scenario::default() };
    scenario.name = "small".to_owned();
    scenario.lines.mix = vec![LineClass { share: 1.0, down_kbps: 50_000, up_kbps: 20_000 }];
    // Two people behind firewalls cannot reach each other, and tests want every download to be possible.
    scenario.lines.firewalled = 0.0;
    scenario.lines.latency_ms = 4.0;
    (scenario.server.down_kbps, scenario.server.up_kbps) = (50_000, 50_000);
    scenario.catalog.titles = 60;
    (scenario.catalog.sizes.mean, scenario.catalog.sizes.max) = (100_000.0, 400_000);
    scenario.placement.files_mean = 10.0;
    scenario.searches.settle_s = 1.0;
    scenario.searches.pause_s = 0.2;
    scenario.arrivals = Arrivals::Together;
    scenario
}
