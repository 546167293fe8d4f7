//! Who carries how much.

use common::metrics::{NodeLoad, gini, top_share};

use super::search::of_purpose;
use super::{Sheet, Unit};
use crate::overlay::Cast;
use crate::trace::{Outcome, Purpose};

const GROUP: &str = "load";

/// The measures of load.
pub fn summarise(sheet: &mut Sheet, cast: &Cast<'_>, outcome: &Outcome) {
    let control: Vec<u64> = outcome.loads.iter().map(NodeLoad::control_bytes).collect();
    let all = |load: &NodeLoad| load.control_bytes() + load.body_received + load.body_sent;
    let total: Vec<u64> = outcome.loads.iter().map(all).collect();
    let people = cast.world.people.len() as f64;
    let upkeep = of_purpose(outcome, Purpose::Upkeep);
    let arranging = of_purpose(outcome, Purpose::Transfer);
    let servers = (cast.servers as usize).min(control.len());
    let server_control = control[..servers].iter().sum::<u64>() as f64;
    let busiest = control.iter().copied().max().map(|bytes| bytes as f64);
    let mut put = |key, title, unit, value| sheet.put(GROUP, key, title, unit, value);
    put("upkeep_messages", "upkeep messages per peer", Unit::Count, Some(upkeep.messages as f64 / people));
    put("upkeep_bytes", "upkeep traffic per peer", Unit::Bytes, Some(upkeep.bytes as f64 / people));
    put(
        "arranging_bytes",
        "arranging transfers, per peer",
        Unit::Bytes,
        Some(arranging.bytes as f64 / people),
    );
    put("server_control_bytes", "control traffic of the servers", Unit::Bytes, Some(server_control));
    put("busiest_control_bytes", "control traffic of the busiest", Unit::Bytes, busiest);
    put(
        "busiest_control_share",
        "busiest's share of control traffic",
        Unit::Share,
        Some(top_share(&control)),
    );
    put("gini_control", "Gini of control traffic", Unit::Ratio, Some(gini(&control)));
    put("busiest_share", "busiest's share of all traffic", Unit::Share, Some(top_share(&total)));
}
