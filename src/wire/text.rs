//! Text from the network, made safe to show.

/// At most `limit` printable ASCII characters of what a server sent; everything else becomes `?`.
pub fn printable(bytes: &[u8], limit: usize) -> String {
    let safe = |byte: &u8| {
        if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' }
    };
    bytes.iter().take(limit).map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn text_from_the_network_is_bounded_and_printable() {
        assert_eq!(printable(b"ns1\n\x1b[31m\xff\"", 64), "ns1??[31m?\"");
        assert_eq!(printable(&[b'a'; 100], 64).len(), 64);
    }
}
