//! The masking of RFC 6455 §5.3: XOR with a repeated key of four bytes.

/// Masks or unmasks `data` in place; its first byte meets `key[0]`.
///
/// Eight bytes at a time in a shape that the compiler turns into vector instructions.
pub fn apply(data: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = data.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    // At most one, and it begins where the key does.
    let (half, tail) = tail.as_chunks_mut::<4>();
    for word in half {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip([a, b, c]) {
        *byte ^= key;
    }
}

/// The key as the next byte meets it, after `consumed` bytes of the payload.
pub(super) fn advance(mut key: [u8; 4], consumed: usize) -> [u8; 4] {
    key.rotate_left(consumed % 4);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_the_example_of_the_rfc() {
        let mut data = *b"Hello";
        apply(&mut data, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(data, [0x7f, 0x9f, 0x4d, 0x51, 0x58]);
    }

    #[test]
    fn equals_the_byte_by_byte_definition_at_every_length_and_cut() {
        let key = [1, 2, 4, 8];
        for len in 0..70 {
            let plain: Vec<u8> = (0..len).collect();
            let expected: Vec<u8> = plain
                .iter()
                .enumerate()
                .map(|(i, byte)| byte ^ key[i % 4])
                .collect();
            for cut in 0..=plain.len() {
                let mut data = plain.clone();
                let (head, tail) = data.split_at_mut(cut);
                apply(head, key);
                apply(tail, advance(key, cut));
                assert_eq!(data, expected, "length {len}, cut at {cut}");
            }
        }
    }
}
