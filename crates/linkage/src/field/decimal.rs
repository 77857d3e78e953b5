//! Decimal digits, eight at a time.

/// Zeros, so that what is shorter can be filled up.
pub(super) const ZEROS: [u8; 16] = [b'0'; 16];

/// The number that eight digits write; `None` if one of them is none.
#[inline]
pub(super) fn eight(digits: [u8; 8]) -> Option<u64> {
    let written = u64::from_le_bytes(digits);
    // '0' to '9' are the bytes 0x3n that stay such when six is added
    let tens = 0xf0f0_f0f0_f0f0_f0f0;
    if (written & tens) | (written.wrapping_add(0x0606_0606_0606_0606) & tens) >> 4 != 0x3333_3333_3333_3333 {
        return None;
    }
    // neighbours are put together: to twos, fours, and all
    let ones = written & 0x0f0f_0f0f_0f0f_0f0f;
    let twos = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

/// The number that sixteen digits write.
#[inline]
pub(super) fn sixteen(digits: [u8; 16]) -> Option<u64> {
    let [high, low] = [0, 8].map(|at| std::array::from_fn(|i| digits[at + i]));
    Some(eight(high)? * 100_000_000 + eight(low)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn digits_are_read_as_numbers_are(n in 0u64..10_000_000_000_000_000) {
            let digits: [u8; 16] = format!("{n:016}").into_bytes().try_into().unwrap();
            prop_assert_eq!(sixteen(digits), Some(n));
        }

        #[test]
        fn other_bytes_are_no_digits(n in 0u64..10_000_000_000_000_000, at in 0usize..16, other in any::<u8>()) {
            let mut bytes: [u8; 16] = format!("{n:016}").into_bytes().try_into().unwrap();
            bytes[at] = other;
            prop_assert_eq!(sixteen(bytes).is_some(), other.is_ascii_digit());
        }
    }
}
