//! How right the kernel must be on registers whose truth is known, at its own cut; and that nothing but the rows decides.
//!
//! The registers are made here, by other rules than those of the benchmarks: nothing is fitted to either.

use std::collections::HashSet;

use baoxue_linkage::{
    Decision, Encoder, Engine, InProcess, Judgement, Linkage, Part, Proposed, Settings, Table, Task, Worker, infer, link,
};

/// Numbers that look drawn and are always the same.
struct Lot(u64);

impl Lot {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.below(texts.len())]
    }
}

const COLUMNS: [&str; 8] = ["id_no", "name", "sex", "dob", "guardian", "phone", "area_code", "address"];
const SURNAMES: [&str; 24] = [
    "王", "李", "张", "刘", "陈", "杨", "黄", "赵", "吴", "周", "徐", "孙", "马", "朱", "胡", "郭", "何", "高", "林", "罗", "郑",
    "梁", "谢", "欧阳",
];
const GIVEN: [&str; 40] = [
    "浩", "然", "子", "轩", "欣", "怡", "梓", "涵", "思", "琪", "俊", "杰", "雨", "桐", "佳", "文", "博", "诗", "天", "宇", "若",
    "曦", "明", "哲", "可", "馨", "语", "嫣", "瑞", "泽", "婷", "静", "雪", "梅", "建", "国", "海", "涛", "云", "凡",
];
const SOUND_ALIKE: [(&str, &str); 8] =
    [("浩", "皓"), ("轩", "萱"), ("欣", "心"), ("涵", "晗"), ("琪", "琦"), ("俊", "骏"), ("杰", "洁"), ("宇", "雨")];

#[derive(Clone)]
struct Person {
    family: usize,
    fields: [String; 8],
}

fn number(area: usize, born: (usize, usize, usize), order: usize) -> String {
    let first = format!("5288{area:02}{}{:02}{:02}{order:03}", born.0, born.1, born.2);
    let weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = first.bytes().zip(weights).map(|(d, w)| u32::from(d - b'0') * w).sum();
    format!("{first}{}", char::from(b"10X98765432"[(sum % 11) as usize]))
}

/// Children of `families` families in two counties; one family in fifty has twins.
fn people(families: usize, lot: &mut Lot) -> Vec<Person> {
    let mut out: Vec<Person> = Vec::new();
    for family in 0..families {
        let surname = lot.of(&SURNAMES);
        let guardian = format!("{surname}{}{}", lot.of(&GIVEN), lot.of(&GIVEN));
        let (area, town, village) = (1 + family % 2, 100 + lot.below(8), 200 + lot.below(12));
        let phone = format!("12{:09}", lot.below(1_000_000_000));
        let address = format!("青禾县镇{town}镇村{village}村{}组{}号", 1 + lot.below(9), 1 + lot.below(200));
        let mut born = (2008 + lot.below(9), 1 + lot.below(12), 1 + lot.below(28));
        let (children, twins) = (1 + lot.below(3) / 2 + lot.below(2), lot.one_in(50));
        for k in 0..children.max(if twins { 2 } else { 1 }) {
            if k > 0 && !twins {
                born = (born.0 + 1 + lot.below(3), 1 + lot.below(12), 1 + lot.below(28));
            }
            let girl = lot.one_in(2);
            let mut given = format!("{}{}", lot.of(&GIVEN), lot.of(&GIVEN));
            while out.last().is_some_and(|o| o.family == family && o.fields[1].ends_with(&given)) {
                given = format!("{}{}", lot.of(&GIVEN), lot.of(&GIVEN));
            }
            let order = 2 * (out.len() % 499) + usize::from(!girl);
            out.push(Person {
                family,
                fields: [
                    number(area, born, order),
                    format!("{surname}{given}"),
                    if girl { "女" } else { "男" }.to_owned(),
                    format!("{}-{:02}-{:02}", born.0, born.1, born.2),
                    guardian.clone(),
                    phone.clone(),
                    format!("5288{area:02}{town}{village}"),
                    address.clone(),
                ],
            });
        }
    }
    out
}

/// The same children as another office wrote them down: one in `careful` values of each kind is wrong or missing.
fn written_anew(p: &Person, careful: usize, lot: &mut Lot) -> [String; 8] {
    let mut f = p.fields.clone();
    if lot.one_in(careful) {
        f[0].clear();
    } else if lot.one_in(careful) {
        let at = 6 + lot.below(11);
        let digit = (f[0].as_bytes()[at] - b'0' + 1 + lot.below(9) as u8) % 10;
        f[0].replace_range(at..=at, &digit.to_string());
    }
    if lot.one_in(careful) {
        let (from, to) = SOUND_ALIKE[lot.below(SOUND_ALIKE.len())];
        f[1] = f[1].replace(from, to);
    }
    if lot.one_in(careful * 2) {
        let (year, rest) = f[3].split_at(4);
        f[3] = format!("{year}-{}-{}", &rest[4..6], &rest[1..3]);
    }
    if lot.one_in(3) {
        f[4] = format!("{}{}{}", lot.of(&SURNAMES), lot.of(&GIVEN), lot.of(&GIVEN));
    }
    match lot.below(4) {
        0 => f[5].clear(),
        1 => f[5] = format!("12{:09}", lot.below(1_000_000_000)),
        _ => {}
    }
    if lot.one_in(5) {
        f[6].truncate(9);
        f[7] = "青禾县".to_owned();
    }
    f
}

/// The person and what is written of it.
type Row = (usize, [String; 8]);
/// A register with its name.
type Source = (&'static str, Vec<Row>);

struct Run {
    linkage: Linkage,
    tables: Vec<Table>,
    /// By source and input row: the person.
    truth: Vec<Vec<usize>>,
}

fn run(sources: &[Source], settings: &Settings) -> Run {
    run_on(&InProcess, sources, settings, &[])
}

fn run_on(engine: &dyn Engine, sources: &[Source], settings: &Settings, decisions: &[Decision]) -> Run {
    let encoder = Encoder::new(settings);
    let places: Vec<usize> = settings.columns.iter().map(|c| COLUMNS.iter().position(|h| *h == c.name).unwrap()).collect();
    let table = |(name, rows): &Source| {
        let part = |(first, rows): (usize, &[Row])| {
            let mut part = Part::new(&encoder, rows.len());
            for (i, (_, fields)) in rows.iter().enumerate() {
                let id = format!("{name}{:06}", first * 100 + i);
                part.push(Some(&id), |c| fields[places[c]].as_str().into(), |_| "".into());
            }
            part
        };
        Table::new(*name, rows.chunks(100).enumerate().map(part)).unwrap()
    };
    let mut tables: Vec<Table> = sources.iter().map(table).collect();
    let linkage = link(encoder, &mut tables, settings, decisions, engine, &()).unwrap();
    let truth = sources.iter().map(|(_, rows)| rows.iter().map(|r| r.0).collect()).collect();
    Run { linkage, tables, truth }
}

impl Run {
    fn person(&self, m: baoxue_linkage::Member) -> usize {
        let source = usize::from(m.source);
        self.truth[source][self.tables[source].input_row(m.row as usize)]
    }

    /// Precision and recall of the links, and of the list of rows of the first source without any.
    fn quality(&self) -> [f64; 4] {
        let right = self.linkage.links.iter().filter(|l| self.person(l.left) == self.person(l.right)).count() as f64;
        let mut there = 0;
        for (s, left) in self.truth.iter().enumerate() {
            let left: HashSet<&usize> = left.iter().collect();
            there += self.truth[s + 1..].iter().flatten().filter(|p| left.contains(p)).count();
        }
        let elsewhere: HashSet<usize> = self.truth[1..].iter().flatten().copied().collect();
        let listed = &self.linkage.unmatched[0];
        let alone = |row: &&u32| !elsewhere.contains(&self.truth[0][self.tables[0].input_row(**row as usize)]);
        let found = listed.iter().filter(alone).count() as f64;
        let missing = self.truth[0].iter().filter(|p| !elsewhere.contains(p)).count() as f64;
        [right / self.linkage.links.len() as f64, right / there as f64, found / listed.len() as f64, found / missing]
    }

    /// Every list of the run, to the last bit.
    fn bytes(&self) -> String {
        let id = |m: baoxue_linkage::Member| self.tables[usize::from(m.source)].id(m.row as usize).to_owned();
        let pair = |l: &baoxue_linkage::Link| {
            (id(l.left), id(l.right), l.weight.to_bits(), l.probability.to_bits(), l.rule, self.linkage.pattern(l))
        };
        let clusters: Vec<Vec<String>> = self.linkage.clusters.iter().map(|c| c.iter().map(|m| id(*m)).collect()).collect();
        let l = &self.linkage;
        format!(
            "{:?}{:?}{clusters:?}{:?}{:?}",
            l.links.iter().map(pair).collect::<Vec<_>>(),
            l.review.iter().map(pair).collect::<Vec<_>>(),
            l.unmatched,
            l.unmatched_precision
        )
    }
}

fn settings() -> Settings {
    infer(&[COLUMNS.map(str::to_owned).to_vec()]).unwrap()
}

/// All children on the first register; all but one in fifty on the second, written by another office.
fn two_registers(families: usize, seed: u64, careful: usize) -> Vec<Source> {
    let mut lot = Lot(seed);
    let all = people(families, &mut lot);
    let left = all.iter().enumerate().map(|(i, p)| (i, p.fields.clone())).collect();
    let mut right = Vec::new();
    for (i, p) in all.iter().enumerate() {
        if !lot.one_in(50) {
            right.push((i, written_anew(p, careful, &mut lot)));
        }
    }
    vec![("L", left), ("R", right)]
}

#[track_caller]
fn check(r: &Run, floors: [f64; 4]) {
    let quality = r.quality();
    for (what, (q, floor)) in
        ["link precision", "link recall", "list precision", "list recall"].iter().zip(quality.iter().zip(floors))
    {
        assert!(*q >= floor, "{what} {q:.4} is below {floor}: {quality:.4?}");
    }
    let expected = r.linkage.unmatched_precision[0];
    assert!((expected - quality[2]).abs() <= 0.05, "the program expects {expected:.3} of its list, {:.3} is right", quality[2]);
}

#[test]
fn two_registers_of_careful_and_of_careless_offices() {
    for sample_above in [1 << 18, 400] {
        floors_of_two_registers(sample_above);
    }
}

fn floors_of_two_registers(sample_above: u64) {
    let mut s = settings();
    s.blocking.sample_above = sample_above;
    for (seed, careful, floors) in
        [(1, 50, [0.999, 0.999, 0.98, 0.97]), (2, 15, [0.998, 0.995, 0.95, 0.96]), (3, 6, [0.995, 0.985, 0.85, 0.92])]
    {
        check(&run(&two_registers(3_000, seed, careful), &s), floors);
    }
}

#[test]
fn three_registers() {
    let mut sources = two_registers(2_000, 4, 20);
    let mut lot = Lot(5);
    let all = people(2_000, &mut Lot(4));
    let third = all.iter().enumerate().filter(|(i, _)| i % 3 > 0).map(|(i, p)| (i, written_anew(p, 20, &mut lot))).collect();
    sources.push(("T", third));
    let r = run(&sources, &settings());
    let quality = r.quality();
    assert!(quality[0] >= 0.998 && quality[1] >= 0.99, "{quality:.4?}");
    let mixed = r.linkage.clusters.iter().filter(|c| c.iter().any(|m| r.person(*m) != r.person(c[0]))).count();
    assert!(mixed * 500 <= r.linkage.clusters.len(), "{mixed} of {}", r.linkage.clusters.len());
}

/// Latin names, and one file within itself: rows of one person are found, others are left alone.
#[test]
fn latin_names_within_one_file() {
    const FIRST: [&str; 20] = [
        "James",
        "Mary",
        "Robert",
        "Patricia",
        "John",
        "Jennifer",
        "Michael",
        "Linda",
        "David",
        "Elizabeth",
        "William",
        "Barbara",
        "Richard",
        "Susan",
        "Joseph",
        "Jessica",
        "Thomas",
        "Sarah",
        "Charles",
        "Karen",
    ];
    const LAST: [&str; 20] = [
        "Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis", "Martinez", "Lopez", "Wilson", "Anderson",
        "Taylor", "Moore", "Jackson", "Martin", "Thompson", "White", "Harris", "Clark",
    ];
    let mut lot = Lot(9);
    let mut rows: Vec<Row> = Vec::new();
    for i in 0..2_000 {
        let mut f: [String; 8] = std::array::from_fn(|_| String::new());
        f[1] = format!("{} {}", lot.of(&FIRST), lot.of(&LAST));
        f[3] = format!("{}-{:02}-{:02}", 1990 + lot.below(30), 1 + lot.below(12), 1 + lot.below(28));
        f[5] = format!("12{:09}", lot.below(1_000_000_000));
        rows.push((i, f.clone()));
        if i % 10 == 0 {
            // written again with a slip of the pen, or another telephone
            if lot.one_in(2) {
                let at = 1 + lot.below(3);
                f[1].remove(at);
            } else {
                f[5] = format!("12{:09}", lot.below(1_000_000_000));
            }
            rows.push((i, f));
        }
    }
    let mut s = settings();
    s.columns.retain(|c| ["name", "dob", "phone"].contains(&c.name.as_str()));
    let s = Settings::for_columns(None, s.columns);
    let r = run(&[("A", rows)], &s);
    let right = r.linkage.links.iter().filter(|l| r.person(l.left) == r.person(l.right)).count();
    assert!(right >= 190, "{right} of 200 found");
    assert!(r.linkage.links.len() <= right + 4, "{} links, {right} right", r.linkage.links.len());
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let sources = two_registers(1_200, 6, 10);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        // learning from all pairs, and from a sample
        [settings().blocking.sample_above, 200].map(|sample_above| {
            let mut s = settings();
            s.blocking.sample_above = sample_above;
            pool.install(|| run(&sources, &s).bytes())
        })
    };
    let one = with(1);
    assert!(one == with(1), "the same again");
    assert!(one == with(2) && one == with(7), "to the last bit");
}

#[test]
fn left_and_right_are_alike() {
    let sources = two_registers(1_200, 7, 10);
    let pairs = |r: &Run, swapped: bool| -> HashSet<(usize, usize)> {
        let people = r.linkage.links.iter().map(|l| (r.person(l.left), r.person(l.right)));
        people.map(|(a, b)| if swapped { (b, a) } else { (a, b) }).collect()
    };
    let straight = run(&sources, &settings());
    let mut other = sources.clone();
    other.reverse();
    let swapped = run(&other, &settings());
    let (a, b) = (pairs(&straight, false), pairs(&swapped, true));
    // ties between rows that are alike may fall either way
    assert!(a.symmetric_difference(&b).count() * 500 <= a.len(), "{} of {}", a.symmetric_difference(&b).count(), a.len());
}

/// Sends every entry to one of some workers, by its key.
struct Elsewhere(usize);

impl Engine for Elsewhere {
    fn compare(&self, mut task: Task) -> Result<Proposed, String> {
        let worker = Worker::new(task.context()).map_err(|e| e.to_string())?;
        let orders = task.orders();
        let records: Vec<(u32, u64, Vec<u8>)> = task
            .records()
            .into_iter()
            .map(|n| {
                let (words, set) = task.record(n);
                (n, set, words.iter().flat_map(|w| w.to_le_bytes()).collect())
            })
            .collect();
        let mut buckets = vec![Vec::new(); self.0];
        let records = records.iter().map(|(n, set, words)| (*n, *set, words.as_slice()));
        worker.explode(&orders, records, |_, key, entry| buckets[key as usize % self.0].extend_from_slice(entry));
        assert!(worker.compare(&orders, &[0]).is_none(), "one byte is no entry");
        let all = buckets.iter().map(|b| worker.compare(&orders, b).ok_or_else(String::new));
        all.collect::<Result<Vec<_>, _>>().map(|all| all.into_iter().fold(Proposed::default(), Proposed::with))
    }
}

#[test]
fn workers_elsewhere_give_the_same_to_the_last_bit() {
    let two = two_registers(1_000, 8, 10);
    let mut three = two_registers(600, 9, 10);
    three.push(("T", three[0].1.iter().step_by(3).cloned().collect()));
    let one = vec![("A", [two[0].1.as_slice(), &two[1].1[..400]].concat())];
    for sources in [two, three, one] {
        // blocks that are split must be known to all
        let mut compared = Vec::new();
        for most in [settings().blocking.max_block_pairs, 4, 1] {
            let mut s = settings();
            s.blocking.max_block_pairs = most;
            s.blocking.sample_above = 2_000 / most.min(1_000);
            let here = run(&sources, &s);
            let elsewhere = run_on(&Elsewhere(13), &sources, &s, &[]);
            assert!(here.bytes() == elsewhere.bytes(), "{} sources, {most} pairs a block", sources.len());
            let (a, b) = (&here.linkage, &elsewhere.linkage);
            assert_eq!(a.counts.compared_by_rule, b.counts.compared_by_rule);
            assert_eq!(a.capped, b.capped);
            compared.push(a.counts.compared);
        }
        assert!(compared[2] < compared[0], "no block was split: {compared:?}");
    }
}

/// Decisions bind the pairs they speak of; the weights they change only where that is asked for.
#[test]
fn decisions_teach_only_when_asked() {
    let sources = two_registers(1_500, 11, 8);
    let before = run(&sources, &settings());
    let l = &before.linkage;
    let mut weakest: Vec<&baoxue_linkage::Link> = l.links.iter().collect();
    weakest.sort_by(|a, b| a.weight.total_cmp(&b.weight));
    let decide = |x: &&baoxue_linkage::Link| {
        let row = |m: baoxue_linkage::Member| {
            (usize::from(m.source), before.tables[usize::from(m.source)].id(m.row as usize).to_owned())
        };
        let same = before.person(x.left) == before.person(x.right);
        let judgement = if same { Judgement::Same } else { Judgement::Different };
        Decision { left: row(x.left), right: row(x.right), judgement }
    };
    let decisions: Vec<Decision> = weakest[..60].iter().copied().chain(&l.review).map(|x| decide(&x)).collect();
    let weights = |r: &Run| serde_json::to_string(&r.linkage.models).unwrap();
    let bound = run_on(&InProcess, &sources, &settings(), &decisions);
    assert!(weights(&bound) == weights(&before), "nothing is learned silently");
    let taught = run_on(&InProcess, &sources, &taught_settings(), &decisions);
    assert!(weights(&taught) != weights(&before));
    let again = run_on(&InProcess, &sources, &taught_settings(), &decisions);
    assert!(taught.bytes() == again.bytes(), "the same result twice");
    let (a, b, c) = (before.quality(), bound.quality(), taught.quality());
    for i in 0..2 {
        assert!(b[i] >= a[i] && c[i] >= a[i] - 0.001, "{a:.4?} {b:.4?} {c:.4?}");
    }
    assert_eq!(Settings::parse(&taught_settings().to_toml()).unwrap(), taught_settings());
}

fn taught_settings() -> Settings {
    Settings { retrain: true, ..settings() }
}
