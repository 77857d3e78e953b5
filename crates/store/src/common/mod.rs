//! What every area shares: tasks, events, jobs, the log, settings, what waits for a second person.

pub(crate) mod audit;
pub(crate) mod event;
pub(crate) mod job;
pub(crate) mod request;
pub(crate) mod setting;
pub(crate) mod task;
