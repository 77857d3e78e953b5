//! 姓名 (person names): normalised, interned, and compared by character, sound and shape.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use pinyin::ToPinyin;
use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::{Level, level};
use crate::intern::{Numbers, Texts, digest};

pub(crate) const LEVELS: &[Level] = &[
    level("same", 0.945, 0.62, 0.0002, 0.0002, 0.7, 44),
    level("homophone", 0.015, 0.1, 0.01, 0.003, 0.26, 36),
    level("look-alike", 0.008, 0.06, 0.01, 0.002, 0.001, 28),
    level("one-character", 0.014, 0.1, 0.5, 0.05, 0.01, 16),
    level("cut-short", 0.006, 0.03, 0.001, 0.001, 0.001, 24),
    level("reordered", 0.001, 0.01, 0.01, 0.002, 0.001, 16),
    level("same-surname", 0.006, 0.05, 0.4, 0.8, 0.02, -4),
    level("different", 0.005, 0.03, 0.07, 0.14, 0.01, -24),
];

/// Levels of two names that are one person's where the number is one: same, homophone, look-alike, cut short. Brothers' names are often one
/// character apart.
pub(crate) const IS_ONE: [u8; 4] = [1, 2, 3, 5];

/// The same comparison on a guardian, who is shared by brothers and sisters and may be the father in one register
/// and the grandmother in the next.
pub(crate) const GUARDIAN_LEVELS: &[Level] = &[
    level("same", 0.66, 0.55, 0.75, 0.75, 0.005, 40),
    level("homophone", 0.012, 0.03, 0.012, 0.012, 0.003, 32),
    level("look-alike", 0.004, 0.01, 0.004, 0.004, 0.001, 24),
    level("one-character", 0.01, 0.03, 0.01, 0.01, 0.02, 8),
    level("cut-short", 0.004, 0.01, 0.004, 0.004, 0.001, 16),
    level("reordered", 0.001, 0.002, 0.001, 0.001, 0.001, 8),
    level("same-surname", 0.11, 0.13, 0.08, 0.08, 0.1, 4),
    level("different", 0.2, 0.24, 0.14, 0.14, 0.86, -4),
];

/// Characters that separate the parts of a minority name, as registers really write them.
const DOTS: [char; 20] =
    ['·', '•', '・', '.', '．', '‧', '∙', '⋅', '。', '﹒', '･', '、', '-', '—', '˙', '●', '▪', '◦', '⸱', 'ㆍ'];
/// The same, as pages write it that were saved halfway.
const DOT_ENTITIES: [&str; 3] = ["&middot;", "&#183;", "&bull;"];
/// A character that could not be typed.
const WILDCARDS: [char; 7] = ['?', '？', '*', '＊', '□', '■', '某'];
/// Ends of names given in place of a name (王某之子).
const PLACEHOLDER_ENDS: [&str; 6] = ["之子", "之女", "之婴", "的儿子", "的女儿", "之长子"];
/// Words that stand where a name is not yet known.
const PLACEHOLDERS: [&str; 8] = ["未取名", "未命名", "无名", "待定", "无名氏", "新生儿", "婴儿", "未上户"];
/// 异体字 (variant characters) that the traditional-to-simplified table leaves alone: variant then usual form.
const VARIANTS: &str = "喆哲堃坤昇升珮佩淼渺犇奔甦苏晧皓皜皓翀冲勐猛芃蓬闫阎付傅肖萧祎袆斈学峯峰羣群綵彩燄焰煊煊";

/// 形近字 (look-alike characters): each group is taken for one another by clerks and by recognisers of handwriting.
const LOOKALIKES: &str = "己已巳 未末 士土 日曰 王玉 天夭 千干于 晴睛清请情 冉再 杨扬 侯候 祁祈 昊吴 晖辉挥 妤好 洋样祥 俊峻骏竣浚 涵函 晗唅 宇字 \
轩斩 梓榟 欣欢 怡恰 馨磬 彤彬 诗待侍 琪棋祺淇 萱营 茜菡 瑶谣遥 静净 婷停 语悟 嫣焉 若苦 曦羲 沐休 昕听 悦说锐 嘉喜 琳林淋 雯雪 燕熹 娟捐涓 梅海悔 \
芳芬 洁浩 颖颍 莹萤 莉利 倩请 媛暖缓 妮泥 娜那 婧靖 菲韭 薇微 蕾雷 蓉荣 萍苹 宁宇 然燃 文交 珍诊 珠株 瑾谨 璇旋 晶品 晨辰 星皇 博搏 泽译 明朋 志忘 \
豪毫 伟纬 强弹 鹏鹃 涛焘 建健 华毕 铭茗 皓浩 奕弈 航杭 瑞端 磊垒 龙尤 云去 凯剀 锋峰 斌彬 永水 国固 庆床 思恩 源原 鸣呜 承丞 恒桓 平乎 正止 德徳 宏宠 \
昌唱 刚纲 超起 亮壳 毅毂 翔翊 锐税 刘列 陈阵 孙孔 马乌 朱未 何河 罗萝 郑邓 梁粱 谢榭 宋宗 冯马 曹漕 肖尚 田由申 袁哀 于干 余佘 杜社 程呈 丁于 任仕 沈沉 \
姚桃 卢户 汪江 石右 贾贸 白日 邹邵 熊态 秦泰奉 尹伊 薛薜 史吏 钱线 严亚 冷泠 治冶 崇祟 戊戌戍 免兔 鸟乌 衣农 壬王 予矛 拔拨 折拆 徒徙 汩汨 析折 茶荼 今令 仑仓 \
戴载 兀元 万方 旭旮 熙煕 烨晔 钰珏 煊暄喧 炜玮纬 楠喃 钧钩 彦颜 璐露 翰瀚 栩诩 芮芷 苒荏 昀韵";

/// Sentinel in [`Entry::chars`] for a character that could not be typed.
const WILDCARD: u16 = 1;
/// The same for one that was described by its parts.
const DESCRIBED_NUMBER: u16 = 2;

/// The levels speak of at most so many characters of a name; longer ones are told apart by their norm all the same.
const KEPT_CHARS: usize = 12;
/// Names of more characters are few, and kept elsewhere.
const SHORT_CHARS: usize = 5;
/// Names that one thread normalises at a time.
const NAMES_AT_ONCE: usize = 1 << 14;

/// One distinct normalised name.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Digest of what it looks like: of two billion comparisons of other names one takes them for look-alikes.
    shape: u32,
    /// The characters of a Chinese name, or where they stand among the long ones.
    chars: [u16; SHORT_CHARS],
    len: u8,
    latin: bool,
}

impl Entry {
    /// Characters of a Chinese name that levels speak of.
    fn kept(&self) -> usize {
        if self.latin { 0 } else { usize::from(self.len).min(KEPT_CHARS) }
    }
}

/// All distinct names of a column. Index 0 is the missing name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    entries: Vec<Entry>,
    /// Characters of long names.
    long: Vec<u16>,
    /// Normalised text, kept for Latin names.
    pub texts: Texts,
    /// Syllable of each interned character.
    syllables: Vec<u16>,
    pub pinyin: Vec<u32>,
    pub first: Vec<u32>,
    pub pinyin_kinds: usize,
}

/// 80 characters that code pages before GB 18030-2005 kept in the private area, from U+E815 on, as they are coded since; `?` where the area
/// has none.
const MOVED: &str = "⺁𠂇𠂉𠃌⺄㑳㑇⺈⺋龴㖞㘚㘎⺌⺗㥮㤘龵㧏㧟㩳㧐龶龷㭎㱮㳠⺧𡗗龸⺪䁖䅟⺮䌷⺳⺶⺷𢦏䎱䎬⺻䏝䓖䙡䙌龹䜣䜩䝼䞍⻊䥇䥺䥽䦂䦃䦅䦆䦟䦛䦷䦶龺𤇾䲣䲟䲠䲡䱷䲢䴓䴔䴕䴖䴗䴘䴙䶮龻";
/// Where they began.
const MOVED_FROM: u32 = 0xe815;

/// A character as it is coded today.
fn moved(c: char) -> char {
    static NOW: LazyLock<Vec<char>> = LazyLock::new(|| MOVED.chars().collect());
    match (c as u32).checked_sub(MOVED_FROM) {
        Some(i @ 0..=79) => NOW.get(i as usize).copied().filter(|n| *n != '?').unwrap_or(c),
        _ => c,
    }
}

/// Stands in a Chinese name for a syllable of pinyin that was typed for a character that could not be: 张di. Of a plane that nobody uses.
const SYLLABLES_FROM: u32 = 0xf_0000;
/// Stands for a character that was described by its parts: 冯[王月].
const DESCRIBED: char = '\u{f_ffff}';
/// Most parts by which a character is described.
const MOST_PARTS: usize = 3;

/// All syllables of pinyin without tones.
static SYLLABLES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut all: Vec<&str> = ('\u{4e00}'..='\u{9fff}').filter_map(|c| c.to_pinyin()).map(|p| p.plain()).collect();
    all.sort_unstable();
    all.dedup();
    all.retain(|s| s.is_ascii() && !matches!(*s, "n" | "ng" | "m" | "hm" | "hng"));
    all
});

/// Most letters that are taken for pinyin: the longest names have some forty.
const MOST_LETTERS: usize = 48;
/// Letters of the longest syllable: zhuang.
const LONGEST_SYLLABLE: usize = 6;

/// The syllables of which letters consist, the longest first; nothing where they are no pinyin. Each place is looked at once.
fn syllables_of(letters: &str) -> Option<Vec<usize>> {
    if letters.len() > MOST_LETTERS || !letters.is_ascii() {
        return None;
    }
    let small = letters.to_ascii_lowercase();
    // of each place, from the last: the syllable that begins there and leaves a rest that is made of syllables
    let mut begins: Vec<Option<(usize, usize)>> = vec![None; small.len()];
    for at in (0..small.len()).rev() {
        begins[at] = (1..=LONGEST_SYLLABLE.min(small.len() - at)).rev().find_map(|n| {
            let ends_well = at + n == small.len() || begins[at + n].is_some();
            let syllable = SYLLABLES.binary_search_by(|s| (*s).cmp(&small[at..at + n])).ok().filter(|_| ends_well)?;
            Some((syllable, n))
        });
    }
    let (mut out, mut at) = (Vec::new(), 0);
    while at < small.len() {
        let (syllable, n) = begins[at]?;
        out.push(syllable);
        at += n;
    }
    Some(out)
}

/// Puts in a Chinese name for each run of letters the syllables that they spell.
fn spell_out(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 8);
    let mut rest = name;
    while !rest.is_empty() {
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        match (letters, syllables_of(&rest[..letters])) {
            (1.., Some(spelt)) => out.extend(spelt.into_iter().filter_map(|s| char::from_u32(SYLLABLES_FROM + s as u32))),
            (1.., None) => out.push_str(&rest[..letters]),
            _ => {}
        }
        rest = &rest[letters..];
        let next = rest.chars().next();
        out.extend(next);
        rest = &rest[next.map_or(0, char::len_utf8)..];
    }
    out
}

/// The syllable of a character, or of what stands for one.
fn syllable_of(c: char) -> Option<&'static str> {
    match (c as u32).checked_sub(SYLLABLES_FROM) {
        Some(i) => SYLLABLES.get(i as usize).copied(),
        None => c.to_pinyin().map(|p| p.plain()),
    }
}

/// The sound of a name in Latin letters that spell pinyin throughout: YANGJIN LAMU sounds as 央金拉姆.
fn spelt(name: &str) -> Option<Vec<&'static str>> {
    let letters = || name.bytes().filter(|b| *b != b' ');
    if letters().count() > KEPT_CHARS * 6 || !letters().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let mut out = Vec::new();
    for word in name.split(' ') {
        out.extend(syllables_of(word)?.into_iter().map(|s| SYLLABLES[s]));
    }
    (out.len() >= 2).then_some(out)
}

/// Adds the form in which names are compared: no separators, blanks or remarks, simplified, usual variants, capitals.
/// Adds nothing for a name that says nothing (空, 王某之子, 未取名).
fn normalise(raw: &str, out: &mut String) {
    let start = out.len();
    let plain = raw.contains('&').then(|| DOT_ENTITIES.iter().fold(raw.to_owned(), |t, e| t.replace(e, "·")));
    let raw = plain.as_deref().unwrap_or(raw);
    let latin = raw.chars().map(moved).all(|c| !is_han(c));
    let mut depth = 0;
    for (at, c) in raw.char_indices().map(|(at, c)| (at, moved(c))) {
        match c {
            c if is_han(c) && depth == 0 && !WILDCARDS.contains(&c) => out.push(simplified(c)),
            '[' | '【' if depth == 0 && is_description(&raw[at..], out[start..].chars().count()) => {
                out.push(DESCRIBED);
                depth += 1;
            }
            '(' | '（' | '[' | '【' => depth += 1,
            ')' | '）' | ']' | '】' => depth -= 1,
            _ if depth > 0 => {}
            ' ' | '\u{3000}' | '\u{a0}' if latin => {
                if !out[start..].is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            c if DOTS.contains(&c) && latin => out.push(' '),
            c if c.is_whitespace() || is_invisible(c) || DOTS.contains(&c) => {}
            c if WILDCARDS.contains(&c) => out.push('?'),
            'a'..='z' => out.push(c.to_ascii_uppercase()),
            'Ａ'..='Ｚ' => out.push(char::from_u32(c as u32 - 0xff21 + 0x41).unwrap_or(c)),
            c => out.push(simplified(c)),
        }
    }
    if !latin && out[start..].bytes().any(|b| b.is_ascii_alphabetic()) {
        let spelt = spell_out(&out[start..]);
        out.truncate(start);
        out.push_str(&spelt);
    }
    let text = super::text::trim(&out[start..]);
    if says_nothing(text) {
        out.truncate(start);
    } else if text.len() < out.len() - start {
        let text = text.to_owned();
        out.truncate(start);
        out.push_str(&text);
    }
}

/// Whether brackets describe a character by its parts instead of holding a remark: they stand inside the name, or right behind a surname.
fn is_description(from_bracket: &str, chars_before: usize) -> bool {
    let inner = from_bracket.trim_start_matches(['[', '【']);
    let Some(end) = inner.find([']', '】']) else { return false };
    let (parts, behind) = (&inner[..end], inner[end..].trim_start_matches([']', '】']));
    let count = parts.chars().filter(|c| *c != '+').count();
    let parts_only = parts.chars().all(|c| is_han(c) || c == '+');
    chars_before > 0 && parts_only && (2..=MOST_PARTS).contains(&count) && (chars_before == 1 || behind.starts_with(is_han))
}

fn says_nothing(name: &str) -> bool {
    match name.chars().next_back() {
        None => true,
        Some('?') => name.chars().all(|c| c == '?'),
        // how those below end
        Some('名' | '定' | '氏' | '儿' | '户' | '子' | '女' | '婴') => {
            PLACEHOLDERS.contains(&name) || PLACEHOLDER_ENDS.iter().any(|e| name.ends_with(e))
        }
        _ => false,
    }
}

fn is_han(c: char) -> bool {
    matches!(c as u32, 0x3400..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
}

fn is_invisible(c: char) -> bool {
    matches!(c as u32, 0x200b..=0x200f | 0x202a..=0x202e | 0x2060 | 0xfeff | 0x00ad) || c.is_control()
}

/// Traditional and variant characters in their usual simplified form.
fn simplified(c: char) -> char {
    // of the usual characters it is known once it has been asked for: 0 before
    static KNOWN: [AtomicU32; 1 << 16] = [const { AtomicU32::new(0) }; 1 << 16];
    if !is_han(c) {
        return c;
    }
    let known = KNOWN.get(c as usize);
    let before = known.map_or(0, |k| k.load(Ordering::Relaxed));
    if before != 0 {
        return char::from_u32(before).unwrap_or(c);
    }
    let simple = simplify(c);
    known.iter().for_each(|k| k.store(simple as u32, Ordering::Relaxed));
    simple
}

fn simplify(c: char) -> char {
    static CONVERTER: LazyLock<Option<ferrous_opencc::OpenCC>> =
        LazyLock::new(|| ferrous_opencc::OpenCC::from_config(ferrous_opencc::config::BuiltinConfig::T2s).ok());
    static USUAL: LazyLock<FxHashMap<char, char>> =
        LazyLock::new(|| VARIANTS.chars().zip(VARIANTS.chars().skip(1)).step_by(2).collect());
    if let Some(usual) = USUAL.get(&c) {
        return *usual;
    }
    let simple = CONVERTER.as_ref().map_or(c, |t| {
        let s = t.convert(c.encode_utf8(&mut [0; 4]));
        let mut chars = s.chars();
        chars.next().filter(|_| chars.next().is_none()).unwrap_or(c)
    });
    *USUAL.get(&simple).unwrap_or(&simple)
}

fn shape_class(c: char) -> char {
    static CLASSES: LazyLock<FxHashMap<char, char>> = LazyLock::new(|| {
        let mut classes: FxHashMap<char, char> = FxHashMap::default();
        for group in LOOKALIKES.split_whitespace() {
            let root = group.chars().find_map(|c| classes.get(&c).copied()).or_else(|| group.chars().next());
            for c in group.chars() {
                if let Some(root) = root {
                    classes.entry(c).or_insert(root);
                }
            }
        }
        classes
    });
    *CLASSES.get(&c).unwrap_or(&c)
}

/// The toneless syllables of a name, one a character; other characters stand for themselves.
pub fn pinyin_syllables(name: &str) -> Vec<String> {
    name.chars().map(|c| c.to_pinyin().map_or_else(|| c.to_lowercase().to_string(), |p| p.plain().to_owned())).collect()
}

/// The first letters of a name's syllables (王小明 → wxm).
pub fn pinyin_initials(name: &str) -> String {
    pinyin_syllables(name).iter().filter_map(|s| s.chars().next()).collect()
}

/// Places (counted in characters) at which two texts of the same length differ; all of the longer one's when lengths differ.
pub fn differing_chars(a: &str, b: &str) -> Vec<usize> {
    let (x, y): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    (0..x.len().max(y.len())).filter(|&i| x.get(i) != y.get(i)).collect()
}

/// What is known of a character: its number, its syllable (0 for none), and the look-alikes it stands for.
#[derive(Clone, Copy)]
struct Known {
    number: u16,
    syllable: u16,
    shape: char,
}

/// The characters met so far.
struct Characters {
    known: FxHashMap<char, Known>,
    syllable_numbers: FxHashMap<&'static str, u16>,
    /// Syllable by character number.
    syllables: Vec<u16>,
}

impl Characters {
    fn new() -> Self {
        let mut new = Self { known: FxHashMap::default(), syllable_numbers: FxHashMap::default(), syllables: vec![0] };
        let (wildcard, described) = (new.of('?').number, new.of(DESCRIBED).number);
        debug_assert_eq!((wildcard, described), (WILDCARD, DESCRIBED_NUMBER));
        new
    }

    fn of(&mut self, c: char) -> Known {
        if let Some(known) = self.known.get(&c) {
            return *known;
        }
        // a column may not bring more kinds of characters than 16 bits count: the rest share the last number
        let number = self.syllables.len().min(usize::from(u16::MAX)) as u16;
        let syllable = syllable_of(c).map_or(0, |s| self.syllable(s));
        self.syllables.push(syllable);
        let known = Known { number, syllable, shape: shape_class(c) };
        self.known.insert(c, known);
        known
    }
}

impl Characters {
    /// The number of a syllable.
    fn syllable(&mut self, syllable: &'static str) -> u16 {
        let next = self.syllable_numbers.len() as u16 + 1;
        *self.syllable_numbers.entry(syllable).or_insert(next)
    }
}

impl Names {
    /// Builds the dictionary of distinct normalised names; number 0 is kept for the missing one.
    pub fn build(texts: Texts) -> Self {
        let mut names = Names { texts, ..Names::default() };
        let mut characters = Characters::new();
        let (mut sounds, mut firsts) = (Vec::with_capacity(names.len()), Numbers::default());
        names.entries.push(Entry { shape: 0, chars: [0; SHORT_CHARS], len: 0, latin: false });
        names.first.push(0);
        for text in names.texts.iter().skip(1) {
            let latin = !text.chars().any(is_han);
            let mut entry = Entry { shape: 0, chars: [0; SHORT_CHARS], len: 0, latin };
            let mut chars = [0; KEPT_CHARS];
            let (mut sound, mut shape) = (0u64, 0u64);
            for (i, c) in text.chars().enumerate() {
                let known = characters.of(c);
                let heard = if known.syllable == 0 { 0x1_0000 + u64::from(known.number) } else { u64::from(known.syllable) };
                sound = mix(sound, heard);
                shape = mix(shape, u64::from(known.shape as u32));
                if i < KEPT_CHARS {
                    chars[i] = known.number;
                }
                entry.len = entry.len.saturating_add(1);
            }
            if let Some(spelt) = latin.then(|| spelt(text)).flatten() {
                let numbers = spelt.into_iter().map(|s| u64::from(characters.syllable(s)));
                sound = numbers.fold(0, mix);
            }
            entry.shape = (shape >> 32) as u32 | 1;
            if entry.kept() <= SHORT_CHARS {
                entry.chars.copy_from_slice(&chars[..SHORT_CHARS]);
            } else {
                let at = names.long.len() as u32;
                (entry.chars[0], entry.chars[1]) = (at as u16, (at >> 16) as u16);
                names.long.extend_from_slice(&chars[..entry.kept()]);
            }
            let end = if latin { text.find(' ').unwrap_or(text.len()) } else { text.chars().next().map_or(0, char::len_utf8) };
            names.first.push(firsts.of(text[..end].bytes().fold(7, |h, b| mix(h, u64::from(b)))) + 1);
            sounds.push(sound);
            names.entries.push(entry);
        }
        names.syllables = characters.syllables;
        let mut numbers = Numbers::with_room(sounds.len());
        names.pinyin = Vec::with_capacity(names.len());
        names.pinyin.push(0);
        numbers.of_all(&sounds, |_, number, _| names.pinyin.push(number + 1));
        names.pinyin_kinds = numbers.len() + 1;
        names
    }

    /// Number of names, the missing one included.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Has names that are needed soon brought from memory, all at a time instead of one after the other.
    pub fn fetch(&self, names: impl Iterator<Item = u32>) {
        std::hint::black_box(names.fold(0, |sum, n| sum ^ self.entries[n as usize].shape));
    }

    pub fn shape(&self, name: u32) -> u32 {
        self.entries[name as usize].shape
    }

    /// Counts of names as counts of their sounds.
    pub fn by_sound(&self, all: &[u32]) -> Vec<u32> {
        let mut out = vec![0u32; self.pinyin_kinds];
        all.iter().zip(&self.pinyin).for_each(|(n, sound)| out[*sound as usize] += n);
        out
    }

    /// Level of two names, both present, that are neither the same nor homophones.
    pub fn compare_unlike(&self, a: u32, b: u32) -> u8 {
        let (x, y) = (&self.entries[a as usize], &self.entries[b as usize]);
        if x.latin || y.latin {
            if x.latin != y.latin {
                return 8;
            }
            let (s, l) = (self.texts.get(a as usize), self.texts.get(b as usize));
            // a slip of the pen; twins' names are further apart
            if strsim::osa_distance(s, l) <= 1 {
                return 3;
            }
            return match super::text::compare_different(s, l) {
                2 => 4,
                _ if self.first[a as usize] == self.first[b as usize] => 7,
                _ => 8,
            };
        }
        if x.shape == y.shape {
            return 3;
        }
        let (short, long) = if x.len <= y.len { (x, y) } else { (y, x) };
        let (s, l) = (self.chars(short), self.chars(long));
        let (n, m) = (s.len(), l.len());
        if n >= 2 && m >= 4 && m > n && l.starts_with(s) {
            return 5;
        }
        if n == m {
            let open = |c: &u16| matches!(*c, WILDCARD | DESCRIBED_NUMBER);
            let wrong = s.iter().zip(l).filter(|(a, b)| a != b && !open(a) && !open(b)).count();
            if wrong == 0 && s.iter().chain(l).any(|c| *c == DESCRIBED_NUMBER) {
                return 3;
            }
            if wrong == 0 || (wrong == 1 && n >= 3) {
                return 4;
            }
            if self.reordered(s, l) {
                return 6;
            }
            // transliterations of one name: most syllables alike
            let alike = s.iter().zip(l).filter(|(a, b)| a == b || self.same_sound(**a, **b)).count();
            if n >= 4 && alike * 5 >= n * 3 {
                return 4;
            }
        } else if m == n + 1 && m >= 3 && one_left_out(s, l) {
            return 4;
        }
        if s[0] == l[0] { 7 } else { 8 }
    }

    fn same_sound(&self, a: u16, b: u16) -> bool {
        let (x, y) = (self.syllables[usize::from(a)], self.syllables[usize::from(b)]);
        x != 0 && x == y
    }

    fn reordered(&self, s: &[u16], l: &[u16]) -> bool {
        // most are seen to differ without being sorted
        let sum = |chars: &[u16]| chars.iter().map(|c| u32::from(*c)).sum::<u32>();
        if sum(s) != sum(l) {
            return false;
        }
        let (mut p, mut q) = ([0u16; KEPT_CHARS], [0u16; KEPT_CHARS]);
        p[..s.len()].copy_from_slice(s);
        q[..l.len()].copy_from_slice(l);
        p.sort_unstable();
        q.sort_unstable();
        p == q
    }

    /// Characters of a Chinese name, as far as levels speak of them; 0 of another.
    pub fn length(&self, name: u32) -> usize {
        self.han(name).len()
    }

    /// How many places [`Names::left_open`] may leave open.
    pub fn open_places(&self, name: u32) -> usize {
        match self.length(name) {
            ..3 => 0,
            length => length,
        }
    }

    /// Key of a name with one place left open: names one character apart meet under one.
    pub fn left_open(&self, name: u32, place: usize) -> Option<u64> {
        let chars = self.han(name);
        let of = |(k, c): (usize, &u16)| if k == place { 0 } else { u64::from(*c) };
        let key = || chars.iter().enumerate().map(of).fold(mix(chars.len() as u64, place as u64), mix);
        (place < self.open_places(name)).then(key)
    }

    /// Key of the whole of a name of two characters at least.
    pub fn whole(&self, name: u32) -> Option<u64> {
        let chars = self.han(name);
        (chars.len() >= 2).then(|| key_of(chars.iter()))
    }

    /// Keys of a name of three characters at least without one of them, as [`Names::whole`] gives them.
    pub fn without_one(&self, name: u32) -> impl Iterator<Item = u64> {
        let chars = self.han(name);
        // of the same characters side by side one is enough
        let holes = (0..if chars.len() < 3 { 0 } else { chars.len() }).filter(|i| *i == 0 || chars[*i] != chars[i - 1]);
        holes.map(|hole| key_of(chars[..hole].iter().chain(&chars[hole + 1..])))
    }

    /// Keys of the beginnings of a name of four characters at least, of two characters and more, as [`Names::whole`] gives them.
    pub fn beginnings(&self, name: u32) -> impl Iterator<Item = u64> {
        let chars = self.han(name);
        (2..if chars.len() < 4 { 0 } else { chars.len() }).map(|n| key_of(chars[..n].iter()))
    }

    /// Key of a name's characters, whatever their order; of two characters at least.
    pub fn characters_in_order(&self, name: u32) -> Option<u64> {
        let mut chars = [0; KEPT_CHARS];
        let han = self.han(name);
        let chars = &mut chars[..han.len()];
        chars.copy_from_slice(han);
        chars.sort_unstable();
        (chars.len() >= 2).then(|| key_of(chars.iter()))
    }

    /// The characters of a Chinese name, as far as levels speak of them.
    fn han(&self, name: u32) -> &[u16] {
        self.chars(&self.entries[name as usize])
    }

    fn chars<'n>(&'n self, e: &'n Entry) -> &'n [u16] {
        let kept = e.kept();
        if kept <= SHORT_CHARS {
            return &e.chars[..kept];
        }
        let at = usize::from(e.chars[0]) | usize::from(e.chars[1]) << 16;
        &self.long[at..at + kept]
    }
}

fn key_of<'c>(chars: impl Iterator<Item = &'c u16>) -> u64 {
    chars.fold(0, |key, c| mix(key, u64::from(*c)))
}

fn one_left_out(short: &[u16], long: &[u16]) -> bool {
    let same = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    short[same..] == long[same + 1..]
}

fn mix(h: u64, v: u64) -> u64 {
    (h.rotate_left(5) ^ v).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// Distinct normalised names of raw ones, in order of appearance behind the missing one, and the number of each raw one.
pub(crate) fn number(raw: &[&str]) -> (Texts, Vec<u32>) {
    let some = |raw: &[&str]| {
        let mut names = Texts::default();
        raw.iter().for_each(|r| names.push_with(|to| normalise(r, to)));
        let digests: Vec<u64> = names.iter().map(digest).collect();
        (names, digests)
    };
    let normal: Vec<(Texts, Vec<u64>)> = raw.par_chunks(NAMES_AT_ONCE).map(some).collect();
    let mut numbers = Numbers::with_room(raw.len());
    let mut texts = Texts::default();
    let mut of = Vec::with_capacity(raw.len());
    // the missing name comes first
    numbers.of(digest(""));
    texts.push("");
    for (names, digests) in &normal {
        numbers.of_all(digests, |i, number, is_new| {
            if is_new {
                texts.push(names.get(i));
            }
            of.push(number);
        });
    }
    (texts, of)
}

/// Whether no two groups of the table of look-alikes repeat a character within one group.
#[cfg(test)]
fn table_is_clean() -> bool {
    LOOKALIKES.split_whitespace().all(|g| g.chars().collect::<std::collections::HashSet<_>>().len() == g.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(a: &str, b: &str, label: &str) {
        let (texts, of) = number(&[a, b]);
        assert!(of[0] != 0 && of[1] != 0, "{a} {b}");
        let names = Names::build(texts);
        let (x, y) = (of[0], of[1]);
        let level = if x == y {
            1
        } else if names.pinyin[x as usize] == names.pinyin[y as usize] {
            2
        } else {
            assert_eq!(names.compare_unlike(x, y), names.compare_unlike(y, x), "{a} {b}");
            names.compare_unlike(x, y)
        };
        assert_eq!(LEVELS[level as usize - 1].label, label, "{a} {b}");
    }

    #[test]
    fn characters_that_could_not_be_typed_are_heard_or_left_open() {
        check("王\u{e863}", "王䶮", "same");
        check("张頔", "张di", "homophone");
        check("央金拉姆", "YANGJIN LAMU", "homophone");
        check("冯玥", "冯[王月]", "look-alike");
        check("冯玥华", "冯[王+月]华", "look-alike");
        check("张小明", "张小明[转出]", "same");
        check("李明", "李[王月]", "look-alike");
        check("王安", "ANNA", "different");
        assert_eq!(spelt("YANGJIN LAMU").unwrap(), ["yang", "jin", "la", "mu"]);
        assert_eq!((spelt("SMITH"), spelt("LI")), (None, None));
        assert_eq!(syllables_of(&format!("{}v", "an".repeat(20))), None, "at once");
        assert_eq!(syllables_of(&"a".repeat(30_000)), None);
    }

    #[test]
    fn levels() {
        check("王小明", "王小明", "same");
        check("王 小 明", "王小明\u{200b}", "same");
        check("陳國強", "陈国强", "same");
        check("李喆", "李哲", "same");
        check("阿依古丽·买买提", "阿依古丽•买买提", "same");
        check("阿依古丽·买买提", "阿依古丽买买提", "same");
        for dot in ["˙", "●", "▪", "&middot;", "&#183;"] {
            check("阿依古丽·买买提", &format!("阿依古丽{dot}买买提"), "same");
        }
        check("王小明(借读)", "王小明", "same");
        check("张子轩", "章子萱", "homophone");
        check("阿依古丽·买买提", "阿依古丽·麦麦提", "homophone");
        check("杨晴", "扬睛", "look-alike");
        check("王小明", "王大明", "one-character");
        check("王小明", "王明", "one-character");
        check("李䶮", "李?", "one-character");
        check("阿依古丽·买买提", "阿依古丽", "cut-short");
        check("王明小", "王小明", "reordered");
        check("王小明", "王建国", "same-surname");
        check("王小明", "李建国", "different");
        check("John Smith", "JOHN  SMITH", "same");
        check("Jonathan Smith", "Jonathon Smith", "look-alike");
        check("Jonathan Smith", "Jonathin Smyth", "one-character");
        check("John Smith", "王小明", "different");
    }

    #[test]
    fn names_that_say_nothing() {
        let nothing = ["", " ", "某某", "王某之子", "李秀英之女", "???"];
        for raw in nothing.into_iter().chain(PLACEHOLDERS).chain(PLACEHOLDER_ENDS) {
            let mut name = "前".to_owned();
            normalise(raw, &mut name);
            assert_eq!(name, "前", "{raw}");
        }
        for (raw, name) in
            [(" - Anna  Maria ", "ANNA MARIA"), ("于子", "于子"), ("(转入)张名", "张名"), ("张(某)", "张"), ("某", "")]
        {
            let mut out = String::new();
            normalise(raw, &mut out);
            assert_eq!(out, name, "{raw}");
        }
        assert!(table_is_clean());
    }

    #[test]
    fn sound() {
        assert_eq!(pinyin_syllables("王小明"), ["wang", "xiao", "ming"]);
        assert_eq!(pinyin_initials("王小明"), "wxm");
        assert_eq!(differing_chars("王小明", "王晓明"), [1]);
    }
}
