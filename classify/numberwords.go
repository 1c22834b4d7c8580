package classify

import "bytes"

// numberWord reads a number in letters at an offset: "three", "twenty five", "two
// hundred", "five thousand".
func numberWord(folded []byte, i int) (number, bool) {
	const firsts = 1<<('e'-'a') | 1<<('f'-'a') | 1<<('h'-'a') | 1<<('n'-'a') | 1<<('o'-'a') | 1<<('s'-'a') | 1<<('t'-'a') | 1<<('u'-'a')
	if i >= len(folded) || firsts&(1<<(folded[i]-'a')) == 0 { // what is no letter is shifted out
		return number{}, false
	}
	word, end := wordAt(folded, i)
	value := wordValue(word)
	if value == 0 {
		return number{}, false
	}
	const most = 1_000_000
	for value < most {
		next, e := wordAt(folded, end+1)
		more, factor := wordValue(next), multiplierOf(next)
		switch {
		case factor > 0:
			value *= factor
		case value%10 == 0 && more > 0 && more < 10 && value%100 >= 20, value%100 == 0 && more > 0:
			value += more
		default:
			return number{from: i, to: end, value: value}, true
		}
		end = e
	}
	return number{from: i, to: end, value: value}, true
}

// wordAt returns the word at an offset and the offset behind it. A long one is cut.
func wordAt(folded []byte, i int) (word []byte, end int) {
	const longest = len("seventeen")
	i = min(i, len(folded))
	for end = i; end < len(folded) && end-i <= longest && folded[end] != ' '; end++ {
	}
	return folded[i:end], end
}

// wordValue returns the value of a word for a number; 0 for any other word.
func wordValue(word []byte) int64 { return wordValues[string(word)] }

// wordValues are the words for numbers that numberWord reads. It looks for those alone
// that begin with one of its first letters.
var wordValues = map[string]int64{
	"one": 1, "single": 1, "un": 1, "une": 1, "ein": 1, "eine": 1, "einen": 1, "uno": 1, "una": 1, "um": 1, "uma": 1,
	"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
	"eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
	"sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
	"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
	"hundred": 100, "thousand": 1000,
}

// multiplierOf returns the factor of a word behind a number, "5 thousand"; 0 for any
// other word.
func multiplierOf(word []byte) int64 {
	switch string(word) {
	case "hundred":
		return 100
	case "thousand", "tausend", "mille", "mil", "mila", "tys", "тыс", "тысяч", "тысячи":
		return 1000
	case "million":
		return 1_000_000
	}
	return 0
}

// multiplierAt returns the factor that stands behind the digits of a number, a blank
// apart, or as a character of Chinese and Japanese right behind them, and the offset
// behind it; 0 for none.
func multiplierAt(folded []byte, i int) (factor int64, end int) {
	if i >= len(folded) {
		return 0, i
	}
	if folded[i] == ' ' {
		word, e := wordAt(folded, i+1)
		return multiplierOf(word), e
	}
	const size = len("万")
	switch rest := folded[i:]; {
	case bytes.HasPrefix(rest, []byte("千")):
		return 1000, i + size
	case bytes.HasPrefix(rest, []byte("万")), bytes.HasPrefix(rest, []byte("萬")):
		return 10_000, i + size
	}
	return 0, i
}
