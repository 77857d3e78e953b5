//! 核实 (findings): who is asked, what she answers, and who reminds her.

pub mod dispatch;
pub mod listing;
pub mod reminders;
