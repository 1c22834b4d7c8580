package classify

import (
	"bytes"
	"strconv"
	"time"
)

// number is a number in a folded text.
type number struct {
	from, to int
	value    int64
	octets   bool
	per      time.Duration // of a ratio such as 60/60s; 0 for none
	use      bool          // whether it stood behind a use: 300/300
}

// numbersIn appends the numbers of a folded text to a list with room for them.
func numbersIn(list []number, folded []byte) []number {
	for i := 0; i < len(folded) && len(list) < cap(list); {
		if folded[i] > '9' { // neither a blank nor a digit
			i++
			continue
		}
		if folded[i] == ' ' {
			if n, ok := numberWord(folded, i+1); ok {
				list, i = append(list, n), n.to
				continue
			}
		}
		if !isDigit(folded[i]) {
			i++
			continue
		}
		if joinsDigits(folded[i-1]) { // within a word or an address
			for i < len(folded) && folded[i] != ' ' {
				i++
			}
			continue
		}
		n, ok := readNumber(folded, i)
		if ok && joinUse(list, n, folded) {
			i = n.to
			continue
		}
		if ok && !isShare(list, n) {
			list = append(list, n)
		}
		if len(list) > 0 {
			list[len(list)-1].setPer(periodAt(folded, i), i)
		}
		i = max(n.to, i+1)
	}
	return list
}

// periodAt returns the period whose number begins at folded[i] with its unit right behind it,
// "per 1h"; 0 for none, as in "retry in 60s".
func periodAt(folded []byte, i int) time.Duration {
	before := folded[:i]
	if !bytes.HasSuffix(before, []byte(" per ")) && !bytes.HasSuffix(before, []byte(" every ")) && !bytes.HasSuffix(before, []byte(" each ")) {
		return 0
	}
	end := i
	for end < len(folded) && folded[end] != ' ' {
		end++
	}
	value, unit := splitNumber(folded[i:end])
	return unitOf(string(unit)) * time.Duration(min(max(value, 1), 1000))
}

// setPer sets the period of a number that stands soon before it.
func (n *number) setPer(per time.Duration, at int) {
	const reach = 36
	if n.per == 0 && at > n.to && at-n.to <= reach {
		n.per = per
	}
}

// joinUse takes a number as the limit of the use before it, "51 of 50", and reports
// whether there is one.
func joinUse(before []number, n number, folded []byte) bool {
	if len(before) == 0 {
		return false
	}
	use := &before[len(before)-1]
	if use.per != 0 || use.octets != n.octets || string(folded[use.to:n.from]) != " of " {
		return false
	}
	use.to, use.value, use.per, use.use = n.to, n.value, n.per, true
	return true
}

// isShare reports whether a number is the share of a use in its limit, "300/300 (100%)":
// folding leaves no percent sign.
func isShare(before []number, n number) bool {
	return len(before) > 0 && before[len(before)-1].use && n.from-before[len(before)-1].to == 1 && n.value < 1000
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// joinsDigits reports whether a character before a digit makes it part of a word.
func joinsDigits(c byte) bool {
	return c >= 'a' && c <= 'z' || c == '.' || c == ':' || c == '/'
}

// readNumber reads the number that begins at folded[i]: 100, 1 000, 2.000, 5 thousand,
// 1.5mb, 60/60s, 100/h or 300/301. It is none if it goes on as an address or a version
// does, or begins with a needless zero.
func readNumber(folded []byte, i int) (n number, ok bool) {
	n.from = i
	whole, end := digits(folded, i)
	if folded[i] == '0' && end-i > 1 { // of a code, "RP-002"
		n.to = end
		return n, false
	}
	thousandths, grouped := int64(0), false
	if grown, e := dotGroups(folded, whole, i, end); e > end {
		whole, end, grouped = grown, e, true
	} else if end+1 < len(folded) && folded[end] == '.' && isDigit(folded[end+1]) {
		thousandths, end = decimals(folded, end+1)
	}
	if end < len(folded) && folded[end] == '.' || thousandths >= 1000 {
		return n, false
	}
	if end-i <= 3 && thousandths == 0 {
		whole, end = groups(folded, whole, i, end)
	}
	if factor, e := multiplierAt(folded, end); factor > 0 {
		whole, thousandths, end = whole*factor+thousandths*factor/1000, 0, e
	}
	factor, unit := octetsAt(folded, end)
	n.octets, n.to = factor > 0, unit
	n.value = whole
	if n.octets {
		n.value = whole*factor + thousandths*factor/1000
	}
	if unit < len(folded) && folded[unit] == '/' {
		return n.ratio(folded, unit+1)
	}
	if grouped && n.octets { // 1.500 kb is either of two sizes
		return n, false
	}
	return n, n.octets || unit >= len(folded) || folded[unit] == ' ' || folded[unit] >= 0x80
}

// decimals reads the digits behind a decimal point as thousandths, and returns the offset
// behind them. More than three make 1000 or more.
func decimals(folded []byte, i int) (thousandths int64, end int) {
	thousandths, end = digits(folded, i)
	for range 3 - (end - i) {
		thousandths *= 10
	}
	return thousandths, end
}

// dotGroups reads the groups of three digits behind the first digits of a number,
// each after a dot, as German and Spanish write thousands: 2.000 or 1.000.000. Three of
// them would be an address. end stays where there is none.
func dotGroups(folded []byte, whole int64, from, end int) (int64, int) {
	if end-from > 3 || folded[from] == '0' {
		return whole, end
	}
	at, value := end, whole
	for at-from <= len("100.000") && at < len(folded) && folded[at] == '.' {
		group, e := digits(folded, at+1)
		if e-at != len(".000") {
			return whole, end
		}
		value, at = value*1000+group, e
	}
	return value, at
}

// groups reads the groups of three digits behind the first digits of a number: the
// comma of 1,000 is a blank. Those that look like a code and its digits are none.
func groups(folded []byte, whole int64, from, end int) (int64, int) {
	const longest = len("100 000 000")
	for end-from < longest && end+4 < len(folded) && folded[end] == ' ' && string(folded[end+2:end+5]) == "00 " && isDigit(folded[end+1]) && folded[end+1] != '4' && folded[end+1] != '5' {
		group, _ := digits(folded, end+1)
		whole, end = whole*1000+group, end+4
	}
	return whole, end
}

// ratio reads what stands behind the slash of a number.
func (n number) ratio(folded []byte, i int) (number, bool) {
	end := i
	for end < len(folded) && folded[end] != ' ' {
		end++
	}
	n.to = end
	value, unit := splitNumber(folded[i:end])
	length := unitOf(string(unit))
	switch {
	case length > 0:
		n.per = length * time.Duration(min(max(value, 1), 1000))
	case value > 0 && len(unit) == 0: // the use and the limit
		n.value, n.use = value, true
	}
	return n, true
}

// digits reads a number and returns the offset behind it. One of more than nine
// digits is none.
func digits(folded []byte, i int) (value int64, end int) {
	end = i
	for end < len(folded) && isDigit(folded[end]) {
		end++
	}
	if end-i > 9 {
		return 0, end
	}
	value, _ = strconv.ParseInt(string(folded[i:end]), 10, 64) // only digits
	return value, end
}

// octetsAt reads a unit of octets at an offset, a blank apart, and returns its
// factor, 0 for none, and the offset behind it.
func octetsAt(folded []byte, i int) (factor int64, end int) {
	from := i
	if from < len(folded) && folded[from] == ' ' {
		from++
	}
	to := from
	for to < len(folded) && folded[to] >= 'a' && folded[to] <= 'z' {
		to++
	}
	switch string(folded[from:to]) {
	case "bytes", "byte", "octets":
		return 1, to
	case "kb", "kib", "kbytes", "kilobytes":
		return 1 << 10, to
	case "mb", "mib", "mbytes", "megabytes":
		return 1 << 20, to
	case "gb", "gib", "gbytes", "gigabytes":
		return 1 << 30, to
	}
	return 0, i
}
