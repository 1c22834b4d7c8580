package classify

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
	for end < len(folded) && value < most {
		next, e := wordAt(folded, end+1)
		more, factor := wordValue(next), multiplierOf(next)
		switch {
		case factor > 0:
			value *= factor
		case value%10 == 0 && more > 0 && more < 10 && value%100 >= 20, value%100 == 0 && more > 0 && more < 100:
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
	if i >= len(folded) {
		return nil, i
	}
	for end = i; end < len(folded) && end-i <= longest && folded[end] != ' '; end++ {
	}
	return folded[i:end], end
}

// wordValue returns the value of a word for a number; 0 for any other word.
func wordValue(word []byte) int64 {
	switch string(word) {
	case "one", "single", "un", "une", "ein", "eine", "einen", "uno", "una", "um", "uma":
		return 1
	case "two":
		return 2
	case "three":
		return 3
	case "four":
		return 4
	case "five":
		return 5
	case "six":
		return 6
	case "seven":
		return 7
	case "eight":
		return 8
	case "nine":
		return 9
	case "ten":
		return 10
	case "eleven":
		return 11
	case "twelve":
		return 12
	case "thirteen":
		return 13
	case "fourteen":
		return 14
	case "fifteen":
		return 15
	case "sixteen":
		return 16
	case "seventeen":
		return 17
	case "eighteen":
		return 18
	case "nineteen":
		return 19
	case "twenty":
		return 20
	case "thirty":
		return 30
	case "forty":
		return 40
	case "fifty":
		return 50
	case "sixty":
		return 60
	case "seventy":
		return 70
	case "eighty":
		return 80
	case "ninety":
		return 90
	case "hundred":
		return 100
	case "thousand":
		return 1000
	}
	return 0
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
	if len(folded)-i < size {
		return 0, i
	}
	switch string(folded[i : i+size]) {
	case "千":
		return 1000, i + size
	case "万", "萬":
		return 10_000, i + size
	}
	return 0, i
}
