//! 学年升级 (roll-over): grades move up, leavers leave; classes that are renamed, schools and villages that are merged.

use std::collections::BTreeMap;

use baoxue_domain::access::{Action, Actor, Deed};
use baoxue_domain::place::PlacePath;
use baoxue_domain::school::{Grade, SchoolYear, leavers_step};
use baoxue_store::{Place, Relocated, Relocation};

use crate::app::office::{Office, OfficeError, Result};

/// Grades after which a school's pupils leave it: primary (five or six years) and junior.
const LAST_GRADES: [u8; 3] = [5, 6, 9];

/// What becomes of a school's classes.
pub struct SchoolPlan {
    pub path: PlacePath,
    pub name: String,
    /// Grades and classes that move up: name before, name after.
    pub moving: Vec<(String, String)>,
    /// Grades and classes whose children leave.
    pub leaving: Vec<String>,
    /// The highest grade, if it is unusual for a school to end with it: an official says whether it stays.
    pub unusual_top: Option<String>,
    relocations: Vec<Relocation>,
}

/// What becomes of all classes of a county.
pub struct Plan {
    /// Year in which the new school year begins.
    pub year: SchoolYear,
    /// The classes may be those of the new school year already: an official says that they are not.
    pub doubt: Option<String>,
    pub schools: Vec<SchoolPlan>,
}

/// The school year into which classes move up on a day: in August already the coming one.
fn coming(today: jiff::civil::Date) -> SchoolYear {
    let of = SchoolYear::of(today);
    if today.month() == 8 { SchoolYear::starting(of.start_year() + 1).unwrap_or(of) } else { of }
}

/// Plans what becomes of grades and classes. The highest grade of a school leaves it, unless the school is among those that `grow` (a new
/// school, whose highest grade moves up).
pub fn plan(places: &[Place], grow: &[String], year: SchoolYear) -> Vec<SchoolPlan> {
    let names: BTreeMap<&str, &str> = places.iter().map(|p| (p.path.as_str(), p.name.as_str())).collect();
    let mut grades: BTreeMap<PlacePath, Vec<(&Place, Grade)>> = BTreeMap::new();
    for p in places.iter().filter(|p| p.kind == "grade") {
        if let (Some(parent), Some(grade)) = (p.path.parent(), Grade::parse(&p.name)) {
            grades.entry(parent).or_default().push((p, grade));
        }
    }
    let mut out = Vec::new();
    for (school, mut grades) in grades {
        grades.sort_by_key(|g| g.1);
        let top = grades.iter().map(|g| g.1).max();
        let mut plan = SchoolPlan {
            name: names.get(school.as_str()).map_or_else(|| school.last().to_owned(), |n| (*n).to_owned()),
            path: school.clone(),
            moving: Vec::new(),
            leaving: Vec::new(),
            unusual_top: None,
            relocations: Vec::new(),
        };
        for (place, grade) in grades {
            let is_top = Some(grade) == top;
            let unusual = is_top && !LAST_GRADES.contains(&grade.number());
            if unusual {
                plan.unusual_top = Some(place.name.clone());
            }
            let next = grade.next().filter(|_| !is_top || grow.iter().any(|g| g == school.as_str()));
            let to = match next {
                Some(n) => school.child(&n.named_like(&place.name)),
                None => school.child(&leavers_step(year)).child(&place.name),
            };
            let classes = places.iter().filter(|c| c.kind == "class" && c.path.parent().as_ref() == Some(&place.path));
            for class in classes {
                let name = if next.is_some() { grade.promoted_class(&class.name) } else { class.name.clone() };
                plan.note(next.is_some(), &class.name, &name);
                plan.relocations.push(Relocation { from: class.path.clone(), to: to.child(&name), name, leaves: next.is_none() });
            }
            plan.note(next.is_some(), &place.name, to.last());
            plan.relocations.push(Relocation {
                from: place.path.clone(),
                name: to.last().to_owned(),
                to,
                leaves: next.is_none(),
            });
        }
        out.push(plan);
    }
    out
}

/// In which order people read classes: by grade, then by name. `below` is what stands behind the school in their path.
pub fn reading_order(below: &str) -> (u8, String) {
    let grade = below.split('/').find_map(Grade::parse).map_or(0, Grade::number);
    (grade, below.to_owned())
}

impl SchoolPlan {
    fn note(&mut self, moves: bool, before: &str, after: &str) {
        if moves {
            self.moving.push((before.to_owned(), after.to_owned()));
        } else {
            self.leaving.push(before.to_owned());
        }
    }
}

impl Office {
    fn places_area(&self, actor: &Actor) -> Result<PlacePath> {
        let area = self.area(actor, Action::ManagePlaces)?;
        if actor.within.as_ref().is_some_and(|at| !at.holds(&area)) {
            return Err(OfficeError::Input("学年升级按县办理:请先在页面上方点“回到全部”".into()));
        }
        if area.county().is_none() {
            return Err(OfficeError::Input("学年升级按县办理:请先在页面上方“切换”到一个县".into()));
        }
        Ok(area)
    }

    /// What a roll-over of the county would do today; an error if it was done for this school year.
    pub async fn roll_over_plan(&self, actor: &Actor, grow: &[String]) -> Result<Plan> {
        let area = self.places_area(actor)?;
        let today = self.clock.today();
        let year = coming(today);
        if self.store.rolled_over(area.as_str(), i64::from(year.start_year())).await? {
            return Err(OfficeError::Conflict(format!("{}学年的升级已经办过,每学年只办一次", year.start_year())));
        }
        let schools = area.education_prefix().unwrap_or_default();
        let places = self.store.places_below(&schools, today, &["school", "grade", "class"]).await?;
        let last = self.compared(actor, Action::ManagePlaces).await?;
        let doubt =
            self.store.last_run(last.as_str()).await?.filter(|r| r.school_year >= i64::from(year.start_year())).map(|r| {
                format!("{} 已按{year}的名册比对过(第 {} 次比对):如果班级已是新学年的,不要再升级,否则全部错升一级", r.as_of, r.id)
            });
        Ok(Plan { year, doubt, schools: plan(&places, grow, year) })
    }

    /// Moves all grades and classes of the county up, with their children and those who are responsible for them. `sure`: an official
    /// says that they are still those of the old school year.
    pub async fn roll_over(&self, actor: &Actor, grow: &[String], sure: bool) -> Result<Relocated> {
        let plan = self.roll_over_plan(actor, grow).await?;
        if let (Some(doubt), false) = (&plan.doubt, sure) {
            return Err(OfficeError::Input(format!("{doubt}。确认班级还是上学年的,请勾选后再办理")));
        }
        let area = self.places_area(actor)?;
        let moves: Vec<Relocation> = plan.schools.into_iter().flat_map(|s| s.relocations).collect();
        if moves.is_empty() {
            return Err(OfficeError::Input("还没有年级和班级:载入学籍或在校名册、比对一次后自动建立".into()));
        }
        let year = i64::from(plan.year.start_year());
        let mut tx = self.store.begin().await?;
        if !tx.roll_over(area.as_str(), year, self.now(), actor.account).await? {
            return Err(OfficeError::Conflict(format!("{year}学年的升级刚由别人办过")));
        }
        let done = tx.relocate(&self.store, &moves, self.clock.today(), self.now(), actor.account).await?;
        let detail = format!("{year}学年,{} 个年级班级,{} 名学生,{} 项授权", done.places, done.children, done.grants);
        self.audit(&mut tx, actor, Deed::RollOver, &format!("place:{area}"), &detail).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// 改名: a class or grade gets another name, or is put together with another one of the school; grants and children go along.
    pub async fn rename_place(&self, actor: &Actor, path: &PlacePath, name: &str) -> Result<Relocated> {
        let name: String = name.trim().to_owned();
        if name.is_empty() || name.chars().count() > 20 || name.contains('/') {
            return Err(OfficeError::Input("名称不能为空,不超过 20 字,不含“/”".into()));
        }
        let place = self.managed_place(actor, path).await?;
        if !matches!(place.kind.as_str(), "grade" | "class") {
            return Err(OfficeError::Input("地方和学校改名请用样表导入".into()));
        }
        let to = path.parent().ok_or(OfficeError::NotFound)?.child(&name);
        self.relocate(actor, Relocation { from: path.clone(), to, name, leaves: false }).await
    }

    /// 并入: a school, village or town goes over into another of its kind, with all that stands in it.
    pub async fn merge_place(&self, actor: &Actor, path: &PlacePath, into: &PlacePath) -> Result<Relocated> {
        let (from, to) = (self.managed_place(actor, path).await?, self.managed_place(actor, into).await?);
        const MERGED: [&str; 4] = ["town", "village", "school", "teaching-point"];
        if !MERGED.contains(&from.kind.as_str()) || from.kind != to.kind || path == into || path.holds(into) || into.holds(path) {
            return Err(OfficeError::Input("只能把乡镇、村、学校、教学点并入同级的另一个".into()));
        }
        self.relocate(actor, Relocation { from: path.clone(), to: into.clone(), name: to.name, leaves: false }).await
    }

    async fn managed_place(&self, actor: &Actor, path: &PlacePath) -> Result<Place> {
        if !actor.jurisdiction(Action::ManagePlaces)?.covers(path.as_str()) {
            return Err(OfficeError::NotFound);
        }
        self.store.place_at(path, self.clock.today()).await?.ok_or(OfficeError::NotFound)
    }

    async fn relocate(&self, actor: &Actor, relocation: Relocation) -> Result<Relocated> {
        if relocation.from == relocation.to {
            return Err(OfficeError::Input("名称没有变化".into()));
        }
        let mut tx = self.store.begin().await?;
        let subject = format!("place:{}", relocation.from);
        let detail = format!("改为{},{}", relocation.name, relocation.to);
        let done = tx.relocate(&self.store, &[relocation], self.clock.today(), self.now(), actor.account).await?;
        self.audit(&mut tx, actor, Deed::RelocatePlace, &subject, &detail).await?;
        tx.commit().await?;
        Ok(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(kind: &str, path: &str) -> Place {
        let path = PlacePath::parse(path).unwrap();
        Place {
            id: 0,
            kind: kind.into(),
            code: String::new(),
            name: path.last().to_owned(),
            path,
            town_path: None,
            valid_from: "2022-09-01".into(),
            valid_to: None,
        }
    }

    #[test]
    fn who_moves_up_and_who_leaves() {
        let places = [
            place("school", "e/528801/1/"),
            place("grade", "e/528801/1/五年级/"),
            place("class", "e/528801/1/五年级/五(1)班/"),
            place("grade", "e/528801/1/六年级/"),
            place("class", "e/528801/1/六年级/六(1)班/"),
            // a teaching point below the school, with two grades
            place("grade", "e/528801/1/石桥教学点/一年级/"),
            place("grade", "e/528801/1/石桥教学点/二年级/"),
            // a new junior school
            place("grade", "e/528801/2/七年级/"),
        ];
        let year = SchoolYear::starting(2024).unwrap();
        let all = plan(&places, &["e/528801/2/".to_owned()], year);
        let moves: Vec<String> = all
            .iter()
            .flat_map(|s| &s.relocations)
            .map(|r| format!("{} {}{}", r.from, r.to, if r.leaves { " end" } else { "" }))
            .collect();
        assert_eq!(
            moves,
            [
                "e/528801/1/五年级/五(1)班/ e/528801/1/六年级/六(1)班/",
                "e/528801/1/五年级/ e/528801/1/六年级/",
                "e/528801/1/六年级/六(1)班/ e/528801/1/2024届离校/六年级/六(1)班/ end",
                "e/528801/1/六年级/ e/528801/1/2024届离校/六年级/ end",
                "e/528801/1/石桥教学点/一年级/ e/528801/1/石桥教学点/二年级/",
                "e/528801/1/石桥教学点/二年级/ e/528801/1/石桥教学点/2024届离校/二年级/ end",
                "e/528801/2/七年级/ e/528801/2/八年级/",
            ]
        );
        assert_eq!(all[0].unusual_top, None);
        assert_eq!(all[1].unusual_top.as_deref(), Some("二年级"));
        assert_eq!(all[2].unusual_top.as_deref(), Some("七年级"));
    }
}
