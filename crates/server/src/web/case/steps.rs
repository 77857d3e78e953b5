//! What is done to a file: each step a route with a right of its own.

use axum::Form;
use axum::extract::{Multipart, Path};
use axum::response::Response;
use baoxue_domain::access::Action;
use baoxue_domain::case::{Ask, CaseStep};
use baoxue_store::{ContactDetail, PaperDetail, Story};
use serde::Deserialize;

use crate::app::case::contact::{Contacting, Kept, MAX_CHILDREN, MAX_PHOTOS, SIGNERS};
use crate::app::case::paper::Issuing;
use crate::app::case::work::{Asking, Returning};
use crate::app::finding::dispatch::{KeptProof, MAX_PROOF_BYTES, MAX_PROOFS};
use crate::app::office::OfficeError;
use crate::web::App;
use crate::web::frame::error::PageError;
use crate::web::frame::shell::go;
use crate::web::frame::visit::Visit;
use crate::web::place::choice::unit_meant;

fn back(id: i64, said: &str) -> Response {
    go(&format!("/cases/{id}"), said)
}

/// One file of a form, within its limit; `None` where nothing was chosen.
async fn keep(
    app: &App,
    field: &mut axum::extract::multipart::Field<'_>,
    of: &'static str,
) -> Result<Option<KeptProof>, PageError> {
    let name = field.file_name().unwrap_or("").to_owned();
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await? {
        if bytes.len() + chunk.len() > MAX_PROOF_BYTES {
            let said = format!("“{name}”超过 {} MB,请缩小后再传", MAX_PROOF_BYTES >> 20);
            return Err(OfficeError::field(of, said).into());
        }
        bytes.extend_from_slice(&chunk);
    }
    if bytes.is_empty() {
        return Ok(None);
    }
    Ok(Some(app.office.keep_proof(&name, bytes).await?))
}

pub async fn contact(Visit { app, signed, .. }: Visit, Path(id): Path<i64>, mut form: Multipart) -> Result<Response, PageError> {
    let office = &app.office;
    // whoever may not record does not send anything either
    office.seen_case(&signed.actor, id, None).await?.relation.ask_record()?;
    let mut text: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    let mut also = Vec::new();
    let mut kept = Kept::default();
    while let Some(mut field) = form.next_field().await? {
        let name = field.name().unwrap_or("").to_owned();
        match name.as_str() {
            "photos" => {
                if kept.photos.len() >= MAX_PHOTOS {
                    return Err(OfficeError::field("photos", format!("照片最多 {MAX_PHOTOS} 张")).into());
                }
                kept.photos.extend(keep(&app, &mut field, "photos").await?);
            }
            "also" => {
                if also.len() < MAX_CHILDREN {
                    also.extend(field.text().await?.parse::<i64>().ok());
                }
            }
            other => match SIGNERS.iter().find(|s| other == format!("sign-{}", s.0)) {
                Some(signer) => kept.signatures.extend(keep(&app, &mut field, "signed").await?.map(|p| (signer.0, p))),
                None => {
                    text.insert(name, field.text().await?);
                }
            },
        }
    }
    let of = |name: &str| text.get(name).map_or("", String::as_str);
    let c = Contacting {
        key: of("key"),
        kind: of("kind"),
        on: of("on"),
        outcome: of("outcome"),
        signed: of("signed"),
        detail: ContactDetail {
            people: of("people").to_owned(),
            met: of("met").to_owned(),
            words: of("words").to_owned(),
            attitude: of("attitude").to_owned(),
            wish: of("wish").to_owned(),
            witness: of("witness").to_owned(),
            typed_for: of("typed_for").to_owned(),
            next: of("next").to_owned(),
            ..ContactDetail::default()
        },
        also,
    };
    let new = office.record_contact(&signed.actor, id, &c, kept).await?;
    Ok(back(id, if new { "已记录" } else { "这次联系已经记录过,没有重复登记" }))
}

pub async fn proofs(Visit { app, signed, .. }: Visit, Path(id): Path<i64>, mut form: Multipart) -> Result<Response, PageError> {
    app.office.seen_case(&signed.actor, id, None).await?.relation.ask_record()?;
    let mut kept = Vec::new();
    while let Some(mut field) = form.next_field().await? {
        if field.name() == Some("proofs") {
            if kept.len() >= MAX_PROOFS {
                return Err(OfficeError::field("proofs", format!("佐证材料最多 {MAX_PROOFS} 份")).into());
            }
            kept.extend(keep(&app, &mut field, "proofs").await?);
        }
    }
    let n = app.office.add_case_proofs(&signed.actor, id, kept).await?;
    Ok(back(id, &format!("已上传佐证材料 {n} 份")))
}

#[derive(Deserialize)]
pub struct StepForm {
    version: i64,
    #[serde(default)]
    note: String,
}

async fn step(v: Visit, id: i64, f: StepForm, step: CaseStep, said: &str) -> Result<Response, PageError> {
    v.app.office.case_step(&v.signed.actor, id, f.version, step, &f.note).await?;
    Ok(back(id, said))
}

pub async fn persuade(v: Visit, Path(id): Path<i64>, Form(f): Form<StepForm>) -> Result<Response, PageError> {
    step(v, id, f, CaseStep::Persuade, "已转入劝返,没有确认辍学,台账不变").await
}

pub async fn go_legal(v: Visit, Path(id): Path<i64>, Form(f): Form<StepForm>) -> Result<Response, PageError> {
    step(v, id, f, CaseStep::GoLegal, "已转入依法控辍").await
}

pub async fn go_back(v: Visit, Path(id): Path<i64>, Form(f): Form<StepForm>) -> Result<Response, PageError> {
    step(v, id, f, CaseStep::GoBack, "已恢复劝返").await
}

pub async fn take_back(v: Visit, Path(id): Path<i64>, Form(f): Form<StepForm>) -> Result<Response, PageError> {
    v.app.office.take_back(&v.signed.actor, id, f.version, &f.note).await?;
    Ok(back(id, "已撤回申请"))
}

pub async fn reopen(v: Visit, Path(id): Path<i64>, Form(f): Form<StepForm>) -> Result<Response, PageError> {
    v.app.office.reopen_case(&v.signed.actor, id, f.version, &f.note).await?;
    Ok(back(id, "已重新打开"))
}

#[derive(Deserialize)]
pub struct DecideForm {
    version: i64,
    #[serde(default)]
    answer: String,
    #[serde(default)]
    note: String,
}

async fn answered(v: Visit, id: i64, f: DecideForm) -> Result<Response, PageError> {
    let agreed = match f.answer.as_str() {
        "agree" => true,
        "refuse" => false,
        _ => return Err(OfficeError::Input("请选择同意或不同意".into()).into()),
    };
    v.app.office.decide_case(&v.signed.actor, id, f.version, agreed, &f.note).await?;
    Ok(go(if agreed { "/today" } else { "/cases" }, if agreed { "已同意" } else { "已退回申请单位" }))
}

/// The bureau answers what was asked of it.
pub async fn decide(v: Visit, Path(id): Path<i64>, Form(f): Form<DecideForm>) -> Result<Response, PageError> {
    answered(v, id, f).await
}

/// A unit accepts or refuses a file that another one offers.
pub async fn receive(v: Visit, Path(id): Path<i64>, Form(f): Form<DecideForm>) -> Result<Response, PageError> {
    answered(v, id, f).await
}

#[derive(Deserialize)]
pub struct AskForm {
    version: i64,
    #[serde(default)]
    ask: String,
    #[serde(default)]
    conclusion: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    checkers: String,
    #[serde(default)]
    vouched: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    place: String,
}

pub async fn ask(Visit { app, signed, .. }: Visit, Path(id): Path<i64>, Form(f): Form<AskForm>) -> Result<Response, PageError> {
    let ask = Ask::find(&f.ask).ok_or(OfficeError::NotFound)?;
    let target = match ask {
        Ask::Transfer => unit_meant(&app, &signed.actor.county_jurisdiction(Action::WorkCase)?, &f.unit, &f.place).await?,
        _ => None,
    };
    let a = Asking { conclusion: &f.conclusion, reason: &f.reason, checkers: &f.checkers, vouched: &f.vouched, target };
    app.office.ask_of_case(&signed.actor, id, f.version, ask, &a).await?;
    let said = match ask {
        Ask::Transfer => "已发出移交申请;对方接收前仍由本单位负责",
        _ => "已申请,等县教育局审批",
    };
    Ok(back(id, said))
}

#[derive(Deserialize)]
pub struct ReturnForm {
    version: i64,
    #[serde(default)]
    on: String,
    #[serde(default)]
    placement: String,
    #[serde(default)]
    school: String,
    #[serde(default)]
    class: String,
    #[serde(default)]
    received_by: String,
    #[serde(default)]
    support: String,
}

pub async fn come_back(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<ReturnForm>,
) -> Result<Response, PageError> {
    let r = Returning {
        on: &f.on,
        placement: &f.placement,
        school: &f.school,
        class: &f.class,
        received_by: &f.received_by,
        support: &f.support,
    };
    app.office.return_case(&signed.actor, id, f.version, &r).await?;
    Ok(back(id, "已登记返校,退出疑似和辍学台账;请在期限内办妥复学手续"))
}

#[derive(Deserialize)]
pub struct SettleForm {
    version: i64,
    #[serde(default)]
    on: String,
    #[serde(default)]
    settled: String,
}

pub async fn settle(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<SettleForm>,
) -> Result<Response, PageError> {
    app.office.settle_case(&signed.actor, id, f.version, &f.on, &f.settled).await?;
    Ok(back(id, "复学手续已办妥,转入跟踪回访"))
}

#[derive(Deserialize)]
pub struct CheckForm {
    version: i64,
    #[serde(default)]
    on: String,
    #[serde(default)]
    present: String,
    #[serde(default)]
    note: String,
}

pub async fn check(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<CheckForm>,
) -> Result<Response, PageError> {
    let here = match f.present.as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(OfficeError::Input("请选择孩子还在不在校".into()).into()),
    };
    app.office.check_case(&signed.actor, id, f.version, &f.on, here, &f.note).await?;
    let said = if here { "已记录:在校" } else { "已记录:不在校。孩子回到台账,请继续劝返" };
    Ok(back(id, said))
}

#[derive(Deserialize)]
pub struct DescribeForm {
    version: i64,
    #[serde(default)]
    cause: String,
    #[serde(default)]
    last_day: String,
    #[serde(default)]
    whereabouts: String,
    #[serde(default)]
    reach: String,
    #[serde(default)]
    note: String,
    #[serde(default)]
    police: String,
}

pub async fn describe(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<DescribeForm>,
) -> Result<Response, PageError> {
    let story = Story {
        last_day: f.last_day,
        whereabouts: f.whereabouts,
        reach: f.reach,
        note: f.note,
        police: f.police,
        ..Story::default()
    };
    app.office.describe_case(&signed.actor, id, f.version, &f.cause, story).await?;
    Ok(back(id, "已保存"))
}

#[derive(Deserialize)]
pub struct PaperForm {
    #[serde(default)]
    version: i64,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    number: String,
    #[serde(default)]
    issued_on: String,
    #[serde(default)]
    due_on: String,
    #[serde(default)]
    served_on: String,
    #[serde(default)]
    service: String,
    #[serde(default)]
    recipient: String,
    #[serde(default)]
    facts: String,
    #[serde(default)]
    server: String,
    #[serde(default)]
    witness: String,
    #[serde(default)]
    result: String,
}

impl PaperForm {
    fn detail(&self) -> PaperDetail {
        PaperDetail {
            recipient: self.recipient.clone(),
            facts: self.facts.clone(),
            server: self.server.clone(),
            witness: self.witness.clone(),
            result: self.result.clone(),
        }
    }
}

pub async fn paper(
    Visit { app, signed, .. }: Visit,
    Path(id): Path<i64>,
    Form(f): Form<PaperForm>,
) -> Result<Response, PageError> {
    let i = Issuing {
        kind: &f.kind,
        number: &f.number,
        issued_on: &f.issued_on,
        due_on: &f.due_on,
        served_on: &f.served_on,
        service: &f.service,
        detail: f.detail(),
    };
    app.office.issue_paper(&signed.actor, id, f.version, &i).await?;
    Ok(back(id, "已登记文书"))
}

#[derive(Deserialize)]
pub struct VoidForm {
    #[serde(default)]
    why: String,
}

pub async fn void(
    Visit { app, signed, .. }: Visit,
    Path((id, of)): Path<(i64, i64)>,
    Form(f): Form<VoidForm>,
) -> Result<Response, PageError> {
    app.office.void_paper(&signed.actor, id, of, &f.why).await?;
    Ok(back(id, "已作废,文号保留"))
}

pub async fn serve(
    Visit { app, signed, .. }: Visit,
    Path((id, of)): Path<(i64, i64)>,
    Form(f): Form<PaperForm>,
) -> Result<Response, PageError> {
    app.office.serve_paper(&signed.actor, id, of, &f.served_on, &f.service, &f.detail()).await?;
    Ok(back(id, "已登记送达情况"))
}
