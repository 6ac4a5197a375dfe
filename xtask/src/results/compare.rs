//! Whether a committed text still says what is measured: its words are the same, and its figures nearly so.

/// By which part a figure may differ; besides, by one in its last place.
const TOLERANCE: f64 = 0.01;
/// Most differences that are told of one text.
const MOST_TOLD: usize = 5;

/// A piece of a line.
#[derive(Debug, PartialEq)]
enum Token<'t> {
    Words(&'t str),
    Number { value: f64, last_place: f64 },
}

/// A line for each line that does not hold, at most a few.
pub(super) fn differences(committed: &str, measured: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (committed.trim().lines().collect(), measured.trim().lines().collect());
    let mut told: Vec<String> = old
        .iter()
        .zip(&new)
        .filter(|(old, new)| !is_near(old, new))
        .map(|(old, new)| format!("`{}` is now `{}`", shortened(old), shortened(new)))
        .take(MOST_TOLD)
        .collect();
    if old.len() != new.len() {
        told.push(format!("{} lines are now {}", old.len(), new.len()));
    }
    told
}

fn shortened(line: &str) -> String {
    if line.chars().count() <= 160 { line.to_owned() } else { line.chars().take(159).chain(['…']).collect() }
}

fn is_near(old: &str, new: &str) -> bool {
    let (old, new) = (tokens(old), tokens(new));
    old.len() == new.len() && old.iter().zip(&new).all(|(old, new)| agree(old, new))
}

fn agree(old: &Token<'_>, new: &Token<'_>) -> bool {
    match (old, new) {
        (Token::Number { value, last_place }, Token::Number { value: now, .. }) => {
            (value - now).abs() <= (TOLERANCE * value.abs()).max(*last_place) * 1.000_001
        }
        (old, new) => old == new,
    }
}

/// Numbers with their signs, and what lies between them. A number inside a word, as in `ecg-360hz`, is part of the word.
fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut words_from, mut at) = (0, 0);
    let mut before = ' ';
    while let Some(character) = line[at..].chars().next() {
        let starts = "+-−".contains(character) || character.is_ascii_digit();
        let length = if starts && !before.is_alphanumeric() { number_length(&line[at..]) } else { 0 };
        let ends_in_word = line[at + length..].chars().next().is_some_and(char::is_alphabetic);
        if length > 0 && !ends_in_word {
            if words_from < at {
                tokens.push(Token::Words(&line[words_from..at]));
            }
            tokens.push(number(&line[at..at + length]));
            at += length;
            words_from = at;
            before = ' ';
        } else {
            before = if character == '-' && before.is_alphanumeric() { 'x' } else { character };
            at += character.len_utf8();
        }
    }
    if words_from < line.len() {
        tokens.push(Token::Words(&line[words_from..]));
    }
    tokens
}

/// Bytes of the number that a text begins with; 0 if it begins with none.
fn number_length(text: &str) -> usize {
    let sign = text.chars().next().filter(|first| !first.is_ascii_digit()).map_or(0, char::len_utf8);
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let whole = digits(&text[sign..]);
    if whole == 0 {
        return 0;
    }
    let rest = &text[sign + whole..];
    match rest.strip_prefix('.').map(digits) {
        Some(decimals @ 1..) => sign + whole + 1 + decimals,
        _ => sign + whole,
    }
}

fn number(text: &str) -> Token<'_> {
    let plain = text.replace('−', "-");
    let decimals = plain.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match plain.parse() {
        Ok(value) => Token::Number { value, last_place: 0.1f64.powi(decimals as i32) },
        Err(_) => Token::Words(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_may_differ_a_little_and_words_not() {
        let row = "| `ecg-360hz` | −22.7 % | 1469 | step 37 |";
        assert!(differences(row, "| `ecg-360hz` | −22.8 % | 1480 | step 37 |").is_empty());
        assert_eq!(differences(row, "| `ecg-360hz` | −23.1 % | 1469 | step 37 |").len(), 1);
        assert_eq!(differences(row, "| `ecg-360hz` | 22.7 % | 1469 | step 37 |").len(), 1);
        assert_eq!(differences(row, "| `ecg-361hz` | −22.7 % | 1469 | step 37 |").len(), 1);
        assert_eq!(differences(row, "| `ecg-360hz` | – | 1469 | step 37 |").len(), 1);
    }

    #[test]
    fn lines_that_come_or_go_are_told() {
        assert_eq!(differences("a\nb", "a"), ["2 lines are now 1"]);
        assert!(differences("a\n", "\na").is_empty());
    }

    #[test]
    fn numbers_stand_alone() {
        let numbers = |line: &str| tokens(line).iter().filter(|token| matches!(token, Token::Number { .. })).count();
        assert_eq!(numbers("1.04–1.11, −6.5 % and +3"), 4);
        assert_eq!(numbers("conv-16-32-k5 1a88 v0.2x"), 0);
        assert_eq!(numbers("<circle cx=\"104\" cy=\"-7.5\"/>"), 2);
    }
}
