//! The kernel on small registers whose truth is known: families with twins, sisters, namesakes, errors of clerks.

use baoxue_linkage::{Decision, Encoder, InProcess, Judgement, LinkError, Linkage, Part, Settings, Table, infer, link};

const HEADINGS: [&str; 7] = ["name", "id_no", "dob", "sex", "guardian", "phone", "address"];

/// A row: record id, person, then the fields in order of [`HEADINGS`].
#[derive(Clone, Debug)]
struct Row {
    id: String,
    person: usize,
    fields: [String; 7],
}

fn check_digit(first: &str) -> String {
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = first.bytes().zip(weights).map(|(d, w)| u32::from(d - b'0') * w).sum();
    format!("{first}{}", char::from(b"10X98765432"[(sum % 11) as usize]))
}

/// A child of a family: number `n` decides everything, so that registers agree unless a test makes them differ.
fn child(person: usize, family: usize, birth: (u32, u32, u32), given: &str) -> Row {
    const SURNAMES: [char; 12] = ['王', '李', '张', '刘', '陈', '杨', '黄', '赵', '吴', '周', '徐', '孙'];
    let surname = SURNAMES[family % SURNAMES.len()];
    let id = check_digit(&format!("5288{:02}{}{:02}{:02}{:03}", 1 + family % 9, birth.0, birth.1, birth.2, person % 1000));
    let fields = [
        format!("{surname}{given}"),
        id,
        format!("{}-{:02}-{:02}", birth.0, birth.1, birth.2),
        if person % 2 == 1 { "男" } else { "女" }.to_owned(),
        format!("{surname}{}", ["建国", "志强", "秀英", "海涛", "丽娟"][family % 5]),
        format!("12{:09}", family * 7919 + 13),
        format!("青禾县柳林镇{}村{}组{}号", ["石桥", "上坝", "新田"][family % 3], 1 + family % 12, family),
    ];
    Row { id: String::new(), person, fields }
}

/// Children of 300 families: one, two or twins.
fn children() -> Vec<Row> {
    const GIVEN: [&str; 16] = [
        "浩然", "子轩", "欣怡", "梓涵", "思琪", "俊杰", "雨桐", "佳怡", "文博", "诗涵", "天宇", "若曦", "明哲", "可馨", "博文",
        "语嫣",
    ];
    let mut out: Vec<Row> = Vec::new();
    for family in 0..300usize {
        let birth = (2008 + (family % 8) as u32, 1 + (family / 8 % 12) as u32, 1 + (family * 7 % 28) as u32);
        out.push(child(out.len(), family, birth, GIVEN[family % 16]));
        if family % 3 == 0 {
            out.push(child(out.len(), family, (birth.0 - 1, birth.2.min(12), 1 + birth.1), GIVEN[(family + 5) % 16]));
        }
        if family % 40 == 1 {
            out.push(child(out.len(), family, birth, GIVEN[(family + 3) % 16]));
        }
    }
    out
}

/// A source of these rows under the columns of the settings, with a former name for some.
fn table(encoder: &Encoder, settings: &Settings, name: &str, prefix: &str, rows: &[Row], former: &[String]) -> Table {
    let places: Vec<usize> = settings.columns.iter().map(|c| HEADINGS.iter().position(|h| *h == c.name).unwrap()).collect();
    let parts = rows.chunks(50).enumerate().map(|(chunk, rows)| {
        let mut part = Part::new(encoder, rows.len());
        for (i, r) in rows.iter().enumerate() {
            let row = chunk * 50 + i;
            let id = if r.id.is_empty() { format!("{prefix}{row:05}") } else { r.id.clone() };
            let former = former.get(row).map_or("", String::as_str);
            part.push(Some(&id), |c| r.fields[places[c]].as_str().into(), |_| former.into());
        }
        part
    });
    Table::new(name, parts).unwrap()
}

fn settings() -> Settings {
    infer(&[HEADINGS.map(str::to_owned).to_vec()]).unwrap()
}

struct Run {
    linkage: Linkage,
    tables: Vec<Table>,
}

fn try_run(left: &[Row], right: &[Row], decisions: &[Decision], s: &Settings, former: &[String]) -> Result<Run, LinkError> {
    let encoder = Encoder::new(s);
    let mut tables = vec![table(&encoder, s, "左", "L", left, former), table(&encoder, s, "右", "R", right, &[])];
    let linkage = link(encoder, &mut tables, s, decisions, &InProcess, &())?;
    Ok(Run { linkage, tables })
}

fn run(left: &[Row], right: &[Row], decisions: &[Decision]) -> Run {
    try_run(left, right, decisions, &settings(), &[]).unwrap()
}

impl Run {
    fn links(&self) -> Vec<(String, String)> {
        let id = |m: baoxue_linkage::Member| self.tables[usize::from(m.source)].id(m.row as usize).to_owned();
        self.linkage.links.iter().map(|l| (id(l.left), id(l.right))).collect()
    }

    fn unmatched(&self, source: usize) -> Vec<String> {
        self.linkage.unmatched[source].iter().map(|r| self.tables[source].id(*r as usize).to_owned()).collect()
    }
}

/// The right register without these people.
fn without(people: &[usize]) -> Vec<Row> {
    children().into_iter().filter(|c| !people.contains(&c.person)).collect()
}

fn id_of(rows: &[Row], prefix: &str, person: usize) -> String {
    format!("{prefix}{:05}", rows.iter().position(|r| r.person == person).unwrap())
}

#[test]
fn everybody_is_found_and_twins_stay_two() {
    let (left, right) = (children(), children());
    let r = run(&left, &right, &[]);
    let expected: Vec<(String, String)> = (0..left.len()).map(|i| (format!("L{i:05}"), format!("R{i:05}"))).collect();
    assert_eq!(r.links(), expected);
    assert!(r.unmatched(0).is_empty() && r.unmatched(1).is_empty());
    assert!(r.linkage.clusters.iter().all(|c| c.len() == 2));
}

#[test]
fn a_sister_or_twin_at_school_does_not_hide_a_child_who_is_not() {
    let left = children();
    // elder and younger of several families, and one of each pair of twins
    let families: Vec<usize> = (0..left.len() - 1).filter(|i| left[*i].fields[5] == left[i + 1].fields[5]).collect();
    let missing: Vec<usize> = families.iter().step_by(3).map(|i| left[*i].person).collect();
    assert!(missing.len() > 30);
    let r = run(&left, &without(&missing), &[]);
    let expected: Vec<String> = missing.iter().map(|p| format!("L{p:05}")).collect();
    assert_eq!(r.unmatched(0), expected);
}

#[test]
fn a_child_whose_number_a_sister_uses_is_still_missing() {
    let left = children();
    let i = (0..left.len() - 1).find(|i| left[*i].fields[5] == left[i + 1].fields[5]).unwrap();
    let mut right = without(&[i]);
    let sister = right.iter_mut().find(|r| r.person == i + 1).unwrap();
    sister.fields[1] = left[i].fields[1].clone();
    let r = run(&left, &right, &[]);
    assert_eq!(r.unmatched(0), [format!("L{i:05}")]);
}

fn wrong_digit(id: &str) -> String {
    id[..16].to_owned() + if &id[16..17] == "9" { "8" } else { "9" } + &id[17..]
}

#[test]
fn errors_of_clerks_do_not_part_a_child_from_its_row() {
    let left = children();
    let mut right = children();
    right[10].fields[1] = wrong_digit(&right[10].fields[1]);
    right[20].fields[1].clear();
    right[30].fields[0] = right[30].fields[0].replace(['浩', '轩', '欣', '涵', '琪'], "皓");
    right[40].fields[1] = "L12345678901234567".into();
    right[40].fields[5].clear();
    right[50].fields[2] = "2015/1/1".into();
    right[60].fields[0] = "王某之子".into();
    right[70].fields[5] = "12999999999".into();
    right[70].fields[4].clear();
    right[70].fields[1].clear();
    let r = run(&left, &right, &[]);
    let found = r.links();
    for i in [10, 20, 30, 40, 50, 60, 70] {
        assert!(found.contains(&(format!("L{i:05}"), format!("R{i:05}"))), "{:?}", right[i]);
    }
}

#[test]
fn two_records_of_one_child_become_one() {
    let left = children();
    let mut right = children();
    let mut second = right[5].clone();
    second.fields[1].clear();
    second.fields[5] = "12888888888".into();
    right.push(second);
    let r = run(&left, &right, &[]);
    let of_five: Vec<_> = r.links().into_iter().filter(|(l, _)| l == "L00005").collect();
    assert_eq!(of_five.len(), 2, "both records link: {of_five:?}");
    assert_eq!(r.linkage.clusters.iter().filter(|c| c.len() == 3).count(), 1);
}

#[test]
fn people_decide() {
    let (left, right) = (children(), without(&[7]));
    let decide = |l: &str, r: &str, judgement| vec![Decision { left: (0, l.to_owned()), right: (1, r.to_owned()), judgement }];
    let other = id_of(&right, "R", 8);
    let own = id_of(&left, "L", 8);
    let apart = run(&left, &right, &decide(&own, &other, Judgement::Different));
    assert!(!apart.links().iter().any(|(l, r)| *l == own && *r == other), "said to be different");
    // and a pair that no evidence speaks for
    let stranger = id_of(&right, "R", 100);
    let together = run(&left, &right, &decide("L00007", &stranger, Judgement::Same));
    assert!(together.links().contains(&("L00007".to_owned(), stranger.clone())));
    assert_eq!(together.linkage.links.iter().filter(|l| l.rule.is_none()).count(), 1, "named as a person's decision");
    let unknown = decide("L99999", &stranger, Judgement::Same);
    let refused = try_run(&left, &right, &unknown, &settings(), &[]).err().unwrap();
    assert!(refused.to_string().contains("L99999"));
}

#[test]
fn the_order_of_rows_does_not_matter() {
    let mut left = children();
    let mut right = without(&[3, 9, 27]);
    // ids that stay with their rows
    left.iter_mut().enumerate().for_each(|(i, r)| r.id = format!("L{:05}", i * 7919 % 100_003));
    right.iter_mut().enumerate().for_each(|(i, r)| r.id = format!("R{:05}", i * 6101 % 100_003));
    let first = run(&left, &right, &[]);
    left.reverse();
    right.rotate_left(101);
    let second = run(&left, &right, &[]);
    assert_eq!(first.links(), second.links());
    assert_eq!(first.unmatched(0), second.unmatched(0));
    let weights = |r: &Run| r.linkage.links.iter().map(|l| (l.weight.to_bits(), l.probability.to_bits())).collect::<Vec<_>>();
    assert!(weights(&first) == weights(&second), "to the last bit");
}

#[test]
fn empty_and_tiny_sources_are_no_error() {
    let all = children();
    for (l, r) in [(0, 0), (0, 5), (5, 0), (1, 1), (2, 600.min(all.len()))] {
        let out = run(&all[..l], &all[..r], &[]);
        assert_eq!(out.linkage.counts.rows, [l, r]);
    }
}

/// A child registered anew under another name, without number or telephone, is found by the 曾用名 that the left register remembers.
#[test]
fn a_former_name_finds_the_child() {
    let mut left = children();
    let mut right = children();
    let former: Vec<String> = (0..left.len())
        .map(|i| {
            if i % 50 != 7 {
                return String::new();
            }
            let now = left[i].fields[0].clone();
            left[i].fields[0] = format!("{}多多", now.chars().next().unwrap());
            right[i].fields[1] = String::new();
            right[i].fields[5] = String::new();
            now
        })
        .collect();
    let expected = left.len();
    let with_former = |on: bool| {
        let mut s = settings();
        let name = s.columns.iter_mut().find(|c| c.name == "name").unwrap();
        name.former = if on { vec!["former".to_owned()] } else { Vec::new() };
        try_run(&left, &right, &[], &s, &former).unwrap()
    };
    let r = with_former(true);
    let all: Vec<(String, String)> = (0..expected).map(|i| (format!("L{i:05}"), format!("R{i:05}"))).collect();
    assert_eq!(r.links(), all);
    assert_eq!(r.linkage.counts.rows, [expected, expected]);
    assert!(r.unmatched(0).is_empty());
    let name_level = |r: &Run, i: usize| {
        let name = r.linkage.comparisons.iter().position(|(name, _)| name == "name").unwrap();
        r.linkage.links.iter().find(|l| l.left.row as usize == i).and_then(|l| r.linkage.levels(l).nth(name))
    };
    assert_ne!(name_level(&with_former(false), 7), name_level(&r, 7), "the name is now evidence for the link");
}

/// A county's families without twins, and `planted` multiples of `each` children of one birthday and sex of whom only the first is at
/// school, without the number.
fn with_multiples(families: usize, planted: usize, each: usize, seed: usize) -> (Vec<Row>, Vec<Row>, Vec<usize>, Vec<usize>) {
    const GIVEN: [&str; 24] = [
        "浩然", "子轩", "欣怡", "梓涵", "思琪", "俊杰", "雨桐", "佳怡", "文博", "诗涵", "天宇", "若曦", "明哲", "可馨", "博文",
        "语嫣", "宇航", "一诺", "子墨", "雅琴", "建平", "小雨", "志远", "晓峰",
    ];
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    for family in 0..families {
        let birth = (2008 + (family % 8) as u32, 1 + (family / 8 % 12) as u32, 1 + (family * 7 % 28) as u32);
        let row = child(left.len(), family, birth, GIVEN[(family + seed) % 24]);
        left.push(row.clone());
        right.push(row);
    }
    for i in 0..planted {
        let family = families + i;
        let birth = (2009 + (i % 6) as u32, 1 + (i % 12) as u32, 1 + (i * 5 % 28) as u32);
        for k in 0..each {
            // the numbers of children of one birthday and sex follow one another
            let mut row = child(left.len(), family, birth, GIVEN[(i * 5 + k * 7 + seed) % 24]);
            row.fields[1] = check_digit(&format!("528801{}{:02}{:02}{:03}", birth.0, birth.1, birth.2, 201 + 2 * k));
            row.fields[3] = "男".to_owned();
            if k == 0 {
                let mut at_school = row.clone();
                at_school.fields[1].clear();
                right.push(at_school);
                there.push(row.person);
            } else {
                missing.push(row.person);
            }
            left.push(row);
        }
    }
    (left, right, there, missing)
}

/// Two rows of one register with different sound numbers are two children, at any size, whatever the model has learned of twins.
#[test]
fn nobody_is_swallowed_by_a_twin() {
    for (families, planted, each) in [(30, 1, 2), (100, 2, 2), (150, 3, 3), (400, 5, 2), (3_000, 7, 3)] {
        for seed in 0..4 {
            let (left, right, there, missing) = with_multiples(families, planted, each, seed);
            let r = run(&left, &right, &[]);
            let ids = |people: &[usize]| people.iter().map(|p| id_of(&left, "L", *p)).collect::<Vec<_>>();
            let alone = r.unmatched(0);
            assert_eq!(alone, ids(&missing), "{families} families, {planted} times {each}, seed {seed}");
            let linked: Vec<String> = r.links().into_iter().map(|l| l.0).collect();
            assert!(ids(&there).iter().all(|id| linked.contains(id)));
            assert!(r.linkage.clusters.iter().all(|c| c.len() == 2));
        }
    }
}

/// What stands twice in one register is one child, though nobody else has it: by number and name, or alike in everything. A brother who
/// was given the number, a namesake and a sister are not.
#[test]
fn two_rows_of_one_child_are_one_though_nobody_else_has_it() {
    for size in [20, 200, 351] {
        let mut left: Vec<Row> = children().into_iter().take(size).collect();
        let right: Vec<Row> = left.clone();
        let singles = left.len();
        let lone = |n: usize, given: &str| child(9_000 + n, 290 + n, (2012, 1 + n as u32 % 12, 3), given);
        // the same row twice; another telephone; without a number, alike in everything
        let (first, second) = (lone(1, "宇航"), lone(2, "一诺"));
        let mut third = lone(3, "子墨");
        third.fields[1].clear();
        let mut moved = second.clone();
        moved.fields[5] = "12999999999".into();
        left.extend([first.clone(), first, second, moved, third.clone(), third]);
        // a brother with the same number, a namesake with another one, a namesake without one who was born elsewhere
        let one = lone(4, "雅琴");
        let mut brother = one.clone();
        brother.fields[0] = one.fields[0].replace("雅琴", "建平");
        let mut namesake = one.clone();
        namesake.fields[1] = check_digit("52880120120303777");
        left.extend([one, brother, namesake]);
        let r = run(&left, &right, &[]);
        let id = |i: usize| format!("L{:05}", singles + i);
        let mut twice: Vec<Vec<String>> = r
            .linkage
            .clusters
            .iter()
            .filter(|c| c.iter().all(|m| m.source == 0))
            .map(|c| c.iter().map(|m| r.tables[0].id(m.row as usize).to_owned()).collect())
            .collect();
        twice.iter_mut().for_each(|c| c.sort());
        twice.sort();
        assert_eq!(twice, [[id(0), id(1)], [id(2), id(3)], [id(4), id(5)]], "{size}");
        // a person may say otherwise
        let apart = Decision { left: (0, id(0)), right: (0, id(1)), judgement: Judgement::Different };
        let r = run(&left, &right, &[apart]);
        let together = r.linkage.clusters.iter().filter(|c| c.iter().all(|m| m.source == 0)).count();
        assert_eq!(together, 2);
    }
}

/// One file of which nearly all rows are copies.
#[test]
fn copies_in_one_file_are_found() {
    let s = settings();
    for copies in [2, 5, 40] {
        let rows: Vec<Row> = children().into_iter().take(12).flat_map(|r| vec![r; copies]).collect();
        let encoder = Encoder::new(&s);
        let mut tables = vec![table(&encoder, &s, "一份", "A", &rows, &[])];
        let linkage = link(encoder, &mut tables, &s, &[], &InProcess, &()).unwrap();
        assert_eq!(linkage.clusters.iter().map(<[_]>::len).collect::<Vec<_>>(), vec![copies; 12]);
        assert_eq!(linkage.links.len(), 12 * copies * (copies - 1) / 2);
        assert!(linkage.unmatched[0].is_empty());
    }
}

#[test]
fn nothing_to_compare_is_refused() {
    let s = settings();
    assert_eq!(link(Encoder::new(&s), &mut [], &s, &[], &InProcess, &()).err(), Some(LinkError::NoSources));
}
