//! 地方和学校 (places): from a spreadsheet, dated; catchments; roll-over of the school year.

use std::collections::BTreeMap;

use baoxue_documents::write::{Column, TableSheet, Value, workbook};
use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::place::{PlaceCode, PlaceLevel, PlacePath};
use baoxue_store::{CaseFilter, NewPlace, Place, Whose};
use jiff::civil::Date;

use crate::app::access::accounts::SignedIn;
use crate::app::office::{Office, OfficeError, Result};

/// Rows of a sheet of places: a province's villages are about 30,000.
const MAX_ROWS: usize = 100_000;

/// A step of the way to a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub path: String,
    pub name: String,
}

/// Characters of a name.
const MAX_NAME: usize = 30;

/// What a sheet of places said.
#[derive(Debug, Default)]
pub struct PlacesRead {
    pub places: Vec<NewPlace>,
    pub catchments: Vec<(PlacePath, PlacePath)>,
    /// Sentences about rows that cannot be used.
    pub problems: Vec<String>,
}

/// Reads a workbook with the sheets 区划 (代码, 名称), 学校 (学校标识码, 学校名称, 所在乡镇代码) and 划片 (村代码, 学校标识码), in any order
/// of columns; any of them may be missing. A further row with a school's code is a teaching point of it.
pub fn read_places(name: &str, bytes: Vec<u8>) -> Result<PlacesRead> {
    let sheets = crate::app::roster::reader::read(name, bytes).map_err(|e| OfficeError::Input(e.to_string()))?;
    let mut out = PlacesRead::default();
    let mut schools: BTreeMap<String, PlacePath> = BTreeMap::new();
    let mut late = Vec::new();
    for sheet in &sheets {
        let heads = |r: usize| sheet.row(r).map(|c| c.text.trim().to_owned()).collect::<Vec<_>>();
        let find = |head: &[String], words: &[&str]| head.iter().position(|h| words.contains(&h.as_str()));
        let Some(head_row) = (0..sheet.height().min(10)).find(|r| {
            let h = heads(*r);
            find(&h, &["代码", "区划代码", "学校标识码", "村代码"]).is_some()
        }) else {
            continue;
        };
        if sheet.height() > MAX_ROWS {
            return Err(OfficeError::Input(format!("工作表“{}”超过 {MAX_ROWS} 行", sheet.name)));
        }
        let head = heads(head_row);
        let code = find(&head, &["代码", "区划代码"]);
        let title = find(&head, &["名称", "学校名称", "地名"]);
        let school = find(&head, &["学校标识码"]);
        let town = find(&head, &["所在乡镇代码", "乡镇代码", "所在地代码"]);
        let village = find(&head, &["村代码", "村(社区)代码"]);
        for r in head_row + 1..sheet.height() {
            let cell = |c: Option<usize>| c.map_or("", |c| sheet.cell(r, c).text.trim());
            let bad = |what: &str| format!("工作表“{}”第 {} 行{what}", sheet.name, r + 1);
            if sheet.row(r).all(|c| c.text.trim().is_empty()) {
                continue;
            }
            if let (Some(_), Some(_)) = (village, school) {
                late.push((cell(village).to_owned(), cell(school).to_owned(), bad("")));
            } else if school.is_some() {
                let Some(at) = PlaceCode::parse(cell(town)) else {
                    out.problems.push(bad(&format!("“所在乡镇代码”{}不对,应为 6、9 或 12 位", cell(town))));
                    continue;
                };
                let (number, title) = (cell(school), cell(title));
                let code_like = number.len() <= 20 && number.chars().all(|c| c.is_ascii_alphanumeric());
                if title.chars().count() > MAX_NAME {
                    out.problems.push(bad(&format!("学校名称超过 {MAX_NAME} 字")));
                    continue;
                }
                if !code_like {
                    out.problems.push(bad(&format!("学校标识码“{number}”只能是数字和字母,中间不能有空格")));
                    continue;
                }
                if number.is_empty() || title.is_empty() {
                    out.problems.push(bad("缺学校标识码或学校名称"));
                    continue;
                }
                // a teaching point bears its school's code and stands below it
                let (kind, path) = match schools.get(number) {
                    Some(school) => ("teaching-point", school.child(title)),
                    None => ("school", PlacePath::of_school(at.county(), number)),
                };
                schools.entry(number.to_owned()).or_insert_with(|| path.clone());
                out.places.push(NewPlace {
                    kind: kind.into(),
                    code: number.to_owned(),
                    name: title.to_owned(),
                    path,
                    town_path: Some(PlacePath::of_code(at)),
                });
            } else if code.is_some() {
                let (Some(at), title) = (PlaceCode::parse(cell(code)), cell(title)) else {
                    out.problems.push(bad(&format!("代码“{}”不对,应为 6、9 或 12 位", cell(code))));
                    continue;
                };
                if title.is_empty() {
                    out.problems.push(bad("没有名称"));
                    continue;
                }
                let path = PlacePath::of_code(at);
                let kind = match (at.level(), path.depth()) {
                    (PlaceLevel::Village, _) => "village",
                    (PlaceLevel::Town, _) => "town",
                    (PlaceLevel::County, 1) => "province",
                    (PlaceLevel::County, 2) => "prefecture",
                    (PlaceLevel::County, _) => "county",
                };
                let code = path.last().to_owned();
                out.places.push(NewPlace { kind: kind.into(), code, name: title.to_owned(), path, town_path: None });
            }
        }
    }
    for (village, school, bad) in late {
        match (PlaceCode::parse(&village), schools.get(&school)) {
            (Some(v), Some(s)) => out.catchments.push((PlacePath::of_code(v), s.clone())),
            (None, _) => out.problems.push(format!("{bad}村代码“{village}”不对")),
            (_, None) => out.problems.push(format!("{bad}学校标识码“{school}”不在学校表里")),
        }
    }
    if out.places.is_empty() && out.problems.is_empty() {
        return Err(OfficeError::Input(
            "没有认出区划或学校:请用样表,工作表“区划”有“代码、名称”列,“学校”有“学校标识码、学校名称、所在乡镇代码”列".into(),
        ));
    }
    Ok(out)
}

/// The sample workbook.
pub fn sample() -> anyhow::Result<Vec<u8>> {
    let sheet = |name: &str, heads: &[&str], rows: Vec<Vec<&str>>| TableSheet {
        name: name.into(),
        title: None,
        subtitle: None,
        columns: heads.iter().map(|h| Column::new(h, 20.0)).collect(),
        rows: Box::new(
            rows.into_iter().map(|r| r.into_iter().map(Value::from).collect()).collect::<Vec<Vec<Value>>>().into_iter(),
        ),
        notes: Vec::new(),
    };
    Ok(workbook(vec![
        sheet(
            "区划",
            &["代码", "名称"],
            vec![vec!["528801", "青禾县"], vec!["528801100", "柳林镇"], vec!["528801100201", "石桥村"]],
        ),
        sheet("学校", &["学校标识码", "学校名称", "所在乡镇代码"], vec![vec!["2152000001", "柳林中心小学", "528801100"]]),
        sheet("划片", &["村代码", "学校标识码"], vec![vec!["528801100201", "2152000001"]]),
    ])?)
}

impl Office {
    /// Adds and renames places from a sheet, as of a day. Nothing is done while a row has a problem.
    pub async fn put_places(&self, actor: &Actor, read: &PlacesRead, from: Date) -> Result<usize> {
        let j = actor.jurisdiction(Action::ManagePlaces)?;
        if let Some(p) = read
            .places
            .iter()
            .find(|p| !j.covers(p.path.as_str()) && !j.prefixes().iter().any(|x| x.starts_with(p.path.as_str())))
        {
            return Err(OfficeError::Input(format!("“{}”({})不在您的管辖范围内", p.name, p.code)));
        }
        if let Some((v, s)) = read.catchments.iter().find(|(v, s)| !j.covers(v.as_str()) || !j.covers(s.as_str())) {
            return Err(OfficeError::Input(format!("划片“{} → {}”不在您的管辖范围内", v.last(), s.last())));
        }
        // what lies above is added where it is missing, and is not ours to rename
        let (own, above): (Vec<NewPlace>, Vec<NewPlace>) = read.places.iter().cloned().partition(|p| j.covers(p.path.as_str()));
        let mut tx = self.store.begin().await?;
        let n = tx.add_places(&above, from).await? + tx.put_places(&own, from).await?;
        tx.put_catchments(&read.catchments, from).await?;
        self.audit(
            &mut tx,
            actor,
            Deed::PutPlaces,
            "区划学校",
            &format!("{n} 处新增或变更,划片 {} 条,自 {from} 起", read.catchments.len()),
        )
        .await?;
        tx.commit().await?;
        Ok(n)
    }

    /// 撤并: a place or school ends on a day.
    pub async fn close_place(&self, actor: &Actor, path: &PlacePath, from: Date) -> Result<u64> {
        let j = actor.jurisdiction(Action::ManagePlaces)?;
        if !j.covers(path.as_str()) {
            return Err(OfficeError::NotFound);
        }
        // what a place owns does not become nobody's
        let f = CaseFilter { unit: Some(path.to_string()), states: CaseFilter::open_states(), ..CaseFilter::default() };
        let (_, cases) = self.store.cases(&f, Whose::Seen(&j), 0, 0).await?;
        if cases > 0 {
            let said =
                format!("这里还牵头 {cases} 份在办的劝返档案,撤并后就没人管了:请县教育局先改由别的单位牵头,或用“改名、并入”");
            return Err(OfficeError::Input(said));
        }
        let mut tx = self.store.begin().await?;
        let n = tx.close_places(path, from).await?;
        if n == 0 {
            return Err(OfficeError::NotFound);
        }
        self.audit(&mut tx, actor, Deed::ClosePlace, &format!("place:{path}"), &format!("自 {from} 起撤并,共 {n} 处")).await?;
        tx.commit().await?;
        Ok(n)
    }

    /// The steps of the tree that lead to a place: 青禾县, 柳林镇, 中心小学, 三(2)班. A school stands in its town.
    pub async fn whereabouts(&self, place: &PlacePath) -> Result<Vec<Step>> {
        let mut steps: Vec<PlacePath> = Vec::new();
        let mut at = Some(place.clone());
        while let Some(p) = at {
            at = p.parent();
            // the county itself stands in the government line
            if p.is_government() || p.depth() > 1 {
                steps.push(p);
            }
        }
        steps.reverse();
        if !place.is_government() {
            if let Some(school) = steps.first() {
                let town = self.store.place_at(school, self.clock.today()).await?.and_then(|s| s.town_path);
                steps.splice(0..0, town);
            }
            steps.splice(0..0, place.county());
        }
        let refs: Vec<&str> = steps.iter().map(PlacePath::as_str).collect();
        let names = self.store.place_names(&refs).await?;
        let step = |p: &PlacePath| {
            let name = names.get(p.as_str()).cloned().or_else(|| (!p.is_government()).then(|| p.last().to_owned()))?;
            Some(Step { path: p.to_string(), name })
        };
        Ok(steps.iter().filter_map(step).collect())
    }

    /// What lies directly in a place today: smaller places, and the schools of a county or town.
    pub async fn places_in(&self, place: &PlacePath) -> Result<Vec<Place>> {
        let today = self.clock.today();
        let depth = place.depth() + 1;
        let mut out = self.store.places_below(place.as_str(), today, &[]).await?;
        out.retain(|p| p.path.depth() == depth);
        if place.is_government()
            && place.depth() >= 3
            && let Some(prefix) = place.county().and_then(|c| c.education_prefix())
        {
            let schools = self.store.places_below(&prefix, today, &["school"]).await?;
            out.extend(schools.into_iter().filter(|s| place.depth() == 3 || s.town_path.as_ref() == Some(place)));
        }
        Ok(out)
    }

    /// Switches to a place inside what one was granted; `None` for one's own.
    pub async fn switch_place(&self, signed: &SignedIn, to: Option<&PlacePath>) -> Result<()> {
        if let Some(p) = to
            && (!signed.actor.may_switch_to(p) || self.whereabouts(p).await?.is_empty())
        {
            return Err(OfficeError::NotFound);
        }
        let mut tx = self.store.begin().await?;
        tx.switch_place(&signed.session.digest, to.map(PlacePath::as_str)).await?;
        tx.commit_untold("it narrows what is seen, and nothing else").await?;
        Ok(())
    }

    /// 青禾县 › 柳林镇 › 石桥村 of paths, below the county.
    pub async fn trails(&self, paths: &[&str]) -> Result<rustc_hash::FxHashMap<String, String>> {
        let mut steps: Vec<String> = Vec::new();
        for p in paths {
            let mut at = PlacePath::parse(p);
            while let Some(x) = at {
                at = x.parent();
                steps.push(x.as_str().to_owned());
            }
        }
        let refs: Vec<&str> = steps.iter().map(String::as_str).collect();
        let names = self.store.place_names(&refs).await?;
        let trail = |p: &str| {
            let mut out: Vec<String> = Vec::new();
            let mut at = PlacePath::parse(p);
            while let Some(x) = at {
                // grades and classes bear their names themselves; codes without a name are left out
                match names.get(x.as_str()) {
                    Some(n) => out.push(n.clone()),
                    None if !x.is_government() && x.depth() > 2 => out.push(x.last().to_owned()),
                    None => {}
                }
                at = x.parent();
            }
            out.reverse();
            out.join(" › ")
        };
        Ok(paths.iter().map(|p| ((*p).to_owned(), trail(p))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_reads_back() {
        let read = read_places("样表.xlsx", sample().unwrap()).unwrap();
        assert_eq!(read.problems, [""; 0]);
        let kinds: Vec<&str> = read.places.iter().map(|p| p.kind.as_str()).collect();
        assert_eq!(kinds, ["county", "town", "village", "school"]);
        assert_eq!(read.places[3].path.as_str(), "e/528801/2152000001/");
        assert_eq!(read.catchments.len(), 1);
    }

    #[test]
    fn teaching_points_share_their_schools_code() {
        let text = "学校标识码,学校名称,所在乡镇代码\n2152000001,柳林中心小学,528801100\n2152000001,石桥教学点,528801100\n";
        let read = read_places("学校.csv", text.as_bytes().to_vec()).unwrap();
        let found: Vec<(&str, &str)> = read.places.iter().map(|p| (p.kind.as_str(), p.path.as_str())).collect();
        assert_eq!(found, [("school", "e/528801/2152000001/"), ("teaching-point", "e/528801/2152000001/石桥教学点/")]);
    }

    #[test]
    fn bad_rows_say_where() {
        let text = "代码,名称\n5288,甲\n528801,\n528801,青禾县\n";
        let read = read_places("区划.csv", text.as_bytes().to_vec()).unwrap();
        assert_eq!(read.places.len(), 1);
        assert!(read.problems[0].contains("第 2 行代码“5288”不对"), "{:?}", read.problems);
        assert!(read.problems[1].contains("第 3 行没有名称"));
        assert!(read_places("x.csv", "甲,乙\n1,2\n".as_bytes().to_vec()).is_err());
    }
}
