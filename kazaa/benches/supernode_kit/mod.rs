//! The two ends of a measurement: the process that is measured, and children that speak to it.

mod far;
mod session;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub use far::{Far, Role, run_role};
pub use session::Newcomer;
use session::Session;
use tokio::task::JoinSet;

/// Children that come, or ask, at a time.
const AT_A_TIME: usize = 32;

/// How many bytes went there and came back.
#[derive(Clone, Copy, Default)]
pub struct Exchange {
    pub sent: usize,
    pub received: usize,
}

/// What a child asks.
#[derive(Clone)]
pub enum Question {
    Words(String),
    /// Of who answers with as many bytes as it is told to.
    Bytes(Exchange),
}

/// What came of a question.
pub struct Asked {
    pub exchange: Exchange,
    pub results: usize,
    pub took: Duration,
}

/// All children that are there.
#[derive(Default)]
pub struct Sessions {
    all: VecDeque<Session>,
    questions: Arc<[Question]>,
    next: Arc<AtomicUsize>,
}

impl Sessions {
    /// These come, [`AT_A_TIME`] at a time; says how long each of them took.
    pub async fn join_together(
        &mut self,
        far: &Far,
        newcomers: Vec<Newcomer>,
        canned: Option<Exchange>,
    ) -> Vec<Duration> {
        let (address, mut newcomers) = (far.address(), newcomers.into_iter());
        let mut coming = JoinSet::new();
        let mut times = Vec::new();
        loop {
            while coming.len() < AT_A_TIME
                && let Some(newcomer) = newcomers.next()
            {
                coming.spawn(async move {
                    let start = Instant::now();
                    (newcomer.join(address, canned).await, start.elapsed())
                });
            }
            let Some(came) = coming.join_next().await else { return times };
            let (session, took) = came.expect("a child is taken on");
            self.all.push_back(session);
            times.push(took);
        }
    }

    /// The same, one after the other.
    pub async fn join_one_by_one(
        &mut self,
        far: &Far,
        newcomers: Vec<Newcomer>,
        canned: Option<Exchange>,
    ) -> Vec<Duration> {
        let mut times = Vec::new();
        for newcomer in newcomers {
            let start = Instant::now();
            self.all.push_back(newcomer.join(far.address(), canned).await);
            times.push(start.elapsed());
        }
        times
    }

    /// What a child has said and heard at its coming: the last, who met most others.
    pub fn welcomed(&self) -> Exchange {
        self.all.back().map_or(Exchange::default(), |session| session.welcomed)
    }

    /// Says what is asked, from the first on and over again.
    pub fn will_ask(&mut self, questions: Vec<Question>) {
        self.questions = questions.into();
    }

    /// [`AT_A_TIME`] children ask for so long, each as soon as it has its answer.
    pub async fn ask_together(&mut self, time: Duration) -> Vec<Asked> {
        let until = Instant::now() + time;
        let mut asking = JoinSet::new();
        for _ in 0..AT_A_TIME.min(self.all.len()) {
            let mut session = self.all.pop_front().expect("there are so many");
            let (questions, next) = (Arc::clone(&self.questions), Arc::clone(&self.next));
            asking.spawn(async move {
                let asked = ask_until(&mut session, &questions, &next, until).await;
                (session, asked)
            });
        }
        let mut all = Vec::new();
        for (session, asked) in asking.join_all().await {
            self.all.push_back(session);
            all.extend(asked);
        }
        all
    }

    /// One child does.
    pub async fn ask_alone(&mut self, time: Duration) -> Vec<Asked> {
        let session = self.all.front_mut().expect("somebody is there");
        ask_until(session, &self.questions, &self.next, Instant::now() + time).await
    }
}

async fn ask_until(
    session: &mut Session,
    questions: &[Question],
    next: &AtomicUsize,
    until: Instant,
) -> Vec<Asked> {
    let mut all = Vec::new();
    while Instant::now() < until {
        let question = &questions[next.fetch_add(1, Ordering::Relaxed) % questions.len()];
        let start = Instant::now();
        let (exchange, results) = session.ask(question).await;
        all.push(Asked { exchange, results, took: start.elapsed() });
    }
    all
}
