use baoxue_domain::access::Role;
use baoxue_domain::place::PlacePath;
use baoxue_store::{LedgerQuery, NewEvent, NewPlace, Order, Placed, Relocated, Relocation, RequestState, Store};
use jiff::civil::date;

use crate::runs::{record, run_over};
use crate::{COUNTY, NOW, places, within};

const SCHOOL: &str = "e/528801/2152000001/";

fn path(s: &str) -> PlacePath {
    PlacePath::parse(s).unwrap()
}

fn class(grade: &str, class: &str) -> PlacePath {
    path(SCHOOL).child(grade).child(class)
}

fn place(kind: &str, at: &PlacePath) -> NewPlace {
    NewPlace { kind: kind.into(), code: String::new(), name: at.last().into(), path: at.clone(), town_path: None }
}

fn to(from: &PlacePath, to: &PlacePath, leaves: bool) -> Relocation {
    Relocation { from: from.clone(), to: to.clone(), name: to.last().into(), leaves }
}

async fn seen(s: &Store, at: &PlacePath) -> Vec<i64> {
    let all = s.children(&LedgerQuery::default(), &within(&[at.as_str()]), Order::Verdict, 9, 0).await.unwrap();
    all.rows.iter().map(|c| c.id).collect()
}

#[tokio::test]
async fn classes_move_up_at_once_with_their_children_teachers_and_tasks() {
    for p in places().await {
        let s = &p.store;
        let (five, six) = (class("五年级", "五(1)班"), class("六年级", "六(1)班"));
        let mut all = vec![record(1, "王浩然", "enrolled-present"), record(2, "李子轩", "enrolled-present")];
        all[0].paths[2] = Some(five.to_string());
        all[1].paths[2] = Some(six.to_string());
        run_over(s, "2023-10-08", &mut all, &[], &[]).await;
        let mut tx = s.begin().await.unwrap();
        let kinds = [place("school", &path(SCHOOL)), place("class", &five), place("class", &six)];
        assert_eq!(tx.add_places(&kinds, date(2022, 9, 1)).await.unwrap(), 3);
        assert_eq!(tx.add_places(&kinds, date(2023, 9, 1)).await.unwrap(), 0);
        tx.grant(1, Role::ClassTeacher, &five, (date(2022, 9, 1), None), None, NOW).await.unwrap();
        tx.grant(1, Role::ClassTeacher, &six, (date(2022, 9, 1), None), None, NOW).await.unwrap();
        let e = NewEvent::of_program("open", "x", NOW);
        let f = tx.open_finding(s, 1, "enrolled-present", 1, &e).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        let found = s.finding(f, Some(&within(&[COUNTY])), None).await.unwrap().unwrap();
        let mut tx = s.begin().await.unwrap();
        let sent = baoxue_domain::finding::FindingState::Dispatched;
        assert!(tx.step_finding(s, &found, &Placed { unit: Some(five.as_str()), ..found.placed(sent) }, &e).await.unwrap());
        let count = baoxue_store::ClassCount { roll: Some(41), ..Default::default() };
        tx.count_class(five.as_str(), "2024-09", &count, 1).await.unwrap();
        let left = path(SCHOOL).child("2024届离校").child("六(1)班");
        let day = date(2024, 9, 1);
        let moves = [to(&five, &six, false), to(&six, &left, true)];
        let done = tx.relocate(&p.store, &moves, day, NOW, 1).await.unwrap();
        assert_eq!(done, Relocated { places: 2, children: 2, grants: 2, waiting: 0 });
        assert!(tx.roll_over(COUNTY, 2024, NOW, 1).await.unwrap());
        assert!(!tx.roll_over(COUNTY, 2024, NOW, 1).await.unwrap(), "once a school year");
        tx.commit_untold("a test").await.unwrap();
        assert!(s.rolled_over(COUNTY, 2024).await.unwrap() && !s.rolled_over(COUNTY, 2023).await.unwrap());
        assert_eq!(seen(s, &six).await, [1]);
        assert_eq!(seen(s, &five).await, [0i64; 0]);
        assert_eq!(seen(s, &left).await, [2], "leavers stand at the school still, in no class");
        assert_eq!(seen(s, &path(SCHOOL)).await.len(), 2);
        let counted = s.class_counts("2024-09", &within(&[SCHOOL])).await.unwrap();
        assert_eq!(counted[six.as_str()].roll, Some(41), "what the class counted is the class's");
        let unit = s.finding(f, None, Some(&within(&[six.as_str()]))).await.unwrap().unwrap().unit_path;
        assert_eq!(unit.as_deref(), Some(six.as_str()), "the task goes along");
        // what was is on record: the day before, the day itself
        let at = async |p: &PlacePath, day| s.place_at(p, day).await.unwrap().is_some();
        assert!(at(&five, date(2024, 8, 31)).await && !at(&five, day).await);
        assert!(at(&six, date(2024, 8, 31)).await && at(&six, day).await && !at(&left, day).await);
        let account = s.account(1).await.unwrap().unwrap();
        let held = async |day| {
            let a = s.actor(&account, day).await.unwrap();
            a.grants.iter().map(|g| g.path.last().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(held(date(2024, 8, 31)).await, ["五(1)班", "六(1)班"]);
        assert_eq!(held(day).await, ["六(1)班"], "one teacher goes along with the class, the leavers' has none");
    }
}

#[tokio::test]
async fn a_village_and_a_school_that_are_merged_take_everything_along() {
    for p in places().await {
        let s = &p.store;
        let town = "g/52/5288/528801/528801100/";
        let (old, new) = (path(&format!("{town}528801100201/")), path(&format!("{town}528801100202/")));
        let (small, large) = (path(SCHOOL), path("e/528801/2152000002/"));
        let mut all = vec![record(1, "王浩然", "enrolled-present")];
        all[0].paths = [Some(old.to_string()), Some(old.to_string()), Some(small.child("一年级").to_string())];
        run_over(s, "2023-10-08", &mut all, &[], &[]).await;
        let mut tx = s.begin().await.unwrap();
        let school = |p: &PlacePath| NewPlace { town_path: Some(old.parent().unwrap()), ..place("school", p) };
        let grade = place("grade", &small.child("一年级"));
        let all = [place("village", &old), place("village", &new), school(&small), school(&large), grade];
        tx.put_places(&all, date(2020, 1, 1)).await.unwrap();
        tx.put_catchments(&[(old.clone(), small.clone())], date(2020, 1, 1)).await.unwrap();
        tx.grant(1, Role::Principal, &small, (date(2022, 9, 1), None), None, NOW).await.unwrap();
        let day = date(2024, 7, 1);
        tx.relocate(&p.store, &[to(&old, &new, false)], day, NOW, 1).await.unwrap();
        let done = tx.relocate(&p.store, &[to(&small, &large, false)], day, NOW, 1).await.unwrap();
        tx.commit_untold("a test").await.unwrap();
        // the principal of the small school would see all of the large one: she waits for a second person
        assert_eq!((done.children, done.grants, done.waiting), (1, 0, 1));
        let waits = s.requests(RequestState::Vouched, Some(1), NOW).await.unwrap();
        assert_eq!(waits[0].grants, [(Role::Principal, large.clone())]);
        let child = s.child(1, &within(&[COUNTY])).await.unwrap().unwrap();
        assert_eq!(child.residence_path.as_deref(), Some(new.as_str()));
        assert_eq!(child.school_path.as_deref(), Some(large.child("一年级").as_str()));
        let catchments = s.catchments(day).await.unwrap();
        assert_eq!(catchments.len(), 1);
        assert_eq!(catchments[new.as_str()], [large.to_string()]);
        assert_eq!(s.catchments(date(2024, 6, 30)).await.unwrap()[old.as_str()], [small.to_string()]);
        assert!(s.place_at(&small, day).await.unwrap().is_none());
        assert_eq!(s.place_at(&large, day).await.unwrap().unwrap().valid_from, "2020-01-01", "it was there before");
        assert!(s.place_at(&large.child("一年级"), day).await.unwrap().is_some());
    }
}
