//! All routes, each with what it asks of the person: a route cannot be made without saying so.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use baoxue_domain::access::Action;

use crate::web::access::{audit, confirmations, entering, me, people};
use crate::web::attendance;
use crate::web::case;
use crate::web::comparison::{agreement, checks, events, review, runs};
use crate::web::finding::{detail, inbox, list, steps, units};
use crate::web::frame::{assets, guard};
use crate::web::installation::{help, settings};
use crate::web::ledger::{children, ledgers};
use crate::web::offline::{held, phone};
use crate::web::place::{search, switch, tree};
use crate::web::roster::rosters;
use crate::web::{App, home};

/// What a route asks of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nobody,
    /// Logged in, perhaps without the second factor or with a first password.
    Entering,
    /// Logged in; with a first password, which has to be changed, not further than that.
    Password,
    /// Logged in.
    SignedIn,
    /// A role that allows this.
    May(Action),
    /// A role that allows one of these.
    MayAny(&'static [Action]),
}

impl Need {
    /// In words, for the golden file.
    #[cfg(test)]
    pub fn label(self) -> String {
        match self {
            Self::Nobody => "不需登录".into(),
            Self::Entering => "正在登录".into(),
            Self::Password => "已登录或持初始密码".into(),
            Self::SignedIn => "已登录".into(),
            Self::May(a) => a.label().into(),
            Self::MayAny(all) => all.iter().map(|a| a.label()).collect::<Vec<_>>().join(" 或 "),
        }
    }
}

/// Routes with their table.
pub struct Routes {
    pub router: Router<Arc<App>>,
    pub table: Vec<(&'static str, &'static str, Need)>,
    app: Arc<App>,
}

/// Bytes of a form without files.
const FORM_BYTES: usize = 256 << 10;
/// Bytes of one upload of rosters: several files at once, each within its own limit.
const UPLOAD_BYTES: usize = 512 << 20;
/// Bytes of a sealed record and of a sealed photo of a phone.
const RECORD_BYTES: usize = 64 << 10;
const PART_BYTES: usize = 2 << 20;
/// Bytes of a spreadsheet of attendance, with what a form puts around it.
const IMPORT_BYTES: usize = crate::app::attendance::import::MAX_FILE + (64 << 10);
/// Bytes of an answer with its photos.
const ANSWER_BYTES: usize = 64 << 20;

impl Routes {
    fn add(mut self, method: &'static str, path: &'static str, need: Need, handler: MethodRouter<Arc<App>>) -> Self {
        self.table.push((method, path, need));
        let guarded = handler.layer(middleware::from_fn_with_state((self.app.clone(), need, path), guard::check));
        self.router = self.router.route(path, guarded);
        self
    }

    fn get<H: Handler<T, Arc<App>>, T: 'static>(self, path: &'static str, need: Need, handler: H) -> Self {
        self.add("GET", path, need, get(handler))
    }

    fn post<H: Handler<T, Arc<App>>, T: 'static>(self, path: &'static str, need: Need, handler: H) -> Self {
        self.add("POST", path, need, post(handler).layer(DefaultBodyLimit::max(FORM_BYTES)))
    }

    /// What a phone signed and sends without a session.
    fn sealed<H: Handler<T, Arc<App>>, T: 'static>(self, path: &'static str, bytes: usize, handler: H) -> Self {
        self.add("POST", path, Need::Nobody, post(handler).layer(DefaultBodyLimit::max(bytes)))
    }

    fn upload<H: Handler<T, Arc<App>>, T: 'static>(self, path: &'static str, need: Need, bytes: usize, handler: H) -> Self {
        let handler = post(handler).layer(DefaultBodyLimit::max(bytes));
        let few = middleware::from_fn_with_state(self.app.clone(), guard::few_uploads);
        self.add("POST", path, need, handler.layer(few))
    }
}

/// Makes all routes.
pub fn all(app: &Arc<App>) -> Routes {
    use Action as A;
    use Need::{Entering, May, MayAny, Nobody, Password, SignedIn};
    const LISTS: Need = May(A::ViewLedger);
    const FINDINGS: Need = MayAny(&[A::Dispatch, A::AnswerFinding, A::CloseFinding]);
    const OFFLINE: Need = MayAny(&[A::WorkCase, A::TakeRoll]);
    const PEOPLE: Need = MayAny(&[A::ManageUsers, A::ManageTeachers]);
    const SETTINGS: Need = MayAny(&[A::ManageSettings, A::ManageUsers]);
    let routes = Routes { router: Router::new(), table: Vec::new(), app: app.clone() };
    routes
        .get("/assets/{*path}", Nobody, assets::serve)
        .get("/healthz", Nobody, assets::health)
        .get("/log-in", Nobody, entering::log_in_page)
        .post("/log-in", Nobody, entering::log_in)
        .post("/log-out", Entering, entering::log_out)
        .get("/second-factor", Entering, entering::second_factor_page)
        .post("/second-factor", Entering, entering::second_factor)
        .get("/second-factor/setup", Entering, entering::setup_page)
        .post("/second-factor/setup", Entering, entering::setup)
        .get("/forgotten", Nobody, entering::forgotten_page)
        .post("/forgotten", Nobody, entering::forgotten)
        .get("/me/password", Password, me::password_page)
        .post("/me/password", Password, me::password)
        .get("/me", SignedIn, me::page)
        .post("/me/sessions/{name}/end", SignedIn, me::end_session)
        .post("/me/sessions/end-others", SignedIn, me::end_other_sessions)
        .post("/me/devices/{id}/end", SignedIn, me::end_device)
        .post("/me/notices", SignedIn, me::notices_read)
        .get("/place", SignedIn, switch::page)
        .post("/place", SignedIn, switch::switch)
        .get("/", SignedIn, home::page)
        .get("/board.xlsx", May(A::Dispatch), home::export)
        .get("/help", SignedIn, help::page)
        .get("/samples/{kind}", SignedIn, help::sample)
        // 比对
        .get("/rosters", May(A::ImportRosters), rosters::page)
        .upload("/rosters", May(A::ImportRosters), UPLOAD_BYTES, rosters::upload)
        .post("/rosters/loading", May(A::ImportRosters), rosters::load)
        .get("/rosters/{id}", May(A::ImportRosters), rosters::batch)
        .post("/rosters/{id}/reading", May(A::ImportRosters), rosters::reread)
        .post("/rosters/{id}/withdrawal", May(A::ImportRosters), rosters::withdraw)
        .get("/rosters/{id}/bad-rows.xlsx", May(A::ImportRosters), rosters::bad_rows)
        .get("/hand-overs", May(A::ViewHandOvers), rosters::hand_overs)
        .get("/runs", May(A::ViewRuns), runs::list)
        .post("/runs", May(A::RunComparison), runs::start)
        .get("/runs/{id}", May(A::ViewRuns), runs::page)
        .get("/runs/{id}/events", May(A::ViewRuns), events::of_run)
        .post("/runs/{id}/cancellation", May(A::RunComparison), runs::cancel)
        .get("/runs/{id}/changes", May(A::ViewRuns), runs::changes)
        .get("/runs/{id}/report", May(A::ViewRuns), runs::report)
        .get("/review", May(A::DecideReview), review::page)
        .post("/review/{run}/{pair}", May(A::DecideReview), review::decide)
        .get("/decisions", May(A::DecideReview), review::decisions)
        .post("/decisions/{id}/withdrawal", May(A::DecideReview), review::undo)
        .get("/checks", May(A::ViewChecks), checks::page)
        .get("/classes", MayAny(&[A::ViewChecks, A::CountClasses]), agreement::page)
        .post("/classes", May(A::CountClasses), agreement::count)
        .get("/classes/export.xlsx", MayAny(&[A::ViewChecks, A::CountClasses]), agreement::export)
        .get("/checks/export.xlsx", May(A::Export), checks::export)
        .post("/checks/export.xlsx", May(A::Export), checks::export_full)
        .get("/checks/{run}/{check}", May(A::ViewChecks), checks::list)
        // 台账
        .get("/ledgers/{ledger}", LISTS, ledgers::page)
        .get("/ledgers/{ledger}/export.xlsx", May(A::Export), ledgers::export)
        .post("/ledgers/{ledger}/export.xlsx", May(A::Export), ledgers::export_full)
        .get("/ledgers/{ledger}/print", May(A::Export), ledgers::print)
        .post("/ledgers/{ledger}/print", May(A::Export), ledgers::print_full)
        .get("/search", May(A::ViewChild), ledgers::search)
        .get("/children/{id}", May(A::ViewChild), children::page)
        .get("/children/{id}/panel", May(A::ViewChild), children::panel)
        .get("/children/{id}/rows", May(A::ViewChild), children::rows)
        .post("/children/{id}/reveal", May(A::Reveal), children::reveal)
        // 核实
        .get("/findings", May(A::Dispatch), list::page)
        .get("/findings/export.xlsx", May(A::Dispatch), list::export)
        .post("/findings/export.xlsx", May(A::Dispatch), list::export_full)
        .post("/findings/dispatch", May(A::Dispatch), list::dispatch)
        .get("/findings/units", May(A::Dispatch), units::page)
        .post("/findings/units/remind", May(A::Dispatch), units::remind)
        .get("/inbox", May(A::AnswerFinding), inbox::page)
        .get("/findings/{id}", FINDINGS, detail::page)
        .upload("/findings/{id}/answer", May(A::AnswerFinding), ANSWER_BYTES, steps::answer)
        .post("/findings/{id}/hand-back", May(A::AnswerFinding), steps::hand_back)
        .post("/findings/{id}/send-back", May(A::CloseFinding), steps::send_back)
        .post("/findings/{id}/clear", May(A::CloseFinding), steps::clear)
        .post("/findings/{id}/confirm", May(A::CloseFinding), steps::confirm)
        .post("/findings/{id}/reopen", May(A::CloseFinding), steps::reopen)
        .get("/findings/{id}/proofs/{proof}", FINDINGS, detail::proof)
        .post("/findings/{id}/file", May(A::CloseFinding), steps::file)
        // 劝返
        .get("/today", May(A::ViewCases), case::today::page)
        .get("/case-board", May(A::ViewCases), case::board::page)
        .get("/case-board.xlsx", May(A::Export), case::board::export)
        .get("/cases", May(A::ViewCases), case::list::page)
        .get("/cases/export.xlsx", May(A::Export), case::list::export)
        .post("/cases/papers.zip", May(A::WorkCase), case::list::papers)
        .post("/cases/export.xlsx", May(A::Export), case::list::export_full)
        .post("/cases/assignment", May(A::DecideCase), case::list::assign)
        .get("/children/{id}/report", May(A::WorkCase), case::report::page)
        .post("/children/{id}/report", May(A::WorkCase), case::report::send)
        .get("/cases/{id}", May(A::ViewCases), case::detail::page)
        .get("/cases/{id}/print", May(A::ViewCases), case::print::page)
        .post("/cases/{id}/print", May(A::ViewCases), case::print::full)
        .get("/cases/{id}/word/{paper}", May(A::WorkCase), case::papers::one)
        .post("/cases/{id}/word.zip", May(A::WorkCase), case::papers::all)
        .get("/cases/{id}/proofs/{proof}", May(A::ViewCases), case::detail::proof)
        .upload("/cases/{id}/proofs", May(A::WorkCase), ANSWER_BYTES, case::steps::proofs)
        .upload("/cases/{id}/contact", May(A::WorkCase), ANSWER_BYTES, case::steps::contact)
        .post("/cases/{id}/persuasion", May(A::WorkCase), case::steps::persuade)
        .post("/cases/{id}/legal", May(A::WorkCase), case::steps::go_legal)
        .post("/cases/{id}/resumption", May(A::WorkCase), case::steps::go_back)
        .post("/cases/{id}/asking", May(A::WorkCase), case::steps::ask)
        .post("/cases/{id}/taking-back", May(A::WorkCase), case::steps::take_back)
        .post("/cases/{id}/reception", May(A::WorkCase), case::steps::receive)
        .post("/cases/{id}/decision", May(A::DecideCase), case::steps::decide)
        .post("/cases/{id}/reopening", May(A::DecideCase), case::steps::reopen)
        .post("/cases/{id}/return", May(A::WorkCase), case::steps::come_back)
        .post("/cases/{id}/settlement", May(A::WorkCase), case::steps::settle)
        .post("/cases/{id}/check", May(A::WorkCase), case::steps::check)
        .post("/cases/{id}/description", May(A::WorkCase), case::steps::describe)
        .post("/cases/{id}/papers", May(A::WorkCase), case::steps::paper)
        .post("/cases/{id}/papers/{paper}", May(A::WorkCase), case::steps::serve)
        .post("/cases/{id}/papers/{paper}/void", May(A::WorkCase), case::steps::void)
        // 考勤预警
        .get("/roll", May(A::TakeRoll), attendance::roll::page)
        .get("/roll/register", May(A::TakeRoll), attendance::roll::register)
        .post("/roll", May(A::TakeRoll), attendance::roll::take)
        .get("/attendance", May(A::ViewAttendance), attendance::day::page)
        .get("/attendance/month", May(A::ViewAttendance), attendance::day::month)
        .get("/attendance/month.xlsx", May(A::ViewAttendance), attendance::day::month_sheet)
        .get("/attendance/health.xlsx", May(A::TakeRoll), attendance::day::health)
        .get("/attendance/week.xlsx", May(A::TakeRoll), attendance::day::week)
        .get("/attendance/calendar", May(A::ViewAttendance), attendance::heat::page)
        .get("/attendance/online", May(A::ViewAttendance), attendance::online::page)
        .post("/attendance/online", May(A::TakeRoll), attendance::online::record)
        .get("/attendance/online.xlsx", May(A::TakeRoll), attendance::online::sheet)
        .get("/first-day", May(A::ViewAttendance), attendance::first_day::page)
        .get("/first-day.xlsx", May(A::ViewAttendance), attendance::first_day::sheet)
        .get("/newcomers", May(A::ViewAttendance), attendance::first_day::newcomers)
        .post("/newcomers", May(A::TakeRoll), attendance::first_day::add_newcomer)
        .post("/newcomers/{id}/withdrawal", May(A::TakeRoll), attendance::first_day::withdraw_newcomer)
        .post("/newcomers/roster", May(A::ImportRosters), attendance::first_day::to_roster)
        .get("/roll/import", May(A::TakeRoll), attendance::import::page)
        .upload("/roll/import", May(A::TakeRoll), IMPORT_BYTES, attendance::import::take)
        .get("/roll/class", May(A::TakeRoll), attendance::class::page)
        .post("/roll/class/boarders", May(A::TakeRoll), attendance::class::boarders)
        .post("/roll/class/duties", May(A::TakeRoll), attendance::class::duty)
        .post("/roll/class/duties/{id}/end", May(A::TakeRoll), attendance::class::end_duty)
        .get("/leaves", May(A::ViewAttendance), attendance::leaves::page)
        .post("/leaves/{id}/decision", May(A::GrantLeave), attendance::leaves::decide)
        .post("/leaves/{id}/end", May(A::TakeRoll), attendance::leaves::end)
        .get("/children/{id}/leave", May(A::TakeRoll), attendance::leaves::form)
        .post("/children/{id}/leave", May(A::TakeRoll), attendance::leaves::ask)
        .post("/children/{id}/watch", May(A::TakeRoll), attendance::leaves::watch)
        .get("/warnings", May(A::ViewAttendance), attendance::warnings::page)
        .get("/warnings/{id}", May(A::ViewAttendance), attendance::warnings::one)
        .get("/warnings/{id}/report.docx", May(A::TakeRoll), attendance::warnings::report)
        .post("/warnings/{id}/call", May(A::HandleWarnings), attendance::warnings::call)
        .post("/warnings/{id}/check", May(A::HandleWarnings), attendance::warnings::check)
        .get("/calendar", May(A::KeepCalendar), attendance::calendar::page)
        .post("/calendar/days", May(A::KeepCalendar), attendance::calendar::say)
        .post("/calendar/days/{id}/withdrawal", May(A::KeepCalendar), attendance::calendar::unsay)
        .post("/calendar/terms", May(A::KeepCalendar), attendance::calendar::term)
        .post("/calendar/terms/{id}/end", May(A::KeepCalendar), attendance::calendar::end_term)
        .upload("/calendar/holidays", May(A::KeepCalendar), FORM_BYTES, attendance::calendar::holidays)
        // 离线办理
        .get("/offline", Nobody, phone::page)
        .get("/worker.js", Nobody, phone::worker)
        .get("/manifest.webmanifest", Nobody, phone::manifest)
        .get("/offline/data", OFFLINE, phone::data)
        .post("/offline/devices", OFFLINE, phone::enrol)
        .sealed("/offline/hello", RECORD_BYTES, phone::hello)
        .sealed("/offline/records/{key}", RECORD_BYTES, phone::record)
        .sealed("/offline/records/{key}/parts/{n}", PART_BYTES, phone::part)
        .get("/held", SignedIn, held::list)
        .get("/held/{id}", SignedIn, held::record)
        .get("/held/{id}/parts/{n}", SignedIn, held::picture)
        .post("/held/{id}/submission", OFFLINE, held::submit)
        .post("/held/{id}/putting-aside", SignedIn, held::put_aside)
        // 设置
        .get("/places", May(A::ManagePlaces), tree::page)
        .upload("/places", May(A::ManagePlaces), ANSWER_BYTES, tree::put)
        .post("/places/closing", May(A::ManagePlaces), tree::close)
        .get("/places/school", May(A::ManagePlaces), tree::school)
        .post("/places/renaming", May(A::ManagePlaces), tree::rename)
        .get("/places/roll-over", May(A::ManagePlaces), tree::roll_over_page)
        .post("/places/roll-over", May(A::ManagePlaces), tree::roll_over)
        .get("/places/sample.xlsx", May(A::ManagePlaces), tree::sample_sheet)
        .get("/sources", May(A::ManageSources), settings::sources)
        .post("/sources/forget", May(A::ManageSources), settings::forget_heading)
        .get("/settings", SETTINGS, settings::page)
        .post("/settings", SETTINGS, settings::set)
        .get("/people", PEOPLE, people::page)
        .post("/people", PEOPLE, people::add)
        .get("/people/sample.xlsx", PEOPLE, people::sample_sheet)
        .get("/place-search", MayAny(&[A::Dispatch, A::WorkCase, A::ManageUsers, A::ManageTeachers]), search::suggest)
        .upload("/people/sheet", PEOPLE, ANSWER_BYTES, people::add_sheet)
        .get("/people/{login}", PEOPLE, people::person)
        .post("/people/{login}/grant", PEOPLE, people::grant)
        .post("/people/{login}/end-grant", PEOPLE, people::end_grant)
        .post("/people/{login}/vouch", PEOPLE, people::vouch)
        .post("/people/{login}/end-devices", PEOPLE, people::end_devices)
        .post("/people/{login}/disable", PEOPLE, people::disable)
        .post("/people/{login}/enable", PEOPLE, people::enable)
        .get("/confirmations", May(A::ConfirmAccounts), confirmations::page)
        .post("/confirmations/confirm", May(A::ConfirmAccounts), confirmations::confirm)
        .post("/confirmations/refuse", May(A::ConfirmAccounts), confirmations::refuse)
        .get("/audit", May(A::ViewAudit), audit::page)
}
