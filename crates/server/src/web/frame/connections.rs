//! 连接 (connections): nobody keeps the door shut by half-sent requests. Connections are counted, in all and of one address; where there are too
//! many, those that have asked nothing give way. Headers have a time limit, bodies a least rate.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use axum_server::accept::Accept;
use futures_util::task::AtomicWaker;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

/// The first byte, a whole head, and the next request of a connection that stays open come within this.
const HEAD_TIME: Duration = Duration::from_secs(20);
/// What a body may wait in all, besides its least rate.
const BODY_GRACE: Duration = Duration::from_secs(30);
/// Bytes a second that a body has to bring: half of what the worst telephone line gives.
const BODY_RATE: u64 = 1_000;
/// Connections at most, however many files the system allows.
const MOST: usize = 4_096;
/// Files that the program needs besides connections: database, rosters, readers.
const OTHER_FILES: u64 = 96;
/// A connection that was answered gives way only after it has been idle for so long.
const IDLE_MS: u64 = 3_000;
/// Requests that run at once in one HTTP/2 connection.
const STREAMS: u32 = 64;

/// What hyper keeps time of.
pub fn set_times(builder: &mut Builder<TokioExecutor>) {
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEAD_TIME)
        .keep_alive_timeout(HEAD_TIME)
        .max_concurrent_streams(STREAMS);
}

/// As many connections as the system's limit of files leaves room for; the limit is raised as far as it goes.
pub fn room() -> usize {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        MOST.min(usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(MOST)).max(16)
    }
    #[cfg(not(unix))]
    MOST
}

/// A connection that is counted.
struct Seat {
    address: IpAddr,
    /// Whether anything was ever written to it: a request was answered.
    answered: AtomicBool,
    /// Milliseconds of the last read or write since the door was made.
    active: AtomicU64,
    closed: AtomicBool,
    waker: AtomicWaker,
}

struct Room {
    seats: Mutex<Vec<Arc<Seat>>>,
    most: usize,
    most_of_one: usize,
    since: Instant,
}

impl Room {
    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes a seat. Where all are taken, the one that has waited longest without having asked anything gives way, then the one longest idle.
    fn enter(&self, address: IpAddr) -> Option<Arc<Seat>> {
        let now = self.now();
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let of_one = seats.iter().filter(|s| s.address == address).count();
        if of_one >= self.most_of_one || seats.len() >= self.most {
            let own = of_one >= self.most_of_one;
            let may_go =
                |s: &Seat| !s.answered.load(Ordering::Relaxed) || now.saturating_sub(s.active.load(Ordering::Relaxed)) >= IDLE_MS;
            let victim = seats
                .iter()
                .enumerate()
                .filter(|(_, s)| (!own || s.address == address) && may_go(s))
                .min_by_key(|(_, s)| (s.answered.load(Ordering::Relaxed), s.active.load(Ordering::Relaxed)))
                .map(|(i, _)| i)?;
            let gone = seats.remove(victim);
            gone.closed.store(true, Ordering::Relaxed);
            gone.waker.wake();
        }
        let seat = Arc::new(Seat {
            address,
            answered: AtomicBool::new(false),
            active: AtomicU64::new(now),
            closed: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        seats.push(seat.clone());
        Some(seat)
    }

    fn leave(&self, seat: &Arc<Seat>) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(i) = seats.iter().position(|s| Arc::ptr_eq(s, seat)) {
            seats.remove(i);
        }
    }
}

/// Whoever has a network of his own has all of its addresses: of IPv6 the first half counts.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(a) => IpAddr::V6(Ipv6Addr::from_bits(a.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

/// The door before another acceptor.
#[derive(Clone)]
pub struct Door<A> {
    inner: A,
    room: Arc<Room>,
}

impl<A> Door<A> {
    pub fn new(inner: A, most: usize) -> Self {
        let room = Room { seats: Mutex::default(), most, most_of_one: (most / 2).max(8), since: Instant::now() };
        Self { inner, room: Arc::new(room) }
    }
}

/// Gives the seat back when the connection ends.
struct Held {
    room: Arc<Room>,
    seat: Arc<Seat>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.room.leave(&self.seat);
    }
}

impl<A, S> Accept<TcpStream, S> for Door<A>
where
    A: Accept<TcpStream, S>,
    A::Future: Send + 'static,
    A::Stream: Unpin,
{
    type Stream = Counted<A::Stream>;
    type Service = A::Service;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let entered = stream.peer_addr().map(|a| network(a.ip())).map(|a| self.room.enter(a));
        let seat = match entered {
            Ok(Some(seat)) => seat,
            _ => return Box::pin(async { Err(io::ErrorKind::ConnectionRefused.into()) }),
        };
        let held = Held { room: self.room.clone(), seat };
        let inner = self.inner.accept(stream, service);
        Box::pin(async move {
            // a handshake that somebody lets hang gives way too
            let mut inner = std::pin::pin!(inner);
            let entered = std::future::poll_fn(|cx| {
                held.seat.waker.register(cx.waker());
                if held.seat.closed.load(Ordering::Relaxed) {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
                inner.as_mut().poll(cx)
            });
            let (stream, service) = entered.await?;
            Ok((Counted { stream, held, first: Some(Box::pin(sleep(HEAD_TIME))) }, service))
        })
    }
}

/// A connection with its seat, and with the time in which it has to say something.
pub struct Counted<S> {
    stream: S,
    held: Held,
    first: Option<Pin<Box<Sleep>>>,
}

impl<S> Counted<S> {
    fn closed(&self) -> bool {
        self.held.seat.closed.load(Ordering::Relaxed)
    }

    fn active(&self) {
        self.held.seat.active.store(self.held.room.now(), Ordering::Relaxed);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.held.seat.waker.register(cx.waker());
        if self.closed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        match &read {
            Poll::Ready(_) if buf.filled().len() > before => {
                self.first = None;
                self.active();
            }
            Poll::Pending => {
                if self.first.as_mut().is_some_and(|s| s.as_mut().poll(cx).is_ready()) {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
            Poll::Ready(_) => {}
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.closed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        self.held.seat.answered.store(true, Ordering::Relaxed);
        self.active();
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.held.seat.answered.store(true, Ordering::Relaxed);
        self.active();
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Bytes that are handed on in one breath: whoever reads takes them before more is taken off the line.
const BREATH: usize = 1 << 20;

/// A body that has to come at a least rate: what it makes the program wait is counted.
struct Paced {
    inner: Body,
    bytes: u64,
    breath: usize,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Paced {
    fn new(inner: Body) -> Self {
        Self { inner, bytes: 0, breath: 0, waited: Duration::ZERO, waiting: None }
    }

    fn allowed(&self) -> Duration {
        BODY_GRACE + Duration::from_secs(self.bytes / BODY_RATE)
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.breath >= BREATH {
            self.breath = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match Pin::new(&mut self.inner).poll_frame(cx) {
            Poll::Ready(frame) => {
                if let Some((since, _)) = self.waiting.take() {
                    self.waited += since.elapsed();
                }
                if let Some(Ok(f)) = &frame {
                    let n = f.data_ref().map_or(0, Bytes::len);
                    self.bytes += n as u64;
                    self.breath += n;
                }
                Poll::Ready(frame)
            }
            Poll::Pending => {
                let left = self.allowed().saturating_sub(self.waited);
                let (_, timer) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
                match timer.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut))))),
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// Bodies come at a least rate, or are given up.
pub async fn pace(request: Request, next: Next) -> Response {
    if request.method() == Method::GET {
        return next.run(request).await;
    }
    next.run(request.map(|inner| Body::new(Paced::new(inner)))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(most: usize) -> Room {
        Room { seats: Mutex::default(), most, most_of_one: (most / 2).max(8), since: Instant::now() }
    }

    fn address(i: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, i])
    }

    #[tokio::test]
    async fn whoever_has_asked_nothing_gives_way() {
        let r = room(32);
        let silent: Vec<_> = (0..100).filter_map(|_| r.enter(address(1))).collect();
        assert_eq!(silent.len(), 100, "each comes in, another one goes");
        assert_eq!(r.seats.lock().unwrap().len(), 16);
        assert_eq!(silent.iter().filter(|s| s.closed.load(Ordering::Relaxed)).count(), 84);
        assert!(silent[99].waker.take().is_none() && !silent[99].closed.load(Ordering::Relaxed), "the newest stays");
        // many addresses: the room is full, and somebody who works is not put out for somebody who is silent
        let works = r.enter(address(2)).unwrap();
        works.answered.store(true, Ordering::Relaxed);
        for i in 3..60 {
            r.enter(address(i)).unwrap();
        }
        assert_eq!(r.seats.lock().unwrap().len(), 32);
        assert!(!works.closed.load(Ordering::Relaxed));
        r.leave(&works);
        assert_eq!(r.seats.lock().unwrap().len(), 31);
    }

    #[tokio::test]
    async fn where_all_are_at_work_nobody_comes_in() {
        let r = room(8);
        for i in 0..8 {
            r.enter(address(i)).unwrap().answered.store(true, Ordering::Relaxed);
        }
        assert!(r.enter(address(9)).is_none());
    }

    #[test]
    fn networks() {
        let of = |t: &str| network(t.parse().unwrap()).to_string();
        assert_eq!(of("10.1.2.3"), "10.1.2.3");
        assert_eq!(of("::ffff:10.1.2.3"), "10.1.2.3");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_is_given_up_and_a_slow_one_is_not() {
        let drip = |every: u64, bytes: usize| {
            let frames = futures_util::stream::unfold(0, move |i| async move {
                sleep(Duration::from_millis(every)).await;
                (i < 100).then(|| (Ok::<_, io::Error>(Bytes::from(vec![0u8; bytes])), i + 1))
            });
            let inner = Body::from_stream(frames);
            Body::new(Paced::new(inner))
        };
        let read = |b: Body| axum::body::to_bytes(b, usize::MAX);
        assert_eq!(read(drip(1_000, 1_500)).await.unwrap().len(), 150_000, "a bad line");
        assert!(read(drip(1_000, 10)).await.is_err(), "ten bytes a second");
        assert!(read(drip(3_600_000, 10)).await.is_err(), "silence");
    }
}
