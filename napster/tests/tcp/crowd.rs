//! A server in a process of its own, as many users as the network's servers had, and what else the Internet sends.

use std::net::{Ipv4Addr, SocketAddrV4};

use common::tcp::raise_fd_limit;
use common::testing::fake::FakePeer;
use common::testing::process::Program;
use tokio::task::JoinSet;

use crate::kit::{frame, frames};

const NAPSTER: Program = Program(env!("CARGO_BIN_EXE_napster"));
const USERS: u32 = 10_000;
/// Users that log in, or speak, at a time.
const AT_A_TIME: u32 = 64;
/// Of each kind of stranger.
const STRANGERS: u32 = 20;
/// A flooder is cut off after the server's burst of 10,000 messages; by then the kernel may have taken millions from it.
const FLOOD_ROUNDS_MAX: usize = 20_000;

fn address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 1, 0, 1).to_bits() + number)
}

/// A user with one file; the answer to what is asked last says that all before it was handled.
async fn user(number: u32, server: SocketAddrV4) -> FakePeer {
    let mut user = FakePeer::connect_from(address(number), server).await;
    let login = frame(2, &format!("user{number} x 6699 \"crowd\" 7"));
    let share = frame(
        100,
        &format!(
            "\"band\\tide {}.mp3\" 00000000000000000000000000000000 4000000 128 44100 240",
            number % 500
        ),
    );
    user.send(&[login, share, frame(750, "shared")].concat()).await;
    user.read_until(b"shared").await;
    user
}

/// All users, in the order of their numbers; they come `AT_A_TIME` at a time.
async fn crowd(server: SocketAddrV4) -> Vec<FakePeer> {
    let mut workers = JoinSet::new();
    for worker in 0..AT_A_TIME {
        workers.spawn(async move {
            let mut users = Vec::new();
            for number in (worker..USERS).step_by(AT_A_TIME as usize) {
                users.push((number, user(number, server).await));
            }
            users
        });
    }
    let mut users: Vec<(u32, FakePeer)> = workers.join_all().await.into_iter().flatten().collect();
    users.sort_by_key(|(number, _)| *number);
    users.into_iter().map(|(_, user)| user).collect()
}

/// Bytes of which no frame can be made: the first says that it is longer than any.
async fn garbage(number: u32, server: SocketAddrV4) {
    let mut peer = FakePeer::connect_from(address(USERS + number), server).await;
    let noise: Vec<u8> = (0..4_096u32).map(|at| (at * 97 + number * 31) as u8 | 0x81).collect();
    peer.send_if_open(&noise).await;
    peer.read_to_end().await;
}

/// Half a login, half a frame, a search whose answer nobody reads: what is sent then waits, and must be in nobody's way.
async fn staller(number: u32, server: SocketAddrV4) -> FakePeer {
    let mut peer = FakePeer::connect_from(address(2 * USERS + number), server).await;
    match number % 3 {
        0 => peer.send(&frame(2, "half a log")[..7]).await,
        1 => {
            peer.send(&frame(2, &format!("slow{number} x 1 \"x\" 1"))).await;
            peer.send(&[0xff, 0x00, 200]).await;
        }
        _ => {
            peer.send(&frame(2, &format!("deaf{number} x 1 \"x\" 1"))).await;
            let ask = frame(200, "FILENAME CONTAINS \"band tide\" MAX_RESULTS 100").repeat(100);
            peer.send_if_open(&ask).await;
        }
    }
    peer
}

/// Asks for the statistics, a thousand times at once, for as long as anybody listens.
async fn flooder(number: u32, server: SocketAddrV4) {
    let mut peer = FakePeer::connect_from(address(3 * USERS + number), server).await;
    peer.send(&frame(2, &format!("flood{number} x 1 \"x\" 1"))).await;
    peer.flood(&frame(214, "").repeat(1_000), FLOOD_ROUNDS_MAX).await;
}

/// Finds what others share, and says how many; what the asker has itself the server does not name.
async fn search(user: &mut FakePeer) -> usize {
    user.send(&[frame(200, "FILENAME CONTAINS \"tide 77\" MAX_RESULTS 100"), frame(750, "asked")].concat())
        .await;
    let answer = user.read_until(b"asked").await;
    frames(&answer).iter().filter(|(code, _)| *code == 201).count()
}

#[tokio::test]
async fn ten_thousand_users_stay_and_are_served_while_others_send_garbage_stall_and_flood() {
    let files = raise_fd_limit().unwrap();
    assert!(files > u64::from(USERS) + 500, "this machine allows too few open files: {files}");
    let mut process = NAPSTER.start(&["server", "--listen", "127.0.0.1:0", "--max-users", "11000"]);
    let server: SocketAddrV4 = process.address().parse().unwrap();

    // Strangers come while the users do, and once more when all are there.
    let mut strangers = JoinSet::new();
    let mut stalled = Vec::new();
    let mut users = Vec::new();
    for wave in 0..2 {
        for number in wave * STRANGERS..(wave + 1) * STRANGERS {
            strangers.spawn(garbage(number, server));
            strangers.spawn(flooder(number, server));
            stalled.push(staller(number, server).await);
        }
        if users.is_empty() {
            users = crowd(server).await;
        }
        // None of these has the song itself.
        for user in users.iter_mut().step_by(100) {
            assert_eq!(search(user).await, USERS as usize / 500);
        }
    }
    // All that sent garbage or floods are cut off; a task that panicked would say so here.
    strangers.join_all().await;

    // Nobody else was: each of the users is answered.
    for user in &mut users {
        user.send(&frame(750, "still here")).await;
    }
    for user in &mut users {
        user.read_until(b"still here").await;
    }
    let counted = {
        users[0].send(&frame(214, "")).await;
        let head = users[0].read_until(b"\xd6\x00").await;
        let len = usize::from(u16::from_le_bytes([head[head.len() - 4], head[head.len() - 3]]));
        String::from_utf8(users[0].read_exact(len).await).unwrap()
    };
    let counted: u32 = counted.split(' ').next().unwrap().parse().unwrap();
    assert!((USERS..=USERS + stalled.len() as u32).contains(&counted), "{counted} users");
    drop(users);
    assert!(process.interrupt(), "the server ends in good order");
}
