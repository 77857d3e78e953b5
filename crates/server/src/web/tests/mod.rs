//! The site over HTTP, as each person uses it, on both databases.

mod accounts;
mod attendance;
mod cases;
mod counties;
mod entering;
mod journeys;
mod ledgers;
mod lists;
mod offline;
mod rosters;
mod sight;
mod support;
mod sweep;
mod year;
