//! 密码 (passwords): how they are kept, which ones are taken, and first ones that are read over the telephone.

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use baoxue_store::random;

use crate::app::office::{OfficeError, Result};

/// Fewest characters of a password.
pub const MIN_PASSWORD: usize = 12;
/// …where a second factor is asked as well.
pub const MIN_WITH_FACTOR: usize = 8;
const MAX_PASSWORD: usize = 128;
/// Guesses that finding a password takes, as a power of ten, by the lists and patterns that guessers use (zxcvbn): a log-in door that lets
/// a hundred tries an hour pass is far from it, and a stolen hash takes a year of a machine.
const LEAST_GUESSES: f64 = 9.0;
/// What people here choose and no list of the world has: guessers have it.
const LOCAL_WORDS: [&str; 40] = [
    "baoxue",
    "jiaoyu",
    "jiaoyuju",
    "jiaotiju",
    "xuexiao",
    "xueji",
    "xuesheng",
    "laoshi",
    "banzhuren",
    "xiaozhang",
    "zhongxue",
    "xiaoxue",
    "yinianji",
    "zhengfu",
    "cunwei",
    "mima",
    "woaini",
    "woaiwo",
    "aini",
    "1314520",
    "5201314",
    "520",
    "1314",
    "caonima",
    "nihao",
    "zhongguo",
    "woaizhongguo",
    "wodemima",
    "admin",
    "guanliyuan",
    "wangming",
    "zhangwei",
    "wangwei",
    "lina",
    "beijing",
    "guizhou",
    "guiyang",
    "fupin",
    "kongchuobaoxue",
    "kcbx",
];

/// OWASP's first recommendation for Argon2id: 19 MiB, two passes, one lane.
fn argon() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, None).unwrap_or_default())
}

/// A hash of nothing that anybody types: what a wrong log-in name is compared with, so that it takes as long.
pub const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$7M0TbTxKUd8xJZQxLTvYdCEfjSWSdsc7Ie3+JOoB9XM";

/// Hash of a password. Takes some 30 ms on purpose.
pub fn hash(password: &str) -> Result<String> {
    let made: std::result::Result<argon2::PasswordHash, _> = argon().hash_password(password.as_bytes());
    made.map(|h| h.to_string()).map_err(|_| OfficeError::Input("密码不能用,请换一个".into()))
}

/// Whether a password is the one of a hash.
pub fn fits(password: &str, hash: &str) -> bool {
    argon2::PasswordHash::new(hash).is_ok_and(|h| argon().verify_password(password.as_bytes(), &h).is_ok())
}

/// Why a password is refused. `known` is what everybody knows of its owner: log-in name, name, name of the bureau.
pub fn check(password: &str, least: usize, known: &[&str]) -> Result<()> {
    let n = password.chars().count();
    if n < least {
        return Err(OfficeError::Input(format!("密码至少 {least} 位")));
    }
    if n > MAX_PASSWORD {
        return Err(OfficeError::Input(format!("密码不超过 {MAX_PASSWORD} 位")));
    }
    let words: Vec<&str> = known.iter().copied().filter(|w| w.chars().count() > 1).chain(LOCAL_WORDS).collect();
    let lower = password.to_lowercase();
    let named = known.iter().any(|w| w.chars().count() > 2 && lower.contains(&w.to_lowercase()));
    if named || zxcvbn::zxcvbn(password, &words).guesses_log10() < LEAST_GUESSES {
        return Err(OfficeError::Input(
            "这个密码太容易猜到。不要用登录名、姓名、单位、生日、键盘顺序或常用密码;可以用几个互不相干的词,例如“shiqiao-7-kele-yusan”的样子"
                .into(),
        ));
    }
    Ok(())
}

/// A password that is read over the telephone without mistakes.
pub fn new_password() -> Result<String> {
    const LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";
    let bytes: [u8; 13] = random()?;
    Ok(bytes.iter().map(|b| char::from(LETTERS[usize::from(*b) % LETTERS.len()])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_that_everybody_tries_are_refused() {
        for (password, says) in [
            ("short1", "至少 12 位"),
            ("Password1234", "太容易猜到"),
            ("qwertyuiop12", "太容易猜到"),
            ("a1a1a1a1a1a1", "太容易猜到"),
            ("woaini1314520", "太容易猜到"),
            ("5201314woaini", "太容易猜到"),
            ("1q2w3e4r5t6y", "太容易猜到"),
            ("aaaaaaaaaaa1", "太容易猜到"),
            ("baoxue202310", "太容易猜到"),
            ("zhang19830412", "太容易猜到"),
            ("mima12345678", "太容易猜到"),
            ("woaizhongguo2023", "太容易猜到"),
            ("liulin-xuexiao-1", "太容易猜到"),
            ("青禾县教育局-202310", "太容易猜到"),
        ] {
            let e = check(password, MIN_PASSWORD, &["zhang", "张老师", "青禾县教育局", "liulin"]).unwrap_err().to_string();
            assert!(e.contains(says), "{password}: {e}");
        }
        assert!(check("shanqiao-7-yusan", MIN_PASSWORD, &["zhang"]).is_ok());
        assert!(check("门前第三棵柳树下见面两回", MIN_PASSWORD, &["zhang"]).is_ok());
        assert!(check("xk7#pq2v", MIN_WITH_FACTOR, &["zhang"]).is_err(), "eight characters by chance are 10^8");
        assert!(check("xk7#pq2vt", MIN_WITH_FACTOR, &["zhang"]).is_ok());
        let made = new_password().unwrap();
        assert!(check(&made, MIN_PASSWORD, &["zhang"]).is_ok(), "{made}");
        let h = hash(&made).unwrap();
        assert!(fits(&made, &h) && !fits("other", &h) && !fits(&made, DUMMY) && !fits(&made, "-"));
    }
}
