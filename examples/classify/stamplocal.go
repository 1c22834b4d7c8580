package main

import (
	"strings"
	"time"
	"unicode"
)

// localMonths are the months as journalctl and some daemons write them in other locales, in
// lower case and without a point. Each begins a name that may go on.
var localMonths = [12][]string{
	{"jan", "jän", "ene", "gen", "sty", "янв", "1月", "1월"},
	{"feb", "fév", "fev", "lut", "фев", "2月", "2월"},
	{"mar", "mär", "mrz", "mrt", "мар", "3月", "3월"},
	{"apr", "avr", "abr", "kwi", "апр", "4月", "4월"},
	{"may", "mai", "mag", "mei", "maj", "май", "мая", "5月", "5월"},
	{"jun", "juin", "giu", "cze", "июн", "6月", "6월"},
	{"jul", "juil", "lug", "lip", "июл", "7月", "7월"},
	{"aug", "août", "ago", "sie", "авг", "8月", "8월"},
	{"sep", "set", "wrz", "сен", "9月", "9월"},
	{"oct", "okt", "ott", "out", "paź", "окт", "10月", "10월"},
	{"nov", "lis", "ноя", "11月", "11월"},
	{"dec", "dez", "déc", "dic", "des", "gru", "дек", "12月", "12월"},
}

// readLocalTime reads a time with the month of another language or with its parts in
// another order, "23 nov. 10:11:12", "Nov 23 2026 10:11:12" or "Mi 2026-11-25 10:11:12 CET",
// and returns its length; 0 for none.
func readLocalTime(line string) (time.Time, int) {
	const mostWords, longest = 5, 12
	month, day, year, at := 0, 0, 0, 0
	for range mostWords {
		end := strings.IndexByte(line[at:min(len(line), at+2*longest)], ' ')
		if end < 0 {
			return time.Time{}, 0
		}
		word := line[at : at+end]
		if clock, n := readClock(line[at:]); n > 0 && month > 0 && day > 0 {
			return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC).Add(clock), at + n
		}
		if t, n := readDate(line[at:]); n > 0 && at > 0 {
			n += at
			return t, n + abbreviation(line[n:])
		}
		n, isNumber := number(word)
		named := monthNamed(word)
		switch {
		case named > 0:
			month = named
		case isNumber && n >= 1 && n <= 31 && len(word) <= 2:
			day = n
		case isNumber && len(word) == len("2026"):
			year = n
		case word != "" && !isWeekday(word):
			return time.Time{}, 0
		}
		for at += end; at < len(line) && line[at] == ' '; at++ {
		}
	}
	return time.Time{}, 0
}

// monthNamed returns the number of a month; 0 for any other word.
func monthNamed(word string) int {
	const longest = len("сентябрь.")
	word = strings.ToLower(word)
	if len(word) > longest {
		return 0
	}
	for i, names := range localMonths {
		for _, name := range names {
			if rest, ok := strings.CutPrefix(word, name); ok && strings.TrimFunc(rest, isPartOfMonth) == "" {
				return i + 1
			}
		}
	}
	return 0
}

func isPartOfMonth(c rune) bool { return c == '.' || unicode.IsLetter(c) }

// isWeekday reports whether a word may be a day of the week, in any language: short, and
// without digits and marks but a point at its end.
func isWeekday(word string) bool {
	return len(word) <= len("понед.") && !strings.ContainsAny(strings.TrimSuffix(word, "."), "0123456789.:;,=[](){}<>/\"@-_")
}
